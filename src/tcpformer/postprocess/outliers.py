"""Mistakes of a 2D detector: left and right of legs or arms exchanged, joints that jump away.

Lengths are in torsos, hips to shoulders.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from ..filtering.filters import Cutoff, adaptive
from ..motion import Motion2D

EXCHANGED_SECONDS = 0.6
"""An exchange that lasts longer than about this is believed."""
_CAP = 0.25  # torsos: how far a joint may miss its prediction and still count for more
_DOUBT = 0.02  # torsos: what an exchange costs that lasts as long as that
_CHANGE = 0.04  # torsos: what beginning or ending an exchange costs
JUMP = 0.18
"""Torsos from its smooth path at which a joint of little confidence has jumped away."""
_LOW = 0.6  # of a joint's usual confidence
_SURE = 3.0  # so many times further away, confidence does not matter
_PATH = Cutoff(3.0, 1.5)  # Hz, and Hz more for each torso a second

_LEG = {"Hip", "Knee", "Ankle", "Heel", "FootIndex", "BigToe", "SmallToe"}
_ARM = {"Shoulder", "Elbow", "Wrist", "Pinky", "Index", "Thumb"}


def torso_length(motion: Motion2D) -> float:
    """How long the trunk is in the picture, from the hips to the shoulders, in pixels.

    That of an upright person: a trunk that points to the camera looks shorter, so that it is the
    upper quartile over the clip; and at least a fifth of the body's box.
    """
    xy = motion.xy[motion.valid] if motion.valid.any() else motion.xy
    hips, shoulders = (
        xy[:, [motion.skeleton.index[side + joint] for side in "LR"]].mean(axis=1)
        for joint in ("Hip", "Shoulder")
    )
    trunk = np.linalg.norm(shoulders - hips, axis=-1)
    box = np.linalg.norm(xy.max(axis=1) - xy.min(axis=1), axis=-1)
    return max(float(np.quantile(trunk, 0.75)), 0.2 * float(np.median(box)), 1e-6)


def fix_left_right_swaps(motion: Motion2D) -> tuple[Motion2D, Bool[np.ndarray, "t 2"]]:
    """Undo short exchanges of left and right, of the legs and of the arms.

    Of all ways to exchange or not in each frame, the one whose joints go on most evenly: the least
    sum of second differences over time, each capped, found by dynamic programming.

    Returns:
        The motion, and in which frames legs and arms were exchanged.
    """
    xy, confidence = motion.xy.copy(), motion.confidence.copy()
    wrong = np.zeros((len(motion), 2), dtype=bool)
    unit = torso_length(motion)
    skeleton = motion.skeleton
    for k, names in enumerate((_LEG, _ARM)):
        limb = [i for i, joint in enumerate(skeleton.joints) if joint[1:] in names]
        other = [skeleton.mirror[j] for j in limb]
        seen = (confidence[:, limb].min(axis=1) > 0) & motion.valid
        at = np.flatnonzero(seen)
        if len(at) < 3:
            continue
        both = np.stack([xy[at][:, limb], xy[at][:, other]], axis=1) / unit
        found = _exchanges(both, confidence[at][:, limb].mean(axis=1), motion.times[at])
        wrong[at[found], k] = True
        there = at[found]
        xy[there[:, None], limb] = xy[there[:, None], other]
        confidence[there[:, None], limb] = confidence[there[:, None], other]
    return replace(motion, xy=xy, confidence=confidence), wrong


def _exchanges(
    both: Float[np.ndarray, "t 2 j 2"],
    confidence: Float[np.ndarray, " t"],
    times: Float[np.ndarray, " t"],
) -> Bool[np.ndarray, " t"]:
    """The cheapest sequence of states (as it is, exchanged), by pairs of neighbouring frames."""
    t, joints = len(both), both.shape[2]
    gap = np.diff(times)
    ratio = gap[1:] / gap[:-1]
    # miss[i, a, b, c]: frames i, i + 1, i + 2 in the states a, b, c; of all joints at once the
    # differences would be the largest array of all.
    miss = np.zeros((t - 2, 2, 2, 2))
    for place in np.moveaxis(both, 2, 0):
        step = place[1:, None] - place[:-1, :, None]
        bend = step[1:, None] - ratio[:, None, None, None, None] * step[:-1, :, :, None]
        miss += np.minimum(np.linalg.norm(bend, axis=-1), _CAP) / joints
    lasting = (np.gradient(times) / EXCHANGED_SECONDS)[:, None] * np.array([0.0, 1.0])
    lasting = lasting * (_DOUBT + 0.1 * confidence[:, None])
    change = _CHANGE * (1 - np.eye(2))
    best = lasting[0][:, None] + lasting[1][None] + change
    came = np.zeros((t, 2, 2), dtype=int)
    for i in range(t - 2):
        total = best[:, :, None] + miss[i] + lasting[i + 2] + change
        came[i + 2] = total.argmin(axis=0)
        best = total.min(axis=0)
    state = np.zeros(t, dtype=int)
    state[-2], state[-1] = np.unravel_index(int(best.argmin()), (2, 2))
    for i in range(t - 1, 1, -1):
        state[i - 2] = came[i, state[i - 1], state[i]]
    return state == 1


def find_outliers(motion: Motion2D) -> Bool[np.ndarray, "t j"]:
    """Which joints of which frames have jumped away from their path.

    The path is smooth and follows the confident frames; frames far from it count for less and less,
    three times over.

    Args:
        motion: Human3.6M joints.
    """
    seen = (motion.confidence > 0) & motion.valid[:, None]
    unit, result = torso_length(motion), np.zeros_like(seen)
    for j in np.flatnonzero(seen.sum(axis=0) >= 3):
        at = np.flatnonzero(seen[:, j])
        xy, sure = motion.xy[at, j] / unit, motion.confidence[at, j]
        weight, off = sure**2, np.zeros(len(at))
        for _ in range(3):
            path = adaptive(xy, motion.times[at], _PATH, weight)
            off = np.linalg.norm(xy - path, axis=1)
            weight = sure**2 / (1 + (off / JUMP) ** 2)
        doubtful = sure < _LOW * np.median(sure)
        result[at, j] = (off > JUMP) & doubtful | (off > _SURE * JUMP)
    return result
