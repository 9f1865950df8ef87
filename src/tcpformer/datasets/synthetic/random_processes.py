"""Chance that knows time: what wanders, and what happens for a while.

Clips are (b, t, ...); each has its own time from frame to frame.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.signal import lfilter


def ornstein_uhlenbeck(
    seconds: Float[np.ndarray, " b"],
    shape: tuple[int, ...],
    memory: float,
    rng: np.random.Generator,
) -> Float[np.ndarray, "b t ..."]:
    """An Ornstein-Uhlenbeck process of unit variance, from its first frame on.

    Args:
        seconds: From one frame to the next, per clip.
        shape: Of a clip, time first.
        memory: Seconds after which it has forgotten 1 - 1/e of itself.
        rng: Source of all chance.
    """
    keep = np.exp(-seconds / memory)
    steps = rng.standard_normal((len(seconds), *shape), dtype=np.float32)
    steps[:, 1:] *= np.sqrt(1 - keep**2, dtype=np.float32).reshape(-1, *[1] * len(shape))
    one = np.ones(1, dtype=np.float32)
    for clip, k in zip(steps, keep, strict=True):
        clip[:] = lfilter(one, np.array([1, -k], dtype=np.float32), clip, axis=0)
    return steps


def spells(
    rate: Float[np.ndarray, "b k"],
    length: tuple[float, float],
    seconds: Float[np.ndarray, " b"],
    t: int,
    rng: np.random.Generator,
) -> Bool[np.ndarray, "b t k"]:
    """True during a spell: spells begin ``rate`` times a second and last ``length`` s.

    A clip has at most one of each kind: they are meant to be rare.
    """
    b, k = rate.shape
    duration = rng.uniform(*length, (b, k))
    chance = rate * (duration + t * seconds[:, None])
    start = rng.uniform(-duration, t * seconds[:, None], (b, k))
    time = np.arange(t)[None, :, None] * seconds[:, None, None]
    on = (time >= start[:, None]) & (time < (start + duration)[:, None])
    return on & (rng.random((b, 1, k)) < chance[:, None])
