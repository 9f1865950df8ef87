"""Devices and precisions: what a network runs in, and what that changes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exports import OTHERS, exported
from lifters import network, seen
from motions import walk
from tiny_configs import TINY
from torch import Tensor

from tcpformer import Lifter
from tcpformer.models import Network, build, hybrid, tcpformer, whole_body
from tcpformer.runtime.backends import load_exported
from tcpformer.runtime.device import in_bfloat16, prepare_for_inference, without_local_branch


def with_local_branch() -> tcpformer.TCPFormer:
    torch.manual_seed(0)
    config = tcpformer.Config(frames=9, depth=2, width=16, heads=2, local_branch=True)
    model = tcpformer.TCPFormer(config).eval()
    for name, parameter in model.named_parameters():
        if name.endswith(".gain"):
            torch.nn.init.constant_(parameter, 0.3)
    return model


@torch.inference_mode()
def test_without_local_branch_moves_the_output_little() -> None:
    model, x = with_local_branch(), torch.randn(2, 9, 17, 3)
    lean = without_local_branch(model)
    difference = (lean(x) - model(x)).abs().max() / model(x).abs().max()
    assert 1e-8 < difference < 1e-4
    assert lean.config == tcpformer.Config(frames=9, depth=2, width=16, heads=2)


def test_without_local_branch_shares_weights() -> None:
    model = with_local_branch()
    lean = without_local_branch(model)
    assert lean.head.weight.data_ptr() == model.head.weight.data_ptr()
    assert without_local_branch(lean) is lean
    assert all(p.requires_grad for p in model.parameters())


@torch.inference_mode()
def test_in_bfloat16_is_near() -> None:
    model, x = network().eval(), torch.randn(2, 9, 17, 3)
    coarse = in_bfloat16(model)(x)
    assert coarse.dtype == torch.float32
    difference = (coarse - model(x)).abs().max() / model(x).abs().max()
    assert 1e-6 < difference < 0.05


def test_prepare_for_inference_float32_is_the_network_itself() -> None:
    model = network().eval()
    assert prepare_for_inference(model, "float32") is model


@pytest.mark.parametrize(
    ("gains", "speedup", "chosen"), [(True, 1.0, False), (True, 3.0, True), (False, 3.0, False)]
)
def test_prepare_for_inference_auto_takes_the_faster(
    gains: bool, speedup: float, chosen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "tcpformer.runtime.device."
    monkeypatch.setattr(module + "_bfloat16_products_gain", lambda device: gains)
    monkeypatch.setattr(module + "_speedup", lambda one, other: speedup)
    model = network().eval()
    assert (prepare_for_inference(model, "auto") is not model) == chosen


@torch.inference_mode()
def test_prepare_for_inference_auto_measures() -> None:
    model, x = network().eval(), torch.randn(1, 9, 17, 3)
    chosen: Network = prepare_for_inference(model, "auto")
    torch.testing.assert_close(chosen(x), model(x), atol=0.05, rtol=0)


def test_prepare_for_inference_refuses_bfloat16_of_others(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="this network runs in float32 alone"):
        prepare_for_inference(build(OTHERS["poseformerv2"]), "bfloat16")
    with pytest.raises(ValueError, match="an exported network runs in float32 alone"):
        prepare_for_inference(load_exported(exported("onnx", tmp_path)).model, "bfloat16")


def test_lifter_in_bfloat16_is_near() -> None:
    person = seen(walk(40))
    exact = Lifter("default", "cpu")(person).xyz
    coarse = Lifter("default", "cpu", precision="bfloat16")(person).xyz
    assert 1e-6 < np.abs(coarse - exact).mean() < 0.005


def test_subclass_keeps_its_forward() -> None:
    class Shifted(tcpformer.TCPFormer):
        """TCPFormer with another forward."""

        def forward(self, xyc: Tensor) -> Tensor:
            return super().forward(xyc) + 1.0

    model = Shifted(tcpformer.Config(frames=9, depth=1, width=8, heads=2)).eval()
    assert prepare_for_inference(model, "auto") is model


@torch.no_grad()
def test_prepare_for_inference_of_a_whole_body_prepares_its_body() -> None:
    torch.manual_seed(0)
    body = hybrid.Config(**TINY["hybrid"], local_branch=True)
    more = {**TINY["pose-transformer"], "joints": 26}
    model = build(whole_body.Config(body=body, more=more)).eval()
    prepared: Any = prepare_for_inference(model, "float32")
    assert prepared.body.config.local_branch is False
    x = torch.randn(2, 9, 26, 3)
    torch.testing.assert_close(prepared(x), model(x), atol=1e-4, rtol=0)
