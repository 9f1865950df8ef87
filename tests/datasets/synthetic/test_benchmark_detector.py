"""Noise of the kind of the open benchmark, and its confidence."""

from itertools import pairwise

import numpy as np
import pytest
from motions import walk

from tcpformer.datasets.synthetic.benchmark_detector import (
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


def test_add_benchmark_noise_keeps_a_quarter_exact() -> None:
    xy, out, confidence = noisy()
    exact = (out == xy).all(axis=(1, 2, 3))
    assert abs(exact.mean() - 0.25) < 0.07
    assert (confidence[exact] == 1).all()
    assert ((confidence[~exact] < 1).mean(axis=(1, 2)) > 0.3).all()
    assert confidence.min() >= 0.01
    assert confidence.max() <= 1


def test_add_benchmark_noise_confidence_falls_with_error() -> None:
    xy, out, confidence = noisy()
    torso = np.linalg.norm(xy[0, :, JOINT["Thorax"]] - xy[0, :, JOINT["Hip"]], axis=-1).mean()
    some = (out != xy).any(axis=(1, 2, 3))
    error = np.linalg.norm(out - xy, axis=-1)[some].ravel() / torso
    bins = np.digitize(error, [0.05, 0.1, 0.2, 0.4])
    means = [confidence[some].ravel()[bins == i].mean() for i in range(5)]
    assert all(one > other + 0.05 for one, other in pairwise(means))
    # as measured of the benchmark's detector: median error 6.7 % of the torso
    assert 0.04 < np.median(error) < 0.10


def test_add_benchmark_noise_is_repeatable() -> None:
    _, one, confidence = noisy(20, seed=1)
    _, same, again = noisy(20, seed=1)
    _, other, _ = noisy(20, seed=2)
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(confidence, again)
    assert (one != other).any()


def test_add_benchmark_noise_scales_with_the_person() -> None:
    xy, one, confidence = noisy(30)
    _, other, same = noisy(30, size=1000.0)
    np.testing.assert_allclose(other / 1000, one, rtol=0, atol=1e-4)
    np.testing.assert_allclose(same, confidence, rtol=0, atol=1e-3)
    np.testing.assert_array_equal(xy, noisy(30)[0])


def test_add_benchmark_noise_of_a_person_seen_end_on() -> None:
    xy = np.zeros((50, 5, 17, 2))
    xy[:, :, JOINT["LAnkle"]], xy[:, :, JOINT["RAnkle"]] = 1.0, -1.0
    out, confidence = add_benchmark_noise(xy, np.full(50, SECONDS), np.random.default_rng(0))
    assert np.isfinite(out).all()
    assert np.isfinite(confidence).all()
    assert np.median(np.abs(out - xy)[(out != xy)]) > 0.003


@pytest.mark.parametrize("t", [1, 2, 81])
def test_add_benchmark_noise_keeps_length_and_type(t: int) -> None:
    xy = np.broadcast_to(walk(1).camera_xyz[..., :2], (8, t, 17, 2)).astype(np.float32)
    out, confidence = add_benchmark_noise(xy, np.full(8, SECONDS), np.random.default_rng(0))
    assert out.dtype == confidence.dtype == np.float32
    assert np.isfinite(out).all()


def test_add_benchmark_noise_exchanges_sides_of_whole_limbs() -> None:
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
