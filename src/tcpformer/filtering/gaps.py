"""Gaps in 2D motion: undetected joints are bridged, uncertain ones are smoothed."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from ..motion import Motion2D, give
from ..skeleton import BODY, BODY_26
from .filters import AdaptiveCutoff, adaptive_butterworth

_PATH_CUTOFF = AdaptiveCutoff(at_rest=3.0, speed_gain=1.5)  # of a path in torso lengths
_CONFIDENCE_POWER = 4  # weight of a frame on the path: its confidence to this power


def smooth_uncertain(motion: Motion2D, unit: float) -> Motion2D:
    """Draw joints of little confidence to a smooth path through those of more.

    A joint of the clip's median confidence or more stays; one of half that goes three quarters of
    the way to the path. Joints of confidence 0 stay: `fill_gaps` bridges them. ``unit`` is the
    length of a torso in pixels, in which speed is measured.
    """
    detected = (motion.confidence > 0) & motion.valid[:, None]
    xy = motion.xy.copy()
    for j in np.flatnonzero(detected.sum(axis=0) >= 3):
        at = np.flatnonzero(detected[:, j])
        x, confidence = motion.xy[at, j], motion.confidence[at, j].astype(float)
        keep = np.minimum(confidence / np.median(confidence), 1.0)[:, None] ** 2
        weight = (confidence / confidence.max()) ** _CONFIDENCE_POWER
        path = unit * adaptive_butterworth(x / unit, motion.times[at], _PATH_CUTOFF, weight)
        xy[at, j] = keep * x + (1 - keep) * path
    return replace(motion, xy=give(xy))


def fill_gaps(motion: Motion2D) -> Motion2D:
    """Bridge undetected joints by straight lines in time.

    A joint is undetected where its frame is not valid or its confidence is 0; its confidence is 0
    afterwards. Before the first and after the last detection it rests. A joint that is never
    detected goes to the mean of the others; one of the feet, hands and face of `BODY_26` to its
    parent, and that mean is of the other joints. ``valid`` is unchanged. Raises ValueError if no
    joint is ever detected.
    """
    detected = (motion.confidence > 0) & motion.valid[:, None]
    skeleton = motion.skeleton
    body = BODY if skeleton == BODY_26 else slice(len(skeleton.joints))
    if not detected[:, body].any():
        raise ValueError(
            f"no one is visible in the motion of person {motion.person}: no frame is valid with a "
            f"joint of skeleton {skeleton.name!r} of confidence > 0."
        )
    xy = motion.xy.copy()
    for j in np.flatnonzero(detected.any(axis=0) & ~detected.all(axis=0)):
        xy[:, j] = bridge(motion.xy[:, j], motion.times, detected[:, j])
    seen: Bool[np.ndarray, " j"] = np.any(detected, axis=0)
    xy[:, body][:, ~seen[body]] = xy[:, body][:, seen[body]].mean(axis=1, keepdims=True)
    extra = [j for j in range(len(seen))[body.stop :] if not seen[j]]
    xy[:, extra] = xy[:, [skeleton.parents[j] for j in extra]]
    confidence = np.where(detected, motion.confidence, 0.0)
    return replace(motion, xy=give(xy), confidence=give(confidence))


def bridge(
    x: Float[np.ndarray, "t d"], times: Float[np.ndarray, " t"], known: Bool[np.ndarray, " t"]
) -> Float[np.ndarray, "t d"]:
    """Interpolate linearly between known frames; constant before the first and after the last."""
    return np.stack([np.interp(times, times[known], column[known]) for column in x.T], axis=-1)
