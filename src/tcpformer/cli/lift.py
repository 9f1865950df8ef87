"""Verbs for those who have a video: `lift`, `quality` and `info`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from ..files import check_writable
from ._terminal import progress_bar, set_threads

if TYPE_CHECKING:
    from ..io.video import Video
    from ..motion import Motion2D, Motion3D


WRITTEN = ("motion.npz", "motion.bvh", "motion_raw.npz")
"""Of each person; the last by --raw."""


def lift(
    source: tyro.conf.Positional[Path],
    *,
    out: Path = Path("out"),
    height: float | None = None,
    camera_height: float | None = None,
    length: str | None = None,
    focal: float | Literal["motion"] | None = None,
    weights: str = "default",
    device: str = "auto",
    backend: Literal["auto", "torch", "onnx", "openvino"] = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "float32",
    trained_on: Literal["h36m", "h36m-cpn", "3dhp"] | None = None,
    heads: int = 8,
    person: str = "all",
    pose_model: Path | None = None,
    person_model: Path | None = None,
    video: Path | None = None,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    landmarks: Literal["heavy", "full"] = "heavy",
    flip: bool = True,
    overlay: bool = True,
    finish: bool = True,
    raw: bool = False,
    threads: int = 0,
) -> None:
    """Lift the people in a video, or 2D keypoints, to 3D.

    Writes person_<number>/motion.npz and person_<number>/motion.bvh into the output folder and,
    for a video, overlay.mp4.

    Args:
        source: A video, or an .npz of keypoints (xy, confidence, joints, fps, size), or what
            OpenPose, MMPose, rtmlib or Sports2D wrote.
        out: Folder for the results; made if missing. Of what an earlier run wrote there nothing
            stays, but for people whom --person leaves out.
        height: Height of the people in metres; sets the scale. By default 1.70.
        camera_height: Or that of the camera above the floor, in metres, which sets it instead.
        length: Or a bone of person 0 (or of whom you take), measured: RKnee-RAnkle=0.43, in metres.
        focal: Focal length of the camera in pixels; or "motion": estimated from it, to some 20 %.
            By default from the video's metadata, else as if 60 degrees were seen across it.
        weights: A packaged name, a folder, or a released checkpoint.
        device: "auto", "cpu", "cuda" or "mps".
        backend: What computes the network: "torch", or on the CPU "onnx" or "openvino". By default
            what an exported file was written for, else torch. (docs/export.md)
        precision: "bfloat16" is faster where the processor has it; "auto" measures.
        trained_on: What a released checkpoint was trained on; it does not say so itself.
        heads: Attention heads of a released checkpoint.
        person: Whom to lift: "all", "largest" in the picture, "longest" in the video, or a
            number. Number 0 has most of the video: sure, large, and for long.
        pose_model: Local ONNX file of RTMPose or RTMO, to read joints instead of the packaged one.
        person_model: Local ONNX file of YOLOX, to find people for RTMPose.
        video: The video that keypoints belong to: tells rate and size, and is drawn into.
        fps: Frames per second of keypoints that do not tell; must agree with those that do.
        size: Width and height of the pictures of keypoints, likewise.
        landmarks: Size of the 2D network; "full" is three times as fast and less exact.
        flip: Average with the lifted mirror image.
        overlay: Write overlay.mp4.
        finish: Repair, smooth, and put on the floor what the network says (docs/motion.md).
        raw: Write motion_raw.npz too, as the network says it, for `tcpformer quality`.
        threads: CPU threads of the lifter; 0 takes them all. On a machine busy with other work,
            1 is many times faster.
    """
    from ..lifting.lifter import DEFAULT_POSTPROCESS, Lifter
    from ..world.scale import Scale, median_height, parse_bone_length

    start = time.monotonic()
    set_threads(threads)
    bone = None if length is None else parse_bone_length(length)
    scale = Scale(height=height, camera_height=camera_height, length=bone)
    chain = DEFAULT_POSTPROCESS if finish else None
    scale.fits(chain)
    _outside(source, out)
    film, people = _source(source, Given(person, fps, size, video))
    if film is not None and people is not None and overlay:
        _alike(film, people)
    check_writable(out)
    lifter = Lifter(
        weights,
        device,
        flip,
        checkpoint_protocol=trained_on,
        heads=heads,
        backend=backend,
        precision=precision,
    )
    if film is not None and people is None:
        people = _found(film, person, landmarks, pose_model, person_model)
    people = people or []
    motions = lifter.lift_with_raw(people, scale=scale, focal=focal, config=chain)[0]
    numbers = [each.person for each in people]
    for number, motion in zip(numbers, motions, strict=True):
        _write(motion, out / f"person_{number}")
    for each, motion in zip(people, motions, strict=True) if raw else []:
        said = lifter(each, height=median_height(motion), focal=motion.focal, postprocess=None)
        kept = {key: motion.provenance[key] for key in ("scale", "focal")}
        _write_raw(
            replace(said, provenance={**said.provenance, **kept}), out / f"person_{each.person}"
        )
    _forget_others(out, set(numbers), everybody=person == "all")
    if film is not None and overlay:
        _draw(film, dict(zip(numbers, motions, strict=True)), out / "overlay.mp4")
    else:
        _forget(out / "overlay.mp4", source, video)
    print(f"done in {time.monotonic() - start:.1f} s")


@dataclass(frozen=True)
class Given:
    """What a caller says of keypoints: whom to take, and what the files may not tell."""

    person: str = "all"
    fps: float | None = None
    size: tuple[int, int] | None = None
    video: Path | None = None


def _outside(source: Path, out: Path) -> None:
    """Refuse somebody's result as the source of results in the same folder.

    Raises:
        ValueError: If it is: it would become that of person 0, who may be another.
    """
    if source.parent.name.startswith("person_") and source.resolve().is_relative_to(out.resolve()):
        raise ValueError(
            f"what is made of {source} would take the place of what is in {out}; give another "
            "--out."
        )


def _source(path: Path, given: Given) -> "tuple[Video | None, list[Motion2D] | None]":
    """A video in which people are yet to be found; or people, perhaps with their video."""
    from ..io.keypoints import SUFFIXES, read_people
    from ..io.video import open_video

    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    if path.suffix.lower() not in SUFFIXES and not path.is_dir():
        told = {"--fps": given.fps, "--size": given.size, "--video": given.video}
        if any(value is not None for value in told.values()):
            said = ", ".join(option for option, value in told.items() if value is not None)
            raise ValueError(f"{said}: only keypoints need that; {path} is taken for a video.")
        return open_video(path), None
    film = None if given.video is None else open_video(given.video)
    otherwise = None if film is None else (film.fps, film.size)
    how = {"person": given.person, "fps": given.fps, "size": given.size}
    return film, read_people(path, **how, otherwise=otherwise)


def people_in(path: Path) -> "list[Motion2D]":
    """The main person of a video, found by the packaged detector, or those of a keypoint file."""
    film, people = _source(path, Given())
    if people is not None:
        return people
    assert film is not None
    return _found(film, "0")


def _found(
    video: "Video",
    person: str = "all",
    landmarks: Literal["heavy", "full"] = "heavy",
    pose_model: Path | None = None,
    person_model: Path | None = None,
) -> "list[Motion2D]":
    from ..detect import detect_people
    from ..detect.local import detect
    from ..tracking.assemble import assemble_people

    if person_model is not None and pose_model is None:
        raise ValueError("--person-model finds people for --pose-model, an RTMPose; give both.")
    with progress_bar("detecting") as progress:
        if pose_model is not None:
            found = detect(video, pose_model, person_model, progress=progress)
            return assemble_people(found, person)
        return detect_people(video, person=person, landmarks=landmarks, progress=progress)


def _alike(film: "Video", people: "list[Motion2D]") -> None:
    """Make sure that keypoints can be drawn into a video; say so if it has more or fewer frames.

    Raises:
        ValueError: If its pictures are of another size.
    """
    from ..viz.overlay import of_size

    for person in people:
        of_size(film, person.size)
    longest = max(len(person) for person in people)
    if longest != film.length:
        print(f"the keypoints have {longest} frames, {film.path.name} some {film.length}")


def _write(motion: "Motion3D", folder: Path) -> None:
    from ..io import save

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "motion_raw.npz").unlink(missing_ok=True)  # of an earlier motion
    for name in WRITTEN[:2]:
        save(motion, folder / name)
        print(folder / name)
    seen, all_ = int(motion.valid.sum()), len(motion)
    frames = "1 frame" if all_ == 1 else f"{all_} frames"
    print(f"  {frames} at {motion.fps:.4g} per second, the person seen in {seen}")
    print(f"  scale: {motion.provenance['scale']}; focal length: {motion.provenance['focal']}")
    print(f"  world: {motion.provenance['ground']}")
    print(f"  done to it: {motion.provenance.get('postprocess', 'nothing')}")


def _forget_others(out: Path, numbers: set[int], *, everybody: bool) -> None:
    """Delete what an earlier run wrote of people who are not among everybody of this one."""
    for folder in sorted(out.glob("person_*")):
        number = folder.name.removeprefix("person_")
        if not number.isdecimal() or int(number) in numbers:
            continue
        if not everybody:
            print(f"{folder} is of an earlier run")
            continue
        for name in WRITTEN:
            _forget(folder / name)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _forget(file: Path, *sources: Path | None) -> None:
    """Delete what an earlier run wrote of other motions; never what was given."""
    given = [each.resolve() for each in sources if each is not None]
    if file.is_file() and file.resolve() not in given:
        file.unlink()
        print(f"{file} was of earlier motions and was deleted")


def _write_raw(motion: "Motion3D", folder: Path) -> None:
    from ..io import save

    save(motion, folder / "motion_raw.npz")
    print(folder / "motion_raw.npz")


def quality(motion: tyro.conf.Positional[Path], *, raw: Path | None = None) -> None:
    """Print what can be measured of a motion without the truth, before and after it was finished.

    Args:
        motion: A motion.npz. If it is raw, it is finished now to compare: alone, as if nobody else
            had been in the video.
        raw: The same motion as the network said it; by default motion_raw.npz beside it, which
            `tcpformer lift --raw` writes.
    """
    from ..analysis.quality import compare, measure, table
    from ..io.npz import load_motion
    from ..lifting.lifter import DEFAULT_POSTPROCESS
    from ..postprocess.steps import postprocess

    finished = load_motion(motion)
    beside = motion.with_name("motion_raw.npz")
    before = raw if raw is not None else beside if beside.exists() and beside != motion else None
    if "postprocess" not in finished.provenance:
        first, finished = finished, postprocess([finished], DEFAULT_POSTPROCESS)[0]
    elif before is not None:
        first = load_motion(before)
    else:
        print(table(measure(finished)))
        print(f"no {beside} to compare with: `tcpformer lift --raw` writes it")
        return
    print(table(*compare(first, finished)))
    done = finished.provenance
    print(f"done to it: {done['postprocess']}\nworld: {done.get('ground', '')}")


def _draw(video: "Video", motions: "Mapping[int, Motion3D]", path: Path) -> None:
    from ..viz.overlay import write_overlay

    with progress_bar("drawing") as progress:
        write_overlay(video, motions, path, progress)
    print(path)


def info() -> None:
    """Say versions, devices, weights, and which extras are missing."""
    import platform
    from importlib.metadata import metadata, version

    import torch

    from .. import __version__
    from ..models.checkpoint import load_weights, packaged_names

    print(f"tcpformer {__version__}, Python {platform.python_version()}, {platform.platform()}")
    for name in ("torch", "onnxruntime", "av", "opencv-python-headless", "numpy"):
        print(f"  {name} {version(name)}")
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "no"
    print(f"devices: cpu ({torch.get_num_threads()} threads), cuda: {cuda}, ", end="")
    print(f"mps: {'yes' if torch.backends.mps.is_available() else 'no'}")
    for name in packaged_names():
        weights = load_weights(name)
        count = sum(p.numel() for p in weights.model.parameters())
        print(f"weights {weights.name}: {count:,} parameters")
        print(f"  {weights.model.config}")
        print(f"  {weights.convention}")
    extras = metadata("tcpformer").get_all("Provides-Extra") or []
    missing = [extra for extra in extras if not _has(extra)]
    print(f"extras missing: {', '.join(missing) or 'none'}")


def _has(extra: str) -> bool:
    """Whether everything that an extra asks for is installed."""
    import re
    from importlib.metadata import PackageNotFoundError, requires, version

    marker = re.compile(rf"extra\s*==\s*['\"]{re.escape(extra)}['\"]")
    for line in requires("tcpformer") or []:
        if marker.search(line):
            try:
                version(re.split(r"[^\w.-]", line, maxsplit=1)[0])
            except PackageNotFoundError:
                return False
    return True
