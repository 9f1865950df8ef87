"""A motion capture as its file tells it: joints by foreign names, in the file's own unit and axes.

`bvh.py` and `acclaim.py` read it; `humans.py` finds the 17 joints in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Capture:
    """Where the joints of a figure were.

    Attributes:
        joints: The file's names. In BVH a name stands where its bone begins (the end of the last
            bone of a limb is that name with "End"), in ASF where its bone ends.
        parents: For each joint the index of its parent, -1 for a root; parents come first.
        xyz: Positions, in the unit and axes of the file.
        turns: Rotations from the joint's axes to the world's.
        fps: Frames per second.
    """

    joints: tuple[str, ...]
    parents: tuple[int, ...]
    xyz: Float[np.ndarray, "t n 3"]
    turns: Float[np.ndarray, "t n 3 3"]
    fps: float


def turned(
    parents: Sequence[int], local: Float[np.ndarray, "t n 3 3"]
) -> Float[np.ndarray, "t n 3 3"]:
    """Rotations in the world, from rotations each relative to the parent's."""
    world = local.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            world[:, joint] = world[:, parent] @ local[:, joint]
    return world


def placed(parents: Sequence[int], steps: Float[np.ndarray, "t n 3"]) -> Float[np.ndarray, "t n 3"]:
    """Positions in the world, from the step that leads to each joint from its parent."""
    xyz = steps.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            xyz[:, joint] += xyz[:, parent]
    return xyz
