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
from tcpformer.models.checkpoint import RELEASED, save_model


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


def test_evaluate_refuses_weights_for_other_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = refused(capsys, "evaluate", "h36m-sh", "--data", tmp_path / "x.pkl")
    assert "h36m-sh needs h36m-nose joints, normalization 'screen'" in found
    assert "has h36m joints, normalization 'centered-camera', answers in metres" in found


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
                "--checkpoint-protocol",
                "3dhp",
            ),
            "h36m-cpn has no --checkpoint-protocol, --no-known-focal, --postprocess, --view-step;",
        ),
    ],
)
def test_evaluate_refuses_options_of_other_protocols(
    line: tuple[str, ...], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found in refused(capsys, "evaluate", *line, "--data", EXCERPT)


@pytest.mark.parametrize(("data", "dataset"), [("h36m-cpn", "h36m-sh"), ("h36m-sh", "h36m-cpn")])
def test_evaluate_refuses_weights_of_the_other_human36m_protocol(
    data: str, dataset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One answers in metres, the other in half image widths."""
    save_model(build(TINY), tmp_path, spec=RELEASED[data.removesuffix("-sh")])
    found = refused(capsys, "evaluate", dataset, "--data", EXCERPT, "--weights", tmp_path)
    assert "answers in metres" in found
    assert "half image widths" in found
    assert "choose other weights" in found
