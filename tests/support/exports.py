"""Exported files of a tiny network, written once for all tests."""

import functools
from pathlib import Path
from tempfile import TemporaryDirectory

from lifters import SPECS, network

from tcpformer.models import Network, pose_transformer, poseformerv2, strided_transformer
from tcpformer.runtime.backends import SUFFIXES, Format
from tcpformer.runtime.export import export
from tcpformer.weights import Weights

FORMATS: tuple[Format, ...] = ("onnx", "openvino")
"""Of files that are read back."""
OTHERS = {
    "poseformerv2": poseformerv2.Config(
        frames=9, kept_frames=3, kept_coefficients=3, width=8, depth=2, heads=2
    ),
    "strided-transformer": strided_transformer.Config(
        frames=9, strides=(3, 3), width=8, hidden=8, depth=1, heads=2, inputs=3
    ),
    "pose-transformer": pose_transformer.Config(
        frames=9, layers=1, width=8, heads=2, channels=4, rotary=True
    ),
}


def ours(model: Network | None = None) -> Weights:
    """Return the weights of a tiny TCPFormer of one layer, or of ``model``."""
    return Weights(model or network(depth=1).eval(), SPECS["spaced"], "ours sha256:0123456789ab")


@functools.cache
def _content(format: Format) -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        export(ours(), Path(folder) / f"ours{SUFFIXES[format]}", format)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def exported(format: Format, folder: Path) -> Path:
    """Write an exported file of `ours` into a folder."""
    for name, data in _content(format).items():
        (folder / name).write_bytes(data)
    return folder / f"ours{SUFFIXES[format]}"
