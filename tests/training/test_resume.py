"""Runs stopped at any step resume to the same weights."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trainings import NETWORKS, OWN, logged, own_folder, run, same

from tcpformer.models.checkpoint import load_model
from tcpformer.training import train as training
from tcpformer.training.config import TrainConfig
from tcpformer.training.optim import lr_factor
from tcpformer.training.run_dir import RunDir

pytestmark = pytest.mark.usefixtures("quick_training")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_folder(tmp_path_factory.mktemp("own"))


class Interrupted(Exception):
    """Raised in the middle of a run."""


def interrupted(config: TrainConfig, data: Path, out: Path, at: int, **hardware: Any) -> None:
    """Run until a step, with a checkpoint at every step."""

    def rate(step: int, *rest: Any) -> float:
        if step == at:
            raise Interrupted
        return lr_factor(step, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "lr_factor", rate)
        with pytest.raises(Interrupted):
            run(config, data, out, checkpoint_seconds=0.0, **hardware)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("accumulate", [1, 3])
def test_train_resumes_bit_for_bit(
    network: str, accumulate: int, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LOG_EVERY", 3)
    config = replace(
        OWN,
        network=NETWORKS[network],
        grad_accum_steps=accumulate,
        checkpoint_selection="validation",
        grad_clip_norm=1.0,
    )
    whole, _ = run(config, data, tmp_path / "whole", validate_every=2)
    for at in (2, 5):
        interrupted(config, data, tmp_path / "a", at=at, validate_every=2)
    again, _ = run(config, data, tmp_path / "a", validate_every=2)
    assert same(again, whole)
    assert logged(tmp_path / "a") == logged(tmp_path / "whole")
    assert same(load_model(tmp_path / "a" / "best"), load_model(tmp_path / "whole" / "best"))


def test_train_resumes_after_kill_between_weights_and_checkpoint(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = run(OWN, data, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(RunDir, "save_checkpoint", lambda *what: (_ for _ in ()).throw(Interrupted))
        with pytest.raises(Interrupted):
            run(OWN, data, tmp_path / "a")
    run(OWN, data, tmp_path / "a")
    assert same(load_model(tmp_path / "a" / "weights"), whole)


def test_train_reads_finished_run_and_extends_it(data: Path, tmp_path: Path) -> None:
    mean, _ = run(OWN, data, tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    again, rows = run(OWN, data, tmp_path)
    assert same(mean, again)
    assert rows == []
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    more, rows = run(replace(OWN, steps=9), data, tmp_path)
    assert [row["step"] for row in rows] == [9]
    whole, _ = run(replace(OWN, steps=9), data, tmp_path / "whole")
    assert same(more, whole)  # the rate is level: what comes later does not matter


def test_train_refuses_other_config_before_writing(data: Path, tmp_path: Path) -> None:
    run(OWN, data, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(
        ValueError, match="holds a run with other seed; give its configuration or another"
    ):
        run(replace(OWN, seed=3), data, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_train_refuses_fewer_steps_than_done(data: Path, tmp_path: Path) -> None:
    run(OWN, data, tmp_path)
    about = (tmp_path / "run.json").read_text()
    with pytest.raises(ValueError, match="holds a run of 6 steps already, expected at most 2"):
        run(replace(OWN, steps=2), data, tmp_path)
    assert (tmp_path / "run.json").read_text() == about


def test_train_refuses_other_data_but_not_moved_data(data: Path, tmp_path: Path) -> None:
    run(OWN, data, tmp_path / "run")
    moved = tmp_path / "elsewhere"
    shutil.copytree(data, moved)
    run(replace(OWN, steps=7), moved, tmp_path / "run")
    for path in moved.rglob("*.npz"):
        arrays = dict(np.load(path))
        np.savez(path, **arrays | {"xy": arrays["xy"] + 50.0})
    with pytest.raises(ValueError, match="holds a run on other data than"):
        run(replace(OWN, steps=8), moved, tmp_path / "run")
