"""Batches of clips: joined, mirrored, normalized."""

import numpy as np
import pytest

from tcpformer.datasets.clip_batch import ClipBatch, join_batches, mirror_batch, normalize_batch
from tcpformer.lifting.normalize import normalize_clips
from tcpformer.skeleton import H36M


@pytest.fixture
def batch(rng: np.random.Generator) -> ClipBatch:
    return ClipBatch(*(rng.normal(size=(6, 5, 17, 3)).astype(np.float32) for _ in range(3)))


def test_join_batches_keeps_the_order(batch: ClipBatch) -> None:
    parts = [
        ClipBatch(*(x[rows] for x in vars(batch).values())) for rows in (slice(4), slice(4, 6))
    ]
    joined = join_batches(parts)
    for name, x in vars(batch).items():
        np.testing.assert_array_equal(getattr(joined, name), x)
    assert join_batches([batch]) is batch


def test_mirror_batch_mirrors_the_selected_clips(batch: ClipBatch) -> None:
    which = np.arange(6) % 2 == 0
    mirrored = mirror_batch(batch, H36M, which)
    left, right = H36M.index["LWrist"], H36M.index["RWrist"]
    for name, x in vars(batch).items():
        y = getattr(mirrored, name)
        np.testing.assert_array_equal(y[~which], x[~which])
        np.testing.assert_array_equal(y[which][:, :, left], x[which][:, :, right] * [-1, 1, 1])
        np.testing.assert_array_equal(mirror_batch(mirrored, H36M, which).xyz, batch.xyz)


def test_normalize_batch_equals_the_lifter_and_rotates_the_truth(rng: np.random.Generator) -> None:
    camera = rng.normal(0, 0.5, (4, 9, 17, 3)) + np.array([0.5, 0.2, 4.0])
    rays = camera[..., :2] / camera[..., 2:]
    relative = camera - camera[:, :, :1]
    found = normalize_batch(rays, np.ones(rays.shape[:3]), relative)
    xyc = np.concatenate([500 * rays + 320, np.ones_like(rays[..., :1])], axis=-1)
    wanted = normalize_clips(
        xyc, (640, 640), 500.0, normalization="centered-camera", root=H36M.root
    )
    np.testing.assert_allclose(found.xyc, wanted.xyc, atol=1e-5)
    np.testing.assert_allclose(found.flat, wanted.flat, atol=1e-5)
    answer = found.xyz - found.flat
    np.testing.assert_allclose(wanted.to_camera(answer.astype(float)), relative, atol=1e-5)
