"""Weights on disk: our folders (safetensors and JSON) and released checkpoints.

`load_model` returns a network; `load_weights` also its `WeightsSpec`: what the weights expect as
input and give as output.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ..checks import as_path, check_values
from ..files import brief
from ..model_files import read_model
from ..result_folder import recover, replace_together
from ..weights import (
    CONFIG_FILE,
    PACKAGED,
    WEIGHTS_FILE,
    Weights,
    WeightsSpec,
    packaged_names,
    read_spec,
)
from . import Network, build, model_kind, name_of
from .upstream.read import SUFFIXES, read_released, rename_key
from .upstream.release import CheckpointHints, State


def load_model(
    source: str | Path,
    *,
    heads: int = 8,
    frames: int | None = None,
    strides: tuple[int, ...] | None = None,
    device: str = "cpu",
) -> Network:
    """Load a network, in evaluation mode.

    Args:
        source: A packaged name, a folder that `save_model` wrote or the safetensors file in it,
            or a checkpoint of a known network (.pth.tr, .pth, .pt, .bin, .ckpt, .safetensors).
        heads: Attention heads of a released checkpoint, which its shapes do not determine.
        frames: Clip length of a released PoseFormerV2, for the same reason.
        strides: Strides of a released StridedTransformer, for the same reason.
        device: Where the network goes.

    Raises:
        FileNotFoundError: If there is nothing at ``source``.
        ValueError: If it does not hold a whole network, naming the keys that differ, or an argument
            is missing or contradicts it.
    """
    return load_weights(source, heads=heads, frames=frames, strides=strides, device=device).model


def load_weights(
    source: str | Path,
    *,
    heads: int = 8,
    frames: int | None = None,
    strides: tuple[int, ...] | None = None,
    device: str = "cpu",
) -> Weights:
    """Load a network and its spec; arguments and errors are those of `load_model`."""
    path, hints = _find(source), CheckpointHints(heads=heads, frames=frames, strides=strides)
    if path.is_dir():
        model, spec, data = _read_folder(path)
    else:
        model, spec = _build_filled(*read_released(path, hints), path), None
        data = path.read_bytes()
    _check_hints(hints, model.config, path)
    digest = hashlib.sha256(data).hexdigest()[:12]
    return Weights(model.to(device).eval(), spec, f"{Path(source).name} sha256:{digest}")


def recover_weights(folder: Path) -> None:
    """Complete what an interrupted `save_model` began in a folder, and delete what it left."""
    recover(folder)


def save_model(model: Network, folder: str | Path, *, spec: WeightsSpec | None = None) -> None:
    """Write a network into a folder; `load_model` is the inverse.

    Args:
        model: The network; its numbers keep their precision.
        folder: Created if missing; a network in it is replaced as a whole.
        spec: What the weights expect and give; without it, lifting needs `checkpoint_protocol`.
    """
    state = {key: value.contiguous().cpu() for key, value in model.state_dict().items()}
    description = {
        "architecture": name_of(model.config),
        "model": asdict(model.config),
        "spec": asdict(spec) if spec is not None else None,
    }
    with replace_together(folder) as run:
        (run.new / WEIGHTS_FILE).write_bytes(save(state))
        (run.new / CONFIG_FILE).write_text(json.dumps(description, indent=2) + "\n")


# Files of version 0.1

_OURS = ("pose_embedding", "frame_position", "pose_layers", "rotary_poses", "uncertainty")
_OLD_ARCHITECTURES = {"whole-poses": "pose-transformer"}
_OLD_KEYS = (
    (r"^spread\.reach$", "uncertainty.region_scale"),
    (r"^spread\.wander$", "uncertainty.prior_std"),
    (r"^spread\.memory$", "uncertainty.time_constant"),
    (r"^spread\.", "uncertainty."),
    (r"^listen\.", "pose_to_joint."),
    (r"^poses\.past\.", "poses.skip."),
    (r"^(exchanges\.\d+\.pam)\.trust$", r"\1.mix_logit"),
    (r"^centre_head\.", "center_head."),
)


def upgrade_config(architecture: str, fields: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name in `MODELS` and the config fields that describe a network of any version.

    Until 0.1 "tcpformer" had the fields that are now those of "hybrid".

    Raises:
        ValueError: If the network is an ablation, which only `research` builds.
    """
    fields = {("uncertainty" if key == "spread" else key): v for key, v in fields.items()}
    if architecture == "tcpformer":
        modules = fields.pop("modules", "all")
        if modules != "all":
            raise ValueError(f"expected a network with PUM, PIM and PAM, got modules={modules!r}.")
        if any(fields.get(name) for name in _OURS):
            return "hybrid", fields
        fields = {key: value for key, value in fields.items() if key not in _OURS}
    return _OLD_ARCHITECTURES.get(architecture, architecture), fields


def upgrade_state(state: State) -> dict[str, Tensor]:
    """Return a state dict of any version under the names of today."""
    return {rename_key(key, _OLD_KEYS): value for key, value in state.items()}


def read_config(architecture: str, fields: Mapping[str, Any]) -> Any:
    """Return the config that a file of any version describes.

    Raises:
        ValueError: If there is no such network, or its fields are wrong or of another type.
        TypeError: If a field is unknown.
    """
    name, values = upgrade_config(architecture, fields)
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    kind = model_kind(name).config
    check_values(kind, values)
    return kind(**values)


def _find(source: str | Path) -> Path:
    path = as_path("source", source)
    if str(source) in packaged_names():
        return PACKAGED / str(source)
    if path.name == WEIGHTS_FILE and path.with_name(CONFIG_FILE).is_file():
        return path.parent
    if path.exists():
        return path
    raise FileNotFoundError(
        f"no weights at {str(source)!r}: expected one of {list(packaged_names())}, a folder with "
        f"{WEIGHTS_FILE} and {CONFIG_FILE}, or a checkpoint file ({', '.join(SUFFIXES)})."
    )


def _read_folder(folder: Path) -> tuple[Network, WeightsSpec | None, bytes]:
    """Read the network, its spec, and the bytes of its weights file."""
    recover_weights(folder)  # if `save_model` was killed between its two files
    try:
        description = json.loads(read_model(folder / CONFIG_FILE).decode("utf-8"))
        data = read_model(folder / WEIGHTS_FILE)
        # The first files had no "architecture": there was one network.
        name = description.get("architecture", "tcpformer")
        config = read_config(name, description["model"])
        spec = read_spec(description["spec" if "spec" in description else "convention"])
        state = upgrade_state(load(data))
    except _BROKEN as error:
        raise ValueError(
            f"{folder}: expected {WEIGHTS_FILE} and {CONFIG_FILE} as save_model writes them "
            f"({type(error).__name__}: {brief(error, _SHOWN_ERROR)})."
        ) from error
    return _build_filled(config, state, folder), spec, data


_BROKEN = (
    OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError, SafetensorError,
)  # fmt: skip


def _check_hints(hints: CheckpointHints, config: Any, path: Path) -> None:
    """Refuse hints that contradict the file."""
    for name in ("frames", "strides"):
        given, found = getattr(hints, name), getattr(config, name, None)
        if given is not None and given != found:
            raise ValueError(
                f"{path}: the checkpoint has {name}={found}, got {name}={given}; omit `{name}`."
            )


def _build_filled(config: Any, state: State, path: str | Path) -> Network:
    """Build a network with exactly these weights.

    Nothing is allocated before it is known that the config describes them.

    Raises:
        ValueError: If keys or shapes differ or numbers are not finite, naming them.
    """
    layers = sum(getattr(config, name, 0) for name in ("depth", "layers", "pose_layers"))
    if 8 * layers > len(state):  # every layer has more
        raise ValueError(f"{path}: its config has {layers} layers, its file {len(state)} tensors.")
    with torch.device("meta"):
        own = build(config).state_dict()
    differ = {
        "missing": sorted(set(own) - set(state)),
        "unknown": sorted(set(state) - set(own)),
        "of another shape": sorted(
            k for k in set(own) & set(state) if own[k].shape != state[k].shape
        ),
    }
    if any(differ.values()):
        what = "; ".join(f"{how}: {_first_few(keys)}" for how, keys in differ.items() if keys)
        shown = brief(config, _SHOWN_ERROR)
        raise ValueError(f"{path}: the keys are not those of {shown}. {what}.")
    for key, value in state.items():
        if not value.isfinite().all():
            raise ValueError(f"{path}: {key} holds NaN or infinite numbers; the file is damaged.")
    model = build(config)
    model.load_state_dict(dict(state))
    return model


_SHOWN_ERROR = 500
"""Characters of an error or a config, which may quote the file."""
_SHOWN_KEY = 80
"""Characters of a key that a message shows; ours have fewer."""


def _first_few(keys: list[str]) -> str:
    more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
    return ", ".join(key[:_SHOWN_KEY] for key in keys[:5]) + more
