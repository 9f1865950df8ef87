"""Feet that slide, hover or sink, and are put where they stand."""

import numpy as np
import pytest
from walk26 import tremble, walk26

from tcpformer.analysis.metrics import bone_deviation, mpjpe
from tcpformer.motion import Motion3D
from tcpformer.postprocess.foot_contacts import find_contacts
from tcpformer.postprocess.soles import lift_feet, plant_feet
from tcpformer.skeleton import BALLS, BODY_26, HEELS
from tcpformer.world.soles import find_soles

SOLES = [*HEELS, *BALLS]


@pytest.fixture
def motion() -> Motion3D:
    return walk26(90)


def contacts(motion: Motion3D, xyz: np.ndarray) -> np.ndarray:
    return find_contacts(xyz, motion.times, motion.valid, joints=SOLES)


def skate(xyz: np.ndarray, contact: np.ndarray, fps: float) -> float:
    """Return the mean speed of standing points, m/s."""
    both = contact[1:] & contact[:-1]
    step = np.linalg.norm(np.diff(xyz[:, SOLES, :2], axis=0), axis=-1)
    return float(step[both].mean() * fps)


def test_plant_feet_changes_little_where_feet_stand_on_the_floor(motion: Motion3D) -> None:
    height = find_soles(motion).height
    planted = plant_feet(motion.xyz, motion.times, contacts(motion, motion.xyz), height)
    low = np.maximum(height - motion.xyz[:, SOLES, 2].min(axis=1), 0)  # toes in the floor
    assert (mpjpe(planted, motion.xyz)[low == 0]).max() < 0.003


def test_plant_feet_stops_sliding_and_keeps_bones(motion: Motion3D) -> None:
    t = motion.times[:, None, None]
    slid = motion.xyz + 0.03 * np.sin(2 * np.pi * t) * np.array([1.0, 0.0, 0.0])
    contact, height = contacts(motion, slid), find_soles(motion).height
    planted = plant_feet(slid, motion.times, contact, height)
    assert skate(slid, contact, motion.fps) > 0.05
    assert skate(planted, contact, motion.fps) < 0.005
    assert bone_deviation(planted, BODY_26.bones).max() < 1e-9
    sole = np.linalg.norm(planted[:, HEELS] - planted[:, BALLS], axis=-1)
    np.testing.assert_allclose(sole, 0.18, atol=1e-9)


@pytest.mark.parametrize("over", [-0.03, 0.01])  # legs have 4 cm of slack
def test_plant_feet_puts_the_sole_on_the_floor(motion: Motion3D, over: float) -> None:
    xyz = motion.xyz + np.array([0.0, 0.0, over])
    contact, height = contacts(motion, xyz), find_soles(motion).height
    planted = plant_feet(xyz, motion.times, contact, height)
    np.testing.assert_allclose(planted[:, SOLES, 2][contact], height, atol=0.004)


def test_plant_feet_leaves_who_stands_on_something(motion: Motion3D) -> None:
    xyz = motion.xyz + np.array([0.0, 0.0, 0.4])
    contact, height = contacts(motion, xyz), find_soles(motion).height
    planted = plant_feet(xyz, motion.times, contact, height)
    np.testing.assert_allclose(planted, xyz, atol=0.005)


def test_plant_feet_brings_a_noisy_walk_nearer_the_floor(
    motion: Motion3D, rng: np.random.Generator
) -> None:
    noisy, height = tremble(motion, rng, 0.005), find_soles(motion).height
    contact = contacts(motion, noisy.xyz)
    planted = plant_feet(noisy.xyz, motion.times, contact, height)
    off = np.abs(planted - motion.xyz)[:, SOLES, 2].mean()
    assert off < 0.6 * np.abs(noisy.xyz - motion.xyz)[:, SOLES, 2].mean()


def test_lift_feet_leaves_no_foot_in_the_floor(motion: Motion3D) -> None:
    low = motion.xyz - np.array([0.0, 0.0, 0.05])
    height = find_soles(motion).height
    lifted = lift_feet(low, height)
    assert low[:, SOLES, 2].min() < height - 0.04
    assert lifted[:, SOLES, 2].min() > height - 1e-9
    assert bone_deviation(lifted, BODY_26.bones).max() < 1e-9
    np.testing.assert_array_equal(lifted[:, :1], low[:, :1])


def test_lift_feet_over_the_floor_changes_nothing(motion: Motion3D) -> None:
    high = motion.xyz + np.array([0.0, 0.0, 0.2])
    assert lift_feet(high, find_soles(motion).height) is high
