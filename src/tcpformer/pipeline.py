"""The whole road as a function: `lift_file` turns a video, or 2D keypoints, into 3D motion files.

source -> `Detections` -> a `Motion2D` for each person -> a `Motion3D` for each person -> files

It never prints: notes go to the logger ``tcpformer.pipeline``, progress to a callback.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .checks import as_path, check_field_types, check_type
from .detect import detect_people
from .detections import Detections
from .io import (
    GROUP_WRITERS,
    READERS,
    RIGGED,
    check_writable_suffix,
    read_detections,
    save,
)
from .io.calibration import read_calibration
from .io.parts import cut_detections, cut_video
from .io.pictures import Pictures, find_pictures
from .io.rig import Rest, RigOptions
from .io.rig_names import Names
from .io.video import Video, check_local, open_video
from .io.video_alignment import place_on_square_pixels, place_on_video
from .lens import Lens, undistort_motion
from .manifest import (
    MANIFEST,
    Manifest,
    check_inputs,
    claim_results,
    hash_input,
    is_whole,
    key_of,
    paths_from,
    read_manifest,
    stamp_input,
    write_manifest,
)
from .motion import Motion2D, Motion3D
from .result_folder import Replacement, replace_together
from .tracking.assemble import MIN_SECONDS, assemble_people
from .viz.overlay import OverlayConfig, check_video_size, write_overlay
from .viz.view_path import Side, ViewConfig
from .world.lines import SceneLines
from .world.scale import Scale, parse_bone_length, parse_heights
from .world.vertical import Hints, hints_from

if TYPE_CHECKING:
    from .detect.one_pass import FollowedPeople, Watch
    from .detect.scene import SceneReading
    from .lifting.lifter import Lifter

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with the stage ("detecting", "drawing"), the steps done, and the steps in all."""
RAW = "motion_raw.npz"
OVERLAY = "overlay.mp4"
UNSURE_VERTICAL, UNSURE_FLOOR = 6.0, 0.5
"""Degrees and metres, one sigma, above which vertical and floor are warned of."""


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    """What is lifted."""

    person: str = "all"
    """People to lift: "all", "main" (without bystanders: who is shown less than 0.3 times as much
    as the first, by size and time), "largest" in the picture, "longest" in the video, or a number;
    number 0 covers most of the video."""
    start: float = 0.0
    """Seconds of the video, or of the keypoints, at which the motion begins; times stay those of
    the whole."""
    end: float | None = None
    """Seconds at which it ends, without the frame at that time; if not given, with the source."""
    min_seconds: float = MIN_SECONDS
    """Seconds that a person must be seen, or half of the frames; others are left out and listed."""
    trust_ids: bool = False
    """Keep the ids of a keypoint file apart, also where one continues the path of another."""
    landmarks: Literal["heavy", "full"] = "heavy"
    """Packaged 2D network; "full" is three times as fast and less exact."""
    every_frame: bool = False
    """Look at every frame with the packaged 2D network; by default frames of even motion are
    bridged, half of them or more, with a little less confidence."""
    pose_model: Path | None = None
    """Local ONNX file of RTMPose or RTMO that reads the joints instead."""
    person_model: Path | None = None
    """Local ONNX file of YOLOX that finds the people for RTMPose."""
    video: Path | None = None
    """Video of a keypoint file: gives rate and size, and the overlay is drawn on it."""
    fps: float | None = None
    """Frames per second of capture: of keypoints or pictures, which do not hold them, or of a
    video that plays at another rate."""
    slow_motion: float | None = None
    """How many times slower than it was captured the video plays: 8 for 240 frames per second
    played at 30."""
    size: tuple[int, int] | None = None
    """Image width and height, in pixels, of a keypoint file that does not hold them."""


@dataclass(frozen=True, kw_only=True)
class CameraOptions:
    """Where metres and the focal length come from; at most one of the first three."""

    height: float | str | None = None
    """Height of the people, in metres, or of each by number: 0=1.85,1=1.62; 1.70 for those without
    one, if nothing sets the scale."""
    camera_height: float | None = None
    """Height of the camera above the floor, in metres."""
    bone_length: str | None = None
    """Measured length of a bone of the first person: RKnee-RAnkle=0.43, in metres."""
    focal: float | Literal["motion"] | None = None
    """Focal length in pixels, or "motion" to estimate it to some 20 %; if not given, the video's
    metadata, else a view of 60 degrees."""
    up: tuple[float, float, float] | None = None
    """Direction against gravity in camera axes, x right, y down, z forward: 0 -1 0 if level."""
    camera_tilt: float | None = None
    """Degrees that the camera looks down; if not given, estimated."""
    camera_roll: float | None = None
    """Degrees that the camera is turned clockwise; if not given, estimated."""
    camera: Path | None = None
    """Calibration of the lens: TOML as Pose2Sim writes it, COLMAP's cameras.txt, or JSON with K,
    distortion and size. The joints are undistorted before lifting."""
    camera_name: str | None = None
    """Which camera of a calibration file with several."""
    camera_up: Literal["x", "y", "z", "-x", "-y", "-z"] | None = None
    """Axis of the calibration's world that points up, if it places the camera in one: z as Pose2Sim
    writes it (a negative one as --camera-up=-y)."""


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """Which network lifts, and where it runs."""

    weights: str = "default"
    """Packaged name ("default", "fast"), a folder, a released checkpoint or an exported file."""
    device: str = "auto"
    """"auto", "cpu", "cuda", "cuda:N" or "mps"; the 2D networks run there too if ONNX Runtime is
    installed with a provider for it."""
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
    joints: Literal[17, 26] | None = None
    """Joints of the result: 17, or 26 with feet, hands and face; if not given, those of the
    weights."""


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """What is written."""

    overlay: bool = True
    """Write overlay.mp4: the video with the 2D skeleton, the 3D motion beside it, and the sound."""
    view: Side = "turn"
    """Side from which the overlay shows the 3D motion: the camera's, from the camera's right
    (side), from the top, or first the camera's and then slowly around (turn)."""
    overlay_angles: bool = False
    """Write the degrees of knees, hips and elbows into the overlay."""
    postprocess: bool = True
    """Clean the keypoints, smooth the motion and put it on the floor."""
    save_raw: bool = False
    """Write motion_raw.npz too: the motion before post-processing, for `tcpformer quality`."""
    formats: str = "bvh"
    """Formats beside motion.npz, separated by commas, such as bvh,trc,csv; "" for none. `tcpformer
    formats` lists them. glb, usd and fbx are written for each person, and for all as people.glb."""
    rig: Names = "mixamo"
    """Names of the bones in bvh, glb, usd and fbx: mixamo (Hips, LeftUpLeg), vrm (hips,
    leftUpperLeg) or plain (pelvis, thigh_L)."""
    rest: Rest = "t-pose"
    """Rest pose of the bones: arms sideways, or 45 degrees down."""
    recenter: bool = False
    """Let the motion of bones start above the origin, each person's; else all share one world."""
    trim: bool = True
    """Leave out of the motion of bones the frames before the person is first seen and after the
    last one."""
    overwrite: bool = False
    """Replace files with the names of results that no manifest of an earlier run lists, as in a
    folder of version 0.2 or older."""

    @property
    def result_names(self) -> tuple[str, ...]:
        """Names of the files of a person's motion, but for the raw one."""
        suffixes = (each.strip().lower().lstrip(".") for each in self.formats.split(","))
        return tuple(dict.fromkeys(f"motion.{each}" for each in ("npz", *suffixes) if each))

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names of the files of several people together: animations, which share one scene."""
        suffixes = (Path(name).suffix for name in self.result_names)
        return tuple(
            f"people{each}" for each in suffixes if each in RIGGED and each in GROUP_WRITERS
        )

    @property
    def overlay_config(self) -> OverlayConfig:
        """What the overlay shows, and from which side."""
        return OverlayConfig(angles=self.overlay_angles, view=ViewConfig(self.view))


@dataclass(frozen=True, kw_only=True)
class LiftOptions(InputOptions, CameraOptions, NetworkOptions, OutputOptions):
    """Options of `lift_file`: those of input, camera, network and output together.

    Raises:
        ValueError: If two options contradict each other, or one is out of range.
    """

    def __post_init__(self) -> None:
        check_field_types(self)
        if not 0 <= self.start < (np.inf if self.end is None else self.end):
            raise ValueError(
                f"start and end (--start, --end) must be seconds, the end after the start, got "
                f"{self.start:g} and {self.end}."
            )
        if self.person_model is not None and self.pose_model is None:
            raise ValueError(
                "person_model finds people for pose_model, an RTMPose; give both "
                "(--pose-model, --person-model)."
            )
        if self.camera is not None and self.focal is not None:
            raise ValueError("camera (--camera) gives the focal length; leave out --focal.")
        if self.camera_name is not None and self.camera is None:
            raise ValueError("camera_name chooses a camera of --camera; give that file too.")
        if self.camera_up is not None:
            self._check_camera_up()
        for name in self.result_names:
            check_writable_suffix(Path(name).suffix, name)
        self.scale.check_floor(found=self.postprocess)
        self.hints().check_used(found=self.postprocess)

    def _check_camera_up(self) -> None:
        if self.camera is None:
            raise ValueError("camera_up is an axis of the world of --camera; give that file too.")
        if self._up_is_given:
            raise ValueError(
                "camera_up (--camera-up) gives the vertical; leave out --up, --camera-tilt and "
                "--camera-roll."
            )
        if not self.postprocess:
            raise ValueError(
                "camera_up turns the world upright, which is a step of the post-processing; leave "
                "it out, or do not turn that off."
            )

    @property
    def _up_is_given(self) -> bool:
        return any(each is not None for each in (self.up, self.camera_tilt, self.camera_roll))

    @property
    def scale(self) -> Scale:
        """Where the metres come from."""
        bone = None if self.bone_length is None else parse_bone_length(self.bone_length)
        return Scale(
            height=parse_heights(self.height), camera_height=self.camera_height, bone_length=bone
        )

    def hints(self, scene: SceneLines | None = None, lens: Lens | None = None) -> Hints:
        """Return what is known of the camera's posture."""
        if lens is not None and self.camera_up is not None:
            hints = hints_from(lens.direction_of(self.camera_up), scene=scene)
            return replace(hints, source=f"axis {self.camera_up} of the world of {lens.source}")
        return hints_from(self.up, self.camera_tilt, self.camera_roll, scene)


def lift_file(
    source: str | Path,
    out: str | Path,
    options: LiftOptions | None = None,
    progress: Progress | None = None,
    *,
    seen: "FollowedPeople | None" = None,
) -> list[Motion3D]:
    """Lift the people in a video or a keypoint file, and write their motion.

    Writes ``person_<number>/motion.npz`` and ``motion.bvh``, or the files of other
    ``options.formats``, into the folder ``out``; of several people also all in one ``people.glb``,
    if that or another animation is among the formats (`RIGGED` and `GROUP_WRITERS`); for a video
    ``overlay.mp4``, and ``tcpformer.json``, the manifest. All take their places at the end,
    together. Results of an earlier run in this folder, which are those in its manifest, are
    replaced; those of people that ``options.person`` excludes are kept.

    Args:
        source: A video; pictures: a folder or a pattern such as "frames/*.png", with
            ``options.fps``; or 2D keypoints in one of `tcpformer.io.formats.FORMATS`.
        out: Folder of the results; made if missing.
        options: By default `LiftOptions()`.
        progress: Called as the work goes on.
        seen: What `see_video` saw in this video, if that was done before.

    Returns:
        The motion of each person; ``person`` is the number in the folder's name.

    Raises:
        FileNotFoundError: If there is no such source, or no such weights.
        ValueError: If no one is found, the source cannot be read, options do not fit it, an input
            is among the results in ``out``, or a file in the place of a result is in no manifest.
        ImportError: If an option needs a package that is not installed.
        OSError: If the folder cannot be written, or another run writes into it.
    """
    options = LiftOptions() if options is None else options
    check_type("options", options, LiftOptions)
    source, out = as_path("source", source), as_path("out", out)
    progress = progress or (lambda stage, done, total: None)
    inputs = inputs_of(source, options)
    check_inputs(inputs, out)
    video, people = _open(source, options)
    if video is not None and people is not None and options.overlay:
        for person in people:
            check_video_size(video, person.size)
    size = people[0].size if people else video.size if video else (0, 0)
    lens = _read_lens(options, size)
    with replace_together(out, owned=False) as run:
        earlier = claim_results(out, overwrite=options.overwrite)
        lifter = _lifter(options)
        stamps = {name: stamp_input(path) for name, path in inputs.items()}
        manifest = describe_run(_hash_inputs(inputs), options, lifter.name)
        manifest = replace(manifest, paths=paths_from(out, inputs), stamps=stamps)
        if people is None:
            assert video is not None
            people, scene = _detect(video, options, progress, seen)
        else:
            scene = None if video is None else _use_scene(_read_scene(video, people))
        with _named(source):
            motions, raw = _lift(lifter, people, options, scene, lens)
        _warn_of_ground(motions)
        _write(motions, raw, run.new, options)
        if video is not None and options.overlay:
            drawn = {motion.person: _as_recorded(motion, lens) for motion in motions}
            report = partial(progress, "drawing")
            write_overlay(video, drawn, run.new / OVERLAY, report, options.overlay_config)
        kept = {} if options.person == "all" else _of_others(earlier, out, run.new)
        write_manifest(replace(manifest, files=kept), run.new)
        _release(run, earlier, kept)
    _log_earlier(out, earlier, kept)
    return motions


def inputs_of(source: Path, options: LiftOptions) -> dict[str, Path]:
    """Return the files and folders that are read, by the option that names them."""
    weights = Path(options.weights)
    inputs = {
        "source": source,
        "--video": options.video,
        "--pose-model": options.pose_model,
        "--person-model": options.person_model,
        "--camera": options.camera,
        "--weights": weights if weights.exists() else None,  # or a packaged name
    }
    return {name: path for name, path in inputs.items() if path is not None}


def _read_lens(options: LiftOptions, size: tuple[int, int]) -> Lens | None:
    """Return the calibration of the lens for images of a size, if the options name one."""
    if options.camera is None:
        return None
    lens = read_calibration(options.camera, options.camera_name).scaled_to(size)
    options.hints(lens=lens)  # raises if the calibration has no world
    if lens.rotation and not options.camera_up and not options._up_is_given:
        log.info(
            "%s places the camera in a world; if an axis of that points up, name it: --camera-up z "
            "(Pose2Sim)",
            lens.source,
        )
    return lens


def _lifter(options: LiftOptions) -> "Lifter":
    from .lifting.lifter import Lifter

    return Lifter(
        options.weights,
        options.device,
        options.flip,
        checkpoint_protocol=options.checkpoint_protocol,
        heads=options.heads,
        backend=options.backend,
        precision=options.precision,
        joints=options.joints,
    )


def _hash_inputs(inputs: Mapping[str, Path]) -> dict[str, str]:
    """Return the sha256 of each input but the weights, whose name contains it."""
    return {name: hash_input(path) for name, path in inputs.items() if name != "--weights"}


def name_weights(options: LiftOptions) -> str:
    """Open the weights that options name; return their name, with a fingerprint.

    Raises:
        FileNotFoundError: If there are no such weights.
        ValueError: If they do not fit the other options.
        ImportError: If their runtime is not installed.
    """
    return _lifter(options).name


def describe_run(hashes: Mapping[str, str], options: LiftOptions, weights: str) -> Manifest:
    """Return the manifest of a run before it has written anything.

    Args:
        hashes: Which input -> its sha256.
        options: Those that change the results are part of the key.
        weights: Name and fingerprint.
    """
    content = {
        "inputs": dict(hashes),
        "weights": weights,
        "options": _describe_options(options),
        "version": _version(),
    }
    return Manifest(key=key_of(content), **content)


def _describe_options(options: LiftOptions) -> dict[str, Any]:
    elsewhere = {"overwrite", "weights", "video", "pose_model", "person_model", "camera"}
    return {name: value for name, value in vars(options).items() if name not in elsewhere}


@cache
def _version() -> str:
    return version("tcpformer")


def is_lifted(
    source: Path, out: Path, options: LiftOptions, weights: str, *, hashing: bool = True
) -> bool:
    """Check whether a folder holds what `lift_file` would write: same input, options and weights.

    Args:
        source: As of `lift_file`.
        out: Folder of the results.
        options: As of `lift_file`.
        weights: What `name_weights` returns for them.
        hashing: Whether to read inputs whose sizes and times have changed; else these count as
            changed.
    """
    manifest = read_manifest(out)
    if manifest is None or manifest.state != "complete" or not is_whole(out, manifest):
        return False
    hashes = {}
    for name, path in inputs_of(source, options).items():
        if name == "--weights":
            continue
        stamp = stamp_input(path)
        if stamp and stamp == manifest.stamps.get(name):
            hashes[name] = manifest.inputs.get(name, "")
        elif not hashing:
            return False
        else:
            hashes[name] = hash_input(path)
    return describe_run(hashes, options, weights).key == manifest.key


def _lift(
    lifter: "Lifter",
    people: Sequence[Motion2D],
    options: LiftOptions,
    scene: SceneLines | None,
    lens: Lens | None,
) -> tuple[list[Motion3D], list[Motion3D]]:
    """Lift people; return their motions, and the raw ones if the options want them."""
    from .lifting.lifter import DEFAULT_POSTPROCESS
    from .runtime.memory import trim_heap

    if lens is not None:
        people = [undistort_motion(person, lens) for person in people]
        scene = None if scene is None else _undistort_scene(scene, lens)
    motions, raw = lifter.lift_with_raw(
        people,
        scale=options.scale,
        focal=options.focal,
        hints=options.hints(scene, lens),
        config=DEFAULT_POSTPROCESS if options.postprocess else None,
        keep_raw=options.save_raw,
    )
    trim_heap()
    if lens is not None:
        motions, raw = ([_with_lens(each, lens) for each in some] for some in (motions, raw))
    return motions, raw


def _undistort_scene(scene: SceneLines, lens: Lens) -> SceneLines:
    """Return the edges of a scene as the ideal camera of the lens sees their ends."""
    ends, solved = lens.undistort(scene.segments.reshape(-1, 2))
    keep = solved.reshape(-1, 2).all(axis=1)
    return replace(scene, segments=ends.reshape(-1, 4)[keep], weight=scene.weight[keep])


def _with_lens(motion: Motion3D, lens: Lens) -> Motion3D:
    """Add the calibration of the lens to the provenance."""
    return replace(motion, provenance={**motion.provenance, "lens": lens.describe()})


def _as_recorded(motion: Motion3D, lens: Lens | None) -> Motion3D:
    """Return a motion whose joints in the image lie where the recorded picture shows them."""
    if lens is None:
        return motion
    xy = lens.distort(motion.xy.reshape(-1, 2))
    return replace(motion, xy=xy.reshape(motion.xy.shape))


def _detect(
    video: Video, options: InputOptions, progress: Progress, seen: "FollowedPeople | None" = None
) -> tuple[list[Motion2D], SceneLines | None]:
    """Find the people in a video, and straight edges behind them, in one reading if possible."""
    from .detect.scene import SceneReader

    people = None if seen is None else _people_of(seen, options)
    if people is not None:
        return people, _use_scene(_read_scene(video, people))
    if options.pose_model is not None:
        people = find_people(video, options, progress)
        return people, _use_scene(_read_scene(video, people))
    scene = SceneReader(video)
    people = find_people(video, options, progress, scene.watch)
    return people, _use_scene(scene.reading())


def _people_of(seen: "FollowedPeople", options: InputOptions) -> list[Motion2D] | None:
    """Return people who were seen before, by number; None if none of them is certain."""
    from .detect.one_pass import tell_people_apart

    found = seen.found if options.pose_model is not None else tell_people_apart(seen)
    if found is None:
        return None
    return assemble_people(found, options.person, options.min_seconds)


def see_video(video: Video, options: InputOptions, progress: Progress) -> "FollowedPeople":
    """Follow all people in a video, or a part of one, for `lift_file` to tell them apart."""
    from .detect import local
    from .detect.one_pass import FollowedPeople, see

    def report(done: int, total: int) -> None:
        progress("detecting", done, total)

    if options.pose_model is not None:
        found = local.see(video, options.pose_model, options.person_model, progress=report)
        return FollowedPeople(found, {})
    return see(
        video,
        landmarks=options.landmarks,
        every_frame=options.every_frame,
        device=options.device if isinstance(options, NetworkOptions) else "auto",
        progress=report,
    )


def _read_scene(video: Video, people: Sequence[Motion2D]) -> "SceneReading":
    from .detect.scene import read_scene

    return read_scene(video, people)


def _use_scene(reading: "SceneReading") -> SceneLines | None:
    """Return the edges of a scene; warn, and use none, if the camera moves."""
    if (warning := reading.warning()) is not None:
        log.warning("warning: %s", warning)
        return None
    return SceneLines(reading.segments, reading.weight, reading.size)


def _warn_of_ground(motions: Sequence[Motion3D]) -> None:
    """Warn of a vertical or a floor that is hardly known."""
    sigmas = [motion.ground_sigma for motion in motions if motion.ground_sigma is not None]
    if not sigmas:
        return
    tilt, roll, floor = sigmas[0]
    if max(tilt, roll) > UNSURE_VERTICAL or floor > UNSURE_FLOOR:
        log.warning(
            "warning: the vertical is uncertain by %.0f degrees, the floor by %.2f m (one sigma); "
            "if the camera's tilt and roll are known, give --camera-tilt and --camera-roll.",
            max(tilt, roll),
            floor,
        )


def find_people(
    video: Video,
    options: InputOptions,
    progress: Progress = lambda stage, done, total: None,
    watch: "Watch | None" = None,
) -> list[Motion2D]:
    """Find the people in a video with the packaged detector, or with local ONNX files.

    ``watch`` is called as in `detect_people`, by the packaged detector alone.

    Raises:
        FileNotFoundError: If there is no such ONNX file.
        ValueError: If no one is found, there is no such person, or a file holds another network.
    """

    def report(done: int, total: int) -> None:
        progress("detecting", done, total)

    if options.pose_model is None:
        return detect_people(
            video,
            person=options.person,
            min_seconds=options.min_seconds,
            landmarks=options.landmarks,
            every_frame=options.every_frame,
            device=options.device if isinstance(options, NetworkOptions) else "auto",
            progress=report,
            watch=watch,
        )
    from .detect import local

    detections = local.detect(video, options.pose_model, options.person_model, progress=report)
    return assemble_people(detections, options.person, options.min_seconds)


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
    video = open_source_video(source, options)
    if video is not None:
        return video, None
    if options.slow_motion is not None and options.video is None:
        raise ValueError(
            f"--slow-motion is for videos; give the rate of capture of {source} as --fps."
        )
    if options.video is None:
        video, detections = None, read_detections(source, fps=options.fps, size=options.size)
    else:
        video, detections = _read_on_video(source, options.video, options)
    with _named(source):
        detections = cut_detections(detections, options.start, options.end)
        video = None if video is None else cut_video(video, options.start, options.end)
        people = assemble_people(
            detections, options.person, options.min_seconds, trust_ids=options.trust_ids
        )
    return video, people


def open_source_video(source: Path, options: InputOptions) -> Video | None:
    """Open a source that is a video, from its start to its end; None if it holds keypoints.

    Raises:
        ValueError: If options do not fit it.
    """
    pictures = find_pictures(source) is not None
    if not pictures and not source.exists():
        check_local(source)  # raises: an address, or no such file
    if not pictures and (source.suffix.lower() in READERS or source.is_dir()):
        return None
    given = {"--size": options.size, "--video": options.video}
    unfit = [option for option, value in given.items() if value is not None]
    if unfit:
        raise ValueError(
            f"{', '.join(unfit)}: only keypoint files need that, and {source} is read as a video."
        )
    video = open_video(source, fps=options.fps, slow_motion=options.slow_motion)
    with _named(source):
        return cut_video(video, options.start, options.end)


def _read_on_video(source: Path, path: Path, options: InputOptions) -> tuple[Video, Detections]:
    """Open the video of a keypoint file; read the file in its frames and pixels."""
    fps = options.fps if find_pictures(path) is not None else None
    video = open_video(path, fps=fps, slow_motion=options.slow_motion)
    fallback = video.fps, video.size
    if video.stored_size is not None:
        log.info(
            "%s stores %d x %d pixels that are not square, and is read as %d x %d",
            *(path.name, *video.stored_size, *video.size),
        )
        fallback = video.fps, None
    detections = read_detections(source, fps=options.fps, size=options.size, fallback=fallback)
    detections = place_on_square_pixels(detections, video)
    numbers = video.numbers if isinstance(video, Pictures) else ()
    return video, place_on_video(detections, video.times(), path, numbers)


@contextmanager
def _named(source: Path) -> Iterator[None]:
    """Put the name of the source in front of an error."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def _write(
    motions: Sequence[Motion3D], raw: Sequence[Motion3D], out: Path, options: OutputOptions
) -> None:
    rig = RigOptions(options.rig, options.rest, options.recenter, options.trim)
    for i, motion in enumerate(motions):
        folder = person_folder(out, motion)
        folder.mkdir()
        for name in options.result_names:
            save(motion, folder / name, rig)
        if raw:
            save(raw[i], folder / RAW)
    if len(motions) > 1:
        for name in options.group_names:
            save(motions, out / name, rig)


def person_folder(out: Path, motion: Motion3D) -> Path:
    """Return the folder of a person's results."""
    return out / f"person_{motion.person}"


def files_of_person(out: Path, motion: Motion3D, options: OutputOptions) -> list[Path]:
    """Return the files of a person that `lift_file` wrote into a folder."""
    folder = person_folder(out, motion)
    names = (*options.result_names, *((RAW,) if options.save_raw else ()))
    return [folder / name for name in names] + sorted(folder.glob("motion_[0-9]*.c3d"))


def _of_others(earlier: Manifest, out: Path, new: Path) -> dict[str, Mapping[str, Any]]:
    """Return the earlier results of people who are not lifted this time."""
    return {
        name: each
        for name, each in earlier.files.items()
        if name.startswith("person_") and not (new / name).parent.exists() and (out / name).exists()
    }


def _release(run: Replacement, earlier: Manifest, kept: Mapping[str, Any]) -> None:
    """Let earlier results be replaced, or deleted where this run has no successor of them."""
    run.owned.update(earlier.files, [MANIFEST])
    stale = {name.split("/")[0] for name in earlier.files if name not in kept}
    run.removed.update(name for name in stale if not (run.new / name).exists())


def _log_earlier(out: Path, earlier: Manifest, kept: Mapping[str, Any]) -> None:
    """Log which earlier results stayed, and which went without a successor."""
    for folder in sorted({(out / name).parent for name in kept}):
        log.info("%s is of an earlier run", folder)
    for name in sorted(earlier.files):
        if name not in kept and not (out / name).exists():
            log.info("%s was of an earlier run and was deleted", out / name)
