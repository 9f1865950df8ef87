"""COCO's results, and AlphaPose's: one .json with an entry for each person and picture.

``[{"image_id": 12, "keypoints": [x, y, confidence, ...], "score": 0.9, "idx": 1}]``; ``image_id``
is a number or the name of a picture, ``idx`` (or ``track_id``) the person, if known.
"""

from pathlib import Path
from typing import Any

from ..detections import Detections
from .frame_numbers import FrameNumbers, number_ids, number_names
from .json_values import get_field, get_index, get_list, get_numbers
from .keypoints import KeypointRecord, RateAndSize, person_keypoints

_PERSON_KEYS = ("idx", "track_id")


def is_coco_results(content: Any) -> bool:
    """Return whether a .json holds results as COCO and AlphaPose write them."""
    return isinstance(content, list) and any(
        isinstance(e, dict) and "image_id" in e for e in content
    )


def read_coco_results(path: Path, content: Any, given: RateAndSize) -> Detections:
    """Read results, which hold no rate or size; pictures without people are not among them."""
    pictures, people = [], []
    for i, entry in enumerate(get_list(str(path), content)):
        place = f"{path}, entry {i}"
        pictures.append(get_field(place, entry, "image_id"))
        joints = get_numbers(f"{place}, keypoints", get_field(place, entry, "keypoints"), 3)
        person = next((entry[key] for key in _PERSON_KEYS if key in entry), None)
        people.append([person_keypoints(joints[:, :2], joints[:, 2], person, place)])
    numbers = _number_pictures(path, pictures, given)
    return KeypointRecord.numbered(numbers, people).detections(path, given)


def _number_pictures(path: Path, pictures: list[Any], given: RateAndSize) -> FrameNumbers:
    if not all(isinstance(picture, str) for picture in pictures):
        ids = [get_index(f"{path}, entry {i}, image_id", p) for i, p in enumerate(pictures)]
        return number_ids(ids, path, what="image_id")
    names = list(dict.fromkeys(pictures))
    numbers = number_names(names, path, fps=given.fps)
    place = dict(zip(names, numbers.index, strict=True))
    index = tuple(place[picture] for picture in pictures)
    return FrameNumbers(index, numbers.first, numbers.times)
