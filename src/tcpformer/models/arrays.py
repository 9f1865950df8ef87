"""Networks as functions of numpy arrays."""

from collections.abc import Callable

import numpy as np
import torch

from . import Network


def answer_of(model: Network) -> Callable[[np.ndarray], np.ndarray]:
    """Return a network as a function: clips in, its answer in float32 out, without gradients."""
    # A network in another runtime has no parameters, and is on the CPU.
    device = next(model.parameters(), torch.empty(0)).device

    @torch.inference_mode()
    def answer(clips: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(np.ascontiguousarray(clips)).to(device)
        return model(x).float().cpu().numpy()

    return answer
