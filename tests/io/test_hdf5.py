"""HDF5 files whose data lies in the file itself."""

import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tcpformer.io.hdf5 import check_amount, open_hdf5, texts_of


def test_open_hdf5_opens_a_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/x"] = np.arange(3)
        file["names"] = np.array(["a", "b"], dtype="S")
        file["alias"] = h5py.SoftLink("/group/x")
    with open_hdf5(tmp_path / "a.h5") as file:
        assert file["alias"][:].tolist() == [0, 1, 2]
        assert texts_of(file["names"]) == ["a", "b"]


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
def test_open_hdf5_refuses_data_in_another_file(
    trap: Callable[[h5py.File, Path], None], tmp_path: Path
) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.arange(3.0)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        trap(file, tmp_path / "other.h5")
    with (
        pytest.raises(ValueError, match=r"a\.h5: x lies in another file"),
        open_hdf5(tmp_path / "a.h5"),
    ):
        pass


def test_open_hdf5_refuses_groups_that_hold_themselves(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        endless(file)
    with pytest.raises(ValueError, match="expected at most"), open_hdf5(tmp_path / "a.h5"):
        pass


def test_open_hdf5_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    message = r"Reading a\.slp needs h5py: .*'tcpformer\[hdf5\]'"
    with pytest.raises(ImportError, match=message), open_hdf5(tmp_path / "a.slp"):
        pass


def test_check_amount_refuses_more_than_fits() -> None:
    check_amount(Path("a.h5"), 10**8)
    with pytest.raises(ValueError, match=r"a\.h5: expected at most 500000000 numbers, got 10"):
        check_amount(Path("a.h5"), 10**9)
