"""Rotations of the rig: inverse pairs, and equal to scipy's."""

import numpy as np
from scipy.spatial.transform import Rotation

from tcpformer.io.rig_turns import (
    cross,
    invert,
    multiply,
    shortest_turn,
    to_matrices,
    turn_about,
)

TURNS = Rotation.random(6, rng=np.random.default_rng(1)).as_quat()
AXES = Rotation.random(6, rng=np.random.default_rng(2)).apply([0.0, 0.0, 1.0])


def test_multiply_by_the_inverse_gives_no_turn() -> None:
    np.testing.assert_allclose(multiply(TURNS, invert(TURNS)), [[0, 0, 0, 1]] * 6, atol=1e-12)


def test_multiply_turns_by_the_second_first() -> None:
    both = multiply(TURNS[:5], TURNS[1:])
    expected = to_matrices(TURNS[:5]) @ to_matrices(TURNS[1:])
    np.testing.assert_allclose(to_matrices(both), expected, atol=1e-12)


def test_to_matrices_equals_scipy() -> None:
    matrices = Rotation.from_quat(TURNS).as_matrix()
    np.testing.assert_allclose(to_matrices(TURNS), matrices, atol=1e-12)


def test_turn_about_equals_scipy() -> None:
    angles = np.linspace(-4, 4, 6)
    expected = Rotation.from_rotvec(AXES * angles[:, None]).as_matrix()
    np.testing.assert_allclose(turn_about(AXES, angles), expected, atol=1e-12)


def test_cross_is_right_handed() -> None:
    np.testing.assert_allclose(cross(np.eye(3), np.eye(3)[[1, 2, 0]]), np.eye(3)[[2, 0, 1]])


def test_shortest_turn_brings_start_to_end_about_their_normal() -> None:
    start, end = AXES[:3], AXES[3:]
    turn = shortest_turn(start, end, np.zeros(3))
    np.testing.assert_allclose((turn @ start[..., None])[..., 0], end, atol=1e-12)
    normal = cross(start, end)
    np.testing.assert_allclose((turn @ normal[..., None])[..., 0], normal, atol=1e-12)


def test_shortest_turn_to_the_opposite_is_about_the_hinge() -> None:
    x, _, z = np.eye(3)
    np.testing.assert_allclose(shortest_turn(x, -x, z), np.diag([-1, -1, 1]), atol=1e-12)
