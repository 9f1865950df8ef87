"""MATLAB files, read in another process: a damaged one can crash scipy and HDF5.

This file is also the program of that process. It imports nothing of the package, and answers with
an npz file, which the caller reads without pickle. HDF5 can name other files to be opened; such a
field is refused.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

TIMEOUT = 600.0
"""Seconds for one file."""
_MEMORY = 2 << 30
"""Bytes for a file, beside `_GROWTH` times its size."""
_GROWTH = 64


def read_matlab(path: Path, keys: tuple[str, ...], *, hdf5: bool) -> dict[str, np.ndarray]:
    """Return the arrays under ``keys`` that a file holds; a cell array is an array of objects.

    Args:
        path: The file.
        keys: Names of the fields.
        hdf5: Whether it is MATLAB 7.3, which is HDF5, instead of MATLAB 5.

    Raises:
        ValueError: If it cannot be read, or needs too much time or memory.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "fields.npz"
        # -P: no module beside this file takes the place of one of Python's
        command = [sys.executable, "-P", __file__, "hdf5" if hdf5 else "5", str(path), str(out)]
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        try:
            subprocess.check_output(
                [*command, *keys],
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT,
                env={**os.environ, **one_thread},
            )
        except subprocess.TimeoutExpired as error:
            raise ValueError(f"{path}: reading it took more than {TIMEOUT:g} s.") from error
        except subprocess.CalledProcessError as error:
            from ..files import brief

            lines = error.output.decode("utf-8", "replace").strip().splitlines()
            crash = f"its reader crashed with signal {-error.returncode}"
            reason = crash if error.returncode < 0 or not lines else lines[-1]
            kind = "7.3" if hdf5 else "5"
            raise ValueError(
                f"{path}: not a MATLAB {kind} file with annotations: {brief(reason)}"
            ) from error
        with np.load(out, allow_pickle=False) as file:
            return _join({key: file[key] for key in file.files})


def _join(parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the fields, of which cells came one by one as "key/number"."""
    fields = {key: value for key, value in parts.items() if "/" not in key}
    counts = {key: int(n) for key in fields if key.endswith("#") for n in (fields[key],)}
    for name, count in counts.items():
        del fields[name]
        cells = np.empty(count, dtype=object)
        for i in range(count):
            cells[i] = parts[f"{name[:-1]}/{i}"]
        fields[name[:-1]] = cells
    return fields


# The other process


def _main(kind: str, path: str, out: str, keys: list[str]) -> None:
    read = _read_hdf5 if kind == "hdf5" else _read_5
    _limit_memory(_MEMORY + _GROWTH * os.path.getsize(path))
    try:
        np.savez(out, allow_pickle=False, **read(path, keys))
    except Exception as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None


def _limit_memory(size: int) -> None:
    with suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _read_5(path: str, keys: list[str]) -> dict[str, np.ndarray]:
    from scipy.io import loadmat

    found = {}
    for key, value in loadmat(path, variable_names=keys).items():
        if key not in keys:
            continue
        if value.dtype != object:
            found[key] = _numbers(key, value)
            continue
        found[f"{key}#"] = np.array(value.size)
        cells = enumerate(value.ravel())
        found |= {f"{key}/{i}": _numbers(key, np.asarray(cell)) for i, cell in cells}
    return found


def _read_hdf5(path: str, keys: list[str]) -> dict[str, np.ndarray]:
    import h5py

    found = {}
    with h5py.File(path, "r") as file:
        for key in keys:
            if key not in file:
                continue
            data = file[key] if isinstance(file.get(key, getlink=True), h5py.HardLink) else None
            if not isinstance(data, h5py.Dataset) or data.external or data.is_virtual:
                raise ValueError(f"{key} is no array in this file")
            if data.nbytes > _MEMORY + _GROWTH * os.path.getsize(path):
                raise ValueError(f"{key} declares {data.nbytes} bytes, in a file that is smaller")
            found[key] = _numbers(key, np.asarray(data))
    return found


def _numbers(key: str, value: np.ndarray) -> np.ndarray:
    if value.dtype.kind not in "biuf":
        raise ValueError(f"{key}: expected numbers, got {value.dtype}")
    return value


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
