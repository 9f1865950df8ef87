"""Folders of motion capture (BVH, ASF/AMC) to the one file that `datasets.mocap` reads.

Feet, hands and face are among the joints if any file has them. The report lists every decision:
unit, up axis, floor, cuts and dropped files.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ...files import atomic_write
from ...io.amc import AMC_FPS, read_acclaim
from ...io.bvh import read_bvh
from ...io.mocap_capture import Capture
from ...skeleton import BODY_26, GROUPS, H36M
from ..mocap import HAS_GROUP, SPLITS
from . import cleaning
from .extremities import CONFIG, Has, find_glitches, measure_floor, place_extremities
from .rigs import to_body26

FPS = 50.0
"""Frames per second of every file written."""
_KINDS = {".bvh": "BVH", ".amc": "ASF/AMC"}


@dataclass(frozen=True)
class ConvertedFile:
    """How a file (its path within the folder) was converted."""

    file: str
    subject: str
    split: str
    fps: float = 0.0
    unit: str = ""
    """One of `cleaning.UNITS`."""
    up: str = ""
    """Axis that became z, such as "+y"."""
    seconds: tuple[float, float] = (0.0, 0.0)
    """Length that was read, and that was kept."""
    notes: tuple[str, ...] = ()
    """What was decided, repaired or cut."""
    has: Has = field(default_factory=lambda: dict.fromkeys(GROUPS, False))
    """Which of feet, hands and face it has."""
    marked: bool = False
    """As in `rigs.Figure`."""
    dropped: str = ""
    """Why nothing was kept; empty if something was."""


Pieces = list[Float[np.ndarray, "_ 26 3"]]
Converted = tuple[ConvertedFile, Pieces]


@dataclass(frozen=True)
class ConversionReport:
    """How every file of a folder was converted, in the order of their paths."""

    files: tuple[ConvertedFile, ...]

    def table(self) -> str:
        """Return one line a file, then the totals."""
        rows = [["file", "subject", "split", "fps", "unit", "up", "read s", "kept s", ""]]
        for s in self.files:
            numbers = (f"{s.fps:g}", s.unit, s.up, *(f"{x:.1f}" for x in s.seconds))
            notes = [f"DROPPED: {s.dropped}"] * bool(s.dropped) + list(s.notes)
            rows.append([s.file, s.subject, s.split, *numbers, "; ".join(notes)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        read, kept = (sum(s.seconds[i] for s in self.files) / 60 for i in (0, 1))
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

    Raises:
        ValueError: If nothing can be kept, or ``splits`` has an unknown split or subject.
    """
    folder = Path(folder)
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _KINDS)
    if not paths:
        what = "expected a folder" if not folder.is_dir() else "found no .bvh and no .amc file"
        raise ValueError(f"{folder}: {what}.")
    split = _assign_splits({_parse_subject(path) for path in paths}, splits or {})
    read = []
    for path in paths:
        subject = _parse_subject(path)
        source = ConvertedFile(str(path.relative_to(folder)), subject, split[subject])
        read.append(_read_pieces(path, source, amc_fps))
    groups = groupby(read, key=lambda s: (Path(s[0].file).parent, Path(s[0].file).suffix.lower()))
    done = [s for _, group in groups for s in _finish(_stand_up(list(group)))]
    report = ConversionReport(tuple(source for source, _ in done))
    if not any(pieces for _, pieces in done):
        raise ValueError(f"{folder}: nothing to keep.\n{report.table()}")
    _write(done, target)
    return report


def _parse_subject(path: Path) -> str:
    number = re.search(r"^(\d+)_\d+|subject[_-]?(\d+)", path.stem, re.IGNORECASE)
    return next(filter(None, number.groups())) if number else path.parent.name


def _assign_splits(subjects: set[str], splits: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Return subject -> split."""
    chosen = {subject: split for split, names in splits.items() for subject in names}
    unknown = {*splits} - {*SPLITS} | {*chosen} - subjects
    if unknown or len(chosen) < sum(map(len, splits.values())):
        raise ValueError(
            f"splits must map {SPLITS} to subjects, each in one, from {sorted(subjects)}; "
            f"got {dict(splits)}."
        )
    return dict.fromkeys(subjects, "train") | chosen


def _read_pieces(path: Path, source: ConvertedFile, amc_fps: float) -> Converted:
    """Read the pieces of a file in metres at 50 fps, in its own axes; none if it is dropped."""
    try:
        capture = _read_capture(path, amc_fps)
        source = replace(source, fps=capture.fps, seconds=(len(capture.xyz) / capture.fps, 0.0))
        figure = to_body26(capture)
        xyz, notes = figure.xyz, figure.notes
        unit = cleaning.find_unit(xyz)
        source = replace(source, unit=unit, notes=notes, has=figure.has, marked=figure.marked)
        cleaning.check_limbs(xyz)
    except ValueError as error:
        return replace(source, dropped=str(error)), []
    pieces = cleaning.split_at_glitches(xyz * cleaning.UNITS[unit], capture.fps)
    if lost := len(xyz) - sum(map(len, pieces)):
        notes += (f"{lost} of {len(xyz)} frames cut: jumps, or too short between them",)
    dropped = "" if pieces else "nothing is long enough"
    pieces = [cleaning.resample(piece, capture.fps, FPS) for piece in pieces]
    return replace(source, notes=notes, dropped=dropped), pieces


def _read_capture(path: Path, amc_fps: float) -> Capture:
    if path.suffix.lower() == ".bvh":
        return read_bvh(path)
    figures = {p.stem: p for p in path.parent.iterdir() if p.suffix.lower() == ".asf"}
    names = [path.stem, _parse_subject(path), *(figures if len(figures) == 1 else ())]
    found = [figures[name] for name in names if name in figures]
    if not found:
        raise ValueError(f"no ASF named {path.stem} or {_parse_subject(path)} beside it")
    return read_acclaim(found[0], path, amc_fps)


def _stand_up(group: list[Converted]) -> list[Converted]:
    """Rotate the motions of one folder so that z is up, and move their floors to 0."""
    try:
        up = cleaning.find_up_axis([piece for _, pieces in group for piece in pieces])
    except ValueError as error:
        return [(s if s.dropped else replace(s, dropped=str(error)), []) for s, _ in group]
    return [_to_floor(source, pieces, up) if pieces else (source, []) for source, pieces in group]


def _finish(group: list[Converted]) -> list[Converted]:
    """Place heels, nose and ears, for each figure by all of its motion, then correct the floors."""
    result = list(group)
    figures: dict[tuple[Any, ...], list[int]] = {}
    for i, (source, _) in enumerate(group):
        figures.setdefault((source.subject, source.marked, *source.has.values()), []).append(i)
    for members in figures.values():
        first = group[members[0]][0]
        pieces = [piece for i in members for piece in group[i][1]]
        placed = iter(place_extremities(pieces, first.has) if pieces and first.marked else pieces)
        for i in members:
            source, parts = group[i]
            result[i] = _onto_soles(source, [next(placed) for _ in parts])
    return result


def _onto_soles(source: ConvertedFile, pieces: Pieces) -> Converted:
    """Move a file's floor to 0 if its planted feet stand elsewhere."""
    floor = measure_floor(pieces) if pieces and source.has["feet"] else None
    if floor is None or abs(floor) <= CONFIG.floor:
        return source, pieces
    notes = (*source.notes, f"soles stood at {floor:.3f} m: moved to the floor")
    return replace(source, notes=notes), [piece - np.array([0, 0, floor]) for piece in pieces]


def _to_floor(source: ConvertedFile, pieces: Pieces, up: str) -> Converted:
    pieces = [cleaning.rotate_z_up(piece, up) for piece in pieces]
    joined, notes = np.concatenate(pieces), source.notes
    if shift := cleaning.find_floor_shift(joined):
        notes += (f"the floor was not at 0: moved by {shift:.2f} m",)
    if cleaning.trunk_directions(joined)[:, 2].mean() < cleaning.CONFIG.upright:
        notes += (f"mostly not upright: {up} is up as in the other files of the folder",)
    seconds = (source.seconds[0], len(joined) / FPS)
    source = replace(source, up=up, seconds=seconds, notes=notes)
    return source, [piece + np.array([0, 0, shift]) for piece in pieces]


def _write(done: list[Converted], target: str | Path) -> None:
    pieces = [piece for _, parts in done for piece in parts]
    sources = [source for source, parts in done for _ in parts]
    names = []
    for source, parts in done:
        name = Path(source.file).with_suffix("").as_posix()
        names += (
            [f"{name}#{i}" for i in range(len(parts))] if len(parts) > 1 else [name] * len(parts)
        )
    xyz = np.concatenate(pieces)
    skeleton = BODY_26 if any(any(s.has.values()) for s in sources) else H36M
    xyz = xyz[:, : len(skeleton.joints)]
    arrays: dict[str, Any] = {
        "relative": _tenths(xyz - xyz[:, :1]).astype(np.int16),
        "root": _tenths(xyz[:, 0]),
        "offsets": np.cumsum([0, *map(len, pieces)]),
        "name": names,
        "subject": [s.subject for s in sources],
        "split": [s.split for s in sources],
        "description": [s.file for s in sources],
        "activity": ["unknown"] * len(sources),
        "skeleton": [_KINDS[Path(s.file).suffix.lower()] for s in sources],
        "source_fps": np.array([s.fps for s in sources], dtype=np.float32),
        "fps": np.float32(FPS),
        "joints": skeleton.joints,
        "parents": np.array(skeleton.parents, dtype=np.int8),
    }
    if skeleton == BODY_26:
        arrays |= {key: [s.has[group] for s in sources] for group, key in HAS_GROUP.items()}
        arrays["glitch"] = np.concatenate([find_glitches(piece, FPS) for piece in pieces])
    with atomic_write(target) as beside:
        np.savez_compressed(beside, **arrays)


def _tenths(xyz: Float[np.ndarray, "*batch 3"]) -> Int[np.ndarray, "*batch 3"]:
    """Return tenths of millimetres."""
    return np.round(xyz * 1e4).astype(np.int32)
