"""BlazePose on ONNX Runtime: a network that finds people, and one that reads a person's joints.

Both come from Google's MediaPipe (Apache-2.0); ``tools/convert_blazepose.py`` makes the files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float, Int, UInt8

from ..skeleton import BLAZEPOSE
from ..tracking.tracker import Detection
from .onnx import WEIGHTS, open_session, sigmoid
from .regions import Region, Tile, around, crop, letterboxes, to_image

LANDMARKS = ("heavy", "full")
DETECTOR_SIDE, LANDMARK_SIDE = 224, 256
GRIDS = ((28, 2), (14, 2), (7, 6))  # cells along a side, anchors in each cell
OVERLAP = 0.3  # candidates that share more than this describe one person
FLOOR = 0.5  # scores below: nobody


@dataclass(frozen=True)
class Candidate:
    """A place in a picture where someone may be.

    Attributes:
        box: Left, top, right, bottom of a square around the head and chest, in pixels.
        centre: Middle of the hips, in pixels.
        tip: Point above the head, on the circle around the whole body.
        score: 0 to 1.
    """

    box: tuple[float, float, float, float]
    centre: tuple[float, float]
    tip: tuple[float, float]
    score: float


class PersonDetector:
    """Finds everybody in a picture, roughly; best at people a fifth to all of a tile high.

    Args:
        threads: Of the processor; all cores by default.
        floor: Candidates with a lower score are not reported.
    """

    def __init__(self, threads: int | None = None, floor: float = FLOOR) -> None:
        self.session = open_session(WEIGHTS / "blazepose_detector.onnx", threads)
        self.floor = floor

    def __call__(self, image: UInt8[np.ndarray, "h w 3"], tiles: Sequence[Tile]) -> list[Candidate]:
        """Look at some squares of a picture; whoever is in several is found in each."""
        small = np.stack(letterboxes(image, tiles, DETECTOR_SIDE))
        boxes, logits = self.session.run(["boxes", "logits"], {"image": small})
        found: list[Candidate] = []
        for tile, raw, logit in zip(tiles, np.asarray(boxes), np.asarray(logits), strict=True):
            scores = sigmoid(logit).astype(np.float64)
            sure = np.flatnonzero(scores >= self.floor)
            points = decode(raw[sure], anchors()[sure]) * tile.side + [tile.left, tile.top]
            merged, kept = merge(points.reshape(-1, 12), scores[sure])
            found += map(_candidate, merged.reshape(-1, 6, 2).tolist(), kept.tolist())
        return found


def _candidate(points: list[list[float]], score: float) -> Candidate:
    (left, top), (right, bottom), (x, y), (tip_x, tip_y), *_ = points
    return Candidate((left, top, right, bottom), (x, y), (tip_x, tip_y), score)


@cache
def anchors() -> Float[np.ndarray, "2254 2"]:
    """The middles of the cells that the detector's outputs refer to, 0 to 1."""
    grids = []
    for cells, each in GRIDS:
        middle = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(middle, middle, indexing="ij")
        grids.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), each, axis=0))
    return np.concatenate(grids)


def decode(
    raw: Float[np.ndarray, "n 12"], anchor: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, "n 6 2"]:
    """Raw outputs -> two corners of the box, then four points; all as shares of the tile."""
    raw = raw.astype(np.float64) / DETECTOR_SIDE
    middle, half = raw[:, :2] + anchor, raw[:, 2:4] / 2
    points = raw[:, 4:].reshape(-1, 4, 2) + anchor[:, None]
    return np.concatenate([(middle - half)[:, None], (middle + half)[:, None], points], axis=1)


def merge(
    rows: Float[np.ndarray, "n k"], scores: Float[np.ndarray, " n"], overlap: float = OVERLAP
) -> tuple[Float[np.ndarray, "m k"], Float[np.ndarray, " m"]]:
    """Average what overlaps the surest box, weighted by score; then the next surest; and so on.

    Args:
        rows: Anything whose first four columns are left, top, right, bottom.
        scores: Of each row.
        overlap: Intersection over union from which two rows are one.

    Returns:
        The averages, surest first, and the best score in each.
    """
    order = np.argsort(-scores, kind="stable")
    merged, kept = [], []
    while len(order):
        together = shared(rows[order], rows[order[0]]) > overlap
        together[0] = True
        group = order[together]
        merged.append(np.average(rows[group], axis=0, weights=scores[group]))
        kept.append(scores[group[0]])
        order = order[~together]
    return np.array(merged).reshape(-1, rows.shape[1]), np.array(kept, dtype=np.float64)


def shared(
    boxes: Float[np.ndarray, "n k"], box: Float[np.ndarray, " k"]
) -> Float[np.ndarray, " n"]:
    """Intersection over union of each box with one."""
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:4], box[2:4])
    inside = np.clip(high - low, 0, None).prod(axis=1)
    areas = (boxes[:, 2:4] - boxes[:, :2]).prod(axis=1)
    return inside / (areas + (box[2:4] - box[:2]).prod() - inside + 1e-12)


@dataclass(frozen=True)
class Pose:
    """One person's joints in one picture.

    Attributes:
        xy: Joints of skeleton BLAZEPOSE, in pixels of the image.
        visible: How likely each joint is seen: in the picture and not hidden, 0 to 1.
        score: How likely someone is there at all, 0 to 1.
        centre: Middle of the hips, in pixels.
        tip: Point above the head, on the circle around the whole body.
    """

    xy: Float[np.ndarray, "33 2"]
    visible: Float[np.ndarray, " 33"]
    score: float
    centre: tuple[float, float]
    tip: tuple[float, float]

    def sighting(self, frame: int, time: float, trust: float = 1.0) -> Detection:
        joints = np.column_stack([self.xy, self.visible])
        return Detection(frame, time, self.centre, self.tip, self.score * trust, joints)


class LandmarkNetwork:
    """Reads the joints of one person in a region.

    Args:
        name: "heavy" (accurate) or "full" (four times as fast).
        threads: Of the processor; all cores by default.
    """

    def __init__(self, name: str = "heavy", threads: int | None = None) -> None:
        if name not in LANDMARKS:
            raise ValueError(f"landmarks must be one of {LANDMARKS}, got {name!r}.")
        self.session = open_session(WEIGHTS / f"blazepose_{name}.onnx", threads)

    def __call__(self, image: UInt8[np.ndarray, "h w 3"], region: Region) -> Pose:
        cut = crop(image, region, LANDMARK_SIDE)
        outputs = self.session.run(["landmarks", "score", "heatmap"], {"image": cut[None]})
        landmarks, score, heatmap = (np.asarray(output)[0] for output in outputs)
        xy = to_image(refine(landmarks[:, :2].astype(np.float64), heatmap), region, LANDMARK_SIDE)
        count = len(BLAZEPOSE.joints)
        centre, tip = xy[count], xy[count + 1]  # two points after the joints say where the body is
        return Pose(
            xy=xy[:count],
            visible=sigmoid(landmarks[:count, 3]).astype(np.float64),
            score=float(score[0]),
            centre=(float(centre[0]), float(centre[1])),
            tip=(float(tip[0]), float(tip[1])),
        )


def refine(
    xy: Float[np.ndarray, "k 2"], heatmap: Float[np.ndarray, "k h w"], reach: int = 3
) -> Float[np.ndarray, "k 2"]:
    """Move each point to the centre of mass of its heatmap nearby, where that is sure.

    Args:
        xy: Points in pixels of the cut-out.
        heatmap: One map a point, before the sigmoid.
        reach: Cells to look at on each side of the point.
    """
    cells = heatmap.shape[1]
    per_cell = LANDMARK_SIDE / cells
    offsets = np.arange(-reach, reach + 1)
    place = np.floor(xy / per_cell).astype(int)
    columns, rows = place[:, 0, None] + offsets, place[:, 1, None] + offsets
    mass = _window(heatmap, rows, columns)
    total = mass.sum(axis=(1, 2))
    sure = (mass.max(axis=(1, 2)) >= 0.5) & ((place >= 0) & (place < cells)).all(axis=1)
    safe = np.where(sure, total, 1.0)
    x = (mass.sum(axis=1) * columns).sum(axis=1) / safe
    y = (mass.sum(axis=2) * rows).sum(axis=1) / safe
    return np.where(sure[:, None], np.column_stack([x, y]) * per_cell, xy)


def _window(
    heatmap: Float[np.ndarray, "k h w"],
    rows: Int[np.ndarray, "k n"],
    columns: Int[np.ndarray, "k n"],
) -> Float[np.ndarray, "k n n"]:
    """Sigmoid of the cells asked for; 0 outside the map."""
    cells = heatmap.shape[1]
    inside = ((rows >= 0) & (rows < cells))[:, :, None]
    inside = inside & ((columns >= 0) & (columns < cells))[:, None, :]
    rows, columns = np.clip(rows, 0, cells - 1), np.clip(columns, 0, cells - 1)
    each = np.arange(len(heatmap))[:, None, None]
    return np.where(inside, sigmoid(heatmap[each, rows[:, :, None], columns[:, None, :]]), 0.0)


def refine_twice(
    network: LandmarkNetwork, image: UInt8[np.ndarray, "h w 3"], start: Detection
) -> Pose:
    """Look twice: a first look at a rough place tells the region for the second."""
    first = network(image, around(start))
    if first.score < FLOOR:
        return first
    return network(image, around(first.sighting(start.frame, start.time)))
