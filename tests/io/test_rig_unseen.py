"""Bones that are not seen."""

from dataclasses import replace

import numpy as np
import pytest
from motions import walk
from rigs import step_degrees
from scipy.spatial.transform import Rotation
from walk26 import walk26

from tcpformer.io.rig import joints_above_soles
from tcpformer.io.rig_fit import fit_rig
from tcpformer.io.rig_names import BONES, INDEX, PARENTS, follow_chain
from tcpformer.io.rig_unseen import ease_unseen, neutral_pose, seen_bones
from tcpformer.skeleton import GROUPS, H36M

FPS = 30.0
ARM, HAND = INDEX["LeftArm"], INDEX["LeftHand"]
REST = np.array([0.0, 0.0, 0.0, 1.0])


def turning(degrees: np.ndarray) -> np.ndarray:
    """Return rotations of which only the left arm's is not that of the rest pose."""
    turns = np.tile(REST, (len(degrees), len(BONES), 1))
    turns[:, ARM] = Rotation.from_euler("z", degrees[:, None], degrees=True).as_quat()
    return turns


def unseen(count: int, frames: slice, bone: int = ARM) -> np.ndarray:
    seen = np.ones((count, len(BONES)), dtype=bool)
    seen[frames, bone] = False
    return seen


def eased(degrees: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the degrees of the left arm; the neutral arm hangs."""
    neutral, turns = turning(np.full(len(degrees), -75.0)), turning(degrees)
    changed = ease_unseen(turns, lambda bone: neutral[:, bone], seen, FPS)
    np.testing.assert_array_equal(changed, (turns != turning(degrees)).any(axis=2))
    return Rotation.from_quat(turns[:, ARM]).as_euler("xyz", degrees=True)[:, 2]


def test_ease_unseen_keeps_what_is_seen() -> None:
    degrees = 40 * np.sin(np.arange(90) / 5)
    np.testing.assert_allclose(eased(degrees, unseen(90, slice(0, 0))), degrees, atol=1e-9)


def test_ease_unseen_keeps_a_short_bridge() -> None:
    degrees = 40 * np.sin(np.arange(90) / 5)
    np.testing.assert_allclose(eased(degrees, unseen(90, slice(40, 50))), degrees, atol=1e-9)


def test_ease_unseen_eases_to_the_neutral_pose_and_back(rng: np.random.Generator) -> None:
    degrees = np.full(150, 20.0)
    degrees[50:100] = rng.uniform(-90, 90, 50)
    found = eased(degrees, unseen(150, slice(50, 100)))
    np.testing.assert_allclose(found[:50], 20, atol=1e-9)
    np.testing.assert_allclose(found[100:], 20, atol=1e-9)
    np.testing.assert_allclose(found[70:80], -75, atol=1e-9)
    assert np.abs(np.diff(found)).max() < 10


@pytest.mark.parametrize("frames", [slice(0, 40), slice(20, 60), slice(0, 60)])
def test_ease_unseen_at_the_ends_of_a_clip(frames: slice) -> None:
    found = eased(np.full(60, 20.0), unseen(60, frames))
    middle = found[0] if frames.start == 0 else found[-1]
    assert middle == pytest.approx(-75)


def test_ease_unseen_takes_a_flicker_for_unseen() -> None:
    seen = unseen(150, slice(50, 100))
    seen[75] = True
    found = eased(np.full(150, 20.0), seen)
    assert found[75] == pytest.approx(-75)


def test_ease_unseen_spreads_a_jump() -> None:
    degrees = np.where(np.arange(90) < 45, -80.0, 80.0)
    found = eased(degrees, unseen(90, slice(0, 0)))
    assert np.abs(np.diff(found)).max() < 50
    far = np.abs(np.arange(90) - 44.5) > 5
    np.testing.assert_allclose(found[far], degrees[far])


def test_ease_unseen_lets_a_slow_clip_turn_as_fast_as_people() -> None:
    degrees = np.where(np.arange(20) < 10, -60.0, 60.0)
    turns = turning(degrees)
    ease_unseen(turns, lambda bone: turns[:, bone], unseen(20, slice(0, 0)), 10.0)
    np.testing.assert_allclose(turns, turning(degrees), atol=1e-12)


def test_ease_unseen_does_not_believe_a_hand_that_points_back() -> None:
    turns = np.tile(REST, (30, len(BONES), 1))
    turns[10:14, HAND] = Rotation.from_euler("z", 170, degrees=True).as_quat()
    ease_unseen(turns, lambda bone: turns[:, bone], unseen(30, slice(0, 0)), FPS)
    np.testing.assert_allclose(np.abs(turns[:, HAND, 3]), 1, atol=1e-9)


@pytest.mark.parametrize("lower", [0.0, 0.2, 0.5])
def test_neutral_pose_stands_on_the_floor_with_bent_knees(lower: float) -> None:
    motion = walk(5)
    fit = fit_rig(joints_above_soles(motion), H36M, FPS)
    hips = np.full(5, fit.offsets[0, 1] - lower)
    pose = neutral_pose(fit.offsets, hips)
    root = np.stack([np.zeros(5), hips, np.zeros(5)], axis=-1)
    heads, turns = follow_chain(PARENTS, fit.offsets, pose, root)
    ankle, hip = heads[0, INDEX["LeftFoot"]], heads[0, INDEX["LeftUpLeg"]]
    assert ankle[1] == pytest.approx(fit.foot.ankle_height, abs=1e-3)
    assert ankle[2] == pytest.approx(hip[2], abs=1e-6)
    assert heads[0, INDEX["LeftLeg"], 2] >= ankle[2] - 1e-9
    np.testing.assert_allclose(np.abs(turns[:, INDEX["LeftFoot"], 3]), 1, atol=1e-9)
    assert heads[0, INDEX["LeftHand"], 1] < heads[0, INDEX["LeftArm"], 1] - 0.4


def test_seen_bones_follow_the_joints_that_show_them() -> None:
    motion = walk26(3)
    confidence = np.ones_like(motion.confidence)
    confidence[0, motion.skeleton.indices("LKnee", "LAnkle")] = 0.0
    confidence[1, motion.skeleton.index["LKnee"]] = 0.0
    valid = np.array([True, True, False])
    seen = seen_bones(replace(motion, confidence=confidence, valid=valid), list(GROUPS))
    names = [bone.mixamo for bone, shown in zip(BONES, seen[0], strict=True) if not shown]
    assert names == ["LeftUpLeg", "LeftLeg"]
    assert seen[1].all()
    assert not seen[2].any()


def test_seen_bones_of_a_group_that_was_never_seen_go_with_their_parents() -> None:
    motion = walk26(2)
    confidence = np.ones_like(motion.confidence)
    confidence[:, GROUPS["feet"]] = 0.0
    seen = seen_bones(replace(motion, confidence=confidence), ["hands", "face"])
    assert seen.all()
    assert step_degrees(turning(np.array([0.0, 30.0])))[0, ARM] == pytest.approx(30)


def test_ease_unseen_of_many_gaps_costs_what_the_gaps_cost(rng: np.random.Generator) -> None:
    """Each gap by itself gives what all together give."""
    degrees = np.cumsum(rng.uniform(-2, 2, 900))
    gaps = [slice(first, first + 40) for first in range(60, 840, 120)]
    together = unseen(900, slice(0, 0))
    for gap in gaps:
        together[gap, ARM] = False
    found = eased(degrees, together)
    for gap in gaps:
        around = slice(gap.start - 40, gap.stop + 40)
        alone = eased(degrees[around], unseen(120, slice(40, 80)))
        np.testing.assert_allclose(found[around], alone, atol=1e-9)
