"""Files that `torch.save` wrote, read without running anything that they name.

Both forms are read: the zip archive, and the sequence of pickles of PyTorch before 1.6. A pickle
calls functions by name to build what it holds. Here no name is ever imported:

- a tensor becomes a `StoredTensor`, which tells where its numbers lie; they are read on request;
- a dictionary stays one; every other object becomes a `Placeholder`, which knows only its name;
- a call is refused, unless it builds a tensor or is one of `_PLAIN`; so is every other name of
  Python's own library, even if it is not called.
"""

import math
import pickle
import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import SEEK_CUR, SEEK_END, BytesIO
from pathlib import Path
from typing import Any, BinaryIO, ClassVar
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from .safe_pickle import BROKEN, SafeUnpickler, Stream

DTYPES = {
    **{"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "int32": 4, "int64": 8},
    **{"bfloat16": 2, "float16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16},
    **{"uint16": 2, "uint32": 4, "uint64": 8, "float8_e4m3fn": 1, "float8_e5m2": 1},
}
"""Bytes of a number of each type that is read, by torch's name."""
_MOST, _MOST_AXES = 1 << 62, 64
_STORAGES = {
    "BoolStorage": "bool", "CharStorage": "int8", "ByteStorage": "uint8", "ShortStorage": "int16",
    "IntStorage": "int32", "LongStorage": "int64", "BFloat16Storage": "bfloat16",
    "HalfStorage": "float16", "FloatStorage": "float32", "DoubleStorage": "float64",
    "ComplexFloatStorage": "complex64", "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
}  # fmt: skip
_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
"""First numbers in a file of PyTorch before 1.6."""
_COUNT = 8
"""Bytes of the number that such a file has before the numbers of a storage: how many there are."""
_RENAMED = (
    ("numpy._core.", "numpy.core."), ("pathlib._local.", "pathlib."), ("torch.cuda.", "torch."),
)  # fmt: skip
_PLAIN = frozenset(
    f"{module}.{name}"
    for module, names in {
        "_codecs": "encode",
        "argparse": "Namespace",
        "builtins": "Ellipsis NotImplemented bool bytearray bytes complex dict float frozenset int "
        "list object range set slice str tuple",
        "collections": "Counter defaultdict deque",
        "copyreg": "_reconstructor",
        "datetime": "date datetime time timedelta timezone",
        "decimal": "Decimal",
        "fractions": "Fraction",
        "numpy": "dtype ndarray",
        "numpy.core.multiarray": "_reconstruct scalar",
        "numpy.core.numeric": "_frombuffer",
        "numpy.ma.core": "MaskedArray _mareconstruct",
        "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
        "numpy.random.bit_generator": "__pyx_unpickle_SeedSequence",
        "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
        "random": "Random",
        "re": "_compile",
        "torch": "Generator Size device",
        "torch._utils": "_rebuild_device_tensor_from_numpy _rebuild_qtensor _rebuild_sparse_tensor "
        "_rebuild_wrapper_subclass",
        "torch.serialization": "_get_layout",
        "types": "SimpleNamespace",
        "uuid": "UUID SafeUUID",
    }.items()
    for name in names.split()
)
"""Plain values that lie beside weights: numbers, arrays, containers, options, random states."""


class Placeholder(dict):  # type: ignore[type-arg]  # keys and values are the file's
    """Stands for an object of another kind: its name, and the items of one that is a dictionary."""

    def __init__(self, name: str) -> None:
        self.name = name

    __hash__ = object.__hash__  # type: ignore[assignment]  # objects may be keys
    __eq__ = object.__eq__

    def append(self, item: object) -> None:
        """Drop an item of a list or set."""

    extend = add = append


@dataclass(frozen=True)
class _Storage:
    key: Any
    dtype: str
    count: Any
    """How many numbers it has, as the pickle tells."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor whose numbers are not read yet; before that, its fields may hold anything."""

    storage: _Storage
    dtype: str
    """One of `DTYPES`."""
    offset: Any
    shape: tuple[Any, ...]
    stride: tuple[Any, ...]

    def span(self) -> slice:
        """Return where its bytes lie in the storage.

        Raises:
            ValueError: If it does not lie within the storage, or is larger.
        """
        sizes = (self.offset, *self.shape, *self.stride, self.storage.count)
        whole = all(type(size) is int and 0 <= size < _MOST for size in sizes)
        known = {self.dtype, self.storage.dtype} <= DTYPES.keys()
        if not (whole and known and len(self.shape) == len(self.stride) <= _MOST_AXES):
            raise ValueError(f"a tensor of {self.dtype}, with {len(self.shape)} axes, is not read")
        steps = zip(self.shape, self.stride, strict=True)
        numbers = math.prod(self.shape)
        end = self.offset + (1 + sum((n - 1) * step for n, step in steps) if numbers else 0)
        item = DTYPES[self.dtype]
        if max(end, numbers) * item > self.storage.count * DTYPES[self.storage.dtype]:
            raise ValueError(
                f"a tensor of shape {self.shape} claims more than its storage of "
                f"{self.storage.count} numbers"
            )
        return slice(self.offset * item, end * item)


class TorchFile:
    """An open file of `torch.save`: a context manager.

    Attributes:
        content: What was saved: dictionaries, lists, plain values, `StoredTensor` and
            `Placeholder`.

    Raises:
        OSError: If it cannot be opened.
        ValueError: If it is not whole, or calls something that is not known to be harmless.
    """

    content: Any

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._last: tuple[Any, bytes] = (None, b"")  # many tensors may share a storage
        self._stream = Path(path).open("rb")  # noqa: SIM115 - __exit__ closes it
        try:
            with _refusing(path):
                is_zip = self._stream.read(4) == b"PK\3\4"
                self._stream.seek(0)
                opened = _open_zip(self._stream) if is_zip else _open_pickles(self._stream)
                self.content, self._read = opened
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> "TorchFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, tensor: StoredTensor) -> bytes:
        """Return the bytes of a storage from the first to the last number of a tensor.

        Raises:
            ValueError: If the tensor does not fit its storage, or the file is damaged.
        """
        with _refusing(self._path):
            span, storage = tensor.span(), tensor.storage
            if storage.key != self._last[0]:
                data = self._read(storage)
                if len(data) != storage.count * DTYPES[storage.dtype]:
                    raise ValueError(f"storage {storage.key!r} has {len(data)} bytes")
                self._last = storage.key, data
            return self._last[1][span]


@contextmanager
def _refusing(path: str | Path) -> Iterator[None]:
    """Turn what a damaged or refused file raises into one ValueError."""
    try:
        yield
    except (*BROKEN, BadZipFile, OSError, RuntimeError) as error:
        why = str(error)[:200]
        raise ValueError(
            f"{path}: not a checkpoint of plain tensors, or damaged ({why}); nothing in it was "
            "run. If a trusted tool reads it, save its state dict alone with torch.save."
        ) from error


_Opened = tuple[Any, Callable[[_Storage], bytes]]
"""The content of a file, and what reads a storage."""


def _open_zip(stream: BinaryIO) -> _Opened:
    archive, size = ZipFile(stream), stream.seek(0, SEEK_END)
    names = archive.namelist()
    roots = [n.removesuffix("data.pkl") for n in names if f"/{n}".endswith("/data.pkl")]
    if len(roots) != 1 or f"{roots[0]}constants.pkl" in names:
        raise ValueError("a zip archive, but not of torch.save")
    root = roots[0]

    def read(name: str) -> bytes:
        info = archive.getinfo(root + name)
        if info.compress_type != ZIP_STORED or info.file_size > size:
            raise ValueError(f"its {name} is compressed or truncated")
        return archive.read(info)

    if f"{root}byteorder" in names and read("byteorder") != b"little":
        raise ValueError("its numbers are big-endian")
    content = _Unpickler(BytesIO(read("data.pkl"))).load()
    return content, lambda storage: read(f"data/{storage.key}")


def _open_pickles(stream: BinaryIO) -> _Opened:
    """Open a file of PyTorch before 1.6: pickles, then the numbers of every storage in a row."""
    magic, version, system = (_Unpickler(stream).load() for _ in range(3))
    if (magic, version) != (_MAGIC, _VERSION):
        raise ValueError("it does not begin as torch.save begins")
    if not system["little_endian"]:
        raise ValueError("its numbers are big-endian")
    unpickler = _Unpickler(stream)
    content, keys, places = unpickler.load(), _Unpickler(stream).load(), {}
    for key in keys:
        places[key] = stream.tell() + _COUNT
        count = int.from_bytes(stream.read(_COUNT), "little")
        stream.seek(count * DTYPES[unpickler.storages[key].dtype], SEEK_CUR)

    def read(storage: _Storage) -> bytes:
        stream.seek(places[storage.key])
        return stream.read(storage.count * DTYPES[storage.dtype])

    return content, read


class _Name:
    """A name in a pickle; a call of one that is not known is refused."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self, *args: Any) -> Any:
        if self.text in _BUILDERS:
            return _BUILDERS[self.text](*args)
        if self.text not in _PLAIN:
            raise ValueError(f"it calls {self.text}, which is refused")
        return Placeholder(self.text)


def _stored(storage: _Storage, offset: Any, shape: Any, stride: Any, *_: object) -> StoredTensor:
    return StoredTensor(storage, storage.dtype, offset, tuple(shape), tuple(stride))


def _stored_as(  # the arguments are torch's
    storage: _Storage,
    offset: Any,
    shape: Any,
    stride: Any,
    _: Any,
    __: Any,
    dtype: _Name,
    *___: Any,
) -> StoredTensor:
    name = dtype.text.removeprefix("torch.")
    return StoredTensor(storage, name, offset, tuple(shape), tuple(stride))


def _same(value: Any, *_: object) -> Any:
    """Return the tensor in a parameter."""
    return value


_BUILDERS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _stored,
    "torch._utils._rebuild_tensor_v2": _stored,
    "torch._utils._rebuild_tensor_v3": _stored_as,
    "torch._utils._rebuild_parameter": _same,
    "torch._utils._rebuild_parameter_with_state": _same,
    "torch.nn.parameter.Parameter": _same,
    "torch._tensor._rebuild_from_type": lambda build, _, args, __: build(*args),
    "torch._tensor._rebuild_from_type_v2": lambda build, _, args, __: build(*args),
    "collections.OrderedDict": dict,
}


class _Unpickler(SafeUnpickler):
    """Imports nothing: a name becomes a `_Name`, and an object a `Placeholder`."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream, None)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> _Name:
        module, name = NAME_MAPPING.get((module, name), (module, name))  # of Python 2
        text = f"{IMPORT_MAPPING.get(module, module)}.{name}"
        for theirs, ours in _RENAMED:
            text = ours + text.removeprefix(theirs) if text.startswith(theirs) else text
        known = text in _PLAIN or text in _BUILDERS or text.startswith("typing.")
        if not known and text.partition(".")[0] in sys.stdlib_module_names:
            raise ValueError(f"it names {text}, which is refused")
        return _Name(text)

    def persistent_load(self, pid: Any) -> Any:
        """Return the storage, or the class of a network, that a pickle refers to."""
        if pid[0] == "module":
            return pid[1]
        kind, key, _, count = pid[1:5]
        if pid[0] != "storage" or any(pid[5:]):
            raise ValueError(f"its reference {pid[0]!r} is not read")
        name: str = kind.text.rpartition(".")[2]
        self.storages[key] = _Storage(key, _STORAGES.get(name, name), count)
        return self.storages[key]

    def build(self) -> None:
        """Drop the state of an object."""
        self.stack.pop()
        if not isinstance(self.stack[-1], dict):
            raise ValueError(f"it gives a state to a {type(self.stack[-1]).__name__}")

    def make(self) -> None:
        self.stack.pop()
        self.stack[-1] = Placeholder(self.stack[-1].text)

    def make_with_keywords(self) -> None:
        self.stack.pop()
        self.make()

    dispatch: ClassVar[dict[int, Any]] = SafeUnpickler.dispatch | {
        pickle.BUILD[0]: build,
        pickle.NEWOBJ[0]: make,
        pickle.NEWOBJ_EX[0]: make_with_keywords,
    }
