"""Pictures of a person, cut out of the frames of a video."""

import base64
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from ..io.parts import cut_frames
from ..io.video import Video, find_origin
from ..motion import Motion3D

MARGIN = 0.25
"""Share of the person's extent by which a picture reaches beyond it, on each side."""
HEIGHT = 260
"""Pixels of a picture."""
WIDEST = 1.2
"""Width of a picture over its height, at most; one wider is cut."""


def cut_stills(
    video: Video, motion: Motion3D, seconds: Sequence[float]
) -> list[UInt8[np.ndarray, "h w 3"] | None]:
    """Return the person in the frames nearest to some times, RGB; None where no one is seen.

    Args:
        video: The one that the motion was lifted from.
        motion: The person; times and pixels are those of the video.
        seconds: Times of the motion; NaN for none.

    Raises:
        ValueError: If a frame cannot be read.
    """
    times, origin = video.times(), find_origin(video)
    stills: list[UInt8[np.ndarray, "h w 3"] | None] = []
    for time in seconds:
        if not np.isfinite(time):
            stills.append(None)
            continue
        frame, row = (int(np.abs(t - time).argmin()) for t in (times, motion.times))
        seen = motion.xy[row][motion.confidence[row] > 0]
        if not motion.valid[row] or not len(seen):
            stills.append(None)
            continue
        part = cut_frames(video, times, range(frame, frame + 1), origin)
        stills.append(_cut(next(iter(part.frames())).image, seen))
    return stills


def _cut(
    image: UInt8[np.ndarray, "h w 3"], xy: Float[np.ndarray, "n 2"]
) -> UInt8[np.ndarray, "y x 3"] | None:
    """Return the part of a picture around some points; None if it is outside."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    middle, half = (low + high) / 2, np.maximum((0.5 + MARGIN) * (high - low), 8.0)
    half = np.array([np.clip(half[0], half[1] / 2, WIDEST * half[1]), half[1]])
    (left, top), (right, bottom) = (
        np.clip(np.round(edge), 0, image.shape[1::-1]).astype(int).tolist()
        for edge in (middle - half, middle + half)
    )
    part = image[top:bottom, left:right]
    if 0 in part.shape:
        return None
    width = max(1, round(HEIGHT * part.shape[1] / part.shape[0]))
    return cv2.resize(part, (width, HEIGHT), interpolation=cv2.INTER_AREA)


def to_data_address(image: UInt8[np.ndarray, "h w 3"]) -> str:
    """Return a picture, RGB, as an address that holds it, for HTML."""
    _, packed = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return "data:image/jpeg;base64," + base64.b64encode(packed.tobytes()).decode("ascii")
