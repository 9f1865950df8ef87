"""BVH, which Blender, MotionBuilder, Maya and most animation software read.

A BVH file holds a tree of bones of constant length (HIERARCHY), and for every frame the position of
the root and the angles of the joints (MOTION). `rig.solve_rig` finds them, `write_bvh` writes them.

`read_bvh` reads any BVH file. The library pybvh, with which the tests compare it, refuses what some
programs write: joints with position channels or fewer than three rotations.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice, pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from ..files import atomic_write, brief
from ..motion import Motion3D
from .mocap_capture import Capture, check_figure, check_finite, compose_rotations, sum_offsets
from .rig import TRIMMED, RiggedMotion, RigOptions, solve_rig
from .rig_names import BONES

Vectors = Float[np.ndarray, "t 3"]
Rotations = Float[np.ndarray, "t 3 3"]

AXES = "XYZ"
EULER_ORDER = "ZXY"
LEG_ORDER = "XZY"
"""Order of the axes of a bone, and of thighs and shins. Angles are unsteady where the middle one
nears 90 degrees. For legs that is the side step, which is rare: a sitting thigh or knee turns by 90
degrees about X."""
NOTES_SUFFIX = ".json"
FRAMES_AT_ONCE = 10_000
"""Frames whose angles are in memory at once."""
INTEGER_FPS_TOLERANCE = 1e-4
"""Frame times are often cut short (0.033333): a rate this near to a whole number is that number."""


def write_bvh(motion: Motion3D, path: str | Path, options: RigOptions = TRIMMED) -> None:
    """Write a motion as BVH, in metres, from the first to the last frame that shows the person.

    Axes: x right, y up, z towards the camera (Blender's default for BVH: "Y up, -Z forward"); y = 0
    at the soles. In the rest pose the person stands on the floor in a T-pose and looks along +z,
    the left hand along +x. Bones are constant, so joints lie some millimetres off ``motion.xyz``
    where the network's bones vary. Software in centimetres needs a scale of 100 at import.

    A BVH file has one frame time. If ``motion.times`` are uneven, they are resampled at the usual
    rate, so that a second in the file is a second in the video.

    Frames that were left out at the start and bridged frames are noted in a second file, whose name
    has ".json" behind the first one's; without such frames there is none.

    Raises:
        ValueError: If the motion has another skeleton, or no frames.
        OSError: If the folder does not exist or cannot be written.
    """
    rig = solve_rig(motion, options)
    lines = [
        "HIERARCHY",
        *_joint_lines(rig, 0, ""),
        "MOTION",
        f"Frames: {len(rig)}",
        f"Frame Time: {1 / rig.fps:.9f}",
    ]
    with atomic_write(path) as beside, beside.open("w", encoding="ascii", newline="\n") as file:
        file.write("\n".join(lines) + "\n")
        for rows in _channels(rig):
            np.savetxt(file, rows, fmt="%.5f")
    _write_notes(rig, Path(f"{path}{NOTES_SUFFIX}"))


def _write_notes(rig: RiggedMotion, path: Path) -> None:
    """Write which frames the file lacks or has made up, or remove notes of an earlier file."""
    bridged = np.flatnonzero(~rig.seen)
    if not rig.start and not len(bridged):
        path.unlink(missing_ok=True)
        return
    parts = np.split(bridged, np.flatnonzero(np.diff(bridged) > 1) + 1)
    notes = {
        "fps": rig.fps,
        "frames": len(rig),
        "first_frame": rig.start,
        "first_second": round(float(rig.times[0]), 6),
        "bridged": [[int(part[0]), int(part[-1])] for part in parts if len(part)],
    }
    with atomic_write(path) as beside:
        beside.write_text(json.dumps(notes, indent=2) + "\n", encoding="ascii")


def _joint_lines(rig: RiggedMotion, bone: int, indent: str) -> Iterator[str]:
    rotations = " ".join(f"{axis}rotation" for axis in _order(bone))
    channels = "3" if bone else "6 Xposition Yposition Zposition"
    inner = indent + "  "
    yield from (f"{indent}{'JOINT' if bone else 'ROOT'} {rig.bones[bone]}", f"{indent}{{")
    yield f"{inner}OFFSET {_numbers(rig.offsets[bone])}"
    yield f"{inner}CHANNELS {channels} {rotations}"
    children = [child for child, parent in enumerate(rig.parents) if parent == bone]
    for child in children:
        yield from _joint_lines(rig, child, inner)
    if not children:
        offset = f"{inner}  OFFSET {_numbers(rig.tails[bone])}"
        yield from (f"{inner}End Site", f"{inner}{{", offset, f"{inner}}}")
    yield f"{indent}}}"


def _order(bone: int) -> str:
    return LEG_ORDER if BONES[bone].mixamo.endswith("Leg") else EULER_ORDER


def _numbers(vector: Float[np.ndarray, "3"]) -> str:
    return " ".join(f"{number:.6f}" for number in vector.round(6) + 0.0)  # not -0.0


def _channels(rig: RiggedMotion) -> Iterator[Float[np.ndarray, "t c"]]:
    """Yield rows, one a frame: position of the root, then degrees of the bones in file order."""
    bones = list(_depth_first(rig.parents, 0))
    before = np.zeros((len(bones), 3))
    for start in range(0, len(rig), FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        turns = [Rotation.from_quat(rig.rotations[part, bone]).as_matrix() for bone in bones]
        angles = np.stack(list(map(to_euler, turns, map(_order, bones))), axis=1)
        angles = unwrap_euler(angles, before)
        before = angles[-1]
        yield np.concatenate([rig.root[part], np.rad2deg(angles.reshape(len(angles), -1))], axis=1)


def _depth_first(parents: Sequence[int], bone: int) -> Iterator[int]:
    yield bone
    for child, parent in enumerate(parents):
        if parent == bone:
            yield from _depth_first(parents, child)


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
    turn, first = 2 * np.pi, np.concatenate([before[None], angles])
    second = first * [1, -1, 1] + np.pi
    same, other = (
        np.abs(step - turn * np.round(step / turn)).sum(axis=-1)
        for step in (first[1:] - first[:-1], second[1:] - first[:-1])
    )  # as far as from the second triple to the second, and to the first one
    changes = np.cumsum(np.pad(other < same - 1e-9, ((1, 0), (0, 0))), axis=0)
    equal = np.pad(np.abs(same - other) <= 1e-9, ((1, 0), (0, 0)))  # then the first one is taken
    changes -= np.maximum.accumulate(np.where(equal, changes, 0), axis=0)
    smooth = np.where((changes % 2 == 1)[..., None], second, first)
    smooth[1:] -= turn * np.cumsum(np.round(np.diff(smooth, axis=0) / turn), axis=0)
    return smooth[1:]


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
