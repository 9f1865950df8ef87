"""Training: it learns, it stops and goes on, and it does what its config says."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mocaps import mocap_file
from motions import walk
from tiny_configs import TINY as TINY_SIZES
from torch import nn
from trainings import (
    HARDWARE,
    MOCAP,
    NETWORKS,
    OWN,
    POSEFORMER,
    STRIDED,
    TINY,
    close,
    data_of,
    own_folder,
    run,
    same,
    shrunk,
)

from tcpformer.lifting.lifter import Lifter
from tcpformer.models import body_of, build, joints_of, whole_body
from tcpformer.models.checkpoint import load_model, load_weights, save_model
from tcpformer.models.hybrid import Config as Hybrid
from tcpformer.motion import Motion2D
from tcpformer.skeleton import H36M
from tcpformer.training import data as sources
from tcpformer.training import train as training
from tcpformer.training.config import TrainConfig
from tcpformer.training.presets import PRESETS
from tcpformer.training.run_dir import LOCK, RunDir
from tcpformer.training.train import build_or_load_model, train
from tcpformer.training.validate import validate, validation_scores

DRAW = RunDir.draw_curves


pytestmark = pytest.mark.usefixtures("quick_training")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_folder(tmp_path_factory.mktemp("own"))


def test_train_lowers_validation_errors(tmp_path: Path) -> None:
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


def test_train_is_reproducible(data: Path, tmp_path: Path) -> None:
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
        replace(shrunk("open"), network=STRIDED),
        replace(shrunk("open"), network=POSEFORMER),
        replace(shrunk("own"), checkpoint_selection="test"),
        shrunk("own"),
        shrunk("open"),
    ],
    ids=lambda config: f"{config.data}-{config.checkpoint_selection}",
)  # fmt: skip
def test_train_on_every_kind_of_data(config: TrainConfig, tmp_path: Path) -> None:
    mean, rows = run(config, data_of(config.data, tmp_path / "data"), tmp_path / "run")
    assert rows[-1]["step"] == 2
    errors = [key for key in rows[-1] if "mpjpe" in key]
    assert all(key.endswith("_px") == (config.data == "h36m-sh") for key in errors if "val" in key)
    assert np.isfinite([rows[-1][key] for key in ["loss", *errors]]).all()
    kinds = {"validation": {"val", "clean", "noisy"}, "test": {"test"}, "last": set()}
    assert {key.split("_")[0] for key in errors} - {"filmed"} <= kinds[config.checkpoint_selection]
    assert ("filmed_mpjpe" in errors) == (config.camera_domain != "benchmark-like")
    assert (
        (tmp_path / "run" / "best").is_dir()
        == bool(errors)
        == (config.checkpoint_selection != "last")
    )
    assert same(load_model(tmp_path / "run" / "weights"), mean)


def test_train_selects_on_the_test_set_by_its_protocol(tmp_path: Path) -> None:
    """With the scores of `tcpformer evaluate`."""
    config = replace(shrunk("3dhp-9"), checkpoint_selection="test")
    file = data_of("3dhp", tmp_path / "data")
    _, rows = run(config, file, tmp_path / "run")
    scores = validate(
        load_model(tmp_path / "run" / "best"), config, sources.open_source(config, file), file
    )
    assert scores == {key: rows[-1][key] for key in ("test_mpjpe", "test_p_mpjpe")}


def test_train_writes_the_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_train_keeps_best_last_and_every_nth_weights(
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


def test_train_validates_after_epochs_or_steps(
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


def test_train_writes_for_tensorboard(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run(replace(OWN, steps=2), data, tmp_path, tracker="auto")
    assert [p for p in (tmp_path / "tcpformer").iterdir() if p.name.startswith("events.out.")]


def test_train_reports_progress_of_every_step(data: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    train(OWN, data, tmp_path, HARDWARE, progress=lambda *now: steps.append(now))
    assert steps == [(step, 6) for step in range(1, 7)]


def test_train_refuses_a_folder_in_which_another_run_trains(data: Path, tmp_path: Path) -> None:
    """Keep two from mixing their logs and overwriting each other's checkpoints."""
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    refused: list[str] = []

    def start_another(step: int, total: int) -> None:
        with pytest.raises(OSError, match=r"another run trains in .*shared") as error:
            train(OWN, data, shared, HARDWARE)
        refused.append(str(error.value))

    first = train(OWN, data, shared, HARDWARE, progress=start_another)
    assert len(refused) == 6
    assert same(first, train(OWN, data, alone, HARDWARE))
    assert sorted(p.name for p in shared.iterdir()) == sorted(p.name for p in alone.iterdir())


def test_train_goes_on_where_a_dead_run_left_its_lock(data: Path, tmp_path: Path) -> None:
    (tmp_path / LOCK).touch()
    run(replace(OWN, steps=1), data, tmp_path)
    assert not (tmp_path / LOCK).exists()


def test_train_that_cannot_start_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such folder"):
        train(OWN, tmp_path / "missing", tmp_path / "new" / "run", HARDWARE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["default", "fast"])
def test_build_or_load_model_starts_from_packaged_weights(name: str) -> None:
    """Without their uncertainty head; the pose starts as it was."""
    packed = body_of(load_model(name))
    network = replace(packed.config, uncertainty=False)
    model = build_or_load_model(replace(PRESETS["open"], network=network, init_from=name)).eval()
    assert not [key for key in model.state_dict() if key.startswith("uncertainty.")]
    x = torch.randn(2, network.frames, joints_of(network), 3)
    with torch.inference_mode():
        torch.testing.assert_close(model(x), packed.float()(x))


def test_build_or_load_model_refuses_other_networks(tmp_path: Path) -> None:
    save_model(build(TINY), tmp_path)
    config = replace(OWN, network=replace(TINY, width=16), init_from=str(tmp_path))
    with pytest.raises(ValueError, match=r"convert them with research/surgery\.py"):
        build_or_load_model(config)
    network = Hybrid(frames=9, depth=1, width=8, heads=2, representation=8, uncertainty=True)
    with pytest.raises(ValueError, match="run `tcpformer calibrate`"):
        build_or_load_model(replace(OWN, network=network))


def test_train_starts_from_the_network_that_build_returns(data: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    start = build(TINY)
    config = replace(OWN, lr=0.0, steps=1, weight_decay=0.0)
    mean = train(config, data, tmp_path, HARDWARE, build=lambda config: deepcopy(start))
    assert same(mean, start)


@pytest.mark.parametrize(
    ("learning", "parts"),
    [
        ("all", {"body", "more", "correct", "share"}),
        ("correction", {"more", "correct", "share"}),
        ("share", {"share"}),
    ],
)
def test_learning_keeps_all_other_weights_to_the_bit(
    learning: Any, parts: set[str], tmp_path: Path
) -> None:
    network = whole_body.Config(**TINY_SIZES["whole-body"])
    torch.manual_seed(3)
    start = build(network).eval()
    nn.init.normal_(start.correct[-1].weight)
    save_model(start, tmp_path / "start")
    config = replace(
        MOCAP, network=network, steps=4, init_from=str(tmp_path / "start"), learning=learning
    )
    mean, _ = run(config, mocap_file(tmp_path / "mocap.npz", groups=True), tmp_path / "run")
    before = start.state_dict()
    moved = [key for key, value in mean.state_dict().items() if not value.equal(before[key])]
    assert {key.split(".")[0] for key in moved} == parts
    assert len(moved) == sum(key.split(".")[0] in parts for key in before)


@pytest.mark.parametrize("wrong", [{"network": TINY, "init_from": "default"}, {}])
def test_learning_needs_a_whole_body_and_its_weights(wrong: dict[str, Any]) -> None:
    network = whole_body.Config(**TINY_SIZES["whole-body"])
    with pytest.raises(ValueError, match="as init_from has them"):
        replace(MOCAP, **({"network": network, "learning": "share"} | wrong))


def test_train_accumulates_gradients_like_one_large_batch(data: Path, tmp_path: Path) -> None:
    config = replace(OWN, ema_decay=0.0, optimizer="adamw", lr=1e-3)
    large, one = run(replace(config, batch_size=6), data, tmp_path / "large")
    parts, other = run(replace(config, batch_size=2, grad_accum_steps=3), data, tmp_path / "parts")
    assert other[-1]["loss"] == pytest.approx(one[-1]["loss"], rel=1e-5)
    close(parts, large, 1e-5)
    other, _ = run(replace(config, batch_size=2), data, tmp_path / "other")
    with pytest.raises(AssertionError):
        close(other, large, 1e-4)


@pytest.mark.parametrize("network", NETWORKS)
def test_train_with_activation_checkpointing_gives_the_same_bits(
    network: str, data: Path, tmp_path: Path
) -> None:
    """After three steps."""
    config = replace(OWN, network=NETWORKS[network], steps=3, ema_decay=0.0)
    kept, _ = run(config, data, tmp_path / "kept")
    twice, _ = run(config, data, tmp_path / "twice", activation_checkpointing=True)
    assert same(kept, twice)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a machine of one core
@pytest.mark.parametrize("accumulate", [1, 2])
def test_train_with_workers_gives_the_same_bits(
    accumulate: int, data: Path, tmp_path: Path
) -> None:
    """Also after a pause."""
    config = replace(OWN, grad_accum_steps=accumulate, steps=4)
    alone, _ = run(config, data, tmp_path / "alone")
    ahead, _ = run(config, data, tmp_path / "ahead", workers=2)
    assert same(alone, ahead)
    run(replace(config, steps=2, cooldown=0.0), data, tmp_path / "paused", workers=2)
    on, _ = run(config, data, tmp_path / "paused", workers=1)
    assert same(alone, on)


def test_train_in_bfloat16_is_close(data: Path, tmp_path: Path) -> None:
    """Runs in one process do not affect each other."""
    config = replace(OWN, ema_decay=0.0)
    _, full = run(config, data, tmp_path / "full")
    _, half = run(config, data, tmp_path / "half", precision="bf16")
    _, again = run(replace(config, grad_accum_steps=1), data, tmp_path / "again")
    assert half[-1]["loss"] == pytest.approx(full[-1]["loss"], rel=0.02)
    assert half[-1]["loss"] != full[-1]["loss"]
    assert again[-1]["loss"] == full[-1]["loss"]


def test_train_clips_gradients(data: Path, tmp_path: Path) -> None:
    config = replace(OWN, steps=1, ema_decay=0.0, weight_decay=0.0)
    free, _ = run(config, data, tmp_path / "a")
    wide, _ = run(replace(config, grad_clip_norm=1e6), data, tmp_path / "b")
    tight, _ = run(replace(config, grad_clip_norm=1e-12), data, tmp_path / "c")
    torch.manual_seed(config.seed)
    start = build(config.network)
    assert same(free, wide)
    moved = [max_move(model, start) for model in (free, tight)]
    assert moved[1] < 0.01 * moved[0]


def max_move(a: nn.Module, b: nn.Module) -> float:
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return max((one - other).abs().max().item() for one, other in pairs)


def test_train_sets_the_learning_rate(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []
    step = torch.optim.AdamW.step

    def noted(self: torch.optim.AdamW, *rest: Any, **more: Any) -> Any:
        seen.append(self.param_groups[0]["lr"])
        return step(self, *rest, **more)

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    config = replace(OWN, steps=0, epochs=2, batch_size=6, lr_decay=0.5, lr=1e-2)
    run(config, data, tmp_path)
    epoch = sources.open_source(config, data).clips_per_epoch
    np.testing.assert_allclose(seen, [1e-2 * 0.5 ** (6 * i // epoch) for i in range(len(seen))])
    assert len(seen) == -(-2 * epoch // 6)
