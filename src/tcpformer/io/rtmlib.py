"""rtmlib: an .npz of what its solutions return, stacked over frames.

``keypoints`` (t, n, k, 2) in pixels and ``scores`` (t, n, k); NaN or score 0 where a frame shows
fewer than n people; of one person without axis n; ``fps`` and ``size`` if known.
"""

from pathlib import Path

from ..detections import Detections
from .keypoints import KeypointRecord, RateAndSize, person_keypoints, stored_rate_and_size
from .safe_npz import npz_keys, read_npz

_KEYS = ("keypoints", "scores")


def is_rtmlib(path: Path) -> bool:
    """Return whether an .npz holds keypoints as rtmlib names them."""
    return set(_KEYS) <= set(npz_keys(path))


def read_rtmlib(path: Path, given: RateAndSize) -> Detections:
    """Read stacked results of rtmlib."""
    data = read_npz(path, _KEYS, optional=("fps", "size"))
    xy, scores = data["keypoints"], data["scores"]
    if xy.ndim not in (3, 4) or xy.shape[-1] != 2 or scores.shape != xy.shape[:-1]:
        raise ValueError(
            f"{path}: expected keypoints (t, n, k, 2) and scores (t, n, k), or of one person "
            f"(t, k, 2) and (t, k), got {xy.shape} and {scores.shape}."
        )
    if xy.ndim == 3:
        xy, scores = xy[:, None], scores[:, None]
    frames = [list(map(person_keypoints, *frame)) for frame in zip(xy, scores, strict=True)]
    fps, size = stored_rate_and_size(data)
    return KeypointRecord(frames, fps=fps, size=size).detections(path, given)
