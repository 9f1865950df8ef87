"""Networks that another runtime computes: their files, and the choice of PyTorch or one of these.

A file of PyTorch's own format (.pt2) is written by `export` and never read: `torch.export.load`
unpickles parts of it, which runs whatever they hold.
"""

import importlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..files import brief
from ..model_files import read_onnx
from ..models import inputs_of, joints_of, lifts_center_only, name_of
from ..models.checkpoint import load_weights, read_config
from ..optional import missing_extra
from ..weights import Weights, WeightsSpec, read_spec
from .choose import Backend

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
            return cls(config, spec, str(fields["name"]), bool(fields["static"]))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(
                f"{path}: expected a file that `tcpformer export` wrote, with a description of its "
                f"network ({type(error).__name__}: {brief(error)})."
            ) from error


class Exported(nn.Module):
    """A network that another runtime computes: without parameters, on the CPU."""

    def __init__(self, run: Run, description: Description, path: Path) -> None:
        super().__init__()
        self.config = description.config
        self.static = description.static
        self._run = run
        self._path = path

    def forward(self, x: Float[Tensor, "b t j i"]) -> Float[Tensor, "b s j 3"]:
        """Lift clips, one at a time if the file has a static shape.

        Raises:
            ValueError: If the file, damaged, answers with other than finite joints of each clip.
        """
        parts = x.split(1) if self.static else (x,)
        return torch.cat([self._answer(part) for part in parts])

    def _answer(self, clips: Float[Tensor, "b t j i"]) -> Float[Tensor, "b s j 3"]:
        try:
            answer = np.asarray(self._run(clips.cpu().numpy()), dtype=np.float32)
        except Exception as error:  # each runtime raises kinds of its own
            raise self._damaged(f"an error ({error})") from error
        clip_count, frames, joints = clips.shape[:3]
        expected = (clip_count, 1 if lifts_center_only(self) else frames, joints, 3)
        if answer.shape != expected:
            raise self._damaged(f"numbers of shape {answer.shape}, not {expected}")
        if not np.isfinite(answer).all():
            raise self._damaged("numbers that are not finite")
        return torch.from_numpy(answer)

    def _damaged(self, found: str) -> ValueError:
        return ValueError(
            f"{self._path}: the exported network answers with {' '.join(found.split())[:400]}; the "
            "file is damaged: export the network again."
        )


@dataclass(frozen=True)
class _Opened:
    """A file in its runtime.

    Attributes:
        run: Computes the network.
        shape: Of its input; what is not fixed is not a number.
        text: The description, if there is one.
    """

    run: Run
    shape: list[Any]
    text: str | None


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
        own = {suffix: format for format, suffix in SUFFIXES.items()}.get(path.suffix)
        if own is not None:
            if own in get_args(Backend) and backend not in ("auto", own):
                raise ValueError(f"{path} was written for backend {own!r}, got {backend!r}.")
            return load_exported(path)
        source = load_weights(path if path.exists() else source, heads=heads)
    if backend in ("auto", "torch"):
        return source
    from .export import export  # which opens what it has written

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


def load_exported(path: str | Path) -> Weights:
    """Open an ONNX or OpenVINO file that `export` wrote.

    Returns:
        What `load_weights` returns; the network runs on as many threads as torch does now.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is of another kind, damaged, has no description or one that does not fit.
        ImportError: If the runtime is not installed.
    """
    path = Path(path)
    if path.suffix == SUFFIXES["torch-export"]:
        raise ValueError(
            f"{path}: .pt2 files are not read, because reading one can run code that it holds; "
            "export the weights as onnx, or give the weights themselves."
        )
    openers = {SUFFIXES["onnx"]: _open_onnx, SUFFIXES["openvino"]: _open_openvino}
    if path.suffix not in openers:
        raise ValueError(f"an exported file ends in one of {list(openers)}, got {path}.")
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    if path.suffix == SUFFIXES["openvino"]:
        require_module("openvino")
    try:
        opened = openers[path.suffix](path)
    except FileNotFoundError:
        raise
    except Exception as error:  # each runtime raises kinds of its own
        raise ValueError(f"{path}: not a file that can be run ({brief(error)}).") from error
    description = Description.from_json(opened.text, path)
    model = Exported(opened.run, description, path)
    expected = [description.config.frames, joints_of(model.config), inputs_of(model)]
    if opened.shape[1:] != expected:
        raise ValueError(
            f"{path}: its description expects clips of {expected}, its network "
            f"{brief(opened.shape[1:])}."
        )
    return Weights(model, description.spec, description.name)


def require_module(module: str) -> ModuleType:
    """Import a module that an extra installs.

    Raises:
        ImportError: If it is not installed, naming the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing_extra("This", module, _EXTRAS[module]) from error


def _open_onnx(path: Path) -> _Opened:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as in `open_graph`
    options.log_severity_level = 4  # errors are raised
    session: Any = onnxruntime.InferenceSession(
        read_onnx(path), options, providers=["CPUExecutionProvider"]
    )
    source = session.get_inputs()[0]
    text = session.get_modelmeta().custom_metadata_map.get(KEY)
    return _Opened(lambda x: session.run(None, {source.name: x})[0], source.shape, text)


def _open_openvino(path: Path) -> _Opened:
    openvino: Any = require_module("openvino")
    # Bytes: from a path, OpenVINO guesses the format and which other files to open.
    model = openvino.Core().read_model(path.read_bytes(), path.with_suffix(".bin").read_bytes())
    options = {
        "INFERENCE_PRECISION_HINT": "f32",  # the default is bfloat16 where the processor has it
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    compiled = openvino.Core().compile_model(model, "CPU", options)
    text = model.get_rt_info(KEY).astype(str) if model.has_rt_info(KEY) else None
    sizes = model.inputs[0].partial_shape
    shape = [size.get_length() if size.is_static else None for size in sizes]
    return _Opened(lambda x: compiled(np.ascontiguousarray(x))[0].copy(), shape, text)
