"""Clips of the camera domain "benchmark-like"."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mocaps import mocap_file
from motions import walk

from tcpformer.datasets.clip_batch import ClipBatch
from tcpformer.datasets.mocap import Mocap, load_mocap
from tcpformer.datasets.synthetic.benchmark_like import (
    _draw_frames,
    generate_benchmark_clips,
    simulate_benchmark_view,
)
from tcpformer.lifting.normalize import look_at_rotation, to_centered_camera
from tcpformer.skeleton import STANDARD_HEIGHT, stature


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return mocap_file(tmp_path / "mocap.npz")


SECONDS = 0.08


def draw_batches(file: Path, count: int = 1, **changes: Any) -> list[ClipBatch]:
    settings: dict[str, Any] = {"frames": 9, "batch": 16, "frame_step": (1, 3), "seed": 0} | changes
    return list(islice(generate_benchmark_clips(load_mocap(file, "train"), **settings), count))


def test_generate_benchmark_clips_is_repeatable(file: Path) -> None:
    for one, same in zip(draw_batches(file, 3), draw_batches(file, 3), strict=True):
        for name in ("xyc", "flat", "xyz"):
            np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    batches = draw_batches(file, 2)
    assert (batches[0].xyz != batches[1].xyz).any()
    assert (draw_batches(file, seed=1)[0].xyz != batches[0].xyz).any()


def test_generate_benchmark_clips_targets_standard_height(file: Path) -> None:
    batch = draw_batches(file, batch=64)[0]
    assert batch.xyc.shape == batch.flat.shape == batch.xyz.shape == (64, 9, 17, 3)
    assert batch.xyc.dtype == batch.flat.dtype == batch.xyz.dtype == np.float32
    np.testing.assert_array_equal(batch.xyz[:, :, 0], 0)
    np.testing.assert_allclose(stature(batch.xyz).mean(axis=1), STANDARD_HEIGHT, rtol=1e-5)
    # constant but for the moved skull, which turns with the chest and not with the neck
    assert np.ptp(stature(batch.xyz), axis=1).max() < 0.03
    np.testing.assert_array_equal(batch.flat[..., 2], 0)


def test_generate_benchmark_clips_has_exact_projections(file: Path) -> None:
    batch = draw_batches(file, batch=32)[0]
    exact = (batch.xyc[..., 2] == 1).all(axis=(1, 2))
    assert 2 < exact.sum() < 16
    flat, true = batch.xyc[exact][..., :2], batch.xyz[exact].astype(float)
    # rays are known up to one scale s a clip: x + X = u s (z + Z), linear in the root's X and Z
    for u, x in zip(flat, true, strict=True):
        scales = np.linspace(0.03, 0.45, 120)
        misfit = [projection_error(u.astype(float) * s, x) for s in scales]
        assert min(misfit) < 5e-3
        assert min(misfit) < 0.2 * projection_error(u * 0.9, x)


def projection_error(rays: np.ndarray, relative: np.ndarray) -> float:
    """Root mean square of what no root position explains, in metres."""
    t = len(rays)
    a = np.zeros((t, 17, 2, 3))
    a[:, :, 0, 0] = a[:, :, 1, 1] = 1
    a[..., 2] = -rays
    b = rays * relative[..., 2:] - relative[..., :2]
    a, b = a.reshape(t, 34, 3), b.reshape(t, 34)
    left = [b[i] - a[i] @ np.linalg.lstsq(a[i], b[i])[0] for i in range(t)]
    return float(np.sqrt(np.mean(np.square(left))))


def test_simulate_benchmark_view_equals_lifter_normalization() -> None:
    aside = np.linspace(-2, 2, 40)[:, None, None, None] * np.array([1.0, 0, 0])
    camera = walk(9).camera_xyz + aside
    known = np.ones(camera.shape[1:3], dtype=bool)
    known = np.broadcast_to(known, (40, *known.shape))
    seen = simulate_benchmark_view(camera, known, np.full(40, SECONDS), np.random.default_rng(0))
    exact = (seen.xyc[..., 2] == 1).all(axis=(1, 2))
    assert exact.any()
    rays = camera[..., :2] / camera[..., 2:]
    aimed = to_centered_camera(rays, look_at_rotation(rays))
    np.testing.assert_allclose(seen.xyc[exact][..., :2], aimed[exact], rtol=0, atol=1e-5)
    turned = np.einsum("btxy,btjy->btjx", look_at_rotation(rays), camera - camera[:, :, :1])
    np.testing.assert_allclose(seen.xyz[exact], turned[exact], rtol=0, atol=1e-5)
    size = np.linalg.norm(camera - camera[:, :, :1], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(seen.xyz, axis=-1), size, rtol=0, atol=1e-5)


def empty_mocap(lengths: tuple[int, ...]) -> Mocap:
    starts = np.cumsum([0, *lengths])[:-1]
    return Mocap(np.zeros((sum(lengths), 17, 3)), starts, np.array(lengths), 50.0)


@pytest.mark.parametrize("draw", range(4))
def test_draw_frames_stays_in_one_sequence_with_one_step(draw: int) -> None:
    mocap = empty_mocap((9, 3, 200, 17, 1))
    index, gap = _draw_frames(mocap, 9, 32, (2, 5), np.random.default_rng(draw))
    which = np.searchsorted(mocap.starts, index, side="right") - 1
    assert (which == which[:, :1]).all()
    steps, length = np.diff(index, axis=1), mocap.lengths[which[:, 0]]
    full = length >= 9
    assert (steps[full] == gap[full, None]).all()
    assert ((steps >= 0) & (steps <= 1))[~full].all()  # too short a sequence rests at its end
    assert ((gap >= 2) & (gap <= 5))[length == 200].all()
    assert (gap[length == 17] == 2).all()


def test_draw_frames_reaches_all_frames() -> None:
    mocap, rng = empty_mocap((400, 100)), np.random.default_rng(0)
    index = np.concatenate([_draw_frames(mocap, 3, 500, (1, 1), rng)[0] for _ in range(10)])
    assert (index[:, 0] < 400).mean() == pytest.approx(2 / 3, abs=0.03)
    assert {0, 399, 400, 499} <= set(index.ravel().tolist())
