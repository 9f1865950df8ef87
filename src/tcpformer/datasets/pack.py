"""One small file of motion capture to train on: whole millimetres, stored as differences in time.

Motion capture of several files with 26 joints becomes one; what a rig lacks, or where it jumps, is
marked as in `mocap`. A GPU machine gets this file; `unpack` turns it into one that training reads.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped, UInt8

from ..files import atomic_write
from ..io.safe_npz import read_npz
from ..skeleton import BODY_26
from .mocap import HAS_GROUP, check_offsets, check_shapes

_NUMBERS = ("steps", "root_steps", "offsets", "fps", "glitch", *HAS_GROUP.values())
_TEXTS = ("split", "activity")
HELD_OUT = ("ACCAD_Male1", "UIPRMD_s09", "UIPRMD_s10")
"""People who are never trained on: they get the split "test"."""
MAX_FLOOR = 0.03
"""Metres: a floor further from z = 0 is moved there."""
_PLANES = 2
"""Bytes of a number, stored apart: the high ones are nearly all 0 or -1, and compress to little."""


@dataclass(frozen=True)
class Capture:
    """A file of 17 joints, and the file of the same rows with feet, hands and face."""

    body: Path
    more: Path


def pack(captures: list[Capture], target: Path) -> None:
    """Write the motion of several captures into one file.

    Raises:
        ValueError: If a file lacks an array, or the two of a capture have other rows.
    """
    parts = [_read(capture) for capture in captures]
    keys = parts[0].keys() - {"fps"}
    joined: dict[str, Any] = {k: np.concatenate([part[k] for part in parts]) for k in keys}
    lengths = joined.pop("lengths")
    joined["fps"] = parts[0]["fps"]
    joined["offsets"] = np.concatenate([[0], np.cumsum(lengths)])
    joined["steps"] = _split_bytes(joined.pop("relative"))
    joined["root_steps"] = _split_bytes(joined.pop("root"))
    with atomic_write(target) as beside, beside.open("wb") as out:
        np.savez_compressed(out, **joined)


def unpack(source: Path, target: Path) -> None:
    """Write the file that `mocap.load_mocap` reads, unless it is there.

    Raises:
        ValueError: If the source is no pack.
    """
    if target.exists():
        return
    data = read_npz(source, _NUMBERS, _TEXTS)
    frames = int(data["offsets"][-1]) if data["offsets"].size else 0
    joints = len(BODY_26.joints)
    shapes = {"steps": (_PLANES, joints, 3, frames), "root_steps": (_PLANES, 3, frames)}
    check_shapes(source, data, shapes)
    check_offsets(source, data["offsets"], frames)
    content: dict[str, Any] = {k: data[k] for k in ("offsets", "fps", "glitch", *_TEXTS)}
    content |= {key: data[key] for key in HAS_GROUP.values()}
    content["relative"] = 10 * _join_bytes(data["steps"]).astype(np.int32)
    content["root"] = 10 * _join_bytes(data["root_steps"]).astype(np.int32)
    content["joints"] = np.array(BODY_26.joints)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target) as beside, beside.open("wb") as out:
        np.savez(out, **content)


def _read(capture: Capture) -> dict[str, Any]:
    """Return the arrays of a capture, in millimetres, the floor at 0."""
    body = read_npz(
        capture.body, ("relative", "root", "offsets", "fps"), ("split", "activity", "subject")
    )
    flags = ("extra", "glitch", "offsets", *HAS_GROUP.values())
    more = read_npz(capture.more, flags, ("points",), optional=("floor_z",))
    if not np.array_equal(body["offsets"], more["offsets"]):
        raise ValueError(f"{capture.more}: expected the sequences of {capture.body}.")
    names = list(map(str, more["points"]))
    taken = [names.index(joint) for joint in BODY_26.joints[body["relative"].shape[1] :]]
    relative = np.concatenate([body["relative"], more["extra"][:, taken]], axis=1)
    root, lengths = body["root"].astype(np.float64), np.diff(body["offsets"])
    if "floor_z" in more:
        floor = np.where(np.abs(more["floor_z"]) > MAX_FLOOR, more["floor_z"], 0)
        root[:, 2] -= 1e4 * np.repeat(floor, lengths)
    held_out = np.isin(body["subject"], HELD_OUT)
    return {
        "relative": np.round(relative / 10).astype(np.int16),
        "root": np.round(root / 10).astype(np.int16),
        "lengths": lengths,
        "fps": body["fps"],
        "split": np.where(held_out, "test", body["split"]),
        "activity": body["activity"],
        "glitch": more["glitch"],
        **{key: more[key] for key in HAS_GROUP.values()},
    }


def _split_bytes(x: Int[np.ndarray, " n *rest"]) -> UInt8[np.ndarray, " 2 *rest n"]:
    """Return the low and high bytes of differences from frame to frame, time last."""
    steps = np.diff(x, axis=0, prepend=np.zeros_like(x[:1]))  # wraps, as cumsum does
    steps = np.ascontiguousarray(np.moveaxis(steps, 0, -1)).astype("<i2")
    return np.ascontiguousarray(np.moveaxis(steps.view(np.uint8).reshape(*steps.shape, 2), -1, 0))


def _join_bytes(planes: Shaped[np.ndarray, " 2 *rest n"]) -> Int[np.ndarray, " n *rest"]:
    """Undo `_split_bytes`."""
    steps = np.ascontiguousarray(np.moveaxis(planes.astype(np.uint8), 0, -1)).view("<i2")[..., 0]
    return np.moveaxis(np.cumsum(steps, axis=-1, dtype=np.int16), -1, 0)
