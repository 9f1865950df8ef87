"""What the page holds of a motion: one gzip stream of a JSON header and arrays behind it.

Layout: length of the header (uint32), header (UTF-8), arrays, all little-endian. An array stands
in the header as a mapping with ``type``, ``offset`` (bytes behind the header) and ``shape``; one of
numbers also with ``step`` and ``start``: the bytes are its changes along axis 0, in steps.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
from jaxtyping import Float

from ...analysis.angles import ANGLES, measure_angles
from ...io.body_mesh import fit_body
from ...io.rig import joints_above_soles, solve_rig
from ...io.rig_unseen import seen_bones
from ...motion import Motion3D, seen_groups
from ...postprocess.foot_contacts import find_contacts
from ...skeleton import BALLS, BODY_26, FEET, GROUPS, H36M, HEELS, Skeleton
from .. import figure
from ..scene import SceneStyle
from ..view_path import find_camera

_ALIGNMENT = 8
_INT16 = 2**15 - 1

RIGGED = (H36M, BODY_26)
"""Skeletons that a rig and angles are known for."""

Times = Float[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True)
class PayloadConfig:
    """Resolution of what the page holds; differences are far below what is known."""

    metres: float = 1e-4
    sigma: float = 5e-4
    """Metres."""
    degrees: float = 0.02
    quaternion: float = 1e-4
    """Of unit length."""
    seconds: float = 1e-6


CONFIG = PayloadConfig()


@dataclass(frozen=True)
class Clock:
    """When a video shows its frames."""

    stamps: Sequence[float]
    """Seconds of each frame in the file, from the first one."""
    slow_motion: float = 1.0
    """Seconds that the file plays for each second of capture."""


@dataclass(frozen=True)
class Placed:
    """Where a person is among the frames of a page, and its ground."""

    number: int
    start: int
    """The frame of the page that the motion begins with."""
    timeline: Times
    camera: Float[np.ndarray, "3"]
    """Place of the main camera in the world."""

    def pad(self, values: np.ndarray, *, blank: bool = False) -> np.ndarray:
        """Continue values over the frames before and after the motion, or with 0 there."""
        after = len(self.timeline) - self.start - len(values)
        width = ((self.start, after), *[(0, 0)] * (values.ndim - 1))
        return np.pad(values, width) if blank else np.pad(values, width, mode="edge")


@dataclass
class Packer:
    """Collects arrays behind a header."""

    blocks: list[bytes] = field(default_factory=list)

    def add_bytes(self, values: np.ndarray) -> dict[str, Any]:
        """Add whole numbers of 0 to 255; return what stands for them in the header."""
        return self._add(values.astype("<u1"), "u1", values.shape)

    def add_series(self, values: Float[np.ndarray, "t ..."], step: float) -> dict[str, Any]:
        """Add numbers over time, rounded to a step; NaN is not allowed."""
        rounded = np.round(values / step).astype(np.int64)
        start = rounded[0].ravel() if len(rounded) else np.zeros(0, dtype=np.int64)
        changes = np.diff(rounded, axis=0, prepend=rounded[:1])
        fits = np.abs(changes).max(initial=0) <= _INT16
        kind = "i2" if fits else "i4"
        described = self._add(changes.astype(f"<{kind}"), kind, values.shape)
        return described | {"step": step, "start": start.tolist()}

    def _add(self, array: np.ndarray, kind: str, shape: tuple[int, ...]) -> dict[str, Any]:
        offset = sum(map(len, self.blocks))
        data = array.tobytes()
        self.blocks.append(data + bytes(-len(data) % _ALIGNMENT))
        return {"type": kind, "offset": offset, "shape": list(shape)}

    def pack(self, header: Mapping[str, Any]) -> bytes:
        """Return the compressed payload."""
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        text += b" " * (-(4 + len(text)) % _ALIGNMENT)
        content = len(text).to_bytes(4, "little") + text + b"".join(self.blocks)
        return gzip.compress(content, compresslevel=9, mtime=0)


def describe_skeleton(skeleton: Skeleton) -> dict[str, Any]:
    """Describe how a skeleton is drawn, as `createScene` of the bundled script takes it.

    The head is a skull with a nose in place of strokes to the joints of the face.
    """
    midline = figure.MIDLINE
    colours = figure.bone_colours(skeleton, midline)
    neck, head = skeleton.index.get("Neck"), skeleton.index.get("Head")
    strokes = figure.strokes(skeleton)
    has_skull = neck is not None and head is not None and (neck, head) in strokes
    style, face = SceneStyle(), set(GROUPS["face"] if skeleton == BODY_26 else ())
    skull = {"from": neck, "to": head, "shares": style.skull, "radii": style.skull_radius}
    skull["nose"] = skeleton.index.get("Nose")
    return {
        "joints": skeleton.joints,
        "bones": [bone for bone in strokes if not face & {*bone}],
        "radii": figure.joint_radii(skeleton).round(4).tolist(),
        "colours": [None if colour == midline else colour for colour in colours],
        "head": skull if has_skull else None,
    }


def build_payload(
    people: Mapping[int, Motion3D],
    *,
    title: str,
    clock: Clock | None = None,
    video: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> bytes:
    """Return what the page holds of the people of one camera.

    Args:
        people: By number.
        title: Of the page.
        clock: Of the video that they were seen in.
        video: Its media ``type``; ``source`` is its address, None if the page holds it.
        notes: Sentences to show.

    Raises:
        ValueError: If there are no people.
    """
    if not people:
        raise ValueError("expected at least one person to show, got none.")
    packer = Packer()
    longest = max(people.values(), key=len)
    timeline, starts, more = place_on_timeline(people, clock)
    stamps = None if clock is None else _continue(np.array(clock.stamps), len(timeline))
    rotation, position = find_camera(longest)
    header = {
        "title": title,
        "made": f"Made by tcpformer {version('tcpformer')}; drawn with three.js (MIT).",
        "fps": longest.fps,
        "times": packer.add_series(timeline, CONFIG.seconds),
        "stamps": None if stamps is None else packer.add_series(stamps, CONFIG.seconds),
        "video": video,
        "notes": [*notes, *more],
        "colours": {"left": figure.LEFT, "right": figure.RIGHT, "middle": figure.MIDLINE},
        "camera": {
            "rotation": rotation.ravel().tolist(),
            "position": position.tolist(),
            "focal": longest.focal,
            "size": list(longest.size),
        },
        "floor": min(map(_sole_level, people.values())),
        "surface": None,
        "people": [
            describe_person(packer, motion, Placed(number, starts[number], timeline, position))
            | {"colour": figure.MIDLINE if len(people) == 1 else figure.person_colour(number)}
            for number, motion in people.items()
        ],
    }
    rigged = [motion for motion in people.values() if motion.skeleton in RIGGED]
    return packer.pack(
        header | ({"surface": describe_surface(packer, rigged[0])} if rigged else {})
    )


def _sole_level(motion: Motion3D) -> float:
    """Return the height of the floor under the soles: that of 17 joints has ankles at 0."""
    if motion.skeleton not in RIGGED:
        return 0.0
    return float(motion.xyz[0, 0, 2] - joints_above_soles(motion)[0, 0, 1])


def place_on_timeline(
    people: Mapping[int, Motion3D], clock: Clock | None
) -> tuple[Times, dict[int, int], tuple[str, ...]]:
    """Return the times of all frames, the first frame of each person, and what is odd, in words.

    People are placed by their times, which count from the first frame of the video; by the numbers
    of their frames if they keep another rate than the video.
    """
    if clock is None:
        first = min(people.values(), key=lambda motion: motion.times[0]).times
        last = max(people.values(), key=lambda motion: motion.times[-1]).times
        timeline = np.concatenate([first, last[last > first[-1]]])
    else:
        timeline = np.array(clock.stamps) / clock.slow_motion
    starts, odd = {}, False
    for number, motion in people.items():
        start = int(np.argmin(np.abs(timeline - motion.times[0])))
        shared = timeline[start : start + len(motion)]
        off = np.abs(shared - motion.times[: len(shared)]).max()
        odd |= off > 0.5 / motion.fps
        starts[number] = 0 if off > 0.5 / motion.fps else start
    count = max(starts[number] + len(motion) for number, motion in people.items())
    note = "The motion keeps another rate than the video; frames are matched by number."
    return _continue(timeline, count), starts, ((note,) if odd else ())


def _continue(times: Times, count: int) -> Float[np.ndarray, " more"]:
    """Continue times at their mean interval to at least a number of frames."""
    step = (times[-1] - times[0]) / max(len(times) - 1, 1) or 0.04
    more = np.arange(1, max(count - len(times), 0) + 1)
    return np.concatenate([times, times[-1] + step * more])


def describe_person(packer: Packer, motion: Motion3D, placed: Placed) -> dict[str, Any]:
    """Add the arrays of a person; return what describes them in the header."""
    (rotation, position), sigma = find_camera(motion), None
    if motion.sigma is not None:
        sigma = packer.add_series(placed.pad(motion.sigma), CONFIG.sigma)
    # Rounded up: 0 stands for joints that were not detected, and for no others.
    confidence = np.ceil(255 * motion.confidence)
    return {
        "number": placed.number,
        "name": f"Person {placed.number}",
        "skeleton": describe_skeleton(motion.skeleton),
        "frames": [placed.start, placed.start + len(motion)],
        "xyz": packer.add_series(placed.pad(motion.xyz), CONFIG.metres),
        "confidence": packer.add_bytes(placed.pad(confidence, blank=True)),
        "valid": packer.add_bytes(placed.pad(motion.valid, blank=True)),
        "sigma": sigma,
        "sigmaAxes": rotation.ravel().tolist(),
        "shift": (placed.camera - position).tolist(),
        "contacts": _describe_contacts(packer, motion, placed),
        "angles": _describe_angles(packer, motion, placed),
        "rig": describe_rig(packer, motion, placed) if motion.skeleton in RIGGED else None,
        "facts": _facts(motion),
    }


def describe_surface(packer: Packer, motion: Motion3D) -> dict[str, Any]:
    """Add what the skins of all people share; return what describes it."""
    body = fit_body(solve_rig(motion[:1]))
    return {
        "triangles": packer.add_series(body.triangles.astype(float), 1.0),
        "bones": packer.add_bytes(body.bones),
        "weights": packer.add_bytes(np.round(255 * body.weights)),
    }


def describe_rig(packer: Packer, motion: Motion3D, placed: Placed) -> dict[str, Any]:
    """Add a person's skin and how its bones turn in each frame; return what describes them."""
    rig = solve_rig(motion)
    frames = np.interp(motion.times, rig.times, np.arange(len(rig)))
    nearest = np.rint(frames).astype(int)
    root = rig.root[nearest] + np.array([0.0, _sole_level(motion), 0.0])
    return {
        "names": rig.bones,
        "parents": rig.parents,
        "offsets": rig.offsets.ravel().tolist(),
        "vertices": packer.add_series(fit_body(rig).vertices, CONFIG.metres),
        "root": packer.add_series(placed.pad(root), CONFIG.metres),
        "rotations": packer.add_series(placed.pad(rig.rotations[nearest]), CONFIG.quaternion),
        "seen": packer.add_bytes(placed.pad(seen_bones(motion, seen_groups(motion)), blank=True)),
    }


def _describe_contacts(packer: Packer, motion: Motion3D, placed: Placed) -> dict[str, Any]:
    joints = [j for pair in zip(HEELS, BALLS, strict=True) for j in pair]
    joints = joints if motion.skeleton == BODY_26 else list(FEET)
    contacts = find_contacts(motion.xyz, motion.times, motion.valid, joints=joints)
    return {"joints": joints, "on": packer.add_bytes(placed.pad(contacts, blank=True))}


def _describe_angles(packer: Packer, motion: Motion3D, placed: Placed) -> list[dict[str, Any]]:
    if motion.skeleton not in RIGGED:
        return []
    angles = measure_angles(motion)

    def add(values: Times) -> dict[str, Any]:
        return packer.add_series(placed.pad(_without_gaps(values)), CONFIG.degrees)

    result = []
    for name in angles.known():
        column = ANGLES.index(name)
        known = np.isfinite(angles[name])
        sigma = None if angles.sigma is None else add(angles.sigma[:, column])
        described = {"name": name, "known": packer.add_bytes(placed.pad(known, blank=True))}
        result.append(described | {"values": add(angles[name]), "sigma": sigma})
    return result


def _without_gaps(values: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """Interpolate where numbers are unknown; some must be known."""
    known, frames = np.isfinite(values), np.arange(len(values))
    if not known.any():
        return np.zeros(len(values))
    return np.interp(frames, frames[known], values[known])


def _facts(motion: Motion3D) -> dict[str, str]:
    """Return what is known about a motion, in words."""
    seen = f"{int(motion.valid.sum())} of {len(motion)} frames"
    facts = {"seen in": seen, "joints": f"{len(motion.skeleton.joints)} ({motion.skeleton.name})"}
    if motion.ground_sigma is not None:
        tilt, roll, floor = motion.ground_sigma
        facts["one sigma"] = f"vertical {max(tilt, roll):.1f} degrees, floor {floor:.2f} m"
    return facts | dict(motion.provenance)
