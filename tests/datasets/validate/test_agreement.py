"""Agreement of 2D and 3D: projection, joints, lag."""

import numpy as np
import pytest
from motions import SIZE, walk

from tcpformer.datasets.validate.agreement import (
    find_lag,
    fit_projection,
    match_joints,
    reprojection_error,
)
from tcpformer.skeleton import H36M
from tcpformer.world.camera import to_rays


def pose_and_rays() -> tuple[np.ndarray, np.ndarray]:
    motion = walk(40)
    rays = to_rays(motion.xy, SIZE, motion.focal)
    return motion.camera_xyz - motion.camera_xyz[:, :1], rays


def test_fit_projection_finds_the_position() -> None:
    pose, rays = pose_and_rays()
    np.testing.assert_allclose(fit_projection(pose, rays), rays, atol=1e-9)
    assert reprojection_error(pose, rays) == pytest.approx(0, abs=1e-6)
    assert reprojection_error(3 * pose + 5, rays) == pytest.approx(0, abs=1e-6)


def test_match_joints_finds_exchanged_joints(rng: np.random.Generator) -> None:
    pose, rays = pose_and_rays()
    order = np.arange(17)
    i, j = H36M.index["LWrist"], H36M.index["RAnkle"]
    order[[i, j]] = j, i
    np.testing.assert_array_equal(match_joints(pose, rays[:, order]), order)


@pytest.mark.parametrize("lag", [-4, 0, 3])
def test_find_lag_finds_the_shift(lag: int) -> None:
    pose, rays = pose_and_rays()
    found, share = find_lag(pose[5:35], rays[5 - lag : 35 - lag], 6)
    assert found == lag
    assert share < 1e-3 if lag else share == pytest.approx(1, abs=1e-3)
