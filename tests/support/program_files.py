"""Keypoint files of two people, written as more programs write them (see `keypoint_files`)."""

import csv
import json
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from keypoint_files import FPS, SIZE

from tcpformer.skeleton import Skeleton


def coco_results(path: Path, two: np.ndarray, *, name: str = "", ids: bool = True) -> Path:
    """Write results of COCO, or with names of pictures and ids as AlphaPose does."""
    entries = [
        {
            "image_id": name.format(frame) if name else frame,
            "category_id": 1,
            "keypoints": two[i, frame].ravel().tolist(),
            "score": 2.5,
            **({"idx": [i + 1.0]} if ids else {}),
        }
        for frame in range(two.shape[1])
        for i in range(2)
        if np.isfinite(two[i, frame]).all()
    ]
    path.write_text(json.dumps(entries))
    return path


def mmpose_pictures(folder: Path, two: np.ndarray, name: str = "{:06d}") -> Path:
    """Write what MMPose's inferencer writes for a folder of pictures."""
    folder.mkdir()
    for frame in range(two.shape[1]):
        people = [
            {"keypoints": one[frame, :, :2].tolist(), "keypoint_scores": one[frame, :, 2].tolist()}
            for one in two
        ]
        (folder / f"{name.format(frame)}.json").write_text(json.dumps(people))
    return folder


def sleap(path: Path, two: np.ndarray, skeleton: Skeleton, tracks: Sequence[str]) -> Path:
    """Write an analysis table of SLEAP; joints of NaN become empty cells."""
    columns = [f"{joint}.{c}" for joint in skeleton.joints for c in ("x", "y", "score")]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["track", "frame_idx", "instance.score", *columns])
        for track, one in zip(tracks, two, strict=True):
            for frame, joints in enumerate(one):
                if np.isfinite(joints).any():
                    writer.writerow([track, frame, 0.9, *_cells(joints.ravel())])
    return path


def deeplabcut_columns(skeleton: Skeleton, individuals: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the names of the columns, with individuals where there are several."""
    several = individuals if len(individuals) > 1 else [None]
    return [
        tuple(x for x in ("DLC_net", name, joint, c) if x is not None)
        for name in several
        for joint in skeleton.joints
        for c in ("x", "y", "likelihood")
    ]


def deeplabcut_csv(path: Path, two: np.ndarray, skeleton: Skeleton) -> Path:
    """Write a table of as many individuals as there are people."""
    names = deeplabcut_columns(skeleton, [f"person{i}" for i in range(len(two))])
    levels = ["scorer", *(["individuals"] if len(two) > 1 else []), "bodyparts", "coords"]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        for level, texts in zip(levels, zip(*names, strict=True), strict=True):
            writer.writerow([level, *texts])
        for frame in range(two.shape[1]):
            writer.writerow([frame, *_cells(two[:, frame].ravel())])
    return path


def deeplabcut_h5(path: Path, two: np.ndarray, skeleton: Skeleton, *, pickled: bytes = b"") -> Path:
    """Write the table that pandas writes with ``format="table"``; PyTables pickles the names."""
    import h5py

    names = deeplabcut_columns(skeleton, [f"person{i}" for i in range(len(two))])
    values = two.transpose(1, 0, 2, 3).reshape(two.shape[1], -1)
    dtype = np.dtype([("index", "<i8"), ("values_block_0", "<f8", (values.shape[1],))])
    table = np.zeros(len(values), dtype)
    table["index"], table["values_block_0"] = np.arange(len(values)), values
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        group.attrs["pandas_type"] = np.bytes_("frame_table")
        stored = group.create_dataset("table", data=table)
        stored.attrs["values_block_0_kind"] = np.bytes_(pickled or pickle.dumps(names, 0))
    return path


def deeplabcut_fixed_h5(path: Path, two: np.ndarray, skeleton: Skeleton) -> Path:
    """Write the arrays that pandas writes with ``format="fixed"``."""
    import h5py

    names = deeplabcut_columns(skeleton, [f"person{i}" for i in range(len(two))])
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        for i, texts in enumerate(zip(*names, strict=True)):
            level, labels = np.unique(np.array(texts, dtype="S"), return_inverse=True)
            group[f"axis0_level{i}"], group[f"axis0_label{i}"] = level, labels.astype(np.int8)
        group.attrs["axis0_nlevels"] = len(names[0])
        group["axis1"] = np.arange(two.shape[1])
        group["block0_values"] = two.transpose(1, 0, 2, 3).reshape(two.shape[1], -1)
    return path


def mediapipe(path: Path, two: np.ndarray, key: str = "pose_landmarks", **first: object) -> Path:
    """Write results of the pose landmarker; ``first`` are further keys of each, as formats."""
    frames = [
        {
            **{k: v(frame) if callable(v) else v for k, v in first.items()},
            key: [
                [
                    {"x": x / SIZE[0], "y": y / SIZE[1], "z": -0.1, "visibility": c}
                    for x, y, c in one[frame].tolist()
                ]
                for one in two
            ],
        }
        for frame in range(two.shape[1])
    ]
    path.write_text(json.dumps(frames))
    return path


def yolo(folder: Path, two: np.ndarray, *, ids: bool = True, confidence: bool = True) -> Path:
    """Write labels of YOLO pose, numbered from 1; frames without people have no file."""
    folder.mkdir()
    for frame in range(two.shape[1]):
        lines = []
        for i, one in enumerate(two):
            if np.isfinite(one[frame]).all():
                xyc = one[frame] / [*SIZE, 1]
                more = [*([0.87] if confidence else []), *([i + 1] if ids else [])]
                numbers = [0, 0.5, 0.5, 0.2, 0.6, *xyc.ravel().tolist(), *more]
                lines.append(" ".join(f"{number:.9g}" for number in numbers))
        if lines:
            (folder / f"clip_{frame + 1}.txt").write_text("\n".join(lines) + "\n")
    return folder


def _cells(numbers: np.ndarray) -> list[str]:
    return ["" if np.isnan(x) else f"{x:.9g}" for x in numbers.tolist()]


GIVEN = {"fps": FPS, "size": SIZE}


def coco_annotations(path: Path, two: np.ndarray, skeleton: Skeleton, **image: object) -> Path:
    """Write annotations of COCO; ``image`` are further keys of each image, as formats."""
    images = [
        {
            "id": 100 + frame,
            "file_name": f"frame_{frame:04d}.jpg",
            "width": SIZE[0],
            "height": SIZE[1],
            **{key: make(frame) for key, make in image.items()},  # pyright: ignore
        }
        for frame in range(two.shape[1])
    ]
    entries = [
        {
            "id": 2 * frame + i,
            "image_id": 100 + frame,
            "category_id": 1,
            "keypoints": two[i, frame].ravel().tolist(),
            "track_id": i + 1,
            "iscrowd": 0,
        }
        for frame in range(two.shape[1])
        for i in range(2)
        if np.isfinite(two[i, frame]).all()
    ]
    categories = [{"id": 1, "name": "person", "keypoints": list(skeleton.joints)}]
    content = {"images": images[::-1], "annotations": entries, "categories": categories}
    path.write_text(json.dumps(content))
    return path


def sleap_analysis(
    path: Path, two: np.ndarray, skeleton: Skeleton, tracks: Sequence[str] = ("a", "b")
) -> Path:
    """Write an analysis file of SLEAP, whose arrays have the axes of MATLAB."""
    import h5py

    with h5py.File(path, "w") as file:
        file["node_names"] = np.array(skeleton.joints, dtype="S")
        file["track_names"] = np.array(tracks, dtype="S8")
        file["tracks"] = two[..., :2].transpose(0, 3, 2, 1)
        file["point_scores"] = two[..., 2].transpose(0, 2, 1)
        file["track_occupancy"] = np.ones((two.shape[1], 2), np.uint8)
    return path


SLP_FRAMES = [
    ("frame_id", "<u8"), ("video", "<u4"), ("frame_idx", "<u8"), ("instance_id_start", "<u8"),
    ("instance_id_end", "<u8"),
]  # fmt: skip
SLP_INSTANCES = [
    ("instance_id", "<i8"), ("instance_type", "u1"), ("frame_id", "<u8"), ("skeleton", "<u4"),
    ("track", "<i4"), ("from_predicted", "<i8"), ("score", "<f4"), ("point_id_start", "<u8"),
    ("point_id_end", "<u8"),
]  # fmt: skip
SLP_POINTS = [("x", "<f8"), ("y", "<f8"), ("visible", "?"), ("complete", "?")]


def slp(
    path: Path, two: np.ndarray, skeleton: Skeleton, *, human: bool = False, version: float = 1.2
) -> Path:
    """Write a project of SLEAP whose instances are predicted, or set by a human."""
    import h5py

    count, k = two.shape[1], len(skeleton.joints)
    frames = [(t, 0, t, 2 * t, 2 * t + 2) for t in range(count)]
    instances = [
        (2 * t + i, not human, t, 0, i, -1, 0.9, k * (2 * t + i), k * (2 * t + i + 1))
        for t in range(count)
        for i in range(2)
    ]
    rows = two.transpose(1, 0, 2, 3).reshape(-1, 3)
    points = np.zeros(len(rows), np.dtype(SLP_POINTS if human else [*SLP_POINTS, ("score", "f8")]))
    points["x"], points["y"], points["visible"] = rows[:, 0], rows[:, 1], True
    if not human:
        points["score"] = rows[:, 2]
    names = [{"name": joint, "weight": 1.0} for joint in skeleton.joints]
    graph = {"nodes": [{"id": i} for i in range(k)], "links": []}
    shape = [count, SIZE[1], SIZE[0], 3]
    video = {"filename": "clip.mp4", "backend": {"type": "MediaVideo", "shape": shape}}
    with h5py.File(path, "w") as file:
        metadata = file.create_group("metadata")
        metadata.attrs["format_id"] = version
        metadata.attrs["json"] = json.dumps({"nodes": names, "skeletons": [graph]})
        file["frames"] = np.array(frames, SLP_FRAMES)
        file["instances"] = np.array(instances, SLP_INSTANCES)
        file["points"] = points if human else np.zeros(0, SLP_POINTS)
        file["pred_points"] = np.zeros(0, [*SLP_POINTS, ("score", "f8")]) if human else points
        file["tracks_json"] = [json.dumps([0, name]) for name in ("man", "woman")]
        file["videos_json"] = [json.dumps(video)]
    return path
