"""`Capture`: motion capture as in its file, which `read_bvh` and `read_acclaim` return."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Capture:
    """Joints over time under the names of the file, in its unit and axes.

    Attributes:
        joints: Names. In BVH a name is that of a bone's start (the end site of a limb has that
            name with "End"), in ASF that of its end.
        parents: For each joint the index of its parent, -1 for a root; parents come first.
        xyz: Positions, in the unit and axes of the file.
        rotations: From the joint's axes to the world's.
        fps: Frames per second.
    """

    joints: tuple[str, ...]
    parents: tuple[int, ...]
    xyz: Float[np.ndarray, "t n 3"]
    rotations: Float[np.ndarray, "t n 3 3"]
    fps: float


def compose_rotations(
    parents: Sequence[int], local: Float[np.ndarray, "t n 3 3"]
) -> Float[np.ndarray, "t n 3 3"]:
    """Return rotations in the world of rotations relative to the parent."""
    world = local.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            world[:, joint] = world[:, parent] @ local[:, joint]
    return world


def sum_offsets(
    parents: Sequence[int], offsets: Float[np.ndarray, "t n 3"]
) -> Float[np.ndarray, "t n 3"]:
    """Return positions in the world of offsets from the parent, in the axes of the world."""
    xyz = offsets.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            xyz[:, joint] += xyz[:, parent]
    return xyz
