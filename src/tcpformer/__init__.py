"""Turn 2D keypoints of a video into 3D motion.

from tcpformer import Lifter, detect_people, open_video, save

people = detect_people(open_video("dance.mp4"))
for i, motion in enumerate(Lifter("default").lift_many(people)):
    save(motion, f"dance_{i}.bvh")
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .detect import detect_people
    from .detect.frame_detector import FrameDetector
    from .detections import Detections
    from .io import load, save
    from .io.npz import load_keypoints, load_motion
    from .io.video import Video, open_video
    from .lifting.lifter import Lifter
    from .models.checkpoint import load_model, save_model
    from .motion import Motion2D, Motion3D, to_skeleton
    from .options import LiftOptions
    from .pipeline import lift_file
    from .serve.live import LiveLifter
    from .skeleton import BLAZEPOSE, BODY_26, COCO, H36M, HALPE26, MPI_INF_3DHP, Skeleton
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

_HOMES = {
    ".detect": ["detect_people"],
    ".detect.frame_detector": ["FrameDetector"],
    ".detections": ["Detections"],
    ".io": ["load", "save"],
    ".io.npz": ["load_keypoints", "load_motion"],
    ".io.video": ["Video", "open_video"],
    ".lifting.lifter": ["Lifter"],
    ".models.checkpoint": ["load_model", "save_model"],
    ".motion": ["Motion2D", "Motion3D", "to_skeleton"],
    ".options": ["LiftOptions"],
    ".pipeline": ["lift_file"],
    ".serve.live": ["LiveLifter"],
    ".skeleton": ["BLAZEPOSE", "BODY_26", "COCO", "H36M", "HALPE26", "MPI_INF_3DHP", "Skeleton"],
    ".weights": ["WeightsSpec"],
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a name on first use: all of them take a second, and those with PyTorch several."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name], __name__), name)


def __dir__() -> list[str]:
    """List the names that are imported on first use, too."""
    return [*globals(), *__all__]
