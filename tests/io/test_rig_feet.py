"""Feet and toes that a motion leaves open."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
from motions import walk
from scipy.spatial.transform import Rotation

from tcpformer.io.rig_feet import (
    FootShape,
    bend_toes,
    clear_floor,
    foot_shape,
    keep_above_floor,
    pose_foot,
)
from tcpformer.io.rig_names import BONES, INDEX, PARENTS, follow_chain

FOOT = FootShape(np.array([0, -0.04, 0.13]), np.array([0, 0, 0.07]), 0.08, 0.04)


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


@pytest.mark.parametrize(("pitch", "tip"), [(0, 0.05), (30, 0.04), (60, 0.04), (90, 0.015)])
def test_bend_toes_reaches_the_floor_or_bends_sixty_degrees(pitch: float, tip: float) -> None:
    foot, ball = pitched(pitch), np.array([0.05])
    toes = bend_toes(foot, FOOT.toe, ball, FOOT.sole)
    np.testing.assert_allclose(toes[0, :, 0], foot[0, :, 0], atol=1e-12)  # about its own axis
    assert (ball + (toes @ FOOT.toe)[:, 1])[0] == pytest.approx(tip)


def test_bend_toes_does_not_jump_as_the_foot_turns_over() -> None:
    feet = pitched(*np.arange(0.0, 360.0, 0.5))
    for ball in (0.0, 0.04, 0.1):
        toes = bend_toes(feet, FOOT.toe, np.full(len(feet), ball), FOOT.sole)
        bend = Rotation.from_matrix(feet.swapaxes(1, 2) @ toes).magnitude()
        assert np.degrees(np.abs(np.diff(bend))).max() < 4
        assert np.degrees(bend).max() < 60 + 1e-9


def test_bend_toes_leaves_what_is_above() -> None:
    feet = pitched(30.0, -60.0, 90.0, 170.0)
    np.testing.assert_array_equal(bend_toes(feet, FOOT.toe, np.ones(4), FOOT.sole), feet)


@dataclass(frozen=True)
class Rest:
    """A rest pose that is all in the root, but for the feet."""

    markers: Mapping[str, tuple[int, np.ndarray]] = field(default_factory=dict)
    offsets: np.ndarray = field(default_factory=lambda: np.zeros((len(BONES), 3)))
    foot: FootShape = FOOT

    def __post_init__(self) -> None:
        self.offsets[[INDEX["LeftToeBase"], INDEX["RightToeBase"]]] = FOOT.ball


def test_clear_floor_bends_a_foot_that_was_seen_less_than_a_guess() -> None:
    pose = np.tile([0.0, 0, 0, 1], (1, len(BONES), 1))
    pose[0, INDEX["LeftFoot"]] = Rotation.from_euler("x", 40, degrees=True).as_quat()
    root = np.array([[0, 0.14, 0]])
    for guessed, least in ((False, 0.03), (True, 0.04)):
        mask = np.full((1, len(BONES)), guessed)
        cleared, same = clear_floor(pose, mask, Rest(), root)
        np.testing.assert_array_equal(same, root)
        turned = Rotation.from_quat(cleared[0])
        foot, toe = turned[INDEX["LeftFoot"]], turned[INDEX["LeftToeBase"]]
        ball = 0.14 + foot.apply(FOOT.ball)[1]
        assert ball == pytest.approx(least)
        assert ball + (foot * toe).apply(FOOT.toe)[1] == pytest.approx(0.04)


@pytest.mark.parametrize("seed", range(3))
def test_clear_floor_keeps_every_point_of_the_sole_within_the_limit(seed: int) -> None:
    rng, heel = np.random.default_rng(seed), np.array([0.0, -0.04, -0.05])
    shape = Rest({f"{side[0]}Heel": (INDEX[f"{side}Foot"], heel) for side in ("Left", "Right")})
    pose = Rotation.random(200 * len(BONES), rng).as_quat().reshape(200, len(BONES), 4)
    mask, root = rng.random((200, len(BONES))) < 0.5, rng.uniform(-0.1, 0.3, (200, 3))
    cleared, raised = clear_floor(pose, mask, shape, root)
    heads, turns = follow_chain(PARENTS, shape.offsets, cleared, raised)
    lowest = np.full(200, np.inf)
    for side in ("Left", "Right"):
        ball, ankle = INDEX[f"{side}ToeBase"], INDEX[f"{side}Foot"]
        tip = heads[:, ball] + Rotation.from_quat(turns[:, ball]).apply(FOOT.toe)
        end = heads[:, ankle] + Rotation.from_quat(turns[:, ankle]).apply(heel)
        lowest = np.minimum.reduce([lowest, heads[:, ball, 1], tip[:, 1], end[:, 1]])
    assert lowest.min() > FOOT.sole - 0.02 - 1e-9
    up = (raised - root)[:, 1]
    assert 0 < (up == 0).mean() < 1
    np.testing.assert_allclose(lowest[up > 0], FOOT.sole - 0.02)  # no higher than needed
    np.testing.assert_array_equal(raised[:, [0, 2]], root[:, [0, 2]])
