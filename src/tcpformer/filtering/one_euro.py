"""The One-Euro filter for live use."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float


class OneEuro:
    """The One-Euro filter: a causal low pass whose cutoff rises with speed.

    Casiez, Roussel and Vogel, "1€ Filter", CHI 2012. Speed is that of each point, over its axes.

    Args:
        min_cutoff: Cutoff at rest, Hz.
        beta: Hz more for each unit of x a second.
        speed_cutoff: Cutoff of the speed itself, Hz.
    """

    def __init__(
        self, min_cutoff: float = 1.5, beta: float = 4.0, speed_cutoff: float = 1.0
    ) -> None:
        if not (min_cutoff > 0 and beta >= 0 and speed_cutoff > 0):
            raise ValueError(
                "min_cutoff and speed_cutoff must be positive and beta at least 0, got "
                f"{min_cutoff}, {speed_cutoff} and {beta}."
            )
        self.min_cutoff, self.beta, self.speed_cutoff = min_cutoff, beta, speed_cutoff
        self._time, self._raw, self._smooth, self._speed = 0.0, None, None, None

    def __call__(self, x: Float[np.ndarray, "*points d"], time: float) -> np.ndarray:
        """Return the filtered points of the next frame.

        Raises:
            ValueError: If time does not increase.
        """
        if self._raw is None or self._smooth is None or self._speed is None:
            self._time, self._raw, self._smooth = time, x, x
            self._speed = np.zeros_like(x)
            return x
        gap = time - self._time
        if not gap > 0:
            raise ValueError(f"expected a time after {self._time} s, got {time} s.")
        gain = _gain(self.speed_cutoff, gap)
        self._speed = self._speed + gain * ((x - self._raw) / gap - self._speed)
        cutoff = self.min_cutoff + self.beta * np.linalg.norm(self._speed, axis=-1, keepdims=True)
        self._smooth = self._smooth + _gain(cutoff, gap) * (x - self._smooth)
        self._time, self._raw = time, x
        return self._smooth


def _gain(cutoff: np.ndarray | float, gap: float) -> np.ndarray | float:
    """Return the share of a step that a first-order low pass takes at once."""
    turn = 2 * np.pi * cutoff * gap
    return turn / (turn + 1)


def apply_live(
    x: Float[np.ndarray, "t ..."],
    times: Float[np.ndarray, " t"],
    live: Callable[[np.ndarray, float], np.ndarray],
) -> Float[np.ndarray, "t ..."]:
    """Run a live filter, such as `OneEuro`, over a recorded motion."""
    return np.stack([live(frame, float(time)) for frame, time in zip(x, times, strict=True)])
