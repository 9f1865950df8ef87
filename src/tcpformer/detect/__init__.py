"""From a video to the joints of the person in it."""

from collections.abc import Callable
from typing import Protocol

from ..motion import Motion2D
from ..track import choose
from ..video import Video
from .blazepose import LandmarkNetwork
from .follow import follow
from .scan import people

Progress = Callable[[int, int], None]
"""Called with the steps done and the steps in all; the latter is an estimate."""


class Detector(Protocol):
    """Anything that reads people's joints from a video; `detect` is one."""

    def __call__(self, video: Video, *, progress: Progress | None = None) -> list[Motion2D]: ...


def detect(
    video: Video, *, landmarks: str = "heavy", progress: Progress | None = None
) -> list[Motion2D]:
    """Find the person whom a video is about, and read their joints in every frame.

    The video is read twice: a few frames a second to find everybody and choose the one who is
    largest and longest in the picture, then every frame to follow that one.

    Args:
        video: The video.
        landmarks: The network that reads joints: "heavy" (accurate) or "full" (faster).
        progress: Called as the work goes on.

    Returns:
        One motion over the whole video, in skeleton BLAZEPOSE. Where the person is not seen,
        ``valid`` is False and the confidence 0.

    Raises:
        ValueError: If nobody is found, or ``landmarks`` is not one of the two.
    """
    network = LandmarkNetwork(landmarks)
    total = 2 * max(video.length, 1)

    def first(done: int) -> None:
        if progress is not None:
            progress(min(done, video.length), total)

    def second(done: int) -> None:
        if progress is not None:
            progress(min(video.length + done, total), total)

    tracks = people(video, first)
    if not tracks:
        raise ValueError(_nobody(video))
    person = choose(tracks)
    others = [track for track in tracks if track is not person]
    motion = follow(video, person, others, network, second)
    if not motion.valid.any():
        raise ValueError(_nobody(video))
    return [motion]


def _nobody(video: Video) -> str:
    return (
        f"nobody was found in {video.path.name}; try a part of the video in which one person is "
        "seen whole, upright and at least a tenth as tall as the picture."
    )
