"""One rig for every animation format: bones of constant length, and how they turn.

`solve_rig` poses it; BVH, GLB, USD, FBX and the viewer write what it returns. Axes: x the person's
left in the rest pose (in the world: right in the image), y up, z forward (towards the camera).
Metres.

Shapes: `t` frames, `b` bones.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from ..filtering.resample import resample_evenly
from ..motion import Motion3D, seen_groups
from ..skeleton import BODY_26, H36M, SOLE_DEPTH, stature
from .rig_fit import fit_rig
from .rig_names import BONES, INDEX, PARENTS, Names, bone_names

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
    """Local unit quaternions x, y, z, w against the rest pose, of continuous sign; the root's are
    those of the world."""
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
    heads, turns = np.empty((*rig.rotations.shape[:2], 3)), rig.rotations.copy()
    heads[:, 0] = rig.root
    for bone, parent in enumerate(rig.parents):
        if parent < 0:
            continue
        above = Rotation.from_quat(turns[:, parent])
        heads[:, bone] = heads[:, parent] + above.apply(rig.offsets[bone])
        turns[:, bone] = (above * Rotation.from_quat(rig.rotations[:, bone])).as_quat()
    return heads, turns


def solve_rig(motion: Motion3D, options: RigOptions = RIG) -> RiggedMotion:
    """Pose the rig of a person so that its joints lie nearest to those of the motion.

    Raises:
        ValueError: If the motion has another skeleton, or no frames.
    """
    if motion.skeleton not in (H36M, BODY_26):
        raise ValueError(
            f"a rig needs the skeleton {H36M.name!r} or {BODY_26.name!r}, got "
            f"{motion.skeleton.name!r}; lift with weights of that skeleton, or save as .npz, which "
            "takes every skeleton."
        )
    if len(motion) == 0:
        raise ValueError("a rig needs at least one frame, got none.")
    xyz = np.stack([motion.xyz[..., 0], motion.xyz[..., 2], -motion.xyz[..., 1]], axis=-1)
    even, fps = resample_evenly(xyz, motion.times, motion.fps)
    fit = fit_rig(even, motion.skeleton, fps, xyz, seen_groups(motion))
    world = fit.rotations.astype(float)
    for parent, child in motion.skeleton.bones:
        world[:, child] = world[:, parent] @ world[:, child]
    return _first_draft(motion, options, fit, world, fps)


def _first_draft(motion, options, fit, world, fps) -> RiggedMotion:
    index = motion.skeleton.index
    offsets, rest = np.zeros((len(BONES), 3)), {"Hips": np.zeros(3)}
    at = np.zeros((len(motion.skeleton.joints), 3))
    for parent, child in motion.skeleton.bones:
        at[child] = at[parent] + fit.offsets[child]
    turns = np.broadcast_to(np.eye(3), (len(world), len(BONES), 3, 3)).copy()
    like = {"Spine": "Hip", "Spine2": "Thorax", "LeftShoulder": "Thorax", "RightShoulder": "Thorax"}
    for i, bone in enumerate(BONES):
        joint = like.get(bone.mixamo, bone.joint)
        if joint in index:
            turns[:, i] = world[:, index[joint]]
        head = {
            "Spine": "Hip",
            "Spine2": "Spine",
            "LeftShoulder": "Thorax",
            "RightShoulder": "Thorax",
        }.get(bone.mixamo, bone.joint)
        rest[bone.mixamo] = (
            at[index[head]] if head in index else rest[bone.parent] + np.array([0, -0.06, 0.13])
        )
        if head not in index:
            turns[:, i] = turns[:, PARENTS[i]]
        if bone.parent:
            offsets[i] = rest[bone.mixamo] - rest[bone.parent]
    local = turns.copy()
    for i, parent in enumerate(PARENTS):
        if parent >= 0:
            local[:, i] = turns[:, parent].swapaxes(1, 2) @ turns[:, i]
    quats = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_quat().reshape(*local.shape[:2], 4)
    for t in range(1, len(quats)):
        quats[t] *= np.where((quats[t] * quats[t - 1]).sum(axis=-1) < 0, -1.0, 1.0)[:, None]
    height = -min(x[1] for x in rest.values()) + SOLE_DEPTH * float(np.median(stature(motion.xyz)))
    offsets[0] = [0, height, 0]
    tails = np.zeros_like(offsets)
    for i, parent in enumerate(PARENTS):
        if parent > 0:
            tails[parent] = offsets[i]
    leaves = {
        "Head": (0, 0.2, 0),
        "LeftHand": (0.1, 0, 0),
        "RightHand": (-0.1, 0, 0),
        "LeftToeBase": (0, 0, 0.06),
        "RightToeBase": (0, 0, 0.06),
    }
    for name, tail in leaves.items():
        tails[INDEX[name]] = tail
    times = motion.times[0] + np.arange(len(quats)) / fps
    return RiggedMotion(
        bone_names(options.names),
        PARENTS,
        offsets,
        tails,
        quats,
        fit.root,
        fps,
        times,
        np.ones(len(quats), bool),
        0,
        motion.person,
    )
