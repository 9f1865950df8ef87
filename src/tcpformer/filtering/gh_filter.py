"""A causal filter without lag in uniform motion, for live use."""

import numpy as np
from jaxtyping import Float


class GhFilter:
    """The critically damped g-h filter, whose bandwidth rises with speed.

    A prediction at constant velocity is corrected by what is seen: position by g of the difference,
    velocity by h of it (Brookner, "Tracking and Kalman Filtering Made Easy", Wiley 1998, section
    1.3: g = 1 - r^2, h = (1 - r)^2). r is exp(-2 pi cutoff dt), so frame rates may vary.
    A One-Euro filter has no velocity, and lags behind all that moves.

    Args:
        cutoff: Hz, at rest.
        beta: Hz more for each unit of x a second.
        damping: Share of the velocity that remains after each frame, 0 to 1: less overshoot.
    """

    def __init__(self, cutoff: float = 2.0, beta: float = 3.0, damping: float = 0.9) -> None:
        if not (cutoff > 0 and beta >= 0 and 0 <= damping <= 1):
            raise ValueError(
                "cutoff must be positive, beta at least 0 and damping from 0 to 1, got "
                f"{cutoff}, {beta} and {damping}."
            )
        self.cutoff, self.beta, self.damping = cutoff, beta, damping
        self._time, self._x, self._velocity = 0.0, None, None

    def __call__(self, x: Float[np.ndarray, "*points d"], time: float) -> np.ndarray:
        """Return the filtered points of the next frame.

        Raises:
            ValueError: If time does not increase.
        """
        if self._x is None or self._velocity is None:
            self._time, self._x, self._velocity = time, x, np.zeros_like(x)
            return x
        gap = time - self._time
        if not gap > 0:
            raise ValueError(f"expected a time after {self._time} s, got {time} s.")
        velocity = self.damping * self._velocity
        speed = np.linalg.norm(self._velocity, axis=-1, keepdims=True)
        r = np.exp(-2 * np.pi * (self.cutoff + self.beta * speed) * gap)
        predicted = self._x + gap * velocity
        error = x - predicted
        self._x = predicted + (1 - r**2) * error
        self._velocity = velocity + (1 - r) ** 2 / gap * error
        self._time = time
        return self._x
