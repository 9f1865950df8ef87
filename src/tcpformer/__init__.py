"""Turns the 2D joints of a video into 3D motion.

from tcpformer import Lifter, detect, open_video, save

for i, person in enumerate(detect(open_video("dance.mp4"))):
    save(Lifter("default")(person), f"dance_{i}.bvh")
"""

from .detect import detect
from .export import save
from .lift import Lifter
from .motion import Motion2D, Motion3D, load_keypoints, load_motion, to_skeleton
from .skeleton import BLAZEPOSE, COCO, H36M, HALPE26, MPI_INF_3DHP, Skeleton
from .video import Video, open_video
from .weights import Convention, load_model, save_model

__version__ = "0.1.0"

__all__ = [
    "BLAZEPOSE",
    "COCO",
    "H36M",
    "HALPE26",
    "MPI_INF_3DHP",
    "Convention",
    "Lifter",
    "Motion2D",
    "Motion3D",
    "Skeleton",
    "Video",
    "detect",
    "load_keypoints",
    "load_model",
    "load_motion",
    "open_video",
    "save",
    "save_model",
    "to_skeleton",
]
