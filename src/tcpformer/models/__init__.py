"""Networks, one file each; they know tensors and nothing else of the package.

To add one, write its file and a line in `MODELS`. The file has a frozen dataclass `Config` with
`frames`, and a network that is built from it, keeps it as `config`, and lifts clips (batch, frames,
17, inputs) to root-relative 3D: of every frame, or of the center frame alone. The channels are x,
y and confidence; a `Config` with a field `inputs` may take fewer, one with `joints` other joints.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from . import (
    hybrid,
    pose_transformer,
    poseformerv2,
    strided_transformer,
    tcpformer,
    whole_body,
)
from .layers import JOINTS

Network = Any
"""An `nn.Module` with `config`, of one of the classes in `MODELS`."""


@dataclass(frozen=True)
class Model:
    """One kind of network."""

    config: type[Any]
    network: type[nn.Module]
    center_only: bool = False
    """Whether it lifts the center frame alone."""
    published: Mapping[int, Any] = field(default_factory=dict)
    """Its published sizes by clip length, the smallest first, which training may name."""


MODELS = {
    "tcpformer": Model(tcpformer.Config, tcpformer.TCPFormer),
    "hybrid": Model(hybrid.Config, hybrid.HybridTCPFormer),
    "pose-transformer": Model(pose_transformer.Config, pose_transformer.PoseTransformer),
    "whole-body": Model(whole_body.Config, whole_body.WholeBody),
    "poseformerv2": Model(
        poseformerv2.Config,
        poseformerv2.PoseFormerV2,
        center_only=True,
        published=poseformerv2.PRESETS,
    ),
    "strided-transformer": Model(
        strided_transformer.Config,
        strided_transformer.StridedTransformer,
        center_only=True,
        published=strided_transformer.PRESETS,
    ),
}


def build(config: Any) -> Network:
    """Build the network that a config describes, with random weights.

    Raises:
        ValueError: If it is the config of no network in `MODELS`.
    """
    return MODELS[name_of(config)].network(config)


def model_kind(name: Any) -> Model:
    """Return a kind of network by name.

    Raises:
        ValueError: If `MODELS` has no such name.
    """
    if name not in MODELS:
        raise ValueError(f"no model {name!r}: expected one of {list(MODELS)}.")
    return MODELS[name]


def published_config(name: str, frames: int) -> Any:
    """Return the published config of a kind of network for a clip length.

    Without one for that length it is the smallest published; without any, the default one.

    Raises:
        ValueError: If `MODELS` has no such name.
    """
    sizes = model_kind(name).published
    if not sizes:
        return model_kind(name).config(frames=frames)
    return sizes.get(frames, next(iter(sizes.values())))


def name_of(config: Any) -> str:
    """Return the name in `MODELS` of the network that a config describes.

    Raises:
        ValueError: If it is the config of none, or of several.
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
    """Return the number of input channels: 2 for x, y; 3 with the detector's confidence."""
    return getattr(model.config, "inputs", 3)


def joints_of(config: Any) -> int:
    """Return the number of joints that a network of this config lifts."""
    return getattr(config, "joints", JOINTS)


def body_of(model: Network) -> Network:
    """Return the network of the body alone: of a `whole_body.WholeBody`, its first one."""
    return model.body if isinstance(model, whole_body.WholeBody) else model


def lifts_center_only(model: Network) -> bool:
    """Return whether a network lifts the center frame of a clip alone."""
    return MODELS[name_of(model.config)].center_only


def supervised_outputs(model: Network, x: Tensor) -> tuple[Tensor, ...]:
    """Return every output that training supervises; the last is the network's answer."""
    return model.both(x) if hasattr(model, "both") else (model(x),)
