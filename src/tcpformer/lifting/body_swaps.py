"""Left/right swaps of the whole body, over long stretches.

Some detectors name all joints after the other side, with full confidence, for seconds. The body in
such frames, lifted, is about the mirror image in depth of the real one. Three things tell the two
apart: joints jump where a swap starts and ends; the network's answer to an impossible body fits the
image less, with a larger sigma; and people walk forwards. Of all sequences of states the most
plausible is taken.

Axis legend: ``t`` frames, ``f`` features.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from ..filtering.gaps import fill_gaps
from ..motion import Motion2D, give, to_skeleton
from ..postprocess.outliers import torso_length
from ..postprocess.swaps import bend_costs, find_cheapest_states
from ..skeleton import H36M
from ..world.camera import to_rays
from ..world.trajectory import solve_root_trajectory

LiftBoth = Callable[[Motion2D], tuple[Float[np.ndarray, "t 17 3"], Float[np.ndarray, "t 17 3"]]]
"""Lifts Human3.6M joints without gaps: root-relative poses, and the logarithm of sigma."""
_PAIRED = [i for i, twin in enumerate(H36M.mirror) if twin != i]
_TWINS = [H36M.mirror[i] for i in _PAIRED]


@dataclass(frozen=True, kw_only=True)
class BodySwapConfig:
    """Tuned numbers of `fix_body_swaps`, fitted on synthetic clips of the training split.

    The four weights are of differences between the swapped and the given body, as logits: mean log
    sigma; distance from the image, torsos; speed forwards, m/s; mean log sigma along the depth.
    """

    frame_weights: tuple[float, float, float, float] = (1.4, -70.4, 0.75, -4.2)
    """Weights for a frame, fitted on frames of which some were swapped."""
    clip_weights: tuple[float, float, float, float] = (5.6, -196.0, 2.5, -4.25)
    """Weights for the mean over a motion, fitted on motions of which all or none was swapped."""
    clip_prior: float = 12.0
    """Logit against a motion that is all swapped; proportional to one less twice the share."""
    most: float = 3.0
    """Most that one frame counts, as a logit."""
    evidence_cost: float = 0.05
    """Cost of a second at a logit of 1, in torsos, as all costs below."""
    swapped_cost: float = 0.03
    """Cost of each second that is swapped."""
    change_cost: float = 0.04
    """Cost of each start and end of a swap."""
    cap: float = 0.25
    """Most that a joint's distance from its prediction costs."""
    doubtful_weight: float = 0.3
    """Weight of a joint of least confidence in these distances, against 1 at confidence 1."""
    frames_at_once: int = 4096
    """Frames lifted at a time, to bound the memory."""


@dataclass(frozen=True)
class BodySwaps:
    """Result of `fix_body_swaps`.

    Attributes:
        motion: The motion, with sides exchanged back.
        swapped: The frames in which they were.
        doubt: Probability, 0 to 0.5, that it is the other frames that were swapped.
    """

    motion: Motion2D
    swapped: Bool[np.ndarray, " t"]
    doubt: float


def fix_body_swaps(
    motion: Motion2D,
    lift: LiftBoth,
    focal: float,
    config: BodySwapConfig = BodySwapConfig(),
) -> BodySwaps:
    """Undo left/right swaps of the whole body, however long.

    Args:
        motion: A person in the image, of any skeleton that has Human3.6M joints.
        lift: Network by which the two bodies are compared.
        focal: Focal length in pixels.
        config: Tuned numbers.
    """
    at = np.flatnonzero(motion.valid)
    nothing = np.zeros(len(motion), dtype=bool)
    if len(at) < 3:
        return BodySwaps(motion, nothing, 0.0)
    joints = to_skeleton(motion, H36M)
    filled = fill_gaps(joints)
    evidence = _compare_bodies(filled, lift, focal, config)
    found = _find_swapped(joints, at, evidence[at], config)
    if not found.any():
        return BodySwaps(motion, nothing, 0.0)
    swapped = nothing.copy()
    swapped[at] = found
    fixed = fill_gaps(swap_sides(joints, swapped))
    evidence = _compare_bodies(fixed, lift, focal, config, (filled, evidence))
    logit = float(evidence[at].mean(axis=0) @ config.clip_weights)
    logit -= config.clip_prior * (1 - 2 * found.mean())
    if logit > 0:
        swapped[at] = ~found
    doubt = float(1 / (1 + np.exp(min(abs(logit), 50.0))))
    return BodySwaps(swap_sides(motion, swapped), swapped, doubt)


def swap_sides(motion: Motion2D, where: Bool[np.ndarray, " t"]) -> Motion2D:
    """Exchange all left joints with the right ones in some frames."""
    twins = list(motion.skeleton.mirror)
    xy, confidence = motion.xy.copy(), motion.confidence.copy()
    xy[where] = xy[where][:, twins]
    confidence[where] = confidence[where][:, twins]
    return replace(motion, xy=give(xy), confidence=give(confidence))


def _find_swapped(
    motion: Motion2D,
    at: np.ndarray,
    evidence: Float[np.ndarray, "t f"],
    config: BodySwapConfig,
) -> Bool[np.ndarray, " t"]:
    """Find the cheapest sequence of states of the frames ``at``."""
    xy, confidence, times = motion.xy[at], motion.confidence[at], motion.times[at]
    both = np.stack([xy[:, _PAIRED], xy[:, _TWINS]], axis=1) / torso_length(motion)
    least = np.minimum(confidence[:, _PAIRED], confidence[:, _TWINS])
    weight = config.doubtful_weight + (1 - config.doubtful_weight) * np.sqrt(least)
    weight[least == 0] = 0.0  # bridged joints know nothing of where a swap starts
    logit = np.clip(evidence @ config.frame_weights, -config.most, config.most)
    half = 0.5 * config.evidence_cost * logit
    stay = np.gradient(times)[:, None] * np.stack([half, config.swapped_cost - half], axis=1)
    bend = bend_costs(both, times, config.cap, weight)
    return find_cheapest_states(bend, stay, config.change_cost)


def _compare_bodies(
    motion: Motion2D,
    lift: LiftBoth,
    focal: float,
    config: BodySwapConfig,
    known: tuple[Motion2D, Float[np.ndarray, "t f"]] | None = None,
) -> Float[np.ndarray, "t f"]:
    """Return the features of the swapped body less those of the given one, for each frame.

    ``motion`` has no gaps. The features of ``known``, another motion, are taken where the two are
    the same.
    """
    parts, names = [], ("xy", "confidence", "valid", "times")
    for first in range(0, len(motion), config.frames_at_once):
        part = np.s_[first : first + config.frames_at_once]
        if known and all(
            np.array_equal(getattr(known[0], name)[part], getattr(motion, name)[part])
            for name in names
        ):
            parts.append(known[1][part])
            continue
        given = replace(motion, **{name: getattr(motion, name)[part] for name in names})
        swapped = swap_sides(given, np.ones(len(given), dtype=bool))
        parts.append(_features(swapped, lift, focal) - _features(given, lift, focal))
    return np.concatenate(parts)


def _features(motion: Motion2D, lift: LiftBoth, focal: float) -> Float[np.ndarray, "t f"]:
    """Lift a body; return log sigma, distance from the image, speed forwards, log sigma of z."""
    pose, log_sigma = lift(motion)
    pose = pose - pose[:, [H36M.root]]
    rays = to_rays(motion.xy, motion.size, focal)
    root = solve_root_trajectory(pose, rays, motion.confidence, motion.times)
    camera = pose + root[:, None]
    off = camera[..., :2] / np.maximum(camera[..., 2:], 0.1) - rays
    thorax, (right_hip, left_hip) = H36M.index["Thorax"], H36M.indices("RHip", "LHip")
    right_shoulder, left_shoulder = H36M.indices("RShoulder", "LShoulder")
    torso = np.linalg.norm(pose[:, thorax], axis=1).mean() / root[:, 2]
    distance = (np.linalg.norm(off, axis=-1) * motion.confidence).mean(axis=1) / torso
    across = pose[:, right_hip] - pose[:, left_hip] + pose[:, right_shoulder]
    forwards = np.cross(pose[:, thorax], across - pose[:, left_shoulder])
    forwards /= np.linalg.norm(forwards, axis=1, keepdims=True) + 1e-9
    velocity = np.gradient(root, motion.times, axis=0) if len(root) > 1 else np.zeros_like(root)
    speed = np.clip((forwards * velocity).sum(axis=1), -1.0, 1.0)
    return np.stack(
        [log_sigma.mean(axis=(1, 2)), distance, speed, log_sigma[..., 2].mean(axis=1)], axis=1
    )
