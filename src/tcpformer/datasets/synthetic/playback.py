"""Motion at another pace, at the frame rate of a video, and resampled to the network's instants.

The network's frames have the rate of its motion capture. As `filtering.resample`, but in batches.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator
from scipy.ndimage import spline_filter1d

from ..clip_batch import PerClip
from ..mocap import Mocap
from .limb_swap import choose_limbs, swap_limbs

MARGIN = 8
"""Frames of the video before and after the clip: the spline's ends lie outside of the clip."""


@dataclass(frozen=True)
class PlaybackConfig:
    """How motion is played back; the rates are those of most cameras."""

    rates: tuple[float, ...] = (
        *(24.0, 25.0, 30000 / 1001, 30.0, 30.0, 30.0),
        *(48.0, 50.0, 50.0, 60000 / 1001, 60.0, 60.0),
    )
    """Frames per second of a video, equally likely."""
    usual_rate_prob: float = 0.8
    """Probability of one of these; else any from 24 to 60."""
    captured_pace_prob: float = 0.5
    """Probability of the pace as captured."""
    max_pace: float = 2.0
    """Motion is at most this many times faster, or slower, than captured."""
    max_start: float = 20.0
    """Seconds into a video at which a clip starts: its instants fall between the video's frames."""


@dataclass(frozen=True)
class Playback:
    """Motion (world metres) in a video and at the network's instants ``at``, in its frames."""

    video: Float[np.ndarray, "b n j 3"]
    clip: Float[np.ndarray, "b t j 3"]
    fps: PerClip
    at: Float[np.ndarray, "b t"]


def sample_playback(
    mocap: Mocap,
    frames: int,
    batch: int,
    frame_step: tuple[int, int],
    rng: Generator,
    config: PlaybackConfig = PlaybackConfig(),
) -> Playback:
    """Draw stretches of motion, ``frames`` instants each.

    From one instant to the next are at least and at most ``frame_step`` frames of the capture;
    fewer where the sequence is too short.
    """
    which = mocap.draw(batch, rng)
    length, steps = mocap.lengths[which], np.arange(frames)
    captured = rng.random(batch) < config.captured_pace_prob
    pace = np.where(captured, 1.0, config.max_pace ** rng.uniform(-1, 1, batch))
    room = (length - 1) / (pace * max(frames - 1, 1))
    step = rng.integers(frame_step[0], frame_step[1] + 1, batch)
    step = np.maximum(np.minimum(step, room // 1), 1)
    first = rng.uniform(0, np.maximum(length - 1 - step * pace * (frames - 1), 0))
    usual = rng.random(batch) < config.usual_rate_prob
    fps = np.where(usual, rng.choice(config.rates, batch), rng.uniform(24, 60, batch))
    start = rng.integers(0, round(config.max_start * mocap.fps), batch)
    each = fps / mocap.fps
    at = (start[:, None] + step[:, None] * steps) * each[:, None]
    before = np.floor(at[:, 0]) - MARGIN
    at = at - before[:, None]
    n = int(np.ceil(at.max())) + MARGIN + 1
    instant = (before[:, None] + np.arange(n)) / each[:, None] - start[:, None]
    when = np.concatenate([pace[:, None] * instant, pace[:, None] * step[:, None] * steps], axis=1)
    motion = _interpolate_mocap(mocap, which, first[:, None] + when)
    if mocap.limb_swap_prob:
        others = mocap.draw(batch, rng)
        start = rng.uniform(0, np.maximum(mocap.lengths[others] - 1 - when[:, -1], 0))
        donors = _interpolate_mocap(mocap, others, start[:, None] + when)
        motion = swap_limbs(motion, donors, choose_limbs(mocap.limb_swap_prob, batch, rng))
    return Playback(video=motion[:, :n], clip=motion[:, n:], fps=fps, at=at)


def _interpolate_mocap(
    mocap: Mocap, which: Int[np.ndarray, " b"], position: Float[np.ndarray, "b n"]
) -> Float[np.ndarray, "b n j 3"]:
    """Sample sequences between frames by Catmull-Rom splines; at rest beyond their ends."""
    last = mocap.lengths[which][:, None] - 1
    position = np.clip(position, 0, last)
    whole = np.floor(position).astype(int)
    u = (position - whole).astype(np.float32)[..., None, None]
    before, a, b, after = (
        mocap.xyz[mocap.starts[which][:, None] + np.clip(whole + k, 0, last)] for k in range(-1, 3)
    )
    slope, bend = b - before, 2 * before - 5 * a + 4 * b - after
    return a + 0.5 * u * (slope + u * (bend + u * (3 * (a - b) + after - before)))


def resample_spline(
    x: Float[np.ndarray, "b n j d"], at: Float[np.ndarray, "b t"]
) -> Float[np.ndarray, "b t j d"]:
    """Sample between frames by a cubic B-spline, equal to `filtering.resample` away from the ends.

    ``at`` is in frames, at least `MARGIN` from the ends.
    """
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


def resample_linear(
    x: Float[np.ndarray, "b n j"], at: Float[np.ndarray, "b t"]
) -> Float[np.ndarray, "b t j"]:
    """Sample between frames by linear interpolation."""
    whole = np.floor(at).astype(int)
    u = (at - whole).astype(x.dtype)[..., None]
    rows = np.arange(len(x))[:, None]
    return (1 - u) * x[rows, whole] + u * x[rows, whole + 1]
