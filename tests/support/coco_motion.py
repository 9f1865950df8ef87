"""A 2D motion of COCO joints at random places, and the arrays of its keypoint file."""

from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import numpy as np

from tcpformer import motion
from tcpformer.motion import Motion2D
from tcpformer.skeleton import COCO

J = len(COCO.joints)


def random_motion(frames: int = 6) -> Motion2D:
    rng = np.random.default_rng(3)
    xy, confidence = rng.uniform(0, 700, (frames, J, 2)), rng.uniform(0.1, 1, (frames, J))
    return Motion2D(xy, confidence, (1280, 720), 30.0, COCO)


def keypoints(**changes: Any) -> dict[str, Any]:
    m = random_motion()
    content = {"xy": m.xy, "confidence": m.confidence, "joints": np.array(COCO.joints)}
    return content | {"fps": 30.0, "size": np.array([1280, 720])} | changes


BAD_SIZE_OR_RATE = "size and fps must be positive, the size whole"


def unchecked_motion() -> ModuleType:
    """Return `tcpformer.motion` as users import it: without the shape checks of the tests."""
    spec = spec_from_file_location("tcpformer.unchecked", motion.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
