"""BlazePose on ONNX Runtime: a network that finds people, and one that reads a person's joints.

Both come from Google's MediaPipe (Apache-2.0); ``tools/convert_blazepose.py`` makes the files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float, Int

from ..io.planes import Planes
from ..skeleton import BLAZEPOSE
from ..tracking.tracker import Detection
from .boxes import merge
from .onnx import WEIGHTS, open_session, sigmoid
from .regions import Image, Points, Region, Tile, crop, letterboxes, region_around, to_image

LANDMARKS = ("heavy", "full")
DETECTOR_SIDE, LANDMARK_SIDE = 224, 256  # pixels of the inputs
GRIDS = ((28, 2), (14, 2), (7, 6))  # cells along a side, anchors in each cell
OVERLAP = 0.3  # intersection over union above which two candidates are one person
MIN_SCORE = 0.5  # candidates and poses with a lower score are no person


class PersonDetector:
    """Finds people roughly; best at people a fifth to all of a tile high."""

    def __init__(self, threads: int | None = None, device: str = "cpu") -> None:
        self.session = open_session(WEIGHTS / "blazepose_detector.onnx", threads, device)

    def __call__(
        self, image: Image, tiles: Sequence[Tile], frame: int = 0, time: float = 0.0
    ) -> list[Detection]:
        """Return the people in each tile; a person in several tiles is found in each."""
        small = np.stack(letterboxes(image, tiles, DETECTOR_SIDE))
        boxes, logits = self.session.run(["boxes", "logits"], {"image": small})
        found: list[Detection] = []
        for tile, raw, logit in zip(tiles, np.asarray(boxes), np.asarray(logits), strict=True):
            scores = sigmoid(logit).astype(np.float64)
            sure = np.flatnonzero(scores >= MIN_SCORE)
            points = decode(raw[sure], anchors()[sure]) * tile.side + [tile.left, tile.top]
            merged, best = merge(points.reshape(-1, 12), scores[sure], OVERLAP)
            for (x, y, up_x, up_y), score in zip(
                merged[:, 4:8].tolist(), best.tolist(), strict=True
            ):
                found.append(Detection(frame, time, (x, y), (up_x, up_y), score))
        return found


@cache
def anchors() -> Float[np.ndarray, "2254 2"]:
    """Return the centers of the cells that the detector's outputs refer to, 0 to 1."""
    grids = []
    for cells, each in GRIDS:
        middle = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(middle, middle), axis=-1)  # x, y
        grids.append(np.repeat(grid.reshape(-1, 2), each, axis=0))
    return np.concatenate(grids)


def decode(
    raw: Float[np.ndarray, "n 12"], anchor: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, "n 6 2"]:
    """Decode raw outputs to shares of the tile: two corners of a box, then four points.

    The box is around head and chest; the first points are center and scale point of `Detection`.
    """
    raw = raw.astype(np.float64) / DETECTOR_SIDE
    middle, half = raw[:, :2] + anchor, raw[:, 2:4] / 2
    points = raw[:, 4:].reshape(-1, 4, 2) + anchor[:, None]
    return np.concatenate([(middle - half)[:, None], (middle + half)[:, None], points], axis=1)


@dataclass(frozen=True)
class Pose:
    """One person's joints in one image, in pixels; center and scale point as of `Detection`."""

    xy: Float[np.ndarray, "33 2"]
    """Of skeleton BLAZEPOSE."""
    visibility: Float[np.ndarray, " 33"]
    """Probability that each joint is in the image and not hidden, 0 to 1."""
    score: float
    """Probability that a person is there at all, 0 to 1."""
    center: tuple[float, float]
    scale_point: tuple[float, float]

    def detection(self, frame: int = 0, time: float = 0.0, prior: float = 1.0) -> Detection:
        """Return the pose as a detection whose score is multiplied by ``prior``."""
        joints = np.column_stack([self.xy, self.visibility])
        return Detection(frame, time, self.center, self.scale_point, self.score * prior, joints)


class LandmarkNetwork:
    """Reads the joints of one person: "heavy" (accurate) or "full" (four times as fast)."""

    def __init__(
        self, name: str = "heavy", threads: int | None = None, device: str = "cpu"
    ) -> None:
        if name not in LANDMARKS:
            raise ValueError(f"landmarks must be one of {LANDMARKS}, got {name!r}.")
        self.session = open_session(WEIGHTS / f"blazepose_{name}.onnx", threads, device)

    def __call__(self, image: Image | Planes, region: Region) -> Pose:
        cut = crop(image, region, LANDMARK_SIDE)
        outputs = self.session.run(["landmarks", "score", "heatmap"], {"image": cut[None]})
        landmarks, score, heatmap = (np.asarray(output)[0] for output in outputs)
        xy = to_image(refine(landmarks[:, :2].astype(np.float64), heatmap), region, LANDMARK_SIDE)
        count = len(BLAZEPOSE.joints)
        visibility = sigmoid(landmarks[:count, 3]).astype(np.float64)
        (x, y), (up_x, up_y) = xy[count : count + 2].tolist()  # two points follow the joints
        return Pose(xy[:count], visibility, float(score[0]), (x, y), (up_x, up_y))


def refine(xy: Points, heatmap: Float[np.ndarray, "k h w"], reach: int = 3) -> Points:
    """Move each point to the center of mass of its heatmap nearby, if the peak there is sure.

    Points are in pixels of the cut-out, heatmaps before the sigmoid; ``reach`` is in cells.
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
    """Return the sigmoid of some cells; 0 outside the map."""
    cells, rows, columns = heatmap.shape[1], rows[:, :, None], columns[:, None, :]
    inside = (rows >= 0) & (rows < cells) & (columns >= 0) & (columns < cells)
    rows, columns = np.clip(rows, 0, cells - 1), np.clip(columns, 0, cells - 1)
    each = np.arange(len(heatmap))[:, None, None]
    return np.where(inside, sigmoid(heatmap[each, rows, columns]), 0.0)


def refine_twice(network: LandmarkNetwork, image: Image | Planes, start: Detection) -> Pose:
    """Read the joints at a rough place, then again in the region that the first pose gives."""
    first = network(image, region_around(start))
    if first.score < MIN_SCORE:
        return first
    return network(image, region_around(first.detection(start.frame, start.time)))
