"""The root trajectory: where the pelvis is in the camera frame, from a pose and its image.

Camera frame: x right, y down, z forward. Axis legend: ``j`` joints, ``f`` joints
of feet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import solveh_banded

from ..filtering.filters import butterworth, frame_durations, roughness
from ..filtering.gaps import bridge
from ..skeleton import BODY, FEET, body_skeleton

Series = Float[np.ndarray, " t"]
Joints = Float[np.ndarray, "t j 3"]
Rays = Float[np.ndarray, "t j 2"]
Contacts = Bool[np.ndarray, "t f"]

FRAMES_AT_ONCE = 10_000
"""Frames that are summed at a time: sums over joints take several times the memory of a motion."""


@dataclass(frozen=True, kw_only=True)
class TrajectoryConfig:
    """Tuned numbers of the depth of the pelvis."""

    depth_cutoff: float = 0.8
    """Hz at which half of a movement in depth is kept, for a frame as reliable as most; 94 % at
    0.4 Hz. The size of a figure is weak evidence of depth. Of 0.4 to 2 Hz, those from 0.6 to 0.8
    give the least errors of position and speed on the open benchmark."""
    nearest: float = 0.3
    """Least distance from the camera, metres."""
    outlier: float = 4.0
    """Robust standard deviations from the smooth depth at which a frame counts a quarter."""
    depth_noise: float = 0.02
    """Least standard deviation of a depth, as a share of it: exact frames exclude no others."""
    rounds: int = 3
    """Reweightings of the depth."""
    slide_weight: float = 25.0
    """Cost of a metre that a standing foot slides, against a metre of depth for a second;
    chosen on half of the open benchmark's views. Heel and ball share it."""


def median_bone_lengths(relative: Joints, valid: Bool[np.ndarray, " t"]) -> Joints:
    """Give every bone its median length over the clip, the same left and right.

    Directions stay as they are, and the pelvis stays at the origin.
    """
    skeleton = body_skeleton(relative.shape[1])
    bone = {child: relative[:, child] - relative[:, parent] for parent, child in skeleton.bones}
    length = {child: np.linalg.norm(vector, axis=-1) for child, vector in bone.items()}
    result = relative.copy()
    for parent, child in skeleton.bones:
        median = np.median([length[child][valid], length[skeleton.mirror[child]][valid]])
        direction = bone[child] / np.maximum(length[child], 1e-9)[:, None]
        result[:, child] = result[:, parent] + median * direction
    return result


def solve_root_trajectory(  # noqa: PLR0913 - each is an input of its own
    relative: Joints,
    rays: Float[np.ndarray, "t k 2"],
    confidence: Float[np.ndarray, "t k"],
    times: Series,
    contact: Contacts | None = None,
    config: TrajectoryConfig = TrajectoryConfig(),
    standing: Sequence[int] = FEET,
) -> Float[np.ndarray, "t 3"]:
    """Solve for the root (X, Y, Z) in the camera frame, so that joints project onto their rays.

    Each frame is a least squares problem, (X + x) = u (Z + z) and (Y + y) = v (Z + z) for every
    joint, weighted by confidence squared. Z is then smoothed over time, most where it is least
    certain, and X, Y solved again for that Z. No frame counts for more than the median one, and
    one whose depth is far from the smooth depth for next to nothing, so that a person detected at
    half or four times the size for a moment does not move the frames around.

    Args:
        relative: Root-relative joints, metres, camera axes; feet, hands and face do not count.
        rays: (u, v) = (x / z, y / z) of every joint, or of the first 17.
        confidence: 0 where nothing was detected; such frames are interpolated linearly.
        times: Seconds.
        contact: Whether each of some joints stands, if known; they then slide least.
        standing: These joints; by default the right and the left ankle.

    Raises:
        ValueError: If no frame shows two joints apart from each other.
    """
    pieces = [slice(i, i + FRAMES_AT_ONCE) for i in range(0, len(times), FRAMES_AT_ONCE)]
    sums = [_sum_over_joints(relative[p, BODY], rays[p, BODY], confidence[p, BODY]) for p in pieces]
    total, mean, mean_off, spread, joint = (np.concatenate(x) for x in zip(*sums, strict=True))
    depth = _solve_depth(total, spread, joint, times, config)
    # The root is at ray * Z + start, and the feet relative to it.
    ray = np.column_stack([mean, np.ones(len(times))])
    start = np.column_stack([mean_off, np.zeros(len(times))])
    if contact is not None and len(times) > 2:
        feet = relative[:, list(standing)] + start[:, None]
        depth = solve_depth_on_contacts(depth, ray, feet, times, contact, config)
    depth = np.maximum(depth, config.nearest)
    return bridge(ray * depth[:, None] + start, times, total > 1e-6)


@dataclass(frozen=True)
class RootLine:
    """Where the root of one frame may be: ``start + ray * depth``, and the depth of least error."""

    ray: Float[np.ndarray, " 3"]
    start: Float[np.ndarray, " 3"]
    depth: float

    def at(self, depth: float) -> Float[np.ndarray, " 3"]:
        """Return the root (X, Y, Z) in the camera frame at this depth, metres."""
        return self.start + self.ray * depth


def solve_root_line(
    relative: Float[np.ndarray, "j 3"],
    rays: Float[np.ndarray, "k 2"],
    confidence: Float[np.ndarray, " k"],
    config: TrajectoryConfig = TrajectoryConfig(),
) -> RootLine | None:
    """Solve one frame of `solve_root_trajectory`, for live use; None if no two joints are seen."""
    total, mean, mean_off, spread, joint = _sum_over_joints(
        relative[None, BODY], rays[None, BODY], confidence[None, BODY]
    )
    if total[0] <= 1e-6 or spread[0] <= 1e-12:
        return None
    depth = max(float(-joint[0] / spread[0]), config.nearest)
    return RootLine(np.append(mean[0], 1.0), np.append(mean_off[0], 0.0), depth)


def _sum_over_joints(
    relative: Joints, rays: Rays, confidence: Float[np.ndarray, "t j"]
) -> tuple[np.ndarray, ...]:
    """Sum the normal equations of each frame.

    Returns weight, mean ray r, mean offset o = r z - (x, y), which is the root's (X, Y) at depth 0,
    variance of r, and covariance of r and o.
    """
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


def _solve_depth(
    total: Series, spread: Series, joint: Series, times: Series, config: TrajectoryConfig
) -> Series:
    """Solve for the depth of each frame; smooth it by iterated weights (Geman, McClure, 1985)."""
    usable = (total > 1e-6) & (spread > 1e-12)
    if not usable.any():
        raise ValueError("no frame shows joints apart from each other; the path cannot be solved.")
    depth = -joint / np.maximum(spread, 1e-12)
    depth = np.interp(times, times[usable], depth[usable])
    trust = np.where(usable, total * spread, 0.0)
    trust = np.minimum(trust / np.median(trust[usable]), 1.0)
    smooth = butterworth(depth, times, config.depth_cutoff, trust, order=2)
    for _ in range(config.rounds):
        # Relative to the depth, so that near and far count the same.
        off = (depth - smooth) / np.maximum(np.abs(smooth), config.nearest)
        size = max(1.4826 * float(np.median(np.abs(off[trust > 0]))), config.depth_noise)
        agrees = 1 / (1 + (off / (config.outlier * size)) ** 2) ** 2
        smooth = butterworth(depth, times, config.depth_cutoff, trust * agrees, order=2)
    return smooth


def solve_depth_on_contacts(
    depth: Series,
    ray: Float[np.ndarray, "t 3"],
    feet: Float[np.ndarray, "t f 3"],
    times: Series,
    contact: Contacts,
    config: TrajectoryConfig = TrajectoryConfig(),
) -> Series:
    """Solve for depths near the given ones at which standing feet slide least.

    The change d of depth minimizes the sum over frames of h d^2 + h (d'' / (2 pi cutoff)^2)^2
    and, for each of f joints that stands in two frames in a row, w |change of p|^2 / h, with h the
    time between frames, w = 2 slide_weight / f and p = feet + ray (depth + d). The system is
    banded.
    """
    gap, step = np.diff(times), frame_durations(times)
    t = len(times)
    banded, right = roughness(times, config.depth_cutoff, 2), np.zeros(t)
    banded[2] += step
    for f in range(feet.shape[1]):
        stands = contact[:, f]
        both = (stands[1:] & stands[:-1]) * (config.slide_weight * 2 / feet.shape[1]) / gap
        slide = np.diff(feet[:, f] + ray * depth[:, None], axis=0)
        banded[2, 1:] += both * (ray[1:] ** 2).sum(axis=1)
        banded[2, :-1] += both * (ray[:-1] ** 2).sum(axis=1)
        banded[1, 1:] -= both * (ray[1:] * ray[:-1]).sum(axis=1)
        right[1:] -= both * (ray[1:] * slide).sum(axis=1)
        right[:-1] += both * (ray[:-1] * slide).sum(axis=1)
    return depth + solveh_banded(banded, right, overwrite_ab=True, overwrite_b=True)
