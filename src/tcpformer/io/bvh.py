"""BVH, which Blender, MotionBuilder, Maya and most animation software read.

A BVH file holds a tree of bones of constant length (HIERARCHY), and for every frame the position of
the root and the angles of the joints (MOTION). `rig_fit.fit_rig` finds them; `write_bvh` writes them.

`read_bvh` reads any BVH file. The library pybvh, with which the tests compare it, refuses what some
programs write: joints with position channels or fewer than three rotations.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, islice, pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from ..files import atomic_write
from ..filtering.resample import resample_evenly
from ..motion import Motion3D, seen_groups
from ..skeleton import BODY_26, H36M, Skeleton
from .mocap_capture import (
    Capture,
    brief,
    check_figure,
    check_finite,
    compose_rotations,
    sum_offsets,
)
from .rig_fit import Rig, fit_rig

Vectors = Float[np.ndarray, "t 3"]
Rotations = Float[np.ndarray, "t 3 3"]
Positions = Float[np.ndarray, "*batch 3"]

AXES = "XYZ"
EULER_ORDER = "ZXY"
EULER_ORDERS: dict[str, str] = dict.fromkeys(("RHip", "RKnee", "LHip", "LKnee"), "XZY")
"""Order of the axes of a joint. Angles are unsteady where the middle one nears 90 degrees. For legs
that is the side step, which is rare: a sitting thigh or knee turns by 90 degrees about X."""
FRAMES_AT_ONCE = 10_000
"""Frames whose angles are in memory at once."""
INTEGER_FPS_TOLERANCE = 1e-4
"""Frame times are often cut short (0.033333): a rate this near to a whole number is that number."""
END_SITES = {
    **dict.fromkeys(("RAnkle", "LAnkle"), (0.0, -0.15, 0.35)),
    "Head": (0.0, 0.3, 0.0),
    **dict.fromkeys(("LWrist", "LHand"), (0.35, 0.0, 0.0)),
    **dict.fromkeys(("RWrist", "RHand"), (-0.35, 0.0, 0.0)),
    **dict.fromkeys(("RToe", "LToe"), (0.0, 0.0, 0.5)),
    **dict.fromkeys(("RHeel", "LHeel"), (0.0, 0.0, -0.2)),
    "Nose": (0.0, 0.0, 0.2),
    "LEar": (0.1, 0.0, 0.0),
    "REar": (-0.1, 0.0, 0.0),
}
"""Left, up, forward, in lengths of the last bone: ends of foot, head and hand, which the skeleton
does not have. They give the last bones a direction."""


def write_bvh(motion: Motion3D, path: str | Path) -> None:
    """Write a motion as BVH, in metres.

    Axes: x right, y up, z towards the camera (Blender's default for BVH: "Y up, -Z forward"). The
    rest pose is a T-pose that looks along +z, the left hand along +x, with the clip's mean bone
    lengths. Bones are constant, so joints lie some millimetres off ``motion.xyz`` where the
    network's bones vary. Software in centimetres needs a scale of 100 at import.

    With feet, hands and face, ankles, wrists and the base of the skull turn: soles are level in the
    rest pose, and the head looks ahead.

    A BVH file has one frame time. If ``motion.times`` are uneven, they are resampled at the usual
    rate, so that a second in the file is a second in the video. Bridged frames are written, too.

    Raises:
        ValueError: If the motion has another skeleton, or no frames.
        OSError: If the folder does not exist or cannot be written.
    """
    if motion.skeleton not in (H36M, BODY_26):
        raise ValueError(
            f"BVH needs the skeleton {H36M.name!r} or {BODY_26.name!r}, got "
            f"{motion.skeleton.name!r}; lift with weights of that skeleton, or save as .npz, which "
            "takes every skeleton."
        )
    if len(motion) == 0:
        raise ValueError("BVH needs at least one frame, got none; save as .npz or drop the motion.")
    xyz = to_y_up(motion.xyz)
    even, fps = resample_evenly(xyz, motion.times, motion.fps)
    rig = fit_rig(even, motion.skeleton, fps, xyz, seen_groups(motion))
    lines = [
        "HIERARCHY",
        *_joint_lines(rig, motion.skeleton, motion.skeleton.root, ""),
        "MOTION",
        f"Frames: {len(rig.root)}",
        f"Frame Time: {1 / fps:.9f}",
    ]
    with atomic_write(path) as beside, beside.open("w", encoding="ascii", newline="\n") as file:
        file.write("\n".join(lines) + "\n")
        for rows in _channels(rig, motion.skeleton):
            np.savetxt(file, rows, fmt="%.5f")


def to_y_up(xyz: Positions) -> Positions:
    """Convert (x right, y away from the camera, z up) to (x right, y up, z to the camera)."""
    return np.stack([xyz[..., 0], xyz[..., 2], -xyz[..., 1]], axis=-1)


def from_y_up(xyz: Positions) -> Positions:
    """Undo `to_y_up`."""
    return np.stack([xyz[..., 0], -xyz[..., 2], xyz[..., 1]], axis=-1)


def _joint_lines(rig: Rig, skeleton: Skeleton, joint: int, indent: str) -> Iterator[str]:
    name, is_root = skeleton.joints[joint], joint == skeleton.root
    rotations = " ".join(f"{axis}rotation" for axis in EULER_ORDERS.get(name, EULER_ORDER))
    channels = "6 Xposition Yposition Zposition" if is_root else "3"
    inner = indent + "  "
    yield from (f"{indent}{'ROOT' if is_root else 'JOINT'} {name}", f"{indent}{{")
    yield f"{inner}OFFSET {_numbers(rig.offsets[joint])}"
    yield f"{inner}CHANNELS {channels} {rotations}"
    children = [child for parent, child in skeleton.bones if parent == joint]
    for child in children:
        yield from _joint_lines(rig, skeleton, child, inner)
    if not children:
        end = np.linalg.norm(rig.offsets[joint]) * np.array(END_SITES[name])
        offset = f"{inner}  OFFSET {_numbers(end)}"
        yield from (f"{inner}End Site", f"{inner}{{", offset, f"{inner}}}")
    yield f"{indent}}}"


def _numbers(vector: Float[np.ndarray, "3"]) -> str:
    return " ".join(f"{number:.6f}" for number in vector.round(6) + 0.0)  # not -0.0


def _channels(rig: Rig, skeleton: Skeleton) -> Iterator[Float[np.ndarray, "t c"]]:
    """Yield rows, one a frame: position of the root, then degrees of the joints in file order."""
    joints = list(_depth_first(skeleton, skeleton.root))
    orders = [EULER_ORDERS.get(skeleton.joints[joint], EULER_ORDER) for joint in joints]
    before = np.zeros((len(joints), 3))
    for start in range(0, len(rig.root), FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        rotations = [rig.rotations[part, joint] for joint in joints]
        angles = np.stack(list(map(to_euler, rotations, orders)), axis=1)
        angles = unwrap_euler(angles, before)
        before = angles[-1]
        yield np.concatenate([rig.root[part], np.rad2deg(angles.reshape(len(angles), -1))], axis=1)


def _depth_first(skeleton: Skeleton, joint: int) -> Iterator[int]:
    yield joint
    for parent, child in skeleton.bones:
        if parent == joint:
            yield from _depth_first(skeleton, child)


def to_euler(rotations: Rotations, order: str) -> Vectors:
    """Return the angles of rotations about moving axes, in radians, in an order of three axes.

    The last angle is found first and undone before the first one is read, so that the three give
    the rotation even where the middle one is 90 degrees and the others are free.
    """
    i, j, k = (AXES.index(axis) for axis in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    last = np.arctan2(-sign * rotations[:, i, j], rotations[:, i, i])
    middle = np.arctan2(sign * rotations[:, i, k], np.hypot(rotations[:, i, i], rotations[:, i, j]))
    sine, cosine = sign * np.sin(last)[:, None], np.cos(last)[:, None]
    column = sine * rotations[:, :, i] + cosine * rotations[:, :, j]
    return np.stack([np.arctan2(sign * column[:, k], column[:, j]), middle, last], axis=-1)


def unwrap_euler(
    angles: Float[np.ndarray, "t j 3"], before: Float[np.ndarray, "j 3"]
) -> Float[np.ndarray, "t j 3"]:
    """Return equal angles that are as near as possible to those of the frame before.

    Besides full turns, every rotation has a second triple of angles: half a turn more on both outer
    axes, and half a turn minus the middle angle. It keeps angles continuous across the pole.
    """
    turn = 2 * np.pi
    smooth = np.empty_like(angles)
    for t, first in enumerate(angles):
        both = np.stack([first, first * [1, -1, 1] + np.pi])
        near = both + turn * np.round((before - both) / turn)
        second = np.abs(near - before).sum(axis=-1)
        before = np.where((second[1] < second[0] - 1e-9)[:, None], near[1], near[0])
        smooth[t] = before
    return smooth


@dataclass
class _Joint:
    name: str
    parent: int
    offset: list[float] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    is_end: bool = False


def read_bvh(path: str | Path) -> Capture:
    """Read a BVH file with any channels in any order on any joint.

    A position channel replaces that component of the joint's offset, as in Blender.

    Raises:
        ValueError: If the file is not well-formed.
    """
    words = Path(path).read_text(encoding="utf-8", errors="replace").split()
    try:
        at = words.index("MOTION")
        joints = _read_hierarchy(iter(words[:at]))
        ends = list(accumulate((len(joint.channels) for joint in joints), initial=0))
        check_figure([joint.name for joint in joints], ends[-1])
        rows, fps = _read_frames(words[at:], ends[-1])
        parts = [
            (joint, rows[:, a:b]) for joint, (a, b) in zip(joints, pairwise(ends), strict=True)
        ]
        return _build_capture(joints, parts, fps)
    except (ValueError, IndexError, StopIteration) as error:
        raise ValueError(f"{path}: not a well-formed BVH file ({brief(error)}).") from error


def _build_capture(
    joints: list[_Joint], parts: list[tuple[_Joint, Float[np.ndarray, "t _"]]], fps: float
) -> Capture:
    local = np.stack([_local_rotations(*part) for part in parts], axis=1)
    offsets = np.stack([_local_offsets(*part) for part in parts], axis=1)
    check_finite(offsets)
    parents = tuple(joint.parent for joint in joints)
    world = compose_rotations(parents, local)
    with np.errstate(over="ignore", invalid="ignore"):  # checked afterwards
        for joint, parent in enumerate(parents):
            if parent >= 0:
                offsets[:, joint] = np.einsum("txy,ty->tx", world[:, parent], offsets[:, joint])
        xyz = sum_offsets(parents, offsets)
    check_finite(xyz)
    return Capture(tuple(joint.name for joint in joints), parents, xyz, world, fps)


def _read_hierarchy(words: Iterator[str]) -> list[_Joint]:
    """Return the joints in file order, with the end sites among them."""
    joints: list[_Joint] = []
    unclosed: list[int] = []
    for word in words:
        if word in ("ROOT", "JOINT", "End"):
            name = " ".join(iter(words.__next__, "{"))
            joints.append(_new_joint(word, name, joints, unclosed))
            unclosed.append(len(joints) - 1)
        elif word == "OFFSET":
            joints[unclosed[-1]].offset = list(map(float, islice(words, 3)))
        elif word == "CHANNELS":
            joints[unclosed[-1]].channels = list(islice(words, int(next(words))))
        elif word == "}":
            unclosed.pop()
        elif word != "HIERARCHY":
            raise ValueError(f"unexpected {word!r} in the hierarchy")
    if unclosed:
        raise ValueError("the braces of the hierarchy do not match")
    return joints


def _new_joint(word: str, name: str, joints: list[_Joint], unclosed: list[int]) -> _Joint:
    """Return a joint, or the end site of one, inside the joint that is not closed yet."""
    parent = unclosed[-1] if unclosed else -1
    if word != "End":
        return _Joint(name, parent)
    if parent < 0 or joints[parent].is_end:
        raise ValueError("expected an end site inside a joint")
    return _Joint(f"{joints[parent].name}End", parent, is_end=True)


def _read_frames(words: list[str], channels: int) -> tuple[Float[np.ndarray, "t c"], float]:
    """Return the channels of every frame, and the frames per second."""
    if words[1] != "Frames:" or words[3:5] != ["Frame", "Time:"]:
        raise ValueError("MOTION must be followed by 'Frames:' and 'Frame Time:'")
    count, seconds = int(words[2]), float(words[5])
    values = np.array(words[6:], dtype=np.float64)
    if values.size != count * channels or count < 1:
        raise ValueError(
            f"expected {count} frames of {channels} channels, got {values.size} numbers"
        )
    if not (0 < seconds < np.inf and 1 / seconds < np.inf and np.isfinite(values).all()):
        raise ValueError("numbers must be finite and the frame time positive")
    fps, whole = 1 / seconds, float(round(1 / seconds))
    near = whole > 0 and abs(fps - whole) < INTEGER_FPS_TOLERANCE * fps
    return values.reshape(count, channels), whole if near else fps


def _local_rotations(joint: _Joint, values: Float[np.ndarray, "t c"]) -> Rotations:
    """Return rotations about the joint's axes, in the order of its channels."""
    rotation = np.broadcast_to(np.eye(3), (len(values), 3, 3))
    for i, (axis, kind) in enumerate(map(_parse_channel, joint.channels)):
        if kind == "rotation":
            turn = Rotation.from_euler(axis, values[:, i : i + 1], degrees=True)
            rotation = rotation @ turn.as_matrix()
    return rotation


def _local_offsets(joint: _Joint, values: Float[np.ndarray, "t c"]) -> Vectors:
    """Return the joint's position relative to its parent."""
    offset = np.tile(np.array(joint.offset).reshape(3), (len(values), 1))
    for i, (axis, kind) in enumerate(map(_parse_channel, joint.channels)):
        if kind == "position":
            offset[:, AXES.index(axis)] = values[:, i]
    return offset


def _parse_channel(channel: str) -> tuple[str, str]:
    """Return the axis of a channel, and "rotation" or "position"."""
    axis, kind = channel[:1].upper(), channel[1:].lower()
    if axis not in tuple(AXES) or kind not in ("rotation", "position"):
        raise ValueError(f"{channel!r} is no channel")
    return axis, kind
