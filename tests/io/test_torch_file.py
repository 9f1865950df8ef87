"""Files of torch.save: tensors, and what lies beside them, are read; a call is refused."""

import argparse
import collections
import datetime
import decimal
import enum
import fractions
import functools
import importlib
import io
import os
import pathlib
import pickle
import random
import re
import struct
import subprocess
import types
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tcpformer.io.torch_file import DTYPES, Placeholder, StoredTensor, TorchFile

FORMATS = {"zip": True, "legacy": False}
GRID = torch.arange(24.0).reshape(2, 3, 4)


def write(path: Path, content: object, form: str = "zip", **options: Any) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=FORMATS[form], **options)
    return path


def content_of(path: Path) -> Any:
    with TorchFile(path) as file:
        return file.content


def numbers(file: TorchFile, stored: StoredTensor) -> torch.Tensor:
    data = file.read(stored)
    flat = torch.frombuffer(bytearray(data), dtype=getattr(torch, stored.dtype))
    return flat.as_strided(stored.shape, stored.stride)


# Tensors


TENSORS: dict[str, torch.Tensor] = {
    "plain": GRID,
    "turned": GRID.permute(2, 0, 1),
    "part": GRID[:, 1:, ::2],
    "scalar": torch.tensor(3.0),
    "parameter": torch.nn.Parameter(GRID.clone()),
    "buffer": torch.nn.Buffer(GRID.clone()),
    **{name: torch.ones(2, 3).to(getattr(torch, name)) for name in DTYPES},
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", TENSORS)
def test_read_inverts_save(tmp_path: Path, name: str, form: str) -> None:
    tensor = TENSORS[name].detach()
    with TorchFile(write(tmp_path / "a.pt", {"x": TENSORS[name]}, form)) as file:
        found = numbers(file, file.content["x"])
    assert found.dtype == tensor.dtype
    assert found.tolist() == tensor.tolist()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_read_of_every_protocol(tmp_path: Path, form: str, protocol: int) -> None:
    path = write(tmp_path / "a.pt", [GRID, GRID + 1], form, pickle_protocol=protocol)
    with TorchFile(path) as file:
        first, second = (numbers(file, each) for each in file.content)
    assert torch.equal(first, GRID)
    assert torch.equal(second, GRID + 1)


@pytest.mark.parametrize("form", FORMATS)
def test_read_of_tensors_that_share_a_storage(tmp_path: Path, form: str) -> None:
    with TorchFile(write(tmp_path / "a.pt", [GRID, GRID[1], GRID[:, 2]], form)) as file:
        found = [numbers(file, each) for each in file.content]
    assert [torch.equal(x, y) for x, y in zip(found, (GRID, GRID[1], GRID[:, 2]), strict=True)]
    assert len({each.storage.key for each in file.content}) == 1


def test_read_of_a_file_from_a_gpu(tmp_path: Path) -> None:
    """Before 1.6 the class of a storage named the device."""
    data = write(tmp_path / "a.pt", {"x": GRID}, "legacy").read_bytes()
    assert b"ctorch\nFloatStorage" in data
    data = data.replace(b"ctorch\nFloatStorage", b"ctorch.cuda\nFloatStorage")
    (tmp_path / "b.pt").write_bytes(data.replace(b"\3\0\0\0cpu", b"\6\0\0\0cuda:0"))
    with TorchFile(tmp_path / "b.pt") as file:
        assert torch.equal(numbers(file, file.content["x"]), GRID)


def forged(tmp_path: Path, **changes: Any) -> tuple[TorchFile, StoredTensor]:
    file = TorchFile(write(tmp_path / "a.pt", {"x": torch.zeros(4)}))
    stored = file.content["x"]
    return file, StoredTensor(**{**vars(stored), **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"offset": 1},
        {"offset": -1},
        {"shape": (5,)},
        {"shape": (1 << 40,), "stride": (0,)},
        {"stride": (2,)},
        {"shape": (2, 2)},
        {"shape": (-4,)},
        {"shape": (4.0,)},
        {"shape": ("4",)},
        {"dtype": "float64"},
        {"dtype": "Generator"},
    ],
)
def test_read_refuses_what_is_not_in_the_storage(tmp_path: Path, changes: dict[str, Any]) -> None:
    file, stored = forged(tmp_path, **changes)
    with file, pytest.raises(ValueError, match=r"a\.pt: .*(claims more|is not read)"):
        file.read(stored)


# What lies beside the tensors


class Options(dict):  # type: ignore[type-arg]
    """A dictionary with attributes, as EasyDict and Lightning's AttributeDict are."""


class Callback:
    def __init__(self) -> None:
        self.best = torch.zeros(2)


Point = collections.namedtuple("Point", "x y")


def circle() -> list[object]:
    inner: list[object] = []
    inner.append(collections.OrderedDict(inner=inner))
    return inner


HARMLESS: dict[str, Callable[[], Any]] = {
    **{
        f"numpy.{kind.__name__}": functools.partial(kind, 3)
        for kind in (
            *(np.float64, np.float32, np.float16, np.int64, np.int32, np.uint8, np.bool_),
            *(np.complex64, np.str_, np.bytes_),
        )
    },
    "numpy.datetime64": lambda: np.datetime64("2026-01-01"),
    "dtype": lambda: [np.dtype("f4"), np.dtype(">i2"), np.dtype([("a", "f4"), ("b", "O")])],
    "array": lambda: np.arange(6).reshape(2, 3),
    "array of objects": lambda: np.array([{"a": 1}, None], dtype=object),
    "array of records": lambda: np.zeros(2, [("a", "f4"), ("b", "i8")]),
    "masked array": lambda: np.ma.masked_array([1, 2], [True, False]),
    "Namespace": lambda: argparse.Namespace(lr=np.float64(0.1), out=Path("runs"), names={"a"}),
    "SimpleNamespace": lambda: types.SimpleNamespace(a=1, b=[2]),
    "OrderedDict": lambda: collections.OrderedDict(a=1),
    "defaultdict": lambda: collections.defaultdict(list, {"a": [1]}),
    "Counter": lambda: collections.Counter("abc"),
    "deque": lambda: collections.deque([1, 2], maxlen=3),
    "sets": lambda: [{1, 2}, frozenset({3}), {"a", ("b", 1)}],
    "bytes": lambda: [b"abc", bytearray(b"abc"), 1j, range(3), slice(1, 2), ...],
    "paths": lambda: [Path("a/b"), pathlib.PureWindowsPath("c:/d"), pathlib.PurePosixPath("e")],
    "times": lambda: [
        datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        datetime.timedelta(hours=1),
        datetime.date(2026, 1, 2),
        datetime.time(1, 2),
    ],
    "numbers": lambda: [decimal.Decimal("1.5"), fractions.Fraction(1, 3), uuid.uuid4()],
    "pattern": lambda: re.compile("a+"),
    "random state of torch": torch.get_rng_state,
    "random state of numpy": np.random.get_state,
    "random state of python": random.getstate,
    "generators": lambda: [np.random.default_rng(0), np.random.RandomState(0), random.Random(0)],
    "torch": lambda: [torch.device("cpu"), torch.Size([1, 2]), torch.float16, torch.strided],
    "sparse": lambda: torch.eye(3).to_sparse(),
    "optimizer": lambda: {
        "state": {0: {"step": torch.tensor(1.0), "exp_avg": GRID}},
        "param_groups": [{"lr": np.float64(1e-3), "betas": (0.9, 0.999), "params": [0]}],
    },
    "whole network": lambda: torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.GELU()),
    "types": lambda: {int: 1, Callback: 2, np.float32: 3, torch.nn.Linear: 4},
    "object": Callback,
    "options": lambda: Options(a=Options(b=np.float64(1))),
    "named tuple": lambda: Point(1, np.int64(2)),
    "circle": circle,
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", HARMLESS)
def test_content_beside_tensors_is_read(tmp_path: Path, name: str, form: str) -> None:
    path = write(tmp_path / "a.pt", {"beside": HARMLESS[name](), "x": GRID}, form)
    with TorchFile(path) as file:
        assert torch.equal(numbers(file, file.content["x"]), GRID)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_content_beside_tensors_is_read_in_later_protocols(tmp_path: Path, protocol: int) -> None:
    content = {name: value() for name, value in HARMLESS.items()}
    path = write(tmp_path / "a.pt", content, pickle_protocol=protocol)
    assert content_of(path).keys() == content.keys()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("now", "other"),
    [
        (b"numpy._core", b"numpy.core"),
        (b"__builtin__", b"builtins"),
        (b"pathlib\n", b"pathlib._local\n"),
    ],
)
def test_content_of_other_versions_is_read(
    tmp_path: Path, now: bytes, other: bytes, form: str
) -> None:
    values = [np.float64(38.2), np.arange(3), Path("a"), {1}]
    path = write(tmp_path / "a.pt", values, "legacy")
    data = path.read_bytes()
    assert now in data
    path.write_bytes(data.replace(now, other))
    assert len(content_of(path)) == len(values)


def test_content_holds_placeholders_for_objects(tmp_path: Path) -> None:
    content = {"a": Callback(), "b": Options(c=1), "d": np.float64(1), Callback: 5}
    found = content_of(write(tmp_path / "a.pt", content))
    assert isinstance(found["a"], Placeholder)
    assert found["a"].name.endswith("test_torch_file.Callback")
    assert dict(found["b"]) == {"c": 1}
    assert found["d"].name == "numpy.core.multiarray.scalar"


# What is refused


class Gadget:
    """Pickled as a call of something."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


REBUILD = importlib.import_module("torch._tensor")._rebuild_from_type_v2


class Level(enum.Enum):
    HIGH = 1


def calls(canary: Path) -> dict[str, tuple[Any, str]]:
    """Return what runs something in an ordinary unpickler, and how the refusal names it."""
    code = f"__import__('pathlib').Path({str(canary)!r}).touch()"
    builtin = r"builtins\."
    return {
        "system": (Gadget(os.system, (f"touch {canary}",)), r"(posix|nt)\.system"),
        "popen": (Gadget(subprocess.Popen, (["touch", str(canary)],)), r"subprocess\.Popen"),
        "eval": (Gadget(eval, (code,)), builtin + "eval"),
        "exec": (Gadget(exec, (code,)), builtin + "exec"),
        "getattr": (Gadget(getattr, (Path(canary), "touch")), builtin + "getattr"),
        "import": (Gadget(importlib.import_module, ("this",)), r"importlib\.import_module"),
        "partial": (Gadget(functools.partial, (eval, code)), r"functools\.partial"),
        "torch.load": (Gadget(torch.load, (str(canary),)), r"torch\.serialization\.load"),
        "torch.save": (Gadget(torch.save, (1, str(canary))), r"torch\.serialization\.save"),
        "numpy.save": (Gadget(np.save, (str(canary), 1)), r"numpy\.save"),
        "pickle.loads": (Gadget(pickle.loads, (b"N.",)), r"_?pickle\.loads"),
        "own function": (Gadget(write, (canary, 1)), r"test_torch_file\.write"),
        "own class": (Gadget(Callback, ()), r"test_torch_file\.Callback"),
        "enumeration": (Level.HIGH, r"test_torch_file\.Level"),
        "builder": (
            Gadget(REBUILD, (os.system, GRID.__class__, ("id",), {})),
            r"(posix|nt)\.system",
        ),
        "state": (Gadget(torch.Size, ((1,),), {"a": Gadget(os.getcwd, ())}), r"(posix|nt)\.getcwd"),
    }


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", calls(Path()))
def test_calls_are_refused_by_name(tmp_path: Path, name: str, form: str, protocol: int) -> None:
    gadget, named = calls(tmp_path / "canary")[name]
    content = {"x": GRID, "beside": [{"deep": (gadget,)}]}
    path = write(tmp_path / "a.pt", content, form, pickle_protocol=protocol)
    with pytest.raises(ValueError, match=rf"a\.pt: .*(calls|names) .*{named}, which is refused"):
        TorchFile(path)
    assert not (tmp_path / "canary").exists()


def zipped(path: Path, data: bytes, *, compression: int = zipfile.ZIP_STORED) -> Path:
    """Write an archive as torch.save does, with any pickle."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data)
    return path


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"(S'touch canary'\nios\nsystem\n.", r"names os\.system"),
        (b"(cos\nsystem\nS'touch canary'\no.", r"names os\.system"),
        (b"\x80\x02cos\nsystem\n(S'touch canary'\nt\x81.", r"names os\.system"),
        (b"\x80\x02csubprocess\nPopen\n)\x81}b.", r"names subprocess\.Popen"),
        (b"(S'touch canary'\nicommands\ngetoutput\n.", r"names subprocess\.getoutput"),
        (b"(cpip\nmain\nS'install'\no.", r"calls pip\.main"),
        (b"\x80\x04\x8c\x05torch\x8c\x09os.system\x93\x8c\x02id\x85R.", r"calls torch\.os\.system"),
        (b"\x80\x02\x82\xf0.", "registered extension 240"),
        (b"cargparse\nNamespace\n}b.", "gives a state to a _Name"),
        (b"I1\n}b.", "gives a state to a int"),
        (b"Pstorage\n.", "reference 's' is not read"),
        (b"(S'storage'\nN(lI5\ntQ.", "damaged"),
        (b"]]R.", "not callable"),
        (b"N}R.", "not callable"),
        (b"cargparse\nNamespace\n]\x81", "damaged"),
        (b"I1\n)\x81.", "damaged"),
    ],
)  # fmt: skip
def test_every_opcode_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=rf"{words}.*nothing in it was run"):
        TorchFile(zipped(tmp_path / "a.pt", data))


def test_long_names_are_cut_in_the_message(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.pt", b"cthe.rest\n" + b"x" * 10**6 + b"\n)R.")
    with pytest.raises(ValueError, match=r"calls the\.rest\.xxx.*nothing in it was run") as caught:
        TorchFile(path)
    assert len(str(caught.value)) < len(str(path)) + 500


# Broken files


@pytest.mark.parametrize("form", FORMATS)
def test_truncated_files_are_refused(tmp_path: Path, form: str) -> None:
    data = write(tmp_path / "a.pt", {"x": GRID, "y": np.float64(1)}, form).read_bytes()
    for end in range(0, len(data), 7):
        (tmp_path / "b.pt").write_bytes(data[:end])
        with (
            pytest.raises(ValueError, match=r"b\.pt: not a checkpoint"),
            TorchFile(tmp_path / "b.pt") as file,
        ):
            file.read(file.content["x"])


def test_changed_numbers_in_an_archive_are_refused(tmp_path: Path) -> None:
    data = write(tmp_path / "a.pt", {"x": GRID}).read_bytes()
    number = struct.pack("<f", 23.0)
    assert data.count(number) == 1
    (tmp_path / "a.pt").write_bytes(data.replace(number, struct.pack("<f", 24.0)))
    with TorchFile(tmp_path / "a.pt") as file, pytest.raises(ValueError, match="Bad CRC-32"):
        file.read(file.content["x"])


def test_archives_that_are_none_of_torch_save_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(zipped(tmp_path / "program.pt", b"N."), "a") as archive:
        archive.writestr("archive/constants.pkl", b"N.")
    with zipfile.ZipFile(tmp_path / "other.pt", "w") as archive:
        archive.writestr("readme.txt", "no weights")
    for name in ("program", "other"):
        with pytest.raises(ValueError, match=r"a zip archive, but not of torch\.save"):
            TorchFile(tmp_path / f"{name}.pt")
    bomb = zipped(tmp_path / "bomb.pt", b"N" * 10**6, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match=r"its data\.pkl is compressed"):
        TorchFile(bomb)


@pytest.mark.parametrize("count", [1 << 59, 1 << 61, (1 << 64) - 1])
def test_forged_counts_are_refused(tmp_path: Path, count: int) -> None:
    """The next storage would lie where no file can have a place."""
    data = write(tmp_path / "a.pt", [GRID, GRID + 1], "legacy").read_bytes()
    number = struct.pack("<Q", GRID.numel())
    assert data.count(number) == 2
    (tmp_path / "a.pt").write_bytes(data.replace(number, struct.pack("<Q", count)))
    with pytest.raises(ValueError, match=r"a\.pt: not a checkpoint"):
        TorchFile(tmp_path / "a.pt")


def test_other_pickles_are_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    for value in (1, 2, {}):
        pickle.dump(value, stream)
    for data in (b"", stream.getvalue(), pickle.dumps({"a": 1}), b"\x1f\x8b no pickle"):
        (tmp_path / "a.pt").write_bytes(data)
        with pytest.raises(ValueError, match="not a checkpoint of plain tensors"):
            TorchFile(tmp_path / "a.pt")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.pt"):
        TorchFile(tmp_path / "none.pt")
