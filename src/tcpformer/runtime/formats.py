"""What files there are, what they are called, and what travels in them."""

import importlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

from ..models import MODELS, name_of
from ..models.checkpoint import Weights, read_spec
from ..optional import missing_extra

Format = Literal["onnx", "openvino", "torch-export"]
Precision = Literal["fp32", "fp16"]
SUFFIXES: dict[str, str] = {"onnx": ".onnx", "openvino": ".xml", "torch-export": ".pt2"}
KEY = "tcpformer"
"""Under which a file keeps what is known of it, as JSON."""
_NEEDS = {"onnx": "export", "onnxscript": "export", "openvino": "openvino"}


@dataclass(frozen=True)
class About:
    """What is known of the network in a file."""

    architecture: str
    model: dict[str, Any]
    convention: dict[str, Any] | None
    name: str
    static: bool

    @classmethod
    def of(cls, weights: Weights, *, static: bool) -> "About":
        convention = None if weights.convention is None else asdict(weights.convention)
        config = weights.model.config
        return cls(name_of(config), asdict(config), convention, weights.name, static)

    @classmethod
    def read(cls, text: str | None, path: Path) -> "About":
        """Read the JSON of a file.

        Raises:
            ValueError: If there is none, or it is not ours.
        """
        try:
            about = cls(**json.loads(text or ""))
            if about.architecture not in MODELS:
                raise ValueError(f"no model {about.architecture!r} in MODELS: {list(MODELS)}")
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{path}: does not say what network it holds; expected a file that "
                f"`tcpformer export` wrote ({error})."
            ) from error
        return about

    def json(self) -> str:
        return json.dumps(asdict(self))

    @property
    def config(self) -> Any:
        fields = {k: tuple(v) if isinstance(v, list) else v for k, v in self.model.items()}
        return MODELS[self.architecture].config(**fields)

    def weights(self, model: Any) -> Weights:
        return Weights(model, read_spec(self.convention), self.name)


def needed(module: str) -> ModuleType:
    """Import what an extra brings.

    Raises:
        ImportError: If it is not installed, naming the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing_extra("This", module, _NEEDS[module]) from error


def runnable(backend: str) -> None:
    """Refuse an unknown backend, or one that is not installed, before any work."""
    if backend not in ("auto", "torch", "onnx", "openvino"):
        raise ValueError(f"backend must be 'auto', 'torch', 'onnx' or 'openvino', got {backend!r}.")
    if backend == "openvino":
        needed("openvino")


def chosen(format: str, precision: str, path: Path) -> None:
    """Refuse what cannot be written, before any work.

    Raises:
        ValueError: If there is no such format or precision, or the file has another suffix.
        ImportError: If what writes the format is not installed.
    """
    if format not in get_args(Format) or precision not in get_args(Precision):
        raise ValueError(
            f"format must be one of {get_args(Format)} and precision one of "
            f"{get_args(Precision)}, got {format!r}, {precision!r}."
        )
    if path.suffix != SUFFIXES[format]:
        raise ValueError(f"a file of format {format} ends in {SUFFIXES[format]}, got {path}.")
    for module in {"onnx": ("onnx", "onnxscript"), "openvino": _NEEDS}.get(format, ()):
        needed(module)
