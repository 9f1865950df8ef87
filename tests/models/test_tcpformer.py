"""The network: equal to the released one and to its textbook twin, and its symmetries."""

import copy
import functools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import textbook
import torch
from baselines import untouched
from paths import GOLDEN
from torch import nn

from tcpformer.models.checkpoint import load_model
from tcpformer.models.layers import Residual
from tcpformer.models.tcpformer import (
    Config,
    DualStream,
    LocalBranch,
    ProxyBlock,
    TCPFormer,
)

COUNTS = {9: 34_948_531, 27: 34_961_587, 81: 35_000_755, 243: 35_118_259}


@functools.cache
def _golden(frames: int) -> tuple[TCPFormer, dict[str, torch.Tensor]]:
    with np.load(GOLDEN / f"tcpformer_L2_d32_T{frames}.npz") as data:
        arrays = {key: torch.from_numpy(data[key]) for key in data}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "released.pth"
        torch.save({k[6:]: v for k, v in arrays.items() if k.startswith("state/")}, path)
        return load_model(path, heads=int(arrays["config/num_heads"])), arrays


def golden(frames: int) -> tuple[TCPFormer, dict[str, torch.Tensor]]:
    """Return a copy of the network with released weights, and the released arrays."""
    model, arrays = _golden(frames)
    return copy.deepcopy(model), arrays


def open_gains(model: TCPFormer, gain: float = 0.1) -> TCPFormer:
    """Set every gain, which starts at 1e-5, so that all residual branches matter."""
    for name, parameter in model.named_parameters():
        if name.endswith(".gain"):
            nn.init.constant_(parameter, gain)
    return model.eval()


@pytest.mark.parametrize("frames", [9, 27])
@torch.inference_mode()
def test_forward_equals_released_code(frames: int) -> None:
    model, arrays = golden(frames)
    x = arrays["input"]
    torch.testing.assert_close(model(x), arrays["output"], atol=5e-6, rtol=0)
    torch.testing.assert_close(model.represent(x), arrays["representation"], atol=5e-6, rtol=0)


@pytest.mark.parametrize("frames", COUNTS)
def test_parameter_count_is_released(frames: int) -> None:
    with torch.device("meta"):
        model = TCPFormer(Config(frames=frames, local_branch=True))
    assert sum(p.numel() for p in model.parameters()) == COUNTS[frames]


def sublayers(model: TCPFormer) -> list[str]:
    """Return the names of residual branches, cross-attentions and local attentions."""
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
def test_forward_depends_on_every_sublayer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any of them the network is no longer the released one."""
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
def test_forward_equals_textbook(local_branch: bool, gain: float) -> None:
    torch.manual_seed(0)
    config = Config(
        frames=27, depth=3, width=32, heads=4, representation=64, local_branch=local_branch
    )
    model = open_gains(TCPFormer(config), gain)
    x = torch.randn(2, 27, 17, 3)
    torch.testing.assert_close(model(x), textbook.forward(model, x), atol=2e-6, rtol=0)


def test_forward_is_the_same_in_training_on_cpu() -> None:
    """Training on a CPU forms the attention maps; see `AttentionMap.apply`."""
    torch.manual_seed(0)
    model = open_gains(TCPFormer(Config(frames=9, depth=2, width=16, heads=2)))
    x = torch.randn(2, 9, 17, 3)
    with torch.no_grad():
        fused = model(x)
    torch.testing.assert_close(model(x).detach(), fused, atol=2e-6, rtol=0)


def tiny(*, frames: int = 9, proxy_frames: int | None = None) -> TCPFormer:
    torch.manual_seed(0)
    config = Config(frames=frames, depth=2, width=16, heads=2, proxy_frames=proxy_frames)
    return open_gains(TCPFormer(config))


@torch.inference_mode()
def test_forward_permutes_with_frames() -> None:
    x, order = torch.randn(2, 9, 17, 3), torch.randperm(9)
    model = tiny()
    torch.testing.assert_close(model(x[:, order]), model(x)[:, order], atol=1e-6, rtol=0)


def test_backward_reaches_every_parameter() -> None:
    model = tiny()
    model(torch.randn(2, 9, 17, 3)).pow(2).sum().backward()
    assert not untouched(model)


@pytest.mark.parametrize("length", [1, 5, 20])
@torch.inference_mode()
def test_proxy_frames_may_be_any_number(length: int) -> None:
    model = tiny(frames=10, proxy_frames=length)
    assert model.proxy.shape[0] == length
    x = torch.randn(1, 10, 17, 3)
    before = model(x)
    model.proxy[-1] += torch.randn(16)
    assert (model(x) - before).abs().max() > 1e-5


@torch.inference_mode()
def test_proxy_frames_default_is_a_third() -> None:
    x = torch.randn(1, 9, 17, 3)
    torch.testing.assert_close(tiny()(x), tiny(proxy_frames=3)(x), atol=0, rtol=0)


@torch.inference_mode()
def test_forward_forms_no_map_over_all_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """No tensor has two axes as long as the clip."""
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
    ],
)
def test_config_refuses_bad_sizes(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Config(**fields)


def test_forward_refuses_other_clip_length() -> None:
    model = TCPFormer(Config(frames=9, depth=1, width=8, heads=1))
    with pytest.raises(ValueError, match=r"\(batch, 9, 17, 3\), got \(1, 27, 17, 3\)"):
        model(torch.zeros(1, 27, 17, 3))
