"""MMPose: one .json of predictions of a video, or one for each picture of a folder.

``{"meta_info": {"keypoint_id2name": {"0": "nose", ...}}, "instance_info": [{"frame_id": 1,
"instances": [{"keypoints": [[x, y], ...], "keypoint_scores": [...], "track_id": 0}]}]}``,
or the list of frames alone; for a picture, the list of instances alone.
"""

from pathlib import Path
from typing import Any

from ..detections import Detections
from .frame_numbers import number_ids, number_names
from .json_values import get_index, get_list, read_json
from .keypoints import (
    KeypointRecord,
    PersonKeypoints,
    RateAndSize,
    files_in,
    get_values,
    person_keypoints,
)


def read_mmpose(path: Path, content: Any, given: RateAndSize) -> Detections:
    """Read predictions of a video, which hold no rate or size."""
    names, top, zero = None, str(path), None
    if isinstance(content, dict):
        zero = 1  # the demos that write names count from 1, the inferencer from 0
        names = _read_names(path, content)
        (content,), top = get_values(path, content, "instance_info"), f"{path}: instance_info"
    elif not isinstance(content, list):
        get_values(path, content, "instance_info")
    frames, people = [], []
    for i, frame in enumerate(get_list(top, content)):
        place = f"{top}[{i}]"
        (instances,) = get_values(place, frame, "instances")
        frames.append(get_index(f"{place}.frame_id", frame.get("frame_id", i)))
        people.append(_read_instances(f"{place}.instances", instances))
    numbers = number_ids(frames, path, zero=zero, what="frame_id")
    return KeypointRecord.numbered(numbers, people, names).detections(path, given)


def read_mmpose_pictures(folder: Path, given: RateAndSize) -> Detections:
    """Read a folder of predictions, one .json a picture, which hold no rate or size."""
    files = files_in(folder, ".json")
    people = [_read_instances(str(file), read_json(file)) for file in files]
    numbers = number_names([file.stem for file in files], folder, fps=given.fps)
    return KeypointRecord.numbered(numbers, people).detections(folder, given)


def _read_instances(place: str, instances: Any) -> list[PersonKeypoints]:
    people = []
    for i, one in enumerate(get_list(place, instances)):
        where = f"{place}[{i}]"
        xy, scores = get_values(where, one, "keypoints", "keypoint_scores")
        people.append(person_keypoints(xy, scores, one.get("track_id"), where))
    return people


def _read_names(path: Path, content: dict[str, Any]) -> list[str] | None:
    """Return the names of the joints in their order; None if the file has none."""
    meta = content.get("meta_info", {})
    by_number = meta.get("keypoint_id2name") if isinstance(meta, dict) else meta
    if not by_number:
        return None
    numbered = by_number if isinstance(by_number, dict) else {}
    names = [numbered.get(str(i)) for i in range(len(numbered))]
    texts = [name for name in names if isinstance(name, str)]
    if not texts or len(texts) < len(names):
        raise ValueError(
            f'{path}: meta_info.keypoint_id2name: expected a text for each of "0", "1", ...'
        )
    return texts
