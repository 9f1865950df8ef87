"""The fit of constant bones to a motion, as animation software needs.

The bones of a network vary by some per cent from frame to frame. `fit_rig` builds one rest pose
from the whole clip, places joints on its bones nearest to the network's, by least squares, and
turns every bone to where its joints are.

Axes of the rest pose: x the person's left, y up, z forward; of the world: x right, y up, z to the
camera, y = 0 at the soles of a standing person. Metres. Shapes: `t` frames, `j` joints, `b` bones
of `rig_names.BONES`, `n` some joints.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from ..analysis.metrics import nearest_rotation
from ..skeleton import BODY_26, GROUPS, Skeleton
from .rig_feet import FootShape, foot_shape, pose_foot
from .rig_names import BONES, INDEX, PARENTS, Bone

Joints = Float[np.ndarray, "t j 3"]
Bones = Float[np.ndarray, "t n 3"]
Offsets = Float[np.ndarray, "n 3"]
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
"""Direction in the rest pose of the bone that ends in a joint. Feet and heads of several joints,
and the lean of the neck, take their shape from the clip."""
TOGETHER = (
    ("RHip", "LHip"),
    ("LToe", "LHeel"),
    ("RToe", "RHeel"),
    ("Head", "Nose", "LEar", "REar"),
)
"""Joints that turn as one about the joint that they hang on; all others turn alone."""
HINGES = {
    **dict.fromkeys(("UpLeg", "Leg", "Spine", "Spine1", "Neck", "Head"), X),
    **dict.fromkeys(("LeftArm", "LeftForeArm", "LeftShoulder"), -Y),
    **dict.fromkeys(("RightArm", "RightForeArm", "RightShoulder"), Y),
    "Hand": Z,
}
"""Axis about which a bone bends against the one above; in the rest pose palms look down."""

SWEEPS = 4
"""Sweeps of `_relax`; twice as many gain less than 1 mm (95th percentile) on noisy mocap."""
PRIOR_WEIGHT = 1e-6
"""m^2; decides a rotation that joints leave open, and turns others by less than 0.01 degrees."""
HALF_TRUST_BEND = 0.2
"""Sine of the bend at which a limb's twist follows the bend as much as the parent's twist."""
SPINE_TWIST = {"Spine": 1 / 3, "Spine1": 2 / 3}
"""Share of the chest's twist against the pelvis that a bone of the spine takes part in."""
FOOT_EVIDENCE = 0.3
"""Weight of the foot for the twist of the thigh, against 1 for a knee bent by 90 degrees."""
WRIST_AXIS = Z
"""Axis about which hands bend in the rest pose, as palms look down: they bend down and up more than
sideways."""
TWIST_SECONDS, TRUNCATE = 0.1, 4
"""One sigma of the Gaussian that smooths the twist, and the sigmas after which it ends."""
SPINE2_START = 0.5
"""Where `Spine2` starts between the joints Spine and Thorax."""
ENDS = {"Head": (0.0, 0.3, 0.0), "LeftHand": (0.35, 0.0, 0.0), "RightHand": (-0.35, 0.0, 0.0)}
"""Tails of bones whose end the skeleton lacks, in lengths of the bone before."""
FRAMES_AT_ONCE = 10_000
"""Frames in work at once, which bounds the memory."""


@dataclass(frozen=True)
class Fit:
    """A rest pose and its motion; bones as in `rig_names.BONES`."""

    offsets: Float[np.ndarray, "b 3"]
    """From the parent's head to the bone's head in the rest pose, a T-pose; of the root, from the
    floor."""
    tails: Float[np.ndarray, "b 3"]
    """From the bone's head to its tail in the rest pose."""
    markers: Mapping[str, tuple[int, Float[np.ndarray, "3"]]]
    """Joints that are no bone's head: the bone they turn with, and where from its head at rest."""
    rotations: Float[np.ndarray, "t b 4"]
    """Unit quaternions x, y, z, w of each bone relative to its parent (the root: to the world);
    identity in the rest pose."""
    root: Vectors
    """Position of the root in the world."""
    foot: FootShape


@dataclass(frozen=True)
class _Tree:
    """A skeleton, and what its joints are for the fit."""

    skeleton: Skeleton
    bundles: list[tuple[int, list[int]]]
    """Joint and those of its children that turn as one, parents first."""
    below: list[list[int]]
    """All joints that hang on those of a bundle, with them."""
    groups: Collection[str]
    """Names of `GROUPS` that were seen."""

    @classmethod
    def of(cls, skeleton: Skeleton, groups: Collection[str]) -> "_Tree":
        bundles: dict[tuple[int, object], list[int]] = {}
        for parent, child in skeleton.bones:
            name = skeleton.joints[child]
            key = next((group for group in TOGETHER if name in group), name)
            bundles.setdefault((parent, key), []).append(child)
        below: dict[int, list[int]] = {}
        for joint in reversed(range(len(skeleton.joints))):
            fan = [child for parent, child in skeleton.bones if parent == joint]
            below[joint] = [joint, *(d for child in fan for d in below[child])]
        return cls(
            skeleton,
            [(parent, fan) for (parent, _), fan in bundles.items()],
            [[d for child in fan for d in below[child]] for fan in bundles.values()],
            groups if skeleton == BODY_26 else (),
        )

    def fan(self, tip: str) -> list[int]:
        """Return the joints that turn as one with a joint."""
        joint = self.skeleton.index[tip]
        return next(fan for _, fan in self.bundles if joint in fan)


def fit_rig(
    xyz: Joints,
    skeleton: Skeleton,
    fps: float,
    observed: Float[np.ndarray, "s j 3"] | None = None,
    groups: Collection[str] = GROUPS,
) -> Fit:
    """Find the rest pose of a clip and the rotations that bring it nearest to every frame.

    Joints do not show the twist of a limb about its length. Upper arms and thighs take it from the
    plane in which elbow and knee bend, the more the more they bend; thighs and shins also from the
    foot, and forearms from the plane in which the wrist bends, at most 45 degrees.

    Args:
        xyz: Joints at even times.
        skeleton: The joints, in the order of axis ``j``.
        fps: Frames per second.
        observed: Joints for the rest pose, by default all: interpolated frames have short bones.
        groups: Names of `GROUPS` that were seen: feet, hands and face turn by them.
    """
    rest = RestPose(xyz if observed is None else observed, skeleton, groups)
    sigma = TWIST_SECONDS * fps
    turns, root = np.empty((len(xyz), len(BONES), 4)), np.empty((len(xyz), 3))
    reach = twist_reach(fps)
    for start in range(0, len(xyz), FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        # With the frames on both sides that smoothing reaches, parts equal the whole.
        first = max(start - reach, 0)
        placed = rest.place(xyz[first : part.stop + reach])
        own = slice(start - first, start - first + FRAMES_AT_ONCE)
        world = rest.turn_bones(placed, sigma)[own]
        turns[part], root[part] = to_local(world), placed[own, skeleton.root]
    return Fit(rest.offsets, rest.tails, rest.markers, turns, root, rest.foot)


def twist_reach(fps: float) -> int:
    """Return how many frames before and after one decide about its twist."""
    return ceil(2 * TRUNCATE * TWIST_SECONDS * fps)  # a shin follows a thigh; both are smoothed


class RestPose:
    """The rest pose of a clip, and how bones turn from it; offsets and tails as in `Fit`.

    Args:
        observed: Joints that show the lengths of the bones.
        skeleton: The joints, in the order of axis ``j``.
        groups: Names of `GROUPS` that were seen: feet, hands and face turn by them.
    """

    def __init__(
        self, observed: Joints, skeleton: Skeleton, groups: Collection[str] = GROUPS
    ) -> None:
        self._tree = _Tree.of(skeleton, groups)
        self._joints = _rest_joints(observed, self._tree)
        feet = self._joints if "feet" in self._tree.groups else None
        self.foot = foot_shape(observed, feet)
        self.offsets, self.tails, self.markers = _rest_bones(self._joints, self._tree, self.foot)

    def place(self, xyz: Joints) -> Joints:
        """Return the joints, in each frame alone, on bones of constant length."""
        return _relax(_place(xyz, self._tree, self._joints), xyz, self._tree)

    def turn_bones(self, placed: Joints, sigma: float) -> Float[np.ndarray, "t b 3 3"]:
        """Return the rotation of every bone from the rest pose, in the world.

        Args:
            placed: Joints of `place`, at even times.
            sigma: Frames, of the Gaussian that smooths the twist.
        """
        return _Poser(placed, self._tree, self._joints, self.foot, sigma).turn_bones()


def to_local(world: Float[np.ndarray, "t b 3 3"]) -> Float[np.ndarray, "t b 4"]:
    """Return the rotations of the bones relative to their parents, as quaternions."""
    local = world.copy()
    for bone, parent in enumerate(PARENTS):
        if parent >= 0:
            local[:, bone] = world[:, parent].swapaxes(1, 2) @ world[:, bone]
    return Rotation.from_matrix(local.reshape(-1, 3, 3)).as_quat().reshape(*local.shape[:2], 4)


def _align(
    a: Float[np.ndarray, "#t n 3"], b: Bones, prior: Float[np.ndarray, "*t 3 3"]
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


def _frame(
    axes: Float[np.ndarray, "2 3"],
    first: Vectors,
    second: Vectors,
    prior: Float[np.ndarray, "*t 3 3"],
) -> Rotations:
    """Return the rotations that bring two axes to a direction, and as near as possible to another.

    The prior decides what directions without length leave open.
    """
    zero = np.zeros(3)
    first = _unit(first, zero)
    second = _unit(second - (second * first).sum(axis=-1, keepdims=True) * first, zero)
    return _align(axes[None], np.stack([first, second], axis=1), prior)


def _rest_joints(xyz: Joints, tree: _Tree) -> Offsets:
    """Return the way from its parent to each joint in the rest pose."""
    skeleton = tree.skeleton
    offsets = np.zeros((len(skeleton.joints), 3))
    for parent, child in skeleton.bones:
        length = np.linalg.norm(xyz[:, child] - xyz[:, parent], axis=1).mean()
        offsets[child] = length * BONE_DIRECTIONS[skeleton.joints[child]]
    for joint, fan in tree.bundles:
        if len(fan) > 1 and joint != skeleton.root:
            shape = _mean_shape(xyz[:, fan] - xyz[:, [joint]], offsets[fan])
            offsets[fan] = _level(shape, offsets[fan])
    neck, thorax = skeleton.indices("Neck", "Thorax")
    chest = _chest(xyz, skeleton, np.eye(3))
    lean = _turn(chest.swapaxes(1, 2), xyz[:, neck] - xyz[:, thorax]).mean(axis=0) * (Y + Z)
    offsets[neck] = np.linalg.norm(offsets[neck]) * _unit(lean, Y)
    return offsets


def _rest_bones(
    joints: Offsets, tree: _Tree, foot: FootShape
) -> tuple[
    Float[np.ndarray, "b 3"],
    Float[np.ndarray, "b 3"],
    dict[str, tuple[int, Float[np.ndarray, "3"]]],
]:
    """Return offsets and tails of the bones, and the joints that are no bone's head."""
    index, here = tree.skeleton.index, {"": np.zeros(3)}
    for joint, parent in enumerate(tree.skeleton.parents):
        above = here[tree.skeleton.joints[parent]] if parent >= 0 else here[""]
        here[tree.skeleton.joints[joint]] = above + joints[joint]
    for side in "LR":
        here[f"{side}Toe"] = here[f"{side}Ankle"] + foot.ball
    heads = np.stack([here[bone.head] for bone in BONES])
    spine2 = (1 - SPINE2_START) * here["Spine"] + SPINE2_START * here["Thorax"]
    heads[INDEX["Spine2"]] = spine2
    offsets = heads - np.where(np.array(PARENTS)[:, None] >= 0, heads[list(PARENTS)], 0.0)
    ankles = min(here["LAnkle"][1], here["RAnkle"][1])
    offsets[0] = (foot.ankle_height - ankles) * Y
    tails = np.stack([here.get(bone.tip, here[""]) for bone in BONES]) - heads
    for i, bone in enumerate(BONES):
        if bone.mixamo in ENDS and bone.tip not in index:
            tails[i] = np.linalg.norm(offsets[i]) * np.array(ENDS[bone.mixamo])
        elif bone.mixamo.endswith("ToeBase"):
            tails[i] = foot.toe
    tails[0] = joints[index["Spine"]]
    return offsets, tails, _markers(joints, tree)


def _markers(joints: Offsets, tree: _Tree) -> dict[str, tuple[int, Float[np.ndarray, "3"]]]:
    """Return the joints that are no bone's head: their bone, and where they are at rest."""
    heads = {bone.head for bone in BONES}
    bones = {bone.head: i for i, bone in enumerate(BONES)}
    skeleton = tree.skeleton
    return {
        skeleton.joints[child]: (bones[skeleton.joints[parent]], joints[child])
        for parent, child in skeleton.bones
        if skeleton.joints[child] not in heads
    }


def _mean_shape(bones: Bones, start: Offsets) -> Offsets:
    """Return the mean shape of bones that start in the same joint."""
    shape = start
    for _ in range(10):
        turns = _align(shape[None], bones, np.eye(3))
        shape = _turn(turns.swapaxes(1, 2)[:, None], bones).mean(axis=0)
    return shape


def _level(shape: Offsets, upright: Offsets) -> Offsets:
    """Turn a foot until its sole is level, a head until ears and nose are; both look ahead."""
    front = upright[:, 2] > 0
    ahead = shape[front].mean(axis=0) - shape[~front & (upright[:, 1] == 0)].mean(axis=0)
    right, left = upright[:, 0] < 0, upright[:, 0] > 0
    if left.any():
        first, second = shape[left].sum(axis=0) - shape[right].sum(axis=0), ahead
        targets = np.stack([X, Z])
    else:
        first, second, targets = ahead, -shape.mean(axis=0), np.stack([Z, Y])
    turn = _frame(targets, first[None], second[None], np.eye(3))
    return _turn(turn.swapaxes(1, 2), shape)


def _chest(xyz: Joints, skeleton: Skeleton, prior: Float[np.ndarray, "*t 3 3"]) -> Rotations:
    """Return the rotation of the chest: up along the spine, sideways by the shoulders."""
    spine, thorax, left, right = skeleton.indices("Spine", "Thorax", "LShoulder", "RShoulder")
    up, side = xyz[:, thorax] - xyz[:, spine], xyz[:, left] - xyz[:, right]
    return _frame(np.stack([Y, X]), up, side, prior)


def _place(xyz: Joints, tree: _Tree, offsets: Offsets) -> Joints:
    """Return joints on constant bones, from parent to child: the first guess."""
    placed = xyz.copy()
    for joint, fan in tree.bundles:
        here = placed[:, [joint]]
        if len(fan) > 1:
            turns = _align(offsets[None, fan], xyz[:, fan] - here, np.eye(3))
            placed[:, fan] = here + _turn(turns[:, None], offsets[fan])
        else:
            rest = _unit(offsets[fan[0]], BONE_DIRECTIONS[tree.skeleton.joints[fan[0]]])
            length = np.linalg.norm(offsets[fan[0]])
            placed[:, fan] = here + length * _unit(xyz[:, fan] - here, rest)
    return placed


def _relax(placed: Joints, xyz: Joints, tree: _Tree) -> Joints:
    """Turn, joint by joint, its descendants nearer to ``xyz`` (mean square) on constant bones."""
    everything = (tree.skeleton.root, list(range(len(tree.skeleton.joints))))
    steps = [
        everything,
        *((joint, own) for (joint, _), own in zip(tree.bundles, tree.below, strict=True)),
    ]
    for _ in range(SWEEPS):
        placed = placed + (xyz - placed).mean(axis=1, keepdims=True)
        for joint, descendants in steps:
            here = placed[:, [joint]]
            arms = placed[:, descendants] - here
            turns = _align(arms, xyz[:, descendants] - here, np.eye(3))
            placed[:, descendants] = here + _turn(turns[:, None], arms)
    return placed


class _Poser:
    """Turns bones to where placed joints are, from the pelvis outwards."""

    def __init__(
        self, placed: Joints, tree: _Tree, joints: Offsets, foot: FootShape, sigma: float
    ) -> None:
        self.tree, self.joints, self.foot, self.sigma = tree, joints, foot, sigma
        self.placed = placed
        self.at = {name: placed[:, i] for name, i in tree.skeleton.index.items()}
        left, right = self.at["LHip"], self.at["RHip"]
        up = self.at["Spine"] - self.at["Hip"]
        self.pelvis = _frame(np.stack([X, Y]), left - right, up, np.eye(3))
        self.chest = _chest(placed, tree.skeleton, self.pelvis)
        self.turns: dict[str, Rotations] = {"Hips": self.pelvis}

    def turn_bones(self) -> Float[np.ndarray, "t b 3 3"]:
        """Return the rotation of every bone from its rest pose, in the world."""
        for bone in BONES[1:]:
            self.turns[bone.mixamo] = self._turn_bone(bone)
        return np.stack([self.turns[bone.mixamo] for bone in BONES], axis=1)

    def _turn_bone(self, bone: Bone) -> Rotations:
        name, above = bone.mixamo, self.turns[bone.parent]
        if name == "Spine2":
            return self.chest
        if name.endswith("Foot"):
            return self._turn_foot(bone, above)
        if name.endswith("ToeBase") or (name.endswith("Hand") and "hands" not in self.tree.groups):
            return above
        if name == "Head" and "face" in self.tree.groups:
            return self._turn_fan(bone, above)
        return self._turn_limb(bone, above)

    def _turn_limb(self, bone: Bone, above: Rotations) -> Rotations:
        """Return the rotation of a bone that points at a joint."""
        hinge = _turn(above, _hinge(bone.mixamo))
        offset = self.joints[self.tree.skeleton.index[bone.tip]]
        rest = _turn(above, _unit(offset, BONE_DIRECTIONS[bone.tip]))
        along = _unit(self.at[bone.tip] - self.at[bone.head], rest)
        swing = _swing(rest, along, hinge)
        turn = swing @ above
        if bone.mixamo.endswith("ForeArm") and "hands" in self.tree.groups:
            bend = self._bend(along, bone.tip, bone.tip[0] + "Hand")
            return _twist_by_plane(along, _turn(turn, WRIST_AXIS), bend, self.sigma) @ turn
        evidence = self._twist_evidence(bone, along)
        if evidence is None:
            return turn
        return _twist(along, _turn(swing, hinge), evidence, self.sigma) @ turn

    def _twist_evidence(self, bone: Bone, along: Vectors) -> Vectors | None:
        """Return the direction of a bone's hinge, as long as it is certain; None if unknown."""
        name, side = bone.mixamo, bone.tip[0]
        if name in SPINE_TWIST:
            share = SPINE_TWIST[name]
            return 3 * _turn((1 - share) * self.pelvis + share * self.chest, X)
        if name == "Neck" and "face" in self.tree.groups:
            skull = BONES[INDEX["Head"]]
            return 2 * _turn(self.chest + self._turn_fan(skull, self.chest), X)
        if name.endswith("Arm"):
            return (
                self._bend(along, side + "Elbow", side + "Wrist")
                if bone.tip.endswith("Elbow")
                else None
            )
        if name.endswith("UpLeg"):
            evidence = self._bend(along, side + "Knee", side + "Ankle")
            if "feet" in self.tree.groups:
                shin = _unit(self.at[side + "Ankle"] - self.at[side + "Knee"], along)
                evidence = evidence + FOOT_EVIDENCE * self._side_of_foot(shin, side)
            return evidence
        if name.endswith("Leg") and "feet" in self.tree.groups:
            return self._side_of_foot(along, side)
        return None

    def _turn_fan(self, bone: Bone, prior: Rotations) -> Rotations:
        """Return the rotation of a bone that several joints show."""
        fan = self.tree.fan(bone.tip)
        seen = self.placed[:, fan] - self.at[bone.head][:, None]
        return _align(self.joints[None, fan], seen, prior)

    def _turn_foot(self, bone: Bone, shin: Rotations) -> Rotations:
        if "feet" in self.tree.groups:
            return self._turn_fan(bone, shin)
        return pose_foot(shin, self.at[bone.head][:, 1], self.foot)

    def _bend(self, along: Vectors, joint: str, after: str) -> Vectors:
        """Return the axis about which the next bone bends, as long as the sine of the bend."""
        return np.cross(along, _unit(self.at[after] - self.at[joint], along))

    def _side_of_foot(self, shin: Vectors, side: str) -> Vectors:
        """Return the left of a foot, across the shin; shorter where it points along the shin."""
        sole = self.at[f"{side}Toe"] - self.at[f"{side}Heel"]
        return np.cross(-shin, _unit(sole, shin))


def _hinge(name: str) -> Float[np.ndarray, "3"]:
    plain = name.removeprefix("Left").removeprefix("Right")
    return HINGES[name] if name in HINGES else HINGES[plain]


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
