"""Pickles of arrays and plain containers, read without running anything that is in them.

A pickle is a small program that may name any function to call. Here the only names it may use are
those that numpy and Python themselves need for arrays, numbers and containers; what they stand for
is our own code, so that numpy's is not given made-up layouts either. Arrays may be read-only.
"""

import pickle
import re
import struct
import sys
import zlib
from collections.abc import Callable
from io import BufferedIOBase
from pathlib import Path
from typing import IO, Any, ClassVar
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy

SPILL_BYTES = 1 << 20
"""Arrays from this size on go to disk, if there is a folder for them."""
_CHUNK = 1 << 24

Stream = IO[bytes] | BufferedIOBase
"""What `open` gives, and what an archive opens."""


def read_pickle(path: str | Path, *, spill: str | Path | None = None) -> Any:
    """Read a pickle of any protocol, written by Python 2 or 3.

    Args:
        path: The file.
        spill: A folder; if given, large arrays go there while the file is read (if it is of
            protocol 3 or later) and come back memory-mapped. It must outlive them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no whole pickle, or asks for anything but arrays, containers, texts
            and numbers; says for what. Nothing of it has been run.
    """
    with Path(path).open("rb") as stream:
        return _load(stream, path, spill)


def read_pickled_npz(path: str | Path, key: str) -> Any:
    """Read one entry of an npz file; objects in it by the rules of `read_pickle`.

    Returns:
        The array; where it holds a single object, as `np.savez` makes of a dict, that object.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no npz, has no such key, or as `read_pickle`.
    """
    try:
        with ZipFile(path) as archive:
            if f"{key}.npy" not in archive.namelist():
                found = [name.removesuffix(".npy") for name in archive.namelist()]
                raise ValueError(f"{path}: no key {key!r}; found {found}.")
            with archive.open(f"{key}.npy") as member:
                array = _read_npy(member, path)
    except (BadZipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: not a whole npz file ({error}).") from error
    return array.item() if array.dtype.hasobject and array.ndim == 0 else array


def _read_npy(member: Stream, path: str | Path) -> np.ndarray:
    version = npy.read_magic(member)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    _, _, dtype = read_header(member)
    if not dtype.hasobject:
        member.seek(0)
        return npy.read_array(member, allow_pickle=False)
    array = _load(member, path, None)
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path}: expected an array, got {type(array).__name__}.")
    return array


def _load(stream: Stream, path: str | Path, spill: str | Path | None) -> Any:
    try:
        return _Unpickler(stream, None if spill is None else Path(spill)).load()
    except _BROKEN as error:
        raise ValueError(f"{path}: not a pickle of arrays and plain values: {error}.") from error


# What Python's unpickler raises of a file that is cut off or no pickle at all.
_BROKEN = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, TypeError,
    ValueError, pickle.UnpicklingError, struct.error,
)  # fmt: skip


class _OnDisk:
    """The bytes of an array, written to a file before its shape was known."""

    def __init__(self, path: Path) -> None:
        self.path = path


def _dtype(name: str, *_flags: object) -> np.dtype[Any]:
    """Booleans, numbers, texts and objects; no records, whose layout a file could make up."""
    if not re.fullmatch(r"b1|[iu][1248]|f(2|4|8|16)|c(8|16|32)|[SU]\d{1,6}|O8?", name):
        raise ValueError(f"arrays of dtype {name!r} are not read")
    return np.dtype(name)


def _in_order(dtype: np.dtype[Any], state: tuple[Any, ...]) -> np.dtype[Any]:
    """The byte order is all that a plain dtype's state adds to its name."""
    order = state[1]
    return dtype.newbyteorder(order) if order in ("<", ">") else dtype


def _array(shape: tuple[int, ...], dtype: np.dtype[Any], raw: Any, order: Any = "C") -> np.ndarray:
    if dtype.hasobject:
        flat = np.empty(len(raw), object)
        for i, item in enumerate(raw):
            flat[i] = item
    elif isinstance(raw, _OnDisk):
        flat = np.memmap(raw.path, dtype, mode="r")
    else:
        flat = np.frombuffer(raw.encode("latin1") if isinstance(raw, str) else raw, dtype)
    return flat.reshape(shape, order=order)


def _from_buffer(
    raw: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: str, axes: Any = None
) -> np.ndarray:
    """The way of protocol 5; ``axes`` tells how an array lies that is neither C nor Fortran."""
    return (
        _array(shape, dtype, raw, order)
        if axes is None
        else _array(shape, dtype, raw).transpose(axes)
    )


def _scalar(dtype: np.dtype[Any], raw: Any) -> Any:
    return _array((1,), dtype, [raw] if dtype.hasobject else raw)[0]


def _encoded(text: str, encoding: str) -> bytes:
    """How bytes were written before protocol 3."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"bytes in the encoding {encoding!r} are not read")
    return text.encode(encoding)


def _no_bytes() -> bytes:
    return b""


def _announced(*_: object) -> np.ndarray:
    """An array whose content follows as its state, whatever is said of it before."""
    return np.empty(0)


_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray.__name__,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encoded,
    ("collections", "OrderedDict"): dict,
}
for _numpy in ("numpy.core", "numpy._core"):
    _NAMES |= {
        (f"{_numpy}.multiarray", "_reconstruct"): _announced,
        (f"{_numpy}.multiarray", "scalar"): _scalar,
        (f"{_numpy}.numeric", "_frombuffer"): _from_buffer,
    }
for _builtins in ("builtins", "__builtin__"):
    _NAMES |= {
        (_builtins, "bytes"): _no_bytes,
        (_builtins, "complex"): complex,
        (_builtins, "frozenset"): frozenset,
        (_builtins, "set"): set,
    }


class _Unpickler(pickle._Unpickler):
    """Python's own, in Python: the fast one cannot be told what to do with bytes and states."""

    stack: list[Any]
    memo: dict[int, Any]
    read: Callable[[int], bytes]

    def __init__(self, stream: Stream, spill: Path | None) -> None:
        super().__init__(stream, encoding="latin1")
        self.spill = spill
        self.spilled = 0

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise ValueError(f"it asks for {module}.{name}, which is refused")
        return _NAMES[module, name]

    def get_extension(self, code: int) -> None:
        raise ValueError(f"it asks for the registered extension {code}, which is refused")

    def build(self) -> None:
        """Give the array or dtype on the stack its state; nothing else has one."""
        state, old = self.stack.pop(), self.stack[-1]
        if isinstance(old, np.ndarray):
            _, shape, dtype, fortran, raw = state
            new = _array(shape, dtype, raw, "F" if fortran else "C")
        elif isinstance(old, np.dtype):
            new = _in_order(old, state)
        else:
            raise ValueError(f"it gives a state to a {type(old).__name__}, which is refused")
        self.stack[-1] = new
        # It was noted before its state came, and may be meant again later.
        for key in reversed(self.memo):
            if self.memo[key] is old:
                self.memo[key] = new
                break

    def short(self) -> None:
        self._bytes(int.from_bytes(self.read(4), "little"))

    def long(self) -> None:
        self._bytes(int.from_bytes(self.read(8), "little"))

    def short_text(self) -> None:
        self._text(self.read(1)[0])

    def text(self) -> None:
        self._text(int.from_bytes(self.read(4), "little"))

    def _text(self, size: int) -> None:
        # A name that stands at every one of millions of frames is kept once.
        self.stack.append(sys.intern(str(self.read(size), "utf-8", "surrogatepass")))

    def _bytes(self, size: int) -> None:
        if self.spill is not None and size >= SPILL_BYTES:
            self.stack.append(self._to_disk(size, self.spill))
            return
        data = self.read(size)
        if len(data) < size:
            raise EOFError("it is cut off")
        self.stack.append(data)

    def _to_disk(self, size: int, folder: Path) -> _OnDisk:
        path = folder / f"{self.spilled}.bytes"
        self.spilled += 1
        with path.open("wb") as file:
            while size:
                part = self.read(min(size, _CHUNK))
                if not part:
                    raise EOFError("it is cut off")
                size -= file.write(part)
        return _OnDisk(path)

    dispatch: ClassVar[dict[int, Any]] = pickle._Unpickler.dispatch | {
        pickle.BUILD[0]: build,
        pickle.SHORT_BINUNICODE[0]: short_text,
        pickle.BINUNICODE[0]: text,
        pickle.BINBYTES[0]: short,
        pickle.BINBYTES8[0]: long,
        pickle.BYTEARRAY8[0]: long,
    }
