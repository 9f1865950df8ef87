"""Clips and motions of the camera domain "as-filmed": repeatable, true, as the lifter sees them."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mocaps import mocap_file
from motions import walk

from tcpformer.datasets.clip_batch import ClipBatch
from tcpformer.datasets.mocap import Mocap, load_mocap
from tcpformer.datasets.synthetic import as_filmed
from tcpformer.datasets.synthetic.as_filmed import generate_filmed_clips
from tcpformer.datasets.synthetic.benchmark_like import generate_benchmark_clips
from tcpformer.filtering.resample import interpolate_at
from tcpformer.lifting.normalize import FLAT_SCALE, look_at_rotation, to_centered_camera
from tcpformer.skeleton import H36M, STANDARD_HEIGHT, stature
from tcpformer.world.camera import choose_focal, to_rays


@pytest.fixture(scope="module")
def mocap() -> Mocap:
    """One long walk on the spot and one that goes somewhere."""
    xyz = [walk(400, 50.0, speed).xyz for speed in (0.0, 1.2)]
    joined = np.concatenate(xyz).astype(np.float32)
    return Mocap(joined, np.array([0, 400]), np.array([400, 400]), 50.0)


def draw_batches(mocap: Mocap, count: int = 1, **changes: Any) -> list[ClipBatch]:
    settings: dict[str, Any] = {"frames": 9, "batch": 16, "frame_step": (1, 3), "seed": 0} | changes
    return list(islice(generate_filmed_clips(mocap, **settings), count))


def arrays(batch: ClipBatch) -> tuple[np.ndarray, ...]:
    return batch.xyc, batch.flat, batch.xyz


def test_generate_filmed_clips_depends_on_seed_and_number(mocap: Mocap) -> None:
    batches = draw_batches(mocap, 3)
    for one, same in zip(arrays(batches[2]), arrays(draw_batches(mocap, first=2)[0]), strict=True):
        np.testing.assert_array_equal(one, same)
    assert (batches[0].xyz != batches[1].xyz).any()
    assert (draw_batches(mocap, seed=1)[0].xyz != batches[0].xyz).any()


def test_generate_filmed_clips_is_normalized(mocap: Mocap) -> None:
    batch = draw_batches(mocap, batch=200)[0]
    for x in arrays(batch):
        assert x.shape == (200, 9, 17, 3)
        assert x.dtype == np.float32
        assert np.isfinite(x).all()
    np.testing.assert_array_equal(batch.xyz[:, :, 0], 0)
    np.testing.assert_allclose(stature(batch.xyz).mean(axis=1), STANDARD_HEIGHT, rtol=0.03)
    confidence = batch.xyc[..., 2]
    assert confidence.min() >= 0
    assert confidence.max() <= 1
    reach = np.sqrt((batch.xyc[..., :2] ** 2).sum(axis=-1).mean(axis=(1, 2)))
    np.testing.assert_allclose(reach, 1, rtol=1e-3)
    np.testing.assert_allclose(batch.flat[..., 2], 0)
    root = batch.xyc[:, :, :1, :2]
    np.testing.assert_allclose(
        batch.flat[..., :2], FLAT_SCALE * (batch.xyc[..., :2] - root), atol=1e-6
    )


def test_generate_filmed_clips_has_exact_ones(mocap: Mocap) -> None:
    batch = draw_batches(mocap, batch=300)[0]
    sure = (batch.xyc[..., 2] == 1).all(axis=(1, 2))
    assert 0.15 < sure.mean() < 0.35  # and those whose detector gives no confidence
    apart = np.linalg.norm((batch.flat - batch.xyz)[..., :2], axis=-1)
    assert np.median(apart) < 0.12


def test_generate_filmed_clips_differs_from_benchmark_like(mocap: Mocap) -> None:
    one = next(generate_benchmark_clips(mocap, frames=9, batch=16, frame_step=(1, 3), seed=0))
    assert (one.xyc != draw_batches(mocap)[0].xyc).any()


def test_generate_filmed_clips_hides_legs_of_some(mocap: Mocap) -> None:
    batch = draw_batches(mocap, batch=500)[0]
    legs = [H36M.index[s + j] for s in "LR" for j in ("Knee", "Ankle")]
    never = (batch.xyc[..., 2] == 0).all(axis=1)
    assert 0.02 < never[:, legs].all(axis=1).mean() < 0.12
    assert 0.3 < (batch.xyc[..., 2].min(axis=(1, 2)) == 0).mean() < 0.9


def test_generate_filmed_clips_equals_the_steps_of_the_lifter(
    mocap: Mocap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A perfect detector's pixels, at the video's rate, by the steps of `Lifter`."""
    kept: dict[str, Any] = {}

    def remembering(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            kept[function.__name__] = function(*arguments)
            return kept[function.__name__]

        return call

    monkeypatch.setattr(as_filmed, "EXACT_PROB", 1.0)
    monkeypatch.setattr(as_filmed, "sample_playback", remembering(as_filmed.sample_playback))
    monkeypatch.setattr(
        as_filmed, "sample_filmed_views", remembering(as_filmed.sample_filmed_views)
    )
    batch = draw_batches(mocap, batch=12, frame_step=(2, 2))[0]
    video, views = kept["sample_playback"], kept["sample_filmed_views"]
    assert set(views.known) == {True, False}
    n, true_focal = video.video.shape[1], 1e5
    for i in range(12):
        size = tuple(np.round(2 * views.half[i] * true_focal).astype(int).tolist())
        xy = views.rays()[i, :n] * true_focal + np.array(size) / 2
        instants = video.at[i] / video.fps[i]
        even = interpolate_at(xy.astype(float), np.arange(n) / video.fps[i], instants)
        focal, _ = choose_focal(true_focal if views.known[i] else None, None, size)
        rays = to_rays(even, size, focal)
        np.testing.assert_allclose(
            batch.xyc[i, ..., :2], to_centered_camera(rays, look_at_rotation(rays)), atol=2e-3
        )
        relative = views.xyz[i, n:] - views.xyz[i, n:, :1]
        turned = np.einsum("txy,tjy->tjx", look_at_rotation(rays), relative)
        np.testing.assert_allclose(batch.xyz[i], turned, atol=2e-3)
    assert (batch.xyc[..., 2] == 1).all()


def test_generate_filmed_clips_reads_mocap_files(tmp_path: Path) -> None:
    batch = draw_batches(load_mocap(mocap_file(tmp_path / "mocap.npz"), "train"))[0]
    assert np.isfinite(batch.xyc).all()
