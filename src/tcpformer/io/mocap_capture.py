"""`Capture`: motion capture as in its file, which `read_bvh` and `read_acclaim` return."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

MAX_JOINTS = 1000
"""Of a figure; the largest rigs, with fingers and faces, have some hundreds."""
MAX_NAME = 100
"""Characters of a joint's name."""
JOINTS_PER_CHANNEL = 10
"""Most joints for each channel of a file, so that memory follows the size of the file."""


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


def check_figure(names: Sequence[str], channels: int) -> None:
    """Check the numbers of joints and channels of a file, and the lengths of the names.

    Raises:
        ValueError: If one is beyond its limit.
    """
    if not 1 <= len(names) <= MAX_JOINTS:
        raise ValueError(f"expected 1 to {MAX_JOINTS} joints, got {len(names)}")
    if (longest := max(map(len, names))) > MAX_NAME:
        raise ValueError(f"expected names of up to {MAX_NAME} characters, got one of {longest}")
    if len(names) > JOINTS_PER_CHANNEL * channels:
        raise ValueError(f"expected channels for most of the {len(names)} joints, got {channels}")


def check_finite(xyz: Float[np.ndarray, "t n 3"]) -> None:
    """Raise ValueError if a position is NaN or infinite, as sums of huge numbers are."""
    bad = np.argwhere(~np.isfinite(xyz).all(axis=(1, 2)))
    if len(bad):
        raise ValueError(f"the numbers of frame {bad[0][0]} are no finite positions")


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
