"""A 2D motion of COCO joints at random places, and the arrays of its keypoint file."""

from dataclasses import replace
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


def even_motion(xy: np.ndarray, fps: float = 30.0, times: np.ndarray | None = None) -> Motion2D:
    """Return a motion of COCO joints with confidence 1."""
    times = np.arange(len(xy)) / fps if times is None else times
    return Motion2D(xy, np.ones(xy.shape[:2]), (1280, 720), fps, COCO, times=times)


def straight_paths(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return joints (t, 17, 2) that each move at a constant velocity."""
    start, speed = rng.uniform(0, 700, (2, 1, J, 2))
    return start + 0.2 * speed * times[:, None, None]


def hide(m: Motion2D, where: np.ndarray) -> Motion2D:
    """Return a motion with some joints (t, j) undetected and at a wrong place."""
    confidence = np.where(where, 0.0, m.confidence)
    return replace(m, xy=np.where(where[..., None], -1e4, m.xy), confidence=confidence)
