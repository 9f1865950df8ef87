"""The folder of a run: checkpoints, log and description."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from trainings import HARDWARE, MOCAP, OWN

from tcpformer.models.hybrid import Config as Hybrid
from tcpformer.training import run_dir as module
from tcpformer.training.presets import config_to_dict
from tcpformer.training.run_dir import RunDir


def checkpoint(step: int = 4) -> dict[str, object]:
    return {"config": config_to_dict(OWN), "processes": 1, "step": step}


def test_load_checkpoint_of_a_new_folder_is_none(tmp_path: Path) -> None:
    assert RunDir(tmp_path / "a" / "b").load_checkpoint(OWN, 1) is None
    assert not (tmp_path / "a").exists(), "only `start` creates it"


def test_load_checkpoint_reads_what_was_saved(tmp_path: Path) -> None:
    folder = RunDir(tmp_path)
    folder.save_checkpoint(checkpoint() | {"weights": torch.arange(3)})
    state = folder.load_checkpoint(OWN, 1)
    assert state is not None
    assert state["step"] == 4
    torch.testing.assert_close(state["weights"], torch.arange(3))
    assert folder.load_checkpoint(replace(OWN, steps=100), 1) is not None
    assert folder.load_checkpoint(replace(OWN, steps=0, epochs=9), 1) is not None
    assert folder.load_checkpoint(replace(OWN, steps=100, cooldown=0.4), 1) is not None


def test_save_checkpoint_on_a_full_disk_is_an_os_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch calls it a RuntimeError, which the command line takes for a defect."""
    run = RunDir(tmp_path)
    run.save_checkpoint({"step": 1})
    before = (tmp_path / "checkpoint.pt").read_bytes()

    def full(state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("unexpected pos 146176 vs 146064")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="the disk is full or broken"):
        run.save_checkpoint({"step": 2})
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_load_checkpoint_refuses_another_run(tmp_path: Path) -> None:
    folder = RunDir(tmp_path)
    folder.save_checkpoint(checkpoint())
    network = replace(OWN.network, width=16)
    for config, words in (
        (
            replace(OWN, lr=0.1, seed=3),
            "other lr, seed; give its configuration or another folder",
        ),
        (replace(OWN, network=network), "other network"),
        (MOCAP, "other data, checkpoint_selection, frame_step"),
    ):
        with pytest.raises(ValueError, match=words):
            folder.load_checkpoint(config, 1)
    with pytest.raises(ValueError, match="other processes"):
        folder.load_checkpoint(OWN, 2)


def test_load_checkpoint_without_newer_fields(tmp_path: Path) -> None:
    """Fields that did not exist yet have their defaults."""
    folder = RunDir(tmp_path)
    before = {key: value for key, value in config_to_dict(MOCAP).items() if key != "camera_domain"}
    folder.save_checkpoint(checkpoint() | {"config": before})
    assert folder.load_checkpoint(MOCAP, 1) is not None
    with pytest.raises(ValueError, match="other camera_domain"):
        folder.load_checkpoint(replace(MOCAP, camera_domain="as-filmed"), 1)
    network = {key: value for key, value in before["network"].items() if key != "proxy_frames"}
    folder.save_checkpoint(checkpoint() | {"config": before | {"network": network}})
    assert folder.load_checkpoint(MOCAP, 1) is not None
    folder.save_checkpoint(checkpoint() | {"config": before | {"gone": 1}})
    with pytest.raises(
        ValueError, match=r"a configuration of another version of this package .*gone"
    ):
        folder.load_checkpoint(MOCAP, 1)
    folder.save_checkpoint(checkpoint() | {"config": before | {"network": network}})
    poses = Hybrid.extending(MOCAP.network, pose_layers=1, rotary_poses=True)
    with pytest.raises(ValueError, match="other network"):
        folder.load_checkpoint(replace(MOCAP, network=poses), 1)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"half"])
def test_load_checkpoint_names_a_broken_file(content: bytes, tmp_path: Path) -> None:
    folder = RunDir(tmp_path)
    folder.save_checkpoint(checkpoint())
    file = tmp_path / "checkpoint.pt"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
    with pytest.raises(ValueError, match=r"checkpoint.pt is broken; delete it"):
        folder.load_checkpoint(OWN, 1)


def test_load_checkpoint_runs_no_code(tmp_path: Path) -> None:
    torch.save(checkpoint() | {"more": Path("a")}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="is broken"):
        RunDir(tmp_path).load_checkpoint(OWN, 1)


def test_start_drops_rows_after_the_checkpoint(tmp_path: Path) -> None:
    """Also a line that was cut off."""
    folder = RunDir(tmp_path)
    for step in (2, 4, 6):
        folder.log({"step": step, "loss": 0.1 + 0.2})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 8, "lo')
    assert [row["step"] for row in folder.read_log()] == [2, 4, 6]
    folder.start(OWN, HARDWARE, 4)
    assert folder.read_log() == [{"step": 2, "loss": 0.1 + 0.2}, {"step": 4, "loss": 0.1 + 0.2}]
    assert (tmp_path / "log.jsonl").read_text().count("\n") == 2


def test_start_describes_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunDir(tmp_path).start(OWN, HARDWARE, 0, data="here", processes=1)
    about = json.loads((tmp_path / "run.json").read_text())
    assert about["config"] == json.loads(json.dumps(config_to_dict(OWN)))
    assert about["hardware"]["device"] == "cpu"
    assert (about["data"], about["processes"]) == ("here", 1)
    assert about["versions"]["torch"] == torch.__version__
    assert {"command", "git"} <= about.keys()
    monkeypatch.setenv("PATH", str(tmp_path))  # no git
    assert module._revision() is None


def test_revision_is_none_outside_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "__file__", str(tmp_path / "folder.py"))
    assert module._revision() is None


def test_draw_curves(tmp_path: Path) -> None:
    folder = RunDir(tmp_path)
    folder.log({"step": 1, "loss": 2.0})
    folder.draw_curves()
    without = (tmp_path / "curves.png").read_bytes()
    folder.log({"step": 2, "loss": 1.0, "val_mpjpe": 50.0, "val_p_mpjpe": 40.0})
    folder.draw_curves()
    assert (tmp_path / "curves.png").read_bytes() != without
    assert without.startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curves.png", "log.jsonl"]


def test_load_checkpoint_refuses_compressed_files(tmp_path: Path) -> None:
    """A small file could become any size; torch compresses nothing."""
    RunDir(tmp_path).save_checkpoint(checkpoint())
    path = tmp_path / "checkpoint.pt"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    assert torch.load(path, weights_only=True)["step"] == 4, "the trap itself does not work"
    with pytest.raises(ValueError, match=r"checkpoint\.pt is broken"):
        RunDir(tmp_path).load_checkpoint(OWN, 1)


@pytest.mark.parametrize(
    "line", [b"x}", b"{}", b'{"step": "x"}', b'{"step": [1]}', b"[" * 9999 + b"}", b"\xff}"]
)
def test_read_log_names_a_broken_line(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(b'{"step": 1}\n' + line + b'\n{"step": 3}\n')
    with pytest.raises(ValueError, match=r"log\.jsonl: line 2 is not a JSON object"):
        RunDir(tmp_path).read_log()
