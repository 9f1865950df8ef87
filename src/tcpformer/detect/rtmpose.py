"""RTMPose from an ONNX file, which reads the joints of one person in a box."""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Float

from .boxes import Boxes, suppress
from .onnx import Session, check_answers, drop_unknown, input_size, run_on_image
from .regions import Image

Joints = Float[np.ndarray, "k 3"]
"""x and y in pixels, score 0 to 1."""

PADDING = 1.25  # RTMPose was trained on boxes this much wider than the person
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of ImageNet, RGB
MIN_SCORE = 0.3  # mean score of joints below which a person is lost; also of a joint in the box
MAX_OVERLAP = 0.8  # intersection over union above which two boxes are one person
BOX_MARGIN = 0.08  # of a box about joints, in its longer sides: joints lie inside the body


@dataclass(frozen=True)
class RTMPose:
    """Reads one person's joints: Jiang et al., "RTMPose", arXiv 2303.07399; SimCC outputs."""

    session: Session

    def __call__(self, image: Image, box: Float[np.ndarray, "4"]) -> Joints:
        high, wide = input_size(self.session, (256, 192))
        middle = (box[:2] + box[2:]) / 2
        width, height = (box[2:] - box[:2]) * PADDING
        scale = max(width / wide, height / high, 1e-6)  # pixels of the image a pixel of the input
        corner = middle - np.array([wide, high]) * scale / 2
        matrix = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cut = cv2.warpAffine(image, matrix, (wide, high), flags=flags).astype(np.float64)
        answers = run_on_image(self.session, (cut - MEAN) / STD)
        check_answers(self.session, answers, "1 k x", "1 k y")
        x, y = (part[0] for part in answers)
        place = np.stack([x.argmax(axis=1), y.argmax(axis=1)], axis=-1).astype(np.float64)
        place *= [wide / x.shape[1], high / y.shape[1]]  # several bins a pixel
        score = np.clip(np.minimum(x.max(axis=1), y.max(axis=1)), 0.0, 1.0)
        return drop_unknown(np.column_stack([place * scale + corner, score]))


@dataclass
class TopDown:
    """Finds people each ``interval`` frames; in between their boxes follow from their joints."""

    find: Callable[[Image], Boxes]
    pose: RTMPose
    interval: int
    last: list[Joints] = field(default_factory=list)

    def __call__(self, image: Image, frame: int) -> list[Joints]:
        if frame % self.interval == 0:
            boxes = self.find(image)
        else:
            boxes = np.array([_box_of(joints) for joints in self.last]).reshape(-1, 5)
        people = [self.pose(image, boxes[i, :4]) for i in suppress(boxes, MAX_OVERLAP)]
        self.last = [joints for joints in people if joints[:, 2].mean() >= MIN_SCORE]
        return self.last


def _box_of(joints: Joints) -> list[float]:
    """Return the box of the visible joints, with a margin, and their mean score."""
    sure = joints[joints[:, 2] >= MIN_SCORE, :2]
    low, high = sure.min(axis=0), sure.max(axis=0)
    margin = BOX_MARGIN * (high - low).max()
    return [*(low - margin), *(high + margin), float(joints[:, 2].mean())]
