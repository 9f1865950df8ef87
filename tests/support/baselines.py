"""The golden baselines: released weights under released names, and their outputs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from paths import GOLDEN
from torch import Tensor, nn

HINTS: dict[str, dict[str, Any]] = {
    "poseformerv2": {"frames": 27},
    "strided_transformer": {"strides": (3, 3, 3)},
}
"""Arguments that `load_weights` needs for them."""


def golden(name: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the state of the checkpoint, and the other arrays."""
    with np.load(GOLDEN / f"{name}_T27.npz") as data:
        arrays = {key: torch.from_numpy(data[key]) for key in data}
    state = {key[6:]: value for key, value in arrays.items() if key.startswith("state/")}
    return state, arrays


def checkpoint(name: str, folder: Path, **extra: Tensor) -> Path:
    """Write a checkpoint as each of them is released."""
    state: Mapping[str, Any] = golden(name)[0] | extra
    if name == "poseformerv2":
        state = {"epoch": 1, "model_pos": {f"module.{key}": v for key, v in state.items()}}
    torch.save(state, folder / "released.bin")
    return folder / "released.bin"


def untouched(model: nn.Module) -> list[str]:
    """Return the parameters without a gradient after `backward`."""
    return [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
