"""How networks are run: ONNX Runtime on the processor."""

from pathlib import Path

import numpy as np
import onnxruntime
from jaxtyping import Float

WEIGHTS = Path(__file__).parent / "weights"


def open_session(path: Path, threads: int | None) -> onnxruntime.InferenceSession:
    """Open an ONNX file.

    Args:
        path: The file.
        threads: Of the processor; all cores by default.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0  # 0: one a core
    # workers that wait by spinning gain a tenth on an idle machine and lose half on a busy one
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def sigmoid(x: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))
