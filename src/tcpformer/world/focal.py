"""The focal length, from the motion: weak evidence, with how weak it is.

A wrong focal length stretches the way of the pelvis in depth, but not the steps relative to it: the
lower foot then slides. Axis legend: ``f`` focal lengths.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from ..filtering.filters import butterworth
from ..lifting.normalize import to_rays
from ..motion import Motion3D
from ..skeleton import H36M
from .ground import FEET
from .trajectory import choose_focal, solve_root_trajectory

FROM_MOTION = "motion"
"""In the place of a focal length: estimate it."""
_ANGLES = np.linspace(85, 35, 51)  # degrees across the longer side
_PRIOR = 0.2  # of the log of the focal length about the assumed one, one sigma
_SLIDES = 0.3  # m/s: what a foot that stands seems to move
_MOMENT = 0.3  # seconds after which a foot says something new
_SECONDS = 10.0  # of a clip are looked at
_FEET_CUTOFF, _WAY_CUTOFF = 4.0, 2.5  # Hz


def estimate_focal(motions: Sequence[Motion3D]) -> tuple[float, float]:
    """The focal length at which the lower feet of people slide least, and how sure that is.

    It is drawn to the camera that sees 60 degrees, which is off by 20 % (one sigma) itself.

    Args:
        motions: Of one camera, lifted with any focal length; Human3.6M joints.

    Returns:
        Pixels; and one standard deviation, as a share of it.
    """
    size = motions[0].size
    usual, _ = choose_focal(None, None, size)
    focals = max(size) / (2 * np.tan(np.radians(_ANGLES) / 2))
    off = np.log(focals / usual)
    likely = -0.5 * (off / _PRIOR) ** 2 - sum(_cost(motion, focals) for motion in motions)
    share = np.exp(likely - likely.max())
    share = share / share.sum()
    mean = float(share @ off)
    return usual * float(np.exp(mean)), float(np.sqrt(share @ (off - mean) ** 2))


def describe_estimate(focal: float, sigma: float) -> str:
    """Where such a focal length comes from."""
    return f"estimated from the motion: {focal:.0f} pixels, one sigma {100 * sigma:.0f} %"


def sliding(
    pose: Float[np.ndarray, "t 17 3"],
    ways: Sequence[Float[np.ndarray, "t 3"]],
    times: Float[np.ndarray, " t"],
    up: Float[np.ndarray, " 3"],
) -> Float[np.ndarray, " f"]:
    """How much the lower foot slides on each way, against what feet that stand seem to.

    Args:
        pose: Joints relative to the pelvis, metres, camera axes.
        ways: Of the pelvis, likewise.
        times: Seconds.
        up: Against gravity.

    Returns:
        Minus a log-likelihood. Feet that move freely say little of it (Geman and McClure, 1985).
    """
    feet = pose[:, FEET]
    low: Int[np.ndarray, " t"] = np.argmin(feet @ up, axis=1)
    flat = butterworth(feet.reshape(len(feet), -1), times, _FEET_CUTOFF).reshape(feet.shape)
    step = np.gradient(flat, times, axis=0)[np.arange(len(low)), low]
    cost = []
    for way in ways:
        slide = step + np.gradient(butterworth(way, times, _WAY_CUTOFF), times, axis=0)
        slide = slide - (slide @ up)[:, None] * up
        size = (slide**2).sum(axis=1) / _SLIDES**2
        cost.append((size / (1 + size)) @ np.gradient(times) / _MOMENT)
    return np.array(cost)


def _cost(motion: Motion3D, focals: Float[np.ndarray, " f"]) -> Float[np.ndarray, " f"]:
    """What one person says of focal lengths, in the first seconds in which they are seen."""
    first = int(np.argmax(motion.valid))
    part = slice(first, first + round(_SECONDS * motion.fps))
    valid, times = motion.valid[part], motion.times[part]
    if len(times) < 3 or not valid.any():
        return np.zeros(len(focals))
    pose = motion.camera_xyz[part] - motion.camera_xyz[part, H36M.root, None]
    body = (pose[:, H36M.index["Neck"]] - pose[:, FEET].mean(axis=1))[valid]
    up = np.median(body / np.linalg.norm(body, axis=1, keepdims=True), axis=0)
    rays = [to_rays(motion.xy[part], motion.size, focal) for focal in focals]
    ways = [solve_root_trajectory(pose, each, motion.confidence[part], times) for each in rays]
    return sliding(pose, ways, times, up / np.linalg.norm(up))
