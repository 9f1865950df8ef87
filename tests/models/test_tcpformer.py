"""The network: equal to the released one, equal to its textbook twin, and its symmetries."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
import pytest
import textbook
import torch
from paths import GOLDEN
from torch import nn

from tcpformer.models.checkpoint import load_model
from tcpformer.models.layers import LayerScale, Residual
from tcpformer.models.tcpformer import (
    Config,
    DualStream,
    JoinedBlock,
    LocalBranch,
    Modules,
    ProxyBlock,
    TCPFormer,
)

STAGES: tuple[Modules, ...] = get_args(Modules)
COUNTS = {9: 34_948_531, 27: 34_961_587, 81: 35_000_755, 243: 35_118_259}


def golden(frames: int) -> tuple[TCPFormer, dict[str, torch.Tensor]]:
    with np.load(GOLDEN / f"tcpformer_L2_d32_T{frames}.npz") as data:
        arrays = {key: torch.from_numpy(data[key]) for key in data}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "released.pth"
        torch.save({k[6:]: v for k, v in arrays.items() if k.startswith("state/")}, path)
        return load_model(path, heads=int(arrays["config/num_heads"])), arrays


def open_gains(model: TCPFormer, gain: float = 0.1) -> TCPFormer:
    """Let every residual branch speak: at 1e-5 hardly any does."""
    for name, parameter in model.named_parameters():
        if name.endswith(".gain"):
            nn.init.constant_(parameter, gain)
    return model.eval()


@pytest.mark.parametrize("frames", [9, 27])
@torch.inference_mode()
def test_equals_the_released_network(frames: int) -> None:
    model, arrays = golden(frames)
    x = arrays["input"]
    torch.testing.assert_close(model(x), arrays["output"], atol=5e-6, rtol=0)
    torch.testing.assert_close(model.represent(x), arrays["representation"], atol=5e-6, rtol=0)


@pytest.mark.parametrize("frames", COUNTS)
def test_has_the_released_number_of_parameters(frames: int) -> None:
    with torch.device("meta"):
        model = TCPFormer(Config(frames=frames, local_branch=True))
    assert sum(p.numel() for p in model.parameters()) == COUNTS[frames]


def sublayers(model: TCPFormer) -> list[str]:
    """Everything that adds to its input: residual branches, cross-attentions, local ones."""
    names = [n for n, m in model.named_modules() if isinstance(m, Residual)]
    for n, m in model.named_modules():
        if isinstance(m, ProxyBlock):
            names += [f"{n}.{part}" for part in ("pum", "pim", "pam")]
        if isinstance(m, LocalBranch):
            names += [f"{n}.{part}.{i}" for part in ("attentions", "mlps") for i in range(3)]
        if isinstance(m, DualStream):
            names += [f"{n}.joint_first", f"{n}.time_first"]
    return names


SUBLAYERS = sublayers(TCPFormer(Config(frames=9, depth=2, width=8, heads=1, local_branch=True)))


@pytest.mark.parametrize("name", SUBLAYERS)
@torch.inference_mode()
def test_every_sublayer_matters(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take one away, and the network is no longer the released one."""
    model, arrays = golden(9)
    part = model.get_submodule(name)
    if isinstance(part, Residual):
        part.scale.gain.zero_()
    elif name.endswith(("pum", "pim", "pam")):
        part.scale.gain.zero_()  # type: ignore[union-attr]  # its attention; its MLP is a Residual
    elif ".local." in name:
        for parameter in part.parameters():
            parameter.zero_()
    else:
        monkeypatch.setattr(part, "forward", lambda x: torch.zeros_like(x))
    wrong = model.represent(arrays["input"]) - arrays["representation"]
    assert wrong.abs().max() > (1e-5 if ".local." not in name else 5e-6)


@pytest.mark.parametrize("gain", [1e-5, 0.1])
@pytest.mark.parametrize("local_branch", [False, True])
@torch.inference_mode()
def test_equals_its_textbook_twin(local_branch: bool, gain: float) -> None:
    torch.manual_seed(0)
    config = Config(
        frames=27, depth=3, width=32, heads=4, representation=64, local_branch=local_branch
    )
    model = open_gains(TCPFormer(config), gain)
    x = torch.randn(2, 27, 17, 3)
    torch.testing.assert_close(model(x), textbook.forward(model, x), atol=2e-6, rtol=0)


def test_training_on_a_cpu_computes_the_same() -> None:
    """There attention is not fused; see `AttentionMap.apply`."""
    torch.manual_seed(0)
    model = open_gains(TCPFormer(Config(frames=9, depth=2, width=16, heads=2)))
    x = torch.randn(2, 9, 17, 3)
    with torch.no_grad():
        fused = model(x)
    torch.testing.assert_close(model(x).detach(), fused, atol=2e-6, rtol=0)


@pytest.mark.parametrize("modules", STAGES)
@torch.inference_mode()
def test_permuted_frames_give_permuted_poses(modules: Modules) -> None:
    model = tiny(modules)
    x, order = torch.randn(2, 9, 17, 3), torch.randperm(9)
    torch.testing.assert_close(model(x[:, order]), model(x)[:, order], atol=1e-6, rtol=0)


def tiny(
    modules: Modules = "all", *, frames: int = 9, proxy_frames: int | None = None
) -> TCPFormer:
    torch.manual_seed(0)
    config = Config(
        frames=frames, depth=2, width=16, heads=2, modules=modules, proxy_frames=proxy_frames
    )
    return open_gains(TCPFormer(config))


@pytest.mark.parametrize("modules", STAGES)
def test_every_stage_trains_all_that_it_builds(modules: Modules) -> None:
    model = tiny(modules)
    model(torch.randn(2, 9, 17, 3)).pow(2).sum().backward()
    dead = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not dead


@torch.inference_mode()
def test_a_closed_pum_is_none() -> None:
    whole, without, x = tiny("pum"), tiny("none"), torch.randn(2, 9, 17, 3)
    state = {k: v for k, v in whole.state_dict().items() if k in without.state_dict()}
    without.load_state_dict(state)
    assert not torch.allclose(whole(x), without(x), atol=1e-4)
    for name, parameter in whole.named_parameters():
        if ".pum." in name and name.endswith(".gain"):
            parameter.zero_()
    torch.testing.assert_close(whole(x), without(x), atol=0, rtol=0)


@torch.inference_mode()
def test_a_pam_that_trusts_itself_alone_is_none() -> None:
    """And the plain attention in its place has as many weights, but for the mixing scalar."""
    whole, without, x = tiny("all"), tiny("pum+pim"), torch.randn(2, 9, 17, 3)
    places = (("norm.", "0.norm."), ("qkv.", "0.body.qkv."), ("proj.", "0.body.proj."),
              ("scale.", "0.scale."), ("mlp.", "1."))  # fmt: skip
    state = {k: v for k, v in whole.state_dict().items() if not k.endswith("trust")}
    for ours, plain in places:
        state = {k.replace(f".pam.{ours}", f".pam.{plain}"): v for k, v in state.items()}
    without.load_state_dict(state)
    assert not torch.allclose(whole(x), without(x), atol=1e-4)
    for name, parameter in whole.named_parameters():
        if name.endswith("trust"):
            parameter.fill_(100.0)
    torch.testing.assert_close(whole(x), without(x), atol=1e-6, rtol=0)


@torch.inference_mode()
def test_without_pim_the_proxy_is_found_among_the_frames() -> None:
    """A proxy that repeats the frames changes no attention over them; any other does."""
    block = tiny("none").exchanges[0]
    assert isinstance(block, JoinedBlock)
    x = torch.randn(2, 9, 17, 16)
    alone = block.plain(block.self_attention(x))
    torch.testing.assert_close(block(x, x, False)[0], alone, atol=1e-5, rtol=0)
    assert not torch.allclose(block(x, torch.randn(2, 3, 17, 16), False)[0], alone, atol=1e-4)


@pytest.mark.parametrize("modules", STAGES)
@pytest.mark.parametrize("length", [1, 5, 20])
@torch.inference_mode()
def test_the_proxy_has_any_length(modules: Modules, length: int) -> None:
    model = tiny(modules, frames=10, proxy_frames=length)
    assert model.proxy.shape[0] == length
    x = torch.randn(1, 10, 17, 3)
    before = model(x)
    model.proxy[-1] += torch.randn(16)
    assert (model(x) - before).abs().max() > 1e-5


@torch.inference_mode()
def test_a_third_is_the_released_length() -> None:
    x = torch.randn(1, 9, 17, 3)
    torch.testing.assert_close(tiny()(x), tiny(proxy_frames=3)(x), atol=0, rtol=0)


def test_an_embedded_pose_tells_every_joint_of_all_others() -> None:
    """At the start next to nothing else does: the branches are all but closed."""
    x = torch.randn(1, 9, 17, 3, requires_grad=True)
    heard = {}
    for embedded in (False, True):
        torch.manual_seed(0)
        config = Config(frames=9, depth=1, width=16, heads=2, pose_embedding=embedded)
        joint = TCPFormer(config)(x)[0, 4, 13].sum()
        gradient = torch.autograd.grad(joint, x)[0][0].abs().amax(dim=-1)
        heard[embedded] = gradient[4] / gradient[4, 13]
        assert gradient[[3, 5]].max() < 1e-3 * gradient[4, 13]  # frames for themselves
    assert heard[False].sum() == pytest.approx(1, abs=1e-2)
    assert heard[True].min() > 0.01


@torch.inference_mode()
def test_frames_know_their_places_only_if_told() -> None:
    """Permuted frames give a permuted answer, as released; learned places do not."""
    x, order = torch.randn(1, 9, 17, 3), torch.randperm(9)
    for told in (False, True):
        torch.manual_seed(0)
        model = TCPFormer(replace(tiny().config, frame_position=told)).eval()
        for gain in (m.gain for m in model.modules() if isinstance(m, LayerScale)):
            gain.fill_(1.0)
        torch.testing.assert_close(model(x[:, order]), model(x)[:, order], atol=1e-5, rtol=0)
        if model.frame_position is not None:
            model.frame_position.normal_()
            assert (model(x[:, order]) - model(x)[:, order]).abs().max() > 0.01


def test_an_embedding_of_poses_adds_its_map_and_no_more() -> None:
    config = Config(frames=9, depth=1, width=16, heads=2)
    plain, own = (
        dict(TCPFormer(replace(config, pose_embedding=e)).named_parameters()) for e in (False, True)
    )
    assert set(own) - set(plain) == {"embed_pose.weight", "embed_pose.bias"}
    assert own["embed_pose.weight"].shape == (17 * 16, 17 * 3)


@torch.inference_mode()
def test_skipping_the_local_branch_moves_the_output_by_next_to_nothing() -> None:
    model, arrays = golden(27)
    moved = (model(arrays["input"], skip_local=True) - arrays["output"]).abs().max()
    assert 5e-6 < moved < 5e-5


@torch.inference_mode()
def test_the_map_over_all_frames_is_never_formed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No product, nor any other tensor, has two axes as long as the clip."""
    frames = 81
    model = TCPFormer(Config(frames=frames, depth=1, width=8, heads=1))
    shapes: list[tuple[int, ...]] = []

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                shapes.append(tuple(out.shape))
            return out

    with Watch():
        model(torch.randn(1, frames, 17, 3))
    assert shapes
    assert not [s for s in shapes if s.count(frames) > 1]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"frames": 10}, "multiple of 3"),
        ({"frames": 0}, "at least 1"),
        ({"width": 30, "heads": 4}, "must divide width"),
        ({"depth": 0}, "depth must be at least 1"),
        ({"frames": 10, "proxy_frames": 3, "local_branch": True}, "multiple of 3"),
        ({"proxy_frames": 0}, "proxy_length must be at least 1"),
        ({"modules": "pum+pim", "local_branch": True}, "local_branch needs all modules"),
    ],
)
def test_config_refuses(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Config(**fields)


def test_config_knows_its_modules() -> None:
    config = Config()
    object.__setattr__(config, "modules", "pam")  # around the type check of the tests
    with pytest.raises(ValueError, match=r"'pum\+pim', 'all'\), got 'pam'"):
        config.__post_init__()


def test_refuses_clips_of_another_length() -> None:
    model = TCPFormer(Config(frames=9, depth=1, width=8, heads=1))
    with pytest.raises(ValueError, match=r"\(batch, 9, 17, 3\), got \(1, 27, 17, 3\)"):
        model(torch.zeros(1, 27, 17, 3))
