"""The fit of a skeleton with constant bones to a motion, as animation software needs.

The bones of a network vary by some per cent from frame to frame, and pelvis and upper chest (three
children each) are not rigid. `fit_rig` builds one rest pose from the whole clip, then poses every
frame so that its joints lie nearest to the network's, by least squares.

Axes of the rest pose: x the person's left, y up, z forward; of the world: x right, y up, z to the
camera. Metres. Shapes: `t` frames, `j` joints, `n` some joints.
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

Joints = Float[np.ndarray, "t j 3"]
Offsets = Float[np.ndarray, "j 3"]
Vectors = Float[np.ndarray, "t 3"]
Rotations = Float[np.ndarray, "t 3 3"]

X, Y, _ = np.eye(3)

BONE_DIRECTIONS = {
    **dict.fromkeys(("Spine", "Thorax", "Neck", "Head"), Y),
    **dict.fromkeys(("RKnee", "RAnkle", "LKnee", "LAnkle"), -Y),
    **dict.fromkeys(("LHip", "LShoulder", "LElbow", "LWrist"), X),
    **dict.fromkeys(("RHip", "RShoulder", "RElbow", "RWrist"), -X),
}
"""Direction in the rest pose of the bone that ends in a joint. Bones that start in the same joint
(hips, shoulders, neck) take their shape from the clip, starting from this."""
HINGES = {
    **dict.fromkeys(("RHip", "RKnee", "LHip", "LKnee", "Spine", "Neck"), X),
    **dict.fromkeys(("LShoulder", "LElbow"), -Y),
    **dict.fromkeys(("RShoulder", "RElbow"), Y),
}
"""Axis about which the joint after a bone bends; in the rest pose palms look down."""

SWEEPS = 4
"""Sweeps of `_relax`; twice as many gain less than 1 mm (95th percentile) on noisy mocap."""
PRIOR_WEIGHT = 1e-6
"""m^2; decides a rotation that joints leave open, and turns others by less than 0.01 degrees."""
HALF_TRUST_BEND = 0.2
"""Sine of the bend at which a limb's twist follows the bend as much as the parent's twist."""
TWIST_SECONDS, TRUNCATE = 0.1, 4
"""One sigma of the Gaussian that smooths the twist, and the sigmas after which it ends."""
FRAMES_AT_ONCE = 10_000
"""Frames in work at once, which bounds the memory."""


@dataclass(frozen=True)
class Rig:
    """A rest pose and its motion."""

    offsets: Offsets
    """From the parent to the joint in the rest pose, a T-pose; 0 at the root."""
    rotations: Float[np.ndarray, "t j 3 3"]
    """Of each joint relative to its parent (the root: to the world); identity in the rest pose."""
    root: Vectors
    """Position of the root in the world."""


def fit_rig(
    xyz: Joints, skeleton: Skeleton, fps: float, observed: Float[np.ndarray, "s j 3"] | None = None
) -> Rig:
    """Find the rest pose of a clip and the rotations that bring it nearest to every frame.

    Joints do not show the twist of a limb about its length; upper arms and thighs take it from the
    plane in which elbow and knee bend, the more the more they bend.

    Args:
        xyz: Joints at even times.
        observed: Joints for the rest pose, by default all: interpolated frames have short bones.
    """
    joints = range(len(skeleton.joints))
    children = [[c for p, c in skeleton.bones if p == joint] for joint in joints]
    offsets = _rest_offsets(xyz if observed is None else observed, skeleton, children)
    sigma = TWIST_SECONDS * fps
    turns, root = np.empty((*xyz.shape, 3), np.float32), np.empty((len(xyz), 3))
    reach = ceil(TRUNCATE * sigma)
    for start in range(0, len(xyz), FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        # With the frames on both sides that smoothing reaches, parts equal the whole.
        first = max(start - reach, 0)
        near = xyz[first : part.stop + reach]
        placed = _relax(_place(near, skeleton, children, offsets), near, children)
        own = slice(start - first, start - first + FRAMES_AT_ONCE)
        local = _orient(placed, skeleton, children, offsets, sigma)[own]
        # Relative to the parent, from the ends inwards.
        for parent, child in reversed(skeleton.bones):
            local[:, child] = local[:, parent].swapaxes(1, 2) @ local[:, child]
        turns[part], root[part] = local, placed[own, skeleton.root]
    return Rig(offsets, turns, root)


def _align(
    a: Float[np.ndarray, "#t n 3"], b: Joints, prior: Float[np.ndarray, "*t 3 3"]
) -> Rotations:
    """Return the rotations that bring a nearest to b (Kabsch), near ``prior`` if these are many."""
    return nearest_rotation(b.swapaxes(1, 2) @ a + PRIOR_WEIGHT * prior)[0]


def _turn(
    rotations: Float[np.ndarray, "*t 3 3"], vectors: Float[np.ndarray, "*s 3"]
) -> Float[np.ndarray, "*u 3"]:
    return np.einsum("...xy,...y->...x", rotations, vectors)


def _unit(
    vectors: Float[np.ndarray, "*t 3"], fallback: Float[np.ndarray, "*s 3"]
) -> Float[np.ndarray, "*t 3"]:
    """Return vectors of length one; ``fallback`` where there is no direction."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-9, vectors / np.maximum(length, 1e-9), fallback)


def _rest_offsets(xyz: Joints, skeleton: Skeleton, children: list[list[int]]) -> Offsets:
    offsets = np.zeros((len(skeleton.joints), 3))
    for parent, child in skeleton.bones:
        length = np.linalg.norm(xyz[:, child] - xyz[:, parent], axis=1).mean()
        offsets[child] = length * BONE_DIRECTIONS[skeleton.joints[child]]
    for joint, fan in enumerate(children):
        if len(fan) > 1:
            offsets[fan] = _rest_fan(xyz, joint, skeleton.parents[joint], fan, offsets[fan])
    return offsets


def _rest_fan(
    xyz: Joints, joint: int, parent: int, fan: list[int], upright: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 3"]:
    """Return the mean shape of bones that start in the same joint, upright.

    Upright is the mean bone that ends in the joint, so that a head carried forward stays forward;
    at the root, which has none, it is the bone that leads up from it.
    """
    bones = xyz[:, fan] - xyz[:, [joint]]
    shape = upright
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


def _place(xyz: Joints, skeleton: Skeleton, children: list[list[int]], offsets: Offsets) -> Joints:
    """Return joints on constant bones, from parent to child: the first guess."""
    placed = xyz.copy()
    for joint, fan in enumerate(children):
        if not fan:
            continue
        here = placed[:, [joint]]
        if len(fan) > 1:
            turns = _align(offsets[None, fan], xyz[:, fan] - here, np.eye(3))
            placed[:, fan] = here + _turn(turns[:, None], offsets[fan])
        else:
            rest = BONE_DIRECTIONS[skeleton.joints[fan[0]]]
            length = np.linalg.norm(offsets[fan[0]])
            placed[:, fan] = here + length * _unit(xyz[:, fan] - here, rest)
    return placed


def _relax(placed: Joints, xyz: Joints, children: list[list[int]]) -> Joints:
    """Turn, joint by joint, its descendants nearer to ``xyz`` (mean square) on constant bones."""
    below: list[list[int]] = [[] for _ in children]
    for joint in reversed(range(len(children))):
        below[joint] = [d for child in children[joint] for d in (child, *below[child])]
    for _ in range(SWEEPS):
        placed = placed + (xyz - placed).mean(axis=1, keepdims=True)
        for joint, descendants in enumerate(below):
            if descendants:
                here = placed[:, [joint]]
                arms = placed[:, descendants] - here
                turns = _align(arms, xyz[:, descendants] - here, np.eye(3))
                placed[:, descendants] = here + _turn(turns[:, None], arms)
    return placed


def _orient(
    placed: Joints, skeleton: Skeleton, children: list[list[int]], offsets: Offsets, sigma: float
) -> Float[np.ndarray, "t j 3 3"]:
    """Return the rotation of every joint from its rest pose, in the world."""
    fans = {j: fan for j, fan in enumerate(children) if len(fan) > 1}
    turns = np.broadcast_to(np.eye(3), (*placed.shape, 3)).copy()
    for joint, fan in fans.items():
        # The chest comes before the spine: its prior is the pelvis.
        prior = turns[:, skeleton.root]
        turns[:, joint] = _align(offsets[None, fan], placed[:, fan] - placed[:, [joint]], prior)
    for joint, fan in enumerate(children):
        parent, name = skeleton.parents[joint], skeleton.joints[joint]
        if not fan:
            turns[:, joint] = turns[:, parent]
        if len(fan) != 1:
            continue
        child = fan[0]
        hinge = _turn(turns[:, parent], HINGES[name])
        rest = _turn(turns[:, parent], BONE_DIRECTIONS[skeleton.joints[child]])
        bone = _unit(placed[:, child] - placed[:, joint], rest)
        swing = _swing(rest, bone, hinge)
        evidence = np.zeros_like(bone)  # direction of the hinge; none for shins and forearms
        if child in fans:
            # The spine twists half of the way from the pelvis to the chest.
            evidence = _turn(turns[:, parent] + turns[:, child], HINGES[name])
        elif len(children[child]) == 1:
            after = placed[:, children[child][0]] - placed[:, child]
            evidence = np.cross(bone, _unit(after, bone))
        twist = _twist(bone, _turn(swing, hinge), evidence, sigma)
        turns[:, joint] = twist @ swing @ turns[:, parent]
    return turns


def _swing(start: Vectors, end: Vectors, hinge: Vectors) -> Rotations:
    """Return the shortest rotation from start to end; about the hinge if they are opposite."""
    across = np.cross(start, end)
    angle = np.arctan2(np.linalg.norm(across, axis=1), (start * end).sum(axis=1))
    return Rotation.from_rotvec(angle[:, None] * _unit(across, hinge)).as_matrix()


def _twist(bone: Vectors, hinge: Vectors, evidence: Vectors, sigma: float) -> Rotations:
    """Return the smoothed rotation about the bone that turns its hinge towards the evidence.

    It stays below 90 degrees either way and so continuous: a knee that seems to bend forward is
    noise and must not turn the thigh.
    """
    smooth = partial(gaussian_filter1d, sigma=sigma, mode="nearest", truncate=TRUNCATE)
    along = smooth((evidence * hinge).sum(axis=1))
    aside = smooth((evidence * np.cross(bone, hinge)).sum(axis=1))
    angle = np.arctan2(aside, np.maximum(along, 0) + HALF_TRUST_BEND)
    return Rotation.from_rotvec(angle[:, None] * bone).as_matrix()
