"""Read npz files of strangers: plain arrays only, checked before memory is taken for them.

An npz file is a zip archive of npy files. An npy file has a header (type, order of axes, shape) and
the numbers. The header is matched with one pattern, never evaluated.
"""

import math
import re
import struct
import zlib
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from ..files import brief

MAX_EXPANSION = 100
"""Times the size of the file that its arrays may take; zip itself reaches 1000."""
ALWAYS_ALLOWED = 2**26
"""Bytes that the arrays of a file may take, however small it is."""
_MAX_HEADER, _MAX_AXES, _SHOWN_KEYS = 10_000, 32, 12
_MAX_EMPTY = 1_000_000  # the longest axis of an array that holds nothing
_OBJECTS = (
    "it holds Python objects, which could run code and are not read; save texts as "
    "numpy.array(texts, dtype=str), and numbers as arrays of one shape, with NaN where a frame has "
    "fewer people"
)
_HEADER = re.compile(
    r"\{(?:\s*(?:'descr'\s*:\s*'(?P<type>[^']{1,12})'"
    r"|'fortran_order'\s*:\s*(?:True|False)"
    r"|'shape'\s*:\s*\((?P<shape>[\d, ]{0,200})\))\s*,?){3}\s*\}\s*"
)
_UNREADABLE = (OSError, EOFError, ValueError, KeyError, RuntimeError, OverflowError, BadZipFile)
_DAMAGED = (*_UNREADABLE, zlib.error, struct.error)
"""What reading an archive raises that is none, is damaged, cut off or encrypted."""


def read_npz(
    path: str | Path,
    numbers: tuple[str, ...],
    texts: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
    optional_texts: tuple[str, ...] = (),
) -> dict[str, np.ndarray]:
    """Read named arrays of an npz file, without pickle; others are not looked at.

    Args:
        path: The file.
        numbers: Required keys of real numbers.
        texts: Required keys of numbers or texts.
        optional: Optional keys of real numbers.
        optional_texts: Optional keys of numbers or texts.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no npz, a key is missing or of another type, an array does not have
            the size that its header declares, or the arrays take more than `MAX_EXPANSION` times
            the size of the file.
    """
    with _Archive(path) as archive:
        missing = [key for key in (*numbers, *texts) if key not in archive.members]
        if missing:
            found = f"{archive.keys[:_SHOWN_KEYS]}{' ...' * (len(archive.keys) > _SHOWN_KEYS)}"
            raise ValueError(f"{path}: keys {missing} are missing; found {found}.")
        wanted = (*numbers, *texts, *optional, *optional_texts)
        keys = [key for key in dict.fromkeys(wanted) if key in archive.members]
        types = archive.check(keys)
        wrong = {
            k: str(types[k]) for k in keys if k in numbers + optional and types[k].kind in "US"
        }
        if wrong:
            raise ValueError(f"{path}: expected real numbers, got {wrong}.")
        return {key: archive.read(key) for key in keys}


def npz_keys(path: str | Path) -> list[str]:
    """Return the names of the arrays in an npz file; raises as `read_npz` does."""
    with _Archive(path) as archive:
        return archive.keys


class _Archive:
    """An open npz file; errors name the file, and the array where one is at fault."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"no such file: {path}")
        try:
            self._zip = ZipFile(self.path)
        except _DAMAGED as error:
            raise ValueError(f"{path}: not an npz file, or damaged ({brief(error)}).") from error
        self.members = {
            member.filename.removesuffix(".npy"): member for member in self._zip.infolist()
        }
        self.keys = list(self.members)

    def __enter__(self) -> "_Archive":
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()

    def check(self, keys: list[str]) -> dict[str, np.dtype]:
        """Check the headers and the declared sizes of some arrays; return their types."""
        total, file_size = sum(self.members[k].file_size for k in keys), self.path.stat().st_size
        limit = max(ALWAYS_ALLOWED, MAX_EXPANSION * file_size)
        if total > limit:
            raise ValueError(
                f"{self.path}: {keys} take {total:,} bytes in memory, but at most {limit:,} are "
                f"read from a file of {file_size:,} bytes ({MAX_EXPANSION} times its size, at "
                f"least {ALWAYS_ALLOWED:,}); save it again with numpy.savez, uncompressed."
            )
        return {key: self._check_member(key, self.members[key]) for key in keys}

    def read(self, key: str) -> np.ndarray:
        """Return an array that `check` has passed."""
        try:
            with self._zip.open(self.members[key]) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)
        except _DAMAGED as error:
            raise self._refuse(
                key, f"not an npz file of plain arrays, or damaged ({brief(error)})"
            ) from error

    def _check_member(self, key: str, member: ZipInfo) -> np.dtype:
        if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise self._refuse(key, "expected no compression, or that of numpy.savez_compressed")
        start, header = self._read_header(key, member)
        match = _HEADER.fullmatch(header)
        if match is None or match["type"] is None or match["shape"] is None:
            raise self._refuse(
                key, f"expected a plain array, got the header {header.strip()[:60]!r}"
            )
        if "O" in match["type"]:
            raise self._refuse(key, _OBJECTS)
        dtype = _plain_type(match["type"])
        if dtype is None:
            raise self._refuse(key, f"expected real numbers or texts, got type {match['type']!r}")
        shape = tuple(int(n) for n in re.findall(r"\d+", match["shape"]))
        wanted, there = math.prod(shape) * dtype.itemsize, member.file_size - start
        sensible = len(shape) <= _MAX_AXES and max(shape, default=0) <= max(there, _MAX_EMPTY)
        if wanted != there or not sensible:
            raise self._refuse(
                key, f"{dtype} of shape {shape} takes {wanted:,} bytes, but there are {there:,}"
            )
        return dtype

    def _read_header(self, key: str, member: ZipInfo) -> tuple[int, str]:
        """Return where the numbers of an npy file start, and its header."""
        try:
            with self._zip.open(member) as stream:
                magic = stream.read(8)
                width = 2 if magic[6:] == b"\1\0" else 4
                length = int.from_bytes(stream.read(width), "little")
                header = stream.read(min(length, _MAX_HEADER)).decode("latin-1")
        except _DAMAGED as error:
            raise self._refuse(key, f"damaged ({brief(ascii(str(error)))})") from error
        if magic not in (b"\x93NUMPY\1\0", b"\x93NUMPY\2\0", b"\x93NUMPY\3\0"):
            raise self._refuse(key, "not an npy file")
        if len(header) != length:
            raise self._refuse(key, f"a header of {length:,} bytes, but at most {_MAX_HEADER:,}")
        return len(magic) + width + length, header

    def _refuse(self, key: str, reason: str) -> ValueError:
        return ValueError(f"{self.path}: {key}: {reason}.")


def _plain_type(declared: str) -> np.dtype | None:
    """Return the type of a header if it is one of real numbers or texts."""
    try:
        dtype = np.dtype(declared)
    except (TypeError, ValueError):
        return None
    return dtype if dtype.kind in "biufUS" and dtype.itemsize else None
