"""Stopped at any step, training goes on to the same end."""

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
from tcpformer.training.run_dir import RunDir
from tcpformer.training.train import rate_at

pytestmark = pytest.mark.usefixtures("quick_training")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_folder(tmp_path_factory.mktemp("own"))


# It stops and goes on


class Interrupted(Exception):
    """Someone pulled the plug."""


def interrupted(plan: TrainConfig, data: Path, out: Path, at: int, **machine: Any) -> None:
    """Run until the plug is pulled, with a checkpoint at every step."""

    def rate(step: int, *rest: Any) -> float:
        if step == at:
            raise Interrupted
        return rate_at(step, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "rate_at", rate)
        with pytest.raises(Interrupted):
            run(plan, data, out, save_seconds=0.0, **machine)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_run_goes_on_bit_for_bit(
    network: str, accumulate: int, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LOG_EVERY", 3)
    plan = replace(
        OWN,
        network=NETWORKS[network],
        accumulate=accumulate,
        select="validation",
        clip_gradient=1.0,
    )
    whole, _ = run(plan, data, tmp_path / "whole", score_every=2)
    for at in (2, 5):
        interrupted(plan, data, tmp_path / "a", at=at, score_every=2)
    again, _ = run(plan, data, tmp_path / "a", score_every=2)
    assert same(again, whole)
    assert logged(tmp_path / "a") == logged(tmp_path / "whole")
    assert same(load_model(tmp_path / "a" / "best"), load_model(tmp_path / "whole" / "best"))


def test_a_run_killed_between_weights_and_checkpoint_goes_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = run(OWN, data, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(RunDir, "save", lambda *what: (_ for _ in ()).throw(Interrupted))
        with pytest.raises(Interrupted):
            run(OWN, data, tmp_path / "a")
    run(OWN, data, tmp_path / "a")
    assert same(load_model(tmp_path / "a" / "weights"), whole)


def test_a_finished_run_is_only_read_and_may_go_on_for_longer(data: Path, tmp_path: Path) -> None:
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


def test_another_plan_is_refused_before_anything_is_written(data: Path, tmp_path: Path) -> None:
    run(OWN, data, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(ValueError, match="holds a run with other seed; give its plan or another"):
        run(replace(OWN, seed=3), data, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_fewer_steps_than_are_done_are_refused(data: Path, tmp_path: Path) -> None:
    run(OWN, data, tmp_path)
    about = (tmp_path / "run.json").read_text()
    with pytest.raises(ValueError, match="holds a run of 6 steps already, 2 were asked for"):
        run(replace(OWN, steps=2), data, tmp_path)
    assert (tmp_path / "run.json").read_text() == about


def test_other_data_are_refused_and_moved_ones_are_not(data: Path, tmp_path: Path) -> None:
    run(OWN, data, tmp_path / "run")
    moved = tmp_path / "elsewhere"
    shutil.copytree(data, moved)
    run(replace(OWN, steps=7), moved, tmp_path / "run")
    for path in moved.rglob("*.npz"):
        arrays = dict(np.load(path))
        np.savez(path, **arrays | {"xy": arrays["xy"] + 50.0})
    with pytest.raises(ValueError, match="holds a run on other data than"):
        run(replace(OWN, steps=8), moved, tmp_path / "run")
