"""The verb `quality`: measures of a motion without ground truth."""

from pathlib import Path

import tyro

from ._terminal import show, show_table


def quality(motion: tyro.conf.Positional[Path], *, raw: Path | None = None) -> None:
    """Measure a motion without ground truth, before and after post-processing.

    Args:
        motion: A motion of one person as .npz, .json, .csv, .parquet or .glb.
            A raw motion is post-processed now, alone, to compare with.
        raw: The same motion before post-processing (default: motion_raw.npz beside it, which
            `tcpformer lift --save-raw` writes).
    """
    from ..analysis.quality import compare_quality, format_quality, measure_quality
    from ..io import load_person
    from ..lifting.lifter import DEFAULT_POSTPROCESS
    from ..postprocess.stages import postprocess

    finished = load_person(motion)
    beside = motion.with_name("motion_raw.npz")
    is_run = motion.name == "motion.npz"  # another file beside may be of another person
    before = raw if raw is not None else beside if is_run and beside.exists() else None
    if "postprocess" not in finished.provenance:
        first, finished = finished, postprocess([finished], DEFAULT_POSTPROCESS)[0]
    elif before is not None:
        first = load_person(before)
    else:
        show_table(format_quality(measure_quality(finished)))
        show(f"no {beside} to compare with: `tcpformer lift --save-raw` writes it")
        return
    show_table(format_quality(*compare_quality(first, finished)))
    show(f"post-processing: {finished.provenance['postprocess']}")
    show(f"ground: {finished.provenance.get('ground', 'unknown')}")
