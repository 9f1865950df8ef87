"""The whole road as a function: `lift_file` turns a video, or 2D keypoints, into 3D motion files.

source -> `Detections` -> a `Motion2D` for each person -> a `Motion3D` for each person -> files

It never prints: notes go to the logger ``tcpformer.pipeline``, progress to a callback.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .checks import as_path, check_type
from .detect import detect_people
from .detections import Detections
from .io import (
    READERS,
    read_detections,
    save,
)
from .io.calibration import read_calibration
from .io.parts import cut_detections, cut_video
from .io.pictures import Pictures, find_pictures
from .io.rig import RigOptions
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
from .options import InputOptions, LiftOptions, NetworkOptions, OutputOptions
from .result_folder import Replacement, replace_together
from .tracking.assemble import assemble_people
from .viz.overlay import check_video_size, write_overlay
from .world.lines import SceneLines

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
    if lens.rotation and not options.camera_up and not options.up_is_given:
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
        "version": package_version(),
    }
    return Manifest(key=key_of(content), **content)


def _describe_options(options: LiftOptions) -> dict[str, Any]:
    elsewhere = {"overwrite", "weights", "video", "pose_model", "person_model", "camera"}
    return {name: value for name, value in vars(options).items() if name not in elsewhere}


@cache
def package_version() -> str:
    """Return the version of the package; the file that holds it is read once."""
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
