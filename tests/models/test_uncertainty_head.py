"""The uncertainty head: its inputs, its start, and the network that answers with it."""

import torch

from tcpformer.models import build
from tcpformer.models.pose_transformer import Config
from tcpformer.models.uncertainty_head import UncertaintyHead, WithUncertainty, uncertainty_inputs


def test_uncertainty_inputs_hold_each_joint_and_the_clip_mean() -> None:
    features, xyc = torch.randn(2, 9, 17, 4), torch.rand(2, 9, 17, 3)
    xyc[0, 3, 5, 2] = 0.0
    x = uncertainty_inputs(features, xyc)
    own, mean = x.chunk(2, dim=-1)
    assert own.shape[-1] == 4 + 3
    torch.testing.assert_close(mean[:, :1, :1], own.mean(dim=(1, 2), keepdim=True))
    assert torch.equal(own[..., :4], features)
    assert own[..., 5].sum() == 1  # the one joint with confidence 0
    assert own[0, 3, 5, 5] == 1


def test_uncertainty_inputs_see_jitter() -> None:
    """A straight line has no second difference; noise has."""
    line = torch.linspace(0, 1, 9)[None, :, None, None].expand(1, 9, 17, 3)
    noisy = line + 0.1 * torch.randn(1, 9, 17, 3)
    calm, jitter = (uncertainty_inputs(torch.zeros(1, 9, 17, 1), x)[..., 3] for x in (line, noisy))
    assert (jitter[:, 1:-1] > calm[:, 1:-1]).float().mean() > 0.95


@torch.inference_mode()
def test_uncertainty_head_starts_constant() -> None:
    head = UncertaintyHead(4, 17)
    answer = head(torch.randn(1, 9, 17, 4), torch.rand(1, 9, 17, 3))
    torch.testing.assert_close(answer, torch.full_like(answer, -3.0))


@torch.inference_mode()
def test_with_uncertainty_appends_log_sigma_to_the_pose() -> None:
    config = Config(frames=9, layers=1, width=8, heads=2, channels=4, uncertainty=True)
    model = build(config).eval()
    x = torch.rand(2, 9, 17, 3)
    answer = WithUncertainty(model)(x)
    assert torch.equal(answer[..., :3], model(x))
    assert torch.equal(answer[..., 3:], model.uncertainty(model.represent(x), x))
