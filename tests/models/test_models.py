"""The list of models: every line of it keeps what the others rely on."""

from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_configs import TINY
from torch import Tensor

from tcpformer import models
from tcpformer.models import (
    MODELS,
    Model,
    build,
    inputs_of,
    lifts_center_only,
    name_of,
    supervised_outputs,
)
from tcpformer.models.tcpformer import Config as TCPFormerConfig
from tcpformer.models.tcpformer import TCPFormer
from tcpformer.runtime.device import prepare_for_inference
from tcpformer.training.config import TrainConfig
from tcpformer.training.initialize import build_or_load_model


@pytest.mark.parametrize("name", MODELS)
def test_build_and_name_of_are_of_one_kind(name: str) -> None:
    config = MODELS[name].config(**TINY[name])
    model = build(config)
    assert type(model) is MODELS[name].network
    assert model.config == config
    assert name_of(config) == name


@pytest.mark.parametrize("name", MODELS)
def test_configs_are_frozen_and_say_what_every_field_is(name: str) -> None:
    config = MODELS[name].config
    assert is_dataclass(config)
    assert replace(config(), frames=config().frames) == config()
    source = Path(models.__file__).with_name(name.replace("-", "_") + ".py").read_text()
    body = source[source.index("class Config") : source.index("def __post_init__")]
    assert body.count('"""') == 2 * (len(fields(config)) + 1)


@pytest.mark.parametrize("name", MODELS)
@torch.inference_mode()
def test_a_network_lifts_every_frame_or_the_centre_as_its_line_says(name: str) -> None:
    model = build(MODELS[name].config(**TINY[name])).eval()
    answer = model(torch.randn(2, 9, 17, inputs_of(model)))
    assert lifts_center_only(model) == MODELS[name].centre
    assert answer.shape == (2, 1 if lifts_center_only(model) else 9, 17, 3)


@pytest.mark.parametrize("name", ["poseformerv2", "strided-transformer"])
@torch.inference_mode()
def test_the_confidence_is_a_third_input_where_asked_for(name: str) -> None:
    assert inputs_of(build(MODELS[name].config(**TINY[name]))) == 2
    model = build(MODELS[name].config(**TINY[name], inputs=3)).eval()
    x = torch.rand(2, 9, 17, 3)
    less_certain = x * torch.tensor([1.0, 1.0, 0.5])
    assert inputs_of(model) == 3
    assert (model(x) - model(less_certain)).abs().max() > 1e-3


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("change", ["frames", "joints", "inputs"])
def test_clips_of_another_shape_are_refused(name: str, change: str) -> None:
    model = build(MODELS[name].config(**TINY[name]))
    inputs = inputs_of(model)
    shape = {"frames": (1, 27, 17, inputs), "joints": (1, 9, 16, inputs), "inputs": (1, 9, 17, 4)}
    # A shape that the annotations refuse never gets as far as the words; either is an error.
    with pytest.raises((ValueError, TypeError)):
        model(torch.zeros(shape[change]))
    if change == "frames":
        with pytest.raises(ValueError, match=rf"\(batch, 9, 17, {inputs}\), got \(1, 27, 17"):
            model(torch.zeros(shape[change]))


@torch.inference_mode()
def test_answers_are_all_that_is_supervised() -> None:
    for name, lengths in (
        ("tcpformer", [9]),
        ("poseformerv2", [1]),
        ("strided-transformer", [9, 1]),
        ("whole-poses", [9]),
    ):
        model = build(MODELS[name].config(**TINY[name])).eval()
        x = torch.randn(2, 9, 17, inputs_of(model))
        given = supervised_outputs(model, x)
        assert [answer.shape[1] for answer in given] == lengths
        assert torch.equal(given[-1], model(x))


def test_an_unknown_config_is_refused() -> None:
    @dataclass(frozen=True)
    class Config:
        frames: int = 9

    with pytest.raises(ValueError, match=r"one of \['tcpformer', .*a new model needs its line"):
        build(Config())


# networks of one's own


@dataclass(frozen=True, kw_only=True)
class HeirsConfig(TCPFormerConfig):
    """Fields as they are."""


class Heir(TCPFormer):
    """Another function in the same weights."""

    def forward(self, xyc: Tensor, *how: Any, **more: Any) -> Tensor:
        return super().forward(xyc, *how, **more) + 1.0


def test_two_models_of_one_config_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "heir", Model(TCPFormerConfig, Heir))
    with pytest.raises(ValueError, match=r"\['tcpformer', 'heir'\] have one Config"):
        name_of(TCPFormerConfig(frames=9))


def test_an_heir_is_what_is_trained_and_what_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "heir", Model(HeirsConfig, Heir))
    config = HeirsConfig(**TINY["tcpformer"])
    model = build_or_load_model(TrainConfig(network=config, steps=1)).eval()
    assert type(model) is Heir
    x = torch.rand(1, config.frames, 17, 3)
    torch.testing.assert_close(prepare_for_inference(model, "float32")(x), model(x))
