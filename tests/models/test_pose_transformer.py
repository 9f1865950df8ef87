"""Whole poses over time: what reaches what, alone and beside TCPFormer."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from tcpformer.models.layers import LayerScale, turned
from tcpformer.models.pose_transformer import Config, PoseTransformer
from tcpformer.models.tcpformer import Config as TCPFormerConfig
from tcpformer.models.tcpformer import TCPFormer

TINY = Config(frames=9, layers=2, width=24, heads=2, channels=8, representation=16)


def network(gain: float = 1.0, **changes: Any) -> PoseTransformer:
    torch.manual_seed(0)
    model = PoseTransformer(replace(TINY, **changes)).eval()
    for part in model.modules():
        if isinstance(part, LayerScale):
            torch.nn.init.constant_(part.gain, gain)
    return model


def heard(model: torch.nn.Module, frame: int, joint: int) -> torch.Tensor:
    """How much each joint of each frame changes one joint's answer."""
    x = torch.randn(1, 9, 17, 3, requires_grad=True)
    return torch.autograd.grad(model(x)[0, frame, joint].sum(), x)[0][0].abs().amax(dim=-1)


def test_a_joint_hears_all_joints_of_all_frames() -> None:
    assert heard(network(), 4, 13).min() > 1e-5


def test_layers_that_are_closed_leave_frames_to_themselves() -> None:
    gradient = heard(network(gain=0.0), 4, 13)
    assert gradient[4].min() > 1e-5
    gradient[4] = 0
    assert gradient.max() == 0


@torch.inference_mode()
def test_frames_know_their_places() -> None:
    """Without places, permuted frames give a permuted answer."""
    x, order = torch.randn(1, 9, 17, 3), torch.randperm(9)
    model = network()
    torch.testing.assert_close(model(x[:, order]), model(x)[:, order], atol=1e-5, rtol=0)
    assert model.poses.position is not None
    model.poses.position.normal_()
    assert (model(x[:, order]) - model(x)[:, order]).abs().max() > 0.01


@torch.inference_mode()
def test_rotary_frames_know_how_far_apart_they_are() -> None:
    """Products depend on the distance alone; and the answer on the order, from the start."""
    q, k = torch.randn(2, 1, 1, 1, 12).expand(2, 1, 1, 9, 12).unbind()
    products = (turned(q) @ turned(k).mT)[0, 0]
    for shift in range(-8, 9):
        along = products.diagonal(shift)
        torch.testing.assert_close(along, along[:1].expand_as(along))
    assert products[0].std() > 0.1
    torch.testing.assert_close(turned(q).norm(dim=-1), q.norm(dim=-1))
    x, order, model = torch.randn(1, 9, 17, 3), torch.randperm(9), network(rotary=True)
    assert model.poses.position is None
    assert (model(x[:, order]) - model(x)[:, order]).abs().max() > 0.01


@torch.inference_mode()
def test_clips_of_a_batch_are_for_themselves() -> None:
    x = torch.randn(3, 9, 17, 3)
    torch.testing.assert_close(network()(x)[1:2], network()(x[1:2]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("field", ["layers", "width", "channels", "representation"])
def test_every_size_is_at_least_one(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} must be at least 1, got 0"):
        replace(TINY, **{field: 0})


def test_rotary_needs_channels_by_twos() -> None:
    with pytest.raises(ValueError, match="rotary needs an even width / heads, got 3"):
        replace(TINY, heads=8, rotary=True)


def test_heads_divide_the_width() -> None:
    with pytest.raises(ValueError, match=r"heads \(5\) must divide width \(24\)"):
        replace(TINY, heads=5)


def test_beside_tcpformer_they_have_the_size_that_it_says() -> None:
    config = TCPFormerConfig(frames=9, depth=1, width=8, heads=2, representation=16, pose_layers=2)
    assert config.whole_poses == TINY
    alone = {k: v.shape for k, v in network().poses.state_dict().items()}
    model = TCPFormer(config)
    assert model.poses is not None
    assert {k: v.shape for k, v in model.poses.state_dict().items()} == alone
    assert replace(config, rotary_poses=True).whole_poses == replace(TINY, rotary=True)
    with pytest.raises(ValueError, match="pose_layers must be at least 0, got -1"):
        replace(config, pose_layers=-1)
    with pytest.raises(ValueError, match="pose_layers must be at least 1 for rotary_poses, got 0"):
        replace(config, pose_layers=0, rotary_poses=True)


def test_beside_tcpformer_a_joint_hears_frames_in_their_order() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 9, 17, 3)
    for layers in (0, 2):
        config = TCPFormerConfig(frames=9, depth=1, width=8, heads=2, pose_layers=layers)
        model = TCPFormer(config).eval()
        if model.poses is not None and model.poses.position is not None:
            torch.nn.init.normal_(model.poses.position)
        for part in model.modules():
            if isinstance(part, LayerScale):
                torch.nn.init.constant_(part.gain, 1.0)
        with torch.inference_mode():
            turned = (model(x.flip(1)).flip(1) - model(x)).abs().max()
        assert (turned > 0.01) == bool(layers)
