"""The command line for research: every verb does its work, and refuses in one sentence."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import refused, run
from mocaps import mocap_file
from paths import EXCERPT, GOLDEN, TESTS
from trainings import TINY, own_folder

from tcpformer.datasets.custom import read_sequence, save_sequence
from tcpformer.datasets.mocap import load_mocap
from tcpformer.models import build
from tcpformer.models.checkpoint import save_model
from tcpformer.models.upstream import RELEASED


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden network, as its authors would publish it."""
    path = tmp_path_factory.mktemp("released") / "golden.pth.tr"
    with np.load(GOLDEN / "tcpformer_L2_d32_T27.npz") as file:
        state = {k.removeprefix("state/"): file[k] for k in file if k.startswith("state/")}
    torch.save({"model": {k: torch.from_numpy(v) for k, v in state.items()}}, path)
    return path


@pytest.mark.parametrize(
    ("dataset", "file", "entry"),
    [
        ("h36m-sh", "h36m_sh_synthetic.pkl", "h36m_sh_synthetic.pkl with tcpformer_L2"),
        ("3dhp", "mpi_inf_3dhp_synthetic.npz", "mpi_inf_3dhp_synthetic.npz with tcpformer_L2"),
    ],
)
def test_released_checkpoints_score_what_the_released_code_says(
    dataset: str,
    file: str,
    entry: str,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = Path(shutil.copy(GOLDEN / file, tmp_path))
    run("evaluate", dataset, "--data", data, "--weights", checkpoint, "--heads", 4,
        "--out", tmp_path / "report")  # fmt: skip
    golden = json.loads((GOLDEN / "evaluation.json").read_text())
    said = next(value for key, value in golden.items() if key.startswith(entry))
    report = json.loads((tmp_path / "report/report.json").read_text())
    assert report["mpjpe"] == pytest.approx(said["mpjpe"], abs=1e-2)
    printed = capsys.readouterr().out
    assert f"| {said['mpjpe']:.1f} |" in printed
    assert "TCPFormer, 81 frames" in printed
    assert str(tmp_path / "report/report.png") in printed


def test_the_open_benchmark_is_reported_for_both_kinds_of_2d(tmp_path: Path, tiny: Path) -> None:
    small = tmp_path / "one_view.npz"
    with np.load(EXCERPT) as file:
        views = {key: file[key] for key in file}
    end = views["offsets"][1]
    for key, value in views.items():
        if value.shape[:1] == views["xy"].shape[:1]:
            views[key] = value[:end]
    np.savez(small, **(views | {"offsets": views["offsets"][:2]}))
    run("evaluate", "open", "--data", small, "--weights", tiny, "--out", tmp_path / "out")
    report = json.loads((tmp_path / "out/report.json").read_text())
    keys = {"mpjpe", "p_mpjpe", "n_mpjpe", "mpjve", "acceleration_error", "pck", "auc"}
    assert keys <= set(report["clean"])
    assert keys <= set(report["noisy"])


def test_weights_for_other_input_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "evaluate", "h36m-sh", "--data", tmp_path / "x.pkl")
    assert (
        "has h36m joints by the rule 'aimed', answers in metres, but h36m-sh has h36m-nose" in said
    )


def test_mistakes_in_ones_own_data_are_named(
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


def test_motion_capture_becomes_a_file_to_train_on_and_a_benchmark(
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
    walks |= {"split": np.array(["train", "train", "test"]), "parents": np.zeros(17, int)}
    np.savez(tmp_path / "walks.npz", **(walks | names))
    run("data", "open", tmp_path / "walks.npz", "--out", tmp_path / "benchmark.npz")
    with np.load(tmp_path / "benchmark.npz") as file:
        assert len(file["offsets"]) == 3


def test_human36m_is_unpacked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = Path(shutil.copy(GOLDEN / "h36m_sh_synthetic.pkl", tmp_path))
    run("data", "h36m-sh", data)
    said = capsys.readouterr().out
    assert "train: " in said
    assert "59 frames" in said
    assert "396 frames" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--joint", "LWrist"), None),
        (("--joint", "Tail"), "joint must be one of"),
        (("--layers", 7), "layers go from 1 to"),
    ],
)
def test_attention_is_drawn_of_keypoints(
    options: tuple[object, ...],
    words: str | None,
    walking: Path,
    tiny: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "attention.png"
    arguments = ("attention", walking, "--weights", tiny, "--out", out, *options)
    if words is not None:
        assert words in refused(capsys, *arguments)
        assert not out.exists()
        return
    run(*arguments)
    assert out.read_bytes().startswith(b"\x89PNG")


def test_a_table_of_experiments_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("ablate", "modules", "--data", mocap_file(tmp_path / "m.npz"), "--benchmark", EXCERPT,
        "--out", tmp_path / "runs", "--seeds", 1, "--frames", 432, "--clip", 9, "--depth", 1,
        "--width", 8, "--every", 16)  # fmt: skip
    rows = json.loads((tmp_path / "runs/modules.json").read_text())["rows"]
    assert list(rows) == ["implicit proxy", "+ PUM", "+ PIM", "+ PAM"]
    assert (tmp_path / "runs/modules.png").exists()
    assert "| + PAM |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("open", "--ground-truth", "input"), "open has no --ground-truth."),
        (("3dhp", "--precision", "bfloat16"), "3dhp has no --precision."),
        (("h36m-cpn", "--ground-truth", "overwrite"), "h36m-cpn has no --ground-truth overwrite."),
        (
            ("h36m-cpn", "--every", "5", "--finish", "--no-know-focal", "--trained-on", "3dhp"),
            "h36m-cpn has no --trained-on, --no-know-focal, --finish, --every.",
        ),
    ],
)
def test_options_of_other_protocols_are_refused(
    line: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(capsys, "evaluate", *line, "--data", EXCERPT)


def test_a_plan_that_does_not_come_first_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("train", "--data", tmp_path, "--out", tmp_path / "run", "3dhp-9")
    assert "the plan comes first: tcpformer train 3dhp-9 --data" in refused(capsys, *line)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("data", "dataset"), [("h36m-cpn", "h36m-sh"), ("h36m-sh", "h36m-cpn")])
def test_weights_of_the_other_protocol_of_human36m_are_refused(
    data: str, dataset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Theirs answer in metres, or in half widths of the picture."""
    save_model(build(TINY), tmp_path, convention=RELEASED[data.removesuffix("-sh")])
    said = refused(capsys, "evaluate", dataset, "--data", EXCERPT, "--weights", tmp_path)
    assert "answers in metres" in said
    assert "half widths of the picture" in said
    assert "it cannot be scored there" in said
