"""Offline filters over time, without delay, in seconds and Hz, for frames at any times.

`butterworth` takes a cutoff for each frame, `adaptive_butterworth` raises it with speed and lowers
it with noise, `gaussian_smooth` fits lines. All keep constant velocity as it is.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import solveh_banded

Times = Float[np.ndarray, " t"]
Channels = Float[np.ndarray, "t ..."]
_EPSILON = 1e-12
FRAMES_AT_ONCE = 10_000
"""Frames that are worked on at a time, which bounds memory."""


@dataclass(frozen=True)
class NoiseConfig:
    """How `estimate_noise` tells noise from movement."""

    band: float = 8.0
    """Hz; a body does not move faster. At most 0.3 of the frame rate."""
    reference_rate: float = 50.0
    """Frames per second to which the noise is scaled: at lower rates fewer frames average it."""
    min_rate: float = 19.0
    """Frames per second below which noise and movement look alike."""
    min_frames: int = 8
    """Frames below which there are too few to measure it."""
    tracking_cutoff: float = 0.6
    """Hz to which changes of the noise are followed."""


NOISE = NoiseConfig()


@dataclass(frozen=True)
class AdaptiveCutoff:
    """A cutoff that follows the path; the defaults suit paths of body joints in metres."""

    at_rest: float
    """Hz at speed 0."""
    speed_gain: float
    """Hz more for each unit of the path a second."""
    noise_floor: float = 0.0
    """Noise, as `estimate_noise` measures it, for which the two are chosen. With less noise they
    rise by the square root of the ratio; with more they stay, or claps would lose their speed. 0
    leaves the noise out."""
    max_noise_gain: float = 4.0
    """Largest factor for little noise."""
    speed_cutoff: float = 6.0
    """Hz of the filter that the speed is measured after."""
    speed_window: float = 0.15
    """Seconds, one sigma, over which the speed is averaged: a clapping hand turns every 1/6 s."""
    half_weight: float = 0.02
    """Weight of a frame whose speed counts half; a bridged gap is not fast for being long."""


def butterworth(
    x: Channels, times: Times, cutoff: Times | float, weight: Times | None = None, *, order: int = 3
) -> Channels:
    """Filter with a Butterworth response forward and backward, 1 / (1 + (f / cutoff)^(2 n)).

    The result y minimizes the sum of h w (y - x)^2 + h (n-th derivative of y)^2 /
    (2 pi cutoff)^(2 n), with h the time between frames. It has this response for even times and
    weights (Whittaker, 1923; Eilers, "A perfect smoother", 2003), needs no padding at the ends, and
    takes uneven times. Polynomials in time of degree n - 1 pass unchanged.

    Args:
        times: Seconds, increasing.
        cutoff: Hz at which half of a movement is kept: one, or one for each frame.
        weight: Weight of each frame, by default 1; 0 bridges the frame.
        order: n, at least 1; less if there are too few frames.

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
    middle = (f[n // 2 : t - n + n // 2] + f[(n + 1) // 2 : t - n + (n + 1) // 2]) / 2
    banded = roughness(times, middle, n)
    # Rounding would make the system singular where many frames in a row have weight 0.
    trust = np.maximum(w * frame_durations(times), _EPSILON * banded[n].max())
    banded[n] += trust
    right = trust[:, None] * x.reshape(t, -1)
    return solveh_banded(banded, right, overwrite_ab=True, overwrite_b=True).reshape(x.shape)


def frame_durations(times: Times) -> Times:
    """Return the seconds of each frame: half of those between its neighbors."""
    gap = np.diff(times)
    return np.concatenate([gap[:1], (gap[1:] + gap[:-1]) / 2, gap[-1:]]) if len(gap) else np.ones(1)


def roughness(
    times: Times, cutoff: Float[np.ndarray, " r"] | float, order: int
) -> Float[np.ndarray, "k t"]:
    """Return the matrix of what `butterworth` charges a path for its derivative, banded.

    Its quadratic form is the sum over runs of order + 1 frames of h (derivative)^2 /
    (2 pi cutoff)^(2 order), with a cutoff for each run, or one for all. Row order - i holds the
    i-th diagonal above the main one, as `scipy.linalg.solveh_banded` takes it.
    """
    n, runs = order, len(times) - order
    each = np.broadcast_to(cutoff, (runs,))
    banded = np.zeros((len(times), n + 1)).T  # as LAPACK wants it, so that it is not copied
    for first in range(0, runs, FRAMES_AT_ONCE):
        last = min(first + FRAMES_AT_ONCE, runs)
        derivative, span = _derivative_weights(times[first : last + n], n)
        cost = span / (2 * np.pi * each[first:last]) ** (2 * n)
        for i in range(n + 1):
            for k in range(n + 1 - i):
                at = slice(first + i + k, last + i + k)
                banded[n - i, at] += cost * derivative[k] * derivative[k + i]
    return banded


def _derivative_weights(
    times: Times, order: int
) -> tuple[Float[np.ndarray, "k s"], Float[np.ndarray, " s"]]:
    """Return weights of each run of order + 1 frames for the derivative, and its mean gap."""
    count = len(times) - order
    at = np.stack([times[k : k + count] for k in range(order + 1)])
    away = at[:, None] - at[None]
    away[np.arange(order + 1), np.arange(order + 1)] = 1.0
    return math.factorial(order) / away.prod(axis=1), (at[-1] - at[0]) / order


def adaptive_butterworth(
    x: Float[np.ndarray, "t d"],
    times: Times,
    cutoff: AdaptiveCutoff,
    weight: Times | None = None,
    moving: Float[np.ndarray, "t m"] | None = None,
) -> Float[np.ndarray, "t d"]:
    """Filter with `butterworth`, its cutoff rising with speed as in the One-Euro filter.

    Rest is held still, and fast movement, in which noise does not show, keeps its peaks. The speed
    is an average over some frames: a movement to and fro does not stop where it turns.

    Args:
        x: The path of one joint, metres.
        times: Seconds, increasing.
        weight: As for `butterworth`.
        moving: The path whose speed counts; by default x.
    """
    if len(times) < 2:
        return x.copy()
    w = np.ones(len(times)) if weight is None else weight
    rough = butterworth(x if moving is None else moving, times, cutoff.speed_cutoff, w)
    velocity = np.gradient(rough, times, axis=0) * (w / (w + cutoff.half_weight))[:, None]
    around = gaussian_smooth((velocity**2).sum(axis=1), times, cutoff.speed_window)
    hertz = cutoff.at_rest + cutoff.speed_gain * np.sqrt(np.maximum(around, 0.0))
    noise = estimate_noise(x, times, w) if cutoff.noise_floor else None
    if noise is not None:
        gain = np.sqrt(cutoff.noise_floor / np.maximum(noise, _EPSILON))
        hertz = hertz * np.clip(gain, 1.0, cutoff.max_noise_gain)
    return butterworth(x, times, hertz, w)


def estimate_noise(
    x: Float[np.ndarray, "t d"], times: Times, weight: Times, config: NoiseConfig = NOISE
) -> Times | None:
    """Estimate the white noise of a path around each frame: one sigma, over all axes, in its unit.

    It is measured in what a `butterworth` of ``config.band`` removes, since no body moves so, and
    scaled to ``config.reference_rate``. None for too few frames, or too few a second.
    """
    rate = (len(times) - 1) / (times[-1] - times[0])
    if len(times) < config.min_frames or rate < config.min_rate:
        return None
    band, order = min(config.band, 0.3 * rate), 3
    rest = ((x - butterworth(x, times, band, weight, order=order)) ** 2).sum(axis=1)
    # The filter of order 1 is never negative.
    around = butterworth(rest, times, config.tracking_cutoff, weight, order=1)
    # Of white noise, `rest` holds this share: derivatives are differences between frames.
    penalty = (rate / (np.pi * band) * np.sin(np.linspace(0, np.pi / 2, 100))) ** (2 * order)
    share = ((penalty / (1 + penalty)) ** 2).mean()
    return np.sqrt(np.maximum(around, 0.0) / share * config.reference_rate / rate)


def gaussian_smooth(x: Channels, times: Times, seconds: float) -> Channels:
    """Return at each frame the value of the line that best fits the frames around it.

    Frames are weighted by a Gaussian of standard deviation ``seconds``; inside a long motion at
    even times that is the Gaussian mean. Raises ValueError if ``seconds`` are not positive.
    """
    if not seconds > 0:
        raise ValueError(f"seconds must be positive, got {seconds}.")
    t, flat = len(times), x.reshape(len(times), -1)
    step = np.gradient(times) if t > 1 else np.ones(1)
    reach = int((np.searchsorted(times, times + 4 * seconds) - np.arange(t)).max(initial=0))
    parts = [slice(i, i + FRAMES_AT_ONCE) for i in range(0, t, FRAMES_AT_ONCE)]
    lines = [_fit_lines(flat, times, step, seconds, part, reach) for part in parts]
    return np.concatenate([flat[:0], *lines]).reshape(x.shape)


def _fit_lines(
    flat: Float[np.ndarray, "t c"],
    times: Times,
    step: Times,
    seconds: float,
    part: slice,
    reach: int,
) -> Float[np.ndarray, "s c"]:
    """Return the values of the lines of `gaussian_smooth` for some frames."""
    t, low, high = len(times), part.start, min(part.stop, len(times))
    zeroth, first, second = np.zeros((3, high - low))
    value, slope = np.zeros((2, high - low, flat.shape[1]))
    for offset in range(-reach, reach + 1):
        start = max(low, -offset)
        end = max(start, min(high, t - offset))
        here, there = slice(start - low, end - low), slice(start + offset, end + offset)
        away = times[there] - times[start:end]
        w = step[there] * np.exp(-0.5 * (away / seconds) ** 2) * (np.abs(away) <= 4 * seconds)
        zeroth[here] += w
        first[here] += w * away
        second[here] += w * away**2
        value[here] += w[:, None] * flat[there]
        slope[here] += (w * away)[:, None] * flat[there]
    spread = np.maximum(zeroth * second - first**2, 1e-300)
    line = (second[:, None] * value - first[:, None] * slope) / spread[:, None]
    alone = zeroth * second - first**2 <= 1e-12 * (zeroth * seconds) ** 2
    return np.where(alone[:, None], value / zeroth[:, None], line)
