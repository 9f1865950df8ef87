"""Losses: laws, then the numbers of the released code."""

import numpy as np
import pytest
import torch
from paths import GOLDEN
from torch import Tensor

from tcpformer.training.losses import position_loss, scaled_position_loss, velocity_loss

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
def test_released_losses(name: str, golden: dict[str, Tensor]) -> None:
    loss = LOSSES[name](golden["predicted"], golden["target"])
    assert loss.item() == pytest.approx(golden[f"loss/{name}"].item(), rel=2e-6)


def test_released_total(golden: dict[str, Tensor]) -> None:
    parts = [LOSSES[k](golden["predicted"], golden["target"]).item() for k in LOSSES]
    total = np.dot(parts, [1.0, 0.5, 20.0])
    assert total == pytest.approx(golden["loss/total"].item(), rel=2e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_no_loss_where_nothing_differs_and_some_where_it_does(
    name: str, golden: dict[str, Tensor]
) -> None:
    true = golden["target"]
    assert LOSSES[name](true, true).item() == pytest.approx(0, abs=1e-6)
    assert LOSSES[name](true.flip(1), true).item() > 0.01


def test_scaled_loss_does_not_depend_on_a_scale_of_each_frame(golden: dict[str, Tensor]) -> None:
    pred, true = golden["predicted"].double(), golden["target"].double()
    scale = torch.linspace(0.1, 10, 27, dtype=torch.float64).reshape(3, 9, 1, 1)
    one, other = scaled_position_loss(pred * scale, true), scaled_position_loss(pred, true)
    assert one.item() == pytest.approx(other.item(), rel=1e-9)


def test_velocity_loss_of_a_uniform_motion_is_its_step() -> None:
    still = torch.zeros(2, 5, 17, 3)
    moving = still + torch.arange(5.0)[:, None, None] * torch.tensor([3.0, 0.0, 4.0])
    assert velocity_loss(moving + 7.0, still).item() == pytest.approx(5.0)
    assert velocity_loss(still + 7.0, still).item() == 0


def test_velocity_loss_of_a_single_frame_is_zero_not_nan() -> None:
    assert velocity_loss(torch.ones(2, 1, 17, 3), torch.zeros(2, 1, 17, 3)).item() == 0


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_finite_even_where_nothing_differs(name: str) -> None:
    for start in (torch.zeros(1, 3, 17, 3), torch.ones(1, 3, 17, 3)):
        pred = start.clone().requires_grad_(True)
        LOSSES[name](pred, start).backward()
        assert pred.grad is not None
        assert torch.isfinite(pred.grad).all()


def test_a_step_down_the_gradient_lessens_the_loss(golden: dict[str, Tensor]) -> None:
    for loss in LOSSES.values():
        pred = golden["predicted"].double().requires_grad_(True)
        before = loss(pred, golden["target"].double())
        before.backward()
        assert pred.grad is not None
        after = loss(pred.detach() - 0.01 * pred.grad, golden["target"].double())
        assert after.item() < before.item()
