"""Motion at another pace, in the frames of a video, and back at the network's instants.

A network's frames are evenly spaced at the rate of its motion capture. A video has its own rate,
and `repair.resample` computes the network's frames from the video's: here likewise.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import spline_filter1d

from ..mocap import Mocap
from .limb_swap import chosen, grafted

RATES = (24.0, 25.0, 30000 / 1001, 30.0, 30.0, 30.0, 48.0, 50.0, 50.0, 60000 / 1001, 60.0, 60.0)
"""Frames per second of most videos; the others lie anywhere between the first and the last."""
PACE = 2.0
"""Motion is seen at most so many times as fast, or as slow, as it was captured."""
MARGIN = 8
"""Frames of the video before and after the clip, so that its ends are no ends for the spline."""
VIDEO = 20.0
"""Seconds: a clip begins somewhere in a video, so its instants fall between the video's frames."""


@dataclass(frozen=True)
class Takes:
    """Stretches of motion, as a video has them and as the network wants them.

    Attributes:
        video: Joints in every frame of the video, world metres.
        clip: Joints at the network's instants.
        fps: Frames per second of the video.
        at: Where the network's instants lie, in frames of the video.
    """

    video: Float[np.ndarray, "b n 17 3"]
    clip: Float[np.ndarray, "b t 17 3"]
    fps: Float[np.ndarray, " b"]
    at: Float[np.ndarray, "b t"]


def takes(
    mocap: Mocap, frames: int, batch: int, spacing: tuple[int, int], rng: np.random.Generator
) -> Takes:
    """Draw stretches of motion; half of them at another pace.

    Args:
        mocap: Where they come from. Its `draw` says how sequences are drawn.
        frames: Instants of a clip.
        batch: Clips.
        spacing: Fewest and most capture frames from one instant to the next; fewer where the
            sequence is too short.
        rng: Source of all chance.
    """
    which = mocap.draw(batch, rng)
    length, steps = mocap.lengths[which], np.arange(frames)
    pace = np.where(rng.random(batch) < 0.5, 1.0, PACE ** rng.uniform(-1, 1, batch))
    room = (length - 1) / (pace * max(frames - 1, 1))
    gap = np.maximum(np.minimum(rng.integers(spacing[0], spacing[1] + 1, batch), room // 1), 1)
    first = rng.uniform(0, np.maximum(length - 1 - gap * pace * (frames - 1), 0))
    fps = np.where(rng.random(batch) < 0.8, rng.choice(RATES, batch), rng.uniform(24, 60, batch))
    start = rng.integers(0, round(VIDEO * mocap.fps), batch)
    each = fps / mocap.fps
    at = (start[:, None] + gap[:, None] * steps) * each[:, None]
    before = np.floor(at[:, 0]) - MARGIN
    at = at - before[:, None]
    n = int(np.ceil(at.max())) + MARGIN + 1
    instant = (before[:, None] + np.arange(n)) / each[:, None] - start[:, None]
    video, clip = pace[:, None] * instant, pace[:, None] * gap[:, None] * steps
    motion = _between(mocap, which, first[:, None] + np.concatenate([video, clip], axis=1))
    if mocap.grafts:
        others = mocap.draw(batch, rng)
        start = rng.uniform(0, np.maximum(mocap.lengths[others] - 1 - clip[:, -1], 0))
        donors = _between(mocap, others, start[:, None] + np.concatenate([video, clip], axis=1))
        motion = grafted(motion, donors, chosen(mocap.grafts, batch, rng))
    return Takes(video=motion[:, :n], clip=motion[:, n:], fps=fps, at=at)


def _between(
    mocap: Mocap, which: Int[np.ndarray, " b"], position: Float[np.ndarray, "b n"]
) -> Float[np.ndarray, "b n 17 3"]:
    """Sequences between their frames, by Catmull-Rom splines; at rest beyond their ends."""
    last = mocap.lengths[which][:, None] - 1
    position = np.clip(position, 0, last)
    whole = np.floor(position).astype(int)
    u = (position - whole).astype(np.float32)[..., None, None]
    taps = [
        mocap.xyz[mocap.starts[which][:, None] + np.clip(whole + k, 0, last)] for k in range(-1, 3)
    ]
    before, a, b, after = taps
    slope, bend = b - before, 2 * before - 5 * a + 4 * b - after
    return a + 0.5 * u * (slope + u * (bend + u * (3 * (a - b) + after - before)))


def resampled(
    x: Float[np.ndarray, "b n j d"], at: Float[np.ndarray, "b t"]
) -> Float[np.ndarray, "b t j d"]:
    """Values between frames by a cubic spline, as `repair.resample` has them away from the ends."""
    weight = spline_filter1d(x, order=3, axis=1, mode="mirror").astype(x.dtype)
    whole = np.floor(at).astype(int)
    u = (at - whole).astype(x.dtype)[..., None, None]
    shares = (
        (1 - u) ** 3 / 6,
        (3 * u**3 - 6 * u**2 + 4) / 6,
        (-3 * u**3 + 3 * u**2 + 3 * u + 1) / 6,
        u**3 / 6,
    )
    rows = np.arange(len(x))[:, None]
    parts = zip(shares, range(-1, 3), strict=True)
    return sum((share * weight[rows, whole + k] for share, k in parts), np.zeros((), x.dtype))


def in_line(
    x: Float[np.ndarray, "b n j"], at: Float[np.ndarray, "b t"]
) -> Float[np.ndarray, "b t j"]:
    """Values between frames by straight lines."""
    whole = np.floor(at).astype(int)
    u = (at - whole).astype(x.dtype)[..., None]
    rows = np.arange(len(x))[:, None]
    return (1 - u) * x[rows, whole] + u * x[rows, whole + 1]
