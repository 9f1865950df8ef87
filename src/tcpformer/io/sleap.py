"""SLEAP: an analysis .csv, one row for each person and frame.

``track,frame_idx,instance.score,nose.x,nose.y,nose.score,...``
"""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np

from ..detections import Detections
from .csv_tables import Row, parse_frame, parse_numbers
from .frame_numbers import number_ids
from .keypoints import KeypointRecord, PersonKeypoints, RateAndSize, person_keypoints

_FRAME, _TRACK = "frame_idx", "track"


def is_sleap(header: Row) -> bool:
    """Return whether the first row of a table is that of SLEAP."""
    return _FRAME in header.cells


def read_sleap(path: Path, header: Row, rows: Iterable[Row], given: RateAndSize) -> Detections:
    """Read the rows of an analysis table, which holds no rate or size; a track is a person."""
    names, columns = _joint_columns(path, header)
    frame, track = (
        header.cells.index(name) if name in header.cells else None for name in (_FRAME, _TRACK)
    )
    assert frame is not None
    present = [column for joint in columns for column in joint if column is not None]
    slots = [i for i, c in enumerate(chain.from_iterable(columns)) if c is not None]
    frames: list[int] = []
    people: list[list[PersonKeypoints]] = []
    for row in rows:
        frames.append(parse_frame(path, row, frame, _FRAME))
        joints = np.ones(3 * len(names))
        joints[slots] = parse_numbers(path, row, present, header.cells)
        joints = joints.reshape(-1, 3)
        person = None if track is None else row.cells[track] or None
        people.append([person_keypoints(joints[:, :2], joints[:, 2], person)])
    numbers = number_ids(frames, path, zero=0)
    return KeypointRecord.numbered(numbers, people, names).detections(path, given)


def _joint_columns(path: Path, header: Row) -> tuple[list[str], list[tuple[int, int, int | None]]]:
    """Return the joints, and the columns of x, y and score (None if there is none) of each."""
    where = {name: i for i, name in enumerate(header.cells)}
    names = [name.removesuffix(".x") for name in header.cells if name.endswith(".x")]
    missing = [f"{name}.y" for name in names if f"{name}.y" not in where]
    if missing or not names:
        wanted = missing[0] if missing else "nose.x"
        raise ValueError(
            f"{path}, line {header.line}: expected columns such as {_FRAME}, nose.x, nose.y, "
            f"nose.score of SLEAP; {wanted} is missing."
        )
    columns = [(where[f"{n}.x"], where[f"{n}.y"], where.get(f"{n}.score")) for n in names]
    return names, columns
