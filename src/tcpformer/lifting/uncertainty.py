"""How sure a motion is: from what a network says of its errors to sigma in camera axes.

Sigma is half the width that holds 68.27 % of the errors along an axis, as one standard deviation of
a Gaussian does. Errors have longer tails: the ellipsoid that holds 90 % of the joints is `reach`
times sigma, and `reach` is counted, not taken from a table.
"""

import numpy as np
from jaxtyping import Bool, Float

from ..motion import Motion3D
from ..skeleton import H36M

BODY = [joint for joint in range(len(H36M.joints)) if joint != H36M.root]
"""The joints but the pelvis, from which all are seen."""
ONE, MOST = 0.6827, 0.90
"""Shares of errors within one sigma along an axis, and within the region."""


def in_camera(
    spread: Float[np.ndarray, "t j 3"], rotation: Float[np.ndarray, "t 3 3"]
) -> Float[np.ndarray, "t j 3"]:
    """Sigma along the axes of the camera, from that along the axes of a virtual one.

    Args:
        spread: Along the axes of the virtual camera.
        rotation: Camera to virtual camera, in every frame.
    """
    return np.sqrt(np.einsum("tka,tjk->tja", rotation**2, spread**2))


def unseen(
    valid: Bool[np.ndarray, " t"], times: Float[np.ndarray, " t"]
) -> Float[np.ndarray, " t"]:
    """Seconds of freedom that the bridge over unseen frames leaves: 0 where somebody was seen.

    Between two sightings a motion is held at both ends: a and b seconds from them it is as free as
    a b / (a + b) seconds after a single one (as a Brownian bridge is). Before the first and after
    the last it is held at one end.
    """
    seen = np.flatnonzero(valid)
    if not len(seen):
        return np.full(len(times), np.inf)
    place = np.searchsorted(seen, np.arange(len(times)))
    last, following = seen[np.maximum(place - 1, 0)], seen[np.minimum(place, len(seen) - 1)]
    before = np.where(place > 0, times - times[last], np.inf)
    after = np.where(place < len(seen), times[following] - times, np.inf)
    shorter, longer = np.minimum(before, after), np.maximum(before, after)
    # a b / (a + b), which is the shorter where the longer has no end.
    return np.where(valid, 0.0, shorter / (1 + shorter / np.maximum(longer, 1e-9)))


def widened(
    sigma: Float[np.ndarray, "t j 3"],
    free: Float[np.ndarray, " t"],
    wander: Float[np.ndarray, " j"],
    memory: float,
) -> Float[np.ndarray, "t j 3"]:
    """Sigma of bridged frames: the longer unseen, the more, up to what a joint wanders at all.

    Args:
        sigma: As if everything had been seen.
        free: Seconds of freedom, from `unseen`.
        wander: Per joint, what it may be off when nobody was seen for long; in the unit of sigma.
        memory: Seconds after which 63 % of that variance is reached.
    """
    grown = wander**2 * -np.expm1(-free / memory)[:, None]
    return np.hypot(sigma, np.sqrt(grown)[..., None])


def scaled_to_cover(
    error: Float[np.ndarray, "*batch 3"], sigma: Float[np.ndarray, "*batch 3"], share: float = ONE
) -> Float[np.ndarray, "3"]:
    """The factor along each axis that makes sigma hold its share of the errors."""
    ratio = np.abs(error) / sigma
    return np.quantile(ratio.reshape(-1, 3), share, axis=0)


def distance(
    error: Float[np.ndarray, "*batch 3"], sigma: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch"]:
    """How many sigma off, over the three axes: the joint is in the region if below `reach`."""
    return np.sqrt(((error / sigma) ** 2).sum(axis=-1))


def missed(
    motion: Motion3D, truth: Float[np.ndarray, "t 17 3"]
) -> tuple[Float[np.ndarray, "t 16 3"], Float[np.ndarray, "t 16 3"]]:
    """Errors of the joints but the pelvis, and the sigma said of them; camera axes, metres.

    Args:
        motion: As lifted by weights that know.
        truth: Joints relative to the pelvis, camera axes, metres.

    Raises:
        ValueError: If nothing is said of how sure the motion is.
    """
    if motion.sigma is None:
        raise ValueError("sigma is None: these weights predict no uncertainty.")
    pose = motion.camera_xyz - motion.camera_xyz[:, H36M.root, None]
    return (pose - truth)[:, BODY], motion.sigma[:, BODY]


def coverage(
    error: Float[np.ndarray, "*batch 3"], sigma: Float[np.ndarray, "*batch 3"], reach: float
) -> dict[str, float]:
    """How honest sigma is: shares in per cent, and what is missed and said in mm.

    Args:
        error: Of joints but the pelvis, camera axes, metres.
        sigma: As said of them.
        reach: Of so many sigma the region is made.

    Returns:
        "within_x", "within_y", "within_z" (68.27 is honest), "region" (90 is honest); "missed", the
        mean distance, and "said", the median of sigma over all axes as one root mean square.
    """
    within = 100 * (np.abs(error) < sigma).reshape(-1, 3).mean(axis=0)
    return {
        **{f"within_{axis}": float(share) for axis, share in zip("xyz", within, strict=True)},
        "region": float(100 * (distance(error, sigma) < reach).mean()),
        "missed": float(1000 * np.linalg.norm(error, axis=-1).mean()),
        "said": float(1000 * np.median(np.linalg.norm(sigma, axis=-1))),
    }
