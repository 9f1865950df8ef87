"""Chooses the runtime that computes a network: PyTorch, ONNX Runtime or OpenVINO."""

import tempfile
from pathlib import Path
from typing import Literal, get_args

from ..models.checkpoint import Weights, load_weights
from .export import export
from .exported import SUFFIXES, Exported, load_exported, require_module

Backend = Literal["auto", "torch", "onnx", "openvino"]


def weights_for(source: str | Path | Weights, backend: Backend, *, heads: int = 8) -> Weights:
    """Load weights whose network runs on a backend.

    Args:
        source: What `load_weights` takes or returns, or a file that `export` wrote.
        backend: "auto" is the one that a file was written for, else torch. Weights that are not
            exported yet are exported into a temporary folder, which takes seconds to a minute; for
            more than one use, `export` them.
        heads: As for `load_weights`.

    Raises:
        ValueError: If a file was written for another backend, or cannot be exported or read.
        ImportError: If the backend is not installed.
    """
    if backend not in get_args(Backend):
        raise ValueError(f"backend must be one of {get_args(Backend)}, got {backend!r}.")
    if backend == "openvino":
        require_module("openvino")
    if not isinstance(source, Weights):
        path = Path(source)
        backends = {SUFFIXES["onnx"]: "onnx", SUFFIXES["openvino"]: "openvino"}
        if path.suffix in SUFFIXES.values():
            own = backends.get(path.suffix, "torch")
            if backend not in ("auto", own):
                raise ValueError(f"{path} was written for backend {own!r}, got {backend!r}.")
            return load_exported(path)
        source = load_weights(path if path.exists() else source, heads=heads)
    if backend in ("auto", "torch"):
        return source
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / f"network{SUFFIXES[backend]}"
        export(source, path, backend)
        return load_exported(path)


def device_for(weights: Weights, device: str) -> str:
    """Return the device of a network: an exported one runs on the CPU.

    Raises:
        ValueError: If an exported network is wanted elsewhere.
    """
    if not isinstance(weights.model, Exported):
        return device
    if device not in ("auto", "cpu"):
        raise ValueError(f"an exported network runs on the CPU, got device {device!r}.")
    return "cpu"
