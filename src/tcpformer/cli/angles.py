"""The verb `angles`: joint angles and gait parameters of a motion."""

from pathlib import Path

import tyro

from ..motion import Motion3D, seen_groups
from ._terminal import show, show_table, show_written


def angles(
    motion: tyro.conf.Positional[Path], *, out: Path | None = None, plot: bool = False
) -> None:
    """Write the joint angles of a motion as CSV and as OpenSim's MOT; with feet, its strides too.

    Writes angles.csv, angles.mot and, if strides are found, strides.csv. What cannot be known is
    left empty in the CSV.

    Args:
        motion: A motion of one person as .npz, .json, .csv, .parquet or .glb.
        out: Folder of the results (default: that of the motion).
        plot: Write angles.png, too; needs the extra `plot`.
    """
    from ..analysis.angles import ANGLES, measure_angles
    from ..io import load_person
    from ..io.angle_table import write_angles
    from ..io.mot import write_mot

    source = load_person(motion)
    folder = motion.parent if out is None else out
    found = measure_angles(source)
    known = found.known()
    if not known:
        raise ValueError(f"{motion}: no angle is known: no frame shows the joints that it needs.")
    folder.mkdir(parents=True, exist_ok=True)
    if plot:
        from ..viz.plots import plot_angles

        plot_angles(found, folder / "angles.png")
        show_written(folder / "angles.png")
    write_angles(found, folder / "angles.csv")
    show_written(folder / "angles.csv")
    if "pelvis_tilt" in known:
        write_mot(found, folder / "angles.mot")
        show_written(folder / "angles.mot")
    lacking = [name for name in ANGLES if name not in known]
    if lacking:
        show(f"  not known in any frame: {', '.join(lacking)}")
    _report_strides(source, folder)


def _report_strides(source: Motion3D, folder: Path) -> None:
    """Write and print the strides of a motion with feet."""
    from ..analysis.gait import measure_gait
    from ..io.angle_table import write_strides

    if "feet" not in seen_groups(source):
        show("  no strides: heels and toes were not detected")
        return
    gait = measure_gait(source)
    if not gait.strides:
        show(f"  no strides found; {gait.describe_left_out()}".removesuffix("; "))
        return
    write_strides(gait, folder / "strides.csv")
    show_written(folder / "strides.csv")
    show_table(gait.table())
