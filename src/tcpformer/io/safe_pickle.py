"""Pickles of arrays and plain containers, read without running code that they hold.

A pickle is a program that may call any function by name. Here it may only use the names that numpy
and Python write for arrays, numbers and containers (`_NAMES`), and these call functions of this
module: numpy's own would trust forged sizes and memory layouts. Arrays may be read-only.
"""

import pickle
import re
import struct
import sys
import zlib
from collections.abc import Callable
from io import BufferedIOBase, BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, ClassVar
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy

from ..files import brief
from .safe_npz import read_npz

SPILL_BYTES = 1 << 20
"""Arrays from this size on go to disk, if there is a folder for them."""
_CHUNK = 1 << 24
_MOST_DEPTH, _MOST_ITEMS = 100, 10**7
"""Of tuples in tuples. The hash of one that is a key visits all of them, on the stack of C."""
# Raised by Python's unpickler for a file that is truncated or no pickle.
BROKEN = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError,
    RecursionError, TypeError, ValueError, pickle.UnpicklingError, struct.error,
)  # fmt: skip

_NO_ARCHIVE = (
    BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, UnicodeDecodeError, zlib.error
)  # fmt: skip
"""Raised by ZipFile; the names of its members may be no UTF-8."""

Stream = IO[bytes] | BufferedIOBase


def read_pickle(path: str | Path, *, spill: str | Path | None = None) -> Any:
    """Read a pickle of any protocol, written by Python 2 or 3.

    If a folder ``spill`` is given, large arrays of protocol 3 or later are written there as the
    file is read, and returned memory-mapped. It must outlive them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no whole pickle, or uses a name other than those of arrays,
            containers, texts and numbers. None of its code is run.
    """
    with Path(path).open("rb") as stream:
        return _load(stream, path, spill)


def unpickle(data: bytes, path: str | Path) -> Any:
    """Return the object of a pickle that stands in a file of another format.

    Raises:
        ValueError: As `read_pickle`.
    """
    return _load(BytesIO(data), path, None)


def read_pickled_npz(path: str | Path, key: str) -> Any:
    """Return an array of an npz file; its object if it holds one, as `np.savez` writes a dict.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no npz, has no such key, or as `read_pickle`.
    """
    try:
        with ZipFile(path) as archive:
            if f"{key}.npy" not in archive.namelist():
                found = [name.removesuffix(".npy") for name in archive.namelist()]
                raise ValueError(f"{path}: no key {key!r}; found {brief(found)}.")
            with archive.open(f"{key}.npy") as member:
                array = _read_npy(member, path, key)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except _NO_ARCHIVE as error:
        raise ValueError(f"{path}: not a whole npz file ({brief(error)}).") from error
    return array.item() if array.dtype.hasobject and array.ndim == 0 else array


def _read_npy(member: Stream, path: str | Path, key: str) -> np.ndarray:
    try:
        version = npy.read_magic(member)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        _, _, dtype = read_header(member)
    except (*BROKEN, SyntaxError, RecursionError, TokenError) as error:
        raise ValueError(f"{path}: not a whole npz file ({brief(error)}).") from error
    if not dtype.hasobject:
        return read_npz(path, (), (key,))[key]
    array = _load(member, path, None)
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path}: expected an array, got {type(array).__name__}.")
    return array


def _load(stream: Stream, path: str | Path, spill: str | Path | None) -> Any:
    try:
        return SafeUnpickler(stream, None if spill is None else Path(spill)).load()
    except BROKEN as error:
        raise ValueError(
            f"{path}: not a pickle of arrays and plain values: {brief(error)}."
        ) from error


def _dtype(name: str, *_flags: object) -> np.dtype[Any]:
    """Return a dtype of numbers, texts or objects; no records, whose layout could be forged."""
    if not re.fullmatch(r"b1|[iu][1248]|f(2|4|8|16)|c(8|16|32)|[SU]\d{1,6}|O8?", name):
        raise ValueError(f"arrays of dtype {name!r} are not read")
    return np.dtype(name)


def _array(shape: tuple[int, ...], dtype: np.dtype[Any], raw: Any, order: Any = "C") -> np.ndarray:
    if dtype.hasobject:
        flat = np.empty(len(raw), object)
        for i, item in enumerate(raw):
            flat[i] = item
    elif isinstance(raw, np.memmap):
        flat = raw.view(dtype)
    else:
        flat = np.frombuffer(raw.encode("latin1") if isinstance(raw, str) else raw, dtype)
    return flat.reshape(shape, order=order)


def _from_buffer(
    raw: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: str, axes: Any = None
) -> np.ndarray:
    """Return an array of protocol 5; ``axes`` is given if its order is neither C nor Fortran."""
    if axes is None:
        return _array(shape, dtype, raw, order)
    return _array(shape, dtype, raw).transpose(axes)


def _scalar(dtype: np.dtype[Any], raw: Any) -> Any:
    return _array((1,), dtype, [raw] if dtype.hasobject else raw)[0]


def _encode(text: str, encoding: str) -> bytes:
    """Return bytes as written before protocol 3."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"bytes in the encoding {encoding!r} are not read")
    return text.encode(encoding)


def _reconstruct(*_: object) -> np.ndarray:
    """Return an array whose shape and content follow as its state."""
    return np.empty(0)


_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray.__name__,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): dict,
}
for _numpy in ("numpy.core", "numpy._core"):
    _NAMES |= {
        (f"{_numpy}.multiarray", "_reconstruct"): _reconstruct,
        (f"{_numpy}.multiarray", "scalar"): _scalar,
        (f"{_numpy}.numeric", "_frombuffer"): _from_buffer,
    }
for _builtins in ("builtins", "__builtin__"):
    _NAMES |= {
        (_builtins, "bytes"): lambda: b"",
        (_builtins, "complex"): complex,
        (_builtins, "frozenset"): frozenset,
        (_builtins, "set"): set,
    }


class SafeUnpickler(pickle._Unpickler):
    """Python's unpickler in Python: the C one cannot override bytes and states."""

    stack: list[Any]
    memo: dict[int, Any]
    read: Callable[[int], bytes]

    def __init__(self, stream: Stream, spill: Path | None) -> None:
        super().__init__(stream, encoding="latin1")
        self.spill = spill
        self.spilled = 0
        self.nested: dict[int, tuple[Any, int, int]] = {}  # id -> tuple, depth, items in all

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise ValueError(f"it calls {module}.{name}, which is refused")
        return _NAMES[module, name]

    def get_extension(self, code: int) -> None:
        raise ValueError(f"it calls the registered extension {code}, which is refused")

    def build(self) -> None:
        """Apply a state to the array or dtype on the stack; refuse it for anything else."""
        state, old = self.stack.pop(), self.stack[-1]
        if isinstance(old, np.ndarray):
            _, shape, dtype, fortran, raw = state
            new = _array(shape, dtype, raw, "F" if fortran else "C")
        elif isinstance(old, np.dtype):
            # A dtype's name lacks the byte order.
            new = old.newbyteorder(state[1]) if state[1] in ("<", ">") else old
        else:
            raise ValueError(f"it gives a state to a {type(old).__name__}, which is refused")
        self.stack[-1] = new
        # The memo holds the object without its state, and may refer to it again.
        for key in reversed(self.memo):
            if self.memo[key] is old:
                self.memo[key] = new
                break

    def push_tuple(self, items: list[Any]) -> None:
        """Append a tuple; refuse one whose hash would exhaust the stack or take forever."""
        inner = [self.nested.get(id(x), (x, 1, len(x))) for x in items if type(x) is tuple]
        made = tuple(items)
        if inner:
            depth, size = 1 + max(x[1] for x in inner), len(items) + sum(x[2] for x in inner)
            if depth > _MOST_DEPTH or size > _MOST_ITEMS:
                raise ValueError("its tuples are nested too deep")
            self.nested[id(made)] = made, depth, size
        self.stack.append(made)

    def tuple_of_marked(self) -> None:
        self.push_tuple(self.pop_mark())  # type: ignore[attr-defined]

    def tuple_of_1(self) -> None:
        self.push_tuple([self.stack.pop()])

    def tuple_of_2(self) -> None:
        self.push_tuple([self.stack.pop() for _ in range(2)][::-1])

    def tuple_of_3(self) -> None:
        self.push_tuple([self.stack.pop() for _ in range(3)][::-1])

    def short_text(self) -> None:
        self._push_text(self.read(1)[0])

    def text(self) -> None:
        self._push_text(int.from_bytes(self.read(4), "little"))

    def _push_text(self, size: int) -> None:
        # A name that stands at millions of frames is kept once.
        self.stack.append(sys.intern(str(self.read(size), "utf-8", "surrogatepass")))

    def short_bytes(self) -> None:
        self._push_bytes(int.from_bytes(self.read(4), "little"))

    def long_bytes(self) -> None:
        self._push_bytes(int.from_bytes(self.read(8), "little"))

    def _push_bytes(self, size: int) -> None:
        spilled = self.spill is not None and size >= SPILL_BYTES
        data = self._spill(size) if spilled else self.read(size)
        if len(data) < size:
            raise EOFError("it is truncated")
        self.stack.append(data)

    def _spill(self, size: int) -> Any:
        """Copy bytes from the stream to a file; return them memory-mapped."""
        assert self.spill is not None
        path = self.spill / f"{self.spilled}.bytes"
        self.spilled += 1
        with path.open("wb") as file:
            while size and (part := self.read(min(size, _CHUNK))):
                size -= file.write(part)
        return np.memmap(path, np.uint8, mode="r")

    dispatch: ClassVar[dict[int, Any]] = pickle._Unpickler.dispatch | {
        pickle.BUILD[0]: build,
        pickle.TUPLE[0]: tuple_of_marked,
        pickle.TUPLE1[0]: tuple_of_1,
        pickle.TUPLE2[0]: tuple_of_2,
        pickle.TUPLE3[0]: tuple_of_3,
        pickle.SHORT_BINUNICODE[0]: short_text,
        pickle.BINUNICODE[0]: text,
        pickle.BINBYTES[0]: short_bytes,
        pickle.BINBYTES8[0]: long_bytes,
        pickle.BYTEARRAY8[0]: long_bytes,
    }
