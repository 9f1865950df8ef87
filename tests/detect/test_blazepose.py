"""BlazePose: decoding, and the networks against LiteRT."""

from functools import cache

import cv2
import numpy as np
import pytest
from paths import GOLDEN

from tcpformer.detect.blazepose import LandmarkNetwork, PersonDetector, anchors, decode, refine
from tcpformer.detect.regions import Region, Tile
from tcpformer.skeleton import BLAZEPOSE


@cache
def network(name: str = "full") -> LandmarkNetwork:
    return LandmarkNetwork(name, threads=1)


@cache
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "blazepose.npz") as data:
        return dict(data)


# decoding


def test_anchors_are_2254_points_with_the_symmetries_of_a_square() -> None:
    places = anchors()
    assert places.shape == (2254, 2)
    assert places.min() > 0
    assert places.max() < 1

    def sort(points: np.ndarray) -> np.ndarray:
        points = points.round(9)
        return points[np.lexsort(points.T)]

    for other in (1 - places, places[:, ::-1], np.column_stack([1 - places[:, 0], places[:, 1]])):
        np.testing.assert_allclose(sort(other), sort(places))


def test_decode_is_relative_to_the_anchor_in_shares_of_the_tile() -> None:
    raw = np.zeros((1, 12))
    raw[0, 2:4], raw[0, 4:6] = 112, (56, -112)
    points = decode(raw, np.array([[0.5, 0.25]]))[0]
    np.testing.assert_allclose(points[:2], [(0.25, 0), (0.75, 0.5)])
    np.testing.assert_allclose(points[2], (0.75, -0.25))
    np.testing.assert_allclose(points[3:], np.tile((0.5, 0.25), (3, 1)))


def test_refine_moves_only_to_a_sure_peak_nearby() -> None:
    heatmap = np.full((4, 64, 64), -20.0)
    heatmap[0, 30, 21] = 20.0  # near its point
    heatmap[1, 30, 21] = -1.0  # not sure
    heatmap[2, 50, 50] = 20.0  # far away
    heatmap[3, 0, 1] = 20.0  # its point lies outside the cut-out
    xy = np.array([(80.0, 125.0), (80.0, 125.0), (80.0, 125.0), (-3.0, 2.0)])
    expected = [(84.0, 120.0), *xy[1:]]
    np.testing.assert_allclose(refine(xy, heatmap), expected, atol=1e-4)


def test_refine_shifts_with_its_input(rng: np.random.Generator) -> None:
    heatmap = rng.normal(size=(5, 64, 64)) * 3
    xy = rng.uniform(80, 170, (5, 2))
    shift = np.array([8, -12])  # two cells to the right, three up
    shifted = refine(xy + shift, np.roll(heatmap, (-3, 2), axis=(1, 2)))
    np.testing.assert_allclose(shifted, refine(xy, heatmap) + shift, atol=1e-9)
    assert abs(refine(xy, heatmap) - xy).max() > 0.5


# the networks


@pytest.mark.parametrize("name", ["heavy", "full"])
def test_landmark_network_equals_litert(name: str) -> None:
    image = golden()["image"]
    outputs = network(name).session.run(None, {"image": image[None]})
    landmarks, score, heatmap = (np.asarray(output)[0] for output in outputs)
    np.testing.assert_allclose(landmarks, golden()[f"blazepose_{name}/landmarks"], atol=0.02)
    np.testing.assert_allclose(score, golden()[f"blazepose_{name}/score"], atol=1e-5)
    expected = golden()[f"blazepose_{name}/heatmap"]
    np.testing.assert_allclose(heatmap[:, ::8], expected, atol=0.01)
    assert score > 0.99


def test_detector_equals_litert() -> None:
    image = golden()["image"][16:240, 16:240]
    both = np.stack([image[::-1], image])  # several at once
    boxes, logits = PersonDetector(threads=1).session.run(None, {"image": both})
    surest = golden()["blazepose_detector/surest"]
    expected = golden()["blazepose_detector/logits"]
    np.testing.assert_allclose(np.asarray(logits)[1], expected, atol=0.01)
    expected = golden()["blazepose_detector/boxes"]
    np.testing.assert_allclose(np.asarray(boxes)[1][surest], expected, atol=0.02)


def test_detector_finds_the_person_in_any_tile() -> None:
    image = golden()["image"]
    framed = cv2.copyMakeBorder(image, 40, 40, 120, 60, cv2.BORDER_CONSTANT)
    detector = PersonDetector(threads=1)
    (plain,) = detector(image, [Tile(0, 0, 256)])
    (moved,) = detector(framed, [Tile(120, 40, 256)])
    np.testing.assert_allclose(np.subtract(moved.center, (120, 40)), plain.center, atol=1e-3)
    assert plain.score > 0.9
    pose = network()(image, Region(128.0, 128.0, 256.0))
    assert np.hypot(*np.subtract(plain.center, pose.center)) < 20
    assert len(detector(image, [Tile(0, 0, 256)] * 2)) == 2


def test_landmark_network_moves_with_the_region() -> None:
    image = golden()["image"]
    framed = cv2.copyMakeBorder(image, 40, 40, 120, 60, cv2.BORDER_REPLICATE)
    pose = network()(image, Region(128.0, 128.0, 256.0))
    moved = network()(framed, Region(248.0, 168.0, 256.0))
    np.testing.assert_allclose(moved.xy - [120, 40], pose.xy, atol=1e-6)
    assert moved.score == pytest.approx(pose.score)
    height = {joint: pose.xy[BLAZEPOSE.index[joint], 1] for joint in ("Nose", "LHip", "LAnkle")}
    assert height["Nose"] < height["LHip"] < height["LAnkle"]
    assert pose.visibility.min() >= 0
    assert pose.visibility[BLAZEPOSE.index["LShoulder"]] > 0.9


def test_landmark_network_sees_no_one_in_gray() -> None:
    assert network()(np.full((256, 256, 3), 128, np.uint8), Region(128.0, 128.0, 256.0)).score < 0.1


def test_landmark_network_refuses_an_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"heavy.*full.*'huge'"):
        LandmarkNetwork("huge")
