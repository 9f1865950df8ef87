"""Filters over time, in seconds and Hz: by the times of the frames, whatever their number.

Off-line, without delay: `butterworth`, whose cutoff may change from frame to frame, `adaptive`,
whose cutoff follows speed and tremor, and `gaussian`.
Live, with as little delay as may be: `OneEuro`. All keep what moves evenly as it is.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import solveh_banded

_LEAST = 1e-12
_SPEED_CUTOFF = 6.0
_SILENT = 0.02  # weight of a frame of whose speed half is believed
_MOMENT = 0.15  # seconds, one sigma: a hand that claps turns every sixth of a second
_BODY_BAND = 8.0  # Hz: what is faster is not a body's movement
_USUAL_RATE, _SLOWEST, _FEWEST = 50.0, 19.0, 8  # frames a second; frames
_AROUND = 0.6  # Hz to which a tremor is followed
_LOOSER = 4.0  # the cutoff's greatest share, by the tremor


def butterworth(
    x: Float[np.ndarray, "t ..."],
    times: Float[np.ndarray, " t"],
    cutoff: Float[np.ndarray, " t"] | float,
    weight: Float[np.ndarray, " t"] | None = None,
    *,
    order: int = 3,
) -> Float[np.ndarray, "t ..."]:
    """A Butterworth filter of this order, run forward and backward: 1 / (1 + (f / cutoff)^(2 n)).

    It is computed as the curve y of least sum of h w (y - x)^2 + h (n-th derivative of y)^2 /
    (2 pi cutoff)^(2 n), with h the time between frames. That has this response where times and
    weights are even (Whittaker, 1923; Eilers, "A perfect smoother", 2003), needs no made-up frames
    at the ends, and takes uneven ones. What is a polynomial in time of degree n - 1 stays.

    Args:
        x: Any channels.
        times: Seconds, increasing.
        cutoff: Hz at which half of a movement is kept: one, or one of each frame.
        weight: How far each frame is to be believed, compared with 1; 0 bridges it.
        order: n, at least 1; less where there are too few frames.

    Raises:
        ValueError: If a cutoff is not positive, or no weight is.
    """
    t, n = len(times), min(order, len(times) - 1)
    w = np.ones(t) if weight is None else np.asarray(weight, dtype=np.float64)
    f = np.broadcast_to(np.asarray(cutoff, dtype=np.float64), (t,))
    if not (f > 0).all() or not (w.min() >= 0 and w.max() > 0):
        raise ValueError("expected cutoffs above 0 Hz, and weights of at least 0, one above it.")
    if n == 0:
        return x.copy()
    derivative, span = derivative_weights(times, n)
    middle = (f[n // 2 : t - n + n // 2] + f[(n + 1) // 2 : t - n + (n + 1) // 2]) / 2
    penalty = span / (2 * np.pi * middle) ** (2 * n)
    banded = np.zeros((n + 1, t))
    for i in range(n + 1):
        for k in range(n + 1 - i):
            banded[n - i, i + k : i + k + t - n] += penalty * derivative[k] * derivative[k + i]
    # Else rounding makes the system singular where nothing is believed for long.
    trust = np.maximum(w * steps(times), _LEAST * banded[n].max())
    banded[n] += trust
    return solveh_banded(banded, trust[:, None] * x.reshape(t, -1)).reshape(x.shape)


def steps(times: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """The time that each frame stands for, in seconds: half of that between its neighbours."""
    gap = np.diff(times)
    return np.concatenate([gap[:1], (gap[1:] + gap[:-1]) / 2, gap[-1:]]) if len(gap) else np.ones(1)


def derivative_weights(
    times: Float[np.ndarray, " t"], order: int
) -> tuple[Float[np.ndarray, "k s"], Float[np.ndarray, " s"]]:
    """Weights of each run of order + 1 frames that give the derivative, and the run's mean gap."""
    count = len(times) - order
    at = np.stack([times[k : k + count] for k in range(order + 1)])
    away = at[:, None] - at[None]
    away[np.arange(order + 1), np.arange(order + 1)] = 1.0
    return math.factorial(order) / away.prod(axis=1), (at[-1] - at[0]) / order


@dataclass(frozen=True)
class Cutoff:
    """A cutoff that follows the path.

    Attributes:
        still: At rest, Hz.
        rise: Hz more for each m/s.
        tremor: Metres, as `tremor` measures it, for which the two are chosen. With less of it they
            rise by the square root of the ratio, up to 4 times; with more they stay, or claps would
            lose their speed. 0 leaves it out.
    """

    still: float
    rise: float
    tremor: float = 0.0


def adaptive(
    x: Float[np.ndarray, "t d"],
    times: Float[np.ndarray, " t"],
    cutoff: Cutoff,
    weight: Float[np.ndarray, " t"] | None = None,
    moving: Float[np.ndarray, "t m"] | None = None,
) -> Float[np.ndarray, "t d"]:
    """`butterworth` whose cutoff rises with speed, as that of a One-Euro filter, without delay.

    What rests is held still, and what is fast, in which nobody sees a jitter, keeps its peaks. The
    speed is that of a moment, not of a frame: what goes to and fro does not stop where it turns.
    Frames that are hardly believed do not tell a speed: a bridge is not fast for being long.

    Args:
        x: The path of one joint, metres.
        times: Seconds, increasing.
        cutoff: How much is let through.
        weight: As for `butterworth`.
        moving: The path whose speed counts; by default x.
    """
    if len(times) < 2:
        return x.copy()
    w = np.ones(len(times)) if weight is None else weight
    rough = butterworth(x if moving is None else moving, times, _SPEED_CUTOFF, w)
    velocity = np.gradient(rough, times, axis=0) * (w / (w + _SILENT))[:, None]
    around = gaussian((velocity**2).sum(axis=1), times, _MOMENT)
    hertz = cutoff.still + cutoff.rise * np.sqrt(np.maximum(around, 0.0))
    trembles = tremor(x, times, w) if cutoff.tremor else None
    if trembles is not None:
        share = np.sqrt(cutoff.tremor / np.maximum(trembles, _LEAST))
        hertz = hertz * np.clip(share, 1.0, _LOOSER)
    return butterworth(x, times, hertz, w)


def tremor(
    x: Float[np.ndarray, "t d"], times: Float[np.ndarray, " t"], weight: Float[np.ndarray, " t"]
) -> Float[np.ndarray, " t"] | None:
    """How much a path trembles around each moment: one sigma of the white noise in it, all axes.

    It is measured in what a `butterworth` of 8 Hz leaves behind (of 0.6 of the highest frequency
    that the frames can show, if that is less), since no body moves so, and scaled to 50 frames a
    second: the same noise a frame is more at 25, where there are fewer to average.

    Args:
        x: The path of one joint, metres.
        times: Seconds, increasing.
        weight: How far each frame is believed.

    Returns:
        None where it cannot be told from movement: fewer than 8 frames, or than 20 a second.
    """
    rate = (len(times) - 1) / (times[-1] - times[0])
    if len(times) < _FEWEST or rate < _SLOWEST:
        return None
    band, order = min(_BODY_BAND, 0.3 * rate), 3
    left = ((x - butterworth(x, times, band, weight, order=order)) ** 2).sum(axis=1)
    around = butterworth(left, times, _AROUND, weight, order=1)  # that of order 1 is never negative
    # Of white noise it leaves this share: derivatives are differences between frames.
    penalty = (rate / (np.pi * band) * np.sin(np.linspace(0, np.pi / 2, 100))) ** (2 * order)
    share = ((penalty / (1 + penalty)) ** 2).mean()
    return np.sqrt(np.maximum(around, 0.0) / share * _USUAL_RATE / rate)


def gaussian(
    x: Float[np.ndarray, "t ..."], times: Float[np.ndarray, " t"], seconds: float
) -> Float[np.ndarray, "t ..."]:
    """The value at each frame of the straight line that best fits the frames around it.

    Frames count by a Gaussian of this standard deviation; inside a long, even motion that is the
    Gaussian mean.

    Raises:
        ValueError: If the time is not positive.
    """
    if not seconds > 0:
        raise ValueError(f"expected more than 0 seconds, got {seconds}.")
    t, flat = len(times), x.reshape(len(times), -1)
    step = np.gradient(times) if t > 1 else np.ones(1)
    near = np.searchsorted(times, times + 4 * seconds) - np.arange(t)
    zeroth, first, second = np.zeros((3, t))
    value, slope = np.zeros((2, *flat.shape))
    for offset in range(-int(near.max()), int(near.max()) + 1):
        here = slice(max(0, -offset), max(0, min(t, t - offset)))
        there = slice(here.start + offset, here.stop + offset)
        away = times[there] - times[here]
        w = step[there] * np.exp(-0.5 * (away / seconds) ** 2) * (np.abs(away) <= 4 * seconds)
        zeroth[here] += w
        first[here] += w * away
        second[here] += w * away**2
        value[here] += w[:, None] * flat[there]
        slope[here] += (w * away)[:, None] * flat[there]
    spread = np.maximum(zeroth * second - first**2, 1e-300)
    line = (second[:, None] * value - first[:, None] * slope) / spread[:, None]
    alone = zeroth * second - first**2 <= 1e-12 * (zeroth * seconds) ** 2
    return np.where(alone[:, None], value / zeroth[:, None], line).reshape(x.shape)


class OneEuro:
    """The One-Euro filter for live use: a low pass whose cutoff rises with speed.

    Casiez, Roussel and Vogel, "1€ Filter", CHI 2012. Speed is that of each point, over its axes.

    Args:
        still: Cutoff at rest, Hz.
        rise: Hz more for each unit of x a second.
        speed_cutoff: Cutoff of the speed itself, Hz.
    """

    def __init__(self, still: float = 1.5, rise: float = 4.0, speed_cutoff: float = 1.0) -> None:
        if not (still > 0 and rise >= 0 and speed_cutoff > 0):
            raise ValueError(
                "expected still and speed_cutoff above 0 and rise of at least 0, got "
                f"{still}, {speed_cutoff} and {rise}."
            )
        self.still, self.rise, self.speed_cutoff = still, rise, speed_cutoff
        self._time, self._raw, self._smooth, self._speed = 0.0, None, None, None

    def __call__(self, x: Float[np.ndarray, "*points d"], time: float) -> np.ndarray:
        """The filtered points of one more frame.

        Raises:
            ValueError: If time does not go on.
        """
        if self._raw is None or self._smooth is None or self._speed is None:
            self._time, self._raw, self._smooth = time, x, x
            self._speed = np.zeros_like(x)
            return x
        gap = time - self._time
        if not gap > 0:
            raise ValueError(f"expected a time after {self._time} s, got {time} s.")
        share = _share(self.speed_cutoff, gap)
        self._speed = self._speed + share * ((x - self._raw) / gap - self._speed)
        cutoff = self.still + self.rise * np.linalg.norm(self._speed, axis=-1, keepdims=True)
        self._smooth = self._smooth + _share(cutoff, gap) * (x - self._smooth)
        self._time, self._raw = time, x
        return self._smooth


def _share(cutoff: np.ndarray | float, gap: float) -> np.ndarray | float:
    """How much of a step a first-order low pass takes at once."""
    turn = 2 * np.pi * cutoff * gap
    return turn / (turn + 1)


def one_euro(
    x: Float[np.ndarray, "t ..."], times: Float[np.ndarray, " t"], live: OneEuro
) -> Float[np.ndarray, "t ..."]:
    """What a live filter would have made of a motion."""
    return np.stack([live(frame, float(time)) for frame, time in zip(x, times, strict=True)])
