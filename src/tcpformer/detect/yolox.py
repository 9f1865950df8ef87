"""YOLOX from an ONNX file, which finds people: Ge et al., "YOLOX", arXiv 2107.08430."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .boxes import Boxes, suppress
from .onnx import Session, check_answers, input_size, run_on_image
from .regions import Image, letterbox_top_left

MIN_SCORE, OVERLAP = 0.3, 0.45  # of a person; intersection over union of two boxes of one person
STRIDES = (8, 16, 32)  # pixels of the cells of the three output grids


@dataclass(frozen=True)
class YOLOX:
    """Finds people; the file may contain the suppression of doubles, or give the raw outputs."""

    session: Session

    def __call__(self, image: Image) -> Boxes:
        size = input_size(self.session, (640, 640))
        picture, scale = letterbox_top_left(image, size)
        outputs = run_on_image(self.session, picture)
        if len(outputs) == 2 and outputs[0].shape[-1:] == (5,):  # with suppression
            check_answers(self.session, outputs, "1 n 5", "1 n")
            boxes = outputs[0][0][outputs[1][0] == 0].astype(np.float64)
        else:
            cells = sum((size[0] // s) * (size[1] // s) for s in STRIDES)
            classes = max(outputs[0].shape[-1] - 5, 1) if outputs[0].ndim else 1
            check_answers(self.session, outputs, f"1 {cells} {5 + classes}")
            boxes = decode_yolox(outputs[0][0].astype(np.float64), size)
        boxes = boxes[(boxes[:, 4] >= MIN_SCORE) & np.isfinite(boxes).all(axis=1)]
        boxes = boxes[suppress(boxes, OVERLAP)]
        return np.column_stack([boxes[:, :4] / scale, boxes[:, 4:]])


def decode_yolox(raw: Float[np.ndarray, "a c"], size: tuple[int, int]) -> Boxes:
    """Decode the boxes of class 0 (person); of other classes the score is 0.

    A row of ``raw`` is one cell: center in cells, log of the size in cells, objectness, classes.
    """
    grids = [np.mgrid[: size[0] // s, : size[1] // s].reshape(2, -1).T[:, ::-1] for s in STRIDES]
    stride = np.repeat(STRIDES, [len(grid) for grid in grids])[:, None]
    middle = (raw[:, :2] + np.concatenate(grids)) * stride
    half = np.exp(raw[:, 2:4]) * stride / 2
    score = raw[:, 4] * raw[:, 5] * (raw[:, 5:].argmax(axis=1) == 0)
    return np.column_stack([middle - half, middle + half, score])
