"""Shapes that keep their distances, turned freely."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tcpformer.world.rigid import fit_shape, place_shape


def turned(shape: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    turns = Rotation.from_quat(rng.normal(size=(count, 4))).as_matrix()
    return np.einsum("txy,ny->tnx", turns, shape)


def distances(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[..., :, None, :] - points[..., None, :, :], axis=-1)


def test_fit_shape_of_a_turned_shape_is_that_shape(rng: np.random.Generator) -> None:
    shape = rng.normal(size=(3, 3))
    found = fit_shape(turned(shape, 20, rng))
    np.testing.assert_allclose(found @ found.T, shape @ shape.T, atol=1e-9)


def test_fit_shape_of_noisy_frames_is_nearer_than_one_frame(rng: np.random.Generator) -> None:
    shape = rng.normal(size=(2, 3))
    points = turned(shape, 200, rng)
    points = points + rng.normal(0, 0.05, points.shape)
    found = fit_shape(points)
    assert np.abs(distances(found) - distances(shape)).max() < 0.02
    np.testing.assert_allclose(
        np.linalg.norm(found, axis=-1), np.linalg.norm(shape, axis=-1), atol=0.02
    )


def test_fit_shape_of_one_point_is_its_mean_distance(rng: np.random.Generator) -> None:
    points = rng.normal(size=(50, 1, 3))
    length = np.linalg.norm(points, axis=-1).mean()
    assert np.isclose(np.linalg.norm(fit_shape(points)), length)


def test_shapes_are_independent_of_the_frames_at_once(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = turned(rng.normal(size=(3, 3)), 40, rng) + rng.normal(0, 0.1, (40, 3, 3))
    weight = rng.uniform(0.1, 1, (40, 3))
    shape = fit_shape(points)
    placed = place_shape(shape, points), place_shape(points[::-1], points, weight)
    monkeypatch.setattr("tcpformer.world.rigid.FRAMES_AT_ONCE", 7)
    np.testing.assert_allclose(fit_shape(points), shape, atol=1e-9)
    again = place_shape(shape, points), place_shape(points[::-1], points, weight)
    np.testing.assert_allclose(again, placed, atol=1e-12)


def test_place_shape_is_exact_for_a_turned_shape(rng: np.random.Generator) -> None:
    shape = rng.normal(size=(3, 3))
    points = turned(shape, 20, rng)
    np.testing.assert_allclose(place_shape(shape, points), points, atol=1e-9)


def test_place_shape_goes_by_the_weighted_points(rng: np.random.Generator) -> None:
    shape = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    points = np.array([[[0.0, 1.0, 0.0], [-1.0, 0.3, 0.0]]])
    weight = np.array([[1e6, 1e-3]])
    np.testing.assert_allclose(place_shape(shape, points, weight)[0, 0], points[0, 0], atol=1e-4)
