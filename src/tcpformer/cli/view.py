"""The verb `view`: one HTML page of a run, written or served."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import tyro

from ..io import READERS, load
from ..io.npz import load_motion
from ..io.pictures import find_pictures
from ..io.video import Video, open_video
from ..manifest import Manifest, hash_input, read_manifest
from ..motion import Motion3D
from ..viz.viewer.page import Page, PageOptions, Place, write_page
from ..viz.viewer.server import PageServer
from ._terminal import progress_bar, show, show_written

PAGE = "view.html"


def view(
    run: tyro.conf.Positional[Path],
    *,
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    video: Path | None = None,
    place: Place = "auto",
    serve: bool = False,
    port: int = 0,
) -> None:
    """Write a page that shows a run: the video and the people in 3D, in one HTML file.

    The page needs no network and no installation: open it in a browser, or send it.

    Args:
        run: Folder of the results of `tcpformer lift`, or a motion as .npz, .json, .csv, .parquet
            or .glb.
        out: The page (default: view.html in that folder).
        video: The video, if it is not where the run found it.
        place: "inside" puts the video into the page, "beside" copies it to a file beside the page;
            "auto" does the former up to 20 MB.
        serve: Write no page, but serve it on this machine until Ctrl-C.
        port: Port of --serve; 0 takes a free one.
    """
    people, manifest, folder = read_run(run)
    film, notes = find_video(manifest, folder, video)
    if serve and out is not None:
        raise ValueError("--serve writes no page; leave out one of --serve and --out.")
    if serve:
        with TemporaryDirectory() as temporary:
            page = _write(people, Path(temporary) / PAGE, film, run, "beside", notes)
            _serve(page, port)
        return
    page = _write(people, out or folder / PAGE, film, run, place, notes)
    show_written(page.path)
    where = f"the video is beside it, {page.video}" if page.video else "the video is inside"
    show(f"  {page.size / 1e6:.1f} MB; {where if film else 'without a video'}")
    for note in page.notes:
        show(f"  {note}")


def read_run(run: Path) -> tuple[dict[int, Motion3D], Manifest | None, Path]:
    """Return the people of a run by number, its manifest if it has one, and its folder.

    Raises:
        FileNotFoundError: If there is no such folder or file, or the folder holds no motion.
        ValueError: If a file is no motion, or people were seen by several cameras.
    """
    if run.is_file():
        return {motion.person: motion for motion in load(run)}, None, run.parent
    if not run.is_dir():
        raise FileNotFoundError(f"no such folder: {run}; expected one that `tcpformer lift` wrote.")
    paths = sorted(run.glob("person_*/motion.npz"), key=lambda path: (len(str(path)), str(path)))
    if not paths:
        raise FileNotFoundError(
            f"{run} holds no person_<number>/motion.npz; expected a folder that `tcpformer lift` "
            "wrote."
        )
    motions = [load_motion(path) for path in paths]
    cameras = {(motion.focal, tuple(motion.size)) for motion in motions}
    if len(cameras) > 1:
        raise ValueError(
            f"the people in {run} are of several runs, with focal length and size {cameras}; lift "
            "them at once, or give the motion.npz of one of them."
        )
    return {motion.person: motion for motion in motions}, read_manifest(run), run


def find_video(
    manifest: Manifest | None, folder: Path, given: Path | None
) -> tuple[Video | None, tuple[str, ...]]:
    """Open the video of a run in a folder; None, and why, if it is not where the run found it."""
    if given is not None:
        return _open(given, manifest), ()
    if manifest is None:
        return None, ()
    name = "--video" if "--video" in manifest.inputs else "source"
    path = folder / manifest.paths.get(name, "")
    if path.suffix.lower() in READERS:
        return None, ()
    hashed = manifest.inputs.get(name)
    if name in manifest.paths and _exists(path) and hash_input(path) == hashed:
        return _open(path, manifest), ()
    return None, ("The video is not where the run found it; --video names it.",)


def _exists(path: Path) -> bool:
    return path.exists() or find_pictures(path) is not None


def _open(path: Path, manifest: Manifest | None) -> Video:
    """Open a video as the run did."""
    options: Mapping[str, object] = {} if manifest is None else manifest.options
    fps, slow_motion = options.get("fps"), options.get("slow_motion")
    if manifest is not None and "--video" in manifest.inputs and find_pictures(path) is None:
        fps = None  # it is that of the keypoints
    return open_video(
        path,
        fps=float(fps) if isinstance(fps, int | float) else None,
        slow_motion=float(slow_motion) if isinstance(slow_motion, int | float) else None,
    )


def _write(
    people: Mapping[int, Motion3D],
    path: Path,
    video: Video | None,
    run: Path,
    place: Place,
    notes: tuple[str, ...],
) -> Page:
    title = os.path.basename(run.resolve()) if video is None else video.path.name
    with progress_bar("converting") as progress:
        options = PageOptions(title=title, place=place, notes=notes)
        return write_page(people, path, video, options, progress)


def _serve(page: Page, port: int) -> None:
    """Run the server of a page until Ctrl-C."""
    files = {"/": (page.path, "text/html; charset=utf-8")}
    if page.video is not None:
        kind = "video/webm" if page.video.suffix == ".webm" else "video/mp4"
        files[f"/{page.video.name}"] = (page.video, kind)
    with PageServer(files, port) as server:
        show(f"{server.address} until Ctrl-C")
        for note in page.notes:
            show(f"  {note}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            show("stopped")
