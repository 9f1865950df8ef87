"""YOLO pose (Ultralytics, ``save_txt=True``): a folder of .txt, one a frame, a line a person.

``class x y width height  x1 y1 visibility1 ...  [confidence] [id]``, fractions of the picture.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..detections import Detections
from ..skeleton import JOINTS_BY_COUNT
from .frame_numbers import number_names
from .keypoints import (
    KeypointRecord,
    PersonKeypoints,
    RateAndSize,
    files_in,
    person_keypoints,
)

_BOX = 5
"""Numbers before the joints: class, and the box."""
_CLASS_NAMES = "classes.txt"


def read_yolo(folder: Path, given: RateAndSize) -> Detections:
    """Read a folder of labels, which hold no rate or size; frames without people have no file."""
    files = [file for file in files_in(folder, ".txt") if file.name.lower() != _CLASS_NAMES]
    lines = [(file, i, line) for file in files for i, line in _read_lines(file)]
    fps, size = given.resolve(folder, None, None)
    joints, ids = _split(folder, lines)
    joints[..., :2] *= size
    people: dict[Path, list[PersonKeypoints]] = {file: [] for file in files}
    for (file, _, _), one, identity in zip(lines, joints, ids, strict=True):
        people[file].append(person_keypoints(one[:, :2], one[:, 2], identity))
    names = [file.stem for file in files]
    numbers = number_names(names, folder, fps=given.fps, zero=1)
    record = KeypointRecord.numbered(numbers, list(people.values()), fps=fps)
    return record.detections(folder, given)


def _read_lines(file: Path) -> list[tuple[int, Float[np.ndarray, " numbers"]]]:
    """Return the lines of a file that are not empty, with their numbers from 1."""
    found = []
    for i, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        words = line.split()
        for column, word in enumerate(words, 1):
            try:
                float(word)
            except ValueError:
                raise ValueError(
                    f"{file}, line {i}, column {column}: expected a number, got {word[:40]!r}."
                ) from None
        if words:
            found.append((i, np.array([float(word) for word in words])))
    return found


def _split(
    folder: Path, lines: list[tuple[Path, int, Float[np.ndarray, " numbers"]]]
) -> tuple[Float[np.ndarray, "n k 3"], list[int | None]]:
    """Return joints as fractions with confidence, and ids, from the numbers of each line."""
    if not lines:
        return np.zeros((0, 17, 3)), []
    width = len(lines[0][2])
    for file, i, line in lines:
        if len(line) != width:
            raise ValueError(
                f"{file}, line {i}: expected {width} numbers, as in the other lines, got "
                f"{len(line)}."
            )
        if line[0] != 0:
            raise ValueError(
                f"{file}, line {i}: expected class 0, a person, got {line[0]:g}; keep one class."
            )
    count, per_joint, more = _layout(folder, width)
    table = np.array([line for _, _, line in lines])
    joints = np.ones((len(table), count, 3))
    joints[..., :per_joint] = table[:, _BOX : width - more].reshape(-1, count, per_joint)
    joints[(joints[..., :2] == 0).all(axis=-1), 2] = 0.0  # unseen, as the program writes it
    last = table[:, -1]
    numbered = more == 2 or (more == 1 and (last % 1 == 0).all() and (last > 1).any())
    return joints, [int(number) if numbered else None for number in last]


def _layout(folder: Path, width: int) -> tuple[int, int, int]:
    """Return joints, numbers of each, and numbers after them, of lines of a width."""
    for per_joint in (3, 2):
        for count in JOINTS_BY_COUNT:
            more = width - _BOX - per_joint * count
            if more in (0, 1, 2):
                return count, per_joint, more
    raise ValueError(
        f"{folder}: expected lines of class, box and {', '.join(map(str, JOINTS_BY_COUNT))} joints "
        f"with 2 or 3 numbers each, and perhaps confidence and id; got {width} numbers."
    )
