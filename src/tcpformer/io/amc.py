"""Acclaim: an ASF file holds the skeleton, an AMC file its motion, as in CMU's database."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from ..files import brief
from .mocap_capture import Capture, check_figure, check_finite, compose_rotations, sum_offsets

AMC_FPS = 120.0
"""Frames per second of nearly all AMC files; neither file holds it."""

Lines = list[list[str]]


@dataclass(frozen=True)
class _Bone:
    """A bone that ends in the joint of its name, and the axes of its rotations."""

    name: str
    offset: Float[np.ndarray, "3"]
    axes: Float[np.ndarray, "3 3"]
    channels: tuple[str, ...]


@dataclass(frozen=True)
class _Figure:
    """The skeleton of an ASF file."""

    bones: tuple[_Bone, ...]
    parents: tuple[int, ...]
    scale: float
    degrees: bool


def read_acclaim(asf: str | Path, amc: str | Path, fps: float = AMC_FPS) -> Capture:
    """Read a motion and its skeleton.

    Lengths are divided by the scale of the ASF, as its format requires (CMU: inches). Joints have
    the names of the bones that end there; the first is "root". Limits are not enforced: captured
    motion exceeds them at times.

    Raises:
        ValueError: If a file is not well-formed, or the two do not belong together, or the rate is
            not positive.
    """
    if not 0 < fps < np.inf:
        raise ValueError(f"fps must be positive, got {fps}.")
    try:
        figure = _parse_figure(_read_sections(asf))
    except (ValueError, KeyError, IndexError) as error:
        what = brief(repr(error))
        raise ValueError(f"{asf}: not a well-formed ASF file ({what}).") from error
    try:
        return _build_capture(figure, _read_frames(amc, figure), fps)
    except (ValueError, KeyError, IndexError) as error:
        what = brief(repr(error))
        raise ValueError(f"{amc}: not a motion of the figure {asf} ({what}).") from error


def _build_capture(figure: _Figure, values: list[Float[np.ndarray, "t _"]], fps: float) -> Capture:
    bones = figure.bones
    local = [_local_rotations(b, v, figure.degrees) for b, v in zip(bones, values, strict=True)]
    world = compose_rotations(figure.parents, np.stack(local, axis=1))
    with np.errstate(over="ignore", invalid="ignore"):  # checked afterwards
        offsets = np.einsum("tnxy,ny->tnx", world, np.stack([bone.offset for bone in bones]))
        start = offsets[:, 0] = bones[0].offset + 0.0  # not -0.0
        for channel, moved in zip(bones[0].channels, values[0].T, strict=True):
            if channel[0] == "t":
                axis = "xyz".index(channel[1])
                offsets[:, 0, axis] = start[axis] + moved
        xyz = sum_offsets(figure.parents, offsets) / figure.scale
    check_finite(xyz)
    return Capture(tuple(bone.name for bone in bones), figure.parents, xyz, world, fps)


def _read_sections(path: str | Path) -> dict[str, Lines]:
    """Return the words of the lines under each ":keyword"; the last of equal keywords counts."""
    sections: dict[str, Lines] = {}
    lines: Lines = []
    for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split("#")[0].split()
        if words and words[0].startswith(":"):
            lines = sections[words[0][1:].lower()] = []
        elif words:
            lines.append(words)
    return sections


def _parse_figure(sections: dict[str, Lines]) -> _Figure:
    units = _parse_entry(sections["units"])
    degrees = units.get("angle", ["deg"])[0].lower() == "deg"
    bones = {"root": _parse_root(_parse_entry(sections["root"]), degrees)}
    for entry in _parse_blocks(sections["bonedata"]):
        bones[entry["name"][0]] = _parse_bone(entry, degrees)
    order, parents = _order_bones(sections["hierarchy"])
    scale = float(units.get("length", ["1"])[0])
    if not 0 < scale < np.inf:
        raise ValueError(f"the unit of length must be positive, got {scale}")
    found = tuple(bones[name] for name in order)
    check_figure(order, sum(len(bone.channels) for bone in found))
    return _Figure(found, parents, scale, degrees)


def _order_bones(hierarchy: Lines) -> tuple[list[str], tuple[int, ...]]:
    """Return the names below the root, parents first, and the index of each one's parent."""
    parent = {child: up for up, *down in hierarchy for child in down}
    if "root" in parent:
        raise ValueError("the root must have no parent in the hierarchy")
    children: dict[str, list[str]] = {}
    for child, up in parent.items():
        children.setdefault(up, []).append(child)
    order = ["root"]
    for name in order:  # grows while it is read
        order += children.get(name, ())
    place = {name: i for i, name in enumerate(order)}
    return order, (-1, *(place[parent[name]] for name in order[1:]))


def _parse_entry(lines: Lines) -> dict[str, list[str]]:
    return {key.lower(): words for key, *words in lines}


def _parse_blocks(lines: Lines) -> list[dict[str, list[str]]]:
    """Return the entries between each "begin" and its "end"."""
    starts = [i for i, words in enumerate(lines) if words == ["begin"]]
    ends = [i for i, words in enumerate(lines) if words == ["end"]]
    return [_parse_entry(lines[a + 1 : b]) for a, b in zip(starts, ends, strict=True)]


def _parse_root(entry: dict[str, list[str]], degrees: bool) -> _Bone:
    """Return the root as a bone from the world's origin to the start of the skeleton."""
    axes = _rotation(entry["axis"][0], _numbers(entry["orientation"]), degrees)
    channels = _parse_channels("root", entry["order"], {"tx", "ty", "tz", "rx", "ry", "rz"})
    return _Bone("root", _numbers(entry["position"]), axes, channels)


def _parse_bone(entry: dict[str, list[str]], degrees: bool) -> _Bone:
    name = entry["name"][0]
    channels = _parse_channels(name, entry.get("dof", []), {"rx", "ry", "rz"})
    length = float(entry["length"][0])
    if not np.isfinite(length):
        raise ValueError(f"bone {name} has the length {length}")
    offset = length * _numbers(entry["direction"])
    *angles, order = entry["axis"]
    return _Bone(name, offset, _rotation(order, _numbers(angles), degrees), channels)


def _parse_channels(bone: str, words: Sequence[str], known: set[str]) -> tuple[str, ...]:
    channels = tuple(word.lower() for word in words)
    if not set(channels) <= known or len(set(channels)) < len(channels):
        raise ValueError(
            f"bone {bone} has the channels {channels}; only {sorted(known)} can be read, each once"
        )
    return channels


def _numbers(words: Sequence[str]) -> Float[np.ndarray, "3"]:
    numbers = np.array([float(word) for word in words]).reshape(3)
    if not np.isfinite(numbers).all():
        raise ValueError(f"expected finite numbers, got {numbers}")
    return numbers


def _rotation(order: str, angles: np.ndarray, degrees: bool) -> Float[np.ndarray, "*t 3 3"]:
    """Return rotations about fixed axes, in the order named."""
    return Rotation.from_euler(order.lower(), angles, degrees=degrees).as_matrix()


def _read_frames(path: str | Path, figure: _Figure) -> list[Float[np.ndarray, "t c"]]:
    """Return the channels of each bone in every frame."""
    values: list[list[list[float]]] = [[] for _ in figure.bones]
    place = {bone.name: i for i, bone in enumerate(figure.bones)}
    count = 0
    for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if len(words) == 1 and words[0].isdigit():
            count += 1
        elif words and words[0][0] not in "#:":
            values[place[words[0]]].append([float(word) for word in words[1:]])
    if count == 0:
        raise ValueError("it has no frames")
    arrays = [
        np.array(rows, dtype=np.float64).reshape(count, len(bone.channels))
        for bone, rows in zip(figure.bones, values, strict=True)
    ]
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("numbers must be finite")
    return arrays


def _local_rotations(
    bone: _Bone, values: Float[np.ndarray, "t c"], degrees: bool
) -> Float[np.ndarray, "t 3 3"]:
    """Return rotations relative to the parent; the channels turn about the bone's axes."""
    which = [i for i, channel in enumerate(bone.channels) if channel[0] == "r"]
    order = "".join(bone.channels[i][1] for i in which)
    turn = _rotation(order, values[:, which], degrees) if which else np.eye(3)
    return np.broadcast_to(bone.axes @ turn @ bone.axes.T, (len(values), 3, 3))
