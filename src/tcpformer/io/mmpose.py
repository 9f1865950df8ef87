"""MMPose: one .json of predictions.

``{"meta_info": {"keypoint_id2name": {"0": "nose", ...}}, "instance_info": [{"frame_id": 1,
"instances": [{"keypoints": [[x, y], ...], "keypoint_scores": [...], "track_id": 0}]}]}``,
or the list of frames alone.
"""

from pathlib import Path
from typing import Any

from ..detections import Detections
from .frame_numbers import number_ids
from .json_values import get_index, get_list, read_json
from .keypoints import KeypointRecord, RateAndSize, get_values, person_keypoints


def read_mmpose(path: Path, given: RateAndSize) -> Detections:
    """Read predictions of MMPose, which hold no rate or size."""
    content, names, top = read_json(path), None, str(path)
    if isinstance(content, dict):
        names = _read_names(path, content)
        (content,), top = get_values(path, content, "instance_info"), f"{path}: instance_info"
    elif not isinstance(content, list):
        get_values(path, content, "instance_info")
    frames, people = [], []
    for i, frame in enumerate(get_list(top, content)):
        place = f"{top}[{i}]"
        (instances,) = get_values(place, frame, "instances")
        frames.append(get_index(f"{place}.frame_id", frame.get("frame_id", i)))
        people.append([])
        for k, one in enumerate(get_list(f"{place}.instances", instances)):
            where = f"{place}.instances[{k}]"
            xy, scores = get_values(where, one, "keypoints", "keypoint_scores")
            people[-1].append(person_keypoints(xy, scores, one.get("track_id"), where))
    numbers = number_ids(frames, path, what="frame_id")
    return KeypointRecord(numbers.fill(people), names).detections(path, given)


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
