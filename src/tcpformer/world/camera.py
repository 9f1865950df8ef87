"""The camera: rays through pixels, and a focal length given, assumed or estimated.

Axis legend: ``f`` focal lengths.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..filtering.filters import butterworth
from ..motion import ASSUMED_VIEW, Motion3D, assumed_focal
from ..skeleton import FEET, H36M
from .trajectory import solve_root_trajectory

FROM_MOTION = "motion"
"""Instead of a focal length: estimate it."""
FOCAL_RANGE = (0.1, 100.0)
"""Focal lengths over the longer side of the picture: views from 157 down to 0.6 degrees."""


@dataclass(frozen=True, kw_only=True)
class FocalConfig:
    """Tuned numbers of `estimate_focal`, chosen on the open benchmark among a dozen settings."""

    widest: float = 85.0
    """Largest view across the longer side that is tried, degrees."""
    narrowest: float = 35.0
    """Smallest view that is tried, degrees."""
    views: int = 51
    """Views that are tried, evenly spaced."""
    prior: float = 0.2
    """Standard deviation of the log of the focal length about the assumed one."""
    slide_speed: float = 0.3
    """Apparent speed of a standing foot, m/s."""
    moment: float = 0.3
    """Seconds after which a foot is independent evidence."""
    seconds: float = 10.0
    """Seconds of a motion that are used, from the first valid frame on."""
    feet_cutoff: float = 4.0
    """Cutoff of the feet about the pelvis, Hz."""
    root_cutoff: float = 2.5
    """Cutoff of the pelvis' path, Hz."""


def to_rays(
    xy: Float[np.ndarray, "*batch 2"], size: tuple[int, int], focal: float
) -> Float[np.ndarray, "*batch 2"]:
    """Map pixels to rays (x / z, y / z) of a camera whose principal point is the image center."""
    rays = xy - (np.array(size) / 2).astype(xy.dtype)
    rays /= focal  # in place: those of hours are large
    return rays


def choose_focal(
    given: float | None,
    known: float | None,
    size: tuple[int, int],
    source: str = "metadata of the video",
) -> tuple[float, str]:
    """Choose the focal length in pixels, and describe where it comes from.

    Args:
        given: The caller's, in pixels; preferred.
        known: The 2D motion's, in pixels. If both are None, the camera is taken to see 60 degrees.
        size: Width and height of the picture in pixels.
        source: Where the known one comes from.

    Raises:
        ValueError: If it is not positive, or outside `FOCAL_RANGE`.
    """
    focal, source = (known, source) if given is None else (given, "given")
    if focal is None:
        return assumed_focal(size), f"assumed: {ASSUMED_VIEW:g} degrees across the longer side"
    if not 0 < focal < np.inf:
        raise ValueError(f"the focal length must be positive pixels, got {focal}.")
    least, most = (share * max(size) for share in FOCAL_RANGE)
    if not least <= focal <= most:
        raise ValueError(
            f"the focal length of a picture of {size[0]} x {size[1]} must be {least:g} to {most:g} "
            f"pixels, not millimetres, got {focal:g} ({source}); give another with --focal."
        )
    return float(focal), source


def estimate_focal(
    motions: Sequence[Motion3D], config: FocalConfig = FocalConfig()
) -> tuple[float, float]:
    """Estimate the focal length at which the lower feet of people slide least.

    A wrong focal length stretches the pelvis' path in depth but not the steps relative to it, so
    that standing feet slide. The evidence is weak; the estimate is the posterior mean of the log
    focal length under a Gaussian prior about the camera that sees 60 degrees.

    The people are those of one camera, lifted with any focal length. Returns the focal length in
    pixels, and one standard deviation as a share of it.
    """
    size = motions[0].size
    assumed = assumed_focal(size)
    angles = np.linspace(config.widest, config.narrowest, config.views)
    focals = max(size) / (2 * np.tan(np.radians(angles) / 2))
    off = np.log(focals / assumed)
    costs = sum(_sliding_of_motion(motion, focals, config) for motion in motions)
    log_posterior = -0.5 * (off / config.prior) ** 2 - costs
    posterior = np.exp(log_posterior - log_posterior.max())
    posterior = posterior / posterior.sum()
    mean = float(posterior @ off)
    return assumed * float(np.exp(mean)), float(np.sqrt(posterior @ (off - mean) ** 2))


def describe_estimate(focal: float, sigma: float) -> str:
    """Describe an estimated focal length for the provenance of a motion."""
    return f"estimated from the motion: {focal:.0f} pixels, one sigma {100 * sigma:.0f} %"


def sliding_cost(
    pose: Float[np.ndarray, "t j 3"],
    paths: Sequence[Float[np.ndarray, "t 3"]],
    times: Float[np.ndarray, " t"],
    up: Float[np.ndarray, " 3"],
    config: FocalConfig = FocalConfig(),
) -> Float[np.ndarray, " f"]:
    """Compute minus the log-likelihood of the speed at which the lower foot slides on each path.

    The sum of v^2 / (1 + v^2) dt / moment, v in units of the slide speed: a foot that moves freely
    has little influence (Geman and McClure, 1985).
    ``pose`` is relative to the pelvis, whose paths are in metres and camera axes.
    """
    feet = pose[:, FEET]
    low: Int[np.ndarray, " t"] = np.argmin(feet @ up, axis=1)
    flat = butterworth(feet.reshape(len(feet), -1), times, config.feet_cutoff).reshape(feet.shape)
    step = np.gradient(flat, times, axis=0)[np.arange(len(low)), low]
    costs = []
    for path in paths:
        smooth = butterworth(path, times, config.root_cutoff)
        slide = step + np.gradient(smooth, times, axis=0)
        slide = slide - (slide @ up)[:, None] * up
        squared = (slide**2).sum(axis=1) / config.slide_speed**2
        costs.append((squared / (1 + squared)) @ np.gradient(times) / config.moment)
    return np.array(costs)


def _sliding_of_motion(
    motion: Motion3D, focals: Float[np.ndarray, " f"], config: FocalConfig
) -> Float[np.ndarray, " f"]:
    """Compute the sliding cost of one person, in the first seconds from a valid frame on."""
    first = int(np.argmax(motion.valid))
    part = slice(first, first + round(config.seconds * motion.fps))
    valid, times = motion.valid[part], motion.times[part]
    if len(times) < 3 or not valid.any():
        return np.zeros(len(focals))
    pose = motion.camera_xyz[part] - motion.camera_xyz[part, H36M.root, None]
    body = (pose[:, H36M.index["Neck"]] - pose[:, FEET].mean(axis=1))[valid]
    up = np.median(body / np.linalg.norm(body, axis=1, keepdims=True), axis=0)
    rays = [to_rays(motion.xy[part], motion.size, focal) for focal in focals]
    paths = [solve_root_trajectory(pose, each, motion.confidence[part], times) for each in rays]
    return sliding_cost(pose, paths, times, up / np.linalg.norm(up), config)
