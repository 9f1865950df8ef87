"""MoveNet: against LiteRT, and the decoding of its maps."""

from dataclasses import replace

import numpy as np
import pytest
from paths import GOLDEN

from tcpformer.detect.movenet import MoveNet, decode, fit, peaks
from tcpformer.skeleton import COCO


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    with np.load(GOLDEN / "blazepose.npz") as data:
        return data["image"]


@pytest.fixture(scope="module")
def network() -> MoveNet:
    return MoveNet(threads=1, longer=256)


@pytest.mark.parametrize("name", ["one", "two"])
def test_movenet_equals_litert(name: str, picture: np.ndarray, network: MoveNet) -> None:
    with np.load(GOLDEN / "movenet.npz") as data:
        expected = data[name]
    image = picture if name == "one" else np.hstack([picture, picture[:, ::-1]])
    names = [o.name for o in network.session.get_outputs()]
    maps = network.session.run(names, {"image": image[None]})
    by_name = {n: np.asarray(m)[0] for n, m in zip(names, maps, strict=True)}
    joints, boxes, scores = decode(**by_name)
    height, width = image.shape[:2]
    np.testing.assert_allclose(scores, expected[:, -1], atol=1e-4)
    theirs = expected[:, :51].reshape(6, 17, 3)
    np.testing.assert_allclose(joints[..., 0] / width, theirs[..., 1], atol=1e-4)
    np.testing.assert_allclose(joints[..., 1] / height, theirs[..., 0], atol=1e-4)
    np.testing.assert_allclose(joints[..., 2], theirs[..., 2], atol=1e-4)
    np.testing.assert_allclose(boxes[:, 0] / width, expected[:, 52], atol=1e-4)
    assert (scores > 0.5).sum() == {"one": 1, "two": 2}[name]


def test_movenet_finds_two_people_where_they_stand(picture: np.ndarray) -> None:
    both = np.hstack([picture, np.full((256, 100, 3), 128, np.uint8), picture])
    people = MoveNet(threads=1, longer=512)(both)
    assert len(people) == 2
    left, right = sorted(people, key=lambda person: person.box[0])
    off = right.joints[:, :2] - left.joints[:, :2]
    np.testing.assert_allclose(off, np.tile([356.0, 0.0], (17, 1)), atol=12)
    for person in people:
        place = person.detection(0, 0.0)
        assert place is not None
        height = person.joints[:, 1]
        assert height[COCO.index["Nose"]] < place.center[1] < height[COCO.index["LAnkle"]]
        assert place.scale_point[1] < height[COCO.index["Nose"]]


def test_detection_is_none_without_a_visible_trunk(picture: np.ndarray, network: MoveNet) -> None:
    (person,) = network(picture)
    faint = person.joints * [1, 1, 0.1]
    assert replace(person, joints=faint).detection(0, 0.0) is None


def test_movenet_finds_no_one_in_gray(network: MoveNet) -> None:
    assert network(np.full((200, 300, 3), 128, np.uint8)) == []


@pytest.mark.parametrize("size", [(100, 200), (200, 100), (33, 1000), (7, 9)])
def test_fit_pads_to_multiples_of_32(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 200, np.uint8)
    small, scale = fit(image, 256)
    assert max(small.shape) == 256
    assert small.shape[0] % 32 == small.shape[1] % 32 == 0
    used = small[..., 0].any(axis=1).sum(), small[..., 0].any(axis=0).sum()
    np.testing.assert_allclose(used, np.array(size) * scale, atol=0.51)


def test_peaks_are_local_maxima_in_order(rng: np.random.Generator) -> None:
    score = rng.uniform(0, 0.1, (20, 30)).astype(np.float32)
    score[4, 5], score[4, 7], score[10, 20] = 0.9, 0.8, 0.7  # the second is too near the first
    rows, columns, values = peaks(score)
    assert list(zip(rows[:2].tolist(), columns[:2].tolist(), strict=True)) == [(4, 5), (10, 20)]
    np.testing.assert_allclose(values[:2], [0.9, 0.7])
