"""ONNX Runtime: sessions, the packaged weights, and what networks of images share."""

from pathlib import Path

import numpy as np
import onnxruntime
from jaxtyping import Float

WEIGHTS = Path(__file__).parent / "weights"
SHA256 = {
    "blazepose_detector": "c3582284c511206765ca5f8c5a9475758def8f64703c176a13ba4e5ff75dfed2",
    "blazepose_full": "136dad14f7b5986d1f76ea32e6133543c9116213922bbf477cb41dce1720c130",
    "blazepose_heavy": "a689211390d805e3541d70030d11ae3f8c8f0a90f333227ca0fcd0515c588e12",
    "movenet_multipose": "fa6ead05c74d3a17d795d4aa250aa8892c7d2fd4e0868239127d5cb45a258e62",
}
"""Fingerprints of the packaged files."""
PROVIDERS = ["CPUExecutionProvider"]  # gives the same numbers on every machine


def open_session(path: Path, threads: int | None = None) -> onnxruntime.InferenceSession:
    """Open an ONNX file; ``threads`` of the processor compute, by default one a core."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    # workers that wait by spinning gain a tenth on an idle machine and lose half on a busy one
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=PROVIDERS)


def open_local(path: Path) -> onnxruntime.InferenceSession:
    """Open an ONNX file of the user.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If ONNX Runtime cannot open it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        return open_session(Path(path))
    except Exception as error:  # ONNX Runtime has no common type for files that it cannot read
        raise ValueError(f"{path}: ONNX Runtime cannot open it ({error}).") from error


def input_size(session: onnxruntime.InferenceSession, default: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width of a network's input; ``default`` where it leaves them open."""
    shape = session.get_inputs()[0].shape
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


def sigmoid(x: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Compute 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))
