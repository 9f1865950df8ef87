"""Parts of a source, from one second to another; times stay those of the whole."""

from collections.abc import Generator
from dataclasses import dataclass, fields, replace

import numpy as np
from av.video.frame import VideoFrame
from jaxtyping import Bool, Float

from ..detections import Detections
from .pictures import Pictures
from .video import Video


@dataclass(frozen=True)
class VideoPart(Video):
    """The frames of a video from ``start`` up to ``end``, in seconds; they count from 0."""

    start: float = 0.0
    end: float = np.inf
    origin: float | None = None
    """Of `find_origin`, to seek the first frame; None: all before it are decoded."""

    def _decode(self) -> Generator[tuple[float, VideoFrame], None, None]:
        for time, decoded in self._decode_from_start():
            if time >= self.end:
                return
            if time >= self.start:
                yield time, decoded

    def _decode_from_start(self) -> Generator[tuple[float, VideoFrame], None, None]:
        if self.origin is not None:
            frames = self.decode_from(self.origin, self.start)
            first = next(frames, None)
            if first is not None and first[0] == self.first_time:
                yield first
                yield from frames
                return
        yield from super()._decode()

    def times(self) -> Float[np.ndarray, " t"]:
        """Return the time of every frame since the first one of the whole video."""
        times = super().times()
        return times[(times >= self.start) & (times < self.end)]


def cut_video(video: Video, start: float, end: float | None) -> Video:
    """Return the part of a video from one second up to another, None for its end.

    Raises:
        ValueError: If no frame is in there.
    """
    if start <= 0 and end is None:
        return video
    times = video.times()
    inside = np.flatnonzero(find_inside(times, start, end))
    part = cut_frames(video, times, range(int(inside[0]), int(inside[-1]) + 1))
    if isinstance(part, VideoPart):
        return replace(part, start=start, end=np.inf if end is None else end)
    return part


def cut_frames(
    video: Video,
    times: Float[np.ndarray, " t"],
    frames: range,
    origin: float | None = None,
) -> Video:
    """Return some frames of a video, which follow each other.

    Args:
        video: May be a part itself.
        times: Of all its frames.
        frames: Which of them, at least one.
        origin: Of `find_origin`, to seek the first one.
    """
    if isinstance(video, Pictures):
        which = slice(frames.start, frames.stop)
        return replace(
            video,
            length=len(frames),
            files=video.files[which],
            seconds=video.seconds[which],
            numbers=video.numbers[which],
        )
    whole = {each.name: getattr(video, each.name) for each in fields(Video)}
    whole |= {"length": len(frames), "first_time": float(times[frames.start])}
    limits = [
        float(np.mean(times[i - 1 : i + 1])) if 0 < i < len(times) else outside
        for i, outside in ((frames.start, 0.0), (frames.stop, np.inf))
    ]
    if isinstance(video, VideoPart):
        limits = [max(limits[0], video.start), min(limits[1], video.end)]
    return VideoPart(**whole, start=limits[0], end=limits[1], origin=origin)


def cut_detections(detections: Detections, start: float, end: float | None) -> Detections:
    """Return the part of detections from one second up to another, None for their end.

    Raises:
        ValueError: If no frame is in there.
    """
    if start <= 0 and end is None:
        return detections
    inside = find_inside(detections.times, start, end)
    before, rows = int(inside.argmax()), inside[detections.frame]
    ids, first = detections.ids, detections.first
    return replace(
        detections,
        xy=detections.xy[rows],
        confidence=detections.confidence[rows],
        frame=detections.frame[rows] - before,
        times=detections.times[inside],
        ids=None if ids is None else tuple(ids[i] for i in np.flatnonzero(rows)),
        first=None if first is None else first + before,
    )


def find_inside(
    times: Float[np.ndarray, " t"], start: float, end: float | None
) -> Bool[np.ndarray, " t"]:
    """Return which times are from one second up to another; raise ValueError if none is."""
    inside = (times >= start) & (times < (np.inf if end is None else end))
    if not inside.any():
        last = "its end" if end is None else f"{end:g} s"
        raise ValueError(
            f"the frames are at {times[0]:.4g} to {times[-1]:.4g} s, and none from {start:g} s to "
            f"{last}; correct --start and --end."
        )
    return inside
