"""Packaged networks in ONNX Runtime: lifting needs no PyTorch.

A graph lies beside the weights and refers to their numbers, so both are checked before either is
used; `tools/make_graphs.py` writes it.

Axes: b clip, t frame, j joint, i input, d x, y, z and their log sigma.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ..model_files import read_model
from ..weights import PACKAGED, WEIGHTS_FILE, Weights, packaged_names, read_spec

GRAPH_FILE, GRAPH_KEY = "graph.onnx", "tcpformer"
MOST_WORKERS = 16
"""Batches side by side unless a number is given: each takes up to 20 MB."""
_threads = 0


def set_graph_threads(threads: int) -> None:
    """Set how many batches networks that are opened from now on answer for side by side.

    0 stands for the environment's number.
    """
    global _threads
    _threads = threads


@dataclass(frozen=True)
class GraphConfig:
    """The clips that a network takes."""

    frames: int
    joints: int
    inputs: int


@dataclass(frozen=True)
class Uncertainty:
    """What calibration measured; see `models.uncertainty_head.UncertaintyHead`."""

    region_scale: float
    prior_std: Float[np.ndarray, " j"]
    time_constant: float


class Graph:
    """A packaged network that ONNX Runtime computes on the CPU, with its uncertainty if any.

    ``workers`` batches of clips may be computed side by side, by one thread each: several threads
    for one batch take a quarter more of the processor, as the products are small.
    """

    clips_at_once = 2
    """Sixteen take as long a clip, and 40 MB more with `fast`, 160 with `default`."""

    def __init__(
        self, session: Any, config: GraphConfig, uncertainty: Uncertainty | None, workers: int = 1
    ) -> None:
        self.config, self.uncertainty, self.workers = config, uncertainty, workers
        self._session = session

    def answer(self, clips: Float[np.ndarray, "b t j i"]) -> Float[np.ndarray, "b t j d"]:
        """Lift clips: the pose, and log sigma if there is an uncertainty."""
        return self._session.run(None, {"xyc": np.ascontiguousarray(clips, np.float32)})[0]


def has_graph(source: object) -> bool:
    """Return whether weights are packaged with a graph."""
    name = str(source)
    return name in packaged_names() and (PACKAGED / name / GRAPH_FILE).is_file()


def open_graph(name: str) -> Weights:
    """Open packaged weights in ONNX Runtime.

    Raises:
        ValueError: If a file is not the one that this version was released with.
    """
    import onnxruntime

    folder = PACKAGED / name
    for file in (GRAPH_FILE, WEIGHTS_FILE):
        read_model(folder / file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised
    session: Any = onnxruntime.InferenceSession(
        str(folder / GRAPH_FILE), options, providers=["CPUExecutionProvider"]
    )
    known = json.loads(session.get_modelmeta().custom_metadata_map[GRAPH_KEY])
    measured = known["uncertainty"]
    uncertainty = None
    if measured is not None:
        uncertainty = Uncertainty(
            measured["region_scale"], np.array(measured["prior_std"]), measured["time_constant"]
        )
    config = GraphConfig(known["frames"], known["joints"], known["inputs"])
    graph = Graph(session, config, uncertainty, _threads or _environment_threads())
    return Weights(graph, read_spec(known["spec"]), known["name"])


def _environment_threads() -> int:
    """Return the threads that OMP_NUM_THREADS sets, as for PyTorch; else one a processor."""
    text = os.environ.get("OMP_NUM_THREADS", "")
    return (int(text) if text.isdecimal() else 0) or min(os.cpu_count() or 1, MOST_WORKERS)


def may_have_gpu() -> bool:
    """Return whether PyTorch, if it is installed, might find a GPU; looks without importing it."""
    if os.name != "posix" or not Path("/proc").is_dir():
        return True
    return any(Path(device).exists() for device in ("/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd"))
