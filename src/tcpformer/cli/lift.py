"""The verb `lift`: parse its options, call `pipeline.lift_file`, and print what it wrote."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import tyro

from ..io.pictures import is_picture
from ..motion import Motion3D, seen_groups
from ..options import CameraOptions, InputOptions, LiftOptions, NetworkOptions, OutputOptions
from ..pipeline import OVERLAY, Progress, files_of_person, lift_file
from ..serve.inputs import is_clip
from ..serve.remote import is_address
from ..skeleton import BODY_26, GROUPS
from ..tracking.bystanders import find_bystanders
from ..tracking.tracker import MAIN_SHARE
from ._batch import BatchOptions, lift_clips
from ._terminal import count, progress_bar, set_threads, show, show_notes, show_written

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
    more: tyro.conf.Positional[tuple[Path, ...]] = (),
    *,
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out"),
    quiet: bool = False,
    threads: int = 0,
    input: tyro.conf.OmitArgPrefixes[InputOptions] = InputOptions(),  # noqa: B008 - frozen
    camera: tyro.conf.OmitArgPrefixes[CameraOptions] = CameraOptions(),  # noqa: B008
    network: tyro.conf.OmitArgPrefixes[NetworkOptions] = NetworkOptions(),  # noqa: B008
    output: tyro.conf.OmitArgPrefixes[OutputOptions] = OutputOptions(),  # noqa: B008
    batch: tyro.conf.OmitArgPrefixes[BatchOptions] = BatchOptions(),  # noqa: B008
) -> None:
    """Lift the people in a video, in pictures, or of 2D keypoints, to 3D.

    Writes person_<number>/motion.npz and motion.bvh, or other --formats, into the output folder,
    for a video overlay.mp4, and the manifest tcpformer.json. Results of an earlier run in this
    folder, which are those in its manifest, are replaced together; those of people excluded by
    --person are kept.

    Of several inputs, or a folder with videos at any depth, each clip gets a folder of results
    below --out, at its relative path. What an earlier run has lifted from the same input with the
    same options is left as it is; a clip that fails is reported in report.jsonl, and the others go
    on. Exit code: 0 if all are lifted, 3 if some are not, 2 if none is.

    Args:
        source: A video; a folder or a quoted pattern of pictures, with --fps; 2D keypoints, as
            `tcpformer formats` lists them; or a folder of videos, of folders of pictures, or of
            folders of keypoint JSON.
        more: Further ones.
        out: Folder of the results; made if missing.
        quiet: Print warnings and errors alone, on stderr.
        threads: CPU threads of the lifter, in each of --jobs; 0 takes all, or an equal share. On a
            busy machine, 1 is many times faster.
        input: What is lifted.
        camera: Where metres and the focal length come from.
        network: Which network lifts, and where it runs.
        output: What is written.
        batch: How many clips are lifted.
    """
    start = time.monotonic()
    set_threads(threads)
    options = LiftOptions(**vars(input), **vars(camera), **vars(network), **vars(output))
    batch.check()
    many = more or batch.split is not None or is_address(source) or is_address(out)
    if many or (options.video is None and not is_clip(source)):
        lift_clips([source, *more], out, options, batch, threads=threads, quiet=quiet)
        return
    batch.check_unused()
    with show_notes(quiet=quiet), progress_bars(quiet=quiet) as progress:
        motions = lift_file(source, out, options, progress)
    if quiet:
        return
    report(motions, out, options)
    together = options.group_names if len(motions) > 1 else ()
    for name in (*together, *((OVERLAY,) if options.overlay else ())):
        if (out / name).exists():
            show_written(out / name)
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


def report(motions: Sequence[Motion3D], out: Path, options: LiftOptions) -> None:
    """Print the files of each person, and where their motion comes from: once what all share."""
    bystanders = find_bystanders(motions)
    origins = [describe_origin(motion) for motion in motions]
    shared = [line for line in origins[0] if all(line in lines for lines in origins)]
    for motion, lines in zip(motions, origins, strict=True):
        mark = " (bystander)" if motion.person in bystanders else ""
        files = files_of_person(out, motion, options)
        show_written(f"{files[0].parent}: {', '.join(file.name for file in files)}{mark}")
        show(f"  {count(len(motion), 'frame')} at {motion.fps:.4g} per second, the person seen in "
             f"{int(motion.valid.sum())}")  # fmt: skip
        show(*(f"  {line}" for line in lines if line not in shared))
    if bystanders:
        show(f"bystanders are shown less than {MAIN_SHARE:g} times as much as the first person; "
             "--person main leaves them out")  # fmt: skip
    show(*shared)


def describe_origin(motion: Motion3D) -> list[str]:
    """Return lines that tell where a motion comes from."""
    provenance, unseen = motion.provenance, [n for n in GROUPS if n not in seen_groups(motion)]
    lines = [f"scale: {provenance['scale']}", f"focal length: {provenance['focal']}"]
    if motion.skeleton == BODY_26 and unseen:
        lines.insert(0, f"never detected, placed by the network alone: {', '.join(unseen)}")
    lines.append(f"ground: {provenance['ground']}")
    if motion.ground_sigma is not None:
        tilt, roll, floor = motion.ground_sigma
        lines.append(f"one sigma: vertical {max(tilt, roll):.1f} degrees, floor {floor:.2f} m")
    return [*lines, f"post-processing: {provenance.get('postprocess', 'none')}"]


@contextmanager
def progress_bars(*, quiet: bool = False) -> Iterator[Progress]:
    """Show one progress bar a stage; yield the callback of `lift_file`."""
    with ExitStack() as stack:
        bars = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = stack.enter_context(progress_bar(stage, quiet=quiet))
            bars[stage](done, total)

        yield progress
