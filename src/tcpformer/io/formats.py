"""Keypoint formats: one table of what is read, and the readers of each suffix.

Where a suffix holds several formats, the content decides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..detections import Detections
from .coco_annotations import is_coco_annotations, read_coco_annotations
from .coco_json import is_coco_results, read_coco_results
from .csv_motion import is_motion_csv
from .csv_tables import read_rows
from .deeplabcut import is_deeplabcut, read_deeplabcut_csv, read_deeplabcut_h5
from .hdf5 import read_hdf5
from .json_values import read_json
from .keypoints import READABLE, RateAndSize, files_in
from .mediapipe import is_mediapipe, read_mediapipe
from .mmpose import read_mmpose, read_mmpose_pictures
from .motion_table import is_description, refuse_motion
from .npz import read_keypoints_npz
from .numpy_array import read_npy
from .openpose import read_openpose
from .rtmlib import is_rtmlib, read_rtmlib
from .sleap import is_sleap, read_sleap
from .sleap_h5 import is_sleap_analysis, is_slp, read_sleap_analysis, read_slp
from .trc import read_trc
from .yolo import read_yolo

Reader = Callable[[Path, RateAndSize], Detections]


@dataclass(frozen=True)
class Format:
    """A format of 2D keypoints, in words."""

    program: str
    suffix: str
    folder: bool
    """Whether it is a folder of such files."""
    content: str
    people: str
    """What distinguishes people."""
    lacks: str
    """What must be given beside the file: fps, size, or nothing."""
    example: str
    """The beginning of a file."""

    @property
    def source(self) -> str:
        """What the user gives."""
        return f"folder of {self.suffix}" if self.folder else self.suffix


FORMATS = (
    Format(
        "TCPFormer", ".npz", False, "xy, confidence, names of the joints", "one", "nothing",
        "xy (t, k, 2), confidence (t, k), joints (k,), fps, size",
    ),
    Format(
        "OpenPose", ".json", True, "BODY_25, COCO-18, Halpe-26; one file a frame",
        "by person_id, else tracked", "fps, size",
        '{"people": [{"person_id": [-1], "pose_keypoints_2d": [466.2, 75.5, 0.98, ...]}]}',
    ),
    Format(
        "MMPose", ".json", False, "predictions of a video: COCO-17, Halpe-26, WholeBody-133",
        "by track_id, else tracked", "fps, size",
        '[{"frame_id": 0, "instances": [{"keypoints": [[466.2, 75.5], ...], '
        '"keypoint_scores": [0.98, ...]}]}]',
    ),
    Format(
        "MMPose, pictures", ".json", True, "predictions, one file a picture", "tracked",
        "fps, size",
        '[{"keypoints": [[466.2, 75.5], ...], "keypoint_scores": [0.98, ...]}]',
    ),
    Format(
        "AlphaPose, COCO", ".json", False, "results: COCO-17, Halpe-26, Halpe-136, WholeBody-133",
        "by idx, else tracked", "fps, size",
        '[{"image_id": "0.jpg", "keypoints": [466.2, 75.5, 0.98, ...], "score": 3.1, "idx": 1}]',
    ),
    Format(
        "COCO annotations", ".json", False, "images, annotations, categories; joints by name",
        "by track_id, else tracked", "fps; size, unless in the file",
        '{"images": [{"id": 7, "file_name": "frame_0001.jpg", "width": 1280, "height": 720}, ...], '
        '"annotations": [{"image_id": 7, "keypoints": [466.2, 75.5, 2, ...], "track_id": 1}, '
        '...], "categories": [{"id": 1, "keypoints": ["nose", ...]}]}',
    ),
    Format(
        "MediaPipe", ".json", False, "33 landmarks as fractions of the picture", "tracked",
        "size; fps without time stamps",
        '[{"timestamp_ms": 33, "pose_landmarks": [[{"x": 0.36, "y": 0.1, "visibility": 0.98}, '
        "...]]}]",
    ),
    Format(
        "YOLO pose", ".txt", True, "labels of Ultralytics, fractions of the picture; one file a "
        "frame", "by id, else tracked", "fps, size",
        "0 0.37 0.28 0.1 0.45 0.364 0.105 0.98 ... 0.87 1",
    ),
    Format(
        "SLEAP", ".csv", False, "analysis table; joints by name", "by track, else tracked",
        "fps, size",
        "track,frame_idx,instance.score,Nose.x,Nose.y,Nose.score,...\n"
        "track_0,0,0.9,466.2,75.5,0.98,...",
    ),
    Format(
        "SLEAP", ".h5", False, "analysis file; joints by name (needs h5py)",
        "by track, else tracked", "fps, size",
        "tracks (tracks, 2, nodes, frames), point_scores, node_names, track_names",
    ),
    Format(
        "SLEAP", ".slp", False, "project of one video; joints by name (needs h5py)",
        "by track, else tracked", "fps; size, unless in the file",
        "metadata, frames, instances, points, pred_points, tracks_json, videos_json",
    ),
    Format(
        "DeepLabCut", ".csv", False, "table of one individual or several; joints by name",
        "by individual", "fps, size",
        "scorer,net,net,net,...\nbodyparts,Nose,Nose,Nose,...\ncoords,x,y,likelihood,...\n"
        "0,466.2,75.5,0.98,...",
    ),
    Format(
        "DeepLabCut", ".h5", False, "the same table (needs h5py)", "by individual", "fps, size",
        "df_with_missing/table: index, values_block_0",
    ),
    Format(
        "rtmlib", ".npz", False, "keypoints, scores", "tracked", "fps, size, unless in the file",
        "keypoints (t, n, k, 2), scores (t, n, k); or (t, k, 2), (t, k) of one person",
    ),
    Format(
        "NumPy", ".npy", False, "x, y, confidence", "tracked", "fps, size",
        "(t, n, k, 3); or (t, k, 3) of one person",
    ),
    Format(
        "Sports2D", ".trc", False, "markers in pixels; joints by name", "one", "size",
        "Frame#\tTime\tNose\t\t\t...\n\t\tX1\tY1\tZ1\t...\n1\t0.0\t466.2\t75.5\t0.0\t...",
    ),
    Format(
        "Sports2D", ".trc", True, "the same, one file a person", "one file each", "size",
        "clip_px_person00.trc, clip_px_person01.trc",
    ),
)  # fmt: skip
"""All formats that are read, each with one line for `tcpformer formats` and the documentation."""


def _read_npz(path: Path, given: RateAndSize) -> Detections:
    return (read_rtmlib if is_rtmlib(path) else read_keypoints_npz)(path, given)


def _read_json(path: Path, given: RateAndSize) -> Detections:
    content = read_json(path)
    if is_description(content):
        raise refuse_motion(path)
    if is_coco_results(content):
        return read_coco_results(path, content, given)
    if is_coco_annotations(content):
        return read_coco_annotations(path, content, given)
    if is_mediapipe(content):
        return read_mediapipe(path, content, given)
    return read_mmpose(path, content, given)


def _read_json_folder(folder: Path, given: RateAndSize) -> Detections:
    pictures = isinstance(read_json(files_in(folder, ".json")[0]), list)
    return (read_mmpose_pictures if pictures else read_openpose)(folder, given)


def _read_csv(path: Path, given: RateAndSize) -> Detections:
    if is_motion_csv(path):
        raise refuse_motion(path)
    rows = read_rows(path)
    header = next(rows, None)
    if header is not None and is_sleap(header):
        return read_sleap(path, header, rows, given)
    if header is not None and is_deeplabcut(header):
        return read_deeplabcut_csv(path, header, rows, given)
    found = "an empty file" if header is None else ", ".join(header.cells)[:80]
    raise ValueError(
        f"{path}: expected a table of SLEAP, with a column frame_idx, or of DeepLabCut, which "
        f"begins with scorer; found {found}. {READABLE[0].upper()}{READABLE[1:]}."
    )


def _read_h5(path: Path, given: RateAndSize) -> Detections:
    content = read_hdf5(path)
    if is_sleap_analysis(content):
        return read_sleap_analysis(path, content, given)
    if is_slp(content) or path.suffix.lower() == ".slp":
        return read_slp(path, content, given)
    return read_deeplabcut_h5(path, content, given)


READERS: dict[str, Reader] = {
    ".npz": _read_npz,
    ".npy": read_npy,
    ".json": _read_json,
    ".csv": _read_csv,
    ".h5": _read_h5,
    ".slp": _read_h5,
    ".trc": read_trc,
}
"""Readers of a file, by suffix."""
FOLDER_READERS: dict[str, Reader] = {
    ".json": _read_json_folder,
    ".txt": read_yolo,
    ".trc": read_trc,
}
"""Readers of a folder, by the suffix of the files in it."""
