"""A motion as JSON: the description, and each person's numbers as lists by frame and joint."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_write
from ..motion import Motion3D
from .json_values import get_field, read_json
from .motion_events import find_contacts
from .motion_table import arrays_of, describe, make_motion, people_of


def write_json(motions: Sequence[Motion3D], path: str | Path) -> None:
    """Write motions as JSON; `read_json_motion` is the inverse.

    Raises:
        ValueError: If two people have the same number.
        OSError: If the folder does not exist or cannot be written.
    """
    content = describe(motions)
    del content["columns"]
    for person, motion in zip(content["people"], motions, strict=True):
        person |= {
            "times": motion.times.tolist(),
            "valid": motion.valid.tolist(),
            **{name: None if x is None else x.tolist() for name, x in arrays_of(motion).items()},
            "contact": _contacts(motion),
        }
    with atomic_write(path) as beside:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        beside.write_text(text + "\n", "utf-8")


def _contacts(motion: Motion3D) -> list[list[int | None]]:
    """Return for each frame whether left and right foot stand; None where unknown."""
    return [[None if np.isnan(x) else int(x) for x in row] for row in find_contacts(motion)]


def read_json_motion(path: Path) -> list[Motion3D]:
    """Read motions that `write_json` wrote.

    Raises:
        ValueError: If it is not such a file, or damaged.
    """
    return [_read_person(person) for person in people_of(read_json(path))]


def _read_person(person: dict[str, Any]) -> Motion3D:
    names = ("xyz", "camera_xyz", "xy", "confidence", "times", "valid")
    arrays = {name: get_field("a person", person, name) for name in names}
    return make_motion(person, arrays | {"sigma": person.get("sigma")})
