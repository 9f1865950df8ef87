"""Joints that a detector does not see, and how the gaps are filled."""

import numpy as np
from jaxtyping import Bool, Float
from numpy.random import Generator

from ...skeleton import BODY, FEET, GROUPS, H36M, KNEES
from ..clip_batch import Clips2D, PerClip, Scores
from .groups import hang_unseen
from .random_processes import random_intervals

_ARMS = np.reshape(H36M.indices("LElbow", "LWrist", "RElbow", "RWrist"), (2, 2))

Mask = Bool[np.ndarray, "b t j"]


def simulate_visible(confidence: Scores, inside: Mask, seconds: PerClip, rng: Generator) -> Mask:
    """Sample which joints are detected at all.

    The whole person and single joints are lost for a moment; in some clips legs, shins or an arm
    never appear, or only before the clip begins. In half of the clips nothing is reported outside
    the picture, in a tenth nothing of low confidence. Frames are ``seconds`` apart.
    """
    b, n, j = confidence.shape
    lost = random_intervals(np.full((b, 1), 0.05), (0.04, 0.8), seconds, n, rng)
    gone = random_intervals(np.full((b, j), 0.03), (0.04, 0.8), seconds, n, rng) | lost
    gone |= ~inside & (rng.random((b, 1, 1)) < 0.5)
    floor = np.where(rng.random(b) < 0.1, rng.uniform(0.1, 0.5, b), 0.0)
    gone |= confidence < floor[:, None, None]
    # Some limbs are hidden for the whole clip: behind a table, or below the picture.
    hidden, kind = np.zeros((b, j), dtype=bool), rng.random(b)
    hidden[:, KNEES] = (kind < 0.05)[:, None]
    hidden[:, FEET] = (kind < 0.07)[:, None]
    arm, rows = _ARMS[rng.integers(0, 2, b)], np.flatnonzero((kind >= 0.07) & (kind < 0.085))
    hidden[rows[:, None], arm[rows]] = True
    if j > BODY.stop:
        hidden[:, GROUPS["feet"]] = hidden[:, FEET[:1]]
        hidden[:, GROUPS["hands"]] = hidden[:, H36M.indices("LWrist", "RWrist")]
    gone |= hidden[:, None]
    gone[:, 0] &= ~(hidden & (rng.random((b, 1)) < 0.3))
    # Clips in which hardly anything would be left stay as they are.
    too_much = (~gone).mean(axis=(1, 2)) < 0.25
    return ~gone | too_much[:, None, None]


def fill_gaps(x: Clips2D, visible: Mask) -> Clips2D:
    """Fill gaps of evenly spaced frames as `filtering.fill_gaps` does, for a whole batch.

    Linear between the last and the next detection, constant at the ends; a joint that is never
    seen is put at the mean of the others, one of feet, hands or face at its parent.
    """
    found: Bool[np.ndarray, "b j"] = np.asarray(visible.any(axis=1))
    out = x.copy()
    i, j = np.nonzero(~visible.all(axis=1) & found)
    out[i, :, j] = _interpolate(x[i, :, j], visible[i, :, j])
    some = np.flatnonzero(~found[:, BODY].all(axis=1))
    body = found[some][:, BODY]
    share = body / np.maximum(body.sum(axis=1, keepdims=True), 1)
    mean = share[:, None, None].astype(x.dtype) @ out[some][:, :, BODY]
    out[some, :, BODY] = np.where(body[:, None, :, None], out[some][:, :, BODY], mean)
    return hang_unseen(out, found)


def _interpolate(
    x: Float[np.ndarray, "k t 2"], visible: Bool[np.ndarray, "k t"]
) -> Float[np.ndarray, "k t 2"]:
    """Interpolate linearly between visible frames."""
    n = visible.shape[1]
    frame = np.broadcast_to(np.arange(n), visible.shape)
    last = np.maximum.accumulate(np.where(visible, frame, -1), axis=1)
    next_ = np.minimum.accumulate(np.where(visible, frame, n)[:, ::-1], axis=1)[:, ::-1]
    last, next_ = np.where(last < 0, next_, last), np.where(next_ == n, last, next_)
    share = ((frame - last) / np.maximum(next_ - last, 1)).astype(x.dtype)[..., None]
    rows = np.arange(len(x))[:, None]
    return (1 - share) * x[rows, last] + share * x[rows, next_]
