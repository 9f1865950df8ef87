"""Implausible bodies, orders of joints, knees."""

from collections.abc import Callable

import numpy as np
import pytest
from motions import SIZE, walk

from tcpformer.datasets.validate.anatomy import implausibility, joint_orders, mean_knee_bend
from tcpformer.skeleton import H36M
from tcpformer.world.camera import to_rays


def pose_and_rays() -> tuple[np.ndarray, np.ndarray]:
    motion = walk(40)
    rays = to_rays(motion.xy, SIZE, motion.focal)
    return motion.camera_xyz - motion.camera_xyz[:, :1], rays


SAME: list[Callable[[np.ndarray], np.ndarray]] = [
    lambda x: 7 * x,
    lambda x: x - np.arange(3),
    lambda x: x * [-1, 1, 1],
    lambda x: x[..., [1, 2, 0]],
]


@pytest.mark.parametrize("change", SAME, ids=["scale", "place", "mirror", "turn"])
def test_implausibility_is_invariant(change: Callable[[np.ndarray], np.ndarray]) -> None:
    pose, _ = pose_and_rays()
    assert implausibility(change(pose)) == pytest.approx(float(implausibility(pose)))


def test_joint_orders_are_affine() -> None:
    names, maps = joint_orders()
    assert len(set(names)) == len(names) == 3 + 17 * 16 // 2
    np.testing.assert_allclose(maps.sum(axis=2), 1, atol=1e-12)


def test_mean_knee_bend_changes_sign_in_a_mirror() -> None:
    pose, _ = pose_and_rays()
    assert mean_knee_bend(pose) > 0.1
    assert mean_knee_bend(pose * [-1, 1, 1]) == pytest.approx(-mean_knee_bend(pose))
    assert mean_knee_bend(pose[:, list(H36M.mirror)]) == pytest.approx(-mean_knee_bend(pose))
    assert mean_knee_bend(pose[:, list(H36M.mirror)] * [-1, 1, 1]) == pytest.approx(
        mean_knee_bend(pose)
    )
