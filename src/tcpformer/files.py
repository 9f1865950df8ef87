"""Atomic writes, checks of folders, and npz files without pickle."""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from zipfile import BadZipFile

import numpy as np


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; at the end it replaces ``path``.

    The temporary path has the same suffix. If the block raises, it is deleted and an older file at
    ``path`` is unchanged.

    Raises:
        OSError: If the folder does not exist or cannot be written.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path.name}: no folder {path.parent}.")
    handle, name = mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o666 & ~_umask())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_npz(
    path: str | Path,
    numbers: tuple[str, ...],
    texts: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
    optional_texts: tuple[str, ...] = (),
) -> dict[str, np.ndarray]:
    """Read named arrays of an npz file, without pickle.

    Args:
        path: The file.
        numbers: Required keys of real numbers.
        texts: Required keys of any type.
        optional: Optional keys of real numbers.
        optional_texts: Optional keys of any type.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no npz, a key is missing, or not of real numbers where required.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            found = list(file)
            wanted = (*numbers, *texts, *optional, *optional_texts)
            data = {key: file[key] for key in wanted if key in found}
    except _UNREADABLE as error:
        raise ValueError(
            f"{path}: not an npz file of plain arrays, or damaged (texts must be of dtype str, not "
            "object)."
        ) from error
    missing = [key for key in (*numbers, *texts) if key not in found]
    if missing:
        raise ValueError(f"{path}: keys {missing} are missing; found {found}.")
    wrong = {
        key: str(data[key].dtype)
        for key in (*numbers, *optional)
        if key in data and data[key].dtype.kind not in "biuf"
    }
    if wrong:
        raise ValueError(f"{path}: expected real numbers, got {wrong}.")
    return data


# What numpy raises for a file that is no archive, is truncated, or holds pickled objects.
_UNREADABLE = (OSError, EOFError, AttributeError, TypeError, ValueError, BadZipFile, zlib.error)


def check_writable(folder: str | Path) -> None:
    """Check that a folder can be made and written; remove it again if it was made.

    Raises:
        OSError: If the folder cannot be made or written.
    """
    folder = Path(folder)
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        make_writable(folder)
    finally:
        for each in missing:
            if each.is_dir():
                each.rmdir()


def make_writable(folder: str | Path) -> None:
    """Create a folder, with its parents, and check that it can be written.

    Raises:
        OSError: If the folder cannot be made or written.
    """
    probe = Path(folder) / ".writable"
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with atomic_write(probe):
            pass
    except OSError as error:
        raise OSError(f"cannot write into a folder {folder}: {error.strerror}.") from error
    probe.unlink()
