"""MATLAB files: what they hold comes back, and a file that crashes a reader is one sentence."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from tcpformer.datasets import matlab
from tcpformer.datasets.matlab import read_matlab


def test_read_matlab_5_returns_numbers_and_cells(tmp_path: Path) -> None:
    cells = np.empty((2, 1), dtype=object)
    cells[:, 0] = [np.ones((2, 3)), np.arange(4.0)[None]]
    savemat(tmp_path / "a.mat", {"a": np.eye(2), "c": cells, "other": "x"}, do_compression=True)
    found = read_matlab(tmp_path / "a.mat", ("a", "c", "none"), hdf5=False)
    assert set(found) == {"a", "c"}
    np.testing.assert_array_equal(found["a"], np.eye(2))
    assert found["c"].shape == (2,)
    for cell, expected in zip(found["c"], cells.ravel(), strict=True):
        np.testing.assert_array_equal(cell, expected)


def test_read_matlab_hdf5_returns_numbers(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["a"] = np.eye(3)
    found = read_matlab(tmp_path / "a.mat", ("a", "none"), hdf5=True)
    assert set(found) == {"a"}
    np.testing.assert_array_equal(found["a"], np.eye(3))


@pytest.mark.parametrize("hdf5", [False, True])
def test_read_matlab_survives_a_crash(
    tmp_path: Path, hdf5: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "crash.py"
    script.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setattr(matlab, "__file__", str(script))
    with pytest.raises(ValueError, match=r"a\.mat: .* its reader crashed with signal 11"):
        read_matlab(tmp_path / "a.mat", ("a",), hdf5=hdf5)


def test_read_matlab_stops_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(99)\n")
    monkeypatch.setattr(matlab, "__file__", str(tmp_path / "slow.py"))
    monkeypatch.setattr(matlab, "TIMEOUT", 0.5)
    with pytest.raises(ValueError, match=r"a\.mat: reading it took more than 0\.5 s"):
        read_matlab(tmp_path / "a.mat", ("a",), hdf5=True)


def external_link(file: h5py.File, other: Path) -> None:
    file["a"] = h5py.ExternalLink(str(other), "a")


def external_storage(file: h5py.File, other: Path) -> None:
    file.create_dataset("a", (3,), "u1", external=[(str(other), 0, 3)])


def virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource(str(other), "a", (3,))
    file.create_virtual_dataset("a", layout)


@pytest.mark.parametrize("trap", [external_link, external_storage, virtual])
def test_read_matlab_opens_no_other_file(
    tmp_path: Path, trap: Callable[[h5py.File, Path], None]
) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["a"] = np.arange(3.0)
    with h5py.File(tmp_path / "a.mat", "w") as file:
        trap(file, tmp_path / "secret.h5")
    with h5py.File(tmp_path / "a.mat") as file:
        assert isinstance(file["a"], h5py.Dataset), "the trap itself does not work"
    with pytest.raises(ValueError, match=r"a\.mat: .*a is no array in this file"):
        read_matlab(tmp_path / "a.mat", ("a",), hdf5=True)


def test_read_matlab_refuses_declared_sizes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("a", (10**9, 10**6), "f8", chunks=(1000, 1000))
    with pytest.raises(ValueError, match=r"a declares 8\d+ bytes, in a file that is smaller"):
        read_matlab(tmp_path / "a.mat", ("a",), hdf5=True)


@pytest.mark.parametrize("hdf5", [False, True])
def test_read_matlab_refuses_other_files(tmp_path: Path, hdf5: bool) -> None:
    (tmp_path / "a.mat").write_bytes(b"no matrix" * 99)
    with pytest.raises(ValueError, match=r"a\.mat: not a MATLAB .* file with annotations: \w+"):
        read_matlab(tmp_path / "a.mat", ("a",), hdf5=hdf5)
