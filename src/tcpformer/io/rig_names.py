"""The bones of the rig: their order, what hangs on what, and their names in other software."""

from dataclasses import dataclass
from typing import Literal

Names = Literal["mixamo", "vrm", "plain"]


@dataclass(frozen=True)
class Bone:
    """A bone of the rig."""

    mixamo: str
    vrm: str
    plain: str
    parent: str
    """Mixamo name of the parent; "" for the root."""
    joint: str
    """Joint of the motion at the bone's head; "" where the motion has none."""


def _limb(side: str) -> tuple[Bone, ...]:
    """Return the bones of one side, "L" or "R"."""
    long = {"L": "Left", "R": "Right"}[side]
    # fmt: off
    table = (
        ("Shoulder", "Shoulder", "clavicle", "Spine2", ""),
        ("Arm", "UpperArm", "upper_arm", "Shoulder", "Shoulder"),
        ("ForeArm", "LowerArm", "forearm", "Arm", "Elbow"),
        ("Hand", "Hand", "hand", "ForeArm", "Wrist"),
        ("UpLeg", "UpperLeg", "thigh", "Hips", "Hip"),
        ("Leg", "LowerLeg", "shin", "UpLeg", "Knee"),
        ("Foot", "Foot", "foot", "Leg", "Ankle"),
        ("ToeBase", "Toes", "toe", "Foot", "Toe"),
    )
    # fmt: on
    middle = ("Spine2", "Hips")
    return tuple(
        Bone(
            long + mixamo,
            long.lower() + vrm,
            f"{plain}_{side}",
            parent if parent in middle else long + parent,
            side + joint if joint else "",
        )
        for mixamo, vrm, plain, parent, joint in table
    )


_LEFT, _RIGHT = _limb("L"), _limb("R")
BONES: tuple[Bone, ...] = (
    Bone("Hips", "hips", "pelvis", "", "Hip"),
    Bone("Spine", "spine", "spine", "Hips", ""),
    Bone("Spine1", "chest", "chest", "Spine", "Spine"),
    Bone("Spine2", "upperChest", "upper_chest", "Spine1", ""),
    Bone("Neck", "neck", "neck", "Spine2", "Thorax"),
    Bone("Head", "head", "head", "Neck", "Neck"),
    *_LEFT[:4],
    *_RIGHT[:4],
    *_LEFT[4:],
    *_RIGHT[4:],
)
"""Parents first, in the order of Mixamo's files."""
INDEX = {bone.mixamo: i for i, bone in enumerate(BONES)}
PARENTS = tuple(INDEX.get(bone.parent, -1) for bone in BONES)


def bone_names(names: Names) -> tuple[str, ...]:
    """Return the names of the bones.

    Left and right are marked so that Blender's Flip Names finds the twin: in front ("LeftArm",
    "leftUpperArm") or behind ("upper_arm_L").
    """
    return tuple(getattr(bone, names) for bone in BONES)
