"""The verb `plot`: curves of a motion as a picture."""

from pathlib import Path

import tyro

from ._terminal import show_written


def plot(
    motion: tyro.conf.Positional[Path],
    *,
    what: str = "knee,hip,speed",
    out: Path | None = None,
) -> None:
    """Draw angles, speed or joints of a motion over time; needs the extra `plot`.

    Args:
        motion: A motion of one person as .npz, .json, .csv, .parquet or .glb.
        what: What to draw, separated by commas: an angle (knee_flexion, knee_flexion_l) or its
            first word (knee, hip), speed of the pelvis, or a joint (LWrist).
        out: The picture: .png, .svg or .pdf (default: plot.png beside the motion).
    """
    from ..io import load_person
    from ..viz.plots import make_panels, save_panels

    source = load_person(motion)
    words = [word.strip() for word in what.split(",") if word.strip()]
    target = motion.with_name("plot.png") if out is None else out
    save_panels(make_panels(source, words), source.times, target)
    show_written(target)
