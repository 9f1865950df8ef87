"""Values of JSON that programs write: checked, so that an error names the file and the place."""

import json
import reprlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ..files import brief

_SHOWN = 40
"""Characters of a value that an error shows."""
MAX_JSON_BYTES = 2**30
"""Size of a .json that is read; in memory it takes up to ten times as much."""


def read_json(path: Path) -> Any:
    """Read a .json; raise ValueError if it is none, nested too deeply, or too large."""
    size = path.stat().st_size
    if size > MAX_JSON_BYTES:
        raise ValueError(
            f"{path}: expected at most {MAX_JSON_BYTES:,} bytes, got {size:,}; split the video."
        )
    try:
        return json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON as programs write it ({brief(error)}).") from error


def get_field(place: str, entry: Any, *keys: str) -> Any:
    """Return the value of the first of some keys that a JSON object has.

    Raises:
        ValueError: If it has none of them, or is no object.
    """
    if not isinstance(entry, dict):
        raise ValueError(f"{place}: expected an object with {_either(keys)}, got {_show(entry)}.")
    for key in keys:
        if key in entry:
            return entry[key]
    found = brief(", ".join(list(map(str, entry))[:8]))
    raise ValueError(f"{place}: expected {_either(keys)}, found {found or 'nothing'}.")


def get_list(place: str, value: Any) -> list[Any]:
    """Return a JSON list; raise ValueError if it is something else."""
    if not isinstance(value, list):
        raise ValueError(f"{place}: expected a list, got {_show(value)}.")
    return value


def get_numbers(place: str, value: Any, width: int) -> Float[np.ndarray, "n width"]:
    """Return a list of numbers, or of lists of numbers, as rows of a width.

    Raises:
        ValueError: If there is something else in it, or their count is no multiple of the width.
    """
    try:
        flat = np.array(get_list(place, value), dtype=np.float64).ravel()
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{place}: expected a list of numbers, got {_show(value)}.") from None
    if len(flat) % width:
        raise ValueError(
            f"{place}: expected {width} numbers for each joint, got {len(flat)} in all."
        )
    return flat.reshape(-1, width)


def get_index(place: str, value: Any) -> int:
    """Return a whole number from 0 on; raise ValueError if it is something else."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < 2**63 or value % 1:
        raise ValueError(f"{place}: expected the number of a frame, from 0 on, got {_show(value)}.")
    return int(value)


def _either(keys: tuple[str, ...]) -> str:
    return " or ".join(repr(key) for key in keys)


def _show(value: Any) -> str:
    return reprlib.repr(value)[:_SHOWN]
