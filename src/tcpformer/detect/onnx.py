"""ONNX Runtime: sessions, the packaged weights, and what networks of images share."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from jaxtyping import Float

from ..files import brief
from ..model_files import read_onnx

log = logging.getLogger(__name__)
WEIGHTS = Path(__file__).parent / "weights"
CPU = "CPUExecutionProvider"
"""Gives the same numbers on every machine, and takes over what another provider lacks."""
PROVIDERS = {
    "auto": ("CUDAExecutionProvider", "DmlExecutionProvider"),
    "cuda": ("CUDAExecutionProvider", "DmlExecutionProvider"),
    "mps": ("CoreMLExecutionProvider",),
}
"""Providers of ONNX Runtime by device, the best first. CoreML is in every package for macOS and
answers a little differently, so only "mps" takes it; the others are there if one installed them."""
WORKERS = max(1, min(4, os.cpu_count() or 1))
"""People that networks look at side by side. Two runs beside each other take less time than one
after the other with two threads each; beyond four the gain is small."""
MAX_SIDE = 4096
"""Pixels along a side of a network's input."""
_threads = 0
_kept: dict[tuple[Path, int, str], "Session"] | None = None
DAMAGED = "the file is damaged, or holds another network"


class Session(onnxruntime.InferenceSession):
    """A network that is open, and the file it is from."""

    def __init__(
        self, path: Path, options: onnxruntime.SessionOptions, device: str = "cpu"
    ) -> None:
        super().__init__(read_onnx(path), options, providers=choose_providers(device))
        self.path = path


def choose_providers(device: str) -> list[str | tuple[str, dict[str, str]]]:
    """Return the providers that run networks on a device, the best first.

    Args:
        device: "auto", "cpu", "cuda", "cuda:N" or "mps". Where ONNX Runtime is installed without a
            provider for it, the processor computes.
    """
    kind, _, number = device.partition(":")
    installed = set(onnxruntime.get_available_providers())
    best = next((name for name in PROVIDERS.get(kind, ()) if name in installed), None)
    if best is None:
        if kind in ("cuda", "mps"):
            log.info("ONNX Runtime has no provider for %s; the 2D networks run on the CPU", device)
        return [CPU]
    return [(best, {"device_id": number}) if number else best, CPU]


def set_session_threads(threads: int) -> None:
    """Set how many threads sessions take that are opened from now on; 0 for one a core."""
    global _threads
    _threads = threads


def keep_sessions() -> None:
    """Keep packaged networks open from now on, in this process, for the next video."""
    global _kept
    _kept = {} if _kept is None else _kept


def open_session(path: Path, threads: int | None = None, device: str = "cpu") -> Session:
    """Open an ONNX file; ``threads`` of the processor compute, by default `set_session_threads`.

    ``device`` is as of `choose_providers`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it names other files, or a packaged one has changed.
    """
    threads = threads or _threads
    if _kept is None or path.parent != WEIGHTS:
        return _open(path, threads, device)
    key = path, threads, device
    if key not in _kept:
        _kept[key] = _open(path, threads, device)
    return _kept[key]


def _open(path: Path, threads: int, device: str) -> Session:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # workers that wait by spinning gain a tenth on an idle machine and lose half on a busy one
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # errors are raised
    return Session(path, options, device)


def open_local(path: Path) -> Session:
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
        raise ValueError(f"{path}: ONNX Runtime cannot open it ({brief(error)}).") from error
    input_size(session, (1, 1))
    return session


def input_size(session: Session, default: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width of a network's input; ``default`` where it leaves them open.

    Raises:
        ValueError: If its first input is no image, or larger than `MAX_SIDE`.
    """
    shape = next((each.shape for each in session.get_inputs()), [])
    sizes = [size for size in shape[2:] if isinstance(size, int)]
    if len(shape) != 4 or not all(0 < size <= MAX_SIDE for size in sizes):
        raise ValueError(
            f"{session.path}: expected an input of 1 x 3 x height x width, of at most {MAX_SIDE} "
            f"pixels a side, got {brief(shape)}."
        )
    return (sizes[0], sizes[1]) if len(sizes) == 2 else default


def run_on_image(session: Session, image: Float[np.ndarray, "h w 3"]) -> list[np.ndarray]:
    """Return all outputs of a network for one image, which becomes 1 x 3 x h x w of float32.

    Raises:
        ValueError: If the network cannot be run.
    """
    planes = np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32)
    try:
        return [np.asarray(x) for x in session.run(None, {session.get_inputs()[0].name: planes})]
    except Exception as error:  # ONNX Runtime has no common type for what fails
        raise ValueError(f"{session.path}: cannot be run ({brief(error)}); {DAMAGED}.") from error


def check_answers(session: Session, answers: Sequence[np.ndarray], *shapes: str) -> None:
    """Check that a network answers with numbers of the shapes that are expected.

    Args:
        session: Where the answers come from.
        answers: At least one for each shape.
        shapes: Sizes: a number, or a letter for any size, the same wherever it stands; "n" may be
            0.

    Raises:
        ValueError: If they are of other shapes, or no numbers.
    """
    sizes: dict[str, int] = {}
    found = [(answer.dtype, answer.shape) for answer in answers]
    if len(found) < len(shapes) or not all(
        dtype.kind in "fiu" and _fits(shape, expected.split(), sizes)
        for (dtype, shape), expected in zip(found, shapes, strict=False)
    ):
        raise ValueError(
            f"{session.path}: expected answers of shapes {' and '.join(shapes)}, got "
            f"{brief([f'{dtype} {shape}' for dtype, shape in found])}; {DAMAGED}."
        )


def _fits(shape: tuple[int, ...], expected: list[str], sizes: dict[str, int]) -> bool:
    """Return whether a shape is the expected one; ``sizes`` collects those of the letters."""
    return len(shape) == len(expected) and all(
        (size > 0 or word == "n")
        and size == (int(word) if word.isdigit() else sizes.setdefault(word, size))
        for size, word in zip(shape, expected, strict=True)
    )


def drop_unknown(joints: Float[np.ndarray, "*n k 3"]) -> Float[np.ndarray, "*n k 3"]:
    """Give joints with a number that is not finite the score 0."""
    return np.where(np.isfinite(joints).all(axis=-1, keepdims=True), joints, 0.0)


def sigmoid(x: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Compute 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))
