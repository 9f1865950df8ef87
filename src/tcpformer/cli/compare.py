"""The verb `compare`: two performances, aligned in time and in space."""

from pathlib import Path
from typing import Literal

import tyro

from ._terminal import show, show_written


def compare(
    a: tyro.conf.Positional[Path],
    b: tyro.conf.Positional[Path],
    *,
    out: Path = Path("comparison.html"),
    time: Literal["dtw", "part", "events", "none"] = "dtw",
    space: Literal["heading", "torso", "full"] = "heading",
    moments: int = 5,
) -> None:
    """Compare two motions and write a report as one HTML file, with pictures.

    Args:
        a: The motion.npz of the reference.
        b: The motion.npz that is compared with it: moved to A's time, heading and body height.
        out: The report.
        time: dtw aligns by the likeness of poses; part does, where B is a part of A; events lets
            the strikes of the feet meet; none starts both together.
        space: In each frame, heading turns B about the vertical, torso in any way until the torsos
            meet, full also scales it until all joints do.
        moments: Number of worst moments to show.
    """
    from ..analysis.compare import CompareConfig, compare_motions
    from ..io.npz import load_motion
    from ..viz.comparison_page import describe_moment, write_comparison

    if moments < 1:
        raise ValueError(f"moments must be at least 1, got {moments}.")
    config = CompareConfig(time=time, space=space, moments=moments)
    found = compare_motions(load_motion(a), load_motion(b), config)
    write_comparison(found, out, (str(a), str(b)))
    show_written(out)
    mean = sum(row[1] for row in found.joint_rows()) / max(len(found.joint_rows()), 1)
    show(f"  mean distance of the joints {100 * mean:.1f} cm; B at {found.tempo:.2f} of A's speed")
    for moment in found.moments:
        show(f"  {found.times[moment.frame]:.2f} s: {describe_moment(moment, found)}")
