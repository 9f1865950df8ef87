"""Which device and numbers a network runs in."""

import time
from dataclasses import replace

import torch
from torch import Tensor, nn

from ..models import Network, build, inputs_of, joints_of
from ..models.hybrid import HybridTCPFormer
from ..models.tcpformer import TCPFormer
from ..models.whole_body import WholeBody
from .backends import Exported
from .choose import Precision

CLIPS, ROUNDS = 8, 3
"""Of a measurement: clips at once, and runs of which the fastest counts."""
MATRIX_SIDE = 512
"""Of the square matrices whose product is timed in both precisions."""
MIN_SPEEDUP = 1.2
"""At which "auto" chooses bfloat16, which is less exact."""


def prepare_for_inference(model: Network, precision: Precision) -> nn.Module:
    """Return the form of a network that lifting runs; it shares the weights in float32.

    The local branch of TCPFormer is left out: it moves the output by some 1e-5 of its range.

    Args:
        model: The network; its form is on the same device.
        precision: Numbers of the layers of TCPFormer: "float32", "bfloat16", or "auto", which
            measures both once and takes bfloat16 if it is 1.2 times as fast. First it times a
            product of matrices, which takes milliseconds and decides on processors without
            bfloat16; then the network, which takes about a second at full size.

    Raises:
        ValueError: If the network cannot run in that precision.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"precision must be 'auto', 'float32' or 'bfloat16', got {precision!r}.")
    if type(model) is WholeBody:
        result = _sharing(model.config, model.state_dict()).train(model.training)
        result.body = prepare_for_inference(model.body, precision)
        return result
    if type(model) not in (TCPFormer, HybridTCPFormer):  # a subclass may have another forward
        if precision == "bfloat16":
            kind = "an exported network" if isinstance(model, Exported) else "this network"
            raise ValueError(f"{kind} runs in float32 alone; omit precision.")
        return model
    exact = without_local_branch(model)
    device = next(model.parameters()).device
    if precision == "float32" or (precision == "auto" and not _bfloat16_products_gain(device)):
        return exact
    coarse = in_bfloat16(exact)
    if precision == "auto" and _speedup(coarse, exact) <= MIN_SPEEDUP:
        return exact
    return coarse


def without_local_branch(model: Network) -> Network:
    """Return a TCPFormer without its local branch, sharing all other weights."""
    if not model.config.local_branch:
        return model
    kept = {k: v for k, v in model.state_dict().items() if ".local." not in k}
    return _sharing(replace(model.config, local_branch=False), kept).train(model.training)


def in_bfloat16(model: Network) -> Network:
    """Return a TCPFormer whose layers multiply in bfloat16; all else stays in float32."""
    result = _sharing(model.config, model.state_dict()).train(model.training)
    result.mixers = nn.ModuleList(_Bfloat16(layer) for layer in result.mixers)
    result.exchanges = nn.ModuleList(_Bfloat16(layer) for layer in result.exchanges)
    return result


def _sharing(config: object, state: dict[str, Tensor]) -> Network:
    with torch.device("meta"):
        model = build(config)
    model.load_state_dict(state, assign=True)
    return model.requires_grad_(False)


class _Bfloat16(nn.Module):
    """A layer that computes its matrix products in bfloat16 and adds in float32."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, *more: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        with torch.autocast(x.device.type, torch.bfloat16):
            return self.layer(x, *more)


@torch.inference_mode()
def _speedup(one: Network, other: Network) -> float:
    """Return how many times faster one network is than another, by their best times in turns."""
    parameter = next(one.parameters())
    x = torch.zeros(
        CLIPS, one.config.frames, joints_of(one.config), inputs_of(one), device=parameter.device
    )
    best = {one: float("inf"), other: float("inf")}
    for _ in range(ROUNDS):
        for model in best:
            best[model] = min(best[model], _seconds(model, x))
    return best[other] / best[one]


@torch.inference_mode()
def _bfloat16_products_gain(device: torch.device) -> bool:
    """Return whether matrices are multiplied faster in bfloat16; else no network gains."""
    x = torch.zeros(MATRIX_SIDE, MATRIX_SIDE, device=device)
    product = nn.Linear(MATRIX_SIDE, MATRIX_SIDE, bias=False, device=device)
    exact = min(_seconds(product, x) for _ in range(ROUNDS))
    product, x = product.bfloat16(), x.bfloat16()
    return min(_seconds(product, x) for _ in range(ROUNDS)) < exact


def _seconds(model: nn.Module, x: Tensor) -> float:
    start = time.perf_counter()
    model(x).sum().item()  # waits for the device
    return time.perf_counter() - start


def pick_device(name: str) -> str:
    """Return a device by name; "auto" is CUDA if there is one, then MPS, then the CPU.

    Raises:
        ValueError: If the name is unknown or this machine has no such device.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return next(device for device, found in available.items() if found)
    kind, _, number = name.partition(":")
    if kind not in available or (number and not (kind == "cuda" and number.isdecimal())):
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps', got {name!r}.")
    if not available[kind]:
        found = [device for device, yes in available.items() if yes]
        raise ValueError(f"this machine has no {kind} device; it has {', '.join(found)}.")
    return name
