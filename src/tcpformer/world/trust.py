"""How much each person counts as evidence of gravity and floor: by how long and surely seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..filtering.filters import frame_durations
from ..motion import Motion3D
from ..skeleton import FEET, H36M

_JOINTS = [H36M.index["Neck"], *FEET]


@dataclass(frozen=True)
class TrustConfig:
    """When a person counts. All values are choices: false detections are brief."""

    sure: float = 0.5
    """Confidence from which on joints count in full."""
    seconds: float = 3.0
    """Seconds, seen surely, after which a person counts in full."""
    least: float = 0.1
    """Trust below which a person decides about no floor."""


TRUST = TrustConfig()


def trust_people(
    motions: Sequence[Motion3D], config: TrustConfig = TRUST
) -> Float[np.ndarray, " people"]:
    """Return how much each person counts, relative to the one who counts most: 0 to 1.

    A person seen for s seconds counts for (s / ``seconds``)^2, up to 1; a moment of low confidence
    is shorter by the square of its share of ``sure``.
    """
    seen = np.array([_sure_seconds(motion, config) for motion in motions])
    trust = np.minimum(seen / config.seconds, 1.0) ** 2
    return trust / trust.max() if trust.size and trust.max() > 0 else np.ones(len(motions))


def _sure_seconds(motion: Motion3D, config: TrustConfig) -> float:
    """Return for how long a person is seen surely."""
    if not motion.valid.any():
        return 0.0
    seconds = np.minimum(frame_durations(motion.times[motion.valid]), 1.0)
    sure = motion.confidence[motion.valid][:, _JOINTS].mean(axis=1)
    return float(seconds @ np.minimum(sure / config.sure, 1.0) ** 2)
