"""The blocks of the paper's Table 4: PUM, PIM and PAM added one after another."""

from typing import get_args

import pytest
import torch
from baselines import untouched
from torch import nn

from research.variants import Config, JoinedBlock, Modules, VariantTCPFormer

STAGES: tuple[Modules, ...] = get_args(Modules)


def tiny(modules: Modules, *, frames: int = 9, proxy_frames: int | None = None) -> VariantTCPFormer:
    torch.manual_seed(0)
    config = Config(
        frames=frames, depth=2, width=16, heads=2, modules=modules, proxy_frames=proxy_frames
    )
    model = VariantTCPFormer(config)
    for name, parameter in model.named_parameters():
        if name.endswith(".gain"):
            nn.init.constant_(parameter, 0.1)
    return model.eval()


@pytest.mark.parametrize("modules", STAGES)
@torch.inference_mode()
def test_forward_permutes_with_frames(modules: Modules) -> None:
    model = tiny(modules)
    x, order = torch.randn(2, 9, 17, 3), torch.randperm(9)
    torch.testing.assert_close(model(x[:, order]), model(x)[:, order], atol=1e-6, rtol=0)


@pytest.mark.parametrize("modules", STAGES)
def test_backward_reaches_every_parameter(modules: Modules) -> None:
    model = tiny(modules)
    model(torch.randn(2, 9, 17, 3)).pow(2).sum().backward()
    assert not untouched(model)


@torch.inference_mode()
def test_pum_with_gain_zero_equals_none() -> None:
    whole, without, x = tiny("pum"), tiny("none"), torch.randn(2, 9, 17, 3)
    state = {k: v for k, v in whole.state_dict().items() if k in without.state_dict()}
    without.load_state_dict(state)
    assert not torch.allclose(whole(x), without(x), atol=1e-4)
    for name, parameter in whole.named_parameters():
        if ".pum." in name and name.endswith(".gain"):
            parameter.zero_()
    torch.testing.assert_close(whole(x), without(x), atol=0, rtol=0)


@torch.inference_mode()
def test_pam_of_self_attention_alone_equals_plain_attention() -> None:
    """And the plain attention in its place has as many weights, except the mixing scalar."""
    whole, without, x = tiny("all"), tiny("pum+pim"), torch.randn(2, 9, 17, 3)
    places = (("norm.", "0.norm."), ("qkv.", "0.body.qkv."), ("proj.", "0.body.proj."),
              ("scale.", "0.scale."), ("mlp.", "1."))  # fmt: skip
    state = {k: v for k, v in whole.state_dict().items() if not k.endswith("mix_logit")}
    for ours, plain in places:
        state = {k.replace(f".pam.{ours}", f".pam.{plain}"): v for k, v in state.items()}
    without.load_state_dict(state)
    assert not torch.allclose(whole(x), without(x), atol=1e-4)
    for name, parameter in whole.named_parameters():
        if name.endswith("mix_logit"):
            parameter.fill_(100.0)
    torch.testing.assert_close(whole(x), without(x), atol=1e-6, rtol=0)


@torch.inference_mode()
def test_joined_block_attends_to_the_proxy() -> None:
    """A proxy that repeats the frames changes no attention over them; any other does."""
    block = tiny("none").exchanges[0]
    assert isinstance(block, JoinedBlock)
    x = torch.randn(2, 9, 17, 16)
    alone = block.plain(block.self_attention(x))
    torch.testing.assert_close(block(x, x)[0], alone, atol=1e-5, rtol=0)
    assert not torch.allclose(block(x, torch.randn(2, 3, 17, 16))[0], alone, atol=1e-4)


@pytest.mark.parametrize("modules", STAGES)
@torch.inference_mode()
def test_proxy_frames_may_be_any_number(modules: Modules) -> None:
    for length in (1, 20):
        model = tiny(modules, frames=10, proxy_frames=length)
        x = torch.randn(1, 10, 17, 3)
        before = model(x)
        model.proxy[-1] += torch.randn(16)
        assert (model(x) - before).abs().max() > 1e-5
