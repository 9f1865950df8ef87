"""The verb `export`: networks for other runtimes."""

from pathlib import Path
from typing import Literal

import tyro

from ..files import make_writable


def export(
    weights: tyro.conf.Positional[str] = "default",
    *,
    format: Literal["onnx", "openvino", "torch-export"],
    out: Path | None = None,
    static: bool = False,
    precision: Literal["fp32", "fp16"] = "fp32",
    trained_on: Literal["h36m", "h36m-cpn", "3dhp"] | None = None,
    heads: int = 8,
    frames: int | None = None,
    strides: tuple[int, ...] | None = None,
) -> None:
    """Write a network for another runtime, and check the file against it.

    `tcpformer lift --weights FILE` runs it again. docs/export.md says what goes in and comes out.

    Args:
        weights: A packaged name, a folder, or a released checkpoint.
        format: "onnx" for ONNX Runtime and what reads its files (TensorRT, CoreML, web);
            "openvino"; "torch-export" for PyTorch without this package.
        out: The file; by default the name of the weights with the suffix of the format.
        static: Clips one by one, for runtimes that want fixed shapes; otherwise any number.
        precision: "fp16" for half the size, and for hardware that computes so.
        trained_on: What a released checkpoint was trained on; without it, who lifts must say.
        heads: Attention heads of a released checkpoint.
        frames: Clip length of a released PoseFormerV2 checkpoint.
        strides: Strides of a released StridedTransformer checkpoint.
    """
    from dataclasses import replace

    from ..models.checkpoint import load_weights, weights_spec
    from ..runtime.export import export as write
    from ..runtime.exported import SUFFIXES

    loaded = load_weights(weights, heads=heads, frames=frames, strides=strides)
    if trained_on is not None:
        loaded = replace(loaded, spec=weights_spec(loaded, trained_on))
    path = out or Path(Path(weights).name).with_suffix(SUFFIXES[format])
    make_writable(path.parent)
    checked = write(loaded, path, format, static=static, precision=precision)
    print(path)
    print(f"  differs from the network by at most {checked.difference:.1g}", end="")
    print(f" (it says up to {checked.largest:.2g})")
