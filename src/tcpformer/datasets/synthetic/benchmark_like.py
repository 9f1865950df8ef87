"""Camera domain "benchmark-like": fixed cameras and detector errors as in the open benchmark."""

from collections.abc import Iterator
from itertools import count

import numpy as np
from jaxtyping import Bool, Int
from numpy.random import Generator, default_rng

from ...motion import Motion2D
from ...skeleton import BODY, H36M, STANDARD_HEIGHT, stature
from ..clip_batch import ClipBatch, Clips3D, PerClip, normalize_batch
from ..mocap import Mocap
from ..open_benchmark import simulate_view
from .augment import mirror_half, tilt_bodies, vary_proportions
from .benchmark_detector import add_benchmark_noise
from .cameras import sample_benchmark_views
from .confidence import blur_confidence
from .groups import drop_groups, hang_unknown, hang_unseen
from .limb_swap import choose_limbs, swap_limbs
from .motions import SyntheticMotion


def generate_benchmark_clips(
    mocap: Mocap, *, frames: int, batch: int, frame_step: tuple[int, int], seed: int, first: int = 0
) -> Iterator[ClipBatch]:
    """Yield batches from number ``first`` on; each depends on the seed and its number alone.

    ``frame_step`` is the fewest and most capture frames from one frame of a clip to the next.
    """
    for number in count(first):
        rng = default_rng([seed, number])
        index, step = _draw_frames(mocap, frames, batch, frame_step, rng)
        motion = mocap.xyz[index]
        if mocap.limb_swap_prob:
            others, _ = _draw_frames(mocap, frames, batch, frame_step, rng)
            limbs = choose_limbs(mocap.limb_swap_prob, batch, rng)
            motion = swap_limbs(motion, mocap.xyz[others], limbs)
        bodies, known = hang_unknown(mirror_half(vary_proportions(motion, rng), rng))
        if mocap.tilt_prob:
            seconds = step[:, None] / mocap.fps * np.arange(frames)
            bodies = tilt_bodies(bodies, seconds, mocap.tilt_prob, rng)
        bodies = bodies * (STANDARD_HEIGHT / stature(bodies).mean(axis=1))[:, None, None, None]
        camera = sample_benchmark_views(bodies, rng).astype(np.float32)
        clips = simulate_benchmark_view(camera, known, step / mocap.fps, rng)
        if mocap.blur_prob:
            clips.xyc[..., 2] = blur_confidence(clips.xyc[..., 2], mocap.blur_prob, rng)
        yield clips


def simulate_benchmark_view(
    camera: Clips3D, known: Bool[np.ndarray, "b t j"], seconds: PerClip, rng: Generator
) -> ClipBatch:
    """Project, detect and normalize clips (camera axes, metres), frames ``seconds`` apart."""
    rays, confidence = add_benchmark_noise(camera[..., :2] / camera[..., 2:], seconds, rng)
    seen = drop_groups(len(rays), rays.shape[2], rng) & known.all(axis=1)
    truth = np.where(known[..., None], camera - camera[:, :, H36M.root, None], np.nan)
    return normalize_batch(hang_unseen(rays, seen), confidence * seen[:, None], truth)


def _draw_frames(
    mocap: Mocap, frames: int, batch: int, frame_step: tuple[int, int], rng: Generator
) -> tuple[Int[np.ndarray, "b t"], Int[np.ndarray, " b"]]:
    """Draw frame numbers of random clips, and their steps: small ones if too short."""
    which = mocap.draw(batch, rng)
    length = mocap.lengths[which]
    step = rng.integers(frame_step[0], frame_step[1] + 1, batch)
    step = np.maximum(np.minimum(step, (length - 1) // (frames - 1)), 1)
    first = rng.integers(0, np.maximum(length - step * (frames - 1), 1))
    local = first[:, None] + step[:, None] * np.arange(frames)
    return mocap.starts[which][:, None] + np.minimum(local, length[:, None] - 1), step


def generate_benchmark_motions(
    mocap: Mocap, *, noisy: bool, max_frames: int, seed: int, every: int = 1
) -> Iterator[SyntheticMotion]:
    """Yield every n-th sequence, cut to ``max_frames``, by one camera of the open benchmark each.

    The 2D has its detector's errors if ``noisy``, else it is exact.
    """
    for i in range(0, len(mocap.starts), every):
        start, length = mocap.starts[i], min(mocap.lengths[i], max_frames)
        path = mocap.xyz[start : start + length, BODY].astype(np.float64)
        view = simulate_view(path, default_rng([seed, i]))
        xy = view["noisy_xy" if noisy else "xy"] / 10.0
        confidence = view["confidence"] / 255.0 if noisy else np.ones(xy.shape[:2])
        detected = Motion2D(xy, confidence, view["size"], mocap.fps, H36M, focal=view["focal"])
        yield SyntheticMotion(detected, view["relative"] * 1e-4)
