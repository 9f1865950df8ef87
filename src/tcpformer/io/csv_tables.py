"""CSV: cells with their lines, and numbers in them; an error names file, line, column and cell."""

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..files import brief

_DELIMITERS = ",;\t"
_SHOWN = 40
"""Characters of a cell that an error shows."""


class Row(NamedTuple):
    """A row of a table: the number of its line, from 1, and its cells."""

    line: int
    cells: list[str]


def read_rows(path: Path, comment: str | None = None) -> Iterator[Row]:
    """Yield the rows of a CSV file that are not empty, separated by comma, semicolon or tab.

    Args:
        path: The file.
        comment: How a first line begins that is left out.

    Raises:
        ValueError: If it is no text, or a row has another number of cells than the first.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        try:
            first, skipped, start = stream.readline(), 0, 0
            if comment is not None and first.startswith(comment):
                skipped, start = 1, stream.tell()
                first = stream.readline()
            stream.seek(start)
            delimiter = max(_DELIMITERS, key=first.count)
            width = 0
            reader = csv.reader(stream, delimiter=delimiter)
            for cells in reader:
                if not any(cells):
                    continue
                width, line = width or len(cells), reader.line_num + skipped
                if len(cells) != width:
                    raise ValueError(
                        f"{path}, line {line}: expected {width} cells, as in the first line, got "
                        f"{len(cells)}."
                    )
                yield Row(line, [cell.strip() for cell in cells])
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(
                f"{path}: expected a table as text (CSV), but {brief(error)}."
            ) from error


def parse_numbers(
    path: Path, row: Row, columns: Sequence[int], names: Sequence[str]
) -> Float[np.ndarray, " n"]:
    """Return the numbers in some columns of a row, NaN for empty cells.

    Args:
        path: The file, for errors.
        row: The row.
        columns: Which cells to read.
        names: Names of all columns of the table, for errors.

    Raises:
        ValueError: If a cell is not a number.
    """
    try:
        return np.array([float(row.cells[i] or "nan") for i in columns])
    except ValueError:
        wrong = next(i for i in columns if not _is_number(row.cells[i]))
        raise ValueError(
            f"{path}, line {row.line}, column {wrong + 1} ({names[wrong][:_SHOWN]}): expected a "
            f"number, got {row.cells[wrong][:_SHOWN]!r}."
        ) from None


def parse_frame(path: Path, row: Row, column: int, name: str) -> int:
    """Return the number of a frame in a cell.

    Raises:
        ValueError: If it is not a whole number from 0 on.
    """
    text = row.cells[column]
    value = float(text) if _is_number(text) and text else math.nan
    if not value >= 0 or value % 1:
        raise ValueError(
            f"{path}, line {row.line}, column {column + 1} ({name}): expected the number of a "
            f"frame, from 0 on, got {text[:_SHOWN]!r}."
        )
    return int(value)


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True
