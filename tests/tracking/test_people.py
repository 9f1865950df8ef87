"""Several people: MoveNet against the original, clothes, and the sample clip against labels."""

import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest
from paths import ROOT, SAMPLE, TESTS
from standing import motion as standing

from tcpformer import detect_people, open_video
from tcpformer.detect.movenet import MoveNet, decode, fit, peaks
from tcpformer.motion import Motion2D
from tcpformer.skeleton import BLAZEPOSE, COCO
from tcpformer.tracking.appearance import clothing_histogram
from tcpformer.tracking.tracker import hellinger
from tcpformer.world.ground import FEET
from tcpformer.world.together import check_same_camera, on_shared_floor

rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    with np.load(TESTS / "golden/blazepose.npz") as data:
        return data["image"]


@pytest.fixture(scope="module")
def network() -> MoveNet:
    return MoveNet(threads=1, longer=256)


# MoveNet


@pytest.mark.parametrize("name", ["one", "two"])
def test_movenet_equals_litert(name: str, picture: np.ndarray, network: MoveNet) -> None:
    with np.load(TESTS / "golden/movenet.npz") as data:
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


def test_people_are_found_where_they_stand(picture: np.ndarray) -> None:
    both = np.hstack([picture, np.full((256, 100, 3), 128, np.uint8), picture])
    people = MoveNet(threads=1, longer=512)(both)
    assert len(people) == 2
    left, right = sorted(people, key=lambda person: person.box[0])
    off = right.joints[:, :2] - left.joints[:, :2]
    np.testing.assert_allclose(off, np.tile([356.0, 0.0], (17, 1)), atol=12)
    for person in people:
        sighting = person.detection(0, 0.0)
        assert sighting is not None
        height = person.joints[:, 1]
        assert height[COCO.index["Nose"]] < sighting.center[1] < height[COCO.index["LAnkle"]]
        assert sighting.scale_point[1] < height[COCO.index["Nose"]]


def test_a_person_without_a_trunk_is_no_sighting(picture: np.ndarray, network: MoveNet) -> None:
    (person,) = network(picture)
    faint = person.joints * [1, 1, 0.1]
    assert replace(person, joints=faint).detection(0, 0.0) is None


def test_nobody_is_found_in_grey(network: MoveNet) -> None:
    assert network(np.full((200, 300, 3), 128, np.uint8)) == []


@pytest.mark.parametrize("size", [(100, 200), (200, 100), (33, 1000), (7, 9)])
def test_pictures_are_brought_to_multiples_of_32(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 200, np.uint8)
    small, scale = fit(image, 256)
    assert max(small.shape) == 256
    assert small.shape[0] % 32 == small.shape[1] % 32 == 0
    used = small[..., 0].any(axis=1).sum(), small[..., 0].any(axis=0).sum()
    np.testing.assert_allclose(used, np.array(size) * scale, atol=0.51)


def test_peaks_are_the_highest_of_their_neighbourhood() -> None:
    score = rng.uniform(0, 0.1, (20, 30)).astype(np.float32)
    score[4, 5], score[4, 7], score[10, 20] = 0.9, 0.8, 0.7  # the second is too near the first
    rows, columns, values = peaks(score)
    assert list(zip(rows[:2].tolist(), columns[:2].tolist(), strict=True)) == [(4, 5), (10, 20)]
    np.testing.assert_allclose(values[:2], [0.9, 0.7])


# clothes


def dressed(trunk: tuple[int, int, int], legs: tuple[int, int, int]) -> np.ndarray:
    xy = np.full((33, 2), 50.0)
    places = {"LShoulder": (70, 20), "RShoulder": (30, 20), "LHip": (65, 50), "RHip": (35, 50)}
    for name, place in (places | {"LKnee": (65, 90), "RKnee": (35, 90)}).items():
        xy[BLAZEPOSE.index[name]] = place
    image = np.full((100, 100, 3), 128, np.uint8)
    image[:50], image[50:] = trunk, legs
    return clothing_histogram(image, xy)


def test_clothes_are_shares_and_know_trunk_from_legs() -> None:
    red, blue = (200, 30, 30), (30, 30, 200)
    one, other, turned = dressed(red, blue), dressed(red, blue), dressed(blue, red)
    assert one.sum() == pytest.approx(1)
    assert hellinger(one, other) == pytest.approx(0, abs=1e-6)
    assert hellinger(one, turned) > 0.6


def test_clothes_outside_the_picture_are_no_error() -> None:
    image = np.full((50, 60, 3), 128, np.uint8)
    for shift in (-500.0, 500.0):
        assert clothing_histogram(image, np.full((33, 2), shift)).sum() == pytest.approx(1)


# one world


def test_people_come_into_one_world_on_the_lowest_of_their_floors() -> None:
    first, second = standing(x=-1.0), standing(x=1.0, depth=6.0)
    lower = replace(second, camera_xyz=second.camera_xyz + np.array([0, 0.4, 0]))  # in a hole
    for hole, motions in ((0.0, [first, second]), (0.4, [first, lower])):
        world = on_shared_floor(motions)
        feet = [m.xyz[:, FEET, 2].min() for m in world]
        np.testing.assert_allclose(feet, [hole, 0.0], atol=1e-9)
        apart = world[1].xyz - world[0].xyz
        seen = motions[1].camera_xyz - motions[0].camera_xyz
        np.testing.assert_allclose(apart, seen[..., [0, 2, 1]] * [1, 1, -1], atol=1e-9)


def test_other_cameras_are_refused() -> None:
    first = standing()
    assert on_shared_floor([]) == []
    check_same_camera([first, first])
    with pytest.raises(ValueError, match="one focal length"):
        check_same_camera([first, replace(first, focal=99.0)])


# the sample clip, against labels


@pytest.fixture(scope="module")
def found() -> list[Motion2D]:
    return detect_people(open_video(SAMPLE), landmarks="full")


def test_both_people_of_the_sample_are_tracked_without_a_switch(found: list[Motion2D]) -> None:
    path = ROOT / "benchmarks/people.py"
    spec = importlib.util.spec_from_file_location("people_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    labels = json.loads(benchmark.LABELS.read_text())
    man, woman = benchmark.count(found, labels).values()
    assert (man.labelled, woman.labelled) == (23, 16)
    assert man.switches == woman.switches == 0
    assert man.tracked >= 20
    assert woman.tracked == 16
    assert benchmark.strangers(found, labels) <= 1
    swapped = [replace(m, xy=np.roll(m.xy, 115, axis=0)) for m in found]
    assert benchmark.count(swapped, labels)["man"].tracked < 12


def test_the_man_of_the_sample_has_most_of_it(found: list[Motion2D]) -> None:
    man, woman = found
    assert (man.person, woman.person) == (0, 1)
    assert np.flatnonzero(man.valid)[0] == 0
    assert np.flatnonzero(woman.valid)[0] in range(25, 45)
    assert len(man) == len(woman) == 230
