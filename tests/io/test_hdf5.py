"""HDF5 files: what they hold comes back, and what crashes their reader is one sentence."""

import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tcpformer.io import hdf5
from tcpformer.io.hdf5 import read_hdf5


def test_read_hdf5_returns_arrays_and_attributes(tmp_path: Path) -> None:
    table = np.array([(1, 2.5)], dtype=[("frame", "u8"), ("x", "f8")])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/x"] = np.arange(3)
        file["group"].attrs["json"] = '{"a": "\u00e4"}'
        file["names"] = np.array(["a", "b"], dtype="S")
        file["texts"] = ["short", "longer than that", "\u00e4"]
        file["table"] = table
        file["alias"] = h5py.SoftLink("/group/x")
        file["video0/video"] = np.zeros(9)
    content = read_hdf5(tmp_path / "a.h5")
    assert set(content.arrays) == {"group/x", "names", "texts", "table"}
    assert content.arrays["group/x"].tolist() == [0, 1, 2]
    assert content.texts("names") == ["a", "b"]
    assert content.texts("texts") == ["short", "longer than that", "\u00e4"]
    assert content.texts("missing") == []
    np.testing.assert_array_equal(content.arrays["table"], table)
    assert content.attributes["group@json"].item() == '{"a": "\u00e4"}'
    assert content.groups == ["group"]


def external_link(file: h5py.File, other: Path) -> None:
    file["group/x"] = h5py.ExternalLink(str(other), "/secret")


def external_storage(file: h5py.File, other: Path) -> None:
    file.create_dataset("x", (3,), "f8", external=[(str(other), 0, 24)])


def virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource(str(other), "secret", (3,))
    file.create_group("group").create_virtual_dataset("x", layout)


def endless(file: h5py.File) -> None:
    group = file.create_group("x")
    group["x"] = group


@pytest.mark.parametrize("trap", [external_link, external_storage, virtual])
def test_read_hdf5_refuses_data_in_another_file(
    trap: Callable[[h5py.File, Path], None], tmp_path: Path
) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.arange(3.0)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        trap(file, tmp_path / "other.h5")
    with pytest.raises(ValueError, match=r"a\.h5: (group/)?x lies in another file"):
        read_hdf5(tmp_path / "a.h5")


def test_read_hdf5_refuses_groups_that_hold_themselves(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        endless(file)
    with pytest.raises(ValueError, match="expected at most"):
        read_hdf5(tmp_path / "a.h5")


def test_read_hdf5_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    message = r"Reading a\.slp needs h5py: .*'tcpformer\[hdf5\]'"
    with pytest.raises(ImportError, match=message):
        read_hdf5(tmp_path / "a.slp")


def test_read_hdf5_refuses_arrays_that_do_not_fit(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (1 << 40,), "f8", chunks=(1 << 20,))
    with pytest.raises(ValueError, match=r"x declares 8796093022208 bytes"):
        read_hdf5(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import os\nos.abort()", r"not a whole HDF5 file \(its reader crashed with signal 6\)"),
        ("raise SystemExit('OSError: bad')", r"not a whole HDF5 file \(OSError: bad\)"),
        ("import time\ntime.sleep(99)", r"damaged HDF5; reading took over 1 s"),
    ],
)
def test_read_hdf5_survives_a_damaged_file(
    program: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "program.py").write_text(program)
    (tmp_path / "a.h5").write_bytes(b"")
    monkeypatch.setattr(hdf5, "__file__", str(tmp_path / "program.py"))
    monkeypatch.setattr(hdf5, "_SECONDS", 1.0)
    with pytest.raises(ValueError, match=rf"a\.h5: {message}"):
        read_hdf5(tmp_path / "a.h5")
