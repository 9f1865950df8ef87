"""MMPose: one .json of predictions.

``{"meta_info": {"keypoint_id2name": {"0": "nose", ...}}, "instance_info": [{"frame_id": 1,
"instances": [{"keypoints": [[x, y], ...], "keypoint_scores": [...], "track_id": 0}]}]}``,
or the list of frames alone.
"""

import json
from pathlib import Path

from ..detections import Detections
from .keypoints import (
    KeypointRecord,
    PersonKeypoints,
    RateAndSize,
    fill_frames,
    get_values,
    person_keypoints,
)


def read_mmpose(path: Path, given: RateAndSize) -> Detections:
    """Read predictions of MMPose, which hold no rate or size."""
    content = json.loads(path.read_text("utf-8"))
    names = None
    if isinstance(content, dict):
        by_number = content.get("meta_info", {}).get("keypoint_id2name")
        if by_number:
            names = [by_number[str(i)] for i in range(len(by_number))]
    if not isinstance(content, list):
        (content,) = get_values(path, content, "instance_info")
    frames: dict[int, list[PersonKeypoints]] = {}
    for i, frame in enumerate(content):
        (instances,) = get_values(path, frame, "instances")
        people = frames.setdefault(int(frame.get("frame_id", i)), [])
        for one in instances:
            xy, scores = get_values(path, one, "keypoints", "keypoint_scores")
            people.append(person_keypoints(xy, scores, one.get("track_id")))
    return KeypointRecord(fill_frames(frames), names).detections(path, given)
