"""Makes a detected motion whole: doubts weighed, gaps bridged, frames evenly spaced in time."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.interpolate import make_interp_spline
from scipy.ndimage import correlate1d, gaussian_filter1d

from ..motion import Motion2D
from .filters import Cutoff, adaptive

_PATH = Cutoff(3.0, 1.5)  # Hz of a path, and Hz more for each unit a second
_POWER = 4  # of confidence: what a frame counts for on the path
SOON = 0.1  # of the usual interval
SLOWER = 1.5
"""From so many times the wanted rate on, a motion is smoothed before it is sampled."""


def smooth_uncertain(motion: Motion2D, unit: float) -> Motion2D:
    """Let joints count by their confidence: draw those of little to the path of those of more.

    The path is smooth and follows each frame by its confidence. A joint as sure as it usually is
    in this clip, or surer, stays; one of half that confidence goes three quarters of the way to the
    path. Unseen joints say nothing and stay, too: `fill_gaps` bridges them, and then begins and
    ends on the path.

    Args:
        motion: Any joints.
        unit: Pixels to measure speed in: a torso.
    """
    seen = (motion.confidence > 0) & motion.valid[:, None]
    xy = motion.xy.copy()
    for j in np.flatnonzero(seen.sum(axis=0) >= 3):
        at = np.flatnonzero(seen[:, j])
        x, sure = motion.xy[at, j], motion.confidence[at, j]
        share = np.minimum(sure / np.median(sure), 1.0)[:, None] ** 2
        weight = (sure / sure.max()) ** _POWER
        path = unit * adaptive(x / unit, motion.times[at], _PATH, weight)
        xy[at, j] = share * x + (1 - share) * path
    return replace(motion, xy=xy)


def fill_gaps(motion: Motion2D) -> Motion2D:
    """Give unseen joints a place: on the line in time between their last and next sighting.

    A joint is unseen where its frame is not valid or its confidence is 0; its confidence is 0
    afterwards. Before the first and after the last sighting it stays where it was. A joint that is
    never seen goes to the mean of the others. ``valid`` stays as it is.

    Raises:
        ValueError: If no joint is ever seen.
    """
    seen = (motion.confidence > 0) & motion.valid[:, None]
    if not seen.any():
        raise ValueError("nobody is visible in this motion: no frame is valid with confidence > 0.")
    xy = motion.xy.copy()
    for j in np.flatnonzero(seen.any(axis=0) & ~seen.all(axis=0)):
        xy[:, j] = _bridged(motion.xy[:, j], motion.times, seen[:, j])
    never = ~seen.any(axis=0)
    xy[:, never] = xy[:, ~never].mean(axis=1, keepdims=True)
    return replace(motion, xy=xy, confidence=np.where(seen, motion.confidence, 0.0))


def _bridged(
    x: Float[np.ndarray, "t d"], times: Float[np.ndarray, " t"], seen: Bool[np.ndarray, " t"]
) -> Float[np.ndarray, "t d"]:
    """Linear interpolation over what was not seen; constant at the ends."""
    return np.stack([np.interp(times, times[seen], x[seen, i]) for i in range(x.shape[1])], axis=-1)


def resample(motion: Motion2D, fps: float) -> Motion2D:
    """Sample a motion evenly in time; `at_times` with its old times is the way back.

    A motion that is already even at this rate, within half a frame over its whole length, is
    returned as it is. From a much higher rate, places are averaged over as long as a frame then
    lasts: what trembles faster than the new rate can show would else look like a slow movement.
    """
    count = round((motion.times[-1] - motion.times[0]) * fps) + 1
    times = motion.times[0] + np.arange(count) / fps
    if count == len(motion) and np.abs(times - motion.times).max() < 0.5 / fps:
        return motion
    nearest = np.rint(np.interp(times, motion.times, np.arange(len(motion)))).astype(int)
    confidence = interpolate_at(motion.confidence[..., None], motion.times, times, smooth=False)[
        ..., 0
    ]
    return replace(
        motion,
        xy=interpolate_at(*_slowed(motion, fps), times),
        confidence=np.clip(confidence, 0.0, 1.0),
        valid=motion.valid[nearest],
        times=times,
        fps=fps,
    )


def _slowed(
    motion: Motion2D, fps: float
) -> tuple[Float[np.ndarray, "t j 2"], Float[np.ndarray, " t"]]:
    """The places with as little haste as frames at a rate show, and when they are taken."""
    xy, times = motion.xy, motion.times
    span = times[-1] - times[0]
    ratio = (len(times) - 1) / span / fps if span > 0 else 1.0
    if ratio < SLOWER:
        return xy, times
    # A mean over some frames has this variance; a Gaussian of it lets nothing fast through again.
    spread = np.sqrt((ratio**2 - 1) / 12)
    both = np.column_stack([times, xy.reshape(len(xy), -1)])  # a line in time stays one
    more = min(int(4 * spread) + 1, len(both) - 1)
    # Turned about its ends: they stay where they were.
    wide = np.pad(both, ((more, more), (0, 0)), mode="reflect", reflect_type="odd")
    both = gaussian_filter1d(wide, spread, axis=0)[more:-more]
    return both[:, 1:].reshape(xy.shape), both[:, 0]


def distinct_frames(times: Float[np.ndarray, " t"]) -> Bool[np.ndarray, " t"]:
    """Which frames do not follow at once upon the one before."""
    intervals = np.diff(times)
    usual = np.quantile(intervals, 0.5, method="lower") if len(intervals) else 0.0
    return np.append(True, intervals > SOON * usual)


def interpolate_at(
    x: Float[np.ndarray, "t j d"],
    times: Float[np.ndarray, " t"],
    wanted: Float[np.ndarray, " s"],
    *,
    smooth: bool = True,
) -> Float[np.ndarray, "s j d"]:
    """Values between frames: a cubic spline, or straight lines; outside, the nearest value.

    A spline leaves out frames that follow at once: of speeds they would say nothing but noise.
    """
    if smooth:
        own = distinct_frames(times)
        x, times = x[own], times[own]
    degree = min(3 if smooth else 1, len(times) - 1)
    if degree == 0:
        return np.repeat(x, len(wanted), axis=0)
    out, wanted = np.empty((len(wanted), *x.shape[1:])), np.clip(wanted, times[0], times[-1])
    for joint in range(x.shape[1]):  # all at once they would take several times their own memory
        out[:, joint] = make_interp_spline(times, x[:, joint], k=degree)(wanted)
    return out


def remove_alternation(
    x: Float[np.ndarray, "t j d"], seconds: float, fps: float
) -> Float[np.ndarray, "t j d"]:
    """A mean over time that takes away what alternates; even acceleration passes as it is.

    The weights are a Gaussian of this standard deviation times a parabola, so that their second
    moment is 0 (a kernel of fourth order). Ends are continued as they are.
    """
    sigma = seconds * fps
    reach = max(2, round(4 * sigma))
    t = np.arange(-reach, reach + 1)
    bell = np.exp(-(t**2) / (2 * sigma**2))
    m0, m2, m4 = (float((bell * t**k).sum()) for k in (0, 2, 4))
    weights = bell * (m4 - m2 * t**2) / (m0 * m4 - m2**2)
    return correlate1d(x, weights, axis=0, mode="nearest")
