"""Rotations and positions along a tree of joints."""

import numpy as np
from scipy.spatial.transform import Rotation

from tcpformer.io.mocap_capture import compose_rotations, sum_offsets

PARENTS = (-1, 0, 1, 0)


def test_compose_rotations_multiplies_along_the_tree() -> None:
    local = Rotation.from_rotvec(np.random.default_rng(0).normal(size=(8, 3))).as_matrix()
    local = local.reshape(2, 4, 3, 3)
    world = compose_rotations(PARENTS, local)
    np.testing.assert_allclose(world[:, 2], local[:, 0] @ local[:, 1] @ local[:, 2])
    np.testing.assert_allclose(world[:, 3], local[:, 0] @ local[:, 3])


def test_sum_offsets_adds_along_the_tree() -> None:
    offsets = np.random.default_rng(0).normal(size=(5, 4, 3))
    xyz = sum_offsets(PARENTS, offsets)
    np.testing.assert_allclose(xyz[:, 2], offsets[:, :3].sum(axis=1))
    np.testing.assert_allclose(xyz[:, 3], offsets[:, 0] + offsets[:, 3])
