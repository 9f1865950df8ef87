"""Verbs that prepare data sets: `tcpformer data ...`."""

from pathlib import Path

import tyro

from ._terminal import show, show_table, show_written


def check(folder: tyro.conf.Positional[Path]) -> None:
    """Check your own data for mistakes: unit, axes, joints, sides, frame rate.

    Prints a table of the findings; exit code 1 if there are any.

    Args:
        folder: Folder of one npz per sequence, searched with its subfolders; docs/own-data.md
            describes the format.
    """
    from ..datasets.validate.check import check_folder

    found = check_folder(folder)
    show_table(found.table())
    if found.findings:
        raise SystemExit(1)


def mocap(
    folder: tyro.conf.Positional[Path],
    *,
    out: Path,
    val: tuple[str, ...] = (),
    test: tuple[str, ...] = (),
) -> None:
    """Convert motion capture (BVH, or ASF with AMC) to one training file.

    Args:
        folder: Folder of the files, searched with its subfolders.
        out: The .npz to write.
        val: Subjects for validation: the number before the take ("07_12" is of 07), or the folder.
        test: Subjects for testing: `tcpformer data open` films them. All others are for training.
    """
    from ..datasets.convert.mocap import convert_mocap

    splits = {name: names for name, names in (("val", val), ("test", test)) if names}
    show_table(convert_mocap(folder, out, splits=splits).table())
    show_written(out)


def open_benchmark(
    source: tyro.conf.Positional[Path],
    *,
    out: Path,
    extra: Path | None = None,
    subjects: tuple[str, ...] = (),
) -> None:
    """Generate the open benchmark from the test subjects of motion capture, or from others.

    Version 1 has 17 joints, version 2 feet, hands and face as well.

    Args:
        source: Motion capture, as `tcpformer data mocap` writes it; 26 joints give version 2.
        out: The .npz to write.
        extra: File of feet, hands and face beside a source of 17 joints, which gives version 2.
        subjects: Names of the subjects instead, of any split.
    """
    from ..datasets.open_benchmark import make_open_benchmark

    make_open_benchmark(source, out, extra=extra, subjects=subjects)
    show_written(out)


def h36m_sh(source: tyro.conf.Positional[Path]) -> None:
    """Unpack the Human3.6M file with SH detections into memory-mapped arrays.

    Training and evaluation do this themselves on first use of the file.

    Args:
        source: h36m_sh_conf_cam_source_final.pkl.
    """
    from ..datasets.h36m_sh import load_h36m_sh

    for split in ("train", "test"):
        lengths = load_h36m_sh(source, split).lengths
        show(f"{split}: {len(lengths)} sequences, {int(lengths.sum())} frames")
