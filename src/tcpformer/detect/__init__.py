"""From a video to the joints of the people in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ..io.video import Video, open_video
from ..motion import Motion2D
from ..tracking.assemble import assemble_people
from ..tracking.tracker import number_people, select_people
from .blazepose import LandmarkNetwork
from .follow import follow
from .scan import find_people

Progress = Callable[[int, int], None]
"""Called with the steps done and the steps in all; the latter is an estimate."""


class Detector(Protocol):
    """Anything that reads people's joints from a video; `detect` is one."""

    def __call__(self, video: Video, *, progress: Progress | None = None) -> list[Motion2D]: ...


def detect_people(
    video: Video | str | Path,
    *,
    person: str | int = "all",
    landmarks: str = "heavy",
    progress: Progress | None = None,
) -> list[Motion2D]:
    """Find the people in a video, tell them apart, and read their joints in every frame.

    The video is read twice: a few frames a second to find everybody and tell who is who, then
    every frame to follow those who are wanted.

    Args:
        video: The video, or its file.
        person: "all", "largest" in the picture, "longest" in the video, or a number. People are
            numbered by how much of the video is theirs: 0 is surest, largest, longest in it.
        landmarks: The network that reads joints: "heavy" (accurate) or "full" (faster).
        progress: Called as the work goes on.

    Returns:
        One motion a person over the whole video, in skeleton BLAZEPOSE, with the person's number.
        Where the person is not seen, ``valid`` is False and the confidence 0.

    Raises:
        ValueError: If nobody is found, there is no such person, or ``landmarks`` is not one of the
            two.
    """
    if not isinstance(video, Video):
        video = open_video(video)
    network = LandmarkNetwork(landmarks)
    total = 2 * max(video.length, 1)

    def first(done: int) -> None:
        if progress is not None:
            progress(min(done, video.length), total)

    def second(done: int) -> None:
        if progress is not None:
            progress(min(video.length + done, total), total)

    tracks = find_people(video, first)
    if not tracks:
        raise ValueError(_nobody(video))
    chosen = select_people(number_people(tracks), person)
    others = [track for track in tracks if track not in chosen.values()]
    detections = follow(video, chosen, others, network, second)
    if not len(detections):
        raise ValueError(_nobody(video))
    return assemble_people(detections)


def _nobody(video: Video) -> str:
    return (
        f"no one was found in {video.path.name}; try a part of the video in which one person is "
        "seen whole, upright and at least a tenth as tall as the picture."
    )
