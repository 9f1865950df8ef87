"""Parts of a source, from one second to another; times stay those of the whole."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float

from ..detections import Detections
from .pictures import Pictures
from .video import Frame, Video


@dataclass(frozen=True)
class VideoPart(Video):
    """The frames of a video from ``start`` up to ``end``, in seconds; they count from 0."""

    start: float = 0.0
    end: float = np.inf

    def _read(self, every: int, stored: bool) -> Generator[Frame, None, None]:
        index = 0
        with closing(super()._read(1, stored=True)) as frames:
            for frame in frames:
                if frame.time >= self.end:
                    return
                if frame.time < self.start:
                    continue
                if index % every == 0:
                    yield Frame(index, frame.time, frame.picture if stored else frame.image)
                index += 1

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
    inside = find_inside(times, start, end)
    if isinstance(video, Pictures):
        kept = np.flatnonzero(inside).tolist()
        return replace(
            video,
            length=len(kept),
            files=tuple(video.files[i] for i in kept),
            seconds=tuple(video.seconds[i] for i in kept),
            numbers=tuple(video.numbers[i] for i in kept) if video.numbers else (),
        )
    whole = {each.name: getattr(video, each.name) for each in fields(Video)}
    whole |= {"length": int(inside.sum()), "first_time": float(times[inside][0])}
    return VideoPart(**whole, start=start, end=np.inf if end is None else end)


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
