"""The verbs of `data`: check, mocap, open, h36m-sh."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run
from mocaps import extra_file, mocap_file
from paths import GOLDEN, TESTS
from trainings import own_folder

from tcpformer.datasets.custom import read_sequence, save_sequence
from tcpformer.datasets.mocap import load_mocap
from tcpformer.skeleton import H36M


def test_check_names_mistakes_in_own_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = next(own_folder(tmp_path).rglob("*.npz"))
    folder = tmp_path / "one"
    folder.mkdir()
    sequence = read_sequence(path)
    save_sequence(folder / "a.npz", sequence)
    with np.load(folder / "a.npz") as file:
        content = {key: file[key] for key in file}
    np.savez(folder / "a.npz", **(content | {"xyz": content["xyz"] * 1000}))
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        run("data", "check", folder)
    assert ended.value.code == 1
    assert "unit" in capsys.readouterr().out


def test_mocap_and_open_write_their_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("02.asf", "02_03.amc", "07_12.bvh"):
        shutil.copy(TESTS / "data" / name, raw)
    run("data", "mocap", raw, "--out", tmp_path / "mocap.npz")
    assert len(load_mocap(tmp_path / "mocap.npz", "train").lengths) == 2
    assert "02_03.amc" in capsys.readouterr().out
    run("data", "mocap", raw, "--out", tmp_path / "split.npz", "--test", "07")
    assert len(load_mocap(tmp_path / "split.npz", "train").lengths) == 1
    assert len(load_mocap(tmp_path / "split.npz", "test").lengths) == 1
    with np.load(mocap_file(tmp_path / "walks.npz")) as file:
        walks: dict[str, Any] = {key: file[key] for key in file}
    names: dict[str, Any] = {
        key: np.array(["a", "b", "c"]) for key in ("name", "subject", "activity")
    }
    walks |= {"split": np.array(["train", "train", "test"]), "parents": np.array(H36M.parents)}
    np.savez(tmp_path / "walks.npz", **(walks | names))
    run("data", "open", tmp_path / "walks.npz", "--out", tmp_path / "benchmark.npz")
    with np.load(tmp_path / "benchmark.npz") as file:
        assert len(file["offsets"]) == 3
    extra = extra_file(tmp_path / "extra.npz", walks | names)
    line = ("data", "open", tmp_path / "walks.npz", "--extra", extra)
    run(*line, "--out", tmp_path / "two.npz")
    with np.load(tmp_path / "two.npz") as file:
        assert (str(file["version"]), file["xy"].shape[1]) == ("2", 26)


def test_h36m_sh_unpacks_both_splits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = Path(shutil.copy(GOLDEN / "h36m_sh_synthetic.pkl", tmp_path))
    run("data", "h36m-sh", data)
    found = capsys.readouterr().out
    assert "train: " in found
    assert "59 frames" in found
    assert "396 frames" in found
