"""Resampling: motion at other times or at an even rate."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.interpolate import CubicSpline, make_interp_spline
from scipy.ndimage import correlate1d, gaussian_filter1d

from ..motion import Motion2D, give

Points = Float[np.ndarray, "t j d"]
Times = Float[np.ndarray, " t"]
NewTimes = Float[np.ndarray, " s"]

MIN_INTERVAL = 0.1
"""Of the median interval: a frame that follows sooner repeats the one before."""
SMOOTH_FROM_RATIO = 1.5
"""Ratio of old to new rate from which on a motion is smoothed before it is sampled."""


@dataclass(frozen=True)
class EvenTimesConfig:
    """What `resample_evenly` takes for even times, and how it fills the others."""

    max_offset: float = 0.1
    """Of a frame; times this near to even ones count as even."""
    max_rounding: float = 0.002
    """Seconds; so do these: whole milliseconds, as in Matroska, are off by half of one."""
    interval_tolerance: float = 0.15
    """Relative; intervals this near to the median are the median, but for jitter and rounding."""
    max_spline_gap: float = 0.3
    """Seconds; across longer gaps of walking or clapping a line errs as little as a spline."""


EVEN_TIMES = EvenTimesConfig()


def resample(motion: Motion2D, fps: float) -> Motion2D:
    """Sample a motion evenly in time; `interpolate_at` its old times is the way back.

    A motion that is even at this rate within half a frame over its whole length is returned as it
    is. From a much higher rate, positions are averaged over about a new frame: noise faster than
    the new rate can show would look like slow movement (aliasing).
    """
    count = round((motion.times[-1] - motion.times[0]) * fps) + 1
    times = motion.times[0] + np.arange(count) / fps
    if count == len(motion) and np.abs(times - motion.times).max() < 0.5 / fps:
        return motion
    nearest = np.rint(np.interp(times, motion.times, np.arange(len(motion)))).astype(int)
    confidence = interpolate_at(motion.confidence[..., None], motion.times, times, smooth=False)
    return replace(
        motion,
        xy=give(interpolate_at(*_limit_band(motion, fps), times)),
        confidence=give(np.clip(confidence[..., 0], 0.0, 1.0)),
        valid=motion.valid[nearest],
        times=times,
        fps=fps,
    )


def _limit_band(motion: Motion2D, fps: float) -> tuple[Points, Times]:
    """Return positions without what is faster than a rate can show, and their times."""
    xy, times = motion.xy, motion.times
    span = times[-1] - times[0]
    ratio = (len(times) - 1) / span / fps if span > 0 else 1.0
    if ratio < SMOOTH_FROM_RATIO:
        return xy, times
    # The variance of a mean over `ratio` frames; unlike the mean, a Gaussian has no side lobes.
    sigma = np.sqrt((ratio**2 - 1) / 12)
    both = np.column_stack([times, xy.reshape(len(xy), -1)])  # a line in time stays one
    more = min(int(4 * sigma) + 1, len(both) - 1)
    # Reflected about the ends, which so stay where they are.
    wide = np.pad(both, ((more, more), (0, 0)), mode="reflect", reflect_type="odd")
    both = gaussian_filter1d(wide, sigma, axis=0)[more:-more]
    return both[:, 1:].reshape(xy.shape).astype(xy.dtype), both[:, 0]


def resample_evenly(
    xyz: Float[np.ndarray, "t j 3"], times: Times, fps: float, config: EvenTimesConfig = EVEN_TIMES
) -> tuple[Float[np.ndarray, "s j 3"], float]:
    """Return joints at even times (seconds) from the first frame to the last, and their rate.

    Joints that are even at ``fps`` are returned as they are. Others get the rate of their median
    interval, which fills in dropped frames; there are never fewer frames than before.
    """
    offset = np.abs(times - times[0] - np.arange(len(times)) / fps).max()
    if offset <= max(config.max_offset / fps, config.max_rounding):
        return xyz, fps
    intervals = np.diff(times)
    median = np.quantile(intervals, 0.5, method="lower")
    usual = float(intervals[np.abs(intervals - median) < config.interval_tolerance * median].mean())
    span = times[-1] - times[0]
    count = max(round(span / usual), len(times) - 1)
    wanted = np.linspace(times[0], times[-1], count + 1)
    distinct = distinct_frames(times)
    xyz, times = xyz[distinct], times[distinct]
    joints = _evaluate(partial(CubicSpline, bc_type="natural"), xyz, times, wanted)
    after = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    across = np.flatnonzero(times[after] - times[after - 1] > config.max_spline_gap)
    after = after[across]
    start, end = times[after - 1], times[after]
    share = ((wanted[across] - start) / (end - start))[:, None, None]
    joints[across] = (1 - share) * xyz[after - 1] + share * xyz[after]
    return joints, float(count / span)


def interpolate_at(
    x: Points, times: Times, wanted: NewTimes, *, smooth: bool = True
) -> Float[np.ndarray, "s j d"]:
    """Interpolate by a cubic spline, or straight lines; outside, return the nearest value.

    A spline leaves out frames that repeat the one before: their speeds would be noise.
    """
    if smooth:
        distinct = distinct_frames(times)
        if not distinct.all():
            x, times = x[distinct], times[distinct]
    degree = min(3 if smooth else 1, len(times) - 1)
    if degree == 0:
        return np.repeat(x, len(wanted), axis=0)
    wanted = np.clip(wanted, times[0], times[-1])
    return _evaluate(partial(make_interp_spline, k=degree), x, times, wanted)


def _evaluate(
    spline: Callable[..., Any], x: Points, times: Times, wanted: NewTimes
) -> Float[np.ndarray, "s j d"]:
    out = np.empty((len(wanted), *x.shape[1:]), dtype=x.dtype)
    for joint in range(x.shape[1]):  # all at once take several times their memory
        out[:, joint] = spline(times, x[:, joint])(wanted)
    return out


def distinct_frames(times: Times) -> Bool[np.ndarray, " t"]:
    """Return which frames do not repeat the one before."""
    intervals = np.diff(times)
    median = np.quantile(intervals, 0.5, method="lower") if len(intervals) else 0.0
    return np.append(True, intervals > MIN_INTERVAL * median)


def reach_of_alternation(seconds: float, fps: float) -> int:
    """Return how many frames before and after each one `remove_alternation` averages over."""
    return max(2, round(4 * seconds * fps))


def remove_alternation(x: Points, seconds: float, fps: float, out: Points | None = None) -> Points:
    """Average over time to remove what alternates; constant acceleration passes unchanged.

    The weights are a Gaussian of this standard deviation times a parabola, with second moment 0
    (a kernel of fourth order). Beyond the ends, the end values continue. The result is written to
    ``out``, which may be x, by default to a new array.
    """
    sigma, reach = seconds * fps, reach_of_alternation(seconds, fps)
    t = np.arange(-reach, reach + 1)
    bell = np.exp(-(t**2) / (2 * sigma**2))
    m0, m2, m4 = (float((bell * t**k).sum()) for k in (0, 2, 4))
    weights = bell * (m4 - m2 * t**2) / (m0 * m4 - m2**2)
    return correlate1d(x, weights, axis=0, output=out, mode="nearest")
