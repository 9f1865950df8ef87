"""The fit of constant bones to a motion, as animation software needs.

The bones of a network vary by some per cent from frame to frame. `fit_rig` builds one rest pose
from the whole clip, places joints on its bones nearest to the network's, by least squares, and
turns every bone to where its joints are.

Axes of the rest pose: x the person's left, y up, z forward; of the world: x right, y up, z to the
camera, y = 0 at the soles of a standing person. Metres. Shapes: `t` frames, `j` joints, `b` bones
of `rig_names.BONES`, `n` some joints.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from ..analysis.metrics import nearest_rotation
from ..skeleton import BODY_26, GROUPS, Skeleton
from .rig_feet import FootShape, foot_shape, pose_foot
from .rig_names import BONES, INDEX, PARENTS, TWINS, Bone
from .rig_turns import cross, shortest_turn, turn_about

Joints = Float[np.ndarray, "t j 3"]
Bones = Float[np.ndarray, "t n 3"]
Offsets = Float[np.ndarray, "n 3"]
Vectors = Float[np.ndarray, "t 3"]
Rotations = Float[np.ndarray, "t 3 3"]
Sides = Float[np.ndarray, "t s 3"]
SideTurns = Float[np.ndarray, "t s 3 3"]

X, Y, Z = EYE = np.eye(3)

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
FRAMES_AT_ONCE = 2_000
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
    bundles: "list[_Bundles]"
    """Parents first."""
    groups: Collection[str]
    """Names of `GROUPS` that were seen."""

    @classmethod
    def of(cls, skeleton: Skeleton, groups: Collection[str]) -> "_Tree":
        bundles: dict[tuple[int, object], list[int]] = {}
        for parent, child in skeleton.bones:
            name = skeleton.joints[child]
            key = next((group for group in TOGETHER if name in group), name)
            bundles.setdefault((parent, key), []).append(child)
        found = [(parent, fan) for (parent, _), fan in bundles.items()]
        return cls(skeleton, _arrange(found, skeleton), groups if skeleton == BODY_26 else ())

    def fan(self, tip: str) -> list[int]:
        """Return the joints that turn as one with a joint."""
        joint = self.skeleton.index[tip]
        fans = (fan for bundles in self.bundles for fan in bundles.fans.tolist())
        return next(fan for fan in fans if joint in fan)


@dataclass(frozen=True)
class _Bundles:
    """Bundles of as many joints, with as many joints above them: they turn independently."""

    joints: Int[np.ndarray, " n"]
    """What each hangs on."""
    fans: Int[np.ndarray, "n k"]
    """Children of the joint that turn as one."""
    below: Int[np.ndarray, "n d"]
    """All joints that hang on these, with them; rows are filled up with the joint."""


def _arrange(bundles: list[tuple[int, list[int]]], skeleton: Skeleton) -> list[_Bundles]:
    """Return joints and their fans as bundles, parents first."""
    below = {joint: [joint] for joint in range(len(skeleton.joints))}
    for parent, child in reversed(skeleton.bones):
        below[parent] += below[child]
    depth = [sum(joint in row for row in below.values()) for joint in below]
    alike: dict[tuple[int, int], list[tuple[int, list[int]]]] = {}
    for joint, fan in bundles:
        alike.setdefault((depth[joint], len(fan)), []).append((joint, fan))
    arranged = []
    for _, group in sorted(alike.items()):
        rows = [[d for child in fan for d in below[child]] for _, fan in group]
        longest = max(map(len, rows))
        rows = [row + [j] * (longest - len(row)) for (j, _), row in zip(group, rows, strict=True)]
        joints, fans = zip(*group, strict=True)
        arranged.append(_Bundles(np.array(joints), np.array(fans), np.array(rows)))
    return arranged


def fit_rig(xyz: Joints, skeleton: Skeleton, fps: float, groups: Collection[str] = GROUPS) -> Fit:
    """Find the rest pose of a clip and the rotations that bring it nearest to every frame.

    Args:
        xyz: Joints at even times.
        skeleton: The joints, in the order of axis ``j``.
        fps: Frames per second.
        groups: Names of `GROUPS` that were seen: feet, hands and face turn by them.
    """
    return turn_rig(RestPose(xyz, skeleton, groups), len(xyz), xyz.__getitem__, fps)


def turn_rig(rest: "RestPose", count: int, joints: Callable[[slice], Joints], fps: float) -> Fit:
    """Find the rotations that bring a rest pose nearest to every frame.

    Joints do not show the twist of a limb about its length. Upper arms and thighs take it from the
    plane in which elbow and knee bend, the more the more they bend; thighs and shins also from the
    foot, and forearms from the plane in which the wrist bends, at most 45 degrees.

    Args:
        rest: The rest pose.
        count: Number of frames.
        joints: Returns the joints of some frames, which are at even times.
        fps: Frames per second.
    """
    # Single precision is 1e-5 degrees; an hour of turns is large.
    turns, root = np.empty((count, len(BONES), 4), dtype=np.float32), np.empty((count, 3))
    reach = twist_reach(fps)
    for start in range(0, count, FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        # With the frames on both sides that smoothing reaches, parts equal the whole.
        first = max(start - reach, 0)
        placed = rest.place(joints(slice(first, part.stop + reach)))
        own = slice(start - first, start - first + FRAMES_AT_ONCE)
        world = rest.turn_bones(placed, TWIST_SECONDS * fps)[own]
        turns[part], root[part] = to_local(world), placed[own, rest.root]
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
        self.root = skeleton.root
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
    local = world[:, PARENTS].swapaxes(2, 3) @ world
    local[:, 0] = world[:, 0]
    return Rotation.from_matrix(local.reshape(-1, 3, 3)).as_quat().reshape(*local.shape[:2], 4)


def _align(
    a: Float[np.ndarray, "*#t n 3"],
    b: Float[np.ndarray, "*t n 3"],
    prior: Float[np.ndarray, "*#t 3 3"],
) -> Float[np.ndarray, "*t 3 3"]:
    """Return the rotations that bring a nearest to b (Kabsch), near ``prior`` if these are many."""
    return nearest_rotation(b.swapaxes(-1, -2) @ a + PRIOR_WEIGHT * prior)[0]


def _turn(
    rotations: Float[np.ndarray, "*t 3 3"], vectors: Float[np.ndarray, "*s 3"]
) -> Float[np.ndarray, "*u 3"]:
    return (rotations @ vectors[..., None])[..., 0]


def _unit(
    vectors: Float[np.ndarray, "*t 3"], fallback: Float[np.ndarray, "*s 3"]
) -> Float[np.ndarray, "*t 3"]:
    """Return vectors of length one; ``fallback`` where there is no direction."""
    length = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
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
    several = [b for b in tree.bundles if b.fans.shape[1] > 1 and skeleton.root not in b.joints]
    for bundles in several:
        for joint, fan in zip(bundles.joints, bundles.fans, strict=True):
            shape = _mean_shape(xyz[:, fan] - xyz[:, [joint]], offsets[fan])
            offsets[fan] = _level(shape, offsets[fan])
    neck, thorax = skeleton.indices("Neck", "Thorax")
    lean = np.zeros(3)
    for first in range(0, len(xyz), FRAMES_AT_ONCE):
        part = xyz[first : first + FRAMES_AT_ONCE]
        chest = _chest(part, skeleton, np.eye(3))
        lean += _turn(chest.swapaxes(1, 2), part[:, neck] - part[:, thorax]).sum(
            axis=0, dtype=float
        )
    lean *= (Y + Z) / len(xyz)
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
        shape = _turn(turns.swapaxes(1, 2)[:, None], bones).mean(axis=0, dtype=float)
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
    length = np.sqrt((offsets * offsets).sum(axis=1, keepdims=True))
    rest = [BONE_DIRECTIONS.get(joint, Y) for joint in tree.skeleton.joints]
    rest = _unit(offsets, np.stack(rest))
    for bundles in tree.bundles:
        here, fans = placed[:, bundles.joints, None], bundles.fans
        if fans.shape[1] > 1:
            turns = _align(offsets[fans], xyz[:, fans] - here, EYE)
            placed[:, fans] = here + offsets[fans] @ turns.swapaxes(-1, -2)
        else:
            placed[:, fans] = here + length[fans] * _unit(xyz[:, fans] - here, rest[fans])
    return placed


def _relax(placed: Joints, xyz: Joints, tree: _Tree) -> Joints:
    """Turn, joint by joint, its descendants nearer to ``xyz`` (mean square) on constant bones."""
    everything = np.arange(len(tree.skeleton.joints))[None]
    steps = [(b.joints, b.below) for b in tree.bundles]
    steps.insert(0, (np.array([tree.skeleton.root]), everything))
    for _ in range(SWEEPS):
        placed = placed + (xyz - placed).mean(axis=1, keepdims=True)
        for joints, descendants in steps:
            here = placed[:, joints, None]
            arms = placed[:, descendants] - here
            turns = _align(arms, xyz[:, descendants] - here, EYE)
            placed[:, descendants] = here + arms @ turns.swapaxes(-1, -2)
    return placed


_PAIRS = tuple(dict.fromkeys(tuple(sorted({i, twin})) for i, twin in enumerate(TWINS) if i))
"""Bones that turn alike: left and right, or one of the midline; parents come first."""


class _Poser:
    """Turns bones to where placed joints are, from the pelvis outwards; `s` sides at once."""

    def __init__(
        self, placed: Joints, tree: _Tree, joints: Offsets, foot: FootShape, sigma: float
    ) -> None:
        self.tree, self.joints, self.foot, self.sigma = tree, joints, foot, sigma
        self.placed = placed
        (left, right), (up, hip) = self._at("LHip", "RHip"), self._at("Spine", "Hip")
        self.turns = np.empty((len(placed), len(BONES), 3, 3))
        self.pelvis = _frame(np.stack([X, Y]), left - right, up - hip, EYE)
        self.chest = _chest(placed, tree.skeleton, self.pelvis)
        self.turns[:, 0] = self.pelvis

    def turn_bones(self) -> Float[np.ndarray, "t b 3 3"]:
        """Return the rotation of every bone from its rest pose, in the world."""
        for pair in _PAIRS:
            bones = [BONES[i] for i in pair]
            above = self.turns[:, [PARENTS[i] for i in pair]]
            self.turns[:, pair] = self._turn_bones(bones, above)
        return self.turns

    def _at(self, *names: str) -> Float[np.ndarray, "s t 3"]:
        return self.placed[:, self.tree.skeleton.indices(*names)].swapaxes(0, 1)

    def _way(self, bones: Sequence[Bone], start: str, end: str) -> Sides:
        """Return the way from one joint of each side to another."""
        ends, starts = ([bone.tip[0] + name for bone in bones] for name in (end, start))
        index = self.tree.skeleton.indices
        return self.placed[:, index(*ends)] - self.placed[:, index(*starts)]

    def _turn_bones(self, bones: Sequence[Bone], above: SideTurns) -> SideTurns:
        name = bones[0].mixamo
        if name == "Spine2":
            return self.chest[:, None]
        if name.endswith("Foot"):
            return self._turn_feet(bones, above)
        if name.endswith("ToeBase") or (name.endswith("Hand") and "hands" not in self.tree.groups):
            return above
        if name == "Head" and "face" in self.tree.groups:
            return self._turn_fans(bones, above)
        return self._turn_limbs(bones, above)

    def _turn_limbs(self, bones: Sequence[Bone], above: SideTurns) -> SideTurns:
        """Return the rotations of bones that point at a joint."""
        index = self.tree.skeleton.indices
        tips = index(*(bone.tip for bone in bones))
        rest = np.stack([BONE_DIRECTIONS[bone.tip] for bone in bones])
        rest = _turn(above, _unit(self.joints[tips], rest))
        hinge = _turn(above, np.stack([_hinge(bone.mixamo) for bone in bones]))
        heads = index(*(bone.head for bone in bones))
        along = _unit(self.placed[:, tips] - self.placed[:, heads], rest)
        swing = shortest_turn(rest, along, hinge)
        turn = swing @ above
        if bones[0].mixamo.endswith("ForeArm") and "hands" in self.tree.groups:
            bend = self._bend(bones, along, "Wrist", "Hand")
            return _twist_by_plane(along, _turn(turn, WRIST_AXIS), bend, self.sigma) @ turn
        evidence = self._twist_evidence(bones, along)
        if evidence is None:
            return turn
        return _twist(along, _turn(swing, hinge), evidence, self.sigma) @ turn

    def _twist_evidence(self, bones: Sequence[Bone], along: Sides) -> Sides | None:
        """Return the direction of a bone's hinge, as long as it is certain; None if unknown."""
        name = bones[0].mixamo
        if name in SPINE_TWIST:
            share = SPINE_TWIST[name]
            return 3 * _turn((1 - share) * self.pelvis + share * self.chest, X)[:, None]
        if name == "Neck" and "face" in self.tree.groups:
            chest = self.chest[:, None]
            return 2 * _turn(chest + self._turn_fans([BONES[INDEX["Head"]]], chest), X)
        if bones[0].tip.endswith("Elbow"):
            return self._bend(bones, along, "Elbow", "Wrist")
        if name.endswith("UpLeg"):
            evidence = self._bend(bones, along, "Knee", "Ankle")
            if "feet" in self.tree.groups:
                shin = _unit(self._way(bones, "Knee", "Ankle"), along)
                evidence = evidence + FOOT_EVIDENCE * self._side_of_foot(bones, shin)
            return evidence
        if name.endswith("Leg") and "feet" in self.tree.groups:
            return self._side_of_foot(bones, along)
        return None

    def _turn_fans(self, bones: Sequence[Bone], prior: SideTurns) -> SideTurns:
        """Return the rotations of bones that several joints show."""
        fans = np.array([self.tree.fan(bone.tip) for bone in bones])
        heads = self.tree.skeleton.indices(*(bone.head for bone in bones))
        seen = self.placed[:, fans] - self.placed[:, heads, None]
        return _align(self.joints[None, fans], seen, prior)

    def _turn_feet(self, bones: Sequence[Bone], shins: SideTurns) -> SideTurns:
        if "feet" in self.tree.groups:
            return self._turn_fans(bones, shins)
        heights = self.placed[:, self.tree.skeleton.indices(*(b.head for b in bones)), 1]
        feet = [pose_foot(shins[:, i], heights[:, i], self.foot) for i in range(len(bones))]
        return np.stack(feet, axis=1)

    def _bend(self, bones: Sequence[Bone], along: Sides, joint: str, after: str) -> Sides:
        """Return the axis about which the next bone bends, as long as the sine of the bend."""
        return cross(along, _unit(self._way(bones, joint, after), along))

    def _side_of_foot(self, bones: Sequence[Bone], shin: Sides) -> Sides:
        """Return the left of a foot, across the shin; shorter where it points along the shin."""
        return cross(-shin, _unit(self._way(bones, "Heel", "Toe"), shin))


@cache
def _hinge(name: str) -> Float[np.ndarray, "3"]:
    plain = name.removeprefix("Left").removeprefix("Right")
    return HINGES[name] if name in HINGES else HINGES[plain]


def _twist(bone: Sides, hinge: Sides, evidence: Sides, sigma: float) -> SideTurns:
    """Return the smoothed rotation about the bone that turns its hinge towards the evidence.

    It stays below 90 degrees either way and so continuous: a knee that seems to bend forward is
    noise and must not turn the thigh.
    """
    along = (evidence * hinge).sum(axis=-1)
    aside = (evidence * cross(bone, hinge)).sum(axis=-1)
    along, aside = _smooth(np.stack([along, aside]), sigma)
    return turn_about(bone, np.arctan2(aside, np.maximum(along, 0) + HALF_TRUST_BEND))


def _twist_by_plane(bone: Sides, axis: Sides, evidence: Sides, sigma: float) -> SideTurns:
    """Return the smoothed rotation about the bone that turns an axis into a plane's normal.

    Which way the normal points is not known: the angle is averaged as twice itself, and stays below
    45 degrees either way.
    """
    size = np.maximum(np.linalg.norm(evidence, axis=-1), 1e-9)
    along = (evidence * axis).sum(axis=-1)
    aside = (evidence * cross(bone, axis)).sum(axis=-1)
    doubled = np.stack([along**2 - aside**2, 2 * along * aside])
    cosine, sine = _smooth(doubled / size, sigma)
    return turn_about(bone, 0.5 * np.arctan2(sine, np.maximum(cosine, 0) + HALF_TRUST_BEND))


def _smooth(series: Float[np.ndarray, "n t s"], sigma: float) -> Float[np.ndarray, "n t s"]:
    return gaussian_filter1d(series, sigma, axis=1, mode="nearest", truncate=TRUNCATE)
