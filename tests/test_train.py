"""Training: it learns, it stops and goes on, and longer clips start from shorter ones."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from motions import walk
from torch import nn

from tcpformer import train as training
from tcpformer.data.clips import Clips, clips
from tcpformer.data.mocap import Mocap
from tcpformer.lift import Lifter
from tcpformer.models.tcpformer import Config, TCPFormer
from tcpformer.motion import Motion2D
from tcpformer.skeleton import H36M
from tcpformer.train import Plan, longer, rate_at, score, train
from tcpformer.weights import load_model, load_weights

PLAN = Plan(
    frames=9, depth=1, width=16, heads=2, representation=16, spacing=(2, 2), batch=4, steps=6,
    warmup=2, average=0.9,
)  # fmt: skip
Row = dict[str, Any]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small are slower on many."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _few_clips_to_score_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def few(mocap: Mocap, *, batch: int, **how: Any) -> Iterator[Clips]:
        return clips(mocap, batch=min(batch, 64), **how)

    monkeypatch.setattr(training, "clips", few)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people walking, as a motion capture file: two to learn from, one to score on."""
    walks = [walk(60 + 10 * i, fps=50.0, speed=1.0 + 0.2 * i).xyz for i in range(3)]
    xyz = np.concatenate(walks)
    path = tmp_path_factory.mktemp("mocap") / "mocap.npz"
    np.savez(
        path,
        relative=np.round(1e4 * (xyz - xyz[:, :1])).astype(np.int16),
        root=np.round(1e4 * xyz[:, 0]).astype(np.int32),
        offsets=np.cumsum([0, *map(len, walks)]),
        split=np.array(["train", "train", "val"]),
        joints=np.array(H36M.joints),
        fps=np.float32(50),
    )
    return path


def run(plan: Plan, data: Path, out: Path) -> tuple[TCPFormer, list[Row]]:
    rows: list[Row] = []
    return train(plan, data, out, bf16=False, report=rows.append), rows


def same(a: nn.Module, b: nn.Module) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


class Interrupted(Exception):
    """Someone pulled the plug."""


def interrupted(plan: Plan, data: Path, out: Path, at: int) -> None:
    """Run until the plug is pulled, with a checkpoint at every step."""
    clock = iter(range(0, 10**9, 1000))

    def rate(step: int, plan: Plan) -> float:
        if step == at:
            raise Interrupted
        return rate_at(step, plan)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.time, "monotonic", lambda: float(next(clock)))
        patch.setattr(training, "rate_at", rate)
        with pytest.raises(Interrupted):
            run(plan, data, out)


def test_it_learns_one_batch_by_heart(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_batches", _one_for_ever)
    _, rows = run(replace(PLAN, steps=120, rate=1e-2), data, tmp_path)
    assert [row["step"] for row in rows] == [100, 120]
    assert rows[1]["loss"] < 0.5 * rows[0]["loss"]


def test_what_it_learns_holds_for_others(data: Path, tmp_path: Path) -> None:
    """The error falls for whom it was not trained on as well."""
    plan = replace(PLAN, steps=120, rate=1e-2)
    mean, rows = run(plan, data, tmp_path)
    torch.manual_seed(plan.seed)
    untrained = TCPFormer(mean.config).eval()
    before = score(untrained, training._validation(plan, data)["clean"], "clean")
    assert rows[-1]["clean_mpjpe"] < 0.8 * before["clean_mpjpe"]
    assert rows[-1]["clean_p_mpjpe"] <= rows[-1]["clean_n_mpjpe"] <= rows[-1]["clean_mpjpe"]


def _one_for_ever(plan: Plan, mocap: Mocap, first: int) -> Iterator[tuple[np.ndarray, ...]]:
    one = clips(mocap, frames=plan.frames, batch=plan.batch, spacing=plan.spacing, seed=0)
    batch = next(one)
    while True:
        yield batch.xyc, batch.flat, batch.xyz


def test_the_same_plan_gives_the_same_weights(data: Path, tmp_path: Path) -> None:
    a, _ = run(PLAN, data, tmp_path / "a")
    b, _ = run(PLAN, data, tmp_path / "b")
    c, _ = run(replace(PLAN, seed=1), data, tmp_path / "c")
    assert same(a, b)
    assert not same(a, c)


def test_the_folder_holds_all_that_was_learnt(data: Path, tmp_path: Path) -> None:
    mean, rows = run(PLAN, data, tmp_path)
    assert same(load_model(tmp_path / "weights"), mean)
    weights = load_weights(tmp_path / "weights")
    assert weights.convention is not None
    assert (weights.convention.spacing, weights.convention.rule) == (2, "aimed")
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert logged == rows
    assert rows[-1]["step"] == PLAN.steps
    assert {"loss", "seconds", "clean_mpjpe", "noisy_p_mpjpe"} <= rows[-1].keys()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["checkpoint.pt", "log.jsonl", "weights"]
    xyz = walk(12)
    person = Motion2D(xyz.xy, xyz.confidence, xyz.size, xyz.fps, H36M)
    assert np.isfinite(Lifter(tmp_path / "weights", "cpu")(person).xyz).all()


def test_a_finished_run_is_only_read(data: Path, tmp_path: Path) -> None:
    mean, _ = run(PLAN, data, tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    again, rows = run(PLAN, data, tmp_path)
    assert same(mean, again)
    assert rows == []
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_run_goes_on_where_it_stopped(data: Path, tmp_path: Path) -> None:
    """From the last checkpoint, with its optimizer; bit for bit as if it had never stopped."""
    interrupted(PLAN, data, tmp_path / "a", at=4)
    state = torch.load(tmp_path / "a" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 4
    (tmp_path / "b").mkdir()
    torch.save(state, tmp_path / "b" / "checkpoint.pt")
    a, _ = run(PLAN, data, tmp_path / "a")
    b, _ = run(PLAN, data, tmp_path / "b")
    whole, _ = run(PLAN, data, tmp_path / "whole")
    assert same(a, b)
    end = torch.load(tmp_path / "a" / "checkpoint.pt", weights_only=True)
    assert end["step"] == PLAN.steps
    assert all(s["step"] == PLAN.steps for s in end["optimizer"]["state"].values())
    assert same(a, whole)


def test_a_run_of_other_sizes_is_not_gone_on_with(data: Path, tmp_path: Path) -> None:
    run(PLAN, data, tmp_path)
    with pytest.raises(ValueError, match="a run with other depth, width; give its plan or another"):
        run(replace(PLAN, width=32, depth=2), data, tmp_path)


# Longer clips


def _lively(frames: int) -> TCPFormer:
    torch.manual_seed(0)
    model = TCPFormer(Config(frames=frames, depth=2, width=16, heads=2, representation=16))
    for name, parameter in model.named_parameters():
        if name.endswith(".gain"):
            nn.init.constant_(parameter, 0.5)
    return model.eval()


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("how", ["each", "all"])
@torch.inference_mode()
def test_longer_lifts_repeated_frames_as_before(factor: int, how: str) -> None:
    short = _lively(9)
    long = longer(short, replace(short.config, frames=9 * factor)).eval()
    x = torch.randn(2, 9, 17, 3)

    def repeat(y: torch.Tensor) -> torch.Tensor:
        tiled = y.repeat(1, factor, 1, 1)
        return y.repeat_interleave(factor, dim=1) if how == "each" else tiled

    torch.testing.assert_close(long(repeat(x)), repeat(short(x)), atol=1e-5, rtol=0)
    assert long.config.frames == 9 * factor
    assert (short(x)[0] - short(x.flip(0))[0]).abs().max() > 0.1  # what goes in does matter


def test_longer_leaves_the_short_one_alone() -> None:
    short = _lively(9)
    before = {key: value.clone() for key, value in short.state_dict().items()}
    long = longer(short, replace(short.config, frames=27))
    nn.init.zeros_(long.proxy)
    assert all(torch.equal(value, before[key]) for key, value in short.state_dict().items())


@pytest.mark.parametrize("change", [{"frames": 12}, {"frames": 3}, {"width": 32}, {"depth": 1}])
def test_longer_refuses_anything_else(change: dict[str, int]) -> None:
    short = _lively(9)
    with pytest.raises(ValueError, match="cannot start"):
        longer(short, replace(short.config, **change))


def test_a_run_may_start_from_shorter_weights(data: Path, tmp_path: Path) -> None:
    first, _ = run(PLAN, data, tmp_path / "short")
    plan = replace(PLAN, frames=27, init=str(tmp_path / "short" / "weights"), rate=0.0, steps=1)
    second, _ = run(plan, data, tmp_path / "long")
    x = torch.randn(1, 9, 17, 3)
    with torch.inference_mode():
        torch.testing.assert_close(second(x.repeat(1, 3, 1, 1))[:, :9], first(x), atol=1e-5, rtol=0)


# The rate


def test_the_rate_rises_stays_and_falls() -> None:
    plan = Plan(steps=1000, warmup=100, cooldown=0.3)
    rates = np.array([rate_at(step, plan) for step in range(1000)])
    assert (np.diff(rates[:100]) > 0).all()
    np.testing.assert_allclose(rates[:100], (np.arange(100) + 1) / 100)
    np.testing.assert_array_equal(rates[99:700], 1.0)
    np.testing.assert_allclose(rates[700:], (1000 - np.arange(700, 1000)) / 300)
    assert rates.max() == 1.0
    assert rate_at(1000, plan) == 0.0


def test_the_rate_without_either_end_is_level() -> None:
    plan = Plan(steps=50, warmup=0, cooldown=0.0)
    assert {rate_at(step, plan) for step in range(50)} == {1.0}


def test_every_field_of_a_plan_is_kept_with_the_run(data: Path, tmp_path: Path) -> None:
    run(PLAN, data, tmp_path)
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["plan"]
    assert Plan(**kept) == Plan(**asdict(PLAN)) == PLAN
