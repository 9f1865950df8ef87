"""MoveNet MultiPose on ONNX Runtime: up to six people in a picture, each with COCO joints.

Google's network (Apache-2.0); ``tools/convert_movenet.py`` makes the file. The network gives maps a
quarter as large as the picture; what is done with them is written here, after the original's graph.
Axis legend: ``c`` cells (h w), ``n`` people, ``k`` joints.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from ..skeleton import COCO
from ..tracking.tracker import Detection, detection_from_keypoints
from .onnx import WEIGHTS, open_session, sigmoid

OUTPUTS = ("centre", "size", "middle", "joints", "guess", "offset")
LONGER = 768  # pixels of the longer side; at 512 people a sixth as tall as the picture are lost
CELL = 4  # pixels of a cell
MOST = 6  # people
STRIDE = 32  # sides of pictures are multiples of this
SEEN = 0.126953125  # joints with a higher score count for the person's
SPREAD = 0.300048828125  # how far from the guessed place a joint may be: variance over shorter side
FLOOR = 0.2  # persons with a lower score are not reported
PLAIN = 0.35  # people who stand free have at least this score


@dataclass(frozen=True)
class Person:
    """Somebody in a picture, roughly.

    Attributes:
        joints: Of skeleton COCO: x, y in pixels of the picture, score 0 to 1.
        box: Left, top, right, bottom, in pixels.
        score: 0 to 1; above a third for whoever stands free.
    """

    joints: Float[np.ndarray, "17 3"]
    box: Float[np.ndarray, "4"]
    score: float

    def sighting(self, frame: int, time: float) -> Detection | None:
        """Where the body is; None if its trunk is not seen."""
        place = detection_from_keypoints(self.joints, COCO, frame, time)
        return place and replace(place, score=min(1.0, self.score / PLAIN), joints=None)


class MoveNet:
    """Finds up to six people in a picture.

    Args:
        threads: Of the processor; all cores by default.
        longer: Pixels to which the longer side of a picture is brought.
    """

    def __init__(self, threads: int | None = None, longer: int = LONGER) -> None:
        self.session = open_session(WEIGHTS / "movenet_multipose.onnx", threads)
        self.longer = longer

    def __call__(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Person]:
        """The people in a picture, surest first."""
        small, scale = fitted(image, self.longer)
        maps = self.session.run(list(OUTPUTS), {"image": small[None]})
        joints, boxes, scores = decode(*(np.asarray(m)[0] for m in maps))
        joints = joints / [scale, scale, 1.0]
        order = [int(i) for i in np.argsort(-scores) if scores[i] >= FLOOR]
        return [Person(joints[i], boxes[i] / scale, float(scores[i])) for i in order]


def fitted(
    image: UInt8[np.ndarray, "h w 3"], longer: int
) -> tuple[UInt8[np.ndarray, "high wide 3"], float]:
    """Bring the longer side to some length and both to multiples of 32, black below and right.

    Returns:
        The picture, and its pixels per pixel of the image.
    """
    height, width = image.shape[:2]
    scale = longer / max(height, width)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    result = np.zeros((-(-high // STRIDE) * STRIDE, -(-wide // STRIDE) * STRIDE, 3), np.uint8)
    result[:high, :wide] = cv2.resize(image, (wide, high), interpolation=way)
    return result, scale


def decode(
    centre: Float[np.ndarray, "1 h w"],
    size: Float[np.ndarray, "2 h w"],
    middle: Float[np.ndarray, "2 h w"],
    joints: Float[np.ndarray, "k h w"],
    guess: Float[np.ndarray, "2*k h w"],
    offset: Float[np.ndarray, "2*k h w"],
) -> tuple[Float[np.ndarray, "n k 3"], Float[np.ndarray, "n 4"], Float[np.ndarray, " n"]]:
    """Six people from the network's maps, as the original does it (CenterNet, Zhou et al., 2019).

    Args:
        centre: Where the middle of a person is, before the sigmoid.
        size: Height and width of the person around a middle, in cells.
        middle: How far (y, x) it is from its cell.
        joints: Where joints are, of anybody, before the sigmoid.
        guess: Where the joints of the person around a middle are from it: y, x of each joint.
        offset: How far a joint is from its cell: y, x of each joint.

    Returns:
        Joints as x, y in pixels of the network's picture and score; boxes as left, top, right,
        bottom; and scores.
    """
    rows, columns, scores = peaks(sigmoid(centre[0]))
    half = np.maximum(size[:, rows, columns], 0) / 2
    place = middle[:, rows, columns] + [rows, columns]
    limit = np.array(centre.shape[1:])[:, None]
    low, high = np.clip(place - half, 0, limit), np.clip(place + half, 0, limit)
    k = len(joints)
    near = guess[:, rows, columns].reshape(k, 2, -1) + np.stack([rows, columns])  # k 2 n
    heat = sigmoid(joints)
    spread = SPREAD * min(centre.shape[1:])
    cells = np.stack(
        [_best(heat, near[..., i], (low[:, i], high[:, i]), spread) for i in range(len(rows))]
    )  # n k 2
    y, x = cells[..., 0], cells[..., 1]
    each = np.arange(k)
    apart = (near[None] - np.stack([y, x], axis=-1)[..., None]) ** 2  # n k 2 n
    inside = (low <= cells[..., None]) & (cells[..., None] < high)
    belongs = np.exp(-apart.sum(axis=2) / spread) * inside.all(axis=2)
    value = heat[each, y, x] * belongs.max(axis=-1)
    moved = offset.reshape(k, 2, *centre.shape[1:])[each, :, y, x]  # n k 2
    at = (cells + moved)[..., ::-1] * CELL
    counted = value > SEEN
    mean = (value * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    boxes = np.concatenate([low[::-1], high[::-1]]).T * CELL
    result = np.concatenate([at, value[..., None]], axis=-1)
    return result.astype(np.float64), boxes.astype(np.float64), (scores * mean).astype(np.float64)


def peaks(
    score: Float[np.ndarray, "h w"],
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The highest cells that are the highest of the five by five around them."""
    around = cv2.dilate(score, np.ones((5, 5), np.uint8))
    top = np.where(abs(score - around) < 1.013279e-06, score, 0).ravel()
    order = np.argsort(-top, kind="stable")[:MOST]
    return order // score.shape[1], order % score.shape[1], top[order]


def _best(
    heat: Float[np.ndarray, "k h w"],
    near: Float[np.ndarray, "k 2"],
    box: tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]],
    spread: float,
) -> Int[np.ndarray, "k 2"]:
    """The cell (row, column) in a box where each joint of one person most likely is."""
    (top, left), (bottom, right) = (np.ceil(corner).astype(int) for corner in box)
    if bottom <= top or right <= left:
        return np.zeros((len(heat), 2), int)
    part = heat[:, top:bottom, left:right]
    y = np.exp(-((np.arange(top, bottom) - near[:, :1]) ** 2) / spread)
    x = np.exp(-((np.arange(left, right) - near[:, 1:]) ** 2) / spread)
    best = (part * y[:, :, None] * x[:, None]).reshape(len(heat), -1).argmax(axis=1)
    return np.stack([top + best // part.shape[2], left + best % part.shape[2]], axis=-1)
