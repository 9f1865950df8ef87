"""Which joints stand on the floor, and how high they are over it when they do.

Of the 17 joints these are the ankles, and the floor is taken at their height. Where feet are known
they are heels and balls, and the floor is below them: at the soles.
Axis legend: ``s`` standing joints.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ..motion import Motion3D
from ..skeleton import (
    ANKLE_OVER_SOLE,
    BALLS,
    BODY_26,
    FEET,
    GROUPS,
    HEELS,
    SOLE_DEPTH,
    stature,
)

SEEN_SHARE = 0.5
"""Share of a person's frames in which a foot must be detected; else the ankles stand for it."""


@dataclass(frozen=True)
class Soles:
    """The joints of a person that stand on the floor."""

    joints: tuple[int, ...]
    """Those of the right foot and of the left one by turns."""
    height: float
    """Metres over the floor of world coordinates when they stand."""

    def heights(
        self, xyz: Float[np.ndarray, "t j 3"], up: Float[np.ndarray, " 3"]
    ) -> Float[np.ndarray, "t s"]:
        """Return the height of the joints along ``up``, less that of standing ones."""
        return xyz[:, list(self.joints)] @ up - self.height


def find_soles(motion: Motion3D) -> Soles:
    """Find the joints of a motion that stand on the floor."""
    if motion.skeleton != BODY_26:
        return Soles(tuple(FEET), 0.0)
    seen = (motion.confidence[_shown(motion)][:, GROUPS["feet"]] > 0).any(axis=1)
    depth = sole_height(motion)
    if seen.mean() < SEEN_SHARE:
        return Soles(tuple(FEET), depth * (1 + ANKLE_OVER_SOLE / SOLE_DEPTH))
    return Soles((*HEELS, *BALLS), depth)


def sole_height(motion: Motion3D) -> float:
    """Return the metres of heel and ball over the floor when the foot is flat."""
    return SOLE_DEPTH * float(np.median(stature(motion.camera_xyz[_shown(motion)])))


def _shown(motion: Motion3D) -> Bool[np.ndarray, " t"]:
    """Return the frames that show the person, or all if none does."""
    return motion.valid if motion.valid.any() else ~motion.valid
