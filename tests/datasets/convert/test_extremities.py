"""Feet, hands and face of captured figures."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from motions import walk
from paths import DATA

from tcpformer.datasets.convert.cleaning import UNITS, rotate_z_up
from tcpformer.datasets.convert.extremities import (
    find_glitches,
    measure_floor,
    place_extremities,
)
from tcpformer.datasets.convert.rigs import to_body26
from tcpformer.io.amc import read_acclaim
from tcpformer.io.bvh import read_bvh
from tcpformer.io.mocap_capture import Capture
from tcpformer.skeleton import BODY_26, GROUPS, STATURE_PER_BONE_SUM, stature

EVERYTHING = dict.fromkeys(GROUPS, True)
AT = BODY_26.index
FILES = {"02_03.amc": "inch/0.45", "07_12.bvh": "inch/0.45", "11_01.bvh": "inch/0.45"}


def read(name: str) -> Capture:
    path = DATA / name
    return read_acclaim(DATA / "02.asf", path) if path.suffix == ".amc" else read_bvh(path)


def placed(name: str) -> np.ndarray:
    """Return the joints of an excerpt in metres, z up, at the rate of its file."""
    figure = to_body26(read(name))
    assert figure.has == EVERYTHING
    assert figure.marked
    height = float(np.median(stature(figure.xyz[:, :17])))
    unit = next(u for u in UNITS.values() if 1.2 < height * u < 2.2)
    return place_extremities([rotate_z_up(figure.xyz * unit, "+y")], figure.has)[0]


def distance(xyz: np.ndarray, one: str, other: str) -> np.ndarray:
    return np.linalg.norm(xyz[:, AT[one]] - xyz[:, AT[other]], axis=-1)


@pytest.mark.parametrize("name", FILES)
def test_place_extremities_keeps_the_stated_lengths(name: str) -> None:
    xyz = placed(name)
    size = np.median(stature(xyz[:, :17])) / STATURE_PER_BONE_SUM / 1.565
    np.testing.assert_allclose(distance(xyz, "LEar", "REar"), 0.144 * size, rtol=1e-6)
    middle = xyz[:, [AT["LEar"], AT["REar"]]].mean(axis=1)
    nose = np.linalg.norm(xyz[:, AT["Nose"]] - middle, axis=-1)
    np.testing.assert_allclose(nose, np.hypot(0.121, 0.01) * size, rtol=1e-6)
    for side in "LR":
        forearm = distance(xyz, f"{side}Elbow", f"{side}Wrist")
        hand = distance(xyz, f"{side}Wrist", f"{side}Hand") / forearm
        assert (hand < 0.3601).all()
        assert (hand > 0.25).all()
        spread = np.ptp(distance(xyz, f"{side}Ankle", f"{side}Heel"))
        assert spread < 0.001


@pytest.mark.parametrize("name", FILES)
def test_place_extremities_points_forward(name: str) -> None:
    """Toes lie before heels and the nose before the ears, where the walker faces."""
    xyz = placed(name)
    left = xyz[:, AT["LHip"]] - xyz[:, AT["RHip"]]
    ahead = np.cross(left, [0, 0, 1.0])
    for front, back in (("LToe", "LHeel"), ("RToe", "RHeel"), ("Nose", "LEar"), ("Nose", "REar")):
        step = xyz[:, AT[front]] - xyz[:, AT[back]]
        assert (step * ahead).sum(axis=-1).mean() > 0, front  # a running foot points down at times
    assert (xyz[:, AT["LEar"], 2] > xyz[:, AT["LShoulder"], 2]).all()
    across = xyz[:, AT["LEar"]] - xyz[:, AT["REar"]]
    assert ((across * left).sum(axis=-1) > 0).all()


def marked_foot(pitch: float, frames: int = 60) -> np.ndarray:
    """Return people at rest whose foot bones, flat on the ground, seem pitched by an angle."""
    xyz = np.zeros((frames, 26, 3))
    c, s = np.cos(pitch), np.sin(pitch)
    for side, aside in (("L", 0.1), ("R", -0.1)):
        ankle = np.array([0.0, aside, 0.09])
        xyz[:, AT[f"{side}Ankle"]] = ankle
        xyz[:, AT[f"{side}Toe"]] = [0.12, aside, 0.04]
        xyz[:, AT[f"{side}Heel"]] = ankle + 0.06 * np.array([c, 0, s])
    return xyz


@pytest.mark.parametrize("pitch", [0.0, 0.2, -0.15])
def test_place_extremities_levels_the_sole_of_planted_feet(pitch: float) -> None:
    has = {"feet": True, "hands": False, "face": False}
    xyz = place_extremities([marked_foot(pitch)], has)[0]
    for side, aside in (("L", 0.1), ("R", -0.1)):
        expected = [-0.2 * (0.12 + 0.06), aside, 0.04]
        np.testing.assert_allclose(xyz[30, AT[f"{side}Heel"]], expected, atol=1e-6)


def test_place_extremities_uses_the_rest_pose_without_planted_feet() -> None:
    """Of so few frames, the foot's axis is the sole's."""
    has = {"feet": True, "hands": False, "face": False}
    xyz = place_extremities([marked_foot(0.0, frames=10)], has)[0]
    assert xyz[0, AT["LHeel"], 2] == pytest.approx(0.04)


@pytest.mark.parametrize(("height", "found"), [(0.0, 0.0), (0.13, 0.13), (-0.05, -0.05)])
def test_measure_floor_of_planted_feet(height: float, found: float) -> None:
    has = {"feet": True, "hands": False, "face": False}
    pieces = place_extremities([marked_foot(0.1) + np.array([0, 0, height])], has)
    assert measure_floor(pieces) == pytest.approx(found, abs=1e-6)


def test_measure_floor_needs_planted_feet() -> None:
    moving = marked_foot(0.0)
    moving[..., 0] += np.arange(60)[:, None] / 50
    assert measure_floor([moving]) is None


def test_find_glitches_of_each_group() -> None:
    xyz = np.zeros((20, 26, 3))
    xyz[10, AT["LHand"], 0] = 0.3
    found = find_glitches(xyz, 50.0)
    assert not found[:, [0, 2]].any()
    np.testing.assert_array_equal(np.flatnonzero(found[:, 1]), [9, 10, 11])


def frozen(capture: Capture, joints: Sequence[str]) -> Capture:
    """Return the capture with some bones fixed in the axes of their parents."""
    xyz, rotations = capture.xyz.copy(), capture.rotations.copy()
    for joint in joints:
        at = capture.joints.index(joint)
        up = capture.parents[at]
        local = rotations[0, up].T @ rotations[0, at]
        rotations[:, at] = rotations[:, up] @ local
        for child in [i for i, parent in enumerate(capture.parents) if parent == at]:
            step = rotations[0, at].T @ (capture.xyz[0, child] - capture.xyz[0, at])
            xyz[:, child] = xyz[:, at] + rotations[:, at] @ step
    return replace(capture, xyz=xyz, rotations=rotations)


@pytest.mark.parametrize(
    ("joints", "group"),
    [(("LeftFoot",), "feet"), (("Head",), "face"), (("RightFoot",), "feet")],
)
def test_attach_markers_leaves_out_frozen_bones(joints: tuple[str, ...], group: str) -> None:
    figure = to_body26(frozen(read("07_12.bvh"), joints))
    assert figure.has == EVERYTHING | {group: False}
    for joint in GROUPS[group]:
        parent = BODY_26.parents[joint]
        np.testing.assert_array_equal(figure.xyz[:, joint], figure.xyz[:, parent])


def test_attach_markers_leaves_out_hands_without_bones() -> None:
    capture = read("07_12.bvh")
    fingers = [i for i, name in enumerate(capture.joints) if "Hand" in name or "Finger" in name]
    wrists = {side: capture.joints.index(f"{side}Hand") for side in ("Left", "Right")}
    xyz = capture.xyz.copy()
    for i in fingers:
        xyz[:, i] = xyz[:, wrists["Left" if capture.joints[i][0] == "L" else "Right"]]
    assert to_body26(replace(capture, xyz=xyz)).has == EVERYTHING | {"hands": False}


def test_to_body26_takes_joints_by_name() -> None:
    xyz = np.random.default_rng(0).normal(size=(4, 26, 3))
    axes = np.broadcast_to(np.eye(3), (4, 26, 3, 3))
    capture = Capture(BODY_26.joints, BODY_26.parents, xyz, axes, 50.0)
    figure = to_body26(capture)
    np.testing.assert_array_equal(figure.xyz, xyz)
    assert figure.has == EVERYTHING
    assert not figure.marked


def test_to_body26_has_no_groups_of_17_joints() -> None:
    motion = walk(10)
    axes = np.broadcast_to(np.eye(3), (10, 17, 3, 3))
    capture = Capture(motion.skeleton.joints, motion.skeleton.parents, motion.xyz, axes, 30.0)
    figure = to_body26(capture)
    assert figure.has == dict.fromkeys(GROUPS, False)
    np.testing.assert_array_equal(figure.xyz[:, :17], motion.xyz)
