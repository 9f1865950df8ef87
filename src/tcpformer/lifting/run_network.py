"""Run a network over any number of clips, averaged with its answer to their mirror image."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..models import Network, inputs_of

CLIPS_AT_ONCE = 16


@torch.inference_mode()
def run_network(
    model: Network, xyc: Float[np.ndarray, "n t j 3"], mirror: Sequence[int], *, flip: bool
) -> Float[np.ndarray, "n s j d"]:
    """Run a network over clips; its training or evaluation mode stays as it is.

    Args:
        model: A network of `MODELS`; it gets as many of the channels as it takes.
        xyc: Normalized x, y and confidence.
        mirror: For each joint, the index of its left-right twin.
        flip: Average with the answer to the mirror image, mirrored back.

    Returns:
        The answer in float32; s is 1 for a network that lifts the center frame alone, else t. The
        first three of d are x, y, z; the others are the same for a mirror image.
    """
    # A network in another runtime has no parameters, and is on the CPU.
    device, swap = next(model.parameters(), torch.empty(0)).device, list(mirror)
    inputs = inputs_of(model)
    results = []
    for part in torch.from_numpy(xyc[..., :inputs].astype(np.float32)).split(CLIPS_AT_ONCE):
        x = part.to(device)
        y = model(x)
        if flip:
            y = (y + _mirror(model(_mirror(x, swap)), swap)) / 2
        results.append(y.float().cpu())
    return torch.cat(results).numpy()


def _mirror(x: Tensor, swap: list[int]) -> Tensor:
    """Exchange joints with their twins and negate x."""
    sign = torch.ones(x.shape[-1], device=x.device)
    sign[0] = -1.0
    return x[:, :, swap] * sign
