"""Writes a network for another runtime, and runs the file against it."""

import copy
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..files import atomic_write
from ..models import inputs_of
from ..models.checkpoint import Weights
from ..models.tcpformer import JOINTS
from .exported import Exported, load_exported
from .formats import KEY, About, Format, Precision, chosen, needed

TOLERANCE = {"fp32": 1e-4, "fp16": 2e-2}
"""Largest difference from the network, of the largest number that it says."""
INPUT, OUTPUT = "xyc", "xyz"


@dataclass(frozen=True)
class Checked:
    """A file, and how far what it says is from what the network says, in the network's unit."""

    path: Path
    difference: float
    largest: float


class _Border(nn.Module):
    """float32 in and out, whatever is inside."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = network
        self.dtype = dtype

    def forward(self, xyc: Tensor) -> Tensor:
        return self.network(xyc.to(self.dtype)).float()


def export(
    weights: Weights,
    path: str | Path,
    format: Format,
    *,
    static: bool = False,
    precision: Precision = "fp32",
) -> Checked:
    """Write a network for another runtime; the file is run and compared before it takes its place.

    Its input "xyc" is clips (batch, frames, joints, 2 or 3), its output "xyz" what the network
    says of them, both float32.

    Args:
        weights: What `load_weights` gives.
        path: Ends in .onnx, .xml (OpenVINO; a .bin is written beside it) or .pt2 (torch.export).
        format: The kind of file.
        static: Clips come one by one: for CoreML and TensorRT. Otherwise any number at a time.
        precision: "fp16" halves the size, for hardware that computes so. Of OpenVINO's files the
            numbers are stored so, and the device computes as it can.

    Raises:
        ValueError: If the network cannot be exported, or the file does not say what it says.
        ImportError: If what writes the format is not installed.
        OSError: If the folder does not exist or cannot be written.
    """
    path = Path(path)
    chosen(format, precision, path)
    if isinstance(weights.model, Exported):
        raise ValueError(f"{weights.name} is exported already; export the weights it came from.")
    about = About.of(weights, static=static)
    network = copy.deepcopy(weights.model).cpu().float().eval().requires_grad_(False)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        made = Path(folder) / f"network{path.suffix}"
        try:
            _write(network, made, about, format, precision)
        except Exception as error:  # the exporters raise kinds of their own
            reason = str(error).strip().split("\n")[0]
            raise ValueError(
                f"{weights.name} cannot be written as {format}: {about.architecture} holds "
                f"something that its exporter does not take ({reason})."
            ) from error
        checked = _checked(network, made, path, TOLERANCE[precision])
        # The .bin of OpenVINO first: the .xml is what one opens.
        for file in sorted(Path(folder).iterdir()):
            with atomic_write(path.with_suffix(file.suffix)) as beside:
                shutil.copyfile(file, beside)
    return checked


def _write(
    network: nn.Module, path: Path, about: About, format: Format, precision: Precision
) -> None:
    if format == "torch-export":
        program = _traced(network, about, precision)
        torch.export.save(program, path, extra_files={f"{KEY}.json": about.json()})
    elif format == "onnx":
        _write_onnx(network, path, about, precision)
    else:
        openvino: Any = needed("openvino")
        beside = path.with_suffix(".onnx")
        _write_onnx(network, beside, about, "fp32")
        model = openvino.convert_model(beside)
        model.set_rt_info(about.json(), KEY)
        openvino.save_model(model, path, compress_to_fp16=precision == "fp16")
        beside.unlink()


def _write_onnx(network: nn.Module, path: Path, about: About, precision: Precision) -> None:
    # Its optimizer takes most of the time, and the runtimes optimize what they load.
    program = torch.onnx.export(
        _traced(network, about, precision),
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        optimize=False,
        verbose=False,
    )
    assert program is not None
    program.model.metadata_props[KEY] = about.json()
    program.save(path)


def _traced(network: nn.Module, about: About, precision: Precision) -> torch.export.ExportedProgram:
    dtype = torch.float16 if precision == "fp16" else torch.float32
    bordered = _Border(copy.deepcopy(network).to(dtype), dtype).eval()
    if about.static:
        batch, shapes = 1, None
    else:  # an example of one clip would freeze the batch
        batch, shapes = 2, ({0: torch.export.Dim("batch")},)
    example = (_clips(network, batch),)
    with torch.no_grad():  # the way of training on a CPU is another
        return torch.export.export(bordered, example, dynamic_shapes=shapes, strict=False)


def _checked(network: nn.Module, made: Path, path: Path, tolerance: float) -> Checked:
    """Run a file beside the network.

    Raises:
        ValueError: If they disagree.
    """
    x = _clips(network, 3)
    written = load_exported(made).model
    with torch.no_grad():
        said = network(x)
        found = torch.cat([written(x[:1]), written(x[1:])])  # any number of clips at a time
    checked = Checked(path, float((found - said).abs().max()), float(said.abs().max()))
    if not checked.difference <= tolerance * checked.largest:
        raise ValueError(
            f"{path} was not written: it would differ from the network by {checked.difference:.2g} "
            f"where that says up to {checked.largest:.2g}; allowed is {tolerance:g} of it."
        )
    return checked


def _clips(network: Any, batch: int) -> Float[Tensor, "b t j i"]:
    """Clips such as the network may meet: coordinates around the centre of the image."""
    shape = (batch, network.config.frames, JOINTS, inputs_of(network))
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) - 0.5


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporters say of themselves and of other packages."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)
