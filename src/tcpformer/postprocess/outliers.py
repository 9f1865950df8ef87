"""Outliers of a 2D detector: joints that jump away from their path. Lengths are in torsos."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from ..filtering.filters import AdaptiveCutoff, adaptive_butterworth
from ..motion import Motion2D


@dataclass(frozen=True, kw_only=True)
class OutlierConfig:
    """Tuned numbers of `find_outliers`, chosen on half of the open benchmark's views."""

    distance: float = 0.18
    """Torsos from its smooth path at which a joint of low confidence is an outlier."""
    low_confidence: float = 0.6
    """What is low, as a share of the joint's median confidence."""
    certain: float = 3.0
    """Multiple of the distance from which on a joint of any confidence is an outlier."""
    path_cutoff: float = 3.0
    """Cutoff of the path at rest, Hz."""
    path_gain: float = 1.5
    """Hz that it rises with each torso per second."""
    rounds: int = 3
    """Reweightings of the path."""


OUTLIERS = OutlierConfig()


def torso_length(motion: Motion2D) -> float:
    """Measure the length of the trunk in the image, from hips to shoulders, in pixels.

    The upper quartile over the clip, since a trunk that points to the camera looks shorter; and at
    least a fifth of the diagonal of the box of the joints that are ever detected.
    """
    valid = motion.valid if motion.valid.any() else ~motion.valid
    xy, detected = motion.xy[valid], motion.confidence[valid].any(axis=0)
    hips, shoulders = (
        xy[:, [motion.skeleton.index[side + joint] for side in "LR"]].mean(axis=1)
        for joint in ("Hip", "Shoulder")
    )
    trunk = np.linalg.norm(shoulders - hips, axis=-1)
    xy = xy[:, detected] if detected.any() else xy
    box = np.linalg.norm(xy.max(axis=1) - xy.min(axis=1), axis=-1)
    return max(float(np.quantile(trunk, 0.75)), 0.2 * float(np.median(box)), 1e-6)


def find_outliers(motion: Motion2D, config: OutlierConfig = OUTLIERS) -> Bool[np.ndarray, "t j"]:
    """Find the joints of each frame that are far from their path.

    The path is smooth and weighted by confidence squared; frames far from it count less in every
    round.
    """
    seen = (motion.confidence > 0) & motion.valid[:, None]
    unit, result = torso_length(motion), np.zeros_like(seen)
    cutoff = AdaptiveCutoff(config.path_cutoff, config.path_gain)
    for j in np.flatnonzero(seen.sum(axis=0) >= 3):
        at = np.flatnonzero(seen[:, j])
        # In double precision: the square of a tiny confidence is 0 in single.
        xy, confidence = motion.xy[at, j] / unit, motion.confidence[at, j].astype(float)
        weight, off = confidence**2, np.zeros(len(at))
        for _ in range(config.rounds):
            path = adaptive_butterworth(xy, motion.times[at], cutoff, weight)
            off = np.linalg.norm(xy - path, axis=1)
            weight = confidence**2 / (1 + (off / config.distance) ** 2)
        low = confidence < config.low_confidence * np.median(confidence)
        result[at, j] = (off > config.distance) & low | (off > config.certain * config.distance)
    return result
