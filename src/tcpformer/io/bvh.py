"""BVH, which Blender, MotionBuilder, Maya and most animation software read.

A BVH file holds a tree of bones that never change their length, and for every frame the place of
the root and the angles of the joints. `rig.py` finds them; this file turns them into text.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..files import atomic_write
from ..filtering.resample import resample_evenly
from ..motion import Motion3D
from ..skeleton import H36M, Skeleton
from .rig import Rig, fit_rig

# Angles run wild where the middle one nears 90 degrees. Legs have the side step there, which they
# do least: a sitting thigh or knee nods by 90 degrees.
ORDERS: dict[str, str] = dict.fromkeys(("RHip", "RKnee", "LHip", "LKnee"), "XZY")
ORDER = "ZXY"
ROWS_AT_ONCE = 10_000

# The ends of foot, head and hand, which the skeleton does not have, from the last bone's length:
# left, up, forward. They only give the last bones something to point at.
ENDS = {
    "RAnkle": (0.0, -0.15, 0.35),
    "LAnkle": (0.0, -0.15, 0.35),
    "Head": (0.0, 0.3, 0.0),
    "LWrist": (0.35, 0.0, 0.0),
    "RWrist": (-0.35, 0.0, 0.0),
}


def write_bvh(motion: Motion3D, path: str | Path) -> None:
    """Write a motion as BVH, in metres.

    Axes: x right, y up, z towards the camera (Blender's default for BVH: "Y up, -Z forward"). The
    rest pose is a T-pose that looks along +z, the left hand along +x, made of the clip's own mean
    bone lengths. Bones are constant, so joints lie some millimetres off ``motion.xyz`` where the
    network's bones vary. Software that thinks in centimetres wants a scale of 100 at import.

    A BVH file has one frame time. Where ``motion.times`` are uneven, its frames lie between those
    of the motion, at the usual rate, so that a second in the file is a second in the video.

    Args:
        motion: Any motion of the skeleton "h36m"; bridged frames are written like all others.
        path: Where to write.

    Raises:
        ValueError: If the motion has another skeleton, or no frames.
        OSError: If the folder does not exist or cannot be written.
    """
    if motion.skeleton != H36M:
        raise ValueError(
            f"BVH is written for the skeleton {H36M.name!r}, got {motion.skeleton.name!r}; lift "
            "with weights that give it, or save as .npz, which takes every skeleton."
        )
    if len(motion) == 0:
        raise ValueError("BVH needs at least one frame, got none; save as .npz or drop the motion.")
    rig, fps = _evenly_fitted(motion)
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


def _evenly_fitted(motion: Motion3D) -> tuple[Rig, float]:
    """The motion on constant bones at even times, and the rate of those."""
    seen = to_y_up(motion.xyz)
    xyz, fps = resample_evenly(seen, motion.times, motion.fps)
    return fit_rig(xyz, motion.skeleton, fps, seen), fps


def to_y_up(xyz: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """World axes (x right, y away from the camera, z up) to x right, y up, z to the camera."""
    return np.stack([xyz[..., 0], xyz[..., 2], -xyz[..., 1]], axis=-1)


def from_y_up(xyz: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Undo `to_y_up`."""
    return np.stack([xyz[..., 0], -xyz[..., 2], xyz[..., 1]], axis=-1)


def _joint_lines(rig: Rig, skeleton: Skeleton, joint: int, indent: str) -> Iterator[str]:
    name, is_root = skeleton.joints[joint], joint == skeleton.root
    rotations = " ".join(f"{axis}rotation" for axis in ORDERS.get(name, ORDER))
    yield f"{indent}{'ROOT' if is_root else 'JOINT'} {name}"
    yield f"{indent}{{"
    inner = indent + "  "
    yield f"{inner}OFFSET {_numbers(rig.offsets[joint])}"
    if is_root:
        yield f"{inner}CHANNELS 6 Xposition Yposition Zposition {rotations}"
    else:
        yield f"{inner}CHANNELS 3 {rotations}"
    children = [child for parent, child in skeleton.bones if parent == joint]
    for child in children:
        yield from _joint_lines(rig, skeleton, child, inner)
    if not children:
        end = np.linalg.norm(rig.offsets[joint]) * np.array(ENDS[name])
        yield from (f"{inner}End Site", f"{inner}{{", f"{inner}  OFFSET {_numbers(end)}")
        yield f"{inner}}}"
    yield f"{indent}}}"


def _numbers(vector: Float[np.ndarray, "3"]) -> str:
    # Adding zero turns -0.0 into 0.0.
    return " ".join(f"{number:.6f}" for number in vector.round(6) + 0.0)


def _channels(rig: Rig, skeleton: Skeleton) -> Iterator[Float[np.ndarray, "t c"]]:
    """One row a frame: place of the root, then degrees, in the order of the joints in the file.

    Some frames at a time: a long motion has its angles several times else.
    """
    joints = list(_depth_first(skeleton, skeleton.root))
    before = np.zeros((len(joints), 3))
    for start in range(0, len(rig.root), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        turns = [(rig.rotations[part, j], ORDERS.get(skeleton.joints[j], ORDER)) for j in joints]
        angles = unwrap_euler(np.stack([euler(*turn) for turn in turns], axis=1), before)
        before = angles[-1]
        yield np.concatenate([rig.root[part], np.rad2deg(angles.reshape(len(angles), -1))], axis=1)


def _depth_first(skeleton: Skeleton, joint: int) -> Iterator[int]:
    yield joint
    for parent, child in skeleton.bones:
        if parent == joint:
            yield from _depth_first(skeleton, child)


def euler(rotations: Float[np.ndarray, "t 3 3"], order: str) -> Float[np.ndarray, "t 3"]:
    """The angles of rotations about moving axes, in radians, in the given order of three axes.

    The last angle is found first and taken away before the first one is read, so the three give
    back the rotation even where the middle one is 90 degrees and the others are free.
    """
    i, j, k = ("XYZ".index(axis) for axis in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    last = np.arctan2(-sign * rotations[:, i, j], rotations[:, i, i])
    middle = np.arctan2(sign * rotations[:, i, k], np.hypot(rotations[:, i, i], rotations[:, i, j]))
    sine, cosine = sign * np.sin(last)[:, None], np.cos(last)[:, None]
    column = sine * rotations[:, :, i] + cosine * rotations[:, :, j]
    return np.stack([np.arctan2(sign * column[:, k], column[:, j]), middle, last], axis=-1)


def unwrap_euler(
    angles: Float[np.ndarray, "t j 3"], before: Float[np.ndarray, "j 3"]
) -> Float[np.ndarray, "t j 3"]:
    """The same rotations by angles as near as can be to those of the frame before.

    Besides full turns, every rotation has a second triple of angles: half a turn more on both
    outer axes, and the middle angle taken from half a turn. It carries over the pole.
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
