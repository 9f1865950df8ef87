"""SLEAP: analysis files (.h5) and projects (.slp), both HDF5.

An analysis file has ``tracks`` (tracks, 2, nodes, frames), ``point_scores`` (tracks, nodes,
frames), ``node_names`` and ``track_names``. A project lists frames, the instances of each, and the
points of each instance; names are JSON.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ..detections import Detections
from .frame_numbers import number_ids
from .hdf5 import Hdf5Content
from .json_values import get_field, get_index, get_list
from .keypoints import KeypointRecord, PersonKeypoints, RateAndSize, person_keypoints

_TABLES = ("frames", "instances", "points", "pred_points")
_CORNER_FORMAT = 1.1
"""Version of projects below which the middle of the first pixel is at 0.5, not at 0."""


def is_sleap_analysis(content: Hdf5Content) -> bool:
    """Return whether an HDF5 file is an analysis file."""
    return {"tracks", "node_names"} <= set(content.arrays)


def read_sleap_analysis(path: Path, content: Hdf5Content, given: RateAndSize) -> Detections:
    """Read an analysis file, which holds no rate or size; a track is a person."""
    names, people = content.texts("node_names"), content.texts("track_names")
    tracks = content.arrays["tracks"]
    shape = tracks.shape
    if len(shape) != 4 or shape[1:3] != (2, len(names)):
        raise ValueError(
            f"{path}: expected tracks of shape (tracks, 2, {len(names)} nodes, frames), got "
            f"{shape}; export the analysis file again with SLEAP."
        )
    xy = tracks.transpose(3, 0, 2, 1)
    scores = content.arrays.get("point_scores", np.ones((shape[0], *shape[2:])))
    if scores.shape != (shape[0], *shape[2:]):
        raise ValueError(
            f"{path}: expected point_scores of shape (tracks, nodes, frames) as tracks "
            f"{shape}, got {scores.shape}."
        )
    score = scores.transpose(2, 0, 1)
    known = people if len(people) == shape[0] else [None] * shape[0]
    seen = np.asarray(np.isfinite(xy).all(axis=-1).any(axis=-1))
    frames = [
        [person_keypoints(xy[t, i], score[t, i], known[i]) for i in np.flatnonzero(seen[t])]
        for t in range(len(xy))
    ]
    return KeypointRecord(frames, names).detections(path, given)


def is_slp(content: Hdf5Content) -> bool:
    """Return whether an HDF5 file is a project."""
    return {"frames", "instances"} <= set(content.arrays)


def read_slp(path: Path, content: Hdf5Content, given: RateAndSize) -> Detections:
    """Read a project of one video; an instance with a track is a person.

    Raises:
        ValueError: If it is no project, or one of several videos or skeletons.
    """
    if missing := [name for name in _TABLES if name not in content.arrays]:
        raise ValueError(f"{path}: expected a project of SLEAP; {missing[0]} is missing.")
    frames, instances, points, predicted = (content.arrays[name] for name in _TABLES)
    metadata = json.loads(_text(content.attributes["metadata@json"]))
    version = float(content.attributes.get("metadata@format_id", np.array(1.0)))
    offset = -0.5 if version < _CORNER_FORMAT else 0.0
    tracks = [json.loads(text)[1] for text in content.texts("tracks_json")]
    videos = [json.loads(text) for text in content.texts("videos_json")]
    _check_single(path, "video", frames["video"])
    _check_single(path, "skeleton", instances["skeleton"])
    names = _node_names(path, metadata, int(instances["skeleton"][0]) if len(instances) else 0)
    joints = _gather_joints(path, instances, points, predicted, len(names))
    joints[..., :2] += offset
    ids = _track_names(tracks, instances["track"])
    people = [_people_of(path, row, joints, ids) for row in frames]
    numbers = number_ids(frames["frame_idx"].astype(int).tolist(), path, zero=0)
    record = KeypointRecord.numbered(numbers, people, names)
    size = _picture_size(videos, int(frames["video"][0]) if len(frames) else 0)
    return KeypointRecord(record.frames, names, size=size, first=record.first).detections(
        path, given
    )


def _text(value: np.ndarray) -> str:
    text = value.item()
    return text.decode("utf-8") if isinstance(text, bytes) else str(text)


def _people_of(
    path: Path, row: np.void, joints: Float[np.ndarray, "instances k 3"], ids: list[str | None]
) -> list[PersonKeypoints]:
    """Return the people of a row of the table of frames."""
    start, end = int(row["instance_id_start"]), int(row["instance_id_end"])
    if not start <= end <= len(ids):
        raise ValueError(
            f"{path}: frame {row['frame_idx']} has instances {start} to {end}, of {len(ids)} in "
            "all."
        )
    return [person_keypoints(joints[i, :, :2], joints[i, :, 2], ids[i]) for i in range(start, end)]


def _check_single(path: Path, what: str, values: np.ndarray) -> None:
    if len(found := np.unique(values)) > 1:
        raise ValueError(
            f"{path}: expected one {what}, found {len(found)}; export the instances of one {what} "
            "with SLEAP."
        )


def _node_names(path: Path, metadata: Any, skeleton: int) -> list[str]:
    """Return the names of the points of an instance, in their order."""
    place = f"{path}: metadata"
    nodes = get_list(f"{place}.nodes", get_field(place, metadata, "nodes"))
    names = [str(node["name"] if isinstance(node, dict) else node) for node in nodes]
    found = get_list(f"{place}.skeletons", get_field(place, metadata, "skeletons"))
    if skeleton >= len(found):
        raise ValueError(f"{place}: skeleton {skeleton} is not among its {len(found)} skeletons.")
    ids = get_field(f"{place}.skeletons[{skeleton}]", found[skeleton], "nodes")
    return [names[get_index(f"{place}.nodes", get_field(place, node, "id"))] for node in ids]


def _gather_joints(
    path: Path, instances: np.ndarray, points: np.ndarray, predicted: np.ndarray, count: int
) -> Float[np.ndarray, "instances k 3"]:
    """Return x, y and confidence of the points of each instance, set by a human or predicted."""
    joints = np.zeros((len(instances), count, 3))
    start, end = (instances[f"point_id_{name}"].astype(np.int64) for name in ("start", "end"))
    of_human = instances["instance_type"] == 0
    limit = np.where(of_human, len(points), len(predicted))
    if ((end - start != count) | (start < 0) | (end > limit)).any():
        raise ValueError(f"{path}: expected {count} points of each instance, one a node.")
    for source, mine in ((points, of_human), (predicted, ~of_human)):
        rows = source[start[mine][:, None] + np.arange(count)]
        score = rows["score"] if "score" in (source.dtype.names or ()) else np.ones(rows.shape)
        seen = rows["visible"] & np.isfinite(rows["x"]) & np.isfinite(rows["y"])
        joints[mine] = np.stack([rows["x"], rows["y"], np.where(seen, score, 0.0)], axis=-1)
    return joints


def _track_names(tracks: Sequence[str], index: np.ndarray) -> list[str | None]:
    """Return the name of the track of each instance, or its number where names repeat."""
    unique = len(set(map(str, tracks))) == len(tracks)
    return [
        None if i < 0 else str(tracks[i]) if unique and i < len(tracks) else str(i)
        for i in index.tolist()
    ]


def _picture_size(videos: Sequence[Any], index: int) -> tuple[int, int] | None:
    """Return width and height of a video where the project has them."""
    try:
        _, height, width, _ = videos[index]["backend"]["shape"]
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    return int(width), int(height)
