"""One rig for every animation format: bones of constant length, and how they turn.

`solve_rig` poses it; BVH, GLB, USD, FBX and the viewer write what it returns. Axes: x the person's
left in the rest pose (in the world: right in the image), y up, z forward (towards the camera).
Metres.

Shapes: `t` frames, `b` bones.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from ..filtering.resample import resample_evenly
from ..motion import Motion3D, seen_groups
from ..skeleton import ANKLE_OVER_SOLE, BODY_26, H36M, SOLE_DEPTH, stature
from .rig_feet import clear_floor
from .rig_fit import FRAMES_AT_ONCE, RestPose, turn_rig
from .rig_names import PARENTS, Names, bone_names, follow_chain
from .rig_unseen import ease_unseen, neutral_turns, seen_bones

Rest = Literal["t-pose", "a-pose"]


@dataclass(frozen=True)
class RigOptions:
    """How a motion becomes a rig.

    Raises:
        ValueError: If a name is not one of those listed.
    """

    names: Names = "mixamo"
    """Names of the bones: "mixamo" (Hips, LeftUpLeg), "vrm" (hips, leftUpperLeg) or "plain"
    (pelvis, thigh_L)."""
    rest: Rest = "t-pose"
    """Rest pose: arms sideways, or 45 degrees down."""
    recenter: bool = False
    """Move the motion so that it starts above the origin."""
    trim: bool = False
    """Leave out the frames before the person is first seen and after the last one."""

    def __post_init__(self) -> None:
        for name, value, kind in (("names", self.names, Names), ("rest", self.rest, Rest)):
            if value not in get_args(kind):
                choices = ", ".join(get_args(kind))
                raise ValueError(f"expected {name} to be one of {choices}, got {value!r}.")


RIG = RigOptions()
TRIMMED = RigOptions(trim=True)
A_POSE = 45.0
"""Degrees of the arms below the horizontal in the A-pose."""


@dataclass(frozen=True)
class RiggedMotion:
    """A rig and its motion, at even times."""

    bones: tuple[str, ...]
    """Names, parents first."""
    parents: tuple[int, ...]
    """Index of the parent of each bone, -1 for the root."""
    offsets: Float[np.ndarray, "b 3"]
    """From the parent's head to the bone's head in the rest pose; of the root, from the floor under
    it. The soles are at y = 0."""
    tails: Float[np.ndarray, "b 3"]
    """From a bone's head to its tail in the rest pose."""
    rotations: Float[np.ndarray, "t b 4"]
    """Local unit quaternions x, y, z, w against the rest pose, of continuous sign, in single
    precision; the root's are those of the world."""
    root: Float[np.ndarray, "t 3"]
    """Position of the root in the world."""
    fps: float
    times: Float[np.ndarray, " t"]
    """Seconds since the first frame of the video."""
    seen: Bool[np.ndarray, " t"]
    """False in frames that did not show the person and were bridged."""
    start: int
    """Number of frames that were left out at the start."""
    person: int = 0

    def __len__(self) -> int:
        return len(self.root)


def forward_kinematics(rig: RiggedMotion) -> Float[np.ndarray, "t b 3"]:
    """Return the heads of the bones in the world."""
    return pose_bones(rig)[0]


def pose_bones(
    rig: RiggedMotion,
) -> tuple[Float[np.ndarray, "t b 3"], Float[np.ndarray, "t b 4"]]:
    """Return the heads of the bones, and their rotations from the rest pose, in the world."""
    return follow_chain(rig.parents, rig.offsets, rig.rotations, rig.root)


def solve_rig(motion: Motion3D, options: RigOptions = RIG) -> RiggedMotion:
    """Pose the rig of a person so that its joints lie nearest to those of the motion.

    Uneven times are resampled at the usual rate, so that a second stays a second. Limbs that are
    not seen for long ease to a neutral pose. The floor, y = 0, is at the soles.

    Raises:
        ValueError: If the motion has another skeleton, or no frames.
    """
    _check_motion(motion)
    even, fps = resample_evenly(motion.xyz, motion.times, motion.fps)
    groups, count, rise = seen_groups(motion), len(even), _rise(motion)
    # Interpolated frames have short bones.
    rest = RestPose(_above_soles(motion.xyz[_shown(motion)], rise), motion.skeleton, groups)
    fit = turn_rig(rest, count, lambda part: _above_soles(even[part], rise), fps)
    times = motion.times[0] + np.arange(count) / fps
    nearest = np.rint(np.interp(times, motion.times, np.arange(len(motion)))).astype(int)
    neutral = partial(neutral_turns, offsets=fit.offsets, hips=fit.root[:, 1])
    turns, root = fit.rotations, fit.root
    guessed = ease_unseen(turns, neutral, seen_bones(motion, groups)[nearest], fps)
    for first in range(0, count, FRAMES_AT_ONCE):
        part = slice(first, first + FRAMES_AT_ONCE)
        turns[part], root[part] = clear_floor(turns[part], guessed[part], fit, root[part])
    offsets, tails = fit.offsets, fit.tails
    if options.rest == "a-pose":
        offsets, tails, turns = _to_a_pose(offsets, tails, turns)
    seen = motion.valid[nearest]
    kept = _between_seen(seen) if options.trim else slice(0, len(seen))
    root = root[kept]
    if options.recenter:
        root = root - root[0] * [1, 0, 1]
    return RiggedMotion(
        bones=bone_names(options.names),
        parents=PARENTS,
        offsets=offsets,
        tails=tails,
        rotations=_keep_sign(turns[kept]),
        root=root,
        fps=fps,
        times=times[kept],
        seen=seen[kept],
        start=kept.start,
        person=motion.person,
    )


def joints_above_soles(motion: Motion3D) -> Float[np.ndarray, "t j 3"]:
    """Return the joints in the axes of the rig, with y = 0 at the soles of a standing person.

    The world of a motion of 17 joints has its floor at standing ankles.
    """
    return _above_soles(motion.xyz, _rise(motion))


def _above_soles(xyz: Float[np.ndarray, "t j 3"], rise: float) -> Float[np.ndarray, "t j 3"]:
    raised = to_y_up(xyz)
    raised[..., 1] += rise  # in place: hours of them are large
    return raised


def _rise(motion: Motion3D) -> float:
    """Return how far the floor of the motion's world is above the soles."""
    if motion.skeleton != H36M:
        return 0.0
    height = float(np.median(stature(motion.xyz[_shown(motion)])))
    return (SOLE_DEPTH + ANKLE_OVER_SOLE) * height


def to_y_up(xyz: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Convert (x right, y away from the camera, z up) to (x right, y up, z to the camera)."""
    return np.stack([xyz[..., 0], xyz[..., 2], -xyz[..., 1]], axis=-1)


def from_y_up(xyz: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Undo `to_y_up`."""
    return np.stack([xyz[..., 0], -xyz[..., 2], xyz[..., 1]], axis=-1)


def _check_motion(motion: Motion3D) -> None:
    if motion.skeleton not in (H36M, BODY_26):
        raise ValueError(
            f"a rig needs the skeleton {H36M.name!r} or {BODY_26.name!r}, got "
            f"{motion.skeleton.name!r}; lift with weights of that skeleton, or save as .npz, which "
            "takes every skeleton."
        )
    if len(motion) == 0:
        raise ValueError("a rig needs at least one frame, got none; save as .npz or drop it.")


def _shown(motion: Motion3D) -> Bool[np.ndarray, " t"]:
    """Return the frames that show the person, or all if none does."""
    return motion.valid if motion.valid.any() else ~motion.valid


def _between_seen(seen: Bool[np.ndarray, " t"]) -> slice:
    """Return the frames from the first to the last that is seen, or all if none is."""
    frames = np.flatnonzero(seen)
    return slice(int(frames[0]), int(frames[-1]) + 1) if len(frames) else slice(0, len(seen))


def _keep_sign(turns: Float[np.ndarray, "t b 4"]) -> Float[np.ndarray, "t b 4"]:
    """Return the same rotations, in place; none is nearer to the negative of the one before."""
    for bone in range(turns.shape[1]):  # one at a time, to save memory
        own = turns[:, bone]
        flips = np.where((own[1:] * own[:-1]).sum(axis=-1) < 0, -1.0, 1.0)
        first = np.where(own[:1, 3] < 0, -1.0, 1.0)
        own *= np.cumprod(np.concatenate([first, flips]))[:, None]
    return turns


def _to_a_pose(
    offsets: Float[np.ndarray, "b 3"],
    tails: Float[np.ndarray, "b 3"],
    turns: Float[np.ndarray, "t b 4"],
) -> tuple[Float[np.ndarray, "b 3"], Float[np.ndarray, "b 3"], Float[np.ndarray, "t b 4"]]:
    """Return the rig with arms that hang `A_POSE` degrees in the rest pose; the motion stays."""
    angles = [
        0.0 if not name.endswith(("Arm", "Hand")) else -A_POSE if name[0] == "L" else A_POSE
        for name in bone_names("mixamo")
    ]
    lowered = Rotation.from_euler("z", np.array(angles)[:, None], degrees=True)
    above = Rotation.from_euler("z", [[0.0 if p < 0 else angles[p]] for p in PARENTS], degrees=True)
    local = [
        (above[b] * Rotation.from_quat(turns[:, b]) * lowered[b].inv()).as_quat()
        for b in range(len(PARENTS))
    ]
    return above.apply(offsets), lowered.apply(tails), np.stack(local, axis=1)
