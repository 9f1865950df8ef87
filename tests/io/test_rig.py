"""Laws of the rig: where joints are, how bones turn, the rest pose, the mirror image."""

import tracemalloc
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from motions import breathing, motion3d, walk
from rigs import step_degrees, world_turns
from scipy.spatial.transform import Rotation
from walk26 import tremble, walk26

from tcpformer.io import rig, rig_fit
from tcpformer.io.rig import (
    RiggedMotion,
    RigOptions,
    forward_kinematics,
    from_y_up,
    joints_above_soles,
    pose_bones,
    solve_rig,
    to_y_up,
)
from tcpformer.io.rig_names import BONES, INDEX, TWINS, follow_chain
from tcpformer.motion import Motion3D
from tcpformer.skeleton import COCO

MM = 1e-3
SINGLE = 1e-6
"""Metres, and shares of a length: rotations are stored in single precision."""
LEG = ("UpLeg", "Leg", "Foot", "ToeBase")
LEFT_FOOT, LEFT_TOE = INDEX["LeftFoot"], INDEX["LeftToeBase"]


def off(motion: Motion3D, rig: RiggedMotion) -> np.ndarray:
    """Return the distance of the bones' heads from the joints of the motion."""
    index = motion.skeleton.index
    bones = [i for i, bone in enumerate(BONES) if bone.head in index]
    joints = [index[BONES[i].head] for i in bones]
    found = forward_kinematics(rig)[:, bones]
    return np.linalg.norm(found - joints_above_soles(motion)[:, joints], axis=-1)


@pytest.mark.parametrize("motion", [walk(40), walk26(40)], ids=["17 joints", "26 joints"])
@pytest.mark.parametrize("rest", ["t-pose", "a-pose"])
def test_forward_kinematics_gives_the_joints_of_rigid_bones(motion, rest) -> None:
    assert off(motion, solve_rig(motion, RigOptions(rest=rest))).max() < 0.1 * MM


def test_forward_kinematics_stays_near_joints_of_varying_bones(rng) -> None:
    motion = tremble(walk26(40), rng, 0.005)
    error = off(motion, solve_rig(motion))
    assert np.median(error) < 5 * MM
    assert error.max() < 25 * MM


def test_forward_kinematics_keeps_bone_lengths(rng) -> None:
    rig = solve_rig(tremble(walk26(40), rng, 0.01))
    heads = forward_kinematics(rig)
    bones = heads[:, 1:] - heads[:, list(rig.parents[1:])]
    expected = np.linalg.norm(rig.offsets[1:], axis=-1)
    lengths = np.linalg.norm(bones, axis=-1)
    np.testing.assert_allclose(lengths, expected[None] * np.ones((40, 1)), rtol=SINGLE)


def test_solve_rig_gives_continuous_unit_quaternions() -> None:
    motion = walk(120)
    angle = np.linspace(0, 5 * np.pi, 120)
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=-1)
    xyz = motion.xyz.copy()
    xyz[..., :2] = np.einsum("txy,tjy->tjx", turn.reshape(-1, 2, 2), xyz[..., :2])
    turns = solve_rig(motion3d(xyz)).rotations
    np.testing.assert_allclose(np.linalg.norm(turns, axis=-1), 1, rtol=SINGLE)
    assert (turns[1:] * turns[:-1]).sum(axis=-1).min() > 0.8


@pytest.mark.parametrize("motion", [breathing(walk(40), 0.03), walk26(40)], ids=["17", "26"])
def test_solve_rig_rest_pose_stands_on_the_floor(motion) -> None:
    rig = solve_rig(motion)
    still = np.tile([0.0, 0, 0, 1], (1, len(BONES), 1))
    heads = follow_chain(rig.parents, rig.offsets, still, rig.offsets[:1])[0][0]
    assert heads[LEFT_TOE][1] == pytest.approx(0.04, abs=0.005)
    assert 0.06 < heads[LEFT_FOOT][1] < 0.09
    assert rig.tails[LEFT_TOE] @ [0, 1, 0] == 0
    legs = 0.89
    assert heads[0][1] == pytest.approx(heads[LEFT_FOOT][1] + legs, abs=0.01)
    arm = heads[[INDEX["LeftArm"], INDEX["LeftForeArm"], INDEX["LeftHand"]]]
    np.testing.assert_allclose(arm[:, 1:], arm[:1, 1:].repeat(3, axis=0), atol=SINGLE)
    assert (np.diff(arm[:, 0]) > 0.2).all()


def test_solve_rig_a_pose_lowers_arms_and_keeps_the_motion() -> None:
    motion = walk26(20)
    t, a = (solve_rig(motion, RigOptions(rest=rest)) for rest in ("t-pose", "a-pose"))
    np.testing.assert_allclose(forward_kinematics(a), forward_kinematics(t), atol=SINGLE)
    forearm = a.offsets[INDEX["LeftForeArm"]]
    np.testing.assert_allclose(forearm, 0.28 * np.array([1, -1, 0]) / 2**0.5, atol=1e-3)


def test_solve_rig_of_the_mirror_image_is_the_mirror_image(rng) -> None:
    motion = tremble(walk26(40), rng, 0.005)
    mirror, twins = list(motion.skeleton.mirror), list(TWINS)
    image = motion3d(motion.xyz[:, mirror] * [-1, 1, 1], motion.fps)
    direct, mirrored = solve_rig(motion), solve_rig(image)
    np.testing.assert_allclose(mirrored.offsets[twins] * [-1, 1, 1], direct.offsets, atol=1e-4)
    heads = forward_kinematics(mirrored)[:, twins] * [-1, 1, 1]
    np.testing.assert_allclose(heads, forward_kinematics(direct), atol=1e-3)
    flip = np.diag([-1.0, 1, 1])
    back = flip @ world_turns(mirrored)[:, twins] @ flip
    np.testing.assert_allclose(back, world_turns(direct), atol=0.01)


def test_solve_rig_puts_soles_of_a_standing_person_on_the_floor() -> None:
    # The sole of a walker: flat on the floor in stance, never far below it.
    for motion in (walk(60), walk26(60)):
        rig = solve_rig(motion)
        heads, _ = pose_bones(rig)
        sole = rig.offsets[0, 1] - 0.89 + rig.offsets[LEFT_TOE, 1]
        ball = heads[:, LEFT_TOE, 1] - sole
        assert abs(np.percentile(ball, 10)) < 0.02
        assert ball.min() > -0.021  # `walk26` dips its ball by 2 cm


def hide(motion: Motion3D, frames: slice, joints: tuple[str, ...] = ()) -> Motion3D:
    """Return a motion of which some joints, or the whole person, are not seen for a while."""
    confidence, valid = motion.confidence.copy(), motion.valid.copy()
    wanted = motion.skeleton.indices(*joints) if joints else slice(None)
    confidence[frames, wanted] = 0.0
    valid[frames] = bool(joints)
    return replace(motion, confidence=confidence, valid=valid)


@pytest.mark.parametrize("make", [walk, walk26], ids=["17 joints", "26 joints"])
def test_solve_rig_keeps_soles_of_a_landing_out_of_the_floor(make, rng) -> None:
    """A body up to 25 cm too low, whose joints tremble; the rest of the motion stays."""
    low = make(40).xyz - 0.25 * np.sin(np.linspace(0, np.pi, 40))[:, None, None] ** 2 * [0, 0, 1]
    motion = tremble(motion3d(low), rng, 0.02)
    rig = solve_rig(motion)
    heads, turns = pose_bones(rig)
    sole = rig.offsets[0, 1] + sum(rig.offsets[INDEX[f"Left{bone}"], 1] for bone in LEG)
    for side in ("Left", "Right"):
        toe = INDEX[f"{side}ToeBase"]
        tip = heads[:, toe] + Rotation.from_quat(turns[:, toe]).apply(rig.tails[toe])
        assert min(heads[:, toe, 1].min(), tip[:, 1].min()) > sole - 0.02 - SINGLE
    up = heads[:, 0, 1] - joints_above_soles(motion)[:, 0, 1]
    assert up.max() > 0.04
    assert np.abs(up[[0, 1, -2, -1]]).max() < 0.05


def test_solve_rig_turns_no_bone_fast_where_nothing_is_seen(rng) -> None:
    motion = walk(120)
    xyz = motion.xyz.copy()
    xyz[40:80] += rng.normal(0, 0.2, xyz[40:80].shape)
    guessed = replace(motion, xyz=xyz)
    assert step_degrees(solve_rig(guessed).rotations).max() > 45
    hidden = solve_rig(hide(guessed, slice(40, 80)))
    assert step_degrees(hidden.rotations).max() < 60
    assert hidden.seen.sum() == 80


def test_solve_rig_trims_and_marks_bridged_frames() -> None:
    motion = hide(hide(hide(walk(60), slice(0, 10)), slice(30, 33)), slice(55, 60))
    rig = solve_rig(motion, RigOptions(trim=True))
    assert (len(rig), rig.start) == (45, 10)
    assert np.flatnonzero(~rig.seen).tolist() == [20, 21, 22]
    assert rig.times[0] == pytest.approx(10 / 30)
    whole = solve_rig(motion)
    np.testing.assert_allclose(rig.root, whole.root[10:55])
    np.testing.assert_allclose(np.abs(rig.rotations), np.abs(whole.rotations[10:55]))


def test_solve_rig_recenters_on_the_floor() -> None:
    motion = walk(20)
    away = motion3d(motion.xyz + np.array([2.0, 3.0, 0.0]))
    rig = solve_rig(away, RigOptions(recenter=True))
    np.testing.assert_allclose(rig.root[0, [0, 2]], 0, atol=1e-9)
    assert rig.root[0, 1] == pytest.approx(solve_rig(away).root[0, 1])


def test_to_y_up_keeps_up_and_handedness() -> None:
    x = np.random.default_rng(0).normal(size=(5, 17, 3))
    np.testing.assert_array_equal(from_y_up(to_y_up(x)), x)
    axes = to_y_up(np.eye(3))
    np.testing.assert_array_equal(axes[2], [0, 1, 0])  # up stays up
    assert np.linalg.det(axes) == pytest.approx(1)  # and left stays left


def test_solve_rig_refuses_other_skeletons_and_no_frames() -> None:
    with pytest.raises(ValueError, match="'h36m' or 'body26', got 'coco'"):
        solve_rig(replace(walk(3), skeleton=COCO))
    with pytest.raises(ValueError, match="at least one frame"):
        solve_rig(motion3d(walk(3).xyz[:0]))


@pytest.mark.parametrize("field", ["names", "rest"])
def test_rig_options_name_the_choices(field: str) -> None:
    # Without the types that tests check, as a user calls it.
    fields: Any = SimpleNamespace(**{"names": "vrm", "rest": "t-pose", field: "x"})
    with pytest.raises(ValueError, match=f"expected {field} to be one of .*, got 'x'"):
        RigOptions.__post_init__(fields)


@pytest.mark.slow
def test_solve_rig_takes_little_more_memory_than_its_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (rig, rig_fit):
        monkeypatch.setattr(module, "FRAMES_AT_ONCE", 50)

    def peak(frames: int) -> int:
        motion = walk(frames, speed=0.0)
        valid = np.arange(frames) // 300 % 3 != 1
        motion = replace(motion, valid=valid, confidence=motion.confidence * valid[:, None])
        tracemalloc.start()
        try:
            solve_rig(motion)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(60)  # what is loaded once
    less, more = peak(900), peak(1800)
    assert (more - less) / 900 / 8 < 1.2 * 4 * len(BONES)
