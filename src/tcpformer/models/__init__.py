"""Networks, one file each; they know tensors and nothing else of the package.

A new one is its file and a line in `MODELS`. It has a frozen dataclass `Config` with `frames`, and
a network that is made from it, keeps it as `config`, and lifts clips (batch, frames, 17, inputs) to
root-relative 3D: of every frame, or of the centre frame alone. Where `Config` has no `inputs`, they
are three: x, y and confidence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from . import pose_transformer, poseformerv2, strided_transformer, tcpformer

Network = Any
"""An `nn.Module` with `config`, of one of the classes in `MODELS`."""


@dataclass(frozen=True)
class Model:
    """What there is to know of a kind of network without reading its file."""

    config: type[Any]
    network: type[nn.Module]
    centre: bool = False
    """Whether it lifts the centre frame alone."""
    published: Mapping[str, Any] = field(default_factory=dict)
    """Its published sizes that training may ask for by their frames, the smallest first."""


MODELS = {
    "tcpformer": Model(tcpformer.Config, tcpformer.TCPFormer),
    "poseformerv2": Model(
        poseformerv2.Config, poseformerv2.PoseFormerV2, centre=True, published=poseformerv2.PRESETS
    ),
    "strided-transformer": Model(
        strided_transformer.Config,
        strided_transformer.StridedTransformer,
        centre=True,
        published=strided_transformer.PRESETS,
    ),
    "whole-poses": Model(pose_transformer.Config, pose_transformer.PoseTransformer),
}


def build(config: Any) -> Network:
    """The network that a config describes, its weights random.

    Raises:
        ValueError: If it is the config of none of `MODELS`.
    """
    return MODELS[name_of(config)].network(config)


def model_kind(name: Any) -> Model:
    """What there is to know of a kind of network.

    Raises:
        ValueError: If there is none of that name.
    """
    if name not in MODELS:
        raise ValueError(f"no model {name!r}: expected one of {list(MODELS)}.")
    return MODELS[name]


def published_config(name: str, frames: int) -> Any:
    """The config of a kind of network in its published size for clips of so many frames.

    If there is none for them it is the smallest, and if none was published the usual one.

    Raises:
        ValueError: As of `known`.
    """
    sizes = model_kind(name).published
    if not sizes:
        return model_kind(name).config(frames=frames)
    return sizes.get(str(frames), next(iter(sizes.values())))


def name_of(config: Any) -> str:
    """The name in `MODELS` of the kind of network that a config describes.

    Raises:
        ValueError: If it is of none of them, or of several.
    """
    names = [name for name, model in MODELS.items() if type(config) is model.config]
    if len(names) > 1:
        raise ValueError(f"{names} have one Config; a model in MODELS needs a Config of its own.")
    if names:
        return names[0]
    raise ValueError(
        f"expected the Config of one of {list(MODELS)}, got {type(config).__qualname__} of "
        f"{type(config).__module__}; a new model needs its line in MODELS."
    )


def inputs_of(model: Network) -> int:
    """How many channels a network takes: 2 for x, y; 3 with the detector's confidence."""
    return getattr(model.config, "inputs", 3)


def lifts_center_only(model: Network) -> bool:
    """Whether a network lifts the centre frame of a clip alone."""
    return MODELS[name_of(model.config)].centre


def supervised_outputs(model: Network, x: Tensor) -> tuple[Tensor, ...]:
    """Everything that training supervises: what the network says, and what it says on the way."""
    return model.both(x) if hasattr(model, "both") else (model(x),)
