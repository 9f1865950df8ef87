"""A motion hung on constant bones: what animation software wants and a network does not give.

A network's bones breathe by some per cent from frame to frame, and the pelvis and the upper chest
(three children each) are no rigid bodies. Here one rest pose is built from the whole clip, then
every frame is posed so that its joints lie as near as possible (least squares) to where the
network saw them.

Axes in this file: x the person's left, y up, z where the person looks, in the rest pose; x right,
y up, z towards the camera, in the world. Metres. Legend: `t` time, `j` joint, `n` some joints.
"""

from dataclasses import dataclass
from functools import partial
from math import ceil

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from ..analysis.metrics import nearest_rotation
from ..skeleton import Skeleton

X, Y, Z = np.eye(3)

# The rest pose: where the bone that ends in a joint points. Bones that share their first joint
# (hips, shoulders, neck) only start from here and take their shape from the clip.
TOWARDS = {
    **dict.fromkeys(("Spine", "Thorax", "Neck", "Head"), Y),
    **dict.fromkeys(("RKnee", "RAnkle", "LKnee", "LAnkle"), -Y),
    **dict.fromkeys(("LHip", "LShoulder", "LElbow", "LWrist"), X),
    **dict.fromkeys(("RHip", "RShoulder", "RElbow", "RWrist"), -X),
}
# What knee and elbow turn about when they bend; in the rest pose palms look down.
HINGES = {
    **dict.fromkeys(("RHip", "RKnee", "LHip", "LKnee", "Spine", "Neck"), X),
    **dict.fromkeys(("LShoulder", "LElbow"), -Y),
    **dict.fromkeys(("RShoulder", "RElbow"), Y),
}

SWEEPS = 4  # twice as many gain less than 1 mm (95th percentile) on noisy motion capture
STAY = 1e-6  # m^2; decides a rotation where the joints do not, and bends others by < 0.01 degrees
SHY = 0.2  # sine of the bend at which a limb's twist trusts the bend as much as the parent's twist
CALM = 0.1  # seconds over which the twist is smoothed
REACH = 4  # sigmas of that
FRAMES_AT_ONCE = 10_000  # what a long motion takes besides its rotations stays small


@dataclass(frozen=True)
class Rig:
    """A rest pose and how it moves.

    Attributes:
        offsets: From the parent's place to the joint's in the rest pose, a T-pose; 0 at the root.
        rotations: Of each joint against its parent, of the root against the world; the identity
            throughout is the rest pose.
        root: Where the root is in the world.
    """

    offsets: Float[np.ndarray, "j 3"]
    rotations: Float[np.ndarray, "t j 3 3"]
    root: Float[np.ndarray, "t 3"]


def fit_rig(
    xyz: Float[np.ndarray, "t j 3"],
    skeleton: Skeleton,
    fps: float,
    seen: Float[np.ndarray, "s j 3"] | None = None,
) -> Rig:
    """Find the rest pose of a clip and the rotations that bring it nearest to every frame.

    The twist of a limb about its own length cannot be seen from joints alone; upper arms and
    thighs take it from the plane in which elbow and knee bend, the more the more they bend.

    Args:
        xyz: The frames, evenly spaced in time.
        skeleton: Its joints.
        fps: Frames per second.
        seen: The frames that give the rest pose, by default all: bones are too short in such as
            were filled in between two poses.
    """
    joints = range(len(skeleton.joints))
    children = [[c for p, c in skeleton.bones if p == joint] for joint in joints]
    offsets = _rest_offsets(xyz if seen is None else seen, skeleton, children)
    calm = CALM * fps
    turns, root = np.empty((*xyz.shape, 3), np.float32), np.empty((len(xyz), 3))
    reach = ceil(REACH * calm)
    for start in range(0, len(xyz), FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        # As many more on both sides as smoothing reaches: the whole comes out the same.
        first = max(start - reach, 0)
        near = xyz[first : part.stop + reach]
        placed = _relax(_place(near, skeleton, children, offsets), near, skeleton, children)
        own = slice(start - first, start - first + FRAMES_AT_ONCE)
        local = _orient(placed, skeleton, children, offsets, calm)[own]
        for parent, child in reversed(skeleton.bones):  # against the parent: from the ends inwards
            local[:, child] = local[:, parent].swapaxes(1, 2) @ local[:, child]
        turns[part], root[part] = local, placed[own, skeleton.root]
    return Rig(offsets, turns, root)


def _align(
    a: Float[np.ndarray, "#t n 3"],
    b: Float[np.ndarray, "t n 3"],
    stay: Float[np.ndarray, "*t 3 3"],
) -> Float[np.ndarray, "t 3 3"]:
    """The rotations that bring a nearest to b (Kabsch); ``stay`` where that leaves a choice."""
    return nearest_rotation(b.swapaxes(1, 2) @ a + STAY * stay)[0]


def _turn(
    rotations: Float[np.ndarray, "*t 3 3"], vectors: Float[np.ndarray, "*s 3"]
) -> Float[np.ndarray, "*u 3"]:
    return np.einsum("...xy,...y->...x", rotations, vectors)


def _unit(
    vectors: Float[np.ndarray, "*t 3"], otherwise: Float[np.ndarray, "*s 3"]
) -> Float[np.ndarray, "*t 3"]:
    """Length one; ``otherwise`` where there is no direction."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-9, vectors / np.maximum(length, 1e-9), otherwise)


def _rest_offsets(
    xyz: Float[np.ndarray, "t j 3"], skeleton: Skeleton, children: list[list[int]]
) -> Float[np.ndarray, "j 3"]:
    offsets = np.zeros((len(skeleton.joints), 3))
    for parent, child in skeleton.bones:
        length = np.linalg.norm(xyz[:, child] - xyz[:, parent], axis=1).mean()
        offsets[child] = length * TOWARDS[skeleton.joints[child]]
    for joint, fan in enumerate(children):
        if len(fan) > 1:
            offsets[fan] = _rest_fan(xyz, joint, skeleton.parents[joint], fan, offsets[fan])
    return offsets


def _rest_fan(
    xyz: Float[np.ndarray, "t j 3"],
    joint: int,
    parent: int,
    fan: list[int],
    offsets: Float[np.ndarray, "n 3"],
) -> Float[np.ndarray, "n 3"]:
    """The mean shape of bones that share a joint, upright.

    Upright is the mean bone that leads to the joint, so a head carried forward stays forward; at
    the root, which has none, it is the bone that leads up from it.
    """
    bones = xyz[:, fan] - xyz[:, [joint]]
    upright, shape = offsets, offsets
    for _ in range(10):
        turns = _align(shape[None], bones, np.eye(3))
        shape = _turn(turns.swapaxes(1, 2)[:, None], bones).mean(axis=0)
    back = _align(shape[None], bones, np.eye(3)).swapaxes(1, 2)
    sideways = shape[upright[:, 0] > 0].sum(axis=0) - shape[upright[:, 0] < 0].sum(axis=0)
    up = shape[upright[:, 1] > 0].sum(axis=0)
    if parent >= 0:
        up = _turn(back, xyz[:, joint] - xyz[:, parent]).mean(axis=0)
    axes = np.stack([_unit(sideways, X), _unit(up, Y)])
    return _turn(_align(axes[None], np.stack([X, Y])[None], np.eye(3)), shape)


def _place(
    xyz: Float[np.ndarray, "t j 3"],
    skeleton: Skeleton,
    children: list[list[int]],
    offsets: Float[np.ndarray, "j 3"],
) -> Float[np.ndarray, "t j 3"]:
    """Joints on constant bones, each aimed from where its parent came to lie: a first guess."""
    placed = xyz.copy()
    for joint, fan in enumerate(children):
        if not fan:
            continue
        here = placed[:, [joint]]
        if len(fan) > 1:
            turns = _align(offsets[None, fan], xyz[:, fan] - here, np.eye(3))
            placed[:, fan] = here + _turn(turns[:, None], offsets[fan])
        else:
            rest = TOWARDS[skeleton.joints[fan[0]]]
            length = np.linalg.norm(offsets[fan[0]])
            placed[:, fan] = here + length * _unit(xyz[:, fan] - here, rest)
    return placed


def _relax(
    placed: Float[np.ndarray, "t j 3"],
    xyz: Float[np.ndarray, "t j 3"],
    skeleton: Skeleton,
    children: list[list[int]],
) -> Float[np.ndarray, "t j 3"]:
    """Swing, joint by joint, all that hangs on it nearer to its goal; bones keep their lengths.

    No step moves joints away from their goals in the mean of squares.
    """
    below: list[list[int]] = [[] for _ in children]
    for joint in reversed(range(len(children))):
        below[joint] = [d for child in children[joint] for d in (child, *below[child])]
    for _ in range(SWEEPS):
        placed = placed + (xyz - placed).mean(axis=1, keepdims=True)
        for joint, hanging in enumerate(below):
            if hanging:
                here = placed[:, [joint]]
                arms = placed[:, hanging] - here
                turns = _align(arms, xyz[:, hanging] - here, np.eye(3))
                placed[:, hanging] = here + _turn(turns[:, None], arms)
    return placed


def _orient(
    placed: Float[np.ndarray, "t j 3"],
    skeleton: Skeleton,
    children: list[list[int]],
    offsets: Float[np.ndarray, "j 3"],
    calm: float,
) -> Float[np.ndarray, "t j 3 3"]:
    """The rotation of every joint against its rest pose, in the world."""
    fans = {j: fan for j, fan in enumerate(children) if len(fan) > 1}
    turns = np.broadcast_to(np.eye(3), (*placed.shape, 3)).copy()
    for joint, fan in fans.items():
        # The chest is oriented before the spine, so the pelvis stands in where it is undecided.
        stay = turns[:, skeleton.root]
        turns[:, joint] = _align(offsets[None, fan], placed[:, fan] - placed[:, [joint]], stay)
    for joint, fan in enumerate(children):
        parent, name = skeleton.parents[joint], skeleton.joints[joint]
        if not fan:
            turns[:, joint] = turns[:, parent]
        if len(fan) != 1:
            continue
        child = fan[0]
        hinge = _turn(turns[:, parent], HINGES[name])
        rest = _turn(turns[:, parent], TOWARDS[skeleton.joints[child]])
        bone = _unit(placed[:, child] - placed[:, joint], rest)
        swing = _swing(rest, bone, hinge)
        evidence = np.zeros_like(bone)  # of where the hinge points; none for shins and forearms
        if child in fans:
            # The spine twists half of the way from the pelvis to the chest.
            evidence = _turn(turns[:, parent] + turns[:, child], HINGES[name])
        elif len(children[child]) == 1:
            after = placed[:, children[child][0]] - placed[:, child]
            evidence = np.cross(bone, _unit(after, bone))
        twist = _twist(bone, _turn(swing, hinge), evidence, calm)
        turns[:, joint] = twist @ swing @ turns[:, parent]
    return turns


def _swing(
    start: Float[np.ndarray, "t 3"], end: Float[np.ndarray, "t 3"], hinge: Float[np.ndarray, "t 3"]
) -> Float[np.ndarray, "t 3 3"]:
    """The shortest rotation from start to end; about the hinge if they are opposite."""
    across = np.cross(start, end)
    angle = np.arctan2(np.linalg.norm(across, axis=1), (start * end).sum(axis=1))
    return Rotation.from_rotvec(angle[:, None] * _unit(across, hinge)).as_matrix()


def _twist(
    bone: Float[np.ndarray, "t 3"],
    hinge: Float[np.ndarray, "t 3"],
    evidence: Float[np.ndarray, "t 3"],
    calm: float,
) -> Float[np.ndarray, "t 3 3"]:
    """The rotation about the bone that brings its hinge towards the evidence, calmly.

    Kept below 90 degrees either way, which also keeps it continuous: a knee that seems to bend
    forward is noise and must not turn the thigh about.
    """
    smooth = partial(gaussian_filter1d, sigma=calm, mode="nearest", truncate=REACH)
    along = smooth((evidence * hinge).sum(axis=1))
    aside = smooth((evidence * np.cross(bone, hinge)).sum(axis=1))
    angle = np.arctan2(aside, np.maximum(along, 0) + SHY)
    return Rotation.from_rotvec(angle[:, None] * bone).as_matrix()
