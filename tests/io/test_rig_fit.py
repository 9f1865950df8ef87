"""The fit of constant bones to a motion."""

from collections.abc import Collection

import numpy as np
import pytest
from motions import breathing, motion3d, walk
from rigs import joints_of, world_turns
from scipy.spatial.transform import Rotation
from walk26 import tremble, walk26

from tcpformer.io import rig_fit
from tcpformer.io.rig import to_y_up
from tcpformer.io.rig_fit import Fit, fit_rig
from tcpformer.io.rig_names import INDEX, TWINS
from tcpformer.motion import Motion3D
from tcpformer.skeleton import BODY_26, GROUPS, H36M


def test_fit_rig_is_exact_for_rigid_bones() -> None:
    xyz = to_y_up(walk(30).xyz)
    np.testing.assert_allclose(joints_of(fit_rig(xyz, H36M, 30.0), H36M), xyz, atol=1e-4)


def test_fit_rig_errs_less_with_more_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    xyz = to_y_up(breathing(walk(), 0.05).xyz)
    errors = []
    for sweeps in (0, 1, 2, 4):
        monkeypatch.setattr(rig_fit, "SWEEPS", sweeps)
        off = joints_of(fit_rig(xyz, H36M, 30.0), H36M) - xyz
        errors.append((off**2).sum(axis=-1).mean())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.7 * errors[0]


@pytest.mark.parametrize("degrees", [-60, 0, 60, 90])
def test_fit_rig_twists_the_upper_arm_by_the_elbow(degrees: float) -> None:
    # Left arm stretched out sideways, forearm at a right angle: ahead, raised or lowered.
    xyz = walk(20, speed=0).xyz[[0] * 20]
    angle = np.deg2rad(degrees)
    joints = [H36M.index[joint] for joint in ("LShoulder", "LElbow", "LWrist")]
    shoulder = xyz[:, joints[0]]
    xyz[:, joints[1]] = shoulder + np.array([0.28, 0, 0])
    forearm = np.array([0, -0.25 * np.cos(angle), 0.25 * np.sin(angle)])
    xyz[:, joints[2]] = xyz[:, joints[1]] + forearm
    bend = fit_rig(to_y_up(xyz), H36M, 30.0).rotations[:, INDEX["LeftForeArm"]]
    turn = Rotation.from_quat(bend).as_rotvec(degrees=True)
    # The palm looks down in the rest pose, so the hinge is the upright axis. Some twist stays
    # below the elbow, by design, because a slight bend must not decide it.
    np.testing.assert_allclose(np.linalg.norm(turn, axis=1), 90, atol=3)
    assert turn[:, 1].max() < -85


def test_fit_rig_of_joints_on_a_line_does_not_spin() -> None:
    turns = fit_rig(to_y_up(walk(30).xyz * [0, 0, 1]), H36M, 30.0).rotations
    assert np.abs(turns[:, 0] - [0, 0, 0, 1]).max() < 1e-6


# feet, hands and face

LEG = ("UpLeg", "Leg", "Foot", "ToeBase")


def rig_of(motion: Motion3D, groups: Collection[str] = GROUPS) -> Fit:
    return fit_rig(to_y_up(motion.xyz), BODY_26, motion.fps, groups=groups)


def standing(turn: float = 0.0) -> np.ndarray:
    """Return a person who stands straight; the left foot is turned out by an angle."""
    xyz = walk26(1).xyz.repeat(20, axis=0)
    for side, hip in (("L", 0.13), ("R", -0.13)):
        knee, ankle = BODY_26.indices(side + "Knee", side + "Ankle")
        xyz[:, knee] = [hip, 0.0, 0.53]
        xyz[:, ankle] = [hip, 0.0, 0.08]
        yaw = turn if side == "L" else 0.0
        ahead = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
        for joint, forth in (("Heel", -0.05), ("Toe", 0.13)):
            xyz[:, BODY_26.index[side + joint]] = xyz[:, ankle] + forth * ahead - [0, 0, 0.04]
    xyz[..., 2] -= 0.03 * (np.arange(26) == 0)[None]
    return xyz


def test_fit_rig_of_feet_hands_and_face_is_exact_for_rigid_bones() -> None:
    motion = walk26(60)
    off = np.linalg.norm(joints_of(rig_of(motion), BODY_26) - to_y_up(motion.xyz), axis=-1)
    assert off.mean() < 2e-4
    assert off.max() < 2e-3


def test_fit_rig_rest_pose_stands_on_level_soles_and_looks_ahead(rng: np.random.Generator) -> None:
    fit = rig_of(tremble(walk26(60), rng, 0.005))
    heads = np.cumsum([fit.offsets[INDEX[f"Left{bone}"]] for bone in LEG], axis=0) + fit.offsets[0]
    sole = heads[-1][1]
    np.testing.assert_allclose([fit.foot.sole, fit.foot.ankle_height], [sole, heads[-2][1]])
    for side in ("Left", "Right"):
        ankle, heel = fit.markers[side[0] + "Heel"]
        assert ankle == INDEX[f"{side}Foot"]
        toe = fit.offsets[INDEX[f"{side}ToeBase"]]
        np.testing.assert_allclose(toe - heel, [0, 0, 0.18], atol=5e-3)
        np.testing.assert_allclose(heel[[0, 1]], [0, -0.04], atol=5e-3)
    left, right, nose = (fit.markers[joint][1] for joint in ("LEar", "REar", "Nose"))
    np.testing.assert_allclose(left - right, [0.14, 0, 0], atol=5e-3)
    np.testing.assert_allclose(nose - (left + right) / 2, [0, 0, 0.12], atol=5e-3)


def test_fit_rig_turns_the_head_by_the_face() -> None:
    motion = walk26(90, yaw=0.5)
    look = world_turns(rig_of(motion))[:, INDEX["Head"]] @ np.array([0.0, 0.0, 1.0])
    yaw = np.arctan2(look[:, 0], look[:, 2])
    np.testing.assert_allclose(yaw, 0.5 * np.sin(2 * np.pi * motion.times / 3), atol=0.02)


def test_fit_rig_pitches_the_foot() -> None:
    motion = walk26(60)
    heel, toe = BODY_26.indices("LHeel", "LToe")
    sole = to_y_up(motion.xyz)[:, toe] - to_y_up(motion.xyz)[:, heel]
    found = world_turns(rig_of(motion))[:, INDEX["LeftFoot"]] @ np.array([0, 0, 0.18])
    np.testing.assert_allclose(found, sole, atol=3e-3)
    assert np.ptp(sole[:, 1]) > 0.04


@pytest.mark.parametrize("degrees", [-30.0, 30.0])
def test_fit_rig_twists_a_straight_leg_by_its_foot(degrees: float) -> None:
    motion = motion3d(standing(np.radians(degrees)))
    hip, knee, ankle = (INDEX[f"Left{bone}"] for bone in LEG[:3])
    turned = {}
    for groups in ((), ("feet",)):
        world = world_turns(rig_of(motion, groups))
        ahead = world @ np.array([0.0, 0.0, 1.0])
        turned[groups] = np.degrees(np.arctan2(ahead[..., 0], ahead[..., 2])).mean(axis=0)
    shares = turned["feet",] / degrees
    assert 0.4 < shares[hip] < shares[knee] < shares[ankle] < 1.1
    assert abs(turned[()][hip]) < 4


@pytest.mark.parametrize("degrees", [-40.0, 40.0])
def test_fit_rig_twists_the_forearm_by_the_wrist(degrees: float) -> None:
    # The left arm hangs out sideways; its hand is bent down by 60 degrees, in a turned plane.
    xyz = walk26(1).xyz.repeat(20, axis=0)
    shoulder, elbow, wrist, hand = BODY_26.indices("LShoulder", "LElbow", "LWrist", "LHand")
    for joint, before in ((elbow, shoulder), (wrist, elbow)):
        xyz[:, joint] = xyz[:, before] + np.array([0.26, 0.0, 0.0])
    angle, bend = np.radians(degrees), np.radians(60)
    down = np.array([0.0, -np.sin(angle), -np.cos(angle)])
    xyz[:, hand] = xyz[:, wrist] + 0.08 * (
        np.cos(bend) * np.array([1.0, 0, 0]) + np.sin(bend) * down
    )
    motion = motion3d(xyz)
    palm = world_turns(rig_of(motion))[:, INDEX["LeftForeArm"]] @ np.array([0.0, -1.0, 0.0])
    still = world_turns(rig_of(motion, ()))[:, INDEX["LeftForeArm"]] @ np.array([0.0, -1.0, 0.0])
    turn = [np.degrees(np.arctan2(p[:, 2], -p[:, 1])).mean() for p in (palm, still)]
    assert abs(turn[1]) < 12
    assert 0.5 < (turn[0] - turn[1]) / degrees < 1.0


def test_fit_rig_of_the_mirror_image_is_the_mirror_image(rng: np.random.Generator) -> None:
    motion = tremble(walk26(60), rng, 0.005)
    flip, mirror = np.diag([-1.0, 1.0, 1.0]), list(BODY_26.mirror)
    there = motion3d(motion.xyz[:, mirror] @ flip, motion.fps)
    direct, mirrored = rig_of(motion), rig_of(there)
    np.testing.assert_allclose(mirrored.offsets[list(TWINS)] @ flip, direct.offsets, atol=1e-4)
    back = flip @ world_turns(mirrored)[:, list(TWINS)] @ flip
    np.testing.assert_allclose(back, world_turns(direct), atol=5e-3)
