"""The hybrid network: what each of its fields adds to TCPFormer."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from tcpformer.models import pose_transformer, tcpformer
from tcpformer.models.hybrid import Config, HybridTCPFormer
from tcpformer.models.layers import LayerScale
from tcpformer.models.pose_transformer import PoseEncoder
from tcpformer.models.tcpformer import TCPFormer

TINY = Config(frames=9, depth=1, width=8, heads=2, representation=16)


def network(gain: float | None = None, **fields: Any) -> HybridTCPFormer:
    torch.manual_seed(0)
    model = HybridTCPFormer(replace(TINY, **fields)).eval()
    for part in model.modules():
        if isinstance(part, LayerScale) and gain is not None:
            torch.nn.init.constant_(part.gain, gain)
    return model


@torch.inference_mode()
def test_forward_without_additions_equals_tcpformer() -> None:
    config = tcpformer.Config(frames=9, depth=2, width=8, heads=2, local_branch=True)
    torch.manual_seed(0)
    paper = TCPFormer(config).eval()
    torch.manual_seed(0)
    ours = HybridTCPFormer(Config.extending(config)).eval()
    x = torch.randn(2, 9, 17, 3)
    assert ours.state_dict().keys() == paper.state_dict().keys()
    assert torch.equal(ours(x), paper(x))


def test_extending_keeps_sizes_and_adds_fields() -> None:
    config = tcpformer.Config(frames=27, depth=3, proxy_frames=5)
    extended = Config.extending(config, pose_layers=2)
    assert (extended.frames, extended.depth, extended.proxy_frames) == (27, 3, 5)
    assert extended.pose_layers == 2


def test_pose_embedding_connects_all_joints_of_a_frame() -> None:
    """At the start nearly nothing else does, because the gains are near 0."""
    x = torch.randn(1, 9, 17, 3, requires_grad=True)
    shares = {}
    for embedded in (False, True):
        joint = network(width=16, pose_embedding=embedded)(x)[0, 4, 13].sum()
        gradient = torch.autograd.grad(joint, x)[0][0].abs().amax(dim=-1)
        shares[embedded] = gradient[4] / gradient[4, 13]
        assert gradient[[3, 5]].max() < 1e-3 * gradient[4, 13]  # other frames are not reached
    assert shares[False].sum() == pytest.approx(1, abs=1e-2)
    assert shares[True].min() > 0.01


def test_pose_embedding_adds_one_linear_map() -> None:
    plain, own = (dict(network(pose_embedding=e).named_parameters()) for e in (False, True))
    assert set(own) - set(plain) == {"embed_pose.weight", "embed_pose.bias"}
    assert own["embed_pose.weight"].shape == (17 * 8, 17 * 3)


@pytest.mark.parametrize("learned", [False, True])
@torch.inference_mode()
def test_frame_position_makes_the_order_matter(learned: bool) -> None:
    x, order = torch.randn(1, 9, 17, 3), torch.randperm(9)
    model = network(gain=1.0, frame_position=learned)
    torch.testing.assert_close(model(x[:, order]), model(x)[:, order], atol=1e-5, rtol=0)
    assert (model.frame_position is not None) == learned
    if model.frame_position is not None:
        model.frame_position.normal_()
        assert (model(x[:, order]) - model(x)[:, order]).abs().max() > 0.01


@pytest.mark.parametrize("layers", [0, 2])
@torch.inference_mode()
def test_pose_layers_make_the_order_matter(layers: int) -> None:
    x, model = torch.randn(1, 9, 17, 3), network(gain=1.0, pose_layers=layers)
    if model.poses is not None and model.poses.position is not None:
        model.poses.position.normal_()
    difference = (model(x.flip(1)).flip(1) - model(x)).abs().max()
    assert (difference > 0.01) == bool(layers)


def test_pose_transformer_has_three_times_the_width() -> None:
    config = replace(TINY, pose_layers=2)
    alone = pose_transformer.Config(
        frames=9, layers=2, width=24, heads=2, channels=8, representation=16
    )
    assert config.pose_transformer == alone
    assert replace(config, rotary_poses=True).pose_transformer == replace(alone, rotary=True)
    model = HybridTCPFormer(config)
    assert model.poses is not None
    shapes = {k: v.shape for k, v in model.poses.state_dict().items()}
    assert shapes == {k: v.shape for k, v in PoseEncoder(alone).state_dict().items()}


@torch.inference_mode()
def test_uncertainty_leaves_the_pose_unchanged() -> None:
    plain, x = network(pose_layers=1), torch.randn(1, 9, 17, 3)
    model = HybridTCPFormer(replace(plain.config, uncertainty=True))
    model.load_state_dict(plain.state_dict(), strict=False)
    assert model.uncertainty is not None
    assert torch.equal(model(x), plain(x))
    assert model.uncertainty(model.represent(x), x).shape == (1, 9, 17, 3)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"pose_layers": -1}, "pose_layers must be at least 0, got -1"),
        ({"rotary_poses": True}, "pose_layers must be at least 1 for rotary_poses, got 0"),
        ({"depth": 0}, "depth must be at least 1"),
    ],
)
def test_config_refuses_bad_sizes(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(TINY, **fields)
