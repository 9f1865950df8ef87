"""Limbs that are not seen: they ease to a neutral pose instead of following guesses.

Shapes: `t` frames, `b` bones of `rig_names.BONES`.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from ..motion import Motion3D
from ..skeleton import Skeleton
from .rig_names import BONES, INDEX, Bone

Quaternions = Float[np.ndarray, "t 4"]
Turns = Float[np.ndarray, "t b 4"]
Side = Float[np.ndarray, " t"] | float
SeenBones = Bool[np.ndarray, "t b"]


@dataclass(frozen=True, kw_only=True)
class UnseenConfig:
    """When a bone counts as unseen, and how it moves then."""

    confidence: float = 0.1
    """Of the joints that show a bone, below which it is not seen."""
    flicker: float = 0.1
    """Seconds; a bone that is seen for less between frames that do not show it is not seen."""
    bridged: float = 0.5
    """Seconds up to which an unseen bone keeps the motion, which is a smooth bridge there."""
    ease: float = 0.6
    """Seconds from the last pose that was seen to the neutral one, and back."""
    max_step: float = 50.0
    """Degrees that a bone turns from frame to frame, unless `max_speed` is more."""
    max_speed: float = 1500.0
    """Degrees a second."""
    window: float = 0.5
    """Seconds before and after a faster turn over which it is spread at most."""


UNSEEN = UnseenConfig()
MAX_BEND = {"Foot": 70.0, "Hand": 100.0, "Head": 90.0}
"""Degrees from the rest pose beyond which a bone cannot turn: it is a wrong guess, as unseen."""
_LIMITS = np.radians(
    [MAX_BEND.get(b.mixamo.removeprefix("Left").removeprefix("Right"), 360.0) for b in BONES]
)
_ARMS_DOWN = 75.0
"""Degrees of neutral arms below the horizontal."""
_ELBOW = 15.0
"""Degrees by which neutral elbows are bent."""
_LEAST_LEG = 0.4
"""Shortest way from hip to ankle in the neutral pose, in lengths of the leg."""
_ARMS = {
    "LeftArm": ("z", -_ARMS_DOWN),
    "RightArm": ("z", _ARMS_DOWN),
    "LeftForeArm": ("y", -_ELBOW),
    "RightForeArm": ("y", _ELBOW),
}


def neutral_pose(
    offsets: Float[np.ndarray, "b 3"], hips: Float[np.ndarray, " t"]
) -> Float[np.ndarray, "t b 4"]:
    """Return local rotations of a person at ease whose feet are on the floor.

    Arms hang. Knees bend as far as the hips are lower than in the rest pose.

    Args:
        offsets: Of the bones, as in `rig_fit.Fit`.
        hips: Height of the root in every frame.
    """
    return np.stack([neutral_turns(i, offsets, hips) for i in range(len(BONES))], axis=1)


def neutral_turns(
    bone: int, offsets: Float[np.ndarray, "b 3"], hips: Float[np.ndarray, " t"]
) -> Quaternions:
    """Return the local rotations of one bone in `neutral_pose`."""
    name = BONES[bone].mixamo
    if name in _ARMS:
        axis, degrees = _ARMS[name]
        turn = Rotation.from_euler(axis, degrees, degrees=True).as_quat()
        return np.tile(turn, (len(hips), 1))
    side = next((side for side in ("Left", "Right") if name.startswith(side)), "")
    part = name.removeprefix(side)
    if not side or part not in ("UpLeg", "Leg", "Foot"):
        return np.tile([0.0, 0.0, 0.0, 1.0], (len(hips), 1))
    thigh, shin = (float(np.linalg.norm(offsets[INDEX[side + end]])) for end in ("Leg", "Foot"))
    leg = max(thigh + shin, 1e-9)
    reach = np.clip(hips - offsets[0, 1] + leg, _LEAST_LEG * leg, leg)
    hip, knee = _corner(thigh, reach, shin), np.pi - _corner(thigh, shin, reach)
    angle = {"UpLeg": -hip, "Leg": knee, "Foot": hip - knee}[part]
    return Rotation.from_euler("x", angle[:, None]).as_quat().reshape(-1, 4)


def _corner(a: Side, b: Side, opposite: Side) -> Float[np.ndarray, " t"]:
    """Return the angle between two sides of a triangle, radians."""
    cosine = (a**2 + b**2 - opposite**2) / np.maximum(2 * a * b, 1e-12)
    return np.arccos(np.clip(cosine, -1, 1))


def seen_bones(
    motion: Motion3D, groups: Collection[str], config: UnseenConfig = UNSEEN
) -> SeenBones:
    """Return in which frames each bone was detected.

    Args:
        motion: The motion.
        groups: Those of `GROUPS` that were ever seen; bones of the others go with their parents.
        config: Tuned numbers.
    """
    shown = (motion.confidence >= config.confidence) & motion.valid[:, None]
    return bones_of_joints(shown, motion.skeleton, groups)


def bones_of_joints(
    shown: Bool[np.ndarray, "t j"], skeleton: Skeleton, groups: Collection[str]
) -> SeenBones:
    """Return in which frames each bone was detected, from the joints that were."""
    return (shown @ _shows(skeleton, tuple(groups))).astype(bool)


@cache
def _shows(skeleton: Skeleton, groups: tuple[str, ...]) -> Bool[np.ndarray, "j b"]:
    """Return which joints show how which bones are turned."""
    shows = np.zeros((len(skeleton.joints), len(BONES)), dtype=bool)
    for i, bone in enumerate(BONES):
        shows[_joints_of(bone, skeleton, groups), i] = True
    return shows


def _joints_of(bone: Bone, skeleton: Skeleton, groups: Collection[str]) -> list[int]:
    """Return the joints of which each shows how a bone is turned."""
    name, side = bone.mixamo, bone.mixamo[0]
    if name == "Hips":
        return skeleton.indices("LHip", "RHip")
    if name.endswith(("Foot", "ToeBase")):
        seen = ("Heel", "Toe") if "feet" in groups else ("Ankle",)
        return skeleton.indices(*(side + joint for joint in seen))
    if name.endswith("Hand") and "hands" not in groups:
        return skeleton.indices(f"{side}Wrist")
    if name == "Head" and "face" in groups:
        return skeleton.indices("Head", "Nose", "LEar", "REar")
    after = {"Elbow": "Wrist", "Knee": "Ankle"}.get(bone.tip[1:])
    return skeleton.indices(bone.tip, *([side + after] if after else []))


def ease_unseen(
    rotations: Turns,
    neutral: Callable[[int], Quaternions],
    seen: SeenBones,
    fps: float,
    config: UnseenConfig = UNSEEN,
) -> Bool[np.ndarray, "t b"]:
    """Ease bones to a neutral pose where they are not seen for long, and spread turns too fast.

    Shorter gaps keep the motion. The pelvis keeps its own turn.

    Args:
        rotations: Local rotations of the bones, which are changed.
        neutral: Returns those of a bone in the neutral pose.
        seen: Which bones are seen.
        fps: Frames per second.
        config: Tuned numbers.

    Returns:
        Which rotations were changed.
    """
    changed = np.zeros(rotations.shape[:2], dtype=bool)
    for i, bone in enumerate(BONES):
        turns, shown = rotations[:, i].copy(), _without_flicker(seen[:, i], config.flicker * fps)
        possible = are_possible(turns, i)
        turns, shown = _bridge(turns, possible), shown & possible
        unseen = [run for run in _runs(~shown) if run.stop - run.start > config.bridged * fps]
        if unseen and bone.mixamo != "Hips":
            rest = neutral(i)
            for run in unseen:
                _ease_run(turns, rest, run, config.ease * fps)
        turns = _spread_jumps(turns, fps, config)
        changed[:, i] = (turns != rotations[:, i]).any(axis=1)
        rotations[:, i] = turns
    return changed


def are_possible(
    turns: Float[np.ndarray, "*batch 4"], bones: int | slice = slice(None)
) -> Bool[np.ndarray, "*batch"]:
    """Return which turns of these bones from the rest pose are within `MAX_BEND`."""
    return 2 * np.arccos(np.clip(np.abs(turns[..., 3]), 0, 1)) <= _LIMITS[bones]


def _without_flicker(seen: Bool[np.ndarray, " t"], frames: float) -> Bool[np.ndarray, " t"]:
    """Return what is seen for longer than some frames, or at an end of the clip."""
    steady = seen.copy()
    for run in _runs(seen):
        if run.stop - run.start < frames and run.start > 0 and run.stop < len(seen):
            steady[run] = False
    return steady


def _runs(mask: Bool[np.ndarray, " t"]) -> Iterator[slice]:
    """Yield the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        yield slice(int(first), int(stop))


def _ease_run(turns: Quaternions, neutral: Quaternions, run: slice, frames: float) -> None:
    """Ease turns to the neutral ones within a run, and back."""
    if run == slice(0, len(turns)):
        turns[:] = neutral
        return
    first = max(run.start - 1, 0)
    around = turns[first : run.stop + 1]  # all frames for each run would take hours
    known = np.ones(len(around), dtype=bool)
    known[run.start - first : run.stop - first] = False
    held = _bridge(around, known)[~known]
    place = np.arange(1, run.stop - run.start + 1)
    since = place if run.start > 0 else np.full(len(place), np.inf)
    until = place[::-1] if run.stop < len(turns) else np.full(len(place), np.inf)
    share = smooth_step(np.minimum(since, until) / frames)
    turns[run] = turn_between(held, neutral[run], share)


def _bridge(turns: Quaternions, known: Bool[np.ndarray, " t"]) -> Quaternions:
    """Return turns with even ones between those that are known; at the ends they stay."""
    if known.all() or not known.any():
        return turns
    at, wanted = np.flatnonzero(known), np.flatnonzero(~known)
    after = np.searchsorted(at, wanted)
    before, after = at[np.maximum(after - 1, 0)], at[np.minimum(after, len(at) - 1)]
    share = np.clip((wanted - before) / np.maximum(after - before, 1), 0, 1)
    bridged = turns.copy()
    bridged[wanted] = turn_between(turns[before], turns[after], share)
    return bridged


def _spread_jumps(turns: Quaternions, fps: float, config: UnseenConfig) -> Quaternions:
    """Return turns of which none is faster than a person moves, as far as the window allows."""
    limit = max(config.max_step, config.max_speed / fps)
    spread, known = turns, np.ones(len(turns), dtype=bool)
    for reach in range(1, round(config.window * fps) + 1):
        jumps = np.flatnonzero(_steps(spread) > limit)
        if not len(jumps):
            break
        for jump in jumps:
            known[max(jump - reach + 1, 1) : min(jump + reach + 1, len(turns) - 1)] = False
        spread = _bridge(turns, known)
    return spread


def turn_between(
    start: Quaternions, end: Quaternions, share: Float[np.ndarray, " t"]
) -> Quaternions:
    """Return the turns at shares of the shortest way between two."""
    first = Rotation.from_quat(start)
    way = (first.inv() * Rotation.from_quat(end)).as_rotvec()
    return (first * Rotation.from_rotvec(share[:, None] * way)).as_quat()


def _steps(turns: Quaternions) -> Float[np.ndarray, " s"]:
    """Return the degrees from each turn to the next."""
    cosine = np.abs((turns[1:] * turns[:-1]).sum(axis=1))
    return np.degrees(2 * np.arccos(np.clip(cosine, 0, 1)))


def smooth_step(x: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """Return 0 below 0, 1 above 1, and a smooth step between."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
