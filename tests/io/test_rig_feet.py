"""Feet and toes that a motion leaves open."""

import numpy as np
import pytest
from motions import walk
from scipy.spatial.transform import Rotation

from tcpformer.io.rig_feet import FootShape, clear_floor, foot_shape, keep_above_floor, pose_foot
from tcpformer.io.rig_names import BONES, INDEX

FOOT = FootShape(np.array([0, -0.04, 0.13]), np.array([0, 0, 0.07]), 0.08, 0.04)
AHEAD = np.array([0.0, 0.0, 1.0])


def pitched(*degrees: float) -> np.ndarray:
    """Return rotations that lower what is ahead."""
    return Rotation.from_euler("x", np.array(degrees)[:, None], degrees=True).as_matrix()


def test_foot_shape_without_feet_follows_the_body_height() -> None:
    small, tall = (foot_shape(size * walk(3).xyz, None) for size in (1.0, 1.2))
    np.testing.assert_allclose(tall.ball, 1.2 * small.ball)
    assert tall.ankle_height == pytest.approx(1.2 * small.ankle_height)
    assert small.ankle_height == pytest.approx(small.sole - small.ball[1])


@pytest.mark.parametrize("tilt", [-30.0, 0.0, 40.0])
def test_pose_foot_near_the_floor_is_level_and_looks_where_the_shin_looks(tilt: float) -> None:
    yaw = Rotation.from_euler("y", 25, degrees=True).as_matrix()
    foot = pose_foot(yaw @ pitched(tilt), np.array([0.08]), FOOT)
    np.testing.assert_allclose(foot[0], yaw, atol=1e-9)


def test_pose_foot_in_the_air_is_square_to_the_shin() -> None:
    shin = pitched(-20.0, 35.0)
    np.testing.assert_allclose(pose_foot(shin, np.full(2, 0.5), FOOT), shin)


def test_pose_foot_changes_smoothly_as_the_ankle_rises() -> None:
    shin = np.repeat(pitched(40.0), 100, axis=0)
    foot = Rotation.from_matrix(pose_foot(shin, np.linspace(0.08, 0.3, 100), FOOT))
    assert np.degrees((foot[1:] * foot[:-1].inv()).magnitude()).max() < 3


def test_keep_above_floor_bends_up_to_the_floor() -> None:
    down = pitched(0.0, 20.0, 45.0)
    height = np.array([0.04, 0.05, 0.08])
    turned = keep_above_floor(down, FOOT.toe, height, FOOT.sole)
    tip = height + (turned @ FOOT.toe)[:, 1]
    np.testing.assert_allclose(tip[:2], [0.04, 0.04], atol=1e-9)
    np.testing.assert_allclose(turned[0], np.eye(3))
    assert tip[2] == pytest.approx(0.04)


def test_keep_above_floor_leaves_what_is_above() -> None:
    down = pitched(30.0, -60.0, 90.0)
    np.testing.assert_array_equal(keep_above_floor(down, FOOT.toe, np.ones(3), 0.04), down)


def test_clear_floor_bends_toes_but_no_foot_that_was_seen() -> None:
    pose = np.tile([0.0, 0, 0, 1], (1, len(BONES), 1))
    pose[0, INDEX["LeftFoot"]] = Rotation.from_euler("x", 40, degrees=True).as_quat()
    offsets = np.zeros((len(BONES), 3))
    offsets[INDEX["LeftToeBase"]] = offsets[INDEX["RightToeBase"]] = FOOT.ball
    root = np.array([[0, 0.14, 0]])
    for guessed in (False, True):
        mask = np.full((1, len(BONES)), guessed)
        turned = Rotation.from_quat(clear_floor(pose, mask, offsets, root, FOOT)[0])
        foot, toe = turned[INDEX["LeftFoot"]], turned[INDEX["LeftToeBase"]]
        ball = 0.14 + foot.apply(FOOT.ball)[1]
        assert ball > 0.0399 if guessed else ball < 0.0399
        assert ball + (foot * toe).apply(FOOT.toe)[1] > 0.0399
