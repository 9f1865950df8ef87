"""BVH, read: the figure of its HIERARCHY, walked through the frames of its MOTION.

The reader is ours because the library we know (pybvh, with which the tests compare it) refuses
what some programs write: joints with position channels or fewer than three rotations.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, islice, pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from .capture import Capture, placed, turned

NEAR_WHOLE = 1e-4
"""Frame times are often cut short (0.033333): a rate this near to a whole number is that number."""


@dataclass
class _Joint:
    name: str
    parent: int
    offset: list[float] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)


def read_bvh(path: str | Path) -> Capture:
    """Read a BVH file: any channels in any order on any joint.

    A position channel takes the place of that part of the joint's offset, as in Blender.

    Raises:
        ValueError: If the file is not well-formed.
    """
    words = Path(path).read_text(encoding="utf-8", errors="replace").split()
    try:
        at = words.index("MOTION")
        joints = _hierarchy(iter(words[:at]))
        ends = list(accumulate((len(joint.channels) for joint in joints), initial=0))
        rows, fps = _motion(words[at:], ends[-1])
        parts = [
            (joint, rows[:, a:b]) for joint, (a, b) in zip(joints, pairwise(ends), strict=True)
        ]
        local = np.stack([_rotations(*part) for part in parts], axis=1)
        steps = np.stack([_offsets(*part) for part in parts], axis=1)
    except (ValueError, IndexError, StopIteration) as error:
        raise ValueError(f"{path}: not a well-formed BVH file ({error}).") from error
    parents = tuple(joint.parent for joint in joints)
    world = turned(parents, local)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            steps[:, joint] = np.einsum("txy,ty->tx", world[:, parent], steps[:, joint])
    names = tuple(joint.name for joint in joints)
    return Capture(names, parents, placed(parents, steps), world, fps)


def _hierarchy(words: Iterator[str]) -> list[_Joint]:
    """The joints in the order of the file, with the ends of limbs among them."""
    joints: list[_Joint] = []
    unclosed = [-1]
    for word in words:
        if word in ("ROOT", "JOINT", "End"):
            name = " ".join(iter(words.__next__, "{"))
            parent = unclosed[-1]
            joints.append(_Joint(f"{joints[parent].name}End" if word == "End" else name, parent))
            unclosed.append(len(joints) - 1)
        elif word == "OFFSET":
            joints[unclosed[-1]].offset = list(map(float, islice(words, 3)))
        elif word == "CHANNELS":
            joints[unclosed[-1]].channels = list(islice(words, int(next(words))))
        elif word == "}":
            unclosed.pop()
        elif word != "HIERARCHY":
            raise ValueError(f"{word!r} was not expected in the hierarchy")
    if len(unclosed) != 1:
        raise ValueError("the braces of the hierarchy do not match")
    return joints


def _motion(words: list[str], channels: int) -> tuple[Float[np.ndarray, "t c"], float]:
    """The channels of every frame, and the frames per second."""
    if words[1] != "Frames:" or words[3:5] != ["Frame", "Time:"]:
        raise ValueError("MOTION must be followed by 'Frames:' and 'Frame Time:'")
    count, seconds = int(words[2]), float(words[5])
    values = np.array(words[6:], dtype=np.float64)
    if values.size != count * channels or count < 1:
        raise ValueError(f"{count} frames of {channels} channels announced, {values.size} numbers")
    if not (seconds > 0 and np.isfinite(values).all()):
        raise ValueError("numbers must be finite and the frame time positive")
    fps = 1 / seconds
    whole = float(round(fps))
    if abs(fps - whole) < NEAR_WHOLE * fps:
        fps = whole
    return values.reshape(count, channels), fps


def _rotations(joint: _Joint, values: Float[np.ndarray, "t c"]) -> Float[np.ndarray, "t 3 3"]:
    """Turn the joint about its own axes, in the order of its channels."""
    which = [i for i, channel in enumerate(joint.channels) if _kind(channel) == "rotation"]
    turn = np.broadcast_to(np.eye(3), (len(values), 3, 3))
    for i in which:
        axis = joint.channels[i][0].upper()
        turn = turn @ Rotation.from_euler(axis, values[:, i : i + 1], degrees=True).as_matrix()
    return turn


def _offsets(joint: _Joint, values: Float[np.ndarray, "t c"]) -> Float[np.ndarray, "t 3"]:
    """Where the joint is, seen from its parent."""
    offset = np.tile(np.array(joint.offset).reshape(3), (len(values), 1))
    for i, channel in enumerate(joint.channels):
        if _kind(channel) == "position":
            offset[:, "XYZ".index(channel[0].upper())] = values[:, i]
    return offset


def _kind(channel: str) -> str:
    """What a channel sets, "rotation" or "position"."""
    axis, kind = channel[:1].upper(), channel[1:].lower()
    if axis not in ("X", "Y", "Z") or kind not in ("rotation", "position"):
        raise ValueError(f"{channel!r} is no channel")
    return kind
