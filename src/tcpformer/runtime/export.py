"""Writes a network for another runtime, and compares the file with it."""

import copy
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..files import atomic_write
from ..models import inputs_of, joints_of, name_of
from ..result_folder import replace_together
from ..weights import Weights
from .backends import (
    KEY,
    SUFFIXES,
    Description,
    Exported,
    Format,
    load_exported,
    require_module,
)

ExportPrecision = Literal["fp32", "fp16"]
TOLERANCE = {"fp32": 1e-4, "fp16": 2e-2}
"""Largest difference from the network, relative to its largest output."""
INPUT, OUTPUT = "xyc", "xyz"


@dataclass(frozen=True)
class ExportResult:
    """A written file, and how far its output is from the network's.

    Attributes:
        path: The file.
        difference: Largest difference of an output, in the network's unit.
        largest: Largest output of the network.
    """

    path: Path
    difference: float
    largest: float


class _Float32Interface(nn.Module):
    """A network of any precision with float32 input and output."""

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
    precision: ExportPrecision = "fp32",
) -> ExportResult:
    """Write a network for another runtime; the file is compared with it before it is moved there.

    Its input "xyc" is clips (batch, frames, joints, 2 or 3), its output "xyz" the network's answer,
    both float32.

    Args:
        weights: What `load_weights` returns.
        path: Ends in .onnx, .xml (OpenVINO; a .bin is written beside it) or .pt2 (torch.export,
            for other programs: this package never reads it, because reading can run code).
        format: The kind of file.
        static: Whether clips come one at a time, for CoreML and TensorRT; else any number.
        precision: "fp16" halves the size, for hardware that computes in it. OpenVINO files store
            fp16, and the device computes in what it has.

    Raises:
        ValueError: If the network cannot be exported, or the file gives other outputs.
        ImportError: If the package that writes the format is not installed.
        OSError: If the folder does not exist or cannot be written.
    """
    path = Path(path)
    _check_format(format, precision, path)
    if isinstance(weights.model, Exported):
        raise ValueError(f"{weights.name} is an exported file; export the weights it came from.")
    description = Description(weights.model.config, weights.spec, weights.name, static)
    network = copy.deepcopy(weights.model).cpu().float().eval().requires_grad_(False)
    with tempfile.TemporaryDirectory() as folder, _silence():
        written = Path(folder) / f"network{path.suffix}"
        try:
            traced = _trace(network, description, "fp32" if format == "openvino" else precision)
            _write(traced, written, description, format, precision)
        except OSError:
            raise
        except Exception as error:  # the exporters raise kinds of their own
            reason = str(error).strip().split("\n")[0]
            raise ValueError(
                f"{weights.name} cannot be written as {format}: {name_of(network.config)} holds "
                f"an operation that its exporter does not support ({reason})."
            ) from error
        # A .pt2 is not read, not even our own; what was written of it is at hand.
        module = _to_exported(traced, description, path) if format == "torch-export" else None
        exported = module or load_exported(written).model
        result = _compare(network, exported, path, TOLERANCE[precision])
        _copy(sorted(Path(folder).iterdir()), path)
    return result


def _copy(files: list[Path], path: Path) -> None:
    """Copy files to a path, each with its own suffix; those of OpenVINO together."""
    if len(files) == 1:
        with atomic_write(path) as beside:
            shutil.copyfile(files[0], beside)
        return
    with replace_together(path.parent) as run:
        for file in files:
            shutil.copyfile(file, run.new / path.with_suffix(file.suffix).name)


def _check_format(format: str, precision: str, path: Path) -> None:
    """Refuse before any work what cannot be written.

    Raises:
        ValueError: If the format, the precision or the suffix is wrong.
        ImportError: If the package that writes the format is not installed.
    """
    for name, value, kind in (
        ("format", format, Format),
        ("precision", precision, ExportPrecision),
    ):
        if value not in get_args(kind):
            raise ValueError(f"{name} must be one of {get_args(kind)}, got {value!r}.")
    if path.suffix != SUFFIXES[format]:
        raise ValueError(f"a file of format {format} ends in {SUFFIXES[format]}, got {path}.")
    writers = {"onnx": ("onnx", "onnxscript"), "openvino": ("onnx", "onnxscript", "openvino")}
    for module in writers.get(format, ()):
        require_module(module)


def _write(
    program: torch.export.ExportedProgram,
    path: Path,
    description: Description,
    format: Format,
    precision: ExportPrecision,
) -> None:
    if format == "torch-export":
        torch.export.save(program, path, extra_files={f"{KEY}.json": description.to_json()})
    elif format == "onnx":
        _write_onnx(program, path, description)
    else:
        openvino: Any = require_module("openvino")
        beside = path.with_suffix(".onnx")
        _write_onnx(program, beside, description)
        model = openvino.convert_model(beside)
        model.set_rt_info(description.to_json(), KEY)
        openvino.save_model(model, path, compress_to_fp16=precision == "fp16")
        beside.unlink()


def _write_onnx(traced: torch.export.ExportedProgram, path: Path, description: Description) -> None:
    program = torch.onnx.export(
        traced,
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        optimize=False,  # takes most of the time, and the runtimes optimize when they load
        verbose=False,
    )
    assert program is not None
    program.model.metadata_props[KEY] = description.to_json()
    program.save(path)


def _trace(
    network: nn.Module, description: Description, precision: ExportPrecision
) -> torch.export.ExportedProgram:
    dtype = torch.float16 if precision == "fp16" else torch.float32
    wrapped = _Float32Interface(copy.deepcopy(network).to(dtype), dtype).eval()
    if description.static:
        batch, shapes = 1, None
    else:  # an example of one clip would fix the batch size
        batch, shapes = 2, ({0: torch.export.Dim("batch")},)
    example = (_example_clips(network, batch),)
    with torch.no_grad():  # with gradients on a CPU, attention forms its maps
        return torch.export.export(wrapped, example, dynamic_shapes=shapes, strict=False)


def _to_exported(
    program: torch.export.ExportedProgram, description: Description, path: Path
) -> Exported:
    module = program.module()

    def run(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return module(torch.from_numpy(x)).numpy()

    return Exported(run, description, path)


def _compare(network: nn.Module, exported: nn.Module, path: Path, tolerance: float) -> ExportResult:
    """Run what was written beside the network.

    Raises:
        ValueError: If their outputs differ by more than ``tolerance``.
    """
    x = _example_clips(network, 3)
    with torch.no_grad():
        expected = network(x)
        found = torch.cat([exported(x[:1]), exported(x[1:])])  # two batch sizes
    result = ExportResult(path, float((found - expected).abs().max()), float(expected.abs().max()))
    if not result.difference <= tolerance * result.largest:
        raise ValueError(
            f"{path} was not written: its output differs from the network's by "
            f"{result.difference:.2g}, where the largest is {result.largest:.2g}; allowed is "
            f"{tolerance:g} of that."
        )
    return result


def _example_clips(network: Any, batch: int) -> Float[Tensor, "b t j i"]:
    """Return random clips around the center of the image."""
    shape = (batch, network.config.frames, joints_of(network.config), inputs_of(network))
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) - 0.5


@contextmanager
def _silence() -> Iterator[None]:
    """Suppress the messages and warnings of the exporters."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)
