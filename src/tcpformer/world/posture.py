"""The camera's posture: its tilt and roll, and how probable each is.

Tilt is positive where the camera looks down, roll where it is turned clockwise, as the person who
holds it sees it. A level camera has 0 and 0. Degrees. Axis legend: ``n`` postures.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Angles = Float[np.ndarray, " n"]
LEVEL_UP = np.array([0.0, -1.0, 0.0])
"""Up in the frame of a level camera."""
_LIMITS = (84.0, 72.0)
"""Largest tilt and roll that are considered."""
_COUNTS = ((43, 33), (21, 21), (21, 21))
"""Tilts and rolls of the first grid, and of those that span some sigma of the one before."""
_SPAN = 3.5
"""Half-width of a finer grid, in sigma of the one before."""
LogDensity = Callable[[Angles, Angles, float], Angles]
"""The log of how probable postures are: of tilts, rolls and the step of their grid."""


@dataclass(frozen=True)
class Posture:
    """Tilt and roll of a camera, each with one sigma: 0 where it is given."""

    tilt: float
    roll: float
    tilt_sigma: float = 0.0
    roll_sigma: float = 0.0

    @property
    def up(self) -> Float[np.ndarray, " 3"]:
        """Unit vector against gravity, in camera axes."""
        return up_of(np.array(self.tilt), np.array(self.roll))

    @property
    def sigma(self) -> float:
        """One sigma of the vertical, in the direction in which it is least sure."""
        return max(self.tilt_sigma, self.roll_sigma)

    def describe(self) -> str:
        """Describe an estimated posture for the provenance."""
        tilt, roll = round(self.tilt), round(self.roll)
        unit = "degree" if abs(roll) == 1 else "degrees"
        angles = f"the camera is tilted by {tilt} and rolled by {roll} {unit}"
        return f"{angles}, one sigma {self.tilt_sigma:.1f} and {self.roll_sigma:.1f}"


def up_of(
    tilt: Float[np.ndarray, "*batch"], roll: Float[np.ndarray, "*batch"]
) -> Float[np.ndarray, "*batch 3"]:
    """Return the direction against gravity, in the axes of a camera of this tilt and roll."""
    t, r = np.radians(tilt), np.radians(roll)
    return np.stack([-np.sin(r) * np.cos(t), -np.cos(r) * np.cos(t), -np.sin(t)], axis=-1)


def angles_of(up: Float[np.ndarray, " 3"]) -> tuple[float, float]:
    """Return tilt and roll of the camera of which ``up`` is the unit vector against gravity."""
    tilt = np.degrees(np.arcsin(np.clip(-up[2], -1, 1)))
    return float(tilt), float(np.degrees(np.arctan2(-up[0], -up[1])))


def estimate_posture(
    log_density: LogDensity, tilt: float | None = None, roll: float | None = None
) -> Posture:
    """Estimate mean and sigma of tilt and roll, of which one or both may be given.

    The density is summed over a grid of all postures, then over finer ones about the mean.
    """
    mean, sigma = np.zeros(2), np.array(_LIMITS) / _SPAN
    for counts in _COUNTS:
        half = np.minimum(_SPAN * sigma, _LIMITS)
        axes = [
            np.linspace(m - h, m + h, count) if given is None else np.array([given])
            for m, h, count, given in zip(mean, half, counts, (tilt, roll), strict=True)
        ]
        grid = np.stack([x.ravel() for x in np.meshgrid(*axes, indexing="ij")])
        steps = np.array([2 * h / (count - 1) for h, count in zip(half, counts, strict=True)])
        steps[[given is not None for given in (tilt, roll)]] = 0.0
        log = log_density(*grid, float(steps.max()))
        share = np.exp(log - log.max())
        share /= share.sum()
        mean = grid @ share
        # A grid cannot tell a sigma much below its step.
        sigma = np.sqrt((grid - mean[:, None]) ** 2 @ share + (steps / 3) ** 2)
    sigma = np.where([tilt is None, roll is None], sigma, 0.0)
    angles = (m if given is None else given for m, given in zip(mean, (tilt, roll), strict=True))
    return Posture(*map(float, (*angles, *sigma)))
