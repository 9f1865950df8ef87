"""A 2D motion of COCO joints at random places, and the arrays of its keypoint file."""

from typing import Any

import numpy as np

from tcpformer.motion import Motion2D
from tcpformer.skeleton import COCO

J = len(COCO.joints)


def seen(frames: int = 6) -> Motion2D:
    rng = np.random.default_rng(3)
    xy, confidence = rng.uniform(0, 700, (frames, J, 2)), rng.uniform(0.1, 1, (frames, J))
    return Motion2D(xy, confidence, (1280, 720), 30.0, COCO)


def keypoints(**changes: Any) -> dict[str, Any]:
    m = seen()
    content = {"xy": m.xy, "confidence": m.confidence, "joints": np.array(COCO.joints)}
    return content | {"fps": 30.0, "size": np.array([1280, 720])} | changes


FILM_MUST_BE = "size and fps must be positive, the size whole"
