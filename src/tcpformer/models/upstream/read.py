"""Reads a released checkpoint as a config and weights under our names."""

import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ...files import brief
from ...io.torch_file import Placeholder, StoredTensor, TorchFile
from .. import build
from . import poseformerv2, strided_transformer, tcpformer
from .release import CheckpointHints, Release, Renames, State

SUFFIXES = (".tr", ".pth", ".pt", ".bin", ".ckpt", ".tar", ".safetensors")
"""Of checkpoint files; all but the last are pickled."""
CONTAINERS = (
    "model", "model_pos", "state_dict", "model_state_dict", "module", "network", "net",
    "ema", "model_ema", "ema_state_dict", "state_dict_ema",
)  # fmt: skip
"""Names of the weights in a checkpoint; the first of these that it has counts."""
_WRAPPERS = r"((module|model|network|net)\.)*"
"""Parts of a training program before the names of the weights; `_MARKS` may be within them."""
_MARKS = r"\b(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
RELEASES = (tcpformer.RELEASE, poseformerv2.RELEASE, strided_transformer.RELEASE)


def read_released(path: Path, hints: CheckpointHints) -> tuple[Any, dict[str, Tensor]]:
    """Read the config and the weights, under our names, of a released checkpoint.

    Raises:
        ValueError: If it is not a checkpoint of plain tensors, is of no known network, or a hint
            is missing.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: expected a checkpoint file ({', '.join(SUFFIXES)}) or a folder.")
    if path.suffix == ".safetensors":
        try:
            return translate(load_file(path), hints, path)
        except SafetensorError as error:
            raise ValueError(f"{path}: not a whole safetensors file ({brief(error)}).") from error
    with TorchFile(path) as file:
        stored = _state_dict(file.content, path)
        state = {key: _to_tensor(file.read(value), value) for key, value in stored.items()}
    return translate(state, hints, path)


def translate(
    state: State, hints: CheckpointHints, path: str | Path
) -> tuple[Any, dict[str, Tensor]]:
    """Return the config and the weights, under our names and in our shapes, of a state dict.

    Raises:
        ValueError: If they are of no known network, or a hint is missing.
    """
    release, state = _unwrap(state, path)
    renamed = {
        rename_key(key, release.renames): value
        for key, value in state.items()
        if not re.match(release.unused, key)
    }
    config = config_from_shapes(renamed, hints, path, release)
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in build(config).state_dict().items()}
    for key, value in renamed.items():  # upstream keeps axes of length 1
        shape = shapes.get(key)
        if shape is not None and value.shape != shape and value.numel() == shape.numel():
            renamed[key] = value.reshape(shape)
    return config, renamed


def rename_key(key: str, renames: Renames) -> str:
    """Apply a table of patterns and replacements to a key, in order."""
    for pattern, ours in renames:
        key = re.sub(pattern, ours, key)
    return key


def config_from_shapes(
    state: State, hints: CheckpointHints, path: str | Path, release: Release
) -> Any:
    """Read the sizes of a network from the shapes of its renamed weights.

    Raises:
        ValueError: If weights are missing, or a hint is missing or wrong.
    """
    for name, why in release.needs.items():
        if getattr(hints, name) is None:
            raise ValueError(
                f"{path}: the shapes of a {release.kind} do not determine {name}: {why}; "
                f"give {name} (--{name})."
            )
    try:
        return release.config(state, hints)
    except (KeyError, IndexError) as error:
        raise ValueError(
            f"{path}: not the whole weights of a {release.kind} "
            f"({type(error).__name__}: {brief(error)})."
        ) from error
    except ValueError as error:
        options = ", ".join(f"--{name}" for name in release.needs)
        raise ValueError(
            f"{path}: {brief(error)} Check the values given for it ({options})."
        ) from error


def _unwrap(state: State, path: str | Path) -> tuple[Release, State]:
    """Return the kind of a network, and its weights without what a training program adds.

    Of a program that holds more than a network, only what has the network's prefix is kept.
    """
    state = {re.sub(_MARKS, "", key): value for key, value in state.items()}
    found = {
        key.removesuffix(release.key): release
        for key in state
        for release in RELEASES
        if key == release.key or key.endswith(f".{release.key}")
    }
    usual = [prefix for prefix in found if re.fullmatch(_WRAPPERS, prefix)]
    prefixes = usual or list(found)
    if not prefixes:
        raise ValueError(
            f"{path}: the weights of no known network ({', '.join(r.kind for r in RELEASES)}); "
            f"its first keys are {brief(list(state)[:3])}."
        )
    if len(prefixes) > 1:
        raise ValueError(
            f"{path}: expected one network, got {len(prefixes)}, under {brief(sorted(prefixes))}; "
            "save the state dict of one of them."
        )
    prefix = prefixes[0]
    inner = {k.removeprefix(prefix): value for k, value in state.items() if k.startswith(prefix)}
    return found[prefix], inner


def _state_dict(content: Any, path: Path) -> dict[str, StoredTensor]:
    """Return the tensors of a checkpoint: under a usual name, or the checkpoint's own."""
    for _ in range(3):  # as deep as anyone nests them
        own = content if isinstance(content, dict) else {}
        content = next((own[k] for k in CONTAINERS if isinstance(own.get(k), dict)), content)
    if not isinstance(content, dict) or not content:
        raise ValueError(f"{path}: expected a dictionary of tensors, got {_kind(content)}.")
    tensors = {str(k): value for k, value in content.items() if isinstance(value, StoredTensor)}
    if not tensors:
        found = brief(list(content)[:5])
        raise ValueError(f"{path}: expected tensors only, but {found} are not tensors.")
    return tensors


def _kind(value: object) -> str:
    if isinstance(value, Placeholder):
        return f"a whole {value.name} object; save its state dict"
    return "Tensor" if isinstance(value, StoredTensor) else type(value).__name__


def _to_tensor(data: bytes, stored: StoredTensor) -> Tensor:
    dtype: torch.dtype = getattr(torch, stored.dtype)
    if not data:
        return torch.empty(stored.shape, dtype=dtype)
    flat = torch.frombuffer(bytearray(data), dtype=dtype)
    return flat.as_strided(stored.shape, stored.stride).clone()
