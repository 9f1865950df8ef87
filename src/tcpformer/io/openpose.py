"""OpenPose: a folder of <name>_<frame>_keypoints.json, one a frame.

``{"people": [{"person_id": [-1], "pose_keypoints_2d": [x, y, confidence, ...]}]}``
"""

from pathlib import Path

from ..detections import Detections
from .frame_numbers import number_names
from .json_values import get_field, get_list, get_numbers, read_json
from .keypoints import (
    KeypointRecord,
    PersonKeypoints,
    RateAndSize,
    files_in,
    get_values,
    person_keypoints,
)

_KEYS = ("pose_keypoints_2d", "pose_keypoints")
"""Key of the joints, and that of versions before 1.3."""


def read_openpose(folder: Path, given: RateAndSize) -> Detections:
    """Read a folder of OpenPose, which holds no rate or size; frames without file are empty."""
    files = files_in(folder, ".json")
    numbers = number_names([file.stem for file in files], folder, fps=given.fps)
    counts: dict[int, Path] = {}
    people = []
    for file in files:
        people.append(_read_people(file))
        for person in people[-1]:
            counts.setdefault(len(person.joints), file)
        if len(counts) > 1:
            (one, first), (other, _) = list(counts.items())[:2]
            raise ValueError(
                f"{file}: people of {other} joints, but those in {first.name} have {one}; expected "
                "one clip of one model in a folder."
            )
    return KeypointRecord.numbered(numbers, people).detections(folder, given)


def _read_people(file: Path) -> list[PersonKeypoints]:
    (entries,) = get_values(file, read_json(file), "people")
    people = []
    for i, entry in enumerate(get_list(f"{file}: people", entries)):
        place = f"{file}: people[{i}]"
        joints = get_field(place, entry, *_KEYS)
        rows = get_numbers(f"{place}.{_KEYS[0]}", joints, 3)
        if len(rows):
            number = entry.get("person_id")
            people.append(person_keypoints(rows[:, :2], rows[:, 2], number, place))
    return people
