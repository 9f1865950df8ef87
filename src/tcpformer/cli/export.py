"""The verb `export`: networks for other runtimes."""

from pathlib import Path
from typing import Literal

import tyro

from ..files import make_writable
from ._terminal import show, show_written

OLD_OPTIONS = {"--trained-on": "--checkpoint-protocol"}


def export(
    weights: tyro.conf.Positional[str] = "default",
    *,
    format: Literal["onnx", "openvino", "torch-export"],
    out: Path | None = None,
    static: bool = False,
    precision: Literal["fp32", "fp16"] = "fp32",
    checkpoint_protocol: Literal["h36m", "h36m-cpn", "3dhp"] | None = None,
    heads: int = 8,
    frames: int | None = None,
    strides: tuple[int, ...] | None = None,
) -> None:
    """Write a network for another runtime, and compare the file with it.

    `tcpformer lift --weights FILE` runs an ONNX or OpenVINO file; docs/export.md describes it.

    Args:
        weights: A packaged name, a folder, or a released checkpoint.
        format: "onnx" for ONNX Runtime and what reads its files (TensorRT, CoreML, web);
            "openvino"; "torch-export" (.pt2) for PyTorch without this package, which never reads
            one: loading a .pt2 can run code, so trust its origin.
        out: The file to write; by default the name of the weights with the suffix of the format.
        static: Take one clip at a time, for runtimes that need fixed shapes; else any number.
        precision: "fp16" halves the size, for hardware that computes in it.
        checkpoint_protocol: Protocol that a released checkpoint was trained by, which is stored in
            the file; without it, lifting needs it.
        heads: Attention heads of a released checkpoint.
        frames: Clip length of a released PoseFormerV2 checkpoint.
        strides: Strides of a released StridedTransformer checkpoint.
    """
    from dataclasses import replace

    from ..models.checkpoint import load_weights
    from ..runtime.backends import SUFFIXES
    from ..runtime.export import export as write
    from ..weights import weights_spec

    loaded = load_weights(weights, heads=heads, frames=frames, strides=strides)
    if checkpoint_protocol is not None:
        loaded = replace(loaded, spec=weights_spec(loaded, checkpoint_protocol))
    path = out or Path(Path(weights).name).with_suffix(SUFFIXES[format])
    make_writable(path.parent)
    result = write(loaded, path, format, static=static, precision=precision)
    show_written(path)
    show(
        f"  differs from the network by at most {result.difference:.1g} "
        f"(its largest output is {result.largest:.2g})"
    )
