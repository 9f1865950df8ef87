"""How well a 3D pose, wherever it stands, explains 2D joints.

Errors are roughly metres at the person: distances in the image, over the person's extent in it,
times the extent of a body.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from ...lifting.normalize import FLAT_SCALE

MAX_ERROR = 0.5
"""Metres: larger errors of a joint count as this, so that one bad frame does not decide."""

Pose = Float[np.ndarray, "t 17 3"]
Rays = Float[np.ndarray, "t 17 2"]


def fit_projection(pose: Pose, rays: Rays) -> Rays:
    """Project a pose from the position at which it explains ``rays`` best.

    The position (X, Y, Z) solves X - u Z = u z - x and Y - v Z = v z - y by least squares.
    """
    u, v = rays[..., 0], rays[..., 1]
    x, y, z = np.moveaxis(pose, -1, 0)
    one, none = np.ones_like(u), np.zeros_like(u)
    rows = np.concatenate([np.stack([one, none, -u], -1), np.stack([none, one, -v], -1)], axis=1)
    right = np.concatenate([u * z - x, v * z - y], axis=1)
    normal = np.einsum("tna,tnb->tab", rows, rows) + 1e-9 * np.eye(3)
    place = np.linalg.solve(normal, np.einsum("tna,tn->ta", rows, right)[..., None])[..., 0]
    # A position behind the camera explains nothing.
    depth = np.maximum(z + place[:, None, 2], 1e-2)
    return (pose + place[:, None])[..., :2] / depth[..., None]


def _distances(one: np.ndarray, other: np.ndarray, rays: Rays) -> np.ndarray:
    """Return distances of image points (t, ..., 2) in metres, for a person of usual extent."""
    error = np.linalg.norm(one - other, axis=-1)
    extent = np.sqrt(((rays - rays.mean(axis=1, keepdims=True)) ** 2).sum(axis=-1).mean(axis=1))
    metres = FLAT_SCALE / np.maximum(extent, 1e-9)
    return np.minimum(error * metres.reshape(-1, *[1] * (error.ndim - 1)), MAX_ERROR)


def reprojection_error(pose: Pose, rays: Rays) -> float:
    """Return the mean distance in metres between projected and observed joints."""
    return float(_distances(fit_projection(pose, rays), rays, rays).mean())


def joint_distances(pose: Pose, rays: Rays) -> Float[np.ndarray, "17 17"]:
    """Return the mean metres from every projected joint (first axis) to every observed joint."""
    projected = fit_projection(pose, rays)
    return _distances(projected[:, :, None], rays[:, None], rays).mean(axis=0)


def match_joints(pose: Pose, rays: Rays) -> Int[np.ndarray, " 17"]:
    """Return the observed joint nearest to each joint of the pose, one to one."""
    order = np.arange(rays.shape[1])
    for _ in range(3):
        _, better = linear_sum_assignment(joint_distances(pose, rays[:, order]))
        order = order[better]
    return order


def find_lag(pose: Pose, rays: Rays, max_lag: int) -> tuple[int, float]:
    """Return the frames by which 2D runs behind 3D, and the share of the error left with that."""
    errors = {}
    for lag in range(-max_lag, max_lag + 1):
        first, last = max(0, lag), len(pose) - max(0, -lag)
        errors[lag] = reprojection_error(pose[first - lag : last - lag], rays[first:last])
    lag = min(errors, key=lambda k: (errors[k], abs(k)))
    return lag, errors[lag] / max(errors[0], 1e-9)
