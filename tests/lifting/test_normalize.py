"""Pixels and what a network sees: round trips, and what the aimed view does not depend on."""

import numpy as np
import pytest
from motions import FOCAL, SIZE, walk
from scipy.spatial.transform import Rotation

from tcpformer.lifting.normalize import (
    FLAT_SCALE,
    flat_prior,
    look_at_rotation,
    normalize_clips,
    to_centered_camera,
    to_screen,
)
from tcpformer.skeleton import H36M
from tcpformer.world.camera import to_rays

MIRROR, FLIP = list(H36M.mirror), np.array([-1.0, 1.0])
SIZES = [(1920, 1080), (1080, 1920), (1000, 1002), (1, 1)]


def rays(camera: np.ndarray) -> np.ndarray:
    return camera[..., :2] / camera[..., 2:]


@pytest.fixture
def aside() -> np.ndarray:
    """A person seen well off the middle of the picture, in camera coordinates."""
    return walk(12).camera_xyz + np.array([1.5, -0.4, 0.0])


# screen


@pytest.mark.parametrize("size", SIZES)
def test_to_screen_keeps_shapes_and_centers(size: tuple[int, int]) -> None:
    width, height = size
    corners = np.array([[0.0, 0.0], [width, height], [width / 2, height / 2]])
    expected = [[-1, -height / width], [1, height / width], [0, 0]]
    np.testing.assert_allclose(to_screen(corners, size), expected, rtol=0, atol=1e-12)


def test_normalize_clips_screen_leaves_the_answer_unchanged(rng: np.random.Generator) -> None:
    xyc = rng.uniform(0, 1, size=(2, 9, 17, 3))
    seen = normalize_clips(xyc, SIZE, FOCAL, normalization="screen", root=0)
    np.testing.assert_array_equal(seen.xyc[..., :2], to_screen(xyc[..., :2], SIZE))
    np.testing.assert_array_equal(seen.xyc[..., 2], xyc[..., 2])
    np.testing.assert_array_equal(seen.flat, 0)
    np.testing.assert_array_equal(seen.rotation, np.broadcast_to(np.eye(3), (2, 9, 3, 3)))


def test_normalize_clips_centered_camera_is_a_turned_camera_of_unit_size() -> None:
    figure = walk(9)
    xyc = np.concatenate([figure.xy, figure.confidence[..., None]], axis=-1)[None]
    seen = normalize_clips(xyc, SIZE, FOCAL, normalization="centered-camera", root=H36M.root)
    size = np.sqrt((seen.xyc[..., :2] ** 2).sum(axis=-1).mean())
    assert size == pytest.approx(1)
    rays = to_rays(figure.xy, SIZE, FOCAL)
    # Of what the virtual camera sees only its scale over the clip is unknown.
    lines = np.concatenate([rays, np.ones((9, 17, 1))], axis=-1)
    turned = np.einsum("txy,tjy->tjx", seen.rotation[0], lines)
    flat = turned[..., :2] / turned[..., 2:]
    scale = (seen.xyc[0, ..., :2] * flat).sum() / (flat**2).sum()
    np.testing.assert_allclose(seen.xyc[0, ..., :2], scale * flat, atol=1e-9)
    np.testing.assert_array_equal(seen.flat[0, ..., 2], 0)


def test_to_screen_of_mirrored_image_negates_x(rng: np.random.Generator) -> None:
    xy = rng.uniform(0, 1000, (3, 17, 2))
    flipped = np.array([1000.0, 0.0]) + xy * FLIP
    np.testing.assert_allclose(to_screen(flipped, (1000, 800)), to_screen(xy, (1000, 800)) * FLIP)


# rays


# aim


def test_look_at_rotation_turns_mean_ray_onto_axis(aside: np.ndarray) -> None:
    seen = rays(aside)
    rotation = look_at_rotation(seen)
    identity = np.broadcast_to(np.eye(3), rotation.shape)
    np.testing.assert_allclose(rotation @ np.swapaxes(rotation, -1, -2), identity, atol=1e-14)
    np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-14)
    ray = np.append(seen.mean(axis=-2), np.ones((12, 1)), axis=-1)
    turned = np.einsum("tab,tb->ta", rotation, ray / np.linalg.norm(ray, axis=-1, keepdims=True))
    np.testing.assert_allclose(turned, np.tile([0.0, 0, 1], (12, 1)), atol=1e-14)


def test_look_at_rotation_is_the_smallest(aside: np.ndarray) -> None:
    seen = rays(aside)
    angle = Rotation.from_matrix(look_at_rotation(seen)).magnitude()
    off_axis = np.arctan(np.linalg.norm(seen.mean(axis=-2), axis=-1))
    np.testing.assert_allclose(angle, off_axis, atol=1e-7)
    assert off_axis.min() > 0.2


def test_look_at_rotation_commutes_with_mirroring(aside: np.ndarray) -> None:
    seen, flip = rays(aside), np.diag([-1.0, 1.0, 1.0])
    there = look_at_rotation(seen[:, MIRROR] * FLIP)
    np.testing.assert_allclose(there, flip @ look_at_rotation(seen) @ flip, atol=1e-14)


def test_look_at_rotation_of_centered_person_is_identity() -> None:
    seen = np.array([[[0.1, 0.2], [-0.1, -0.2]], [[0.0, 0.0], [0.0, 0.0]]])
    np.testing.assert_array_equal(look_at_rotation(seen), np.broadcast_to(np.eye(3), (2, 3, 3)))


def test_look_at_rotation_of_rays_almost_sideways() -> None:
    rotation = look_at_rotation(np.full((1, 4, 2), 1e6))
    np.testing.assert_allclose(rotation[0] @ rotation[0].T, np.eye(3), atol=1e-12)


# aimed


def test_to_centered_camera_ignores_where_the_camera_looks(
    aside: np.ndarray,
) -> None:
    seen = rays(aside)
    rotation = look_at_rotation(seen)
    turn = Rotation.from_euler("xyz", [8, -25, 11], degrees=True).as_matrix()
    other = rays(aside @ turn.T)
    np.testing.assert_allclose(
        to_centered_camera(other, rotation @ turn.T),
        to_centered_camera(seen, rotation),
        rtol=0,
        atol=1e-13,
    )


@pytest.mark.parametrize(("axis", "limit"), [((0, 1, 0), 0.01), ((1, 0, 0), 0.04)])
def test_to_centered_camera_hardly_changes_with_a_turned_camera(
    axis: tuple[int, int, int], limit: float
) -> None:
    # exactly it cannot stay: the mean of what one camera sees is not quite what another one sees
    camera = walk(12).camera_xyz
    turn = Rotation.from_rotvec(np.radians(15) * np.array(axis)).as_matrix()
    seen, other = rays(camera), rays(camera @ turn.T)
    assert np.abs(other - seen).max() > 0.2
    aimed = to_centered_camera(seen, look_at_rotation(seen))
    assert (
        np.abs(to_centered_camera(other, look_at_rotation(other)) - aimed).max()
        < limit * np.abs(aimed).max()
    )


def test_to_centered_camera_has_unit_extent_at_any_distance() -> None:
    pose = walk(12, speed=0.0).camera_xyz - np.array([0.0, 0.0, 5.0])
    near, far = (rays(pose * size + [0.0, 0.0, 5.0 * size]) for size in (1.0, 30.0))
    aimed = to_centered_camera(near, look_at_rotation(near))
    assert np.sqrt((aimed**2).sum(axis=-1).mean()) == pytest.approx(1.0)
    np.testing.assert_allclose(
        to_centered_camera(far, look_at_rotation(far)), aimed, rtol=0, atol=1e-12
    )


def test_to_centered_camera_commutes_with_mirroring_and_batches(aside: np.ndarray) -> None:
    seen = rays(aside)
    flipped = seen[:, MIRROR] * FLIP
    aimed = to_centered_camera(seen, look_at_rotation(seen))
    np.testing.assert_allclose(
        to_centered_camera(flipped, look_at_rotation(flipped)),
        aimed[:, MIRROR] * FLIP,
        rtol=0,
        atol=1e-13,
    )
    both = np.stack([seen, 0.5 * seen])
    np.testing.assert_array_equal(to_centered_camera(both, look_at_rotation(both))[0], aimed)


def test_normalization_of_degenerate_views_is_finite() -> None:
    point = np.full((3, 17, 2), 0.4)
    np.testing.assert_allclose(to_centered_camera(point, look_at_rotation(point)), 0, atol=1e-9)
    wild = np.zeros((1, 17, 2))
    wild[0, :8] = 50.0  # an angle of more than a right angle from the mean ray
    wild[0, 8:16] = -49.0
    assert np.isfinite(to_centered_camera(wild, look_at_rotation(wild))).all()


def test_flat_prior_is_root_relative_and_flat(aside: np.ndarray) -> None:
    aimed = to_centered_camera(rays(aside), look_at_rotation(rays(aside)))
    for root in (0, 14):
        flat = flat_prior(aimed, root)
        np.testing.assert_array_equal(flat[:, root], 0)
        np.testing.assert_array_equal(flat[..., 2], 0)
        between = flat[:, 3, :2] - flat[:, 5, :2]
        np.testing.assert_allclose(between, FLAT_SCALE * (aimed[:, 3] - aimed[:, 5]), atol=1e-14)


def test_flat_prior_of_distant_figure_has_about_its_size() -> None:
    camera = walk(30, speed=0.0).camera_xyz + np.array([0.0, 0.0, 30.0])
    seen = rays(camera)
    flat = flat_prior(to_centered_camera(seen, look_at_rotation(seen)), H36M.root)
    size, true = (np.ptp(x[..., 1], axis=1).mean() for x in (flat, camera))
    assert size == pytest.approx(true, rel=0.2)
