"""Whole synthetic motions, for calibration, which needs windows and gaps: input and truth."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ...motion import Motion2D

GAP_SECONDS = (0.2, 4.0)
"""Shortest and longest time for which `hide_interval` hides the person."""


@dataclass(frozen=True)
class SyntheticMotion:
    """A motion as detected, and its truth: relative to the pelvis, camera axes, metres.

    ``detected.focal`` is None where the lifter must not know it.
    """

    detected: Motion2D
    truth: Float[np.ndarray, "t 17 3"]


def hide_interval(motion: SyntheticMotion, rng: np.random.Generator) -> SyntheticMotion | None:
    """Hide the person for a while in the middle; return None if the motion is too short."""
    detected, (shortest, longest) = motion.detected, GAP_SECONDS
    times = detected.times
    longest = min(longest, 0.6 * (times[-1] - times[0]))
    if longest < shortest:
        return None
    length = np.exp(rng.uniform(np.log(shortest), np.log(longest)))
    start = rng.uniform(0.2, 0.8) * (times[-1] - length)
    lost = (times >= start) & (times < start + length)
    confidence = np.where(lost[:, None], 0.0, detected.confidence)
    hidden = replace(detected, confidence=confidence, valid=~lost & detected.valid)
    return replace(motion, detected=hidden)
