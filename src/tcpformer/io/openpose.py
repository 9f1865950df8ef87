"""OpenPose: a folder of <name>_<frame>_keypoints.json, one a frame.

``{"people": [{"person_id": [-1], "pose_keypoints_2d": [x, y, confidence, ...]}]}``
"""

import re
from pathlib import Path

from ..detections import Detections
from .frame_numbers import number_ids
from .json_values import get_list, get_numbers, read_json
from .keypoints import (
    KeypointRecord,
    PersonKeypoints,
    RateAndSize,
    files_in,
    get_values,
    person_keypoints,
)


def read_openpose(folder: Path, given: RateAndSize) -> Detections:
    """Read a folder of OpenPose, which holds no rate or size; frames without file are empty."""
    files = _files_by_number(folder)
    counts: dict[int, Path] = {}
    people = []
    for file in files.values():
        people.append(_read_people(file))
        for person in people[-1]:
            counts.setdefault(len(person.joints), file)
        if len(counts) > 1:
            (one, first), (other, _) = list(counts.items())[:2]
            raise ValueError(
                f"{file}: people of {other} joints, but those in {first.name} have {one}; expected "
                "one clip of one model in a folder."
            )
    numbers = number_ids(list(files), folder, what="numbers in the names")
    return KeypointRecord(numbers.fill(people)).detections(folder, given)


def _files_by_number(folder: Path) -> dict[int, Path]:
    """Return the files by the last number in their names."""
    found: dict[int, Path] = {}
    for file in files_in(folder, ".json"):
        numbers = re.findall(r"\d{1,18}", file.stem.removesuffix("_keypoints"))
        if not numbers:
            raise ValueError(f"{file}: expected the number of the frame in the name.")
        if (other := found.setdefault(int(numbers[-1]), file)) is not file:
            raise ValueError(
                f"{file}: {other.name} is frame {int(numbers[-1])}, too; keep one clip in a folder."
            )
    return found


def _read_people(file: Path) -> list[PersonKeypoints]:
    (entries,) = get_values(file, read_json(file), "people")
    people = []
    for i, entry in enumerate(get_list(f"{file}: people", entries)):
        place = f"{file}: people[{i}]"
        (joints,) = get_values(place, entry, "pose_keypoints_2d")
        rows = get_numbers(f"{place}.pose_keypoints_2d", joints, 3)
        if len(rows):
            number = entry.get("person_id")
            people.append(person_keypoints(rows[:, :2], rows[:, 2], number, place))
    return people
