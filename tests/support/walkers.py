"""Feet of a walker in closed form: strikes and toe offs are known exactly."""

from dataclasses import dataclass

import numpy as np

TURN = {"left": 0.0, "right": 0.5}
"""Share of a stride at which each foot strikes."""


@dataclass(frozen=True)
class Walker:
    """Feet that stand for a share of each stride, then move on at a constant speed.

    Heels and balls move alike; the left foot strikes at 0, the right one half a stride later.
    """

    stride: float = 1.4
    seconds: float = 1.1
    stance: float = 0.6
    width: float = 0.12
    lift: float = 0.08
    slope: float = 0.0
    heading: float = 0.0

    def feet(self, times: np.ndarray) -> np.ndarray:
        """Return heels and balls, (t, 2, 2, 3)."""
        result = np.empty((len(times), 2, 2, 3))
        for f, side in enumerate(TURN):
            phase = times / self.seconds - TURN[side]
            swing = np.clip((phase % 1 - self.stance) / (1 - self.stance), 0, 1)
            along = self.stride * (np.floor(phase) + swing + TURN[side])
            up = 0.04 + self.slope * along + self.lift * np.sin(np.pi * swing)
            aside = self.width / 2 * (1 - 2 * f)
            for p, ahead in enumerate((-0.05, 0.12)):
                result[:, f, p] = self.turned(along + ahead, np.full(len(times), aside), up)
        return result

    def turned(self, along: np.ndarray, aside: np.ndarray, up: np.ndarray) -> np.ndarray:
        """Return points by their way along the heading, to its left, and up."""
        c, s = np.cos(self.heading), np.sin(self.heading)
        return np.stack([c * along - s * aside, s * along + c * aside, up], axis=-1)

    def strikes(self, side: str, start: float, stop: float) -> np.ndarray:
        """Return the times between two times at which a foot strikes."""
        n = np.arange(np.floor(start / self.seconds) - 1, np.ceil(stop / self.seconds) + 1)
        at = (n + TURN[side]) * self.seconds
        return at[(at > start) & (at < stop)]

    def offs(self, side: str, start: float, stop: float) -> np.ndarray:
        """Return the times between two times at which a foot leaves the ground."""
        later = self.stance * self.seconds
        return self.strikes(side, start - later, stop - later) + later
