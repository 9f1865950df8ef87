"""Run a network over any number of clips, averaged with its answer to their mirror image."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
            gets as many of the channels as it takes. One with ``workers`` answers for as many
            batches side by side.
        xyc: Normalized x, y and confidence.
        mirror: For each joint, the index of its left-right twin.
        flip: Average with the answer to the mirror image, mirrored back.

    Returns:
        The answer in float32; s is 1 for a network that lifts the center frame alone, else t. The
        first three of d are x, y, z; the others are the same for a mirror image.
    """
    answer, swap = _answer_of(model), list(mirror)
    clips = xyc[..., : getattr(model.config, "inputs", 3)].astype(np.float32)
    at_once = min(CLIPS_AT_ONCE, getattr(model, "clips_at_once", CLIPS_AT_ONCE))
    batches = np.split(clips, range(at_once, len(clips), at_once))

    def lift(x: Float[np.ndarray, "m t j i"]) -> Float[np.ndarray, "m s j d"]:
        y = answer(x)
        return (y + _mirror(answer(_mirror(x, swap)), swap)) / 2 if flip else y

    workers = min(getattr(model, "workers", 1), len(batches))
    if workers < 2:
        return np.concatenate([lift(batch) for batch in batches])
    with ThreadPoolExecutor(workers) as threads:
        return np.concatenate(list(threads.map(lift, batches)))


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
