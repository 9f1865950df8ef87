"""MoveNet MultiPose on ONNX Runtime: up to six people in an image, each with COCO joints.

Google's network (Apache-2.0); ``tools/convert_movenet.py`` makes the file. The network gives maps a
quarter as large as the image; `decode` does what follows them in the original's graph.
Axes: ``n`` people, ``k`` joints.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from ..skeleton import COCO
from ..tracking.tracker import Detection, detection_from_keypoints
from .boxes import Boxes
from .onnx import WEIGHTS, open_session, sigmoid
from .regions import Image

Cells = Int[np.ndarray, " n"]
OUTPUTS = ("centre", "size", "middle", "joints", "guess", "offset")
LONGER_SIDE = 768  # pixels; at 512, people a sixth as tall as the image are lost
CELL = 4  # pixels of a cell
MAX_PEOPLE = 6
STRIDE = 32  # sides of inputs are multiples of this
MIN_JOINT_SCORE = 0.126953125  # joints with a higher score count for the person's; of the original
SPREAD = 0.300048828125  # of joints about the guess: variance over shorter side; of the original
PEAK_TOLERANCE = 1.013279e-06  # of a peak, to the maximum around it; of the original
MIN_SCORE = 0.2  # persons with a lower score are not reported
SURE_SCORE = 0.35  # people that nothing hides have at least this score


@dataclass(frozen=True)
class Person:
    """A person in an image, roughly."""

    joints: Float[np.ndarray, "17 3"]
    """Of skeleton COCO: x, y in pixels of the image, score 0 to 1."""
    box: Float[np.ndarray, "4"]
    """Left, top, right, bottom, in pixels."""
    score: float
    """0 to 1; at least `SURE_SCORE` for a person that nothing hides."""

    def detection(self, frame: int, time: float) -> Detection | None:
        """Return the place of the body; None if its trunk is not seen."""
        place = detection_from_keypoints(self.joints, COCO, frame, time)
        return place and replace(place, score=min(1.0, self.score / SURE_SCORE), joints=None)


class MoveNet:
    """Finds up to six people in an image, whose longer side is resized to ``longer`` pixels."""

    def __init__(
        self, threads: int | None = None, longer: int = LONGER_SIDE, device: str = "cpu"
    ) -> None:
        self.session = open_session(WEIGHTS / "movenet_multipose.onnx", threads, device)
        self.longer = longer

    def __call__(self, image: Image) -> list[Person]:
        """Return the people in an image, surest first."""
        small, scale = fit(image, self.longer)
        maps = self.session.run(list(OUTPUTS), {"image": small[None]})
        joints, boxes, scores = decode(*(np.asarray(m)[0] for m in maps))
        joints = joints / [scale, scale, 1.0]
        order = [int(i) for i in np.argsort(-scores) if scores[i] >= MIN_SCORE]
        return [Person(joints[i], boxes[i] / scale, float(scores[i])) for i in order]

    def boxes(self, image: Image) -> Boxes:
        """Return the boxes of the people in an image, surest first."""
        rows = [[*person.box, person.score] for person in self(image)]
        return np.array(rows, dtype=np.float64).reshape(-1, 5)


def fit(image: Image, longer: int) -> tuple[UInt8[np.ndarray, "high wide 3"], float]:
    """Resize the longer side and pad both to multiples of 32; return the scale as well."""
    height, width = image.shape[:2]
    scale = longer / max(height, width)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    result = np.zeros((-(-high // STRIDE) * STRIDE, -(-wide // STRIDE) * STRIDE, 3), np.uint8)
    result[:high, :wide] = cv2.resize(image, (wide, high), interpolation=method)
    return result, scale


def decode(
    centre: Float[np.ndarray, "1 h w"],
    size: Float[np.ndarray, "2 h w"],
    middle: Float[np.ndarray, "2 h w"],
    joints: Float[np.ndarray, "k h w"],
    guess: Float[np.ndarray, "2*k h w"],
    offset: Float[np.ndarray, "2*k h w"],
) -> tuple[Float[np.ndarray, "n k 3"], Float[np.ndarray, "n 4"], Float[np.ndarray, " n"]]:
    """Decode six people from the network's maps, as in CenterNet (Zhou et al., 2019).

    Each joint is the cell with the highest heat times a Gaussian about the person's guess; its
    score falls with the distance to the nearest guess of any person.

    Args:
        centre: Heat of the centers of people, before the sigmoid.
        size: Height and width of the person around a center, in cells.
        middle: Offset (y, x) of a center from its cell.
        joints: Heat of the joints of all people, before the sigmoid.
        guess: Offset of a person's joints from the center: y, x of each joint.
        offset: Offset of a joint from its cell: y, x of each joint.

    Returns:
        Joints as x, y in pixels of the input and score; left, top, right, bottom; and scores.
    """
    rows, columns, scores = peaks(sigmoid(centre[0]))
    low, high = _box_corners(size, middle, rows, columns)
    k, spread = len(joints), SPREAD * min(centre.shape[1:])
    near = guess[:, rows, columns].reshape(k, 2, -1) + np.stack([rows, columns])  # k 2 n
    heat = sigmoid(joints)
    boxes = zip(low.T, high.T, strict=True)
    best = [_best_cells(heat, near[..., i], box, spread) for i, box in enumerate(boxes)]
    cells, each = np.stack(best), np.arange(k)  # n k 2
    y, x = cells[..., 0], cells[..., 1]
    value = heat[each, y, x] * _belonging(cells, near, low, high, spread)
    at = (cells + offset.reshape(k, 2, *centre.shape[1:])[each, :, y, x])[..., ::-1] * CELL
    counted = value > MIN_JOINT_SCORE
    mean = (value * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    boxes = np.concatenate([low[::-1], high[::-1]]).T * CELL
    result = np.concatenate([at, value[..., None]], axis=-1)
    return result.astype(np.float64), boxes.astype(np.float64), (scores * mean).astype(np.float64)


def _box_corners(
    size: Float[np.ndarray, "2 h w"],
    middle: Float[np.ndarray, "2 h w"],
    rows: Cells,
    columns: Cells,
) -> tuple[Float[np.ndarray, "2 n"], Float[np.ndarray, "2 n"]]:
    """Return the corners (y, x) of the boxes of people, in cells, within the image."""
    half = np.maximum(size[:, rows, columns], 0) / 2
    place = middle[:, rows, columns] + [rows, columns]
    limit = np.array(size.shape[1:])[:, None]
    return np.clip(place - half, 0, limit), np.clip(place + half, 0, limit)


def _belonging(
    cells: Int[np.ndarray, "n k 2"],
    near: Float[np.ndarray, "k 2 n"],
    low: Float[np.ndarray, "2 n"],
    high: Float[np.ndarray, "2 n"],
    spread: float,
) -> Float[np.ndarray, "n k"]:
    """Return how near each joint is to the nearest guess of a person in whose box it is, 0 to 1."""
    at = cells[..., None]
    apart = ((near[None] - at) ** 2).sum(axis=2)
    inside = ((low <= at) & (at < high)).all(axis=2)
    return (np.exp(-apart / spread) * inside).max(axis=-1)


def peaks(score: Float[np.ndarray, "h w"]) -> tuple[Cells, Cells, Float[np.ndarray, " n"]]:
    """Return rows, columns and scores of the highest local maxima (of five by five cells)."""
    around = cv2.dilate(score, np.ones((5, 5), np.uint8))
    top = np.where(abs(score - around) < PEAK_TOLERANCE, score, 0).ravel()
    order = np.argsort(-top, kind="stable")[:MAX_PEOPLE]
    return order // score.shape[1], order % score.shape[1], top[order]


def _best_cells(
    heat: Float[np.ndarray, "k h w"],
    near: Float[np.ndarray, "k 2"],
    box: tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]],
    spread: float,
) -> Int[np.ndarray, "k 2"]:
    """Return the cell (row, column) in a box with the highest weighted heat, for each joint."""
    (top, left), (bottom, right) = (np.ceil(corner).astype(int) for corner in box)
    if bottom <= top or right <= left:
        return np.zeros((len(heat), 2), int)
    part = heat[:, top:bottom, left:right]
    y = np.exp(-((np.arange(top, bottom) - near[:, :1]) ** 2) / spread)
    x = np.exp(-((np.arange(left, right) - near[:, 1:]) ** 2) / spread)
    best = (part * y[:, :, None] * x[:, None]).reshape(len(heat), -1).argmax(axis=1)
    return np.stack([top + best // part.shape[2], left + best % part.shape[2]], axis=-1)
