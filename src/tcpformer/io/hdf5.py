"""HDF5 files of other programs: opened only if all of their data lies in the file itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..optional import missing_extra

MAX_NUMBERS = 500_000_000
"""Numbers that are read at most: 4 GB, ten hours of five people."""
_MAX_OBJECTS, _MAX_DEPTH = 10_000, 8
"""Groups and arrays of a file, and groups in each other, at most."""


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open a file for reading.

    Raises:
        ImportError: If h5py is not installed.
        ValueError: If it is damaged, or data of it lies in other files.
    """
    try:
        import h5py
    except ImportError as error:
        raise missing_extra(f"Reading {path.name}", "h5py", "hdf5") from error
    try:
        with h5py.File(path) as file:
            _check_links(path, file)
            yield file
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path}: not a whole HDF5 file ({error}).") from error


def _check_links(path: Path, file: Any) -> None:
    """Refuse files of which a part lies in another file, which would be opened."""
    import h5py

    waiting, count = [(file, 0)], 0
    while waiting:
        group, depth = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            count += 1
            if count > _MAX_OBJECTS or depth > _MAX_DEPTH:
                raise ValueError(f"{path}: expected at most {_MAX_OBJECTS} groups and arrays.")
            if isinstance(link, h5py.SoftLink):
                continue  # what it leads to in this file is checked there
            each = None if isinstance(link, h5py.ExternalLink) else group[name]
            if isinstance(each, h5py.Group):
                waiting.append((each, depth + 1))
            elif each is None or (isinstance(each, h5py.Dataset) and _lies_elsewhere(each)):
                raise ValueError(
                    f"{path}: {name} lies in another file, which is not opened; copy the data into "
                    "one file."
                )


def _lies_elsewhere(dataset: Any) -> bool:
    return bool(dataset.external) or dataset.is_virtual


def check_amount(path: Path, count: int) -> None:
    """Check how many numbers will be read.

    Raises:
        ValueError: If they are too many.
    """
    if count > MAX_NUMBERS:
        raise ValueError(f"{path}: expected at most {MAX_NUMBERS} numbers, got {count}.")


def texts_of(dataset: Any) -> list[str]:
    """Return texts of a dataset, which may be bytes."""
    return [x.decode("utf-8", "replace") if isinstance(x, bytes) else str(x) for x in dataset[:]]
