"""RTMO from an ONNX file, which reads all people's joints at once: Lu et al., "RTMO", CVPR 2024."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .boxes import suppress
from .onnx import Session, check_answers, drop_unknown, input_size, run_on_image
from .regions import Image, letterbox_top_left

MIN_SCORE, OVERLAP = 0.3, 0.45  # of a person; intersection over union of two boxes of one person


@dataclass(frozen=True)
class RTMO:
    """Reads the joints of all people in an image."""

    session: Session

    def __call__(self, image: Image) -> list[Float[np.ndarray, "k 3"]]:
        picture, scale = letterbox_top_left(image, input_size(self.session, (640, 640)))
        answers = run_on_image(self.session, picture)
        check_answers(self.session, answers, "1 n 5", "1 n k 3")
        boxes, joints = (x[0].astype(np.float64) for x in answers[:2])
        sure = (boxes[:, 4] >= MIN_SCORE) & np.isfinite(boxes).all(axis=1)
        boxes, joints = boxes[sure], drop_unknown(joints[sure])
        joints[..., :2] /= scale
        joints[..., 2] = np.clip(joints[..., 2], 0.0, 1.0)
        return [joints[i] for i in suppress(boxes, OVERLAP)]
