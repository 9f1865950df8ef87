"""Losses: laws, then the numbers of the released code."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from paths import GOLDEN
from torch import Tensor
from trainings import NETWORKS, OWN, TINY

from tcpformer.models import build, lifts_center_only
from tcpformer.training.losses import Objective, position_loss, scaled_position_loss, velocity_loss

LOSSES = {
    "mpjpe": position_loss,
    "n_mpjpe": scaled_position_loss,
    "velocity": velocity_loss,
}


@pytest.fixture
def golden() -> dict[str, Tensor]:
    with np.load(GOLDEN / "losses.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_equal_the_released_ones(name: str, golden: dict[str, Tensor]) -> None:
    loss = LOSSES[name](golden["predicted"], golden["target"])
    assert loss.item() == pytest.approx(golden[f"loss/{name}"].item(), rel=2e-6)


def test_sum_of_losses_equals_the_released_one(golden: dict[str, Tensor]) -> None:
    parts = [LOSSES[k](golden["predicted"], golden["target"]).item() for k in LOSSES]
    total = np.dot(parts, [1.0, 0.5, 20.0])
    assert total == pytest.approx(golden["loss/total"].item(), rel=2e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_zero_only_for_equal_poses(name: str, golden: dict[str, Tensor]) -> None:
    true = golden["target"]
    assert LOSSES[name](true, true).item() == pytest.approx(0, abs=1e-6)
    assert LOSSES[name](true.flip(1), true).item() > 0.01


def test_scaled_position_loss_ignores_the_scale_of_each_frame(golden: dict[str, Tensor]) -> None:
    pred, true = golden["predicted"].double(), golden["target"].double()
    scale = torch.linspace(0.1, 10, 27, dtype=torch.float64).reshape(3, 9, 1, 1)
    one, other = scaled_position_loss(pred * scale, true), scaled_position_loss(pred, true)
    assert one.item() == pytest.approx(other.item(), rel=1e-9)


def test_velocity_loss_of_uniform_motion() -> None:
    still = torch.zeros(2, 5, 17, 3)
    moving = still + torch.arange(5.0)[:, None, None] * torch.tensor([3.0, 0.0, 4.0])
    assert velocity_loss(moving + 7.0, still).item() == pytest.approx(5.0)
    assert velocity_loss(still + 7.0, still).item() == 0


def test_velocity_loss_of_a_single_frame_is_zero() -> None:
    assert velocity_loss(torch.ones(2, 1, 17, 3), torch.zeros(2, 1, 17, 3)).item() == 0


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_finite_for_equal_poses(name: str) -> None:
    for start in (torch.zeros(1, 3, 17, 3), torch.ones(1, 3, 17, 3)):
        pred = start.clone().requires_grad_(True)
        LOSSES[name](pred, start).backward()
        assert pred.grad is not None
        assert torch.isfinite(pred.grad).all()


def test_gradient_step_lowers_the_loss(golden: dict[str, Tensor]) -> None:
    for loss in LOSSES.values():
        pred = golden["predicted"].double().requires_grad_(True)
        before = loss(pred, golden["target"].double())
        before.backward()
        assert pred.grad is not None
        after = loss(pred.detach() - 0.01 * pred.grad, golden["target"].double())
        assert after.item() < before.item()


@pytest.mark.parametrize("network", NETWORKS)
def test_objective_supervises_the_center_frame_of_center_only_networks(network: str) -> None:
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


@pytest.mark.parametrize("field", ["n_mpjpe_weight", "velocity_weight"])
def test_objective_omits_losses_of_weight_zero(field: str) -> None:
    torch.manual_seed(0)
    model = build(TINY)
    batch = torch.randn(3, 2, 9, 17, 3).unbind()
    both, less = Objective(model, OWN), Objective(model, replace(OWN, **{field: 0.0}))
    part = {"n_mpjpe_weight": scaled_position_loss, "velocity_weight": velocity_loss}[field]
    wanted = both(*batch) - 0.5 * part(batch[1] + model(batch[0]), batch[2])
    torch.testing.assert_close(less(*batch), wanted)


def test_objective_ignores_joints_whose_truth_is_unknown() -> None:
    config = replace(OWN, n_mpjpe_weight=0.0)
    model = build(config.network)
    x, flat, true = (torch.randn(2, config.network.frames, 17, 3) for _ in range(3))
    objective = Objective(model, config)
    true[:, :, 5] = float("nan")
    loss = objective(x, flat, true)
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    other = true.clone()
    other[:, :, 5] = (flat + model(x)).detach()[:, :, 5]
    torch.testing.assert_close(loss, objective(x, flat, other))


def test_loss_of_the_last_frames_ignores_the_others() -> None:
    config = replace(OWN, last_frames=2)
    network = build(config.network)
    xyc = torch.randn(2, config.network.frames, 17, 3, generator=torch.Generator().manual_seed(3))
    true, flat = torch.randn_like(xyc), torch.zeros_like(xyc)
    earlier, newest = true.clone(), true.clone()
    earlier[:, :-2] += 1.0
    newest[:, -1, 3] += 1.0
    losses = [Objective(network, config)(xyc, flat, x).item() for x in (true, earlier, newest)]
    assert losses[0] == losses[1] != losses[2]
