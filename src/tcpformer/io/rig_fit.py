"""The fit of a skeleton with constant bones to a motion, as animation software needs.

The bones of a network vary by some per cent from frame to frame, and pelvis and upper chest (three
children each) are not rigid. `fit_rig` builds one rest pose from the whole clip, then poses every
frame so that its joints lie nearest to the network's, by least squares.

Axes of the rest pose: x the person's left, y up, z forward; of the world: x right, y up, z to the
camera. Metres. Shapes: `t` frames, `j` joints, `n` some joints.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from math import ceil

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from ..analysis.metrics import nearest_rotation
from ..skeleton import BALLS, BODY_26, FEET, GROUPS, HEELS, Skeleton

Joints = Float[np.ndarray, "t j 3"]
Bones = Float[np.ndarray, "t n 3"]
Offsets = Float[np.ndarray, "j 3"]
Vectors = Float[np.ndarray, "t 3"]
Rotations = Float[np.ndarray, "t 3 3"]

X, Y, Z = np.eye(3)

BONE_DIRECTIONS = {
    **dict.fromkeys(("Spine", "Thorax", "Neck", "Head"), Y),
    **dict.fromkeys(("RKnee", "RAnkle", "LKnee", "LAnkle"), -Y),
    **dict.fromkeys(("LHip", "LShoulder", "LElbow", "LWrist", "LHand", "LEar"), X),
    **dict.fromkeys(("RHip", "RShoulder", "RElbow", "RWrist", "RHand", "REar"), -X),
    **dict.fromkeys(("LToe", "RToe", "Nose"), Z),
    **dict.fromkeys(("LHeel", "RHeel"), -Z),
}
"""Direction in the rest pose of the bone that ends in a joint. Bones that start in the same joint
(hips, shoulders and neck, foot, head) take their shape from the clip, starting from this."""
HINGES = {
    **dict.fromkeys(("RHip", "RKnee", "LHip", "LKnee", "Spine", "Neck"), X),
    **dict.fromkeys(("LShoulder", "LElbow"), -Y),
    **dict.fromkeys(("RShoulder", "RElbow"), Y),
    **dict.fromkeys(("LWrist", "RWrist"), Z),
}
"""Axis about which the joint after a bone bends; in the rest pose palms look down."""

SWEEPS = 4
"""Sweeps of `_relax`; twice as many gain less than 1 mm (95th percentile) on noisy mocap."""
PRIOR_WEIGHT = 1e-6
"""m^2; decides a rotation that joints leave open, and turns others by less than 0.01 degrees."""
HALF_TRUST_BEND = 0.2
"""Sine of the bend at which a limb's twist follows the bend as much as the parent's twist."""
LIMBS = ("Hip", "Knee", "Shoulder")
"""Joints, without their sides, whose bones twist with what hangs on them."""
FOOT_EVIDENCE = 0.3
"""Weight of the foot for the twist of the thigh, against 1 for a knee bent by 90 degrees."""
WRIST_AXIS = Z
"""Axis about which hands bend in the rest pose, as palms look down: they bend down and up more than
sideways."""
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


@dataclass(frozen=True)
class _Tree:
    """A skeleton, and what its joints are for the fit."""

    skeleton: Skeleton
    children: list[list[int]]
    trunk: list[int]
    """Joints with several children that have children themselves: pelvis and upper chest."""
    ends: list[int]
    """Joints with several children that have none: ankles and the base of the skull."""
    feet: dict[int, tuple[int, int]]
    """Heel and ball by ankle, where they show how the leg is twisted."""
    wrists: list[int]
    """Wrists whose hands show how the forearm is twisted."""

    @classmethod
    def of(cls, skeleton: Skeleton, groups: Collection[str]) -> "_Tree":
        joints = range(len(skeleton.joints))
        children = [[c for p, c in skeleton.bones if p == joint] for joint in joints]
        fans = [joint for joint in joints if len(children[joint]) > 1]
        ends = [joint for joint in fans if not any(children[c] for c in children[joint])]
        groups = groups if skeleton == BODY_26 else ()
        soles = zip(HEELS, BALLS, strict=True)
        feet = dict(zip(FEET, soles, strict=True)) if "feet" in groups else {}
        wrists = skeleton.indices("LWrist", "RWrist") if "hands" in groups else []
        return cls(skeleton, children, [j for j in fans if j not in ends], ends, feet, wrists)


def fit_rig(
    xyz: Joints,
    skeleton: Skeleton,
    fps: float,
    observed: Float[np.ndarray, "s j 3"] | None = None,
    groups: Collection[str] = GROUPS,
) -> Rig:
    """Find the rest pose of a clip and the rotations that bring it nearest to every frame.

    Joints do not show the twist of a limb about its length. Upper arms and thighs take it from the
    plane in which elbow and knee bend, the more the more they bend; thighs and shins also from the
    foot, and forearms from the plane in which the wrist bends, at most 45 degrees.

    Args:
        xyz: Joints at even times.
        skeleton: The joints, in the order of axis ``j``.
        fps: Frames per second.
        observed: Joints for the rest pose, by default all: interpolated frames have short bones.
        groups: Names of `GROUPS` that were seen, and show how limbs are twisted.
    """
    tree = _Tree.of(skeleton, groups)
    children = tree.children
    offsets = _rest_offsets(xyz if observed is None else observed, tree)
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
        local = _orient(placed, tree, offsets, sigma)[own]
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


def _rest_offsets(xyz: Joints, tree: _Tree) -> Offsets:
    skeleton = tree.skeleton
    offsets = np.zeros((len(skeleton.joints), 3))
    for parent, child in skeleton.bones:
        length = np.linalg.norm(xyz[:, child] - xyz[:, parent], axis=1).mean()
        offsets[child] = length * BONE_DIRECTIONS[skeleton.joints[child]]
    for joint in (*tree.trunk, *tree.ends):
        fan = tree.children[joint]
        bones = xyz[:, fan] - xyz[:, [joint]]
        if joint in tree.ends:
            offsets[fan] = _level(_mean_shape(bones, offsets[fan]), offsets[fan])
        else:
            offsets[fan] = _rest_fan(xyz, joint, skeleton.parents[joint], bones, offsets[fan])
    return offsets


def _mean_shape(bones: Bones, start: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Return the mean shape of bones that start in the same joint."""
    shape = start
    for _ in range(10):
        turns = _align(shape[None], bones, np.eye(3))
        shape = _turn(turns.swapaxes(1, 2)[:, None], bones).mean(axis=0)
    return shape


def _level(
    shape: Float[np.ndarray, "n 3"], upright: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 3"]:
    """Turn a foot until its sole is level, a head until ears and nose are; both look ahead."""
    front = upright[:, 2] > 0
    ahead = shape[front].mean(axis=0) - shape[~front & (upright[:, 1] == 0)].mean(axis=0)
    right, left = upright[:, 0] < 0, upright[:, 0] > 0
    if left.any():
        first, second = shape[left].sum(axis=0) - shape[right].sum(axis=0), ahead
        targets = np.stack([X, Z])
    else:
        first, second, targets = ahead, -shape.mean(axis=0), np.stack([Z, Y])
    first = _unit(first, targets[0])
    second = _unit(second - (second @ first) * first, targets[1])
    return _turn(_align(np.stack([first, second])[None], targets[None], np.eye(3)), shape)


def _rest_fan(
    xyz: Joints, joint: int, parent: int, bones: Bones, upright: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 3"]:
    """Return the mean shape of bones that start in the same joint, upright.

    Upright is the mean bone that ends in the joint, so that a head carried forward stays forward;
    at the root, which has none, it is the bone that leads up from it.
    """
    shape = _mean_shape(bones, upright)
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
    placed: Joints, tree: _Tree, offsets: Offsets, sigma: float
) -> Float[np.ndarray, "t j 3 3"]:
    """Return the rotation of every joint from its rest pose, in the world."""
    skeleton, children = tree.skeleton, tree.children
    turns = np.broadcast_to(np.eye(3), (*placed.shape, 3)).copy()
    for joint in tree.trunk:
        # The chest comes before the spine: its prior is the pelvis.
        turns[:, joint] = _turn_of_fan(placed, joint, tree, offsets, turns[:, skeleton.root])
    for joint, fan in enumerate(children):
        parent = skeleton.parents[joint]
        if not fan:
            turns[:, joint] = turns[:, parent]
        elif joint in tree.ends:
            turns[:, joint] = _turn_of_fan(placed, joint, tree, offsets, turns[:, parent])
        elif joint not in tree.trunk:
            turns[:, joint] = _turn_of_bone(placed, joint, tree, turns, sigma) @ turns[:, parent]
    return turns


def _turn_of_bone(
    placed: Joints, joint: int, tree: _Tree, turns: Float[np.ndarray, "t j 3 3"], sigma: float
) -> Rotations:
    """Return the rotation of a joint with one child, from that of its parent."""
    skeleton, child = tree.skeleton, tree.children[joint][0]
    above, name = turns[:, skeleton.parents[joint]], skeleton.joints[joint]
    hinge = _turn(above, HINGES[name])
    rest = _turn(above, BONE_DIRECTIONS[skeleton.joints[child]])
    bone = _unit(placed[:, child] - placed[:, joint], rest)
    swing = _swing(rest, bone, hinge)
    if child in tree.wrists:
        axis = _turn(swing, _turn(above, WRIST_AXIS))
        bend = _bend(placed, bone, child, tree.children)
        return _twist_by_plane(bone, axis, bend, sigma) @ swing
    evidence = np.zeros_like(bone)  # direction of the hinge
    if child in tree.trunk:
        # The spine twists half of the way from the pelvis to the chest.
        evidence = _turn(above + turns[:, child], HINGES[name])
    elif name[1:] in LIMBS:
        evidence = _limb_evidence(placed, bone, child, tree)
    return _twist(bone, _turn(swing, hinge), evidence, sigma) @ swing


def _turn_of_fan(
    placed: Joints, joint: int, tree: _Tree, offsets: Offsets, prior: Rotations
) -> Rotations:
    """Return the rotation of a joint that its children show."""
    fan = tree.children[joint]
    return _align(offsets[None, fan], placed[:, fan] - placed[:, [joint]], prior)


def _limb_evidence(placed: Joints, bone: Vectors, child: int, tree: _Tree) -> Vectors:
    """Return the direction of the hinge of a limb's bone, as long as it is certain."""
    if child in tree.feet:
        return _side_of_foot(placed, bone, tree.feet[child])
    evidence = np.zeros_like(bone)
    if len(tree.children[child]) == 1:
        evidence = _bend(placed, bone, child, tree.children)
        last = tree.children[child][0]
        if last in tree.feet:
            shin = _unit(placed[:, last] - placed[:, child], bone)
            evidence = evidence + FOOT_EVIDENCE * _side_of_foot(placed, shin, tree.feet[last])
    return evidence


def _bend(placed: Joints, bone: Vectors, child: int, children: list[list[int]]) -> Vectors:
    """Return the axis about which the next bone bends, as long as the sine of the bend."""
    after = placed[:, children[child][0]] - placed[:, child]
    return np.cross(bone, _unit(after, bone))


def _side_of_foot(placed: Joints, shin: Vectors, foot: tuple[int, int]) -> Vectors:
    """Return the left of a foot, across the shin; shorter where it points along the shin."""
    heel, ball = foot
    return np.cross(-shin, _unit(placed[:, ball] - placed[:, heel], shin))


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


def _twist_by_plane(bone: Vectors, axis: Vectors, evidence: Vectors, sigma: float) -> Rotations:
    """Return the smoothed rotation about the bone that turns an axis into a plane's normal.

    Which way the normal points is not known: the angle is averaged as twice itself, and stays below
    45 degrees either way.
    """
    smooth = partial(gaussian_filter1d, sigma=sigma, mode="nearest", truncate=TRUNCATE)
    size = np.maximum(np.linalg.norm(evidence, axis=1), 1e-9)
    along = (evidence * axis).sum(axis=1)
    aside = (evidence * np.cross(bone, axis)).sum(axis=1)
    cosine, sine = smooth((along**2 - aside**2) / size), smooth(2 * along * aside / size)
    angle = 0.5 * np.arctan2(sine, np.maximum(cosine, 0) + HALF_TRUST_BEND)
    return Rotation.from_rotvec(angle[:, None] * bone).as_matrix()
