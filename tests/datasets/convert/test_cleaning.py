"""Unit, up axis, floor, glitches and resampling of captured motion."""

import numpy as np
import pytest
from motions import walk

from tcpformer.datasets.convert.cleaning import (
    UNITS,
    check_limbs,
    find_unit,
    find_up_axis,
    resample,
    rotate_z_up,
    split_at_glitches,
)
from tcpformer.skeleton import H36M


@pytest.mark.parametrize("unit", UNITS)
def test_find_unit_finds_every_unit(unit: str) -> None:
    assert find_unit(walk(30).xyz / UNITS[unit]) == unit


@pytest.mark.parametrize("factor", [0.5, 7.0, 1e6, 0.0])
def test_find_unit_refuses_other_scales(factor: float) -> None:
    with pytest.raises(ValueError, match="wrong scale: stature"):
        find_unit(walk(30).xyz * factor)


@pytest.mark.parametrize("up", ["+x", "-x", "+y", "-y", "+z", "-z"])
def test_find_up_axis_and_rotate_z_up(up: str) -> None:
    turn = rotate_z_up(np.eye(3), up).T
    assert np.linalg.det(turn) == pytest.approx(1)
    xyz = walk(50).xyz
    lying = xyz @ turn
    assert find_up_axis([lying]) == up
    np.testing.assert_allclose(rotate_z_up(lying, up), xyz, atol=1e-12)


def test_find_up_axis_refuses_disagreement() -> None:
    xyz = walk(50).xyz
    with pytest.raises(ValueError, match="no up axis"):
        find_up_axis([xyz, rotate_z_up(xyz, "-y"), rotate_z_up(xyz, "-z")])


def test_resample_keeps_the_path() -> None:
    t = np.arange(121) / 120
    path = np.stack([np.sin(3 * t), np.cos(3 * t), t], axis=-1)[:, None] * np.ones((17, 1))
    there = resample(path, 120.0, 50.0)
    t = np.arange(51) / 50
    np.testing.assert_allclose(there[:, 4, 0], np.sin(3 * t), atol=1e-6)
    assert len(there) == 51
    np.testing.assert_allclose(resample(path, 120.0, 120.0), path, atol=1e-12)


@pytest.mark.parametrize("fps", [30.0, 120.0])
def test_split_at_glitches_keeps_sane_motion(fps: float) -> None:
    xyz = walk(60, fps, speed=2.0).xyz @ np.diag([1, 4, 1])
    (piece,) = split_at_glitches(xyz, fps)
    np.testing.assert_array_equal(piece, xyz)


def test_split_at_glitches_cuts_a_jump_of_one_frame() -> None:
    xyz = walk(240, 120.0).xyz.copy()
    xyz[100, H36M.index["LWrist"]] += [0.1, 0, 0]
    first, second = split_at_glitches(xyz, 120.0)
    assert len(first) <= 100
    assert len(second) <= 139
    assert len(first) + len(second) >= 234
    assert all(not (piece == xyz[100]).all(axis=(1, 2)).any() for piece in (first, second))


def test_check_limbs_refuses_changing_lengths() -> None:
    xyz = walk(100).xyz.copy()
    knee, ankle = H36M.index["LKnee"], H36M.index["LAnkle"]
    stretch = 1 + 0.1 * np.sin(np.arange(100))[:, None]
    xyz[:, ankle] = xyz[:, knee] + stretch * (xyz[:, ankle] - xyz[:, knee])
    with pytest.raises(ValueError, match="bone lengths vary: LAnkle by"):
        check_limbs(xyz)
    check_limbs(walk(100).xyz)
