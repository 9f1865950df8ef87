"""How a video file holds its pictures: container, codec and pixels, without decoding it."""

from dataclasses import dataclass
from pathlib import Path

from .video import open_stream


@dataclass(frozen=True)
class Coding:
    """How a file holds its pictures, in FFmpeg's names."""

    containers: tuple[str, ...]
    """Names of the container: ("mov", "mp4", ...)."""
    codec: str
    """"h264", "hevc", ..."""
    pixels: str
    """Format of the pixels, such as "yuv420p"."""


def read_coding(path: str | Path) -> Coding:
    """Read how a video file holds its pictures.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no video.
    """
    with open_stream(Path(path)) as (container, stream):
        names = tuple(container.format.name.split(","))
        return Coding(names, stream.codec_context.name, stream.codec_context.pix_fmt or "")
