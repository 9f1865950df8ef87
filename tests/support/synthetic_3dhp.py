"""Made-up people in the file formats of MPI-INF-3DHP; numbers depend on names only."""

import zlib
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
from scipy.io import savemat

CAMERAS = ("0", "1", "2", "4", "5", "6", "7", "8")
OF_28 = [7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6]
"""The 17 joints among the 28 of the raw files, by the numbers that P-STMO's preprocessing has."""
SIZES = {f"TS{n}": (2048, 2048) if n < 5 else (1920, 1080) for n in range(1, 7)}


def swinging_joints(
    name: str, frames: int, joints: int, size: tuple[int, int]
) -> tuple[np.ndarray, ...]:
    """Return pixels (t, j, 2) and millimetres in camera axes (t, j, 3) of joints that swing."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    phase = rng.uniform(0, 7, (joints, 3)) + 0.1 * np.arange(frames)[:, None, None]
    xyz = rng.normal(0, 400, (joints, 3)) + 100 * np.sin(phase) + np.array([0.0, 0.0, 3500.0])
    return 0.75 * size[0] * xyz[..., :2] / xyz[..., 2:] + np.array(size) / 2, xyz


def train_view(name: str, camera: str, frames: int) -> tuple[np.ndarray, ...]:
    """Return one camera's view of a sequence ("S1 Seq2"), 28 joints."""
    return swinging_joints(f"{name} {camera}", frames, 28, (2048, 2048))


def train_content(lengths: Mapping[str, int]) -> dict[str, list]:
    """Return the content of data_train_3dhp.npz for sequences of some lengths."""
    content = {}
    for name, frames in lengths.items():
        views = {camera: train_view(name, camera, frames) for camera in CAMERAS}
        cameras = {
            camera: {"data_2d": xy[:, OF_28], "data_3d": xyz[:, OF_28]}
            for camera, (xy, xyz) in views.items()
        }
        content[name] = [cameras, 25]
    return content


def cells(parts: list[np.ndarray]) -> np.ndarray:
    """Return a MATLAB cell array, one column."""
    column = np.empty((len(parts), 1), dtype=object)
    column[:, 0] = parts
    return column


def write_train_raw(folder: Path, lengths: Mapping[str, int]) -> Path:
    """Write S1/Seq1/annot.mat and so on, 14 cameras."""
    for name, frames in lengths.items():
        views = [train_view(name, str(camera), frames) for camera in range(14)]
        file = folder / name.replace(" ", "/") / "annot.mat"
        file.parent.mkdir(parents=True)
        content = {
            "annot2": cells([xy.reshape(frames, 56) for xy, _ in views]),
            "annot3": cells([1.1 * xyz.reshape(frames, 84) for _, xyz in views]),
            "univ_annot3": cells([xyz.reshape(frames, 84) for _, xyz in views]),
            "cameras": np.arange(14)[None],
            "frames": np.arange(frames)[:, None],
        }
        savemat(file, content)
    return folder


def valid_frames(name: str, frames: int) -> np.ndarray:
    """Mark nine of ten frames."""
    return (np.random.default_rng(zlib.crc32(name.encode())).random(frames) < 0.9).astype(float)


def scored_content(lengths: Mapping[str, int]) -> dict[str, dict[str, np.ndarray]]:
    """Return the content of data_test_3dhp.npz for sequences of some lengths."""
    content = {}
    for name, frames in lengths.items():
        xy, xyz = swinging_joints(name, frames, 17, SIZES[name])
        content[name] = {"data_2d": xy, "data_3d": xyz, "valid": valid_frames(name, frames)}
    return content


def write_test_raw(folder: Path, lengths: Mapping[str, int]) -> Path:
    """Write TS1/annot_data.mat and so on."""
    for name, frames in lengths.items():
        xy, xyz = swinging_joints(name, frames, 17, SIZES[name])
        (folder / name).mkdir(parents=True)
        with h5py.File(folder / name / "annot_data.mat", "w", userblock_size=512) as file:
            file["annot2"], file["univ_annot3"] = xy[:, None], xyz[:, None]
            file["annot3"] = 1.1 * xyz[:, None]
            file["valid_frame"] = valid_frames(name, frames)[:, None].astype(np.uint8)
            file["activity_annotation"] = 1.0 + (np.arange(frames) // 10 % 7)[:, None]
            file["bb_crop"] = np.zeros((frames, 4))
    return folder


def write_npz(path: Path, content: object) -> Path:
    """Write a pickled object under `data`, as numpy saves it."""
    data = np.empty((), dtype=object)
    data[()] = content
    np.savez(path, data=data)
    return path
