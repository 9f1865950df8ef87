"""NumPy: an .npy of x, y and confidence, (t, n, k, 3) or (t, k, 3) of one person."""

import tokenize
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..detections import Detections
from ..files import brief
from .keypoints import KeypointRecord, RateAndSize, person_keypoints

_DAMAGED = (
    OSError, EOFError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError,
    OverflowError, tokenize.TokenError,
)  # fmt: skip
"""What numpy raises for a file that is no array, is truncated, or whose header is forged."""


def read_npy(path: Path, given: RateAndSize) -> Detections:
    """Read an array, which holds no rate or size; people without confidence are not there."""
    array = _load(path)
    if array.ndim not in (3, 4) or array.shape[-1] != 3:
        raise ValueError(
            f"{path}: expected an array (t, n, k, 3), or (t, k, 3) of one person, with x, y and "
            f"confidence last, got {array.shape}. Joints without confidence: append a column of 1, "
            "and 0 where a joint is missing."
        )
    array = array[:, None] if array.ndim == 3 else array
    if np.nanmin(array[..., 2], initial=0) < 0 or np.nanmax(array[..., 2], initial=0) > 1:
        raise ValueError(
            f"{path}: expected confidences from 0 to 1 after x and y, got up to "
            f"{np.nanmax(array[..., 2]):.4g}; the depth of 3D points is not read."
        )
    frames = [[person_keypoints(one[:, :2], one[:, 2]) for one in frame] for frame in array]
    return KeypointRecord(frames).detections(path, given)


def _load(path: Path) -> Float[np.ndarray, "..."]:
    try:
        # Mapped, a file shorter than its header declares is refused before memory is taken.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except _DAMAGED as error:
        raise ValueError(
            f"{path}: not a whole array of numbers; Python objects, as arrays of a varying number "
            "of people are, could run code and are not read: save one shape, (t, n, k, 3), with "
            f"confidence 0 where a frame shows fewer people ({brief(error)})."
        ) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        raise ValueError(f"{path}: expected an array of real numbers.")
    return np.asarray(array, dtype=np.float64)
