"""Which runtime lifts: ONNX Runtime, which every installation has, or PyTorch.

Of the packaged networks at their clip length, ONNX Runtime is the faster one on a CPU
(`benchmarks/model.py runtimes`).
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from ..optional import missing_extra
from ..weights import Weights, packaged_names
from .graph import Uncertainty, has_graph, may_have_gpu, open_graph

Backend = Literal["auto", "torch", "onnx", "openvino"]
Precision = Literal["auto", "float32", "bfloat16"]
_kept: "dict[tuple[str, str, str, str], Opened] | None" = None


@dataclass(frozen=True)
class Opened:
    """A network that is ready to lift."""

    weights: Weights
    network: Any
    """What `run_network` takes: the model, or a form of it that lifts faster."""
    uncertainty: Uncertainty | None
    center_only: bool
    """Whether it answers for the center frame alone."""


def keep_packaged() -> None:
    """Keep packaged networks open from now on, in this process, for the next `Lifter`."""
    global _kept
    _kept = {} if _kept is None else _kept


def open_for_lifting(
    source: str | Path | Weights,
    device: str,
    backend: Backend,
    precision: Precision,
    heads: int,
) -> Opened:
    """Open weights in the runtime that `takes_graph` chooses; arguments are those of `Lifter`.

    Raises:
        FileNotFoundError: If there are no such weights.
        ValueError: If the weights do not fit the other arguments.
        ImportError: If the runtime is not installed.
    """
    if _kept is None or isinstance(source, Weights) or str(source) not in packaged_names():
        return _open(source, device, backend, precision, heads)
    key = str(source), device, backend, precision
    if key not in _kept:
        _kept[key] = _open(source, device, backend, precision, heads)
    return _kept[key]


def _open(
    source: str | Path | Weights,
    device: str,
    backend: Backend,
    precision: Precision,
    heads: int,
) -> Opened:
    if takes_graph(source, device, backend, precision):
        weights = open_graph(str(source))
        return Opened(weights, weights.model, weights.model.uncertainty, False)
    if find_spec("torch") is None:
        raise missing_extra(
            f"Lifting with weights {str(source)!r}, device {device!r}, backend {backend!r} and "
            f"precision {precision!r} (without it: {', '.join(packaged_names())} on the CPU)",
            "torch",
            "torch",
        )
    return _open_in_torch(source, device, backend, precision, heads)


def takes_graph(
    source: str | Path | Weights,
    device: str,
    backend: str,
    precision: str,
) -> bool:
    """Return whether packaged weights run in ONNX Runtime: where nothing asks for PyTorch."""
    if isinstance(source, Weights) or not has_graph(source):
        return False
    if backend not in ("auto", "onnx") or precision != "float32":
        return False
    if device == "cpu" or (device == "auto" and backend == "onnx"):
        return True
    return device == "auto" and (find_spec("torch") is None or not may_have_gpu())


def _open_in_torch(
    source: str | Path | Weights,
    device: str,
    backend: Backend,
    precision: Precision,
    heads: int,
) -> Opened:
    from ..models import lifts_center_only
    from ..models.uncertainty_head import WithUncertainty
    from .backends import device_for, weights_for
    from .device import pick_device, prepare_for_inference

    weights = weights_for(source, backend, heads=heads)
    model = weights.model.to(pick_device(device_for(weights, device)))
    network: Any = prepare_for_inference(model, precision)
    head = getattr(network, "uncertainty", None)
    uncertainty = None
    if head is not None:
        network = WithUncertainty(network)
        uncertainty = Uncertainty(
            float(head.region_scale), head.prior_std.cpu().numpy(), float(head.time_constant)
        )
    return Opened(weights, network, uncertainty, lifts_center_only(model))
