"""The verb `info`: what a file holds; without one, what is installed."""

import json
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import tyro
from jaxtyping import Float

from ..detections import Detections
from ..io.video import Video
from ..motion import CAMERA_AXES, WORLD_AXES, Motion3D
from ._terminal import count, show

SHOWN_DIGITS = 12
"""Of the sha256 of weights, as in the provenance of motions."""


def info(
    file: tyro.conf.Positional[Path | None] = None,
    /,
    *,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
) -> None:
    """Print what a file or a run holds; without one, what is installed.

    Args:
        file: A folder of `lift`, a motion, a video, or keypoints of another program. Without one:
            versions, devices, packaged weights, and the extras that are not installed.
        fps: Frames per second, for keypoints and pictures that do not tell it.
        size: Width and height of the image in pixels, for keypoints that do not tell it.
    """
    if file is None:
        _show_installation()
        return
    from ..io.pictures import find_pictures

    if not file.exists() and find_pictures(file) is None:
        raise FileNotFoundError(f"no such file or folder: {file}")
    if file.is_dir() and any(file.glob("person_*/motion.npz")):
        _show_run(file)
    else:
        _show_file(file, fps, size)


def _show_file(file: Path, fps: float | None, size: tuple[int, int] | None) -> None:
    """Print what a motion, a video or keypoints hold; the content decides where suffixes do not."""
    from ..io import GROUP_WRITERS, MOTION_READERS, READERS, WRITERS, load, read_detections
    from ..io.pictures import find_pictures
    from ..io.video import open_video

    suffix, refusal = file.suffix.lower(), None
    if suffix in {*WRITERS, *GROUP_WRITERS} - {*MOTION_READERS, *READERS}:
        raise ValueError(f"{file} does not keep all of a motion; give the motion.npz beside it.")
    if file.is_file() and suffix in MOTION_READERS:
        try:
            people = load(file)
        except ValueError as error:
            refusal = error  # it may hold keypoints
        else:
            show(f"{file}: motion of {_people(len(people))}")
            for motion in people:
                show(*_describe_motion(motion))
            return
    if find_pictures(file) is not None or (file.is_file() and suffix not in READERS):
        show(f"{file}: video", *_describe_video(open_video(file, fps=fps)))
        return
    try:
        found = read_detections(file, fps=fps, size=size)
    except ValueError as error:
        raise (refusal or error) from None
    show(f"{file}: keypoints", *_describe_keypoints(found))


def _show_run(folder: Path) -> None:
    """Print the input of a run, and each of its people."""
    from ..io.npz import load_motion
    from ..manifest import read_manifest

    paths = sorted(folder.glob("person_*/motion.npz"), key=lambda path: (len(str(path)), str(path)))
    manifest = read_manifest(folder)
    show(f"{folder}: run of `tcpformer lift`, {_people(len(paths))}")
    if manifest is not None:
        sources = ", ".join(os.path.normpath(folder / path) for path in manifest.paths.values())
        show(f"  of {sources or 'an input that it does not name'}, by version {manifest.version}")
        show(f"  files: {', '.join(sorted(manifest.files))}")
    for path in paths:
        show(*_describe_motion(load_motion(path)))


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


def _describe_motion(motion: Motion3D) -> list[str]:
    """Return a person's lines: frames, joints, unit and axes, camera, and where it came from."""
    skeleton, sigma = motion.skeleton, "known" if motion.sigma is not None else "not known"
    length = count(len(motion), "frame")
    return [
        f"person {motion.person}: {length} at {motion.fps:g} per second, {_span(motion.times)}, "
        f"seen in {int(motion.valid.sum())}",
        f"  {len(skeleton.joints)} joints, {skeleton.name}: {', '.join(skeleton.joints)}",
        f"  metres; world {WORLD_AXES}; camera {CAMERA_AXES}",
        f"  image {motion.size[0]} x {motion.size[1]} pixels, focal length {motion.focal:.0f} "
        f"pixels; one sigma of the joints {sigma}",
        *(f"  {step}: {source}" for step, source in motion.provenance.items()),
    ]


def _describe_video(video: Video) -> list[str]:
    focal = "not known" if video.focal is None else f"{video.focal:.0f} pixels"
    seconds = video.length / video.fps
    return [
        f"  {count(video.length, 'frame')} at {video.fps:g} per second, {seconds:.2f} s; "
        f"{video.size[0]} x {video.size[1]} pixels; focal length {focal}",
    ]


def _describe_keypoints(found: Detections) -> list[str]:
    """Return lines: frames and rows, people if the source numbers them, joints, unit and axes."""
    ids = {person for person in found.ids or () if person is not None}
    people = f", {_people(len(ids))} by its ids" if ids else ", people not numbered"
    skeleton = found.skeleton
    return [
        f"  {count(len(found.times), 'frame')} at {found.fps:g} per second, {_span(found.times)}; "
        f"{count(len(found.frame), 'detection')}{people}",
        f"  {len(skeleton.joints)} joints, {skeleton.name}: {', '.join(skeleton.joints)}",
        f"  pixels of an image of {found.size[0]} x {found.size[1]}; x right, y down",
    ]


def _span(times: Float[np.ndarray, " t"]) -> str:
    return f"{times[0]:.2f} to {times[-1]:.2f} s" if len(times) else "no time"


def _show_installation() -> None:
    from .. import __version__

    show(f"tcpformer {__version__}, Python {platform.python_version()}, {platform.platform()}")
    for name in ("onnxruntime", "av", "opencv-python-headless", "numpy", "torch"):
        show(f"  {name} {_version_of(name)}")
    show(f"devices: {_describe_devices()}")
    _show_weights()
    extras = metadata("tcpformer").get_all("Provides-Extra") or []
    missing = [extra for extra in extras if not _is_installed(extra)]
    show(f"extras not installed: {', '.join(missing) or 'none'}")


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _describe_devices() -> str:
    if find_spec("torch") is None:
        return "cpu (others need the extra torch)"
    import torch

    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "no"
    mps = "yes" if torch.backends.mps.is_available() else "no"
    return f"cpu ({torch.get_num_threads()} threads), cuda: {cuda}, mps: {mps}"


def _show_weights() -> None:
    """Print the network and the spec of each of the packaged weights; numbers are not read."""
    from ..model_files import packaged_sums
    from ..weights import CONFIG_FILE, PACKAGED, WEIGHTS_FILE, packaged_names, read_spec

    sums = packaged_sums()
    for name in packaged_names():
        folder = PACKAGED / name
        known = json.loads((folder / CONFIG_FILE).read_text())
        digest = sums[folder / WEIGHTS_FILE][:SHOWN_DIGITS]
        network = known["model"].get("more", known["model"])
        show(
            f"weights {name} sha256:{digest}: {known['architecture']}, clips of "
            f"{network['frames']} frames, {network.get('joints', 17)} joints"
        )
        show(f"  {read_spec(known['spec'])}")


def _is_installed(extra: str) -> bool:
    """Check whether every package of an extra is installed."""
    marker = re.compile(rf"extra\s*==\s*['\"]{re.escape(extra)}['\"]")
    for line in requires("tcpformer") or []:
        if marker.search(line):
            try:
                version(re.split(r"[^\w.-]", line, maxsplit=1)[0])
            except PackageNotFoundError:
                return False
    return True
