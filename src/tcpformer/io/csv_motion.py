"""A motion as CSV: the description in the first line, after "# ", then the tidy table.

``pandas.read_csv(path, comment="#")`` reads the table.
"""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_write
from ..motion import Motion3D
from .csv_tables import parse_numbers, read_rows
from .motion_table import COLUMNS, FORMAT, describe, iterate_columns, read_columns

_BEGINNING = f'# {{"format": "{FORMAT}"'
_TEXTS = ("joint",)
_MAX_DESCRIPTION = 50_000_000
"""Characters of the first line."""


def write_csv(motions: Sequence[Motion3D], path: str | Path) -> None:
    """Write motions as CSV; `read_csv` is the inverse.

    Raises:
        ValueError: If two people have the same number.
        OSError: If the folder does not exist or cannot be written.
    """
    description = json.dumps(describe(motions), ensure_ascii=False)
    with atomic_write(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {description}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for columns in iterate_columns(motions):
            writer.writerows(zip(*(_cells(columns[name]) for name in COLUMNS), strict=True))


def _cells(column: np.ndarray) -> list[Any]:
    """Return the values of a column; None, an empty cell, for NaN."""
    empty = column.dtype.kind == "f" and np.isnan(column).any()
    return [None if x != x else x for x in column.tolist()] if empty else column.tolist()


def is_motion_csv(path: Path) -> bool:
    """Check whether a file begins as `write_csv` writes it."""
    with path.open("rb") as file:
        return file.read(len(_BEGINNING)) == _BEGINNING.encode()


def read_csv(path: Path) -> list[Motion3D]:
    """Read motions that `write_csv` wrote; rows may be in another order, and columns added.

    Raises:
        ValueError: If the description or a column is missing, or a cell is not a number.
    """
    with path.open(encoding="utf-8", newline="") as file:
        first = file.readline(_MAX_DESCRIPTION)
    if not first.startswith("# {"):
        raise ValueError(
            f"{path}: expected a motion, whose first line begins with {_BEGINNING!r}; programs "
            "that save a table again may leave that line out."
        )
    description = json.loads(first[2:])
    rows = read_rows(path, comment="#")
    header = next(rows, None)
    names = [] if header is None else header.cells
    wanted = [i for i, name in enumerate(names) if name in COLUMNS and name not in _TEXTS]
    texts = {name: names.index(name) for name in _TEXTS if name in names}
    numbers: list[np.ndarray] = []
    columns: dict[str, Any] = {name: [] for name in texts}
    for row in rows:
        numbers.append(parse_numbers(path, row, wanted, names))
        for name, i in texts.items():
            columns[name].append(row.cells[i])
    table = np.array(numbers).reshape(len(numbers), len(wanted))
    columns |= {names[i]: table[:, k] for k, i in enumerate(wanted)}
    return read_columns(description, columns)
