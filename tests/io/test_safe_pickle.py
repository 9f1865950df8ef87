"""Pickles: arrays and plain values are read; all else is refused and not run."""

import copyreg
import functools
import os
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tcpformer.io.safe_pickle import SPILL_BYTES, read_pickle, read_pickled_npz

GRID = np.arange(24.0).reshape(2, 3, 4)
ARRAYS = {
    "plain": GRID,
    "fortran": np.asfortranarray(GRID),
    "turned": GRID.transpose(1, 0, 2),
    "sliced": GRID[:, ::2],
    "big end first": np.arange(3, dtype=">f4"),
    "half": np.ones(2, np.float16),
    "whole": np.arange(4, dtype=np.int16),
    "truth": np.array([True, False]),
    "texts": np.array(["ab", "cde"]),
    "bytes": np.array([b"a", b"bc"]),
    "complex": np.array([1j]),
    "empty": np.zeros((0, 3), np.float32),
    "one": np.array(3.0),
}
VALUES = [
    None, True, 7, 10**30, 2.5, 1j, "text", b"", b"bytes", [1, [2]], (), (1, (2, 3)),
    {"a": {"b": 1}}, {1, 2}, frozenset({3}), OrderedDict(a=1), np.float32(2.5), np.int64(3),
    np.str_("hé"), np.bool_(True),
]  # fmt: skip


def written(path: Path, value: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)


# What comes back


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ARRAYS)
def test_read_pickle_inverts_dumps_for_arrays(tmp_path: Path, name: str, protocol: int) -> None:
    found = read_pickle(written(tmp_path / "a.pkl", {"x": ARRAYS[name]}, protocol))["x"]
    assert same(found, ARRAYS[name])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_read_pickle_inverts_dumps_for_values(tmp_path: Path, value: object, protocol: int) -> None:
    assert read_pickle(written(tmp_path / "a.pkl", [value, value], protocol)) == [value, value]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_read_pickle_keeps_identity(tmp_path: Path, protocol: int) -> None:
    x = np.arange(3, dtype=">i4")
    first, second, third = read_pickle(written(tmp_path / "a.pkl", [x, x, x + 1], protocol))
    assert first is second
    assert same(third, x + 1)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_read_pickle_of_object_arrays(tmp_path: Path, protocol: int) -> None:
    x = np.array([[{"a": GRID}, None], [[1, 2], "text"]], dtype=object)
    found = read_pickle(written(tmp_path / "a.pkl", x, protocol))
    assert found.shape == x.shape
    assert same(found[0, 0].pop("a"), GRID)
    assert found[1].tolist() == x[1].tolist()


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_read_pickle_knows_the_names_of_older_numpy(tmp_path: Path, protocol: int) -> None:
    data = pickle.dumps([GRID, np.float32(2.5)], protocol)
    (tmp_path / "a.pkl").write_bytes(data.replace(b"numpy._core", b"numpy.core"))
    grid, number = read_pickle(tmp_path / "a.pkl")
    assert same(grid, GRID)
    assert number == np.float32(2.5)


def test_read_pickle_of_python_2(tmp_path: Path) -> None:
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        b"(I1\n(I2\ntcnumpy\ndtype\n(S'i2'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
        b"I00\nS'\\x01\\x00\\xff\\x00'\ntb"
    )
    (tmp_path / "a.pkl").write_bytes(b"(dS'x'\n" + array + b"s.")
    assert same(read_pickle(tmp_path / "a.pkl")["x"], np.array([1, 255], np.int16))


@pytest.mark.parametrize("value", [{"a": GRID}, [1, "two"], {"x": {"y": [GRID, GRID]}}])
def test_read_pickled_npz_returns_the_object(tmp_path: Path, value: Any) -> None:
    np.savez_compressed(tmp_path / "a.npz", data=np.array({"it": value}, dtype=object), grid=GRID)
    assert str(read_pickled_npz(tmp_path / "a.npz", "data")["it"]) == str(value)
    assert same(read_pickled_npz(tmp_path / "a.npz", "grid"), GRID)


def test_read_pickled_npz_names_a_file_whose_members_have_no_names(tmp_path: Path) -> None:
    """A name that is marked as UTF-8 and is none stops the zip reader of Python."""
    named: dict[str, Any] = {"é": GRID}
    np.savez(tmp_path / "a.npz", **named)
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content.replace("é.npy".encode(), b"\xe2(.npy"))
    with pytest.raises(ValueError, match=r"a\.npz: not a whole npz file"):
        read_pickled_npz(tmp_path / "a.npz", "data")


# Large arrays


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("layout", ["C", "F", "turned"])
def test_read_pickle_spills_large_arrays(tmp_path: Path, protocol: int, layout: str) -> None:
    x = np.arange(SPILL_BYTES // 4, dtype=np.float32).reshape(2, -1, 8)
    x = x.transpose(1, 0, 2) if layout == "turned" else np.asarray(x, order=layout)  # type: ignore[call-overload]
    path = written(tmp_path / "a.pkl", {"x": x, "again": x, "small": GRID, "y": -x}, protocol)
    (tmp_path / "spill").mkdir()
    found = read_pickle(path, spill=tmp_path / "spill")
    assert same(found["x"], x)
    assert same(found["y"], -x)
    assert found["again"] is found["x"]
    assert not isinstance(found["small"], np.memmap)
    # numpy itself writes an array in no order of memory as a copy, before protocol 5.
    assert isinstance(found["x"], np.memmap)
    assert len(list((tmp_path / "spill").iterdir())) == 2


# What is refused


class Gadget:
    """Pickled as a call of something."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


class Plain:
    """A class with a state."""

    def __init__(self) -> None:
        self.x = 1


def gadgets(canary: Path) -> dict[str, tuple[Any, str]]:
    """What leaves a file behind if it is run, and how the refusal must call it."""
    code = f"__import__('pathlib').Path({str(canary)!r}).touch()"
    return {
        "system": (Gadget(os.system, (f"touch {canary}",)), "posix.system"),
        "mknod": (Gadget(os.mknod, (str(canary),)), "posix.mknod"),
        "eval": (Gadget(eval, (code,)), r"(builtins|__builtin__)\.eval"),
        "exec": (Gadget(exec, (code,)), r"(builtins|__builtin__)\.exec"),
        "map": (
            Gadget(max, (Gadget(map, (Gadget(functools.partial, (eval,)), [code, "1"])),)),
            r"(builtins|__builtin__)\.max",
        ),
        "numpy": (Gadget(np.save, (str(canary), 1)), "numpy.save"),
    }


def refused(path: Path, name: str, read: Callable[[Path], Any] = read_pickle) -> None:
    with pytest.raises(ValueError, match=f"calls {name}, which is refused"):
        read(path)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    # numpy.save adds a suffix that is not there.
    return tmp_path / "canary.npy"


def nested(x: object) -> object:
    return {"a": [1, (np.array([GRID, {"b": x}], dtype=object),)]}


@pytest.mark.parametrize("nesting", [lambda x: x, nested], ids=["bare", "nested"])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("name", gadgets(Path()))
def test_read_pickle_runs_nothing(
    tmp_path: Path, canary: Path, name: str, protocol: int, nesting: Callable[[Any], Any]
) -> None:
    gadget, called = gadgets(canary)[name]
    path = written(tmp_path / "a.pkl", nesting(gadget), protocol)
    with suppress(TypeError):
        pickle.loads(path.read_bytes())
    assert canary.exists(), "the trap itself does not work"
    canary.unlink()
    refused(path, called)
    assert not canary.exists()


def test_read_pickled_npz_runs_nothing(tmp_path: Path, canary: Path) -> None:
    x = np.array({"a": gadgets(canary)["mknod"][0]}, dtype=object)
    np.savez(tmp_path / "a.npz", data=x)
    with np.load(tmp_path / "a.npz", allow_pickle=True) as file:
        _ = file["data"]
    assert canary.exists(), "the trap itself does not work"
    canary.unlink()
    refused(tmp_path / "a.npz", "posix.mknod", lambda path: read_pickled_npz(path, "data"))
    assert not canary.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_read_pickle_refuses_classes(tmp_path: Path, protocol: int) -> None:
    refused(
        written(tmp_path / "a.pkl", [Plain()], protocol),
        r"(copyreg|copy_reg|[\w.]*safe_pickle)\.\w+",
    )


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"(S'touch %s'\nios\nsystem\n.", "os.system"),
        (b"(cos\nsystem\nS'touch %s'\no.", "os.system"),
        (b"\x80\x02cos\nsystem\n(S'touch %s'\nt\x81.", "os.system"),
        (b"cfunctools\npartial\n(cos\nsystem\nS'touch %s'\ntR(tR.", "functools.partial"),
        (b"ccopyreg\n_reconstructor\n(cos\nsystem\nc__builtin__\nobject\nNtR.", "copyreg._.*"),
    ],
    ids=["INST", "OBJ", "NEWOBJ", "partial", "copyreg"],
)
def test_read_pickle_refuses_names_of_every_opcode(
    tmp_path: Path, canary: Path, data: bytes, name: str
) -> None:
    (tmp_path / "a.pkl").write_bytes(data.replace(b"%s", str(canary).encode()))
    refused(tmp_path / "a.pkl", name)
    assert not canary.exists()


CALLABLES = [
    *("os system", "posix system", "nt system", "os popen", "os execv", "os spawnl", "os remove"),
    *("os fork", "subprocess Popen", "subprocess run", "subprocess check_output", "pty spawn"),
    *("builtins eval", "builtins exec", "builtins compile", "builtins open", "builtins __import__"),
    *("builtins getattr", "builtins setattr", "builtins globals", "builtins vars", "builtins type"),
    *(
        "builtins map",
        "builtins filter",
        "builtins input",
        "builtins breakpoint",
        "builtins object",
    ),
    *("builtins bytearray", "builtins memoryview", "builtins range", "builtins str"),
    *("importlib import_module", "importlib.util spec_from_file_location", "runpy run_path"),
    *("runpy _run_code", "code InteractiveInterpreter", "codeop compile_command", "pdb run"),
    *("timeit timeit", "cProfile run", "profile run", "trace Trace", "doctest debug_script"),
    *("functools partial", "functools reduce", "operator attrgetter", "operator methodcaller"),
    *("operator itemgetter", "types CodeType", "types FunctionType", "types SimpleNamespace"),
    *(
        "pickle loads",
        "_pickle loads",
        "pickle _loads",
        "marshal loads",
        "shelve open",
        "dill loads",
    ),
    *(
        "joblib load",
        "cloudpickle loads",
        "numpy load",
        "numpy save",
        "numpy memmap",
        "numpy fromfile",
    ),
    *("numpy.testing._private.utils runstring", "numpy f2py", "numpy.core.multiarray fromfile"),
    *(
        "numpy.core.multiarray set_typeDict",
        "numpy.ctypeslib load_library",
        "numpy.distutils exec_command",
    ),
    *("ctypes CDLL", "ctypes cast", "ctypes string_at", "_ctypes dlopen", "cffi FFI", "mmap mmap"),
    *("io open", "_io FileIO", "pathlib Path", "pathlib PosixPath", "shutil rmtree", "shutil copy"),
    *(
        "tempfile mktemp",
        "zipfile ZipFile",
        "tarfile open",
        "socket socket",
        "socket create_connection",
    ),
    *("urllib.request urlopen", "http.client HTTPConnection", "smtplib SMTP", "webbrowser open"),
    *(
        "asyncio run",
        "threading Thread",
        "multiprocessing Process",
        "concurrent.futures ThreadPoolExecutor",
    ),
    *(
        "signal raise_signal",
        "sys exit",
        "sys settrace",
        "sys modules",
        "gc get_objects",
        "atexit register",
    ),
    *(
        "logging.config fileConfig",
        "logging FileHandler",
        "pip main",
        "ensurepip bootstrap",
        "venv create",
    ),
    *("pydoc locate", "pydoc pipepager", "inspect getsource", "linecache getlines", "site main"),
    *("torch load", "torch.hub load", "torch.jit load", "torch.utils.cpp_extension load_inline"),
    *("torch._utils _rebuild_tensor_v2", "torch.storage _load_from_bytes", "torch FloatStorage"),
    *(
        "tcpformer.io.safe_pickle pickle",
        "tcpformer.io.safe_pickle read_pickle",
        "tcpformer lift_file",
    ),
    *("collections OrderedDict.__class__", "collections defaultdict", "collections namedtuple"),
    *(
        "copyreg _reconstructor",
        "copyreg __newobj__",
        "copy_reg _reconstructor",
        "commands getoutput",
    ),
    *(
        "numpy ndarray.__class__.__subclasses__",
        "numpy dtype.__init__.__globals__",
        "numpy core.os",
    ),
    *("__main__ anything", "__builtin__ eval", "__builtin__ apply", "__builtin__ file", " ", ". ."),
]
"""Modules and names of them that a pickle could call."""
OPCODES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "GLOBAL REDUCE": lambda m, n: b"c" + m + b"\n" + n + b"\n(S'x'\ntR.",
    "STACK_GLOBAL": lambda m, n: b"\x80\x04" + short(m) + short(n) + b"\x93)R.",
    "STACK_GLOBAL memoized": lambda m, n: (
        b"\x80\x04" + short(m) + b"\x940" + short(n) + b"\x940h\0h\1\x93)R."
    ),
    "INST": lambda m, n: b"(S'x'\ni" + m + b"\n" + n + b"\n.",
    "OBJ": lambda m, n: b"(c" + m + b"\n" + n + b"\nS'x'\no.",
    "NEWOBJ": lambda m, n: b"\x80\x02c" + m + b"\n" + n + b"\n)\x81.",
    "NEWOBJ_EX": lambda m, n: b"\x80\x04c" + m + b"\n" + n + b"\n)}\x92.",
    "BUILD": lambda m, n: b"c" + m + b"\n" + n + b"\n}S'x'\nI1\nsb.",
    "in a frame": lambda m, n: b"\x80\x04\x95\x40" + bytes(7) + b"c" + m + b"\n" + n + b"\n)R.",
    "as an argument": lambda m, n: b"cnumpy\ndtype\n(c" + m + b"\n" + n + b"\ntR.",
    "as a state": lambda m, n: b"cnumpy\ndtype\n(S'f8'\ntRc" + m + b"\n" + n + b"\nb.",
}
"""Pickles that use a name, by the opcode that does."""


def short(text: bytes) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text


@pytest.mark.parametrize("opcode", OPCODES)
def test_read_pickle_refuses_every_callable(tmp_path: Path, opcode: str) -> None:
    path, before = tmp_path / "a.pkl", set(sys.modules)
    for text in CALLABLES:
        module, _, name = text.partition(" ")
        path.write_bytes(OPCODES[opcode](module.encode(), name.encode()))
        with pytest.raises(ValueError, match=r"which is refused|a.pkl: not a pickle"):
            read_pickle(path)
    assert set(sys.modules) == before, "a module was imported"


@pytest.mark.parametrize("data", [b"Px\n.", b"\x80\x02U\x01xQ.", b"\x80\x02(U\x01xtQ."])
def test_read_pickle_refuses_persistent_ids(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.pkl").write_bytes(data)
    with pytest.raises(ValueError, match="not a pickle of arrays"):
        read_pickle(tmp_path / "a.pkl")


@pytest.mark.parametrize("code", [b"\x82\x01", b"\x83\x01\x01", b"\x84\x01\0\0\0"])
def test_read_pickle_refuses_extension_codes(tmp_path: Path, code: bytes) -> None:
    (tmp_path / "a.pkl").write_bytes(b"\x80\x02" + code + b")R.")
    with pytest.raises(ValueError, match=r"the registered extension \d+, which is refused"):
        read_pickle(tmp_path / "a.pkl")


@pytest.mark.parametrize("data", [b"\x80\x05\x97.", b"\x80\x05\x97\x98."])
def test_read_pickle_refuses_buffers_from_outside(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.pkl").write_bytes(data)
    with pytest.raises(ValueError, match="not a pickle of arrays"):
        read_pickle(tmp_path / "a.pkl")


@pytest.mark.parametrize("name", ["../a.npy", "/tmp/a.npy", "..\\a.npy", "a/../../b.npy"])
def test_read_pickled_npz_writes_no_entry(tmp_path: Path, name: str) -> None:
    """Entries are read by name and never unpacked, whatever path they have."""
    (tmp_path / "in").mkdir()
    np.savez(tmp_path / "in" / "a.npz", data=GRID)
    with zipfile.ZipFile(tmp_path / "in" / "a.npz", "a") as archive:
        archive.writestr(name, b"outside")
        link = zipfile.ZipInfo("data2.npy")
        link.external_attr = 0o120777 << 16  # a symbolic link
        archive.writestr(link, "/etc/hostname")
    assert same(read_pickled_npz(tmp_path / "in" / "a.npz", "data"), GRID)
    with pytest.raises(ValueError, match=r"a\.npz"):
        read_pickled_npz(tmp_path / "in" / "a.npz", "data2")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.npz", "in"]


def test_read_pickle_refuses_registered_extensions(tmp_path: Path, canary: Path) -> None:
    """Python keeps what such a number stands for, and would not ask again."""
    copyreg.add_extension("posix", "system", 240)
    try:
        data = pickle.dumps(Gadget(os.system, (f"touch {canary}",)), 2)
        assert b"posix" not in data
        pickle.loads(data)
        canary.unlink()
        (tmp_path / "a.pkl").write_bytes(data)
        refused(tmp_path / "a.pkl", "the registered extension 240")
        assert not canary.exists()
    finally:
        copyreg.remove_extension("posix", "system", 240)


def test_read_pickle_refuses_forged_arrays(tmp_path: Path) -> None:
    """Its own reconstruction would make anything, of any size, with any layout of memory."""
    rebuild: Any = GRID.__reduce__()[0]
    refused(
        written(tmp_path / "a.pkl", Gadget(rebuild, (Plain, (0,), b"b"))),
        r"[\w.]*safe_pickle\.Plain",
    )
    huge = Gadget(rebuild, (np.ndarray, (1 << 50,), b"d"))
    assert read_pickle(written(tmp_path / "b.pkl", huge)).size == 0
    lying = Gadget(
        rebuild, (np.ndarray, (0,), b"b"), (1, (9, 9), np.dtype("f8"), False, b"12345678")
    )
    record = np.zeros(2, dtype=[("a", "O"), ("b", "f4")])
    pointer: Any = np.float64(0).__reduce__()[0]
    unpickled = Gadget(pointer, (np.dtype("O"), b"\1" * 8))
    dtype = Gadget(np.dtype, ("f8", False, True), (3, "|", None, ("a",), {"a": (1, 2)}, 999, 1, 63))
    for i, value in enumerate((lying, record)):
        with pytest.raises(ValueError, match="not a pickle of arrays"):
            read_pickle(written(tmp_path / f"{i}.pkl", value))
    assert read_pickle(written(tmp_path / "c.pkl", unpickled)) == b"\1" * 8
    assert read_pickle(written(tmp_path / "d.pkl", dtype)) == np.dtype("f8")


def test_read_pickle_quotes_the_start_of_a_long_error(tmp_path: Path) -> None:
    made = pickle.dumps([f"text {i}" for i in range(1000)])[:-1] + b"K\x05R."  # calls the list
    (tmp_path / "a.pkl").write_bytes(made)
    with pytest.raises(ValueError, match="not a pickle of arrays") as caught:
        read_pickle(tmp_path / "a.pkl")
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


def test_read_pickle_refuses_states_of_other_objects(tmp_path: Path) -> None:
    value = Gadget(OrderedDict, (), {"x": 1})
    with pytest.raises(ValueError, match="a state to a dict, which is refused"):
        read_pickle(written(tmp_path / "a.pkl", value))


# Broken files


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_read_pickle_refuses_truncated_files(tmp_path: Path, protocol: int) -> None:
    data = pickle.dumps({"x": np.arange(5.0), "y": ["a", 1, 2.5]}, protocol)
    path = tmp_path / "a.pkl"
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match="not a pickle of arrays"):
            read_pickle(path)


def test_read_pickle_refuses_truncated_large_arrays(tmp_path: Path) -> None:
    data = pickle.dumps(np.zeros(SPILL_BYTES // 4), 4)
    (tmp_path / "a.pkl").write_bytes(data[: SPILL_BYTES + 500])
    for spill in (None, tmp_path):
        with pytest.raises(ValueError, match=r"truncated|exhausted"):
            read_pickle(tmp_path / "a.pkl", spill=spill)


def test_read_pickle_of_a_forged_size_allocates_nothing(tmp_path: Path) -> None:
    for size in (1 << 40, (1 << 63) - 1):
        (tmp_path / "a.pkl").write_bytes(b"\x80\x04\x8e" + struct.pack("<Q", size) + b"abc.")
        for spill in (None, tmp_path):
            with pytest.raises(ValueError, match="not a pickle of arrays"):
                read_pickle(tmp_path / "a.pkl", spill=spill)


@pytest.mark.parametrize(
    "tuples",
    [b")" + b"\x85" * 10**6, b"N\x85" + b"2\x86" * 50],
    ids=["deep", "doubled"],
)
def test_read_pickle_refuses_tuples_nested_too_deep(tmp_path: Path, tuples: bytes) -> None:
    """As a key, the first exhausts the stack of C; the hash of the second takes forever."""
    (tmp_path / "a.pkl").write_bytes(b"\x80\x02}" + tuples + b"Ns.")
    with pytest.raises(ValueError, match="nested too deep"):
        read_pickle(tmp_path / "a.pkl")


@pytest.mark.parametrize("value", [{((1, 2), (3, (4, 5))): 6}, ((((), ()),),) * 1000])
def test_read_pickle_inverts_dumps_for_nested_tuples(tmp_path: Path, value: object) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert read_pickle(written(tmp_path / "a.pkl", value, protocol)) == value


def test_read_pickle_names_missing_files_and_keys(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", grid=GRID)
    with pytest.raises(FileNotFoundError, match=r"b\.pkl"):
        read_pickle(tmp_path / "b.pkl")
    with pytest.raises(FileNotFoundError, match=r"b\.npz"):
        read_pickled_npz(tmp_path / "b.npz", "grid")
    with pytest.raises(ValueError, match=r"no key 'data'; found \['grid'\]"):
        read_pickled_npz(tmp_path / "a.npz", "data")
    (tmp_path / "c.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="not a whole npz"):
        read_pickled_npz(tmp_path / "c.npz", "data")
    assert len(list(tmp_path.iterdir())) == 2


def test_read_pickled_npz_refuses_a_directory_in_a_wrong_place(tmp_path: Path) -> None:
    """The operating system refuses to seek before the start of the file."""
    np.savez(tmp_path / "a.npz", data=np.arange(3))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    end = content.rfind(b"PK\x05\x06")
    content[end + 16 : end + 20] = (2**20).to_bytes(4, "little")
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz: not a whole npz file"):
        read_pickled_npz(tmp_path / "a.npz", "data")
