"""Sports2D: <video>_px_person<nn>.trc, OpenSim's table of markers in pixels instead of metres."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..detections import Detections
from .keypoints import (
    KeypointRecord,
    PersonKeypoints,
    RateAndSize,
    files_in,
    mean_rate,
    person_keypoints,
)

_MIN_CELLS = 1_000_000
"""Cells that a table may have beyond its characters."""


def read_trc(path: Path, given: RateAndSize) -> Detections:
    """Read a table of Sports2D, or a folder with one a person; they hold no size.

    If names in the folder contain ``_px_``, only these tables are read.
    """
    files = files_in(path, ".trc") if path.is_dir() else [path]
    files = [file for file in files if "_px_" in file.name.lower()] or files
    tables = [_read_table(file) for file in files]
    names, times = tables[0][:2]
    if any(other != names or len(at) != len(times) for other, at, _ in tables):
        raise ValueError(f"{path}: the people have different joints or numbers of frames.")
    frames: list[list[PersonKeypoints]] = [[] for _ in times]
    for file, (_, _, xy) in zip(files, tables, strict=True):
        visible = np.isfinite(xy).all(axis=-1) & (xy != 0).any(axis=-1)
        for frame in np.flatnonzero(visible.any(axis=1)):
            frames[frame].append(person_keypoints(xy[frame], visible[frame], file.stem))
    since_first = [time - times[0] for time in times]
    record = KeypointRecord(frames, names, fps=mean_rate(times), times=since_first)
    return record.detections(path, given)


def _read_table(file: Path) -> tuple[list[str], list[float], Float[np.ndarray, "t k 2"]]:
    """Read joint names, times in seconds, and pixels of a table; empty cells become NaN."""
    text = file.read_text("utf-8")
    lines = text.splitlines()
    names = lines[3].rstrip("\t").split("\t")[2::3]
    body = [line for line in lines[5:] if line.strip()]
    width = 2 + 3 * len(names)
    if not body or len(body) * width > _MIN_CELLS + len(text):
        raise ValueError(
            f"{file}: expected rows of {width} cells for {len(names)} markers from line 6 on, got "
            f"{len(body)} rows in {len(text)} characters."
        )
    numbers = np.full((len(body), width), np.nan)
    for row, line in enumerate(body):
        cells = line.split("\t")[:width]
        try:
            numbers[row, : len(cells)] = [float(cell) if cell.strip() else np.nan for cell in cells]
        except ValueError as error:
            raise ValueError(f"{file}: row {row + 1} of the table: {error}.") from error
    return names, numbers[:, 1].tolist(), numbers[:, 2:].reshape(len(body), -1, 3)[..., :2]
