"""Which form of a network is run, and in which numbers."""

import time
from typing import Literal

import torch
from torch import Tensor, nn

from ..models import Network, inputs_of
from ..models.tcpformer import JOINTS, TCPFormer
from .exported import Exported

Numbers = Literal["auto", "float32", "bfloat16"]
CLIPS, ROUNDS = 8, 3
SIDE = 512
"""Of the square matrices whose product tells whether bfloat16 can gain at all."""
WORTH = 1.2
"""So much faster must bfloat16 be to be chosen: it is a little less exact."""


def prepare_for_inference(model: Network, numbers: Numbers) -> nn.Module:
    """The form of a network that lifts fastest; later changes of the network do not reach it.

    Args:
        model: Where it is, its form will be.
        numbers: What it computes in. "auto" measures both once and takes "bfloat16" where it gains:
            first a product of matrices, which takes milliseconds and settles it on processors
            without bfloat16; then the network, about a second at full size.

    Raises:
        ValueError: If the network cannot be computed so.
    """
    if numbers not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"precision must be 'auto', 'float32' or 'bfloat16', got {numbers!r}.")
    # The forward of an heir of the class is its own.
    if type(model) is not TCPFormer or model.config.modules != "all":
        if numbers == "bfloat16":
            kind = "an exported network" if isinstance(model, Exported) else "this network"
            raise ValueError(f"{kind} has no form in bfloat16; leave precision out.")
        return model
    if numbers == "auto" and not _products_gain(next(model.parameters()).device):
        numbers = "float32"
    if numbers == "auto":
        exact, coarse = model.freeze(), model.freeze(torch.bfloat16)
        return coarse if _times_faster(coarse, exact) > WORTH else exact
    return model.freeze(torch.bfloat16 if numbers == "bfloat16" else torch.float32)


@torch.inference_mode()
def _times_faster(one: Network, other: Network) -> float:
    """How many times faster one network is than another, in turns, by their best times."""
    of = next(one.parameters())
    x = torch.zeros(CLIPS, one.config.frames, JOINTS, inputs_of(one), device=of.device)
    best = {one: float("inf"), other: float("inf")}
    for _ in range(ROUNDS):
        for model in best:
            best[model] = min(best[model], _seconds(model, x))
    return best[other] / best[one]


@torch.inference_mode()
def _products_gain(device: torch.device) -> bool:
    """Whether matrices are multiplied faster in bfloat16; without that, no network gains."""
    x = torch.zeros(SIDE, SIDE, device=device)
    map_ = nn.Linear(SIDE, SIDE, bias=False, device=device)
    exact = min(_seconds(map_, x) for _ in range(ROUNDS))
    map_, x = map_.bfloat16(), x.bfloat16()
    return min(_seconds(map_, x) for _ in range(ROUNDS)) < exact


def _seconds(model: nn.Module, x: Tensor) -> float:
    start = time.perf_counter()
    model(x).sum().item()  # waits for the device
    return time.perf_counter() - start


def pick_device(name: str) -> str:
    """Turn "auto" into the best device there is.

    Raises:
        ValueError: If the named device is not one of ours or not on this machine.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return next(device for device, found in there.items() if found)
    kind, _, number = name.partition(":")
    if kind not in there or (number and not (kind == "cuda" and number.isdecimal())):
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps', got {name!r}.")
    if not there[kind]:
        found = [device for device, yes in there.items() if yes]
        raise ValueError(f"no {kind} device on this machine; there is {', '.join(found)}.")
    return name
