"""The joints of Human3.6M and `BODY_26` from those of a captured figure, by the names of many rigs.

"Hip" is the midpoint of the hip joints; "Spine" the end of the lower back; "Thorax" the base of the
neck at the height of the shoulders; "Neck" the base of the skull; "Head" the end of the head bone;
the others as named.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from ...files import brief
from ...io.mocap_capture import Capture
from ...skeleton import BODY, BODY_26, GROUPS, H36M, canonical
from .extremities import Has, attach_markers

_SIDED = {
    "Hip": ("UpLeg", "Thigh", "UpperLeg", "Hip", "HipJoint"),
    "Knee": ("Leg", "LowLeg", "LowerLeg", "Shin", "Calf", "Knee", "Femur"),
    "Ankle": ("Tibia", "Ankle", "Foot"),
    "Shoulder": ("Arm", "UpArm", "UpperArm", "Shldr", "Shoulder", "Clavicle"),
    "Elbow": ("ForeArm", "LowArm", "LowerArm", "Elbow", "Humerus"),
    "Wrist": ("Wrist", "Hand"),
}
ALIASES: dict[str, tuple[str, ...]] = {
    "Thorax": ("Neck", "Thorax"),
    "Neck": ("UpperNeck", "Head"),
    "Head": ("HeadEnd", "HeadTopEnd", "HeadTop", "HeadNub", "Head"),
} | {
    side + joint: tuple(side + n for n in names) for joint, names in _SIDED.items() for side in "LR"
}
"""Joint -> its names in files; the first that the file has is taken.

Compared without case, punctuation and prefix, the side in front as L or R: "mixamorig:LeftUpLeg"
is "LUpLeg". Covers CMU in ASF and in its BVH conversions (MotionBuilder, 3ds Max, Daz), Mixamo,
LAFAN1, Biovision and Xsens (100STYLE), SMPL, 3ds Max bipeds. The order resolves names with two
meanings: "LeftShoulder" is the shoulder in Biovision, but the start of the clavicle if there is a
"LeftArm"; in ASF a bone's name belongs to its end, so "lclavicle" is the shoulder. "Hip" and
"Spine" are computed, and "Head" if the file has none.
"""

_PREFIX = re.compile(r"^(.*:|mixamorig\d*|character\d*|bip\d+)[_ ]*", re.IGNORECASE)
SPINE_HEIGHT = 0.44
"""Height of the end of the lower back between hips and base of the neck, in CMU's figures."""
HEAD_LENGTH = 0.21
"""Head bone over trunk, in CMU's figures."""
FOREARM_LENGTH = 0.9
"""Forearm over upper arm. CMU's "radius" and "wrist" together reach into the hand."""

Track = Float[np.ndarray, "t 3"]


@dataclass(frozen=True)
class Figure:
    """Joints of `BODY_26` in the unit and axes of a file.

    Attributes:
        xyz: The joints; those of a group that the rig lacks lie at the joints they hang on.
        has: Which of feet, hands and face the rig has.
        marked: Heels, nose and ears are still markers, which `place_extremities` replaces.
        notes: What was made up.
    """

    xyz: Float[np.ndarray, "t 26 3"]
    has: Has
    marked: bool
    notes: tuple[str, ...] = ()


def to_body26(capture: Capture) -> Figure:
    """Return the figure of a capture.

    Raises:
        ValueError: As `to_h36m`.
    """
    ours = {canonical(name): i for i, name in enumerate(capture.joints)}
    if set(BODY_26.joints) <= set(ours):
        whole = capture.xyz[:, [ours[joint] for joint in BODY_26.joints]]
        return Figure(whole, dict.fromkeys(GROUPS, True), marked=False)
    if set(H36M.joints) <= set(ours):
        body, notes = to_h36m(capture)
        parents = list(BODY_26.parents[BODY.stop :])
        whole = np.concatenate([body, body[:, parents]], axis=1)
        return Figure(whole, dict.fromkeys(GROUPS, False), marked=False, notes=notes)
    capture, at, body, notes = _convert(capture)
    xyz, has = attach_markers(capture, at, body)
    return Figure(xyz, has, marked=True, notes=notes)


def to_h36m(capture: Capture) -> tuple[Float[np.ndarray, "t 17 3"], tuple[str, ...]]:
    """Return the joints, in the unit and axes of the file, and notes on what was made up.

    Raises:
        ValueError: If a joint has no counterpart, or trunk, neck or forearm have no length.
    """
    ours = {canonical(name): i for i, name in enumerate(capture.joints)}
    if set(H36M.joints) <= set(ours):
        return capture.xyz[:, [ours[joint] for joint in H36M.joints]], ()
    _, _, xyz, notes = _convert(capture)
    return xyz, notes


def _convert(
    capture: Capture,
) -> tuple[Capture, dict[str, int], Float[np.ndarray, "t 17 3"], tuple[str, ...]]:
    """Return the capture with its chest, the joints found in it, the 17 joints, and notes."""
    at = find_joints(capture.joints)
    capture, notes = _restore_chest(capture, at["Thorax"])
    xyz = {joint: capture.xyz[:, i] for joint, i in at.items()}
    # Bones that others are measured by.
    solid = (("Thorax", "LHip"), ("Thorax", "Neck"), ("LElbow", "LWrist"), ("RElbow", "RWrist"))
    if empty := [bone for bone in solid if _length(xyz[bone[0]] - xyz[bone[1]]) == 0]:
        raise ValueError(f"these joints lie in one place: {empty}")
    xyz["Hip"] = (xyz["LHip"] + xyz["RHip"]) / 2
    xyz["Thorax"] = _place_thorax(capture, at, xyz)
    xyz["Spine"] = _place_spine(capture, at["Thorax"], xyz)
    trunk = _length(xyz["Thorax"] - xyz["Hip"])
    if "Head" not in at or _length(xyz["Head"] - xyz["Neck"]) < 0.1 * HEAD_LENGTH * trunk:
        rest = _rest_bone(capture, at["Neck"])
        straight = np.where(np.abs(rest) == np.abs(rest).max(), np.sign(rest), 0)
        up = capture.rotations[:, at["Neck"]] @ straight
        xyz["Head"] = xyz["Neck"] + HEAD_LENGTH * trunk * up
        notes += ("the head bone has no end: made one",)
    if {"lradius", "lfingerbase"} & {_simplify(name) for name in capture.joints}:
        for side in "LR":
            elbow = xyz[side + "Elbow"]
            arm, forearm = elbow - xyz[side + "Shoulder"], xyz[side + "Wrist"] - elbow
            factor = FOREARM_LENGTH * _length(arm) / _length(forearm)
            xyz[side + "Wrist"] = elbow + factor * forearm
        notes += (f"CMU's wrists: moved to {FOREARM_LENGTH:g} upper arms from the elbow",)
    return capture, at, np.stack([xyz[joint] for joint in H36M.joints], axis=1), notes


def find_joints(names: Sequence[str]) -> dict[str, int]:
    """Return the index in ``names`` of each joint; ValueError if one but "Head" is missing."""
    place = {_simplify(name): i for i, name in reversed(list(enumerate(names)))}
    at: dict[str, int] = {}
    for joint, aliases in ALIASES.items():
        known = (place.get(alias.lower()) for alias in aliases)
        first = next((i for i in known if i is not None and i not in at.values()), None)
        if first is not None:
            at[joint] = first
    if missing := [joint for joint in ALIASES if joint not in at and joint != "Head"]:
        found = {joint: names[i] for joint, i in at.items()}
        others = [name for i, name in enumerate(names) if i not in at.values()]
        raise ValueError(
            f"no joint for {missing}; found {brief(found)}; not recognised: {brief(others)}. "
            "Rename the joints of the file, or add their names to "
            "tcpformer.datasets.convert.rigs.ALIASES."
        )
    return at


def _simplify(name: str) -> str:
    return canonical(_PREFIX.sub("", name)).lower()


def _restore_chest(capture: Capture, neck: int) -> tuple[Capture, tuple[str, ...]]:
    """Restore the chest bone that the usual BVH conversions of CMU lose, 12 cm of the trunk.

    Neck and clavicles then start where the chest does. At rest it nearly equals the bone below.
    """
    chest = capture.parents[neck]
    children = [i for i, parent in enumerate(capture.parents) if parent == chest]
    steps = capture.xyz[:, children] - capture.xyz[:, chest, None]
    below = capture.parents[chest]
    if below < 0 or len(children) < 2 or np.abs(steps).max() > 0:
        return capture, ()
    above = [i for i in range(len(capture.joints)) if chest in _ancestors(capture, i)]
    xyz = capture.xyz.copy()
    xyz[:, above] += (capture.rotations[:, chest] @ _rest_bone(capture, chest))[:, None]
    return replace(capture, xyz=xyz), ("the chest bone was lost in conversion: put back",)


def _place_thorax(capture: Capture, at: dict[str, int], xyz: dict[str, Track]) -> Track:
    """Return the base of the neck, moved along the neck to the height of the shoulders."""
    base = capture.xyz[:, at["Thorax"]]
    path = [at["Neck"], *_ancestors(capture, at["Neck"])]
    bone = capture.xyz[:, path[path.index(at["Thorax"]) - 1]] - base
    shoulders = (xyz["LShoulder"] + xyz["RShoulder"]) / 2 - base
    share = np.median((shoulders * bone).sum(axis=-1)) / max(_length(bone) ** 2, 1e-12)
    return base + np.clip(share, 0, 1) * bone


def _place_spine(capture: Capture, neck: int, xyz: dict[str, Track]) -> Track:
    """Return the spine joint nearest to `SPINE_HEIGHT`, or a point between two."""
    spine = [neck, *_ancestors(capture, neck)][::-1]
    root = capture.xyz[:, spine[0]]
    above = [i for i in spine[1:] if _length(capture.xyz[:, i] - root) > 0]
    path = [xyz["Hip"], *(capture.xyz[:, i] for i in above), xyz["Thorax"]]
    heights = np.cumsum([0, *(_length(b - a) for a, b in pairwise(path))])
    heights /= heights[-1]
    nearest = int(np.abs(heights - SPINE_HEIGHT).argmin())
    if abs(heights[nearest] - SPINE_HEIGHT) < 0.05:
        return path[nearest]
    i = int(np.searchsorted(heights, SPINE_HEIGHT))
    share = (SPINE_HEIGHT - heights[i - 1]) / (heights[i] - heights[i - 1])
    return path[i - 1] + share * (path[i] - path[i - 1])


def _ancestors(capture: Capture, joint: int) -> list[int]:
    """Return the joints from the parent to the root."""
    chain = []
    while (joint := capture.parents[joint]) >= 0:
        chain.append(joint)
    return chain


def _rest_bone(capture: Capture, joint: int) -> Float[np.ndarray, "3"]:
    """Return the bone that leads to a joint, in the rest pose."""
    parent = capture.parents[joint]
    return capture.rotations[0, parent].T @ (capture.xyz[0, joint] - capture.xyz[0, parent])


def _length(bone: Track) -> float:
    """Return the median length."""
    return float(np.median(np.linalg.norm(bone, axis=-1)))
