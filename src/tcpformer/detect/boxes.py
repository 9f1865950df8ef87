"""Axis-aligned boxes (left, top, right, bottom, ...): overlap and non-maximum suppression."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float

Boxes = Float[np.ndarray, "n 5"]
"""Left, top, right, bottom, in pixels, and score."""


def suppress(boxes: Boxes, overlap: float) -> list[int]:
    """Return the indices that non-maximum suppression keeps, in order of falling score.

    Scores must be positive; ``overlap`` is the least intersection over union of doubles.
    """
    sides = np.column_stack([boxes[:, :2], boxes[:, 2:4] - boxes[:, :2]])
    kept: Sequence[int] = cv2.dnn.NMSBoxes(sides.tolist(), boxes[:, 4].tolist(), 0.0, overlap)
    return [int(i) for i in kept]


def merge(
    rows: Float[np.ndarray, "n k"], scores: Float[np.ndarray, " n"], overlap: float
) -> tuple[Float[np.ndarray, "m k"], Float[np.ndarray, " m"]]:
    """Replace each group of overlapping boxes by its average, weighted by score.

    A group is the surest box that is left and all whose intersection over union with it exceeds
    ``overlap``: the non-maximum suppression of BlazeFace (Bazarevsky et al., 2019). The first four
    columns of ``rows`` are left, top, right, bottom.

    Returns:
        The averages, surest first, and the best score in each group.
    """
    order = np.argsort(-scores, kind="stable")
    merged, best = [], []
    while len(order):
        together = intersection_over_union(rows[order], rows[order[0]]) > overlap
        together[0] = True
        group = order[together]
        merged.append(np.average(rows[group], axis=0, weights=scores[group]))
        best.append(scores[group[0]])
        order = order[~together]
    return np.array(merged).reshape(-1, rows.shape[1]), np.array(best, dtype=np.float64)


def intersection_over_union(
    boxes: Float[np.ndarray, "n k"], box: Float[np.ndarray, " k"]
) -> Float[np.ndarray, " n"]:
    """Return the intersection over union of each of some boxes with one."""
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:4], box[2:4])
    inside = np.clip(high - low, 0, None).prod(axis=1)
    areas = (boxes[:, 2:4] - boxes[:, :2]).prod(axis=1)
    return inside / (areas + (box[2:4] - box[:2]).prod() - inside + 1e-12)
