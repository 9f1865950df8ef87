"""Sigma of a motion, from what a network predicts of its errors, and measures of its coverage.

Sigma is half the width that holds 68.27 % of the errors along an axis, as one standard deviation of
a Gaussian does. Errors have longer tails: `region_scale`, the half-axes in sigma of the ellipsoid
that holds 90 % of the joints, is counted on held-out motion, not taken from a table.
"""

import numpy as np
from jaxtyping import Bool, Float

from ..motion import Motion3D
from ..skeleton import H36M

NON_ROOT = [joint for joint in range(len(H36M.joints)) if joint != H36M.root]
"""The joints but the pelvis, to which all others are relative."""
DEFINITION_STD = 0.016
"""Metres, along each axis: motion capture systems and detectors place one and the same joint
differently by as much. Of the values from 0 to 0.02 it covers people of other laboratories most
evenly, joint by joint (docs/uncertainty.md)."""
ONE_SIGMA_SHARE, REGION_SHARE = 0.6827, 0.90
"""Shares of errors within one sigma along an axis, and within the region."""


def rotate_sigma(
    sigma: Float[np.ndarray, "t j 3"], rotation: Float[np.ndarray, "t 3 3"]
) -> Float[np.ndarray, "t j 3"]:
    """Compute sigma along the axes of the camera from sigma along those of a virtual camera.

    The variances of independent errors add up: s_a^2 = sum_k R_ka^2 s_k^2, with R from the camera
    to the virtual camera.
    """
    return np.sqrt(np.einsum("tka,tjk->tja", rotation**2, sigma**2))


def seconds_unseen(
    valid: Bool[np.ndarray, " t"], times: Float[np.ndarray, " t"]
) -> Float[np.ndarray, " t"]:
    """Compute for how many seconds each frame is free of any sighting; 0 where a person is seen.

    Between sightings a seconds before and b seconds after, the variance of a Brownian bridge is
    that of a b / (a + b) seconds of free motion. Before the first and after the last sighting
    only one end is held.
    """
    seen = np.flatnonzero(valid)
    if not len(seen):
        return np.full(len(times), np.inf)
    place = np.searchsorted(seen, np.arange(len(times)))
    last, following = seen[np.maximum(place - 1, 0)], seen[np.minimum(place, len(seen) - 1)]
    before = np.where(place > 0, times - times[last], np.inf)
    after = np.where(place < len(seen), times[following] - times, np.inf)
    shorter, longer = np.minimum(before, after), np.maximum(before, after)
    # a b / (a + b) is the shorter one where the longer has no end.
    return np.where(valid, 0.0, shorter / (1 + shorter / np.maximum(longer, 1e-9)))


def widen_unseen(
    sigma: Float[np.ndarray, "t j 3"],
    unseen: Float[np.ndarray, " t"],
    prior_std: Float[np.ndarray, " j"],
    time_constant: float,
) -> Float[np.ndarray, "t j 3"]:
    """Widen sigma in bridged frames: s^2 + p^2 (1 - exp(-unseen / time_constant)).

    s is sigma as if every frame had been seen, and p the standard deviation of a joint after a long
    time unseen, in one unit; ``unseen`` are seconds from `seconds_unseen`, and after those of the
    time constant 63 % of the variance p^2 is reached.
    """
    grown = prior_std**2 * -np.expm1(-unseen / time_constant)[:, None]
    return np.hypot(sigma, np.sqrt(grown)[..., None])


def coverage_factor(
    error: Float[np.ndarray, "*batch 3"],
    sigma: Float[np.ndarray, "*batch 3"],
    share: float = ONE_SIGMA_SHARE,
) -> Float[np.ndarray, "3"]:
    """Compute the factor along each axis with which sigma holds a share of the errors."""
    ratio = np.abs(error) / sigma
    return np.quantile(ratio.reshape(-1, 3), share, axis=0)


def sigma_distance(
    error: Float[np.ndarray, "*batch 3"], sigma: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch"]:
    """Compute the error in sigma over the three axes; below `region_scale` it is in the region."""
    return np.sqrt(((error / sigma) ** 2).sum(axis=-1))


def joint_errors_and_sigma(
    motion: Motion3D, truth: Float[np.ndarray, "t j 3"]
) -> tuple[Float[np.ndarray, "t k 3"], Float[np.ndarray, "t k 3"]]:
    """Return the errors of the joints but the pelvis, and their sigma; camera axes, metres.

    The truth is relative to the pelvis, in the same axes and unit; of 17 joints, it is compared
    with the first 17 of 26.

    Raises:
        ValueError: If the motion has no sigma: its weights predict no uncertainty.
    """
    if motion.sigma is None:
        raise ValueError("sigma is None: these weights predict no uncertainty.")
    pose = motion.camera_xyz - motion.camera_xyz[:, H36M.root, None]
    joints = [joint for joint in range(truth.shape[1]) if joint != H36M.root]
    return pose[:, joints] - truth[:, joints], motion.sigma[:, joints]


def coverage(
    error: Float[np.ndarray, "*batch 3"], sigma: Float[np.ndarray, "*batch 3"], region_scale: float
) -> dict[str, float]:
    """Measure how well sigma describes the errors of joints but the pelvis; camera axes, metres.

    ``region_scale`` is the half-axes of the region, in sigma.

    Returns:
        "within_x", "within_y", "within_z" (per cent, ideally 68.27), "region" (per cent, ideally
        90), "mean_error" (mean distance, mm), and "median_sigma" (median of the norm of sigma, mm).
    """
    within = 100 * (np.abs(error) < sigma).reshape(-1, 3).mean(axis=0)
    return {
        **{f"within_{axis}": float(share) for axis, share in zip("xyz", within, strict=True)},
        "region": float(100 * (sigma_distance(error, sigma) < region_scale).mean()),
        "mean_error": float(1000 * np.linalg.norm(error, axis=-1).mean()),
        "median_sigma": float(1000 * np.median(np.linalg.norm(sigma, axis=-1))),
    }
