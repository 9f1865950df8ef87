"""The page: template, style and scripts of the viewer with a motion in it."""

import base64
import html
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from urllib.parse import quote

from ...files import atomic_write
from ...io.video import Video
from ...motion import Motion3D
from ..overlay import check_video_size
from .payload import build_payload
from .web_video import WebVideo, make_web_video

HERE = Path(__file__).parent
MAX_EMBEDDED = 20_000_000
"""Bytes of a video that `write_page` puts into the page, if nothing else is chosen."""
Place = Literal["auto", "inside", "beside"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """What a page says, and where its video is."""

    title: str = "Motion"
    place: Place = "auto"
    """"inside" puts the video into the page, "beside" copies it to <name>_video.mp4 beside the
    page; "auto" does the former up to `MAX_EMBEDDED`."""
    notes: tuple[str, ...] = ()
    """Sentences that the page shows."""


PAGE = PageOptions()


@dataclass(frozen=True)
class Page:
    """What was written: the page, its size in bytes, and sentences about it."""

    path: Path
    size: int
    video: Path | None
    """The file of the video beside the page, None if there is none."""
    notes: tuple[str, ...]


def render_page(
    people: Mapping[int, Motion3D],
    web: WebVideo | None = None,
    source: str | None = None,
    options: PageOptions = PAGE,
) -> str:
    """Return the HTML of a page.

    Args:
        people: Motions of one camera by number.
        web: The video that they were seen in.
        source: Address of the video; None puts the video into the page.
        options: Title and notes.

    Raises:
        ValueError: If there are no people.
    """
    video: dict[str, Any] | None = None
    if web is not None:
        video = {"type": web.media_type, "source": source}
    clock = None if web is None else web.clock
    data = build_payload(people, title=options.title, clock=clock, video=video, notes=options.notes)
    inside = web.path.read_bytes() if web is not None and source is None else b""
    parts = {
        "TITLE": html.escape(options.title),
        "STYLE": (HERE / "src" / "style.css").read_text("utf-8"),
        "PAYLOAD": base64.b64encode(data).decode("ascii"),
        "VIDEO": base64.b64encode(inside).decode("ascii"),
        "SCENE": (HERE / "bundle" / "scene.js").read_text("utf-8"),
        "PAGE": (HERE / "bundle" / "main.js").read_text("utf-8"),
    }
    first, *rest = (HERE / "src" / "page.html").read_text("utf-8").split("%")
    # Every other piece is a name: pieces are put in once, so none can name another.
    return first + "".join(parts.get(piece, piece) for piece in rest)


def write_page(
    people: Mapping[int, Motion3D],
    path: str | Path,
    video: Video | None = None,
    options: PageOptions = PAGE,
    progress: Progress | None = None,
) -> Page:
    """Write the page of people seen by one camera: one HTML file that needs no network.

    A video that browsers do not play is converted to H.264, at most 720 pixels high.

    Args:
        people: Motions by number.
        path: Of the page; it ends in .html.
        video: That the people were seen in.
        options: Title, notes, and where the video is.
        progress: Called while a video is converted, with the frames done and expected.

    Raises:
        ValueError: If there are no people, the suffix is another, or the video is of another size
            or breaks off.
        OSError: If the page cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{path}: a page must end in .html.")
    if video is not None:
        for motion in people.values():
            check_video_size(video, motion.size)
    with TemporaryDirectory() as folder:
        web = None if video is None else make_web_video(video, Path(folder) / "video.mp4", progress)
        beside = None
        if web is not None:
            options = replace(options, notes=(*options.notes, *filter(None, [web.note])))
            if not _is_inside(web, options.place):
                beside = path.with_name(f"{path.stem}_video{web.path.suffix.lower()}")
                _copy(web.path, beside)
        source = None if beside is None else quote(beside.name)
        text = render_page(people, web, source, options)
        with atomic_write(path) as new:
            new.write_text(text, "utf-8")
    return Page(path, path.stat().st_size, beside, options.notes)


def _is_inside(web: WebVideo, place: Place) -> bool:
    return place == "inside" or (place == "auto" and web.path.stat().st_size <= MAX_EMBEDDED)


def _copy(source: Path, target: Path) -> None:
    if target.exists() and target.samefile(source):
        return
    with atomic_write(target) as new:
        shutil.copyfile(source, new)
