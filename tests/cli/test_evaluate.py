"""The verb `evaluate`: scores of released checkpoints, and refused options."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import refused, run
from paths import EXCERPT, GOLDEN
from trainings import TINY

from tcpformer.models import build
from tcpformer.models.checkpoint import save_model
from tcpformer.weights import RELEASED


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
        pytest.param(
            "3dhp",
            "mpi_inf_3dhp_synthetic.npz",
            "mpi_inf_3dhp_synthetic.npz with tcpformer_L2",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_evaluate_equals_the_released_code(
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
    found = next(value for key, value in golden.items() if key.startswith(entry))
    report = json.loads((tmp_path / "report/report.json").read_text())
    assert report["mpjpe"] == pytest.approx(found["mpjpe"], abs=1e-2)
    printed = capsys.readouterr().out
    assert f"| {found['mpjpe']:.1f} |" in printed
    assert "TCPFormer, 81 frames" in printed
    assert str(tmp_path / "report/report.png") in printed


def test_evaluate_open_reports_clean_and_noisy(tmp_path: Path, tiny: Path) -> None:
    small = tmp_path / "one_view.npz"
    with np.load(EXCERPT) as file:
        views = {key: file[key] for key in file}
    end, total = views["offsets"][1], len(views["xy"])
    for key, value in views.items():
        if value.shape[:1] == (total,):
            views[key] = value[:end]
        elif key in ("size", "focal", "activity"):
            views[key] = value[:1]
    np.savez(small, **(views | {"offsets": views["offsets"][:2]}))
    line = ("evaluate", "open", "--data", small, "--weights", tiny, "--confidence-one")
    run(*line, "--out", tmp_path / "out")
    report = json.loads((tmp_path / "out/report.json").read_text())
    keys = {"mpjpe", "p_mpjpe", "n_mpjpe", "mpjve", "acceleration_error", "pck", "auc"}
    assert keys <= set(report["clean"])
    assert keys <= set(report["noisy"])
    assert keys <= set(report["noisy-confidence-1"])


@pytest.mark.parametrize(
    "weights",
    [
        "tiny",
        pytest.param("default", marks=pytest.mark.slow),
        pytest.param("fast", marks=pytest.mark.slow),
    ],
)
def test_evaluate_lifts_with_weights_for_other_input(
    weights: str, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tiny if weights == "tiny" else weights
    run("evaluate", "3dhp", "--data", GOLDEN / "mpi_inf_3dhp_synthetic.npz", "--weights", source)
    printed = capsys.readouterr().out
    joints = "body26" if weights == "default" else "h36m"
    assert f"Lifted as a user lifts: the weights take {joints} joints" in printed
    assert "| TS6 | 24 |" in printed


@pytest.mark.slow
def test_evaluate_lifts_with_a_checkpoint_of_another_protocol(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It does not tell its protocol; by default it is taken for the one of the data."""
    line = ("evaluate", "3dhp", "--data", GOLDEN / "mpi_inf_3dhp_synthetic.npz", "--no-flip",
            "--weights", checkpoint, "--heads", 4, "--checkpoint-protocol")  # fmt: skip
    run(*line, "h36m")
    assert "the weights take h36m-nose joints and normalization 'screen'" in capsys.readouterr().out
    run(*line, "3dhp")
    assert "Lifted as a user lifts" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (("open", "--ground-truth", "input"), "open has no --ground-truth;"),
        (("3dhp", "--precision", "bfloat16"), "3dhp has no --precision;"),
        (("h36m-cpn", "--ground-truth", "overwrite"), "h36m-cpn has no --ground-truth overwrite;"),
        (
            (
                "h36m-cpn",
                "--view-step",
                "5",
                "--postprocess",
                "--no-known-focal",
            ),
            "h36m-cpn has no --no-known-focal, --postprocess, --view-step;",
        ),
    ],
)
def test_evaluate_refuses_options_of_other_protocols(
    line: tuple[str, ...], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found in refused(capsys, "evaluate", *line, "--data", EXCERPT)


@pytest.mark.parametrize("spec", ["h36m-cpn", pytest.param("3dhp", marks=pytest.mark.slow)])
def test_evaluate_lifts_with_weights_of_the_other_protocols(
    spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """This protocol has half image widths, the others metres."""
    data = shutil.copy(GOLDEN / "h36m_sh_synthetic.pkl", tmp_path)
    save_model(build(TINY), tmp_path / "weights", spec=RELEASED[spec])
    line = ("evaluate", "h36m-sh", "--data", data, "--weights", tmp_path / "weights")
    run(*line)
    assert "Lifted as a user lifts" in capsys.readouterr().out
    found = refused(capsys, *line, "--ground-truth", "overwrite")
    assert "ground_truth must be 'no' or 'input'" in found


def test_evaluate_refuses_a_protocol_for_weights_that_tell_theirs(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("evaluate", "3dhp", "--data", EXCERPT, "--weights", tiny)
    found = refused(capsys, *line, "--checkpoint-protocol", "h36m")
    assert "has a spec of its own; omit checkpoint_protocol" in found
