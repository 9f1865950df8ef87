"""MediaPipe: one .json of the results of the pose landmarker, a list with an entry for each frame.

``[{"timestamp_ms": 33, "pose_landmarks": [[{"x": 0.5, "y": 0.2, "z": -0.1, "visibility": 0.9}]]}]``

``x`` and ``y`` are fractions of the picture. Keys may be written as JavaScript does
(``landmarks``, ``poseLandmarks``), and an entry of the older solution holds one person.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ..detections import Detections
from ..skeleton import BLAZEPOSE
from .frame_numbers import FrameNumbers, number_ids
from .json_values import get_field, get_index, get_list, get_numbers
from .keypoints import KeypointRecord, RateAndSize, mean_rate, person_keypoints

_LANDMARKS = ("pose_landmarks", "poseLandmarks", "landmarks", "landmark")
_STAMPS = ("timestamp_ms", "timestampMs", "timestamp")
_FRAMES = ("frame", "frame_id", "frame_index", "frame_number", "frameIndex")
_MAX_START = 10**9
"""Milliseconds, 12 days, from which on stamps count from elsewhere than the start of a video."""
_LISTS = ("frames", "results")
_FRACTIONS = (-2.0, 3.0)
"""Fractions of the picture within which the median landmark is."""


def is_mediapipe(content: Any) -> bool:
    """Return whether a .json holds landmarks of MediaPipe."""
    entries = _entries(content)
    return any(isinstance(e, dict) and any(k in e for k in _LANDMARKS) for e in entries)


def read_mediapipe(path: Path, content: Any, given: RateAndSize) -> Detections:
    """Read results; they hold no size, and a rate only in their time stamps."""
    people: list[list[Float[np.ndarray, "k 3"]]] = []
    entries = _entries(content)
    for i, entry in enumerate(entries):
        place = f"{path}, entry {i}"
        found = get_field(place, entry, *_LANDMARKS)
        people.append([_joints(f"{place}, landmarks", person) for person in _people(found)])
    numbers = _number_entries(path, entries)
    rate = mean_rate(numbers.times) if numbers.times else None
    fps, size = given.resolve(path, rate, None)
    _check_fractions(path, people)
    frames = [
        [person_keypoints(joints[:, :2] * size, joints[:, 2]) for joints in frame]
        for frame in people
    ]
    record = KeypointRecord.numbered(numbers, frames, BLAZEPOSE.joints, fps)
    return record.detections(path, given)


def _entries(content: Any) -> list[Any]:
    if isinstance(content, dict):
        content = next((content[key] for key in _LISTS if key in content), None)
    return content if isinstance(content, list) else []


def _people(found: Any) -> list[Any]:
    """Return the people of a frame, each a list of landmarks."""
    if isinstance(found, dict):  # of the older solution, as protobuf writes it
        found = found.get("landmark")
    if not found:
        return []
    return [found] if isinstance(found, list) and isinstance(found[0], dict) else found


def _joints(place: str, landmarks: Any) -> Float[np.ndarray, "k 3"]:
    """Return x and y as fractions and the visibility, 1 where the program gives none."""
    rows = [
        [get_field(place, one, "x"), get_field(place, one, "y"), one.get("visibility", 1.0)]
        for one in get_list(place, landmarks)
    ]
    if len(rows) != len(BLAZEPOSE.joints):
        raise ValueError(
            f"{place}: expected the {len(BLAZEPOSE.joints)} landmarks of a body, got {len(rows)}."
        )
    return get_numbers(place, [[x, y, 1.0 if v is None else v] for x, y, v in rows], 3)


def _number_entries(path: Path, entries: list[Any]) -> FrameNumbers:
    """Return the frames of the entries, by number, by time stamp in ms, or one after another."""
    for keys in (_FRAMES, _STAMPS):
        key = next((k for k in keys if entries and k in entries[0]), None)
        if key is None:
            continue
        values = [
            get_index(f"{path}, entry {i}, {key}", get_field(f"{path}, entry {i}", entry, key))
            for i, entry in enumerate(entries)
        ]
        if keys is _FRAMES:
            return number_ids(values, path, what=key)
        if any(after <= before for before, after in pairwise(values)):
            raise ValueError(f"{path}: expected {key} in milliseconds that grow with the frames.")
        start = values[0] if values[0] > _MAX_START else 0
        times = tuple((value - start) / 1000 for value in values)
        return FrameNumbers(tuple(range(len(values))), times=times)
    return FrameNumbers(tuple(range(len(entries))))


def _check_fractions(path: Path, people: list[list[Float[np.ndarray, "k 3"]]]) -> None:
    joints = [joints for frame in people for joints in frame]
    middle = np.nanmedian(np.abs(np.concatenate(joints)[:, :2])) if joints else 0.0
    if not _FRACTIONS[0] <= middle <= _FRACTIONS[1]:
        raise ValueError(
            f"{path}: expected x and y of the landmarks as fractions of the picture, 0 to 1, as "
            f"MediaPipe gives them; got {middle:.4g} in the middle. Divide x by the width and y by "
            "the height."
        )
