"""Detector noise: what stays exact, what confidence knows, and the statistics it states."""

from itertools import pairwise

import numpy as np
import pytest
from motions import walk

from tcpformer.datasets.synthetic.benchmark_detector import (
    CORRELATION,
    _wander,
    add_benchmark_noise,
)
from tcpformer.skeleton import H36M

JOINT = H36M.index
SECONDS = 0.08


def noisy(
    b: int = 400, t: int = 27, seed: int = 0, size: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    camera = walk(t, 1 / SECONDS).camera_xyz + np.array([0.5, 0.0, 0.0])
    xy = size * np.broadcast_to(camera[..., :2] / camera[..., 2:], (b, t, 17, 2))
    return xy, *add_benchmark_noise(xy, np.full(b, SECONDS), np.random.default_rng(seed))


def test_a_quarter_of_the_clips_is_exact_and_fully_confident() -> None:
    xy, out, confidence = noisy()
    exact = (out == xy).all(axis=(1, 2, 3))
    assert abs(exact.mean() - 0.25) < 0.07
    assert (confidence[exact] == 1).all()
    assert ((confidence[~exact] < 1).mean(axis=(1, 2)) > 0.3).all()
    assert confidence.min() >= 0.01
    assert confidence.max() <= 1


def test_confidence_falls_with_error() -> None:
    xy, out, confidence = noisy()
    torso = np.linalg.norm(xy[0, :, JOINT["Thorax"]] - xy[0, :, JOINT["Hip"]], axis=-1).mean()
    some = (out != xy).any(axis=(1, 2, 3))
    error = np.linalg.norm(out - xy, axis=-1)[some].ravel() / torso
    bins = np.digitize(error, [0.05, 0.1, 0.2, 0.4])
    means = [confidence[some].ravel()[bins == i].mean() for i in range(5)]
    assert all(one > other + 0.05 for one, other in pairwise(means))
    # as measured of the benchmark's detector: median error 6.7 % of the torso
    assert 0.04 < np.median(error) < 0.10


def test_noise_is_the_same_by_seed_and_differs_by_seed() -> None:
    _, one, confidence = noisy(20, seed=1)
    _, same, again = noisy(20, seed=1)
    _, other, _ = noisy(20, seed=2)
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(confidence, again)
    assert (one != other).any()


def test_noise_is_in_units_of_the_person_and_leaves_its_input_alone() -> None:
    xy, one, confidence = noisy(30)
    _, other, likewise = noisy(30, size=1000.0)
    np.testing.assert_allclose(other / 1000, one, rtol=0, atol=1e-4)
    np.testing.assert_allclose(likewise, confidence, rtol=0, atol=1e-3)
    np.testing.assert_array_equal(xy, noisy(30)[0])


def test_a_person_seen_end_on_is_not_a_point() -> None:
    xy = np.zeros((50, 5, 17, 2))
    xy[:, :, JOINT["LAnkle"]], xy[:, :, JOINT["RAnkle"]] = 1.0, -1.0
    out, confidence = add_benchmark_noise(xy, np.full(50, SECONDS), np.random.default_rng(0))
    assert np.isfinite(out).all()
    assert np.isfinite(confidence).all()
    assert np.median(np.abs(out - xy)[(out != xy)]) > 0.003


@pytest.mark.parametrize("t", [1, 2, 81])
def test_clips_of_any_length_and_type(t: int) -> None:
    xy = np.broadcast_to(walk(1).camera_xyz[..., :2], (8, t, 17, 2)).astype(np.float32)
    out, confidence = add_benchmark_noise(xy, np.full(8, SECONDS), np.random.default_rng(0))
    assert out.dtype == confidence.dtype == np.float32
    assert np.isfinite(out).all()


def test_the_wander_has_unit_variance_and_forgets_as_stated(rng: np.random.Generator) -> None:
    steps = _wander(np.full(300, 0.35), 12, rng)
    np.testing.assert_allclose(steps.std(axis=(0, 2, 3)), 1, rtol=0.05)
    product = (steps[:, :1] * steps).mean(axis=(0, 2, 3))
    np.testing.assert_allclose(product, np.exp(-0.35 * np.arange(12) / CORRELATION), atol=0.05)


def test_sides_are_sometimes_exchanged_and_then_together() -> None:
    # left and right so far apart that noise cannot exchange them
    xy = np.zeros((2000, 9, 17, 2))
    for i, joint in enumerate(H36M.joints):
        xy[:, :, i] = {"L": [9.0, 0.0], "R": [-9.0, 0.0]}.get(joint[0], [0.0, 0.0])
    xy[:, :, JOINT["Thorax"], 1] = 1.0
    out, _ = add_benchmark_noise(xy, np.full(2000, SECONDS), np.random.default_rng(0))
    swapped = np.sign(out[..., 0]) == -np.sign(xy[..., 0])
    legs = [JOINT[s + j] for s in "LR" for j in ("Hip", "Knee", "Ankle")]
    arms = [JOINT[s + j] for s in "LR" for j in ("Shoulder", "Elbow", "Wrist")]
    for limb in (legs, arms):
        together = swapped[..., limb].all(axis=-1)
        assert 0.001 < together.mean() < 0.02
        alone = swapped[..., limb].any(axis=-1) & ~together
        assert alone.mean() < 0.01
