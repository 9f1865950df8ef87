"""HDF5 files of other programs, read in another process: a damaged one can crash or hang HDF5.

This file is also the program of that process. It imports nothing of the package, and answers with
an npz file, which the caller reads without pickle. Files of which a part lies in another file are
refused.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

_SECONDS, _BYTES_PER_SECOND = 30.0, 2_000_000
"""Time for a file: some seconds, and more where it is large."""
_MEMORY, _GROWTH = 2 << 30, 64
"""Bytes for a file, beside as many times its size; compressed arrays grow."""
_MAX_OBJECTS, _MAX_DEPTH = 10_000, 8
"""Groups and arrays of a file, and groups in each other, at most."""
_PICTURES = re.compile(r"video\d+")
"""Groups that hold pictures, which are not read."""
_REFUSED = "refused: "
"""How the other process begins why it does not read a whole file."""


@dataclass(frozen=True)
class Hdf5Content:
    """Arrays by path, such as "group/array", and attributes by path and name: "group@name"."""

    arrays: dict[str, np.ndarray]
    attributes: dict[str, np.ndarray]

    @property
    def groups(self) -> list[str]:
        """Groups at the top that hold arrays."""
        return list(dict.fromkeys(name.split("/")[0] for name in self.arrays if "/" in name))

    def texts(self, name: str) -> list[str]:
        """Return an array of texts; empty if there is none."""
        found = self.arrays.get(name, np.zeros(0, "S1")).ravel().tolist()
        return [x.decode("utf-8", "replace") if isinstance(x, bytes) else str(x) for x in found]


def read_hdf5(path: Path) -> Hdf5Content:
    """Read the arrays and attributes of a file, but for pictures and soft links.

    Raises:
        ImportError: If h5py is not installed.
        ValueError: If it is damaged, needs too much time or memory, or data lies in another file.
    """
    if sys.modules.get("h5py", True) is None or find_spec("h5py") is None:
        from ..optional import missing_extra

        raise missing_extra(f"Reading {path.name}", "h5py", "hdf5")
    limit = _SECONDS + path.stat().st_size / _BYTES_PER_SECOND
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "content.npz"
        # -P: no module beside this file takes the place of one of Python's
        command = [sys.executable, "-P", __file__, str(path), str(out)]
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment = {**os.environ, **one_thread}
        try:
            subprocess.check_output(
                command, stderr=subprocess.STDOUT, timeout=limit, env=environment
            )
        except subprocess.TimeoutExpired as error:
            raise ValueError(f"{path}: damaged HDF5; reading took over {limit:.0f} s.") from error
        except subprocess.CalledProcessError as error:
            raise ValueError(f"{path}: {_reason(error)}") from error
        with np.load(out, allow_pickle=False) as file:
            names, values = (
                file["names"].tolist(),
                [file[str(i)] for i in range(len(file["names"]))],
            )
    pairs = dict(zip(names, values, strict=True))
    return Hdf5Content(
        {name: value for name, value in pairs.items() if "@" not in name},
        {name: value for name, value in pairs.items() if "@" in name},
    )


def _reason(error: subprocess.CalledProcessError) -> str:
    """Return why the other process failed, in words."""
    from ..files import brief

    lines = error.output.decode("utf-8", "replace").strip().splitlines()
    last = lines[-1] if lines else "no reason given"
    if last.startswith(_REFUSED):
        return brief(last.removeprefix(_REFUSED))
    crash = f"its reader crashed with signal {-error.returncode}"
    return f"not a whole HDF5 file ({crash if error.returncode < 0 else brief(last)})."


# The other process


def _main(path: str, out: str) -> None:
    import h5py

    size = _MEMORY + _GROWTH * os.path.getsize(path)
    _limit_memory(size)
    try:
        with h5py.File(path, "r") as file:
            found = dict(_read_all(file, size))
        arrays = {str(i): value for i, value in enumerate(found.values())}
        np.savez(out, allow_pickle=False, names=np.array(list(found), dtype=str), **arrays)
    except _RefusedError as error:
        raise SystemExit(f"{_REFUSED}{error}") from None
    except Exception as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None


class _RefusedError(Exception):
    """A file that is whole, but not read."""


def _limit_memory(size: int) -> None:
    with suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _read_all(file: Any, size: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield names and values of all arrays and attributes."""
    import h5py

    left = size
    for name, each in _walk(file):
        for key, value in each.attrs.items():
            if isinstance(value, str | bytes | int | float | np.generic):
                yield f"{name}@{key}", _plain(np.asarray(value))
        if not isinstance(each, h5py.Dataset):
            continue
        if each.external or each.is_virtual:
            raise _RefusedError(_elsewhere(name))
        if (left := left - each.nbytes) < 0:
            raise _RefusedError(f"{name} declares {each.nbytes} bytes, more than fit this file.")
        yield name, _plain(np.asarray(each[()]))


def _walk(file: Any) -> Iterator[tuple[str, Any]]:
    """Yield the paths of all groups and arrays, and these."""
    import h5py

    waiting: list[tuple[str, Any, int]] = [("", file, 0)]
    count = 0
    while waiting:
        path, group, depth = waiting.pop(0)
        yield path, group
        if not isinstance(group, h5py.Group):
            continue
        for name in map(str, group):
            count += 1
            if count > _MAX_OBJECTS or depth > _MAX_DEPTH:
                raise _RefusedError(f"expected at most {_MAX_OBJECTS} groups and arrays.")
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise _RefusedError(_elsewhere(name))
            if isinstance(link, h5py.HardLink) and not (depth == 0 and _PICTURES.fullmatch(name)):
                waiting.append((f"{path}/{name}" if path else name, group[name], depth + 1))


def _elsewhere(name: str) -> str:
    return f"{name} lies in another file, which is not opened; copy the data into one file."


def _plain(value: np.ndarray) -> np.ndarray:
    """Return an array without objects: texts of varying length become bytes of one length."""
    if value.dtype.kind != "O":
        return value
    texts = [x.encode() if isinstance(x, str) else bytes(x) for x in value.ravel().tolist()]
    return np.array(texts, dtype=np.bytes_).reshape(value.shape)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
