"""The video of a page: as it is where browsers play it, else a smaller copy in H.264 with sound."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from ...io.pictures import Pictures
from ...io.sound import Sound, find_sound
from ...io.video import Frame, Video, open_video, write_video
from ...io.video_coding import Coding, read_coding
from .payload import Clock

MAX_HEIGHT = 720
"""Pixels along the shorter side of a copy."""
_PLAYABLE = {
    ("mp4", "h264"): "video/mp4",
    ("mov", "h264"): "video/mp4",
    ("webm", "vp8"): "video/webm",
    ("webm", "vp9"): "video/webm",
}
"""Container and codec that all browsers play -> media type."""
_PIXELS = ("yuv420p", "yuvj420p")
_SOUNDS = ("aac", "mp3")
"""Codecs of the sound that all browsers play; others become AAC."""


@dataclass(frozen=True)
class WebVideo:
    """A video that browsers play."""

    path: Path
    media_type: str
    clock: Clock
    note: str = ""
    """What was changed, in words."""


def media_type(path: Path, coding: Coding) -> str | None:
    """Return the media type of a video that all browsers play, None of another."""
    if coding.pixels not in _PIXELS:
        return None
    containers = set(coding.containers)
    if path.suffix.lower() != ".webm":
        containers -= {"webm"}  # for FFmpeg, Matroska is WebM too
    found = (_PLAYABLE.get((name, coding.codec)) for name in containers)
    return next((kind for kind in found if kind is not None), None)


def make_web_video(
    video: Video, copy: Path, progress: Callable[[int, int], None] | None = None
) -> WebVideo:
    """Return the video itself, or make a copy that browsers play.

    Args:
        video: As opened.
        copy: File of the copy, which ends in .mp4.
        progress: Called after each frame of a copy with the number done and the number expected.

    Raises:
        ValueError: If the video breaks off.
    """
    played = None if isinstance(video, Pictures) else read_coding(video.path)
    kind = None if played is None else media_type(video.path, played)
    if kind is not None:
        return WebVideo(video.path, kind, _clock(video, video.slow_motion))
    sound = _sound(video)
    write_video(copy, _smaller(video, progress), video.fps / video.slow_motion, sound)
    made = open_video(copy)
    what = "Pictures were" if played is None else f"The video ({played.codec}) was"
    heard = "" if sound is None else ", with its sound"
    note = f"{what} converted to H.264 of {made.size[0]} x {made.size[1]}{heard}."
    return WebVideo(copy, "video/mp4", _clock(made, video.slow_motion), note)


def _sound(video: Video) -> Sound | None:
    """Return the sound of a video that plays at the speed of the file, also in slow motion."""
    found = find_sound(replace(video, slow_motion=1.0, first_time=0.0))
    return None if found is None else replace(found, kept=_SOUNDS)


def _clock(video: Video, slow_motion: float) -> Clock:
    """Return when a video shows its frames, if it plays slower than captured by a factor."""
    return Clock((video.times() * video.slow_motion).tolist(), slow_motion)


def _smaller(video: Video, progress: Callable[[int, int], None] | None) -> Iterator[Frame]:
    """Yield the frames at their times in the file, at most `MAX_HEIGHT` along the shorter side."""
    scale = min(1.0, MAX_HEIGHT / min(video.size))
    # Even, as H.264 needs it; an odd side would grow, and change the aspect ratio.
    size = tuple(max(2, 2 * round(side * scale / 2)) for side in video.size)
    for frame in video.frames():
        image = frame.image
        if size != video.size:
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        yield Frame(frame.index, frame.time * video.slow_motion, image)
        if progress is not None:
            progress(frame.index + 1, max(video.length, frame.index + 1))
