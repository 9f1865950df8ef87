"""Reads a released checkpoint as a config and weights under our names."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import build
from . import poseformerv2, strided_transformer, tcpformer
from .release import CheckpointHints, Release, Renames, State

SUFFIXES = (".tr", ".pth", ".pt", ".bin")
"""Of checkpoint files, which are pickled."""
RELEASES = (tcpformer.RELEASE, poseformerv2.RELEASE, strided_transformer.RELEASE)


def read_released(path: Path, hints: CheckpointHints) -> tuple[Any, dict[str, Tensor]]:
    """Read the config and the weights, under our names, of a released checkpoint.

    Raises:
        ValueError: If it is not a checkpoint of plain tensors, is of no known network, or a hint
            is missing.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: expected a checkpoint file ({', '.join(SUFFIXES)}) or a folder.")
    try:
        with warnings.catch_warnings(action="ignore"):  # torch warns of pickles it then refuses
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the pickled bytes make it raise
        raise ValueError(  # and its message tells how to run them
            f"{path}: not a checkpoint of plain tensors, or damaged; nothing in it was run. If a "
            "trusted tool reads it, save its state dict alone with torch.save."
        ) from error
    return translate(_state_dict(content, path), hints, path)


def translate(
    state: State, hints: CheckpointHints, path: str | Path
) -> tuple[Any, dict[str, Tensor]]:
    """Return the config and the weights, under our names and in our shapes, of a state dict.

    Raises:
        ValueError: If they are of no known network, or a hint is missing.
    """
    state = {re.sub(r"^module\.", "", key): value for key, value in state.items()}
    release = next((r for r in RELEASES if r.key in state), None)
    if release is None:
        raise ValueError(
            f"{path}: the weights of no known network ({', '.join(r.kind for r in RELEASES)}); "
            f"its first keys are {list(state)[:3]}."
        )
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
            f"{path}: not the whole weights of a {release.kind} ({type(error).__name__}: {error})."
        ) from error
    except ValueError as error:
        options = ", ".join(f"--{name}" for name in release.needs)
        raise ValueError(f"{path}: {error} Check the values given for it ({options}).") from error


def _state_dict(content: Any, path: Path) -> dict[str, Tensor]:
    """Return the state dict in a checkpoint: under a usual name, or the checkpoint itself."""
    for key in ("model", "model_pos", "state_dict"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f"{path}: expected a dictionary of tensors, got {type(content).__name__}.")
    others = [key for key, value in content.items() if not isinstance(value, Tensor)]
    if others:
        raise ValueError(f"{path}: expected tensors only, but {others[:5]} are not tensors.")
    return {str(key): value for key, value in content.items()}
