"""Verbs that prepare data sets: `tcpformer data ...`."""

from pathlib import Path

import tyro


def check(folder: tyro.conf.Positional[Path]) -> None:
    """Look for mistakes in one's own data: unit, axes, joints, sides, frame rate.

    Exit code 1 if something is wrong.

    Args:
        folder: One npz per sequence; docs/own_data.md describes them.
    """
    from ..datasets.validate.check import check_folder

    found = check_folder(folder)
    print(found.table())
    if found.findings:
        raise SystemExit(1)


def mocap(
    folder: tyro.conf.Positional[Path],
    *,
    out: Path,
    val: tuple[str, ...] = (),
    test: tuple[str, ...] = (),
) -> None:
    """Turn motion capture (BVH, or ASF with AMC) into one file to train on.

    Args:
        folder: Searched with all its folders.
        out: The .npz to write.
        val: Subjects to choose by: the number before the take ("07_12" is of 07), or the folder.
        test: Subjects to report on: `tcpformer data open` films them. All others are to train on.
    """
    from ..datasets.convert.mocap import convert_mocap

    splits = {name: who for name, who in (("val", val), ("test", test)) if who}
    print(convert_mocap(folder, out, splits=splits).table())
    print(out)


def open_benchmark(source: tyro.conf.Positional[Path], *, out: Path) -> None:
    """Film motion capture for the open benchmark.

    Args:
        source: Motion capture, as `tcpformer data mocap` writes it.
        out: The .npz to write.
    """
    from ..datasets.open_benchmark import make_open_benchmark

    make_open_benchmark(source, out)
    print(out)


def h36m_sh(source: tyro.conf.Positional[Path]) -> None:
    """Unpack the Human3.6M file with SH detections into arrays that are read a little at a time.

    Training and evaluation do this themselves when they first meet the file.

    Args:
        source: h36m_sh_conf_cam_source_final.pkl.
    """
    from ..datasets.h36m_sh import load_h36m_sh

    for split in ("train", "test"):
        footage = load_h36m_sh(source, split)
        print(f"{split}: {len(footage.lengths)} sequences, {int(footage.lengths.sum())} frames")
