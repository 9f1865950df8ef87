"""Exported networks in the place of ours: tensors in, tensors out, on the CPU."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..models.checkpoint import Weights
from .formats import KEY, SUFFIXES, About, needed

Run = Callable[[np.ndarray], np.ndarray]


class Exported(nn.Module):
    """A network that another runtime computes; it has no parameters, and answers on the CPU."""

    def __init__(self, run: Run, about: About) -> None:
        super().__init__()
        self.config = about.config
        self.static = about.static
        self._run = run

    def forward(self, x: Float[Tensor, "b t j i"]) -> Float[Tensor, "b s j 3"]:
        """Lift clips; a file with a static shape takes them one by one."""
        parts = x.split(1) if self.static else (x,)
        return torch.cat([torch.from_numpy(self._run(part.cpu().numpy())) for part in parts])


def load_exported(path: str | Path) -> Weights:
    """Open a file that `export` wrote, by its suffix.

    Returns:
        What `load_weights` gives; its network runs on as many threads as torch does now.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or does not say what it holds.
        ImportError: If what runs it is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    openers = {
        SUFFIXES["onnx"]: _onnx,
        SUFFIXES["openvino"]: _openvino,
        SUFFIXES["torch-export"]: _torch_export,
    }
    if path.suffix not in openers:
        raise ValueError(f"an exported file ends in one of {list(openers)}, got {path}.")
    if path.suffix == SUFFIXES["openvino"]:
        needed("openvino")
    try:
        run, said = openers[path.suffix](path)
    except Exception as error:  # each runtime raises kinds of its own
        raise ValueError(f"{path}: not a file that can be run ({error}).") from error
    about = About.read(said, path)
    return about.weights(Exported(run, about))


def _onnx(path: Path) -> tuple[Run, str | None]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    said = session.get_modelmeta().custom_metadata_map.get(KEY)
    return lambda x: session.run(None, {name: x})[0], said


def _openvino(path: Path) -> tuple[Run, str | None]:
    openvino: Any = needed("openvino")
    model = openvino.Core().read_model(path)
    # Unless told, it computes in bfloat16 where the processor can, and says nothing.
    how = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    compiled = openvino.Core().compile_model(model, "CPU", how)
    said = model.get_rt_info(KEY).astype(str) if model.has_rt_info(KEY) else None
    return lambda x: compiled(np.ascontiguousarray(x))[0].copy(), said


def _torch_export(path: Path) -> tuple[Run, str | None]:
    extra = {f"{KEY}.json": ""}
    program = torch.export.load(path, extra_files=extra).module()

    def run(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return program(torch.from_numpy(x)).numpy()

    said = extra[f"{KEY}.json"]
    return run, said.decode() if isinstance(said, bytes) else said
