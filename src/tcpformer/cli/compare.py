"""The verb `compare`: two performances, aligned in time and in space."""

from pathlib import Path
from typing import Literal

import numpy as np
import tyro

from ..motion import Motion3D
from ._terminal import show, show_written


def compare(
    a: tyro.conf.Positional[Path],
    b: tyro.conf.Positional[Path],
    *,
    out: Path = Path("comparison.html"),
    time: Literal["dtw", "part", "events", "none"] = "dtw",
    space: Literal["heading", "torso", "full"] = "heading",
    moments: int = 5,
    video_a: Path | None = None,
    video_b: Path | None = None,
) -> None:
    """Compare two motions and write a report as one HTML file, with pictures.

    Args:
        a: The reference: a motion of one person as .npz, .json, .csv, .parquet or .glb.
        b: The motion that is compared with it: moved to A's time, heading and body height.
        out: The report.
        time: dtw aligns by the likeness of poses; part does, where B is a part of A; events lets
            the strikes of the feet meet; none starts both together.
        space: In each frame, heading turns B about the vertical, torso in any way until the torsos
            meet, full also scales it until all joints do.
        moments: Number of worst moments to show.
        video_a: The video of A, for pictures of these moments, if it is not where the run found it.
        video_b: The video of B.
    """
    from ..analysis.compare import CompareConfig, compare_motions
    from ..io import load_person
    from ..viz.comparison_page import describe_moment, write_comparison

    if moments < 1:
        raise ValueError(f"moments must be at least 1, got {moments}.")
    config = CompareConfig(time=time, space=space, moments=moments)
    motions = load_person(a), load_person(b)
    found = compare_motions(*motions, config)
    rows = [moment.frame for moment in found.moments]
    stills = {
        name: _cut_stills(path, motion, video, times[rows].tolist())
        for name, path, motion, video, times in (
            ("A", a, motions[0], video_a, found.times),
            ("B", b, motions[1], video_b, found.times_b),
        )
    }
    write_comparison(found, out, (str(a), str(b)), stills)
    show_written(out)
    mean = sum(row[1] for row in found.joint_rows()) / max(len(found.joint_rows()), 1)
    show(f"  mean distance of the joints {100 * mean:.1f} cm; B at {found.tempo:.2f} of A's speed")
    for moment in found.moments:
        show(f"  {found.times[moment.frame]:.2f} s: {describe_moment(moment, found)}")


def _cut_stills(
    path: Path, motion: Motion3D, given: Path | None, seconds: list[float]
) -> list[np.ndarray | None]:
    """Return pictures of a motion.npz's person; none if no video is given, or found by its run."""
    from ..manifest import read_manifest
    from ..viz.stills import cut_stills
    from .view import find_video

    run = path.absolute().parent.parent
    manifest = read_manifest(run) if path.parent.name == f"person_{motion.person}" else None
    video, _ = find_video(manifest, run, given)
    if video is None:
        return [None] * len(seconds)
    if video.size != tuple(motion.size):
        raise ValueError(
            f"{video.path} has pictures of {video.size[0]} x {video.size[1]} pixels, and {path} is "
            f"of {motion.size[0]} x {motion.size[1]}; give the video that it was lifted from."
        )
    return cut_stills(video, motion, seconds)
