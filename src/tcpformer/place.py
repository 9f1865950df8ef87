"""Puts a root-relative motion into the world: metres, the pelvis' path, the floor.

Camera frame: x right, y down, z forward. World: x right, y away from the camera, z up.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import solveh_banded
from scipy.ndimage import gaussian_filter1d

from .skeleton import H36M, STANDARD_HEIGHT, stature

ASSUMED_VIEW = 60.0
"""Degrees across the longer side of the picture, where nothing tells the focal length."""
SCALE_SECONDS = 0.5
"""Time over which the size of a picture's unit is smoothed."""
DEPTH_CUTOFF = 2.0
"""Hz at which half of a movement in depth is kept where a frame is as trustworthy as most, three
quarters at 1.5 and 94 % at 1: the size of a figure shows depth least well of all."""
NEAREST = 0.3
_FEET = [H36M.index["RAnkle"], H36M.index["LAnkle"]]


def choose_focal(
    given: float | None, known: float | None, size: tuple[int, int]
) -> tuple[float, str]:
    """The focal length in pixels to use, and where it comes from, in words.

    Raises:
        ValueError: If the given one is not positive.
    """
    if given is not None:
        if not 0 < given < np.inf:
            raise ValueError(f"the focal length must be positive pixels, got {given}.")
        return float(given), "given"
    if known is not None:
        return float(known), "metadata of the video"
    focal = max(size) / (2 * np.tan(np.radians(ASSUMED_VIEW) / 2))
    return float(focal), f"assumed: {ASSUMED_VIEW:g} degrees across the longer side"


def choose_height(given: float | None) -> tuple[float, str]:
    """The body height in metres to use, and where it comes from, in words.

    Raises:
        ValueError: If the given one is not a height in metres.
    """
    if given is None:
        return STANDARD_HEIGHT, f"body height, assumed: {STANDARD_HEIGHT:.2f} m"
    if not 0.3 <= given <= 3.0:
        raise ValueError(
            f"the height must be metres, from 0.3 to 3.0 (1.75, not 175), got {given:g}."
        )
    return float(given), f"body height, given: {given:.2f} m"


def to_height(
    relative: Float[np.ndarray, "t 17 3"],
    height: float,
    *,
    valid: Bool[np.ndarray, " t"],
    fps: float | None = None,
) -> Float[np.ndarray, "t 17 3"]:
    """Scale a root-relative motion so that its bones are those of somebody this tall.

    Args:
        relative: Human3.6M joints, any unit.
        height: Metres.
        valid: Frames to measure.
        fps: If given, the unit may change slowly over time, as that of a picture does while
            somebody comes nearer; each frame is then scaled by what is measured around it.
    """
    measured = np.maximum(stature(relative), 1e-9)
    if fps is None:
        return relative * (height / np.median(measured[valid]))
    sigma = SCALE_SECONDS * fps
    size = gaussian_filter1d(_bridged(measured, valid), sigma, mode="nearest")
    return relative * (height / size)[:, None, None]


def constant_bones(
    relative: Float[np.ndarray, "t 17 3"], valid: Bool[np.ndarray, " t"]
) -> Float[np.ndarray, "t 17 3"]:
    """Give every bone its median length over the clip, the same left and right.

    Directions stay as they are, and the pelvis stays at the origin.
    """
    bone = {child: relative[:, child] - relative[:, parent] for parent, child in H36M.bones}
    length = {child: np.linalg.norm(vector, axis=-1) for child, vector in bone.items()}
    result = relative.copy()
    for parent, child in H36M.bones:
        median = np.median([length[child][valid], length[H36M.mirror[child]][valid]])
        direction = bone[child] / np.maximum(length[child], 1e-9)[:, None]
        result[:, child] = result[:, parent] + median * direction
    return result


def root_path(
    relative: Float[np.ndarray, "t j 3"],
    rays: Float[np.ndarray, "t j 2"],
    confidence: Float[np.ndarray, "t j"],
    fps: float,
) -> Float[np.ndarray, "t 3"]:
    """Where the root is, in the camera frame, so that joints fall on the rays they were seen on.

    Each frame is solved by least squares, (X + x) = u (Z + z) and (Y + y) = v (Z + z) for every
    joint, weighted by confidence. Depth is then smoothed over time, most where it is least
    certain, and X, Y solved again for the smooth depth. No frame counts for more than the median
    one: somebody seen at four times the size for a moment must not pull the rest along.

    Args:
        relative: Root-relative joints, metres, camera axes.
        rays: (u, v) = (x / z, y / z) of every joint.
        confidence: 0 where nothing was seen; such frames are bridged by straight lines.
        fps: Frames per second.

    Raises:
        ValueError: If no frame shows two joints apart from each other.
    """
    w = confidence**2
    total = w.sum(axis=1)
    w = w / np.maximum(total, 1e-12)[:, None]
    mean = np.einsum("tj,tjk->tk", w, rays)
    off = rays * relative[..., 2:] - relative[..., :2]
    mean_off = np.einsum("tj,tjk->tk", w, off)
    spread = np.einsum("tj,tjk->t", w, (rays - mean[:, None]) ** 2)
    joint = np.einsum("tj,tjk->t", w, (rays - mean[:, None]) * (off - mean_off[:, None]))
    usable = (total > 1e-6) & (spread > 1e-12)
    if not usable.any():
        raise ValueError("no frame shows joints apart from each other; the path cannot be solved.")
    depth = _bridged(-joint / np.maximum(spread, 1e-12), usable)
    trust = np.where(usable, total * spread, 0.0)
    trust = np.minimum(trust / np.median(trust[usable]), 1.0)
    depth = _smoothed(depth, trust, fps / (2 * np.pi * DEPTH_CUTOFF))
    depth = np.maximum(depth, NEAREST)
    root = np.concatenate([mean * depth[:, None] + mean_off, depth[:, None]], axis=1)
    return np.stack([_bridged(x, total > 1e-6) for x in root.T], axis=1)


def _bridged(x: Float[np.ndarray, " t"], good: Bool[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """Straight lines over what is not good; constant at the ends."""
    return np.interp(np.arange(len(x)), np.flatnonzero(good), x[good])


def _smoothed(
    x: Float[np.ndarray, " t"], weight: Float[np.ndarray, " t"], frames: float
) -> Float[np.ndarray, " t"]:
    """The smoothest curve near x: least sum of w (y - x)^2 + frames^4 (second difference of y)^2.

    Whittaker, 1923. Where the weight is next to nothing the curve runs on.
    """
    t = len(x)
    if t < 3:
        return np.full(t, (x * weight).sum() / weight.sum())
    second = np.zeros((3, t - 2)) + np.array([[1.0], [-2.0], [1.0]])
    banded = np.zeros((3, t))
    for i in range(3):
        for k in range(3 - i):
            banded[2 - i, i + k : i + k + t - 2] += second[k] * second[k + i]
    banded *= frames**4
    weight = np.maximum(weight, 1e-13 * frames**4)  # else rounding makes the system singular
    banded[2] += weight
    return solveh_banded(banded, weight * x)


def to_world(
    camera: Float[np.ndarray, "t 17 3"], valid: Bool[np.ndarray, " t"]
) -> Float[np.ndarray, "t 17 3"]:
    """From the camera frame to the world: the camera is taken to be level, the floor at the feet.

    The camera stands above the world's origin; the lowest ankle of the valid frames is at z = 0.
    """
    world = camera[..., [0, 2, 1]] * np.array([1.0, 1.0, -1.0])
    floor = world[valid][:, _FEET, 2].min()
    return world - np.array([0.0, 0.0, floor])
