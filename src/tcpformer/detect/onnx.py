"""ONNX Runtime: sessions, the packaged weights, and what networks of images share."""

from pathlib import Path

import numpy as np
import onnxruntime
from jaxtyping import Float

from ..model_files import read_onnx

WEIGHTS = Path(__file__).parent / "weights"
PROVIDERS = ["CPUExecutionProvider"]  # gives the same numbers on every machine


def open_session(path: Path, threads: int | None = None) -> onnxruntime.InferenceSession:
    """Open an ONNX file; ``threads`` of the processor compute, by default one a core.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it names other files, or a packaged one has changed.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    # workers that wait by spinning gain a tenth on an idle machine and lose half on a busy one
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # errors are raised
    return onnxruntime.InferenceSession(read_onnx(path), options, providers=PROVIDERS)


def open_local(path: Path) -> onnxruntime.InferenceSession:
    """Open an ONNX file of the user.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If ONNX Runtime cannot open it, or its input is no image.
    """
    try:
        session = open_session(Path(path))
    except FileNotFoundError:
        raise
    except Exception as error:  # ONNX Runtime has no common type for files that it cannot read
        raise ValueError(f"{path}: ONNX Runtime cannot open it ({error}).") from error
    try:
        input_size(session, (1, 1))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return session


def input_size(session: onnxruntime.InferenceSession, default: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width of a network's input; ``default`` where it leaves them open."""
    shape = next((each.shape for each in session.get_inputs()), [])
    if len(shape) != 4:
        raise ValueError(f"expected an input of 1 x 3 x height x width, got {shape}.")
    height, width = shape[2:]
    return (height, width) if isinstance(height, int) and isinstance(width, int) else default


def run_on_image(
    session: onnxruntime.InferenceSession, image: Float[np.ndarray, "h w 3"]
) -> list[np.ndarray]:
    """Return all outputs of a network for one image, which becomes 1 x 3 x h x w of float32."""
    planes = np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32)
    return [np.asarray(x) for x in session.run(None, {session.get_inputs()[0].name: planes})]


def drop_unknown(joints: Float[np.ndarray, "*n k 3"]) -> Float[np.ndarray, "*n k 3"]:
    """Give joints with a number that is not finite the score 0."""
    return np.where(np.isfinite(joints).all(axis=-1, keepdims=True), joints, 0.0)


def sigmoid(x: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Compute 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))
