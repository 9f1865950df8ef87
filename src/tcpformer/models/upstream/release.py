"""How the checkpoints of a family are described."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

State = Mapping[str, Tensor]
Renames = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class CheckpointHints:
    """Sizes that the shapes of some checkpoints do not determine."""

    heads: int = 8
    frames: int | None = None
    strides: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Release:
    """How the released checkpoints of one kind of network are written."""

    kind: str
    key: str
    """A key that all of them have, and no others."""
    config: Callable[[State, CheckpointHints], Any]
    """Returns the config, from the shapes of renamed weights and the hints."""
    needs: Mapping[str, str]
    """Hints that must be given, and why the shapes do not determine them."""
    renames: Renames
    """Patterns of their keys and our names, applied in this order."""
    unused: str = r"(?!)"
    """Pattern of keys that are saved but never applied; by default it matches nothing."""


def count_layers(state: State, name: str) -> int:
    """Return the number of numbered parts with this name."""
    return len({key.split(".")[1] for key in state if key.startswith(f"{name}.")})
