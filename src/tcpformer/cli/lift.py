"""The verb `lift`: parse its options, call `pipeline.lift_file`, and print what it wrote."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import takewhile
from pathlib import Path

import tyro

from ..io.pictures import is_picture
from ..motion import Motion3D, seen_groups
from ..pipeline import (
    OVERLAY,
    RAW,
    RESULTS,
    CameraOptions,
    InputOptions,
    LiftOptions,
    NetworkOptions,
    OutputOptions,
    Progress,
    lift_file,
    person_folder,
)
from ..skeleton import BODY_26, GROUPS
from ._terminal import NotesHandler, progress_bar, set_threads, show, show_written

OLD_OPTIONS = {
    "--length": "--bone-length",
    "--no-finish": "--no-postprocess",
    "--finish": "--postprocess",
    "--raw": "--save-raw",
    "--no-raw": "--no-save-raw",
    "--trained-on": "--checkpoint-protocol",
}


def lift(
    source: tyro.conf.Positional[Path],
    *,
    out: Path = Path("out"),
    threads: int = 0,
    input: tyro.conf.OmitArgPrefixes[InputOptions] = InputOptions(),  # noqa: B008 - frozen
    camera: tyro.conf.OmitArgPrefixes[CameraOptions] = CameraOptions(),  # noqa: B008
    network: tyro.conf.OmitArgPrefixes[NetworkOptions] = NetworkOptions(),  # noqa: B008
    output: tyro.conf.OmitArgPrefixes[OutputOptions] = OutputOptions(),  # noqa: B008
) -> None:
    """Lift the people in a video, in pictures, or of 2D keypoints, to 3D.

    Writes person_<number>/motion.npz and motion.bvh into the output folder, for a video
    overlay.mp4, and the manifest tcpformer.json. Results of an earlier run in this folder, which
    are those in its manifest, are replaced together; those of people excluded by --person are kept.

    Args:
        source: A video; a folder or a quoted pattern of pictures, with --fps; or 2D keypoints, as
            `tcpformer formats` lists them.
        out: Folder of the results; made if missing.
        threads: CPU threads of the lifter; 0 takes all. On a busy machine, 1 is many times faster.
        input: What is lifted.
        camera: Where metres and the focal length come from.
        network: Which network lifts, and where it runs.
        output: What is written.
    """
    start = time.monotonic()
    set_threads(threads)
    options = LiftOptions(**vars(input), **vars(camera), **vars(network), **vars(output))
    with notes_on_stdout(), progress_bars() as progress:
        motions = lift_file(source, out, options, progress)
    for motion in motions:
        report(motion, out, options)
    if (out / OVERLAY).exists() and options.overlay:
        show_written(out / OVERLAY)
    show(f"done in {time.monotonic() - start:.1f} s")


def refuse_expanded_pattern(arguments: Sequence[str]) -> None:
    """Refuse pictures that a shell made of a pattern, with one sentence.

    Raises:
        ValueError: If the first words are several pictures.
    """
    words = list(takewhile(lambda word: not word.startswith("-"), arguments))
    if len(words) > 1 and all(is_picture(Path(word)) for word in words):
        pattern = Path(words[0]).parent / f"*{Path(words[0]).suffix}"
        raise ValueError(
            f"expected one source, got {len(words)} pictures; quote the pattern: tcpformer lift "
            f'"{pattern}" --fps ...'
        )


def report(motion: Motion3D, out: Path, options: LiftOptions) -> None:
    """Print the files of one person, and where their motion comes from."""
    for name in (*RESULTS, *((RAW,) if options.save_raw else ())):
        show_written(person_folder(out, motion) / name)
    seen, total = int(motion.valid.sum()), len(motion)
    frames = "1 frame" if total == 1 else f"{total} frames"
    provenance = motion.provenance
    show(f"  {frames} at {motion.fps:.4g} per second, the person seen in {seen}")
    unseen = [name for name in GROUPS if name not in seen_groups(motion)]
    if motion.skeleton == BODY_26 and unseen:
        show(f"  never detected, placed by the network alone: {', '.join(unseen)}")
    show(f"  scale: {provenance['scale']}; focal length: {provenance['focal']}")
    show(f"  ground: {provenance['ground']}")
    if motion.ground_sigma is not None:
        tilt, roll, floor = motion.ground_sigma
        show(f"  one sigma: vertical {max(tilt, roll):.1f} degrees, floor {floor:.2f} m")
    show(f"  post-processing: {provenance.get('postprocess', 'none')}")


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Show one progress bar a stage; yield the callback of `lift_file`."""
    with ExitStack() as stack:
        bars = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = stack.enter_context(progress_bar(stage))
            bars[stage](done, total)

        yield progress


@contextmanager
def notes_on_stdout() -> Iterator[None]:
    """Print the notes of the pipeline while a command runs."""
    handler, log = NotesHandler(), logging.getLogger("tcpformer")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
