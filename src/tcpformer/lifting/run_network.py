"""Run a network over any number of clips, averaged with its answer to their mirror image."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

CLIPS_AT_ONCE = 16


def run_network(
    model: Any, xyc: Float[np.ndarray, "n t j 3"], mirror: Sequence[int], *, flip: bool
) -> Float[np.ndarray, "n s j d"]:
    """Run a network over clips; its training or evaluation mode stays as it is.

    Args:
        model: A network of `models.MODELS`, or one that another runtime computes (`answer`); it
            gets as many of the channels as it takes.
        xyc: Normalized x, y and confidence.
        mirror: For each joint, the index of its left-right twin.
        flip: Average with the answer to the mirror image, mirrored back.

    Returns:
        The answer in float32; s is 1 for a network that lifts the center frame alone, else t. The
        first three of d are x, y, z; the others are the same for a mirror image.
    """
    answer, swap = _answer_of(model), list(mirror)
    clips = xyc[..., : getattr(model.config, "inputs", 3)].astype(np.float32)
    results = []
    at_once = min(CLIPS_AT_ONCE, getattr(model, "clips_at_once", CLIPS_AT_ONCE))
    for first in range(0, len(clips), at_once):
        x = clips[first : first + at_once]
        y = answer(x)
        if flip:
            y = (y + _mirror(answer(_mirror(x, swap)), swap)) / 2
        results.append(y)
    return np.concatenate(results)


def _mirror(x: Float[np.ndarray, "n t j d"], swap: list[int]) -> Float[np.ndarray, "n t j d"]:
    """Exchange joints with their twins and negate x."""
    sign = np.ones(x.shape[-1], dtype=x.dtype)
    sign[0] = -1.0
    return x[:, :, swap] * sign


def _answer_of(model: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return a network as a function of arrays."""
    if hasattr(model, "answer"):
        return model.answer
    from ..models.arrays import answer_of  # PyTorch

    return answer_of(model)
