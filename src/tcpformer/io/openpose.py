"""OpenPose: a folder of <name>_<frame>_keypoints.json, one a frame.

``{"people": [{"person_id": [-1], "pose_keypoints_2d": [x, y, confidence, ...]}]}``
"""

import json
import re
from pathlib import Path

import numpy as np

from ..detections import Detections
from .keypoints import (
    KeypointRecord,
    PersonKeypoints,
    RateAndSize,
    files_in,
    fill_frames,
    get_values,
    person_keypoints,
)


def read_openpose(folder: Path, given: RateAndSize) -> Detections:
    """Read a folder of OpenPose, which holds no rate or size; frames without file are empty."""
    frames: dict[int, list[PersonKeypoints]] = {}
    for file in files_in(folder, ".json"):
        numbers = re.findall(r"\d+", file.stem.removesuffix("_keypoints"))
        if not numbers:
            raise ValueError(f"{file}: expected the number of the frame in the name.")
        people = frames[int(numbers[-1])] = []
        (entries,) = get_values(file, json.loads(file.read_text("utf-8")), "people")
        for entry in entries:
            (joints,) = get_values(file, entry, "pose_keypoints_2d")
            flat = np.array(joints, dtype=np.float64).reshape(-1, 3)
            if len(flat):
                people.append(person_keypoints(flat[:, :2], flat[:, 2], entry.get("person_id")))
    return KeypointRecord(fill_frames(frames)).detections(folder, given)
