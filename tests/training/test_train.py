"""Training: it learns, it stops and goes on, and it does what its config says."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from motions import walk
from trainings import (
    HARDWARE,
    MOCAP,
    OWN,
    POSEFORMER,
    STRIDED,
    TINY,
    data_of,
    own_folder,
    run,
    same,
    shrunk,
)

from research.variants import AS_RELEASED
from tcpformer.lifting.lifter import Lifter
from tcpformer.models import build
from tcpformer.models.checkpoint import load_model, load_weights
from tcpformer.motion import Motion2D
from tcpformer.skeleton import H36M
from tcpformer.training import data as sources
from tcpformer.training import train as training
from tcpformer.training.config import TrainConfig
from tcpformer.training.run_dir import RunDir
from tcpformer.training.train import train
from tcpformer.training.validate import validate, validation_scores

DRAW = RunDir.draw_curves


pytestmark = pytest.mark.usefixtures("quick_training")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_folder(tmp_path_factory.mktemp("own"))


# It learns


def test_it_learns_and_what_it_learns_holds_for_others(tmp_path: Path) -> None:
    file = data_of("mocap", tmp_path)
    config = replace(MOCAP, network=replace(TINY, width=16, representation=16), steps=60, lr=1e-2)
    mean, rows = run(config, file, tmp_path / "run")
    assert [row["step"] for row in rows] == [60]
    torch.manual_seed(config.seed)
    before = validation_scores(build(config.network).eval(), sources.open_source(config, file))
    last = rows[-1]
    assert last["clean_mpjpe"] < 0.8 * before["clean_mpjpe"]
    assert last["clean_p_mpjpe"] <= last["clean_n_mpjpe"] <= last["clean_mpjpe"]
    assert not mean.training


def test_the_same_plan_gives_the_same_weights(data: Path, tmp_path: Path) -> None:
    a, _ = run(OWN, data, tmp_path / "a")
    b, _ = run(OWN, data, tmp_path / "b")
    c, _ = run(replace(OWN, seed=1), data, tmp_path / "c")
    assert same(a, b)
    assert not same(a, c)


@pytest.mark.parametrize(
    "config",
    [
        *(replace(shrunk(name), checkpoint_selection=s) for name in ("h36m-81", "3dhp-9") for s in
          ("validation", "test", "last")),
        replace(shrunk("h36m-243"), ground_truth=True, checkpoint_selection="test"),
        replace(shrunk("h36m-81"), data="h36m-cpn", checkpoint_selection="test"),
        replace(shrunk("h36m-81"), data="h36m-cpn", network=STRIDED),
        replace(shrunk("3dhp-9"), network=POSEFORMER, checkpoint_selection="test"),
        replace(shrunk("open"), network=STRIDED, variant=AS_RELEASED),
        replace(shrunk("open"), network=POSEFORMER, variant=AS_RELEASED),
        replace(shrunk("own"), checkpoint_selection="test"),
        shrunk("own"),
        shrunk("open"),
    ],
    ids=lambda config: f"{config.data}-{config.checkpoint_selection}",
)  # fmt: skip
def test_every_kind_of_data_trains(config: TrainConfig, tmp_path: Path) -> None:
    mean, rows = run(config, data_of(config.data, tmp_path / "data"), tmp_path / "run")
    assert rows[-1]["step"] == 2
    errors = [key for key in rows[-1] if "mpjpe" in key]
    assert all(key.endswith("_px") == (config.data == "h36m-sh") for key in errors if "val" in key)
    assert np.isfinite([rows[-1][key] for key in ["loss", *errors]]).all()
    kinds = {"validation": {"val", "clean", "noisy"}, "test": {"test"}, "last": set()}
    assert {key.split("_")[0] for key in errors} - {"filmed"} <= kinds[config.checkpoint_selection]
    assert ("filmed_mpjpe" in errors) == (config.camera_domain != "benchmark-like")
    assert (tmp_path / "run" / "best").is_dir() == bool(errors) == (config.checkpoint_selection != "last")
    assert same(load_model(tmp_path / "run" / "weights"), mean)


def test_selecting_on_the_test_set_is_by_its_protocol(tmp_path: Path) -> None:
    """The figures are those of `tcpformer evaluate`."""
    config = replace(shrunk("3dhp-9"), checkpoint_selection="test")
    file = data_of("3dhp", tmp_path / "data")
    _, rows = run(config, file, tmp_path / "run")
    scores = validate(
        load_model(tmp_path / "run" / "best"), config, sources.open_source(config, file), file
    )
    assert scores == {key: rows[-1][key] for key in ("test_mpjpe", "test_p_mpjpe")}


# The folder


def test_the_folder_holds_all_that_was_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunDir, "draw_curves", DRAW)
    file, out = data_of("mocap", tmp_path), tmp_path / "run"
    mean, rows = run(MOCAP, file, out)
    assert same(load_model(out / "weights"), mean)
    convention = load_weights(out / "weights").spec
    assert convention is not None
    assert (convention.frame_step, convention.normalization) == (2, "centered-camera")
    assert [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()] == rows
    assert {"loss", "seconds", "clean_mpjpe", "noisy_p_mpjpe"} <= rows[-1].keys()
    names = sorted(path.name for path in out.iterdir())
    assert names == ["best", "checkpoint.pt", "curves.png", "log.jsonl", "run.json", "weights"]
    about = json.loads((out / "run.json").read_text())
    assert (about["data"], about["processes"], about["config"]["steps"]) == (str(file), 1, 6)
    figure = walk(12)
    person = Motion2D(figure.xy, figure.confidence, figure.size, figure.fps, H36M)
    assert np.isfinite(Lifter(out / "weights", "cpu")(person).xyz).all()


def test_the_best_the_last_and_every_nth_are_kept(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(training, "validate", lambda *what: {"val_mpjpe": next(errors)})
    config = replace(OWN, checkpoint_selection="validation", ema_decay=0.0)
    run(config, data, tmp_path, validate_every=2, keep_weights_every=2)
    kept = {path.name: load_model(path) for path in tmp_path.iterdir() if path.is_dir()}
    assert set(kept) == {"best", "weights", "step_0000002", "step_0000004", "step_0000006"}
    assert same(kept["best"], kept["step_0000004"])
    assert same(kept["weights"], kept["step_0000006"])
    assert not same(kept["best"], kept["weights"])


def test_one_scores_when_asked_or_when_an_epoch_ends(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "validate", lambda *what: {"val_mpjpe": 1.0})
    config = replace(OWN, steps=0, epochs=3, batch_size=6)
    _, rows = run(config, data, tmp_path / "a")
    epoch = sources.open_source(config, data).clips_per_epoch
    ends = [-(-n * epoch // 6) for n in (1, 2, 3)]
    assert [row["step"] for row in rows if "val_mpjpe" in row] == ends
    _, rows = run(replace(OWN, steps=7), data, tmp_path / "b", validate_every=3)
    assert [row["step"] for row in rows if "val_mpjpe" in row] == [3, 6, 7]


def test_tensorboard_is_written_for(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run(replace(OWN, steps=2), data, tmp_path, tracker="auto")
    assert [p for p in (tmp_path / "tcpformer").iterdir() if p.name.startswith("events.out.")]


def test_progress_is_told_of_every_step(data: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    train(OWN, data, tmp_path, HARDWARE, progress=lambda *now: told.append(now))
    assert told == [(step, 6) for step in range(1, 7)]
