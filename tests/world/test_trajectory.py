"""The root trajectory: paths known in closed form are recovered from their exact projections."""

import numpy as np
import pytest
from motions import FOCAL, SIZE, walk
from scipy.spatial.transform import Rotation

from tcpformer.skeleton import FEET, H36M, stature
from tcpformer.world.camera import to_rays
from tcpformer.world.scale import scale_to_height
from tcpformer.world.trajectory import (
    TrajectoryConfig,
    median_bone_lengths,
    solve_depth_on_contacts,
    solve_root_trajectory,
)

MIRROR = list(H36M.mirror)
FPS = 30.0


def pose(frames: int) -> np.ndarray:
    """Return a moving body, pelvis at the origin, camera axes."""
    camera = walk(frames, FPS, speed=0.0).camera_xyz
    return camera - camera[:, :1]


def path(frames: int) -> np.ndarray:
    """Return a straight, even path off the axis: x right, y down, z forward."""
    time = np.arange(frames)[:, None] / FPS
    return np.array([-1.0, 0.3, 4.0]) + time * np.array([0.5, -0.1, 0.8])


def times(frames: int) -> np.ndarray:
    return np.arange(frames) / FPS


def project(relative: np.ndarray, root: np.ndarray) -> np.ndarray:
    camera = relative + root[:, None]
    return camera[..., :2] / camera[..., 2:]


def solved(
    relative: np.ndarray, root: np.ndarray, confidence: np.ndarray | None = None
) -> np.ndarray:
    seen = np.ones(relative.shape[:2]) if confidence is None else confidence
    return solve_root_trajectory(relative, project(relative, root), seen, times(len(root)))


def uneven(frames: int, seed: int = 5) -> np.ndarray:
    """Return times of a camera whose rate varies from 12 to 60 Hz, with two halts."""
    gap = np.random.default_rng(seed).uniform(1 / 60, 1 / 12, frames)
    gap[[frames // 3, frames // 2]] = 0.4
    return np.cumsum(gap)


def lengths(xyz: np.ndarray) -> np.ndarray:
    return np.stack([np.linalg.norm(xyz[:, c] - xyz[:, p], axis=-1) for p, c in H36M.bones], axis=1)


@pytest.mark.parametrize("frames", [3, 4, 10, 300])
def test_root_trajectory_of_an_even_path_is_exact(frames: int) -> None:
    root = path(frames)
    np.testing.assert_allclose(solved(pose(frames), root), root, rtol=0, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 2])
def test_root_trajectory_of_one_or_two_frames(frames: int) -> None:
    root = np.repeat(path(1), frames, axis=0)
    np.testing.assert_allclose(solved(pose(frames), root), root, rtol=0, atol=1e-9)


def test_root_trajectory_of_a_slowly_curved_path() -> None:
    time = np.arange(240) / FPS
    root = path(1) + np.stack(
        [np.sin(time), 0.1 * np.cos(time), 0.5 * np.cos(0.3 * 2 * np.pi * time / 2)], axis=1
    )
    found = solved(pose(240), root)
    np.testing.assert_allclose(found[20:-20], root[20:-20], rtol=0, atol=0.06)
    np.testing.assert_allclose(
        (found / found[:, 2:])[20:-20], (root / root[:, 2:])[20:-20], rtol=0, atol=0.01
    )


def test_root_trajectory_ignores_joints_of_confidence_0(rng: np.random.Generator) -> None:
    relative, root = pose(60), path(60)
    rays, confidence = project(relative, root), np.ones((60, 17))
    for joint in (3, 9, 16):
        rays[:, joint] += rng.normal(0, 1, (60, 2))
        confidence[:, joint] = 0
    found = solve_root_trajectory(relative, rays, confidence, times(len(rays)))
    np.testing.assert_allclose(found, root, rtol=0, atol=1e-6)


def test_root_trajectory_bridges_a_gap_in_an_even_path() -> None:
    # the image moves unevenly when a person comes nearer, but x and y in metres do not
    relative, root = pose(90), path(90)
    rays, confidence = project(relative, root), np.ones((90, 17))
    rays[30:70], confidence[30:70] = 7.0, 0.0
    found = solve_root_trajectory(relative, rays, confidence, times(len(rays)))
    np.testing.assert_allclose(found, root, rtol=0, atol=1e-6)


def test_root_trajectory_is_constant_outside_the_detections() -> None:
    relative, root, confidence = pose(90), path(90), np.ones((90, 17))
    confidence[:20], confidence[-30:] = 0.0, 0.0
    found = solved(relative, root, confidence)
    expected = np.concatenate([root[[20] * 20], root[20:60], root[[59] * 30]])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("fps", [10.0, 60.0, 240.0, 1000.0])
def test_root_trajectory_of_a_single_detection(fps: float) -> None:
    relative, root, confidence = pose(600), path(600), np.zeros((600, 17))
    confidence[400] = 1
    found = solve_root_trajectory(
        relative, project(relative, root), confidence, np.arange(600) / fps
    )
    np.testing.assert_allclose(found, root[[400] * 600], rtol=0, atol=0.02)


@pytest.mark.parametrize("size", [0.25, 0.5, 1.3, 2.0, 4.0])
def test_root_trajectory_ignores_a_frame_of_the_wrong_size(size: float) -> None:
    relative, root = pose(90), path(90)
    rays = project(relative, root)
    rays[45] = rays[45].mean(axis=0) + size * (rays[45] - rays[45].mean(axis=0))
    found = solve_root_trajectory(relative, rays, np.ones((90, 17)), times(90))
    others = np.arange(90) != 45
    np.testing.assert_allclose(found[others], root[others], rtol=0, atol=0.005)
    assert abs(found[45, 2] - root[45, 2]) < 0.005  # its depth is that of the frames around it


def test_root_trajectory_at_uneven_times() -> None:
    relative, at = pose(120), uneven(120)
    root = np.array([-1.0, 0.3, 4.0]) + (at[:, None] - at[0]) * np.array([0.3, -0.1, 0.5])
    rays, confidence = project(relative, root), np.ones((120, 17))
    rays[50:70], confidence[50:70] = 7.0, 0.0
    found = solve_root_trajectory(relative, rays, confidence, at)
    np.testing.assert_allclose(found, root, rtol=0, atol=1e-6)


def test_root_trajectory_is_smoothed_by_time_not_by_frame() -> None:
    # Every movement in depth is damped as much as an even 30 frames a second damp it.
    def swaying(at: np.ndarray) -> np.ndarray:
        still = np.repeat(pose(1), len(at), axis=0)
        depth = 5 + 0.15 * np.sin(2 * np.pi * 0.7 * at)
        root = np.stack([0 * at, 0 * at, depth], axis=1)
        return solve_root_trajectory(still, project(still, root), np.ones((len(at), 17)), at)[:, 2]

    even = times(300)
    dense = np.sort(np.concatenate([even, even[60:180] + 1 / 90]))  # twice as many for a while
    inside = np.isin(dense, even) & (dense > 1.5) & (dense < 8.5)
    np.testing.assert_allclose(
        swaying(dense)[inside], swaying(even)[(even > 1.5) & (even < 8.5)], rtol=0, atol=0.01
    )


def test_root_trajectory_scales_with_the_body_and_mirrors() -> None:
    relative, flip = pose(40), np.array([-1.0, 1.0, 1.0])
    rng = np.random.default_rng(2)
    rays = project(relative, path(40)) + rng.normal(0, 0.003, (40, 17, 2))
    seen = rng.uniform(0.3, 1, (40, 17))
    found = solve_root_trajectory(relative, rays, seen, times(40))
    np.testing.assert_allclose(
        solve_root_trajectory(2 * relative, rays, seen, times(40)), 2 * found, rtol=1e-9
    )
    mirrored = solve_root_trajectory(
        relative[:, MIRROR] * flip, rays[:, MIRROR] * flip[:2], seen[:, MIRROR], times(40)
    )
    np.testing.assert_allclose(mirrored, found * flip, rtol=1e-9)


def test_root_trajectory_stays_in_front_of_the_camera() -> None:
    relative = pose(20)
    rays = -project(relative, path(20))  # as if seen upside down: the best depth is negative
    found = solve_root_trajectory(relative, rays, np.ones((20, 17)), times(20))
    assert found[:, 2].min() >= TrajectoryConfig.nearest
    assert np.isfinite(found).all()


def test_root_trajectory_refuses_a_path_that_cannot_be_solved() -> None:
    relative = pose(5)
    for rays, seen in ((np.full((5, 17, 2), 0.2), 1.0), (project(relative, path(5)), 0.0)):
        with pytest.raises(ValueError, match="no frame shows joints apart"):
            solve_root_trajectory(relative, rays, np.full((5, 17), seen), times(5))


def test_solve_depth_on_contacts_reduces_sliding() -> None:
    relative, root = np.repeat(pose(1), 60, axis=0), np.tile([0.0, 0.5, 4.0], (60, 1))
    depth = root[:, 2] + 0.1 * np.sin(2 * np.pi * times(60))
    ray = root / root[:, 2:]
    feet, contact = relative[:, FEET], np.ones((60, 2), dtype=bool)
    solved = solve_depth_on_contacts(depth, ray, feet, times(60), contact)
    assert np.ptp(solved) < 0.2 * np.ptp(depth)
    free = solve_depth_on_contacts(depth, ray, feet, times(60), ~contact)
    np.testing.assert_allclose(free, depth, atol=1e-9)


def test_median_bone_lengths_keeps_constant_bones(rng: np.random.Generator) -> None:
    relative, valid = pose(30), np.ones(30, dtype=bool)
    np.testing.assert_allclose(median_bone_lengths(relative, valid), relative, rtol=0, atol=1e-12)
    rough = relative + rng.normal(0, 0.02, relative.shape)
    rough -= rough[:, :1]
    once = median_bone_lengths(rough, valid)
    np.testing.assert_allclose(median_bone_lengths(once, valid), once, rtol=0, atol=1e-12)
    assert np.ptp(lengths(once), axis=0).max() < 1e-12
    children = [child for _, child in H36M.bones]
    twin = [children.index(MIRROR[child]) for child in children]
    np.testing.assert_allclose(lengths(once)[0], lengths(once)[0, twin], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(once[:, 0], 0)


def test_median_bone_lengths_keeps_directions_and_commutes_with_turning(
    rng: np.random.Generator,
) -> None:
    rough = pose(30) + rng.normal(0, 0.02, (30, 17, 3))
    rough -= rough[:, :1]
    valid = rng.random(30) < 0.7
    once = median_bone_lengths(rough, valid)
    for parent, child in H36M.bones:
        one, other = rough[:, child] - rough[:, parent], once[:, child] - once[:, parent]
        np.testing.assert_allclose(np.cross(one, other), 0, atol=1e-12)
        assert ((one * other).sum(axis=-1) > 0).all()
    turn = Rotation.from_rotvec([1.0, 2.0, 0.5]).as_matrix()
    np.testing.assert_allclose(median_bone_lengths(rough @ turn, valid), once @ turn, atol=1e-12)
    flip = np.array([-1.0, 1.0, 1.0])
    mirrored = median_bone_lengths(rough[:, MIRROR] * flip, valid)
    np.testing.assert_allclose(mirrored, once[:, MIRROR] * flip, rtol=0, atol=1e-12)
    np.testing.assert_allclose(median_bone_lengths(3 * rough, valid), 3 * once, rtol=0, atol=1e-12)


def test_median_bone_lengths_ignores_invalid_frames() -> None:
    relative, valid = pose(9), np.arange(9) < 4
    wrong = np.where(valid[:, None, None], relative, 5 * relative)
    np.testing.assert_allclose(median_bone_lengths(wrong, valid), relative, rtol=0, atol=1e-12)


def test_median_bone_lengths_of_a_pose_without_extent() -> None:
    nothing = np.zeros((5, 17, 3))
    np.testing.assert_array_equal(median_bone_lengths(nothing, np.ones(5, bool)), nothing)


def test_scale_and_root_trajectory_recover_the_walk_from_pixels() -> None:
    motion = walk(60)
    rays = to_rays(motion.xy, SIZE, FOCAL)
    relative = scale_to_height(pose(60) / 7.0, float(stature(motion.xyz)[0]), valid=motion.valid)
    camera = (
        relative + solve_root_trajectory(relative, rays, motion.confidence, motion.times)[:, None]
    )
    np.testing.assert_allclose(camera, motion.camera_xyz, rtol=0, atol=1e-6)
