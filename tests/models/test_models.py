"""The table of models: every line of it keeps to the contract of the package."""

import inspect
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import pytest
import torch
from tiny_configs import TINY
from torch import Tensor

from tcpformer.models import (
    MODELS,
    Model,
    build,
    inputs_of,
    joints_of,
    lifts_center_only,
    name_of,
    supervised_outputs,
)
from tcpformer.models.tcpformer import Config as TCPFormerConfig
from tcpformer.models.tcpformer import TCPFormer
from tcpformer.runtime.device import prepare_for_inference
from tcpformer.training.config import TrainConfig
from tcpformer.training.train import build_or_load_model


@pytest.mark.parametrize("name", MODELS)
def test_build_and_name_of_agree(name: str) -> None:
    config = MODELS[name].config(**TINY[name])
    model = build(config)
    assert type(model) is MODELS[name].network
    assert model.config == config
    assert name_of(config) == name


@pytest.mark.parametrize("name", MODELS)
def test_config_documents_every_field(name: str) -> None:
    config = MODELS[name].config
    assert is_dataclass(config)
    assert replace(config()) == config()
    source = inspect.getsource(config)
    own = [f for f in fields(config) if f.name in vars(config)["__annotations__"]]
    assert source[: source.index("def __post_init__")].count('"""') == 2 * (len(own) + 1)


@pytest.mark.parametrize("name", MODELS)
@torch.inference_mode()
def test_lifts_center_only_matches_output(name: str) -> None:
    model = build(MODELS[name].config(**TINY[name])).eval()
    joints = joints_of(model.config)
    answer = model(torch.randn(2, 9, joints, inputs_of(model)))
    assert lifts_center_only(model) == MODELS[name].center_only
    assert answer.shape == (2, 1 if lifts_center_only(model) else 9, joints, 3)


@pytest.mark.parametrize("name", ["poseformerv2", "strided-transformer"])
@torch.inference_mode()
def test_inputs_of_three_reads_confidence(name: str) -> None:
    assert inputs_of(build(MODELS[name].config(**TINY[name]))) == 2
    model = build(MODELS[name].config(**TINY[name], inputs=3)).eval()
    x = torch.rand(2, 9, 17, 3)
    less_certain = x * torch.tensor([1.0, 1.0, 0.5])
    assert inputs_of(model) == 3
    assert (model(x) - model(less_certain)).abs().max() > 1e-3


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("change", ["frames", "joints", "inputs"])
def test_forward_refuses_other_shapes(name: str, change: str) -> None:
    model = build(MODELS[name].config(**TINY[name]))
    inputs, j = inputs_of(model), joints_of(model.config)
    shape = {"frames": (1, 27, j, inputs), "joints": (1, 9, 16, inputs), "inputs": (1, 9, j, 4)}
    # A shape that the annotations refuse never gets as far as the words; either is an error.
    with pytest.raises((ValueError, TypeError)):
        model(torch.zeros(shape[change]))
    if change == "frames":
        with pytest.raises(ValueError, match=rf"\(batch, 9, {j}, {inputs}\), got \(1, 27, {j}"):
            model(torch.zeros(shape[change]))


@torch.inference_mode()
def test_supervised_outputs_end_with_the_answer() -> None:
    for name, lengths in (
        ("tcpformer", [9]),
        ("poseformerv2", [1]),
        ("strided-transformer", [9, 1]),
        ("hybrid", [9]),
        ("pose-transformer", [9]),
    ):
        model = build(MODELS[name].config(**TINY[name])).eval()
        x = torch.randn(2, 9, 17, inputs_of(model))
        outputs = supervised_outputs(model, x)
        assert [answer.shape[1] for answer in outputs] == lengths
        assert torch.equal(outputs[-1], model(x))


def test_build_refuses_unknown_config() -> None:
    @dataclass(frozen=True)
    class Config:
        frames: int = 9

    with pytest.raises(ValueError, match=r"one of \['tcpformer', .*a new model needs its line"):
        build(Config())


# A network from outside the package


@dataclass(frozen=True, kw_only=True)
class SubclassConfig(TCPFormerConfig):
    """The fields of TCPFormer."""


class Subclass(TCPFormer):
    """TCPFormer with another forward."""

    def forward(self, xyc: Tensor, *how: Any, **more: Any) -> Tensor:
        return super().forward(xyc, *how, **more) + 1.0


def test_name_of_refuses_shared_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "subclass", Model(TCPFormerConfig, Subclass))
    with pytest.raises(ValueError, match=r"\['tcpformer', 'subclass'\] have one Config"):
        name_of(TCPFormerConfig(frames=9))


def test_subclass_runs_its_own_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "subclass", Model(SubclassConfig, Subclass))
    config = SubclassConfig(**TINY["tcpformer"])
    model = build_or_load_model(TrainConfig(network=config, steps=1)).eval()
    assert type(model) is Subclass
    x = torch.rand(1, config.frames, 17, 3)
    torch.testing.assert_close(prepare_for_inference(model, "float32")(x), model(x))
