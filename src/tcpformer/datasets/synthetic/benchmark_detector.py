"""Detector errors of the open benchmark's kind, with a confidence that falls with the error.

Lengths are in torsos (pelvis to thorax in the image, mean over the clip).
"""

import numpy as np
from numpy.random import Generator

from ...skeleton import BODY, H36M
from ..clip_batch import Clips2D, PerClip, Scores
from .random_processes import ARMS, LEGS, exchange_sides, ornstein_uhlenbeck, random_intervals

_HIP, _THORAX = H36M.index["Hip"], H36M.index["Thorax"]

TIME_CONSTANT = 0.7
"""Seconds in which the correlation of the slow error falls to 1/e, as in the benchmark."""


def add_benchmark_noise(xy: Clips2D, seconds: PerClip, rng: Generator) -> tuple[Clips2D, Scores]:
    """Return exact projections, in any unit, as detected, and their confidence in (0, 1].

    A quarter of the clips stay exact, with confidence 1. The others get, each with its own
    strength: a constant offset per joint, slow noise, a little white noise, joints that jump away
    for a while, and legs or arms whose left and right are exchanged for a while. ``seconds`` is the
    time from one frame of each clip to the next.
    """
    b, t, j = xy.shape[:3]
    torso = np.linalg.norm(xy[:, :, _THORAX] - xy[:, :, _HIP], axis=-1).mean(axis=1) + 1e-6
    # The diagonal of the body's box keeps the unit sane when the torso points at the camera.
    extent = np.linalg.norm(np.ptp(xy[:, :, BODY], axis=2), axis=-1).mean(axis=1)
    torso = np.maximum(torso, 0.12 * extent)[:, None, None, None]
    spread = 0.6 + rng.gamma(2.0, 0.35, (b, 1, j, 1))
    error = rng.normal(0, 0.035, (b, 1, j, 2))
    slow = ornstein_uhlenbeck(seconds, (t, j, 2), TIME_CONSTANT, rng, np.float64)
    error = error + spread * 0.035 * slow
    error = error + spread * 0.004 * rng.normal(size=xy.shape)
    away = random_intervals(np.full((b, j), 0.12), (0.04, 0.3), seconds, t, rng)
    error = error + away[..., None] * rng.normal(0, 0.35, (b, 1, j, 2))
    strength = np.exp(rng.normal(0.0, 0.4, b)) * (rng.random(b) > 0.25)
    out = xy + torso * error * strength[:, None, None, None]
    rate = np.repeat(0.025 * (strength > 0)[:, None], 2, axis=1)
    exchange_sides(out, (LEGS, ARMS), random_intervals(rate, (0.06, 0.4), seconds, t, rng))
    wrong = np.linalg.norm(out - xy, axis=-1) / torso[..., 0]
    confidence = np.clip(np.exp(-wrong / 0.25) + rng.normal(0, 0.05, wrong.shape), 0.01, 1.0)
    exact = (strength == 0)[:, None, None]
    return out.astype(xy.dtype), np.where(exact, 1.0, confidence).astype(xy.dtype)
