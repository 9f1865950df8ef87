"""The bones of the rig: what hangs on what, where that puts them, and their names elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from jaxtyping import Float

from .rig_turns import multiply, to_matrices

Names = Literal["mixamo", "vrm", "plain"]


@dataclass(frozen=True)
class Bone:
    """A bone of the rig."""

    mixamo: str
    vrm: str
    plain: str
    parent: str
    """Mixamo name of the parent; "" for the root."""
    head: str
    """Joint of the motion at the bone's head; "" for `Spine2`, which starts between two."""
    tip: str
    """Joint towards which the bone points; "" where the motion has none."""


def _limb(side: str) -> tuple[Bone, ...]:
    """Return the bones of one side, "L" or "R"."""
    long = {"L": "Left", "R": "Right"}[side]
    # fmt: off
    table = (
        ("Arm", "UpperArm", "upper_arm", "Shoulder", "Shoulder", "Elbow"),
        ("ForeArm", "LowerArm", "forearm", "Arm", "Elbow", "Wrist"),
        ("Hand", "Hand", "hand", "ForeArm", "Wrist", "Hand"),
        ("UpLeg", "UpperLeg", "thigh", "", "Hip", "Knee"),
        ("Leg", "LowerLeg", "shin", "UpLeg", "Knee", "Ankle"),
        ("Foot", "Foot", "foot", "Leg", "Ankle", "Toe"),
        ("ToeBase", "Toes", "toe", "Foot", "Toe", ""),
    )
    # fmt: on
    clavicle = f"clavicle_{side}"
    return (
        Bone(
            f"{long}Shoulder",
            f"{long.lower()}Shoulder",
            clavicle,
            "Spine2",
            "Thorax",
            side + "Shoulder",
        ),
        *(
            Bone(
                long + mixamo,
                long.lower() + vrm,
                f"{plain}_{side}",
                long + parent if parent else "Hips",
                side + head,
                side + tip if tip else "",
            )
            for mixamo, vrm, plain, parent, head, tip in table
        ),
    )


_LEFT, _RIGHT = _limb("L"), _limb("R")
BONES: tuple[Bone, ...] = (
    Bone("Hips", "hips", "pelvis", "", "Hip", ""),
    Bone("Spine", "spine", "spine", "Hips", "Hip", "Spine"),
    Bone("Spine1", "chest", "chest", "Spine", "Spine", "Thorax"),
    Bone("Spine2", "upperChest", "upper_chest", "Spine1", "", "Thorax"),
    Bone("Neck", "neck", "neck", "Spine2", "Thorax", "Neck"),
    Bone("Head", "head", "head", "Neck", "Neck", "Head"),
    *_LEFT[:4],
    *_RIGHT[:4],
    *_LEFT[4:],
    *_RIGHT[4:],
)
"""Parents first, in the order of Mixamo's files."""
INDEX = {bone.mixamo: i for i, bone in enumerate(BONES)}
PARENTS = tuple(INDEX.get(bone.parent, -1) for bone in BONES)
TWINS = tuple(
    INDEX[name.replace("Left", "?").replace("Right", "Left").replace("?", "Right")]
    for name in INDEX
)
"""Index of the bone on the other side; on the midline the bone itself."""


def bone_names(names: Names) -> tuple[str, ...]:
    """Return the names of the bones.

    Left and right are marked so that Blender's Flip Names finds the twin: in front ("LeftArm",
    "leftUpperArm") or behind ("upper_arm_L").
    """
    return tuple(getattr(bone, names) for bone in BONES)


def follow_chain(
    parents: Sequence[int],
    offsets: Float[np.ndarray, "b 3"],
    rotations: Float[np.ndarray, "t b 4"],
    root: Float[np.ndarray, "t 3"],
) -> tuple[Float[np.ndarray, "t b 3"], Float[np.ndarray, "t b 4"]]:
    """Return the heads of bones, and their rotations from the rest pose, in the world.

    Args:
        parents: Index of the parent of each bone, -1 for the root; parents come first.
        offsets: From the parent's head to the bone's head in the rest pose.
        rotations: Local quaternions x, y, z, w.
        root: Position of the root in the world.
    """
    heads, turns = np.empty((*rotations.shape[:2], 3)), rotations.copy()
    roots, *levels = _levels(tuple(parents))
    heads[:, roots[0]] = root[:, None]
    for bones, above in levels:
        turns[:, bones] = multiply(turns[:, above], rotations[:, bones])
        way = to_matrices(turns[:, above]) @ offsets[bones, :, None]
        heads[:, bones] = heads[:, above] + way[..., 0]
    return heads, turns


@cache
def _levels(parents: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """Return the bones with as many bones above them, and their parents; the roots first."""
    depth = [0] * len(parents)
    for bone, parent in enumerate(parents):
        depth[bone] = depth[parent] + 1 if parent >= 0 else 0
    levels = [[b for b, d in enumerate(depth) if d == level] for level in range(max(depth) + 1)]
    return [(bones, [parents[bone] for bone in bones]) for bones in levels]
