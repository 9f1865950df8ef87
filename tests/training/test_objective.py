"""Training does what its config and its hardware say."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from trainings import MOCAP, NETWORKS, OWN, STRIDED, TINY, close, data_of, own_folder, run, same

from tcpformer.models import build, lifts_center_only
from tcpformer.training import data as sources
from tcpformer.training.config import TrainConfig
from tcpformer.training.data import open_source
from tcpformer.training.losses import position_loss, scaled_position_loss, velocity_loss
from tcpformer.training.train import Objective, ProcessBatches, update_average, lr_factor

pytestmark = pytest.mark.usefixtures("quick_training")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_folder(tmp_path_factory.mktemp("own"))


def test_accumulated_batches_are_one_large_batch(data: Path, tmp_path: Path) -> None:
    config = replace(OWN, ema_decay=0.0, optimizer="adamw", lr=1e-3)
    large, one = run(replace(config, batch_size=6), data, tmp_path / "large")
    parts, other = run(replace(config, batch_size=2, grad_accum_steps=3), data, tmp_path / "parts")
    assert other[-1]["loss"] == pytest.approx(one[-1]["loss"], rel=1e-5)
    close(parts, large, 1e-5)
    other, _ = run(replace(config, batch_size=2), data, tmp_path / "other")
    with pytest.raises(AssertionError):
        close(other, large, 1e-4)


@pytest.mark.parametrize("network", NETWORKS)
def test_recomputing_changes_nothing(network: str, data: Path, tmp_path: Path) -> None:
    """Nor do the gradients: three steps of them end at the same weights."""
    config = replace(OWN, network=NETWORKS[network], steps=3, ema_decay=0.0)
    kept, _ = run(config, data, tmp_path / "kept")
    twice, _ = run(config, data, tmp_path / "twice", activation_checkpointing=True)
    assert same(kept, twice)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_who_draws_the_clips_does_not_matter(accumulate: int, data: Path, tmp_path: Path) -> None:
    """Nor does a pause, after which clips are drawn ahead anew."""
    config = replace(OWN, grad_accum_steps=accumulate, steps=4)
    alone, _ = run(config, data, tmp_path / "alone")
    ahead, _ = run(config, data, tmp_path / "ahead", workers=2)
    assert same(alone, ahead)
    run(replace(config, steps=2, cooldown=0.0), data, tmp_path / "paused", workers=2)
    on, _ = run(config, data, tmp_path / "paused", workers=1)
    assert same(alone, on)


@pytest.mark.parametrize("config", [OWN, replace(MOCAP, camera_domain="mixed", batch_size=4)])
def test_what_draws_clips_can_be_sent_to_another_process(config: TrainConfig, tmp_path: Path) -> None:
    parts = ProcessBatches(open_source(config, data_of(config.data, tmp_path)), 4, 1, 2)
    sent = pickle.loads(pickle.dumps(parts))
    for one, other in zip(parts[3], sent[3], strict=True):
        assert torch.equal(one, other)
        assert len(one) == 4


def test_half_precision_is_close_and_may_follow_full(data: Path, tmp_path: Path) -> None:
    """Several runs in one process, each with what it asks for."""
    config = replace(OWN, ema_decay=0.0)
    _, full = run(config, data, tmp_path / "full")
    _, half = run(config, data, tmp_path / "half", precision="bf16")
    _, again = run(replace(config, grad_accum_steps=1), data, tmp_path / "again")
    assert half[-1]["loss"] == pytest.approx(full[-1]["loss"], rel=0.02)
    assert half[-1]["loss"] != full[-1]["loss"]
    assert again[-1]["loss"] == full[-1]["loss"]
    for precision, wanted in (("fp16", "a GPU"), ("tf32", "one of NVIDIA's GPUs")):
        with pytest.raises(ValueError, match=f"{precision} needs {wanted}"):
            run(config, data, tmp_path / precision, precision=precision)


def test_clipping_bounds_the_step(data: Path, tmp_path: Path) -> None:
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


def test_the_average_follows() -> None:
    """Parameters and what batch norms have seen; counts are the present ones."""
    mean, model = build(STRIDED), build(STRIDED)
    for tensor in (*mean.parameters(), *mean.buffers()):
        tensor.data.zero_()
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data.fill_(8)
    update_average(mean, model, 0.75)
    assert {x.item() for p in mean.parameters() for x in p.unique()} == {2.0}
    floats = [b for b in mean.buffers() if b.is_floating_point()]
    assert {x.item() for b in floats for x in b.unique()} == {2.0}
    counts = [b for b in mean.buffers() if not b.is_floating_point()]
    assert floats
    assert {x.item() for b in counts for x in b.unique()} == {8}
    update_average(mean, model, 0.0)
    assert same(mean, model)


@pytest.mark.parametrize("network", NETWORKS)
def test_an_answer_for_the_centre_is_supervised_there(network: str) -> None:
    torch.manual_seed(0)
    model = build(NETWORKS[network]).eval()
    objective = Objective(model, OWN)
    xyc, flat, true = torch.randn(3, 2, 9, 17, 3).unbind()
    elsewhere = true.clone()
    elsewhere[:, [0, 1, 2, 3, 5, 6, 7, 8]] += 1.0
    loss = objective(xyc, flat, true)
    assert (loss == objective(xyc, flat, elsewhere)) == (network == "poseformerv2")
    moved = true.clone()
    moved[:, 4] += 1.0
    assert loss != objective(xyc, flat, moved)
    if network != "strided":  # which answers twice
        pred = flat[:, 4:5] if lifts_center_only(model) else flat
        wanted = true[:, 4:5] if lifts_center_only(model) else true
        pred = pred + model(xyc)
        parts = (position_loss, scaled_position_loss, velocity_loss)
        position, scaled, velocity = (part(pred, wanted) for part in parts)
        torch.testing.assert_close(loss, position + 0.5 * scaled + 0.5 * velocity)


@pytest.mark.parametrize("field", ["scaled_weight", "velocity_weight"])
def test_a_loss_of_weight_zero_is_left_out(field: str) -> None:
    torch.manual_seed(0)
    model = build(TINY)
    batch = torch.randn(3, 2, 9, 17, 3).unbind()
    both, less = Objective(model, OWN), Objective(model, replace(OWN, **{field: 0.0}))
    part = {"n_mpjpe_weight": scaled_position_loss, "velocity_weight": velocity_loss}[field]
    wanted = both(*batch) - 0.5 * part(batch[1] + model(batch[0]), batch[2])
    torch.testing.assert_close(less(*batch), wanted)


# The rate


def rates(config: TrainConfig, steps: int, per_epoch: int = 10**9) -> np.ndarray:
    return np.array([lr_factor(step, steps, config, step // per_epoch) for step in range(steps)])


def test_the_rate_rises_stays_and_falls() -> None:
    found = rates(replace(OWN, warmup=100, cooldown=0.3), 1000)
    np.testing.assert_allclose(found[:100], (np.arange(100) + 1) / 100)
    np.testing.assert_array_equal(found[99:700], 1.0)
    np.testing.assert_allclose(found[700:], (1000 - np.arange(700, 1000)) / 300)
    assert lr_factor(1000, 1000, replace(OWN, cooldown=0.3)) == 0.0


def test_a_cosine_falls_over_its_share() -> None:
    found = rates(replace(OWN, cooldown=1.0, cooldown_schedule="cosine"), 100)
    np.testing.assert_allclose(found, (1 + np.cos(np.pi * np.arange(100) / 100)) / 2)
    found = rates(replace(OWN, warmup=10, cooldown=0.5, cooldown_schedule="cosine"), 100)
    np.testing.assert_allclose(found[:10], (np.arange(10) + 1) / 10)
    np.testing.assert_array_equal(found[10:50], 1.0)
    np.testing.assert_allclose(found[50:], (1 + np.cos(np.pi * np.arange(50) / 50)) / 2)


def test_the_released_rate_falls_by_a_hundredth_an_epoch() -> None:
    found = rates(PRESETS["h36m-243"], 900, per_epoch=10)
    np.testing.assert_allclose(found, 0.99 ** (np.arange(900) // 10))


def test_the_rate_without_either_end_is_level() -> None:
    assert set(rates(OWN, 50)) == {1.0}


def test_the_rate_reaches_the_optimizer(
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
