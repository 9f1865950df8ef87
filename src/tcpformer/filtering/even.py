"""Motions at one rate throughout, for files that have no time for each frame."""

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from .repair import distinct_frames

OFF = 0.1  # of a frame; nearer to its even time than this, a frame has it
ROUNDED = 0.002  # seconds; times in whole milliseconds, as Matroska has them, are off by half of it
ALIKE = 0.15  # intervals that differ by less from the median are it, jittered or rounded
PAUSE = 0.3  # seconds; over a longer gap in walking, kicking and clapping a line is as near


def resample_evenly(
    xyz: Float[np.ndarray, "t j 3"], times: Float[np.ndarray, " t"], fps: float
) -> tuple[Float[np.ndarray, "s j 3"], float]:
    """Bring joints to even times, from the first frame to the last; also give the rate of those.

    What is even at ``fps`` is returned as it is. All else gets the rate of its median interval,
    so that frames that were dropped now and then are filled in; and never fewer frames.

    Args:
        xyz: Joints, frame by frame.
        times: Of the frames, in seconds.
        fps: The rate at which they are meant to be even.
    """
    off = np.abs(times - times[0] - np.arange(len(times)) / fps).max()
    if off <= max(OFF / fps, ROUNDED):
        return xyz, fps
    span, usual = times[-1] - times[0], _usual(np.diff(times))
    count = max(round(span / usual), len(times) - 1)
    wanted = np.linspace(times[0], times[-1], count + 1)
    own = distinct_frames(times)
    return between(xyz[own], times[own], wanted), float(count / span)


def _usual(intervals: Float[np.ndarray, " t"]) -> float:
    """The median interval, freed of jitter and rounding: the mean of those like it."""
    median = np.quantile(intervals, 0.5, method="lower")
    return float(intervals[np.abs(intervals - median) < ALIKE * median].mean())


def between(
    xyz: Float[np.ndarray, "t j 3"],
    times: Float[np.ndarray, " t"],
    wanted: Float[np.ndarray, " s"],
) -> Float[np.ndarray, "s j 3"]:
    """Where joints are between frames: on a cubic spline, over a pause on a straight line.

    Args:
        xyz: Joints in two frames or more.
        times: Of the frames, in seconds.
        wanted: Seconds, from the first frame to the last or little longer.
    """
    joints = np.empty((len(wanted), *xyz.shape[1:]))
    for joint in range(xyz.shape[1]):  # all at once they would take several times their own memory
        joints[:, joint] = CubicSpline(times, xyz[:, joint], bc_type="natural")(wanted)
    after = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    long = np.flatnonzero(times[after] - times[after - 1] > PAUSE)
    after = after[long]
    start, end = times[after - 1], times[after]
    share = ((wanted[long] - start) / (end - start))[:, None, None]
    joints[long] = (1 - share) * xyz[after - 1] + share * xyz[after]
    return joints
