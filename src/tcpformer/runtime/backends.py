"""Networks for other runtimes: files for ONNX Runtime, OpenVINO and torch.export.

`export` writes one and checks it against the network; `load_exported` runs one in its place. A file
carries its `Convention` and the sizes of its network, so that nothing about it has to be said.

The network alone is in a file: clips that `normalize` made go in, what it says of them comes out.
"""

import tempfile
from pathlib import Path
from typing import Literal

from ..models.checkpoint import Weights, load_weights
from .export import export
from .exported import Exported, load_exported
from .formats import SUFFIXES, runnable

Backend = Literal["auto", "torch", "onnx", "openvino"]


def weights_for(source: str | Path | Weights, backend: Backend, *, heads: int = 8) -> Weights:
    """Weights whose network runs on a backend.

    Args:
        source: What `load_weights` takes or gave, or a file that `export` wrote.
        backend: "auto" is what a file was written for, and else torch. Weights that are no such
            file are exported first, into a folder that is deleted: that takes from seconds to a
            minute, so for more than one use `export` them.
        heads: As for `load_weights`.

    Raises:
        ValueError: If a file was written for another backend, or cannot be exported or read.
        ImportError: If the backend is not installed.
    """
    runnable(backend)
    if not isinstance(source, Weights):
        path = Path(source)
        written_for = {SUFFIXES["onnx"]: "onnx", SUFFIXES["openvino"]: "openvino"}
        if path.suffix in SUFFIXES.values():
            own = written_for.get(path.suffix, "torch")
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
    """Where a network can be: an exported one is on the CPU.

    Raises:
        ValueError: If it is asked for elsewhere.
    """
    if not isinstance(weights.model, Exported):
        return device
    if device not in ("auto", "cpu"):
        raise ValueError(f"an exported network runs on the CPU, got device {device!r}.")
    return "cpu"
