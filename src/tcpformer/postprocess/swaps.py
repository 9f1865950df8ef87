"""Left-right swaps of a 2D detector: legs or arms exchanged for some frames."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from ..motion import Motion2D
from .outliers import torso_length

FRAMES_AT_ONCE = 10_000
"""Frames whose costs are numbers of Python at a time."""
LEG, FOOT = {"Hip", "Knee", "Ankle"}, {"Heel", "Toe", "FootIndex", "BigToe", "SmallToe"}
ARM, HAND = {"Shoulder", "Elbow", "Wrist"}, {"Hand", "MiddleFinger1", "Pinky", "Index", "Thumb"}


@dataclass(frozen=True, kw_only=True)
class SwapConfig:
    """Tuned numbers of `fix_left_right_swaps`; costs are in torsos."""

    longest: float = 0.6
    """Seconds: a swap that lasts longer than about this is believed."""
    cap: float = 0.25
    """Most that a joint's distance from its prediction costs."""
    duration_cost: float = 0.02
    """Cost of a swap that lasts ``longest``, at confidence 0."""
    confidence_cost: float = 0.1
    """And what is added at confidence 1."""
    change_cost: float = 0.04
    """Cost of each start and end of a swap."""


def fix_left_right_swaps(
    motion: Motion2D, config: SwapConfig = SwapConfig()
) -> tuple[Motion2D, Bool[np.ndarray, "t 2"]]:
    """Undo short left-right swaps, of the legs and of the arms.

    Of all sequences of states (as detected, swapped), the one whose joints move most evenly: the
    least sum of capped second differences over time, found by dynamic programming. Feet and hands
    count where they are detected, and go with their limbs.

    Returns:
        The motion, and whether legs and arms were swapped in each frame.
    """
    xy, confidence = motion.xy.copy(), motion.confidence.copy()
    swapped = np.zeros((len(motion), 2), dtype=bool)
    unit = torso_length(motion)
    skeleton = motion.skeleton
    for k, (names, ends) in enumerate(((LEG, FOOT), (ARM, HAND))):
        limb = [i for i, joint in enumerate(skeleton.joints) if joint[1:] in names | ends]
        other = [skeleton.mirror[j] for j in limb]
        needed = [j for j in limb if skeleton.joints[j][1:] in names]
        at = np.flatnonzero((confidence[:, needed].min(axis=1) > 0) & motion.valid)
        if len(at) < 3:
            continue
        both = np.stack([xy[at][:, limb], xy[at][:, other]], axis=1) / unit
        sure = confidence[at][:, limb]
        detected = np.minimum(sure, confidence[at][:, other]) > 0
        there = at[_find_swaps(both, sure.mean(axis=1), motion.times[at], config, 1.0 * detected)]
        swapped[there, k] = True
        xy[there[:, None], limb] = xy[there[:, None], other]
        confidence[there[:, None], limb] = confidence[there[:, None], other]
    return replace(motion, xy=xy, confidence=confidence), swapped


def _find_swaps(
    both: Float[np.ndarray, "t 2 j 2"],
    confidence: Float[np.ndarray, " t"],
    times: Float[np.ndarray, " t"],
    config: SwapConfig,
    weight: Float[np.ndarray, "t j"],
) -> Bool[np.ndarray, " t"]:
    """Find the frames in which joints, given as detected and swapped, are swapped."""
    stay = (np.gradient(times) / config.longest)[:, None] * np.array([0.0, 1.0])
    stay = stay * (config.duration_cost + config.confidence_cost * confidence[:, None])
    bend = bend_costs(both, times, config.cap, weight)
    return find_cheapest_states(bend, stay, config.change_cost)


def bend_costs(
    both: Float[np.ndarray, "t 2 j 2"],
    times: Float[np.ndarray, " t"],
    cap: float,
    weight: Float[np.ndarray, "t j"] | None = None,
) -> Float[np.ndarray, "i 2 2 2"]:
    """Return how unevenly joints move over frames i, i + 1, i + 2 in each three states.

    The mean over joints of the second difference over time, at most ``cap``.

    Args:
        both: Joints in each of two states, as detected and swapped.
        times: Seconds of each frame.
        cap: Most that a joint's distance from its prediction costs, in the unit of ``both``.
        weight: Weight of each joint in each frame, by default 1.
    """
    joints = both.shape[2]
    gap = np.diff(times)
    ratio = gap[1:] / gap[:-1]
    # Joint by joint, since the differences of all would be the largest array of all.
    bend = np.zeros((len(both) - 2, 2, 2, 2))
    for j, place in enumerate(np.moveaxis(both, 2, 0)):
        step = place[1:, None] - place[:-1, :, None]
        second = step[1:, None] - ratio[:, None, None, None, None] * step[:-1, :, :, None]
        cost = np.minimum(np.linalg.norm(second, axis=-1), cap) / joints
        if weight is not None:
            w = weight[:, j]
            cost *= np.minimum(np.minimum(w[2:], w[1:-1]), w[:-2])[:, None, None, None]
        bend += cost
    return bend


def find_cheapest_states(
    bend: Float[np.ndarray, "i 2 2 2"], stay: Float[np.ndarray, "t 2"], change_cost: float
) -> Bool[np.ndarray, " t"]:
    """Find the cheapest sequence of two states by the Viterbi algorithm over pairs of frames.

    Args:
        bend: Cost of each three states of the frames i, i + 1, i + 2.
        stay: Cost of each state in each frame.
        change_cost: Cost of each change of state.

    Returns:
        True in the frames of the second state.
    """
    t = len(stay)
    change = change_cost * (1 - np.eye(2))
    best = (stay[0][:, None] + stay[1][None] + change).ravel().tolist()
    previous = np.zeros((t, 2, 2), dtype=np.int8)
    for first in range(0, t - 2, FRAMES_AT_ONCE):
        part = slice(first, first + FRAMES_AT_ONCE)
        costs = bend[part] + (stay[2:][part, None] + change)[:, None]
        chosen, best = _advance(best, costs.reshape(-1, 8).tolist())
        previous[2:][part] = np.reshape(chosen, (-1, 2, 2))
    state = np.zeros(t, dtype=int)
    state[-2], state[-1] = np.unravel_index(int(np.argmin(best)), (2, 2))
    for i in range(t - 1, 1, -1):
        state[i - 2] = previous[i, state[i - 1], state[i]]
    return state == 1


def _advance(best: list[float], costs: list[list[float]]) -> tuple[list[list[bool]], list[float]]:
    """Return for each frame from which state each pair of states comes, and the cost of the pairs.

    In numbers of Python: arrays of so few take ten times as long.
    """
    chosen = []
    for c in costs:
        one = best[0] + c[0], best[0] + c[1], best[1] + c[2], best[1] + c[3]
        two = best[2] + c[4], best[2] + c[5], best[3] + c[6], best[3] + c[7]
        chosen.append([b < a for a, b in zip(one, two, strict=True)])
        best = list(map(min, one, two))
    return chosen, best
