"""Networks in files of other runtimes: what the files hold, and how they run in place of ours."""

import importlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..models import name_of
from ..models.checkpoint import Weights, WeightsSpec, read_config, read_spec
from ..optional import missing_extra

Format = Literal["onnx", "openvino", "torch-export"]
SUFFIXES: dict[str, str] = {"onnx": ".onnx", "openvino": ".xml", "torch-export": ".pt2"}
KEY = "tcpformer"
"""Metadata key of the description, as JSON."""
_EXTRAS = {"onnx": "export", "onnxscript": "export", "openvino": "openvino"}

Run = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Description:
    """What a file tells of its network.

    Attributes:
        config: The network's config.
        spec: What its weights expect and give; None if unknown.
        name: Of the weights.
        static: Whether it takes one clip at a time.
    """

    config: Any
    spec: WeightsSpec | None
    name: str
    static: bool

    def to_json(self) -> str:
        fields = {
            "architecture": name_of(self.config),
            "model": asdict(self.config),
            "spec": None if self.spec is None else asdict(self.spec),
            "name": self.name,
            "static": self.static,
        }
        return json.dumps(fields)

    @classmethod
    def from_json(cls, text: str | None, path: Path) -> "Description":
        """Read the description in a file of any version.

        Raises:
            ValueError: If there is none, or it is not ours.
        """
        try:
            fields = json.loads(text or "")
            config = read_config(fields["architecture"], fields["model"])
            spec = read_spec(fields["spec" if "spec" in fields else "convention"])
            return cls(config, spec, fields["name"], fields["static"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(
                f"{path}: expected a file that `tcpformer export` wrote, with a description of its "
                f"network ({type(error).__name__}: {error})."
            ) from error


class Exported(nn.Module):
    """A network that another runtime computes: without parameters, on the CPU."""

    def __init__(self, run: Run, description: Description) -> None:
        super().__init__()
        self.config = description.config
        self.static = description.static
        self._run = run

    def forward(self, x: Float[Tensor, "b t j i"]) -> Float[Tensor, "b s j 3"]:
        """Lift clips, one at a time if the file has a static shape."""
        parts = x.split(1) if self.static else (x,)
        return torch.cat([torch.from_numpy(self._run(part.cpu().numpy())) for part in parts])


def load_exported(path: str | Path) -> Weights:
    """Open a file that `export` wrote; its suffix selects the runtime.

    Returns:
        What `load_weights` returns; the network runs on as many threads as torch does now.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or has no description.
        ImportError: If the runtime is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    openers = {
        SUFFIXES["onnx"]: _open_onnx,
        SUFFIXES["openvino"]: _open_openvino,
        SUFFIXES["torch-export"]: _open_torch_export,
    }
    if path.suffix not in openers:
        raise ValueError(f"an exported file ends in one of {list(openers)}, got {path}.")
    if path.suffix == SUFFIXES["openvino"]:
        require_module("openvino")
    try:
        run, text = openers[path.suffix](path)
    except Exception as error:  # each runtime raises kinds of its own
        raise ValueError(f"{path}: not a file that can be run ({error}).") from error
    description = Description.from_json(text, path)
    return Weights(Exported(run, description), description.spec, description.name)


def require_module(module: str) -> ModuleType:
    """Import a module that an extra installs.

    Raises:
        ImportError: If it is not installed, naming the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing_extra("This", module, _EXTRAS[module]) from error


def _open_onnx(path: Path) -> tuple[Run, str | None]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    text = session.get_modelmeta().custom_metadata_map.get(KEY)
    return lambda x: session.run(None, {name: x})[0], text


def _open_openvino(path: Path) -> tuple[Run, str | None]:
    openvino: Any = require_module("openvino")
    model = openvino.Core().read_model(path)
    options = {
        "INFERENCE_PRECISION_HINT": "f32",  # the default is bfloat16 where the processor has it
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    compiled = openvino.Core().compile_model(model, "CPU", options)
    text = model.get_rt_info(KEY).astype(str) if model.has_rt_info(KEY) else None
    return lambda x: compiled(np.ascontiguousarray(x))[0].copy(), text


def _open_torch_export(path: Path) -> tuple[Run, str | None]:
    extra = {f"{KEY}.json": ""}
    program = torch.export.load(path, extra_files=extra).module()

    def run(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return program(torch.from_numpy(x)).numpy()

    text = extra[f"{KEY}.json"]
    return run, text.decode() if isinstance(text, bytes) else text
