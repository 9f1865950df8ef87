"""Folders of motion capture (BVH, ASF/AMC) to the one file that `datasets.mocap` reads.

The report lists every decision: unit, up axis, floor, cuts and dropped files.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ...files import atomic_write
from ...io.amc import AMC_FPS, read_acclaim
from ...io.bvh import read_bvh
from ...io.capture import Capture
from ...skeleton import H36M
from ..mocap import SPLITS
from .cleaning import (
    UNITS,
    CleaningConfig,
    check_limbs,
    find_floor_shift,
    find_unit,
    find_up_axis,
    resample,
    rotate_z_up,
    split_at_glitches,
)
from .rigs import to_h36m

FPS = 50.0
"""Frames per second of every file written."""
_KINDS = {".bvh": "BVH", ".amc": "ASF/AMC"}

Pieces = list[Float[np.ndarray, "_ 17 3"]]


@dataclass(frozen=True)
class ConvertedFile:
    """How a file was converted.

    Attributes:
        file: Path within the folder.
        subject: Subject, from the name.
        split: "train", "val" or "test".
        fps: Frames per second of the file.
        unit: Unit of the file, one of `cleaning.UNITS`.
        up: Axis that became z, such as "+y".
        seconds: Length that was read, and that was kept.
        notes: What was decided, repaired or cut.
        dropped: Why nothing was kept; empty if something was.
    """

    file: str
    subject: str
    split: str
    fps: float = 0.0
    unit: str = ""
    up: str = ""
    seconds: tuple[float, float] = (0.0, 0.0)
    notes: tuple[str, ...] = ()
    dropped: str = ""


@dataclass(frozen=True)
class ConversionReport:
    """How every file of a folder was converted, in the order of their paths."""

    files: tuple[ConvertedFile, ...]

    def table(self) -> str:
        """Return one line a file, then the totals."""
        rows: list[tuple[str, ...]] = [
            ("file", "subject", "split", "fps", "unit", "up", "read s", "kept s", "")
        ]
        for s in self.files:
            numbers = (f"{s.fps:g}", s.unit, s.up, *(f"{x:.1f}" for x in s.seconds))
            notes = [f"DROPPED: {s.dropped}"] * bool(s.dropped) + list(s.notes)
            rows.append((s.file, s.subject, s.split, *numbers, "; ".join(notes)))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(word.ljust(w) for word, w in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        read, kept = (
            sum(minutes) / 60 for minutes in zip(*(s.seconds for s in self.files), strict=True)
        )
        whole = sum(not s.dropped for s in self.files)
        total = f"{whole} of {len(self.files)} files, {kept:.1f} of {read:.1f} minutes kept."
        return "\n".join([*lines, total])


def convert_mocap(
    folder: str | Path,
    target: str | Path,
    *,
    splits: Mapping[str, Collection[str]] | None = None,
    amc_fps: float = AMC_FPS,
) -> ConversionReport:
    """Convert all BVH and AMC files of a folder and its subfolders to one npz at 50 fps.

    The subject is the number before the take ("07_12" is of 07) or after "subject", else the name
    of the file's folder. Files of one folder must share their up axis. An AMC belongs to the ASF
    beside it of the same name, of its subject's name, or the only one there.

    Args:
        folder: Folder of the files.
        target: The npz to write.
        splits: Subjects of "val" and "test", such as {"val": ["07"]}; all others are "train".
        amc_fps: Frames per second of AMC files, which do not hold it.

    Returns:
        What was decided, repaired and dropped, and why.

    Raises:
        ValueError: If nothing can be kept, or ``splits`` has an unknown split or subject.
    """
    folder = Path(folder)
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _KINDS)
    if not paths:
        what = "expected a folder" if not folder.is_dir() else "found no .bvh and no .amc file"
        raise ValueError(f"{folder}: {what}.")
    subjects = [_parse_subject(path) for path in paths]
    split = _assign_splits(subjects, splits or {})
    read = [
        _read_pieces(
            path, ConvertedFile(str(path.relative_to(folder)), subject, split[subject]), amc_fps
        )
        for path, subject in zip(paths, subjects, strict=True)
    ]
    groups = groupby(read, key=lambda s: (Path(s[0].file).parent, Path(s[0].file).suffix.lower()))
    done = [s for _, group in groups for s in _stand_up(list(group))]
    report = ConversionReport(tuple(source for source, _ in done))
    if not any(pieces for _, pieces in done):
        raise ValueError(f"{folder}: nothing to keep.\n{report.table()}")
    _write(done, target)
    return report


def _parse_subject(path: Path) -> str:
    number = re.search(r"^(\d+)_\d+|subject[_-]?(\d+)", path.stem, re.IGNORECASE)
    return next(filter(None, number.groups())) if number else path.parent.name


def _assign_splits(subjects: list[str], splits: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Return subject -> split."""
    chosen = {subject: split for split, names in splits.items() for subject in names}
    unknown = {*splits} - {*SPLITS} | {*chosen} - {*subjects}
    if unknown or len(chosen) < sum(map(len, splits.values())):
        raise ValueError(
            f"splits must map {SPLITS} to subjects, each in one, from {sorted({*subjects})}; "
            f"got {dict(splits)}."
        )
    return {subject: chosen.get(subject, "train") for subject in subjects}


def _read_pieces(path: Path, source: ConvertedFile, amc_fps: float) -> tuple[ConvertedFile, Pieces]:
    """Read the pieces of a file in metres at 50 fps, in its own axes; none if it is dropped."""
    try:
        capture = _read_capture(path, amc_fps)
        source = replace(source, fps=capture.fps, seconds=(len(capture.xyz) / capture.fps, 0.0))
        xyz, notes = to_h36m(capture)
        unit = find_unit(xyz)
        source = replace(source, unit=unit, notes=notes)
        check_limbs(xyz)
    except ValueError as error:
        return replace(source, dropped=str(error)), []
    pieces = split_at_glitches(xyz * UNITS[unit], capture.fps)
    lost = len(xyz) - sum(map(len, pieces))
    if lost:
        notes += (f"{lost} of {len(xyz)} frames cut: jumps, or too short between them",)
    dropped = "" if pieces else "nothing is long enough"
    source = replace(source, notes=notes, dropped=dropped)
    return source, [resample(piece, capture.fps, FPS) for piece in pieces]


def _read_capture(path: Path, amc_fps: float) -> Capture:
    if path.suffix.lower() == ".bvh":
        return read_bvh(path)
    figures = {p.stem: p for p in path.parent.iterdir() if p.suffix.lower() == ".asf"}
    names = [path.stem, _parse_subject(path), *(figures if len(figures) == 1 else ())]
    found = [figures[name] for name in names if name in figures]
    if not found:
        raise ValueError(f"no ASF named {path.stem} or {_parse_subject(path)} beside it")
    return read_acclaim(found[0], path, amc_fps)


def _stand_up(group: list[tuple[ConvertedFile, Pieces]]) -> list[tuple[ConvertedFile, Pieces]]:
    """Rotate the motions of one folder so that z is up, and move their floors to 0."""
    try:
        up = find_up_axis([piece for _, pieces in group for piece in pieces])
    except ValueError as error:
        return [(s if s.dropped else replace(s, dropped=str(error)), []) for s, _ in group]
    return [_to_floor(source, pieces, up) if pieces else (source, []) for source, pieces in group]


def _to_floor(source: ConvertedFile, pieces: Pieces, up: str) -> tuple[ConvertedFile, Pieces]:
    pieces = [rotate_z_up(piece, up) for piece in pieces]
    joined = np.concatenate(pieces)
    shift = find_floor_shift(joined)
    notes = source.notes
    if shift:
        notes += (f"the floor was not at 0: moved by {shift:.2f} m",)
    trunk = joined[:, H36M.index["Thorax"]] - joined[:, H36M.index["Hip"]]
    if (trunk[:, 2] / np.linalg.norm(trunk, axis=-1)).mean() < CleaningConfig().upright:
        notes += (f"mostly not upright: {up} is up as in the other files of the folder",)
    seconds = (source.seconds[0], len(joined) / FPS)
    source = replace(source, up=up, seconds=seconds, notes=notes)
    return source, [piece + np.array([0, 0, shift]) for piece in pieces]


def _write(done: list[tuple[ConvertedFile, Pieces]], target: str | Path) -> None:
    named = [(_name(s, i, len(ps)), s, p) for s, ps in done for i, p in enumerate(ps)]
    xyz = np.concatenate([piece for _, _, piece in named])
    sources = [source for _, source, _ in named]
    arrays: dict[str, Any] = {
        "relative": _tenths(xyz - xyz[:, :1]).astype(np.int16),
        "root": _tenths(xyz[:, 0]),
        "offsets": np.cumsum([0, *(len(piece) for _, _, piece in named)]),
        "name": np.array([name for name, _, _ in named]),
        "subject": np.array([s.subject for s in sources]),
        "split": np.array([s.split for s in sources]),
        "description": np.array([s.file for s in sources]),
        "activity": np.array(["unknown" for _ in sources]),
        "skeleton": np.array([_KINDS[Path(s.file).suffix.lower()] for s in sources]),
        "source_fps": np.array([s.fps for s in sources], dtype=np.float32),
        "fps": np.float32(FPS),
        "joints": np.array(H36M.joints),
        "parents": np.array(H36M.parents, dtype=np.int8),
    }
    with atomic_write(target) as beside:
        np.savez_compressed(beside, **arrays)


def _name(source: ConvertedFile, number: int, count: int) -> str:
    """Return the path without suffix, with the number of the piece if there are several."""
    return Path(source.file).with_suffix("").as_posix() + (f"#{number}" if count > 1 else "")


def _tenths(xyz: Float[np.ndarray, "*batch 3"]) -> Int[np.ndarray, "*batch 3"]:
    """Return tenths of millimetres."""
    return np.round(xyz * 1e4).astype(np.int32)
