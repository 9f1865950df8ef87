"""Networks of the user, as ONNX files: RTMPose, RTMO and YOLOX.

Their inputs and outputs follow the documentation of MMDeploy, RTMPose and YOLOX. The outputs of a
file tell which network it holds.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..detections import Detections
from ..files import brief
from ..io.video import Video
from ..skeleton import COCO, match_skeleton
from .movenet import MoveNet
from .onnx import open_local
from .rtmo import RTMO
from .rtmpose import RTMPose, TopDown
from .yolox import YOLOX

SEARCH_RATE = 4.0  # runs a second of the network that finds people


def detect(
    video: Video,
    pose_model: Path,
    person_model: Path | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Detections:
    """Read the joints of all people in every frame with networks from local files.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file holds no such network, or no one is found.
    """
    found = see(video, pose_model, person_model, progress=progress)
    if not len(found):
        raise ValueError(f"no one was found in {video.path.name}.")
    return found


def see(
    video: Video,
    pose_model: Path,
    person_model: Path | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Detections:
    """Read a video as `detect` does; there may be no one in it.

    Args:
        video: Read once.
        pose_model: RTMPose (with a 1 x 3 x h x w input and SimCC outputs) or RTMO.
        person_model: YOLOX, with or without its own suppression of doubles. For RTMPose only; by
            default the packaged MoveNet finds the people.
        progress: Called with the number of frames done and expected.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file holds no such network.
    """
    read = _frame_reader(open_pose_model(pose_model), person_model, video.fps)
    found, times = [], []
    for frame in video.frames():
        found.append(read(frame.image, frame.index))
        times.append(frame.time)
        if progress is not None:
            progress(len(times), max(video.length, len(times)))
    count = max((len(joints) for people in found for joints in people), default=0)
    skeleton, order = match_skeleton(None, count or len(COCO.joints))
    people = [[joints[list(order)] for joints in frame] for frame in found]
    made = Detections.from_frames(people, skeleton, times=times, size=video.size, fps=video.fps)
    return replace(made, focal=video.focal)


def _frame_reader(
    pose: RTMPose | RTMO, person_model: Path | None, fps: float
) -> Callable[[np.ndarray, int], list[np.ndarray]]:
    """Return a function that reads all people's joints in an image, given the frame's index."""
    if isinstance(pose, RTMO):
        return lambda image, _: pose(image)
    find = MoveNet().boxes if person_model is None else YOLOX(open_local(person_model))
    return TopDown(find, pose, max(1, round(fps / SEARCH_RATE)))


def open_pose_model(path: Path) -> RTMPose | RTMO:
    """Open the pose network in a file, recognized by the ranks of its outputs."""
    session = open_local(path)
    ranks = [len(output.shape) for output in session.get_outputs()]
    if ranks == [3, 4]:
        return RTMO(session)
    if ranks == [3, 3]:
        return RTMPose(session)
    raise ValueError(
        f"{path}: expected RTMPose, which answers simcc_x and simcc_y, or RTMO, which answers dets "
        f"and keypoints; got outputs {brief([(o.name, o.shape) for o in session.get_outputs()])}."
    )
