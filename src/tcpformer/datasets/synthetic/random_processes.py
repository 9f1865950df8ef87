"""Random processes in time: correlated noise, events that last a while, exchanged sides.

Clips are (b, t, ...); ``seconds`` is the time from one frame of each clip to the next.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from numpy.random import Generator
from scipy.signal import lfilter

from ...skeleton import BODY_26
from ..clip_batch import Clips2D, PerClip

_MIRROR = np.array(BODY_26.mirror)
_LEG, _ARM = ("Hip", "Knee", "Ankle", "Toe", "Heel"), ("Shoulder", "Elbow", "Wrist", "Hand")
LEGS = [i for i, joint in enumerate(BODY_26.joints) if joint[1:] in _LEG]
ARMS = [i for i, joint in enumerate(BODY_26.joints) if joint[1:] in _ARM]
"""Joints of both legs with the feet, and of both arms with the hands."""

FIRST_OF_PAIR = np.minimum(np.arange(len(_MIRROR)), _MIRROR)
"""For each joint of `BODY_26`, itself or its left-right twin; the 17 of Human3.6M come first. For j
joints ``x[:, FIRST_OF_PAIR[:j]]`` is equal on both sides."""

Dtype = type[np.floating]
Span = tuple[float, float]


def ornstein_uhlenbeck(
    seconds: PerClip,
    shape: tuple[int, ...],
    time_constant: float,
    rng: Generator,
    dtype: Dtype = np.float32,
) -> Float[np.ndarray, "b t ..."]:
    """Sample a stationary Ornstein-Uhlenbeck process of unit variance; a clip has ``shape``.

    Correlation falls to 1/e in ``time_constant`` seconds.
    """
    return autoregressive(np.exp(-seconds / time_constant), shape, rng, dtype)


def autoregressive(
    kept: PerClip, shape: tuple[int, ...], rng: Generator, dtype: Dtype
) -> Float[np.ndarray, "b t ..."]:
    """Sample x[i] = kept x[i-1] + sqrt(1 - kept^2) noise[i] along time, of unit variance."""
    steps = rng.standard_normal((len(kept), *shape), dtype=dtype)
    steps[:, 1:] *= np.sqrt(1 - kept**2, dtype=dtype).reshape(-1, *[1] * len(shape))
    for clip, k in zip(steps, kept, strict=True):
        clip[:] = lfilter(np.ones(1, dtype), np.array([1, -k], dtype), clip, axis=0)
    return steps


def random_intervals(
    rate: Float[np.ndarray, "b k"], length: Span, seconds: PerClip, t: int, rng: Generator
) -> Bool[np.ndarray, "b t k"]:
    """Return True during random intervals, at most one per clip and kind: they are rare.

    ``rate`` is in intervals per second, ``length`` the shortest and longest one in seconds.
    """
    b, k = rate.shape
    duration = rng.uniform(*length, (b, k))
    chance = rate * (duration + t * seconds[:, None])
    start = rng.uniform(-duration, t * seconds[:, None], (b, k))
    time = np.arange(t)[None, :, None] * seconds[:, None, None]
    on = (time >= start[:, None]) & (time < (start + duration)[:, None])
    return on & (rng.random((b, 1, k)) < chance[:, None])


def exchange_sides(
    xy: Clips2D, groups: Sequence[Sequence[int]], when: Bool[np.ndarray, "b t k"]
) -> None:
    """Exchange left and right of groups of joints (both sides of each) in some frames, in place."""
    for k, group in enumerate(groups):
        joints = np.asarray([joint for joint in group if joint < xy.shape[2]])
        i, f = np.nonzero(when[..., k])
        xy[i[:, None], f[:, None], joints] = xy[i[:, None], f[:, None], _MIRROR[joints]]
