"""Puts a root-relative motion into the world: metres, the pelvis' path, the floor.

Camera frame: x right, y down, z forward. World: x right, y away from the camera, z up.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import solveh_banded

from ..filtering.filters import butterworth, derivative_weights, gaussian, steps
from ..skeleton import H36M, STANDARD_HEIGHT, stature
from .ground import FEET

ASSUMED_VIEW = 60.0
"""Degrees across the longer side of the picture, where nothing tells the focal length."""
SHORTEST, LONGEST = 0.1, 100.0
"""Focal lengths over the longer side of the picture: it spans from 157 down to 0.6 degrees."""
TINIEST, TALLEST = 0.3, 3.0
"""Metres that a person may be tall."""
SCALE_SECONDS = 0.5
"""Time over which the size of a picture's unit is smoothed."""
DEPTH_CUTOFF = 0.8
"""Hz at which half of a movement in depth is kept where a frame is as trustworthy as most, and 94 %
at 0.4 Hz: the size of a figure shows depth least well of all. Of the cutoffs tried, 0.4 to 2 Hz,
those from 0.6 to 0.8 give the least errors of place and speed on the open benchmark."""
NEAREST = 0.3
_MISSIZED = 4.0
"""Robust standard deviations from the smooth depth at which a frame counts a quarter."""
_SIZE_NOISE = 0.02
"""The least standard deviation of a depth, as a share of it: exact frames exclude no others."""
_ROUNDS = 3
FRAMES_AT_ONCE = 10_000
"""Of a long motion: sums over joints take several times its memory."""
_SLIDE = 25.0
"""Seconds: what a metre of sliding of a standing foot costs, against a metre of depth."""


def choose_focal(
    given: float | None,
    known: float | None,
    size: tuple[int, int],
    source: str = "metadata of the video",
) -> tuple[float, str]:
    """The focal length in pixels to use, and where it comes from, in words.

    Args:
        given: By the caller, in pixels; before all others.
        known: With the 2D motion, in pixels.
        size: Width and height of the picture in pixels.
        source: Where the known one comes from.

    Raises:
        ValueError: If it is not positive, or no camera has it.
    """
    if given is None and known is None:
        focal = max(size) / (2 * np.tan(np.radians(ASSUMED_VIEW) / 2))
        return float(focal), f"assumed: {ASSUMED_VIEW:g} degrees across the longer side"
    focal, source = (given, "given") if given is not None else (known, source)
    assert focal is not None
    if not 0 < focal < np.inf:
        raise ValueError(f"the focal length must be positive pixels, got {focal}.")
    least, most = SHORTEST * max(size), LONGEST * max(size)
    if not least <= focal <= most:
        raise ValueError(
            f"the focal length of a picture of {size[0]} x {size[1]} must be {least:g} to {most:g} "
            f"pixels, not millimetres, got {focal:g} ({source}); give another with --focal."
        )
    return float(focal), source


def choose_height(given: float | None) -> tuple[float, str]:
    """The body height in metres to use, and where it comes from, in words.

    Raises:
        ValueError: If the given one is not a height in metres.
    """
    if given is None:
        return STANDARD_HEIGHT, f"body height, assumed: {STANDARD_HEIGHT:.2f} m"
    if not TINIEST <= given <= TALLEST:
        raise ValueError(
            f"the height must be metres, from 0.3 to 3.0 (1.75, not 175), got {given:g}."
        )
    return float(given), f"body height, given: {given:.2f} m"


def scale_to_height(
    relative: Float[np.ndarray, "t 17 3"],
    height: float,
    *,
    valid: Bool[np.ndarray, " t"],
    times: Float[np.ndarray, " t"] | None = None,
) -> Float[np.ndarray, "t 17 3"]:
    """Scale a root-relative motion so that its bones are those of somebody this tall.

    Args:
        relative: Human3.6M joints, any unit.
        height: Metres.
        valid: Frames to measure.
        times: Seconds of the frames. If given, the unit may change slowly, as that of a picture
            does while somebody comes nearer; each frame is then scaled by what is measured around
            it.
    """
    measured = np.maximum(stature(relative), 1e-9)
    if times is None:
        return relative * (height / np.median(measured[valid]))
    size = np.exp(gaussian(np.log(_bridged(measured, times, valid)), times, SCALE_SECONDS))
    return relative * (height / size)[:, None, None]


def median_bone_lengths(
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


def solve_root_trajectory(
    relative: Float[np.ndarray, "t j 3"],
    rays: Float[np.ndarray, "t j 2"],
    confidence: Float[np.ndarray, "t j"],
    times: Float[np.ndarray, " t"],
    contact: Bool[np.ndarray, "t 2"] | None = None,
) -> Float[np.ndarray, "t 3"]:
    """Where the root is, in the camera frame, so that joints fall on the rays they were seen on.

    Each frame is solved by least squares, (X + x) = u (Z + z) and (Y + y) = v (Z + z) for every
    joint, weighted by confidence. Depth is then smoothed over time, most where it is least
    certain, so that standing feet stay where they are, and X, Y solved again for that depth. No
    frame counts for more than the median one, and one whose depth is far from the smooth depth
    counts for next to nothing: somebody seen at half or four times the size for a moment must not
    pull the rest along.

    Args:
        relative: Root-relative joints, metres, camera axes.
        rays: (u, v) = (x / z, y / z) of every joint.
        confidence: 0 where nothing was seen; such frames are bridged by straight lines.
        times: Seconds.
        contact: When the right and the left foot stand, if that is known.

    Raises:
        ValueError: If no frame shows two joints apart from each other.
    """
    pieces = [slice(i, i + FRAMES_AT_ONCE) for i in range(0, len(times), FRAMES_AT_ONCE)]
    sums = [_summed(relative[p], rays[p], confidence[p]) for p in pieces]
    total, mean, mean_off, spread, joint = (np.concatenate(x) for x in zip(*sums, strict=True))
    usable = (total > 1e-6) & (spread > 1e-12)
    if not usable.any():
        raise ValueError("no frame shows joints apart from each other; the path cannot be solved.")
    depth = _bridged(-joint / np.maximum(spread, 1e-12), times, usable)
    trust = np.where(usable, total * spread, 0.0)
    trust = np.minimum(trust / np.median(trust[usable]), 1.0)
    smooth = _smooth_depth(depth, times, trust)
    if contact is not None and len(times) > 2:
        # The foot moves along this direction with depth, from where it is at depth 0.
        way = np.concatenate([mean, np.ones((len(times), 1))], axis=1)
        start = np.concatenate([mean_off, np.zeros((len(times), 1))], axis=1)
        feet = relative[:, FEET] + start[:, None]
        smooth = _on_feet(smooth, way, feet, times, contact)
    depth = np.maximum(smooth, NEAREST)
    root = np.concatenate([mean * depth[:, None] + mean_off, depth[:, None]], axis=1)
    return np.stack([_bridged(x, times, total > 1e-6) for x in root.T], axis=1)


def _summed(
    relative: Float[np.ndarray, "t j 3"],
    rays: Float[np.ndarray, "t j 2"],
    confidence: Float[np.ndarray, "t j"],
) -> tuple[np.ndarray, ...]:
    """Of each frame: weight, mean ray, mean off it at depth 0, spread of the rays, and of both."""
    w = confidence**2
    total = w.sum(axis=1)
    w = w / np.maximum(total, 1e-12)[:, None]
    mean = np.einsum("tj,tjk->tk", w, rays)
    off = rays * relative[..., 2:] - relative[..., :2]
    mean_off = np.einsum("tj,tjk->tk", w, off)
    about, off = rays - mean[:, None], off - mean_off[:, None]
    spread = np.einsum("tj,tjk,tjk->t", w, about, about)
    joint = np.einsum("tj,tjk,tjk->t", w, about, off)
    return total, mean, mean_off, spread, joint


def _smooth_depth(
    depth: Float[np.ndarray, " t"], times: Float[np.ndarray, " t"], trust: Float[np.ndarray, " t"]
) -> Float[np.ndarray, " t"]:
    """The smooth depth that most frames agree on, by iterated weights (Geman and McClure, 1985)."""
    smooth = butterworth(depth, times, DEPTH_CUTOFF, trust, order=2)
    for _ in range(_ROUNDS):
        # In depths, for near and far alike; nobody is behind the camera.
        off = (depth - smooth) / np.maximum(np.abs(smooth), NEAREST)
        size = max(1.4826 * float(np.median(np.abs(off[trust > 0]))), _SIZE_NOISE)
        agrees = 1 / (1 + (off / (_MISSIZED * size)) ** 2) ** 2
        smooth = butterworth(depth, times, DEPTH_CUTOFF, trust * agrees, order=2)
    return smooth


def _bridged(
    x: Float[np.ndarray, " t"], times: Float[np.ndarray, " t"], good: Bool[np.ndarray, " t"]
) -> Float[np.ndarray, " t"]:
    """Straight lines over what is not good; constant at the ends."""
    return np.interp(times, times[good], x[good])


def _on_feet(
    depth: Float[np.ndarray, " t"],
    way: Float[np.ndarray, "t 3"],
    feet: Float[np.ndarray, "t 2 3"],
    times: Float[np.ndarray, " t"],
    contact: Bool[np.ndarray, "t 2"],
) -> Float[np.ndarray, " t"]:
    """Depths near the given ones at which standing feet do not slide.

    The change of depth is as smooth as depth itself; a foot is at feet + way * depth.
    """
    gap, step = np.diff(times), steps(times)
    t = len(times)
    banded, right = np.zeros((3, t)), np.zeros(t)
    second, span = derivative_weights(times, 2)
    smoothness = span / (2 * np.pi * DEPTH_CUTOFF) ** 4
    for i in range(3):
        for k in range(3 - i):
            banded[2 - i, i + k : i + k + t - 2] += smoothness * second[k] * second[k + i]
    banded[2] += step
    for f in range(feet.shape[1]):
        stands = contact[:, f]
        both = (stands[1:] & stands[:-1]) * _SLIDE / gap
        place = feet[:, f] + way * depth[:, None]
        slide = np.diff(place, axis=0)
        banded[2, 1:] += both * (way[1:] ** 2).sum(axis=1)
        banded[2, :-1] += both * (way[:-1] ** 2).sum(axis=1)
        banded[1, 1:] -= both * (way[1:] * way[:-1]).sum(axis=1)
        right[1:] -= both * (way[1:] * slide).sum(axis=1)
        right[:-1] += both * (way[:-1] * slide).sum(axis=1)
    return depth + solveh_banded(banded, right)
