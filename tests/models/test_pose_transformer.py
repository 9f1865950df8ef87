"""The transformer over whole poses: which inputs reach which outputs."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from tcpformer.models.layers import LayerScale
from tcpformer.models.pose_transformer import Config, PoseTransformer

TINY = Config(frames=9, layers=2, width=24, heads=2, channels=8, representation=16)


def network(gain: float = 1.0, **changes: Any) -> PoseTransformer:
    torch.manual_seed(0)
    model = PoseTransformer(replace(TINY, **changes)).eval()
    for part in model.modules():
        if isinstance(part, LayerScale):
            torch.nn.init.constant_(part.gain, gain)
    return model


def influence(model: torch.nn.Module, frame: int, joint: int) -> torch.Tensor:
    """Return how much each joint of each frame changes the output of one joint."""
    x = torch.randn(1, 9, 17, 3, requires_grad=True)
    return torch.autograd.grad(model(x)[0, frame, joint].sum(), x)[0][0].abs().amax(dim=-1)


def test_forward_connects_all_joints_and_frames() -> None:
    assert influence(network(), 4, 13).min() > 1e-5


def test_forward_with_gain_zero_keeps_frames_apart() -> None:
    gradient = influence(network(gain=0.0), 4, 13)
    assert gradient[4].min() > 1e-5
    gradient[4] = 0
    assert gradient.max() == 0


@torch.inference_mode()
def test_position_makes_the_order_matter() -> None:
    """Without positions, permuted frames give a permuted output."""
    x, order = torch.randn(1, 9, 17, 3), torch.randperm(9)
    model = network()
    torch.testing.assert_close(model(x[:, order]), model(x)[:, order], atol=1e-5, rtol=0)
    assert model.poses.position is not None
    model.poses.position.normal_()
    assert (model(x[:, order]) - model(x)[:, order]).abs().max() > 0.01


@torch.inference_mode()
def test_rotary_makes_the_order_matter() -> None:
    x, order, model = torch.randn(1, 9, 17, 3), torch.randperm(9), network(rotary=True)
    assert model.poses.position is None
    assert (model(x[:, order]) - model(x)[:, order]).abs().max() > 0.01


@torch.inference_mode()
def test_forward_keeps_clips_of_a_batch_apart() -> None:
    x = torch.randn(3, 9, 17, 3)
    torch.testing.assert_close(network()(x)[1:2], network()(x[1:2]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("field", ["layers", "width", "channels", "representation"])
def test_config_refuses_size_zero(field: str) -> None:
    with pytest.raises(ValueError, match=rf"{field} must be at least 1 and at most \d+, got 0"):
        replace(TINY, **{field: 0})


def test_config_refuses_odd_rotary_width() -> None:
    with pytest.raises(ValueError, match="rotary needs an even width / heads, got 3"):
        replace(TINY, heads=8, rotary=True)


def test_config_refuses_heads_that_do_not_divide() -> None:
    with pytest.raises(ValueError, match=r"heads \(5\) must divide width \(24\)"):
        replace(TINY, heads=5)
