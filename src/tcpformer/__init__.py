"""Turn 2D keypoints of a video into 3D motion.

from tcpformer import Lifter, detect_people, open_video, save

people = detect_people(open_video("dance.mp4"))
for i, motion in enumerate(Lifter("default").lift_many(people)):
    save(motion, f"dance_{i}.bvh")
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .detect import detect_people
from .detections import Detections
from .io import load, save
from .io.npz import load_keypoints, load_motion
from .io.video import Video, open_video
from .motion import Motion2D, Motion3D, to_skeleton
from .options import LiftOptions
from .pipeline import lift_file
from .skeleton import BLAZEPOSE, BODY_26, COCO, H36M, HALPE26, MPI_INF_3DHP, Skeleton

if TYPE_CHECKING:
    from .detect.frame_detector import FrameDetector
    from .lifting.lifter import Lifter
    from .models.checkpoint import load_model, save_model
    from .serve.live import LiveLifter
    from .weights import WeightsSpec

__version__ = "0.2.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "BLAZEPOSE",
    "BODY_26",
    "COCO",
    "H36M",
    "HALPE26",
    "MPI_INF_3DHP",
    "Detections",
    "FrameDetector",
    "LiftOptions",
    "Lifter",
    "LiveLifter",
    "Motion2D",
    "Motion3D",
    "Skeleton",
    "Video",
    "WeightsSpec",
    "detect_people",
    "lift_file",
    "load",
    "load_keypoints",
    "load_model",
    "load_motion",
    "open_video",
    "save",
    "save_model",
    "to_skeleton",
]

_WITH_TORCH = {
    "FrameDetector": ".detect.frame_detector",
    "Lifter": ".lifting.lifter",
    "LiveLifter": ".serve.live",
    "WeightsSpec": ".weights",
    "load_model": ".models.checkpoint",
    "save_model": ".models.checkpoint",
}


def __getattr__(name: str) -> Any:
    """Import a name that needs PyTorch on first use: that takes seconds, and `--help` does not."""
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WITH_TORCH[name], __name__), name)
