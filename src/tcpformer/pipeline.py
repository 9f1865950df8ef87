"""The whole road as a function: `lift_file` turns a video, or 2D keypoints, into 3D motion files.

source -> `Detections` -> a `Motion2D` for each person -> a `Motion3D` for each person -> files

It never prints: notes go to the logger ``tcpformer.pipeline``, progress to a callback.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .detect import detect_people
from .files import check_writable
from .io import READERS, read_detections, save
from .io.video import Video, check_local, open_video
from .motion import Motion2D, Motion3D
from .tracking.assemble import assemble_people
from .viz.overlay import check_video_size, write_overlay
from .world.scale import Scale, parse_bone_length

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with the stage ("detecting", "drawing"), the steps done, and the steps in all."""
RESULTS = ("motion.npz", "motion.bvh")
RAW = "motion_raw.npz"
OVERLAY = "overlay.mp4"


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    """What is lifted."""

    person: str = "all"
    """People to lift: "all", "largest" in the picture, "longest" in the video, or a number; number
    0 covers most of the video."""
    landmarks: Literal["heavy", "full"] = "heavy"
    """Packaged 2D network; "full" is three times as fast and less exact."""
    pose_model: Path | None = None
    """Local ONNX file of RTMPose or RTMO that reads the joints instead."""
    person_model: Path | None = None
    """Local ONNX file of YOLOX that finds the people for RTMPose."""
    video: Path | None = None
    """Video of a keypoint file: gives rate and size, and the overlay is drawn on it."""
    fps: float | None = None
    """Frames per second of a keypoint file that does not hold them."""
    size: tuple[int, int] | None = None
    """Image width and height, in pixels, of a keypoint file that does not hold them."""


@dataclass(frozen=True, kw_only=True)
class CameraOptions:
    """Where metres and the focal length come from; at most one of the first three."""

    height: float | None = None
    """Height of the people, in metres; 1.70 if nothing sets the scale."""
    camera_height: float | None = None
    """Height of the camera above the floor, in metres."""
    bone_length: str | None = None
    """Measured length of a bone of the first person: RKnee-RAnkle=0.43, in metres."""
    focal: float | Literal["motion"] | None = None
    """Focal length in pixels, or "motion" to estimate it to some 20 %; if not given, the video's
    metadata, else a view of 60 degrees."""


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """Which network lifts, and where it runs."""

    weights: str = "default"
    """Packaged name ("default", "fast"), a folder, a released checkpoint or an exported file."""
    device: str = "auto"
    """"auto", "cpu", "cuda", "cuda:N" or "mps"."""
    backend: Literal["auto", "torch", "onnx", "openvino"] = "auto"
    """Runtime of the network; "onnx" and "openvino" run on the CPU."""
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    """"bfloat16" is faster where the processor has it; "auto" measures."""
    flip: bool = True
    """Average with the lifted mirror image: half as fast, a little more exact."""
    checkpoint_protocol: Literal["h36m", "h36m-cpn", "3dhp"] | None = None
    """Protocol that a released checkpoint was trained by; required for one."""
    heads: int = 8
    """Attention heads of a released checkpoint."""


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """What is written."""

    overlay: bool = True
    """Write overlay.mp4: the video with the 2D skeleton, and the 3D motion beside it."""
    postprocess: bool = True
    """Clean the keypoints, smooth the motion and put it on the floor."""
    save_raw: bool = False
    """Write motion_raw.npz too: the motion before post-processing, for `tcpformer quality`."""


@dataclass(frozen=True, kw_only=True)
class LiftOptions(InputOptions, CameraOptions, NetworkOptions, OutputOptions):
    """Options of `lift_file`: those of input, camera, network and output together.

    Raises:
        ValueError: If two options contradict each other, or one is out of range.
    """

    def __post_init__(self) -> None:
        if self.person_model is not None and self.pose_model is None:
            raise ValueError(
                "person_model finds people for pose_model, an RTMPose; give both "
                "(--pose-model, --person-model)."
            )
        self.scale.check_floor(found=self.postprocess)

    @property
    def scale(self) -> Scale:
        """Where the metres come from."""
        bone = None if self.bone_length is None else parse_bone_length(self.bone_length)
        return Scale(height=self.height, camera_height=self.camera_height, bone_length=bone)


def lift_file(
    source: str | Path,
    out: str | Path,
    options: LiftOptions | None = None,
    progress: Progress | None = None,
) -> list[Motion3D]:
    """Lift the people in a video or a keypoint file, and write their motion.

    Writes ``person_<number>/motion.npz`` and ``motion.bvh`` into the folder ``out``, and for a
    video ``overlay.mp4``. Results of an earlier run in this folder are replaced; those of people
    that ``options.person`` excludes are kept.

    Args:
        source: A video; or keypoints in our own .npz, or as OpenPose, MMPose, rtmlib or Sports2D
            write them.
        out: Folder of the results; made if missing.
        options: By default `LiftOptions()`.
        progress: Called as the work goes on.

    Returns:
        The motion of each person; ``person`` is the number in the folder's name.

    Raises:
        FileNotFoundError: If there is no such source, or no such weights.
        ValueError: If no one is found, the source cannot be read, or options do not fit it.
        ImportError: If an option needs a package that is not installed.
        OSError: If the folder cannot be written.
    """
    from .lifting.lifter import DEFAULT_POSTPROCESS, Lifter
    from .runtime.memory import trim_heap

    options, source, out = options or LiftOptions(), Path(source), Path(out)
    progress = progress or (lambda stage, done, total: None)
    _refuse_own_result(source, out)
    video, people = _open(source, options)
    if video is not None and people is not None and options.overlay:
        _compare_with_video(people, video)
    check_writable(out)
    lifter = Lifter(
        options.weights,
        options.device,
        options.flip,
        checkpoint_protocol=options.checkpoint_protocol,
        heads=options.heads,
        backend=options.backend,
        precision=options.precision,
    )
    if people is None:
        assert video is not None
        people = find_people(video, options, progress)
    motions, raw = lifter.lift_with_raw(
        people,
        scale=options.scale,
        focal=options.focal,
        config=DEFAULT_POSTPROCESS if options.postprocess else None,
        keep_raw=options.save_raw,
    )
    trim_heap()
    _write(motions, raw, out)
    _delete_stale(out, {motion.person for motion in motions}, all_people=options.person == "all")
    if video is not None and options.overlay:
        drawn = {motion.person: motion for motion in motions}
        write_overlay(video, drawn, out / OVERLAY, lambda *steps: progress("drawing", *steps))
    else:
        _delete(out / OVERLAY, keep=(source, options.video))
    return motions


def find_people(
    video: Video,
    options: InputOptions,
    progress: Progress = lambda stage, done, total: None,
) -> list[Motion2D]:
    """Find the people in a video with the packaged detector, or with local ONNX files.

    Raises:
        FileNotFoundError: If there is no such ONNX file.
        ValueError: If no one is found, there is no such person, or a file holds another network.
    """

    def report(done: int, total: int) -> None:
        progress("detecting", done, total)

    if options.pose_model is None:
        return detect_people(
            video, person=options.person, landmarks=options.landmarks, progress=report
        )
    from .detect import local

    detections = local.detect(video, options.pose_model, options.person_model, progress=report)
    return assemble_people(detections, options.person)


def read_source(source: str | Path, options: InputOptions | None = None) -> list[Motion2D]:
    """Read the people of a keypoint file, or find those in a video."""
    options = options or InputOptions()
    video, people = _open(Path(source), options)
    if people is not None:
        return people
    assert video is not None
    return find_people(video, options)


def _open(source: Path, options: InputOptions) -> tuple[Video | None, list[Motion2D] | None]:
    """Open a video (people: None), or read the people of a keypoint file, perhaps with a video.

    Raises:
        ValueError: If options do not fit the source, or keypoints do not fit their video.
    """
    if not source.exists():
        check_local(source)  # raises: an address, or no such file
    if source.suffix.lower() not in READERS and not source.is_dir():
        given = {"--fps": options.fps, "--size": options.size, "--video": options.video}
        unfit = [option for option, value in given.items() if value is not None]
        if unfit:
            raise ValueError(
                f"{', '.join(unfit)}: only keypoint files need that, and {source} is read as a "
                "video."
            )
        return open_video(source), None
    video = None if options.video is None else open_video(options.video)
    fallback = None if video is None else (video.fps, video.size)
    detections = read_detections(source, fps=options.fps, size=options.size, fallback=fallback)
    return video, assemble_people(detections, options.person)


def _compare_with_video(people: Sequence[Motion2D], video: Video) -> None:
    """Check that keypoints can be drawn on a video; log it if their lengths differ."""
    for person in people:
        check_video_size(video, person.size)
    longest = max(len(person) for person in people)
    if longest != video.length:
        log.info(
            "the keypoints have %d frames, %s about %d", longest, video.path.name, video.length
        )


def _refuse_own_result(source: Path, out: Path) -> None:
    """Refuse a result as the source of results in the same folder, which would replace it.

    Raises:
        ValueError: If the source is such a result.
    """
    if source.parent.name.startswith("person_") and source.resolve().is_relative_to(out.resolve()):
        raise ValueError(
            f"the results of {source} would replace those in {out}; give another --out."
        )


def _write(motions: Sequence[Motion3D], raw: Sequence[Motion3D], out: Path) -> None:
    for i, motion in enumerate(motions):
        folder = person_folder(out, motion)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RAW).unlink(missing_ok=True)  # of an earlier motion
        for name in RESULTS:
            save(motion, folder / name)
        if raw:
            save(raw[i], folder / RAW)


def person_folder(out: Path, motion: Motion3D) -> Path:
    """Return the folder of a person's results."""
    return out / f"person_{motion.person}"


def _delete_stale(out: Path, numbers: set[int], *, all_people: bool) -> None:
    """Delete an earlier run's results of people who are not among all people of this one."""
    for folder in sorted(out.glob("person_*")):
        number = folder.name.removeprefix("person_")
        if not number.isdecimal() or int(number) in numbers:
            continue
        if not all_people:
            log.info("%s is of an earlier run", folder)
            continue
        for name in (*RESULTS, RAW):
            _delete(folder / name)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _delete(file: Path, keep: Sequence[Path | None] = ()) -> None:
    """Delete a result of an earlier run, unless it is one of the files to keep."""
    kept = [path.resolve() for path in keep if path is not None]
    if file.is_file() and file.resolve() not in kept:
        file.unlink()
        log.info("%s was of an earlier run and was deleted", file)
