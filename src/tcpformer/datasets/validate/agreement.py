"""How well a motion in space explains the same motion in the picture, right or read otherwise.

Where the body is, is solved for in every frame: what is compared is the pose. Misfits are metres
at the person, roughly: distances in the picture, over the person's extent in it, times the extent
of a body.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from ...lifting.normalize import FLAT_SCALE
from ...skeleton import H36M

FAR = 0.5
"""A joint that is wrong by more counts as this much: one bad frame must not decide."""
MIRROR = np.array(H36M.mirror)


def seen_from(
    pose: Float[np.ndarray, "t 17 3"], rays: Float[np.ndarray, "t 17 2"]
) -> Float[np.ndarray, "t 17 2"]:
    """The rays along which a pose is seen, put where it explains ``rays`` best.

    The place (X, Y, Z) solves X - u Z = u z - x and Y - v Z = v z - y in the least-squares sense.
    """
    u, v = rays[..., 0], rays[..., 1]
    x, y, z = np.moveaxis(pose, -1, 0)
    one, none = np.ones_like(u), np.zeros_like(u)
    rows = np.concatenate([np.stack([one, none, -u], -1), np.stack([none, one, -v], -1)], axis=1)
    right = np.concatenate([u * z - x, v * z - y], axis=1)
    normal = np.einsum("tna,tnb->tab", rows, rows) + 1e-9 * np.eye(3)
    place = np.linalg.solve(normal, np.einsum("tna,tn->ta", rows, right)[..., None])[..., 0]
    # Behind the camera nothing is seen: such a place explains nothing.
    depth = np.maximum(z + place[:, None, 2], 1e-2)
    return (pose + place[:, None])[..., :2] / depth[..., None]


def _metres(rays: Float[np.ndarray, "t 17 2"]) -> Float[np.ndarray, " t"]:
    """What a distance between rays is in each frame, if the person is as large as people are."""
    extent = np.sqrt(((rays - rays.mean(axis=1, keepdims=True)) ** 2).sum(axis=-1).mean(axis=1))
    return FLAT_SCALE / np.maximum(extent, 1e-9)


def misfit(pose: Float[np.ndarray, "t 17 3"], rays: Float[np.ndarray, "t 17 2"]) -> float:
    """Mean metres from the joints of a pose to where they are seen."""
    away = np.linalg.norm(seen_from(pose, rays) - rays, axis=-1)
    return float(np.minimum(away * _metres(rays)[:, None], FAR).mean())


def distances(
    pose: Float[np.ndarray, "t 17 3"], rays: Float[np.ndarray, "t 17 2"]
) -> Float[np.ndarray, "17 17"]:
    """Mean metres from every joint as the pose has it (first axis) to every joint as seen."""
    away = np.linalg.norm(seen_from(pose, rays)[:, :, None] - rays[:, None], axis=-1)
    return np.minimum(away * _metres(rays)[:, None, None], FAR).mean(axis=0)


def assignment(
    pose: Float[np.ndarray, "t 17 3"], rays: Float[np.ndarray, "t 17 2"]
) -> Int[np.ndarray, " 17"]:
    """Which joint of the picture each joint of the pose is most like, one to one."""
    order = np.arange(rays.shape[1])
    for _ in range(3):
        _, better = linear_sum_assignment(distances(pose, rays[:, order]))
        order = order[better]
    return order


def best_lag(
    pose: Float[np.ndarray, "t 17 3"], rays: Float[np.ndarray, "t 17 2"], most: int
) -> tuple[int, float]:
    """By how many frames the picture runs behind the pose where they fit best.

    And the share of the misfit that is left then.
    """
    t = len(pose)
    found = {
        lag: misfit(pose[max(0, -lag) : t - max(0, lag)], rays[max(0, lag) : t - max(0, -lag)])
        for lag in range(-most, most + 1)
    }
    lag = min(found, key=lambda k: (found[k], abs(k)))
    return lag, found[lag] / max(found[0], 1e-9)
