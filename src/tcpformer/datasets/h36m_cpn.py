"""Human3.6M with 2D from CPN: the two npz files of VideoPose3D, in true camera space.

The cameras (h36m_cameras.json, from karfly/human36m-camera-parameters) are part of the package.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ..files import brief
from ..io.safe_pickle import read_pickled_npz
from ..skeleton import H36M_NOSE
from .h36m_sh import FPS, SIZES, Split
from .video_dataset import VideoDataset

SUBJECTS = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}
DAMAGED = (("S11", "Directions"),)
"""Takes that the protocol excludes."""
FILE_3D, FILE_2D = "data_3d_h36m.npz", "data_2d_h36m_cpn_ft_h36m_dbb.npz"

RAW_JOINTS = (
    "Hip", "RHip", "RKnee", "RAnkle", "", "", "LHip", "LKnee", "LAnkle", "", "", "",
    "Spine", "Neck", "Nose", "Head", "", "LShoulder", "LElbow", "LWrist", "", "", "", "", "",
    "RShoulder", "RElbow", "RWrist", "", "", "", "",
)  # fmt: skip
"""The 32 joints of the original motion capture; only the 17 that are used have a name."""


@dataclass(frozen=True)
class Camera:
    """A calibrated camera of the studio, in pixels; `to_camera` has rotation and translation (m).

    The distortion is k1, k2, p1, p2, k3 in the order of OpenCV.
    """

    size: tuple[int, int]
    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]
    focal: Float[np.ndarray, "2"]
    center: Float[np.ndarray, "2"]
    distortion: Float[np.ndarray, "5"]

    def to_camera(self, world: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """Transform points from world to camera axes, metres."""
        return world @ self.rotation.T + self.translation

    def project(self, xyz: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 2"]:
        """Project points from camera axes to pixels, by the lens model of Human3.6M.

        It counts the tangential distortion once, OpenCV twice: up to half a pixel in a corner.
        """
        k1, k2, p1, p2, k3 = self.distortion
        flat = np.clip(xyz[..., :2] / xyz[..., 2:], -1, 1)
        r2 = (flat**2).sum(axis=-1, keepdims=True)
        tangential = np.array([p2, p1])
        factor = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + (flat * tangential).sum(-1, keepdims=True)
        return self.focal * (flat * factor + tangential * r2) + self.center


@cache
def load_cameras(subject: str) -> tuple[Camera, ...]:
    """Return the four cameras of a subject, in the order of the 2D file; ValueError if unknown."""
    content = json.loads((Path(__file__).parent / "h36m_cameras.json").read_text())
    if subject not in content["extrinsics"]:
        raise ValueError(f"subject must be one of {list(content['extrinsics'])}, got {subject!r}.")
    found = []
    for name, size in SIZES.items():
        inner, outer = content["intrinsics"][name], content["extrinsics"][subject][name]
        rotation, translation = np.array(outer["R"]), np.array(outer["t"]).ravel() / 1000
        k, distortion = np.array(inner["calibration_matrix"]), np.array(inner["distortion"])
        found.append(Camera(size, rotation, translation, k.diagonal()[:2], k[:2, 2], distortion))
    return tuple(found)


def load_h36m_cpn(folder: str | Path, split: Split, *, ground_truth: bool = False) -> VideoDataset:
    """Read the videos of a split; the truth is in metres. Confidence is 1: the file has none.

    Args:
        folder: Folder of `FILE_3D` and, for detected 2D, `FILE_2D`.
        split: Subjects 1, 5, 6, 7, 8 ("train") or subjects 9, 11 ("test").
        ground_truth: Project the truth, with lens distortion, instead of using detected 2D.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is not of its format.
    """
    return load_h36m_cpn_actions(folder, split, ground_truth=ground_truth)[0]


def load_h36m_cpn_actions(
    folder: str | Path, split: Split, *, ground_truth: bool = False
) -> tuple[VideoDataset, tuple[str, ...]]:
    """Return what `load_h36m_cpn` does, and the action of each video."""
    subjects = SUBJECTS[split]
    positions = _read_subjects(Path(folder) / FILE_3D, "positions_3d", subjects)
    path = Path(folder) / FILE_2D
    detected = None if ground_truth else _read_subjects(path, "positions_2d", subjects)
    videos = _iterate_videos(folder, positions, detected)
    who, takes, cameras, pixels, truth = zip(*videos, strict=True)
    xy = np.concatenate(pixels)
    dataset = VideoDataset(
        xy=xy,
        confidence=np.broadcast_to(np.float32(1), xy.shape[:2]),
        xyz=np.concatenate(truth),
        lengths=np.array([len(xyz) for xyz in truth]),
        sizes=np.array([camera.size for camera in cameras]),
        units=np.ones(len(truth)),
        subjects=who,
        fps=FPS,
        skeleton=H36M_NOSE,
        focals=np.array([camera.focal.mean() for camera in cameras]),
    )
    # Several takes of one action have a number: "Walking 1".
    return dataset, tuple(take.split(" ")[0] for take in takes)


def _read_subjects(path: Path, key: str, subjects: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read a file of subject -> take -> arrays."""
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    content = read_pickled_npz(path, key)
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise ValueError(f"{path}: {key} must be a dict of a dict for every subject.")
    missing = [subject for subject in subjects if not content.get(subject)]
    if missing:
        raise ValueError(f"{path}: subjects {missing} are missing; found {brief(list(content))}.")
    takes = [take for subject in subjects for take in content[subject]]
    if not all(isinstance(take, str) for take in takes):
        raise ValueError(f"{path}: expected texts as names of takes, got {brief(takes)}.")
    return {subject: content[subject] for subject in subjects}


def _iterate_videos(
    folder: str | Path,
    positions: dict[str, dict[str, Any]],
    detected: dict[str, dict[str, Any]] | None,
) -> Iterator[tuple[str, str, Camera, Float[np.ndarray, "t 17 2"], Float[np.ndarray, "t 17 3"]]]:
    """Yield subject, take, camera, 2D and 3D of every take by each of the four cameras."""
    joints = [RAW_JOINTS.index(name) for name in H36M_NOSE.joints]
    takes = [(subject, take) for subject, of_one in positions.items() for take in of_one]
    for subject, take in takes:
        if (subject, take) in DAMAGED:
            continue
        where = f"{folder}: {subject} {brief(repr(take))}"
        world = _check_positions(positions[subject][take], "3D", (len(RAW_JOINTS), 3), where)
        found = _check_views(detected[subject], take, len(world), where) if detected else None
        for i, camera in enumerate(load_cameras(subject)):
            xyz = camera.to_camera(np.asarray(world)[:, joints])
            xy = found[i] if found else camera.project(xyz)
            yield subject, take, camera, xy.astype("f4"), xyz.astype("f4")


def _check_views(takes: dict[str, Any], take: str, frames: int, where: str) -> list[np.ndarray]:
    """Return the detected 2D of one take by each camera, cut to the frames that have 3D."""
    if take not in takes:
        raise ValueError(f"{where}: the 2D file lacks it; it has {brief(list(takes))}.")
    views = takes[take]
    if not isinstance(views, list | tuple | np.ndarray) or len(views) != len(SIZES):
        raise ValueError(f"{where}: expected 2D of four cameras.")
    checked = [_check_positions(xy, "2D", (len(H36M_NOSE.joints), 2), where) for xy in views]
    if any(len(xy) < frames for xy in checked):
        found = [len(xy) for xy in checked]
        raise ValueError(f"{where}: expected 2D of {frames} frames or more, got {found}.")
    return [xy[:frames] for xy in checked]


def _check_positions(value: Any, what: str, frame: tuple[int, int], where: str) -> np.ndarray:
    """Return an array of finite positions, with this shape in each frame."""
    numbers = isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    if not numbers or value.ndim != 3 or value.shape[1:] != frame or not len(value):
        got = value.shape if isinstance(value, np.ndarray) else type(value).__name__
        wanted = f"(frames, {frame[0]}, {frame[1]})"
        raise ValueError(f"{where}: expected {what} of {wanted}, got {got}.")
    if not np.isfinite(value).all():
        raise ValueError(f"{where}: expected finite {what}, got NaN or infinite ones.")
    return value
