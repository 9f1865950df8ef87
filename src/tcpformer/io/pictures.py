"""Pictures as a video: those of a folder, or that match a pattern, in the order of their numbers.

The number in which the names differ counts the frames, as in `frame_numbers`. A number that is
missing is a frame without a picture: the next one comes later, as in a video of varying rate.
"""

import logging
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from ..files import match_files
from ..motion import check_size_and_rate
from .frame_numbers import FrameNumbers, number_names
from .keypoints import FPS_TOLERANCE, mean_rate
from .picture_header import declared_size
from .video import Frame, Video

log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
_HIDDEN = ("thumbs.db", "desktop.ini")
_MAX_BYTES = 2**30
_MAX_PIXELS = 2**27
"""Pixels of a picture that is read: 11,600 x 11,600."""


@dataclass(frozen=True)
class Pictures(Video):
    """Pictures that are read as the frames of a video.

    Attributes:
        files: The pictures, in order.
        seconds: Seconds of each since the first one.
        numbers: Number of each as a frame of the video that they come from, from 0; empty where the
            names are time stamps.
    """

    files: tuple[Path, ...] = ()
    seconds: tuple[float, ...] = ()
    numbers: tuple[int, ...] = ()

    def _read(self, every: int, stored: bool) -> Generator[Frame, None, None]:
        for index in range(0, len(self.files), every):
            image = read_picture(self.files[index])
            size = (image.shape[1], image.shape[0])
            if size != self.size:
                raise ValueError(
                    f"{self.files[index]} is {size[0]} x {size[1]}, but {self.files[0].name} is "
                    f"{self.size[0]} x {self.size[1]}; the pictures of a video have one size."
                )
            yield Frame(index, self.seconds[index], image)

    def times(self) -> Float[np.ndarray, " t"]:
        """Return the time of every picture."""
        return np.array(self.seconds)


def find_pictures(source: Path) -> list[Path] | None:
    """Return the pictures of a source, in any order; None if it is something else.

    A source is a folder that holds pictures and no other files but hidden ones, a pattern that
    matches pictures, or one picture.

    Raises:
        FileNotFoundError: If nothing matches a pattern.
        ValueError: If pictures are not all that a pattern matches.
    """
    if source.is_dir():
        files = [f for f in source.iterdir() if f.is_file() and not _is_hidden(f)]
        return files if files and all(map(is_picture, files)) else None
    if source.exists() or not has_magic(str(source)):
        return [source] if source.is_file() and is_picture(source) else None
    files = [file for file in match_files(source) if file.is_file()]
    if not files:
        raise FileNotFoundError(f"no file matches {source}")
    if other := [file for file in files if not is_picture(file)]:
        raise ValueError(
            f"{source} matches {other[0]}; expected pictures, whose names end in one of "
            f"{', '.join(SUFFIXES)}."
        )
    return files


def open_pictures(source: Path, files: list[Path], fps: float | None) -> Pictures:
    """Open pictures as a video.

    Args:
        source: Folder or pattern, for errors.
        files: The pictures, in any order.
        fps: Frames per second that the numbers count; may be None where they are time stamps.

    Raises:
        ValueError: If the rate is missing or contradicts time stamps, names do not differ in one
            number, or the first picture cannot be read.
    """
    names = [f"{file.stem}{file.suffix.lower()}" for file in files]
    one = FrameNumbers((0,))  # a single picture needs no number
    numbers = number_names(names, source, fps=fps) if len(files) > 1 else one
    seconds = _seconds(source, numbers, fps)
    order = np.argsort(seconds).tolist()
    height, width = read_picture(files[order[0]]).shape[:2]
    rate = mean_rate(sorted(seconds)) or fps or 1.0
    check_size_and_rate((width, height), rate)
    count = max(numbers.index) + 1
    if count > len(files):
        log.info("%s: %d pictures of %d frames, %.4g a second", source, len(files), count, rate)
    return Pictures(
        path=source,
        fps=rate,
        size=(width, height),
        length=len(files),
        files=tuple(files[i] for i in order),
        seconds=tuple(seconds[i] for i in order),
        numbers=() if numbers.times else tuple(numbers.first + numbers.index[i] for i in order),
    )


def _seconds(source: Path, numbers: FrameNumbers, fps: float | None) -> list[float]:
    """Return the time of each picture since the first one."""
    if numbers.times:
        rate = mean_rate(numbers.times)
        if fps is not None and rate is not None and abs(rate / fps - 1) > FPS_TOLERANCE:
            raise ValueError(
                f"{source}: the names are time stamps of {rate:.4g} pictures per second, but --fps "
                f"is {fps:g}; leave that out."
            )
        return [numbers.times[i] for i in numbers.index]
    if fps is None:
        raise ValueError(
            f"{source}: pictures hold no rate; give the frames per second that their numbers count "
            "as --fps."
        )
    check_size_and_rate((1, 1), fps)
    return [i / fps for i in numbers.index]


def read_picture(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read a picture as RGB, turned upright as its EXIF data states.

    Raises:
        ValueError: If it is none of a kind that is read, or damaged.
    """
    content = path.read_bytes() if path.stat().st_size <= _MAX_BYTES else b""
    width, height = declared_size(content) or (0, 0)
    if width * height > _MAX_PIXELS:
        raise ValueError(f"{path}: expected at most {_MAX_PIXELS} pixels, got {width} x {height}.")
    image = None
    if width * height:  # OpenCV would decode other kinds, too
        with suppress(cv2.error):
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(
            f"{path} is damaged, or no picture as JPEG, PNG, BMP, TIFF or WebP; remove it, or "
            "convert it."
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)


def is_picture(path: Path) -> bool:
    """Return whether a name ends as that of a picture."""
    return path.suffix.lower() in SUFFIXES


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in _HIDDEN
