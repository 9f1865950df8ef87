"""DeepLabCut: a .csv or .h5 with a row for each frame, of one individual or several.

``scorer,net,net,net`` / ``individuals,a,a,a`` (of several only) / ``bodyparts,nose,nose,nose`` /
``coords,x,y,likelihood`` / ``0,312.5,90.1,0.99``

The .h5 is a data frame of pandas, whose column names are a pickle: only plain containers and texts
of it are read, and nothing that it calls is run.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ..detections import Detections
from ..files import brief
from .csv_tables import Row, parse_frame, parse_numbers
from .frame_numbers import FrameNumbers, number_ids, number_names
from .hdf5 import Hdf5Content
from .keypoints import KeypointRecord, PersonKeypoints, RateAndSize, person_keypoints
from .safe_pickle import unpickle

_LEVELS = ("scorer", "individuals", "bodyparts", "coords")
_COORDS = ("x", "y", "likelihood")


@dataclass(frozen=True)
class _Columns:
    """The columns of a table: individual, body part and coordinate of each."""

    individuals: tuple[str, ...]
    parts: tuple[str, ...]
    coords: tuple[str, ...]


def is_deeplabcut(header: Row) -> bool:
    """Return whether the first row of a table is that of DeepLabCut."""
    return header.cells[0] == _LEVELS[0]


def read_deeplabcut_csv(
    path: Path, header: Row, rows: Iterable[Row], given: RateAndSize
) -> Detections:
    """Read the rows of a table, which holds no rate or size; an individual is a person."""
    rows = iter(rows)
    levels, row = {header.cells[0]: header.cells[1:]}, None
    for row in rows:
        if row.cells[0] not in _LEVELS:
            break
        levels[row.cells[0]] = row.cells[1:]
        row = None
    columns = _columns(path, levels)
    texts = [f"{p} {c}" for p, c in zip(columns.parts, columns.coords, strict=True)]
    where = range(1, len(texts) + 1)
    index: list[Row] = []
    values: list[np.ndarray] = []
    for each in [] if row is None else [row, *rows]:
        index.append(each)
        values.append(parse_numbers(path, each, where, ["", *texts]))
    numbers = _number_rows(path, index)
    return _detections(path, columns, numbers, np.array(values).reshape(-1, len(texts)), given)


def read_deeplabcut_h5(path: Path, content: Hdf5Content, given: RateAndSize) -> Detections:
    """Read a data frame of DeepLabCut, which holds no rate or size."""
    names, index, values = _read_frame(path, content)
    levels = [level for level in _LEVELS if len(names[0]) == 4 or level != "individuals"]
    texts = list(map(list, zip(*names, strict=True)))
    columns = _columns(path, dict(zip(levels, texts, strict=True)))
    numbers = number_ids(index, path, zero=0)
    return _detections(path, columns, numbers, values, given)


def _number_rows(path: Path, rows: Sequence[Row]) -> FrameNumbers:
    """Return the frames of rows: numbers, or names of pictures of a labelled set."""
    if rows and not rows[0].cells[0].replace(".", "").isdecimal():
        return number_names([row.cells[0] for row in rows], path)
    return number_ids([parse_frame(path, row, 0, "frame") for row in rows], path, zero=0)


def _columns(path: Path, levels: dict[str, list[str]]) -> _Columns:
    missing = [name for name in ("bodyparts", "coords") if name not in levels]
    if missing:
        raise ValueError(
            f"{path}: expected the rows {', '.join(_LEVELS)} of DeepLabCut (individuals: of "
            f"several only), got {', '.join(levels)}; {' and '.join(missing)} missing."
        )
    parts, coords = levels["bodyparts"], levels["coords"]
    if wrong := sorted(set(coords) - set(_COORDS)):
        raise ValueError(f"{path}: expected coords {', '.join(_COORDS)}, got {wrong[0]!r}.")
    individuals = levels.get("individuals", ["0"] * len(parts))
    return _Columns(tuple(individuals), tuple(parts), tuple(coords))


def _detections(
    path: Path,
    columns: _Columns,
    numbers: FrameNumbers,
    values: Float[np.ndarray, "rows columns"],
    given: RateAndSize,
) -> Detections:
    people: list[list[PersonKeypoints]] = [[] for _ in values]
    names = list(dict.fromkeys(columns.parts))
    individuals = list(dict.fromkeys(columns.individuals))
    for individual in individuals:
        joints = _joints_of(individual, columns, names, values)
        seen = np.isfinite(joints).all(axis=-1) & (joints[..., 2] > 0)
        identity = individual if len(individuals) > 1 else None
        for row in np.flatnonzero(seen.any(axis=1)):
            people[row].append(person_keypoints(joints[row, :, :2], joints[row, :, 2], identity))
    return KeypointRecord.numbered(numbers, people, names).detections(path, given)


def _joints_of(
    individual: str,
    columns: _Columns,
    names: Sequence[str],
    values: Float[np.ndarray, "rows columns"],
) -> Float[np.ndarray, "rows k 3"]:
    """Return x, y and likelihood of an individual, NaN for joints that only others have."""
    joints = np.full((len(values), len(names), 3), np.nan)
    mine = [i for i, name in enumerate(columns.individuals) if name == individual]
    for i in mine:
        joints[:, names.index(columns.parts[i]), _COORDS.index(columns.coords[i])] = values[:, i]
    if _COORDS[2] not in {columns.coords[i] for i in mine}:
        joints[..., 2] = 1.0  # points that a human set have no likelihood
    return joints


def _read_frame(
    path: Path, content: Hdf5Content
) -> tuple[list[tuple[str, ...]], list[int], Float[np.ndarray, "rows columns"]]:
    """Return column names, frame numbers and values of the only data frame in a file."""
    groups = content.groups
    if len(groups) != 1:
        raise ValueError(
            f"{path}: expected one data frame of DeepLabCut, found {len(groups)}, or tracks and "
            "node_names of an analysis file of SLEAP."
        )
    start = f"{groups[0]}/"
    group = {n.removeprefix(start): x for n, x in content.arrays.items() if n.startswith(start)}
    if "table" in group:
        table = group["table"]
        fields = table.dtype.names or ()
        if {"index", "values_block_0"} <= set(fields) and len(fields) == 2:
            pickled = content.attributes[f"{start}table@values_block_0_kind"].item()
            return _names(path, pickled), table["index"].tolist(), table["values_block_0"]
    elif {"axis1", "block0_values"} <= set(group) and "block1_values" not in group:
        levels = range(int(content.attributes[f"{groups[0]}@axis0_nlevels"]))
        texts = [content.texts(f"{start}axis0_level{i}") for i in levels]
        labels = [group[f"axis0_label{i}"].tolist() for i in levels]
        names = [
            tuple(texts[i][k] for i, k in enumerate(each)) for each in zip(*labels, strict=True)
        ]
        return names, group["axis1"].tolist(), group["block0_values"]
    raise ValueError(
        f"{path}: expected a data frame of DeepLabCut, one table of numbers; found "
        f"{brief(list(group))}. Export it as .csv."
    )


def _names(path: Path, pickled: Any) -> list[tuple[str, ...]]:
    """Return the column names of a table from the pickle in which pandas keeps them."""
    names = unpickle(bytes(pickled), path)
    whole = isinstance(names, list) and all(
        isinstance(name, tuple) and all(isinstance(text, str) for text in name) for name in names
    )
    if not whole or {len(name) for name in names} not in ({3}, {4}):
        raise ValueError(
            f"{path}: expected column names of {', '.join(_LEVELS)} (individuals: of several "
            f"only), got {str(names)[:80]}."
        )
    return names
