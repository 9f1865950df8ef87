"""A motion as a tidy table: a row for each person, frame and joint; and its description.

CSV and Parquet hold the table, JSON the same numbers as nested lists; all hold the description.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from jaxtyping import Float

from ..files import brief
from ..motion import CAMERA_AXES, WORLD_AXES, Motion3D, as_floats, check_size_and_rate
from ..skeleton import identify
from .json_values import get_field, get_index, get_list, get_numbers
from .motion_events import find_contacts, find_events

FORMAT = "tcpformer motion"
"""What stands in the key "format" of a description."""
VERSION = 1
COLUMNS: dict[str, str] = {
    "person": "number of the person",
    "frame": "number of the frame in the motion, from 0",
    "time": "seconds since the first frame of the video",
    "joint": "name of the joint",
    "x": "world, metres",
    "y": "world, metres",
    "z": "world, metres",
    "camera_x": "camera, metres",
    "camera_y": "camera, metres",
    "camera_z": "camera, metres",
    "image_x": "pixels",
    "image_y": "pixels",
    "confidence": "of the detector, 0 to 1",
    "sigma_x": "one standard deviation relative to the pelvis along a camera axis, metres",
    "sigma_y": "as sigma_x",
    "sigma_z": "as sigma_x",
    "seen": "1, or 0 in frames that did not show the person and were bridged",
    "contact": "joints of a foot: 1 while it stands, else 0; empty where unknown",
}
"""Columns of the table, and what they hold."""
_VECTORS = {
    "xyz": ("x", "y", "z"),
    "camera_xyz": ("camera_x", "camera_y", "camera_z"),
    "xy": ("image_x", "image_y"),
    "confidence": ("confidence",),
    "sigma": ("sigma_x", "sigma_y", "sigma_z"),
}
_DECIMALS = {"xyz": 6, "camera_xyz": 6, "sigma": 6, "xy": 3}
"""Of what is written: micrometres, and thousandths of a pixel."""
_LEAST_CONFIDENCE = 1e-6
"""Written for what is smaller, but not 0."""
_FEET = {f"{side[0]}{joint}": foot for foot, side in enumerate(("Left", "Right"))
         for joint in ("Ankle", "Heel", "Toe")}  # fmt: skip
FRAMES_AT_ONCE = 2000
MAX_PEOPLE = 1000

Columns = Mapping[str, Sequence[Any] | np.ndarray]


def describe(motions: Sequence[Motion3D]) -> dict[str, Any]:
    """Return what a table of motions does not hold: units, axes, and what each person has once.

    Raises:
        ValueError: If two people have the same number.
    """
    numbers = [int(motion.person) for motion in motions]
    if twice := sorted({n for n in numbers if numbers.count(n) > 1}):
        raise ValueError(
            f"people in a file need different numbers, but {twice[0]} comes twice; give one of "
            "them another by dataclasses.replace(motion, person=...)."
        )
    return {
        "format": FORMAT,
        "version": VERSION,
        "software": f"tcpformer {version('tcpformer')}",
        "unit": "m",
        "axes": {"world": WORLD_AXES, "camera": CAMERA_AXES, "image": "x right, y down; pixels"},
        "columns": COLUMNS,
        "people": [_describe_person(motion) for motion in motions],
    }


def _describe_person(motion: Motion3D) -> dict[str, Any]:
    ground = motion.ground_sigma
    return {
        "person": int(motion.person),
        "frames": len(motion),
        "fps": float(motion.fps),
        "joints": list(motion.skeleton.joints),
        "parents": list(motion.skeleton.parents),
        "size": [int(side) for side in motion.size],
        "focal": float(motion.focal),
        "provenance": dict(motion.provenance),
        "region_scale": float(motion.region_scale),
        "ground_sigma": None if ground is None else [float(x) for x in ground],
        "events": [event._asdict() for event in find_events(motion)],
    }


def arrays_of(motion: Motion3D, frames: slice = slice(None)) -> dict[str, np.ndarray | None]:
    """Return the numbers of some frames as they are written, by field; sigma may be None."""
    result: dict[str, np.ndarray | None] = {}
    for name in _VECTORS:
        array = getattr(motion, name)
        result[name] = array if array is None else _rounded(name, array[frames])
    return result


def _rounded(name: str, array: np.ndarray) -> np.ndarray:
    array = array.astype(float)  # rounded in single precision, 0.1 would have 17 digits
    if name in _DECIMALS:
        return array.round(_DECIMALS[name]) + 0.0  # not -0.0
    return np.where(array > 0, np.maximum(array.round(6), _LEAST_CONFIDENCE), 0.0)


def iterate_columns(motions: Sequence[Motion3D]) -> Iterator[dict[str, np.ndarray]]:
    """Yield the columns of the table, some frames at a time; NaN where a cell is empty."""
    for motion in motions:
        contacts = find_contacts(motion)
        feet = [_FEET.get(joint, -1) for joint in motion.skeleton.joints]
        by_joint = np.column_stack([contacts, np.full(len(motion), np.nan)])[:, feet]
        for start in range(0, len(motion), FRAMES_AT_ONCE):
            yield _some_columns(motion, by_joint, slice(start, start + FRAMES_AT_ONCE))


def _some_columns(
    motion: Motion3D, contacts: Float[np.ndarray, "t j"], frames: slice
) -> dict[str, np.ndarray]:
    numbers = np.arange(len(motion))[frames]
    t, j = len(numbers), len(motion.skeleton.joints)
    columns = {
        "person": np.full(t * j, motion.person),
        "frame": np.repeat(numbers, j),
        "time": np.repeat(motion.times[frames], j),
        "joint": np.tile(np.array(motion.skeleton.joints), t),
    }
    for name, array in arrays_of(motion, frames).items():
        axes = _VECTORS[name]
        flat = np.full((t * j, len(axes)), np.nan) if array is None else array.reshape(t * j, -1)
        columns |= dict(zip(axes, flat.T, strict=True))
    columns["seen"] = np.repeat(motion.valid[frames].astype(int), j)
    columns["contact"] = contacts[frames].reshape(-1)
    return columns


def is_description(content: object) -> bool:
    """Check whether a JSON object describes motions of ours."""
    return isinstance(content, dict) and content.get("format") == FORMAT


def refuse_motion(path: object) -> ValueError:
    """Return the error for 3D motion where 2D keypoints are expected."""
    return ValueError(
        f"{path}: a 3D motion that tcpformer wrote, and 2D keypoints are expected; "
        "tcpformer.load and `tcpformer convert` read it."
    )


def people_of(description: Any) -> list[dict[str, Any]]:
    """Return the people of a description.

    Raises:
        ValueError: If it does not describe motions, or in a later version of this format.
    """
    if not is_description(description):
        raise ValueError(f"expected a JSON object with the format {FORMAT!r}.")
    if (found := description.get("version")) != VERSION:
        raise ValueError(f"expected version {VERSION} of {FORMAT!r}, got {str(found)[:20]}.")
    if description.get("unit") != "m":
        raise ValueError(f"expected metres, got unit {str(description.get('unit'))[:20]!r}.")
    people = get_list("people", get_field("the description", description, "people"))
    if not 0 < len(people) <= MAX_PEOPLE or not all(isinstance(each, dict) for each in people):
        raise ValueError(f"expected 1 to {MAX_PEOPLE} people, each a JSON object.")
    return people


def make_motion(person: Mapping[str, Any], arrays: Mapping[str, Any]) -> Motion3D:
    """Make a motion of its description and its numbers by field, also "valid" and "times".

    Raises:
        ValueError: If they do not fit each other or are no motion.
    """
    names = get_list("joints", get_field("a person", person, "joints"))
    if not all(isinstance(name, str) for name in names):
        raise ValueError("joints must be names.")
    skeleton, order = identify(names)
    size, fps = person.get("size"), person.get("fps")
    check_size_and_rate(size, fps)
    assert isinstance(size, list)
    fields: dict[str, Any] = {}
    for name in _VECTORS:
        if arrays.get(name) is None and name == "sigma":
            continue
        array = as_floats(name, arrays[name])
        if array.ndim < 2 or array.shape[1] != len(names):
            raise ValueError(
                f"expected {len(names)} joints in axis 1 of {name}, got {array.shape}."
            )
        fields[name] = array[:, order]
    return Motion3D(
        **fields,
        valid=as_floats("valid", arrays["valid"]) != 0,
        times=as_floats("times", arrays["times"]),
        fps=float(fps),  # pyright: ignore[reportArgumentType]
        skeleton=skeleton,
        size=(int(size[0]), int(size[1])),
        focal=_number(person, "focal"),
        provenance=_texts(person, "provenance"),
        region_scale=_number(person, "region_scale"),
        person=get_index("person", person.get("person")),
        ground_sigma=_ground_sigma(person),
    )


def _number(person: Mapping[str, Any], key: str) -> float:
    value = get_field("a person", person, key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{key} must be a number, got {str(value)[:40]!r}.")
    return float(value)


def _texts(person: Mapping[str, Any], key: str) -> dict[str, str]:
    value = get_field("a person", person, key)
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError(f"{key} must be a JSON object of texts, got {str(value)[:40]!r}.")
    return value


def _ground_sigma(person: Mapping[str, Any]) -> tuple[float, float, float] | None:
    value = person.get("ground_sigma")
    if value is None:
        return None
    tilt, roll, floor = get_numbers("ground_sigma", value, 3).reshape(-1)
    return float(tilt), float(roll), float(floor)


def read_columns(description: Any, columns: Columns) -> list[Motion3D]:
    """Make the motions of a table; its rows may be in any order.

    Raises:
        ValueError: If columns or rows are missing, or come twice.
    """
    people = people_of(description)
    if missing := [name for name in COLUMNS if name not in columns and name != "contact"]:
        raise ValueError(f"columns {missing} are missing; found {brief(list(columns))}.")
    numbers = as_floats("column person", columns["person"])
    total = 0
    result = []
    for person in people:
        rows = np.flatnonzero(numbers == get_index("person", person.get("person")))
        result.append(_read_person(person, {name: columns[name] for name in columns}, rows))
        total += len(rows)
    if total != len(numbers):
        raise ValueError(f"{len(numbers) - total} rows are of people who are not described.")
    return result


def _read_person(person: Mapping[str, Any], columns: Columns, rows: np.ndarray) -> Motion3D:
    """Make the motion of some rows."""
    names = get_list("joints", get_field("a person", person, "joints"))
    t, j = get_index("frames", person.get("frames")), len(names)
    index = {name: i for i, name in enumerate(map(str, names))}
    joints = np.array([index.get(str(columns["joint"][row]), -1) for row in rows], dtype=np.int64)
    frames = as_floats("column frame", np.asarray(columns["frame"])[rows])
    place = frames * j + joints
    if t * j != len(rows) or not np.array_equal(np.sort(place), np.arange(t * j)):
        raise ValueError(
            f"person {person.get('person')}: expected one row for each of {t} frames and {j} "
            f"joints, got {len(rows)} rows, or a frame or joint that is not described."
        )
    order = rows[np.argsort(place)]

    def take(*names: str) -> np.ndarray:
        some = [as_floats(f"column {n}", np.asarray(columns[n])[order]) for n in names]
        return np.stack(some, axis=-1).reshape(t, j, len(names))

    arrays: dict[str, Any] = {name: take(*axes) for name, axes in _VECTORS.items()}
    arrays["confidence"] = arrays["confidence"][..., 0]
    if np.isnan(arrays["sigma"]).all():
        arrays["sigma"] = None
    arrays["times"], arrays["valid"] = take("time")[:, 0, 0], take("seen")[:, 0, 0]
    return make_motion(person, arrays)
