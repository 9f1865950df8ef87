"""MPI-INF-3DHP: the npz files of P-STMO or the raw download, for training and evaluation.

Both hold true 2D and, as truth, ``univ_annot3``: millimetres in camera axes, every person scaled to
one height. The data set is for research only and comes from its authors.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from ..io.safe_pickle import read_pickled_npz
from ..optional import missing_extra
from ..skeleton import MPI_INF_3DHP
from .matlab import read_matlab
from .video_dataset import VideoDataset

TRAIN_FILE, TEST_FILE = "data_train_3dhp.npz", "data_test_3dhp.npz"
CAMERAS = ("0", "1", "2", "4", "5", "6", "7", "8")
"""Cameras of the training protocol, of 14."""
FPS = 25.0
"""Frame rate of most sequences; some have 50. Clips take every frame, as in the released code."""
TEST_SIZES = {f"TS{i}": (2048, 2048) if i < 5 else (1920, 1080) for i in range(1, 7)}
"""Image width and height of each test sequence."""
_TRAIN_SIZE = (2048, 2048)
_RAW_JOINTS = (
    "Spine3", "Spine4", "Spine2", "Spine", "Hip", "Neck", "Head", "HeadTop",
    "LClavicle", "LShoulder", "LElbow", "LWrist", "LHand",
    "RClavicle", "RShoulder", "RElbow", "RWrist", "RHand",
    "LHip", "LKnee", "LAnkle", "LFoot", "LToe", "RHip", "RKnee", "RAnkle", "RFoot", "RToe",
)  # fmt: skip
_PICKED = [_RAW_JOINTS.index(joint) for joint in MPI_INF_3DHP.joints]
_JOINTS = len(MPI_INF_3DHP.joints)
_View = tuple[str, str, np.ndarray, np.ndarray]
"""Subject, name for error messages, 2D, 3D."""


@dataclass(frozen=True)
class Take:
    """One test sequence, in pixels and, camera axes, millimetres.

    Attributes:
        xyz: Truth; meaningful in valid frames only.
        valid: Which frames are scored.
        activity: Number of the activity in each frame; None if the file does not hold it.
    """

    xy: Float[np.ndarray, "t 17 2"]
    xyz: Float[np.ndarray, "t 17 3"]
    valid: Bool[np.ndarray, " t"]
    size: tuple[int, int]
    activity: Int[np.ndarray, " t"] | None = None


def load_3dhp_train(path: str | Path) -> VideoDataset:
    """Read the training set, eight cameras of every sequence.

    Args:
        path: data_train_3dhp.npz, its folder, or the folder of the raw S1, S2, ...

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is not of its format.
    """
    file = _find_npz(Path(path), TRAIN_FILE)
    xy, xyz, subjects = [], [], []
    for subject, what, pixels, true in _npz_views(file) if file else _raw_views(Path(path)):
        xy.append(_check_array(what, pixels, _JOINTS, 2).astype(np.float32))
        xyz.append(_check_array(what, true, _JOINTS, 3).astype(np.float32))
        _check_frames(what, xy[-1], xyz[-1])
        subjects.append(subject)
    lengths = np.array([len(part) for part in xy])
    return VideoDataset(
        xy=np.concatenate(xy),
        confidence=np.broadcast_to(np.float32(1), (lengths.sum(), _JOINTS)),
        xyz=np.concatenate(xyz),
        lengths=lengths,
        sizes=np.tile(_TRAIN_SIZE, (len(xy), 1)),
        units=np.full(len(xy), 2 / _TRAIN_SIZE[0]),
        subjects=tuple(subjects),
        fps=FPS,
        skeleton=MPI_INF_3DHP,
    )


def load_3dhp_test(path: str | Path) -> dict[str, Take]:
    """Read the test sequences that exist, by name ("TS1" to "TS6"); raises as `load_3dhp_train`.

    Args:
        path: data_test_3dhp.npz, its folder, or the folder of the raw TS1, ... (needs h5py).
    """
    file = _find_npz(Path(path), TEST_FILE)
    return dict(_npz_takes(file) if file else _raw_takes(Path(path)))


def _find_npz(path: Path, name: str) -> Path | None:
    """Return the npz file that a path means; None if it is a folder without one."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise FileNotFoundError(f"no such file or folder: {path}")
    return path / name if (path / name).is_file() else None


def _npz_views(file: Path) -> Iterator[_View]:
    for name, content in _entries(file, read_pickled_npz(file, "data"), f"in {TRAIN_FILE}"):
        if not isinstance(content, list | tuple) or len(content) != 2:
            got = f"got {_brief(content)}; training needs {TRAIN_FILE}"
            raise ValueError(f"{file}: {name}: expected [cameras, frames per second], {got}.")
        cameras = dict(_entries(file, content[0], f"by camera, {name}"))
        for camera in CAMERAS:
            what = f"{file}: {name}, camera {camera}"
            pixels, true = _needed(what, cameras.get(camera), "data_2d", "data_3d")
            yield name.split()[0], what, pixels, true


def _raw_views(folder: Path) -> Iterator[_View]:
    keys, joints = ("annot2", "univ_annot3"), len(_RAW_JOINTS)
    for file in _find_files(folder, "S*/Seq*", "annot.mat", TRAIN_FILE):
        content = read_matlab(file, keys, hdf5=False)
        cells = _needed(str(file), content, *keys)
        for camera in CAMERAS:
            what = f"{file}: camera {camera}"
            if any(part.dtype != object or part.size <= int(camera) for part in cells):
                raise ValueError(f"{what}: expected annot2 and univ_annot3 as cells of 14 cameras.")
            parts = zip((part.ravel()[int(camera)] for part in cells), (2, 3), strict=True)
            arrays = [_check_array(what, part, axes * joints) for part, axes in parts]
            pixels, true = (x.reshape(len(x), joints, -1)[:, _PICKED] for x in arrays)
            yield file.parts[-3], what, pixels, true


def _npz_takes(file: Path) -> Iterator[tuple[str, Take]]:
    for name, content in _entries(file, read_pickled_npz(file, "data"), f"in {TEST_FILE}"):
        what = f"{file}: {name}"
        xy, xyz, valid = _needed(what, content, "data_2d", "data_3d", "valid")
        yield name, _make_take(what, name, xy, xyz, valid.reshape(-1))


def _raw_takes(folder: Path) -> Iterator[tuple[str, Take]]:
    keys = ("annot2", "univ_annot3", "valid_frame", "activity_annotation")
    lasts = ((1, _JOINTS, 2), (1, _JOINTS, 3), (1,), (1,))
    for file in _find_files(folder, "TS*", "annot_data.mat", TEST_FILE):
        if find_spec("h5py") is None:
            raise missing_extra(f"Reading {file.name}", "h5py", "research")
        content = read_matlab(file, keys, hdf5=True)
        parts = zip(_needed(str(file), content, *keys), lasts, strict=True)
        xy, xyz, valid, activity = (_check_array(str(file), x, *last)[:, 0] for x, last in parts)
        name = file.parent.name
        yield name, _make_take(str(file), name, xy, xyz, valid, activity.astype(int))


def _make_take(
    what: str, name: str, xy: Any, xyz: Any, valid: Any, activity: np.ndarray | None = None
) -> Take:
    if name not in TEST_SIZES:
        raise ValueError(f"{what}: expected test sequences {list(TEST_SIZES)}, got {name!r}.")
    xy, xyz = _check_array(what, xy, _JOINTS, 2), _check_array(what, xyz, _JOINTS, 3)
    valid = _check_array(what, valid) != 0
    _check_frames(what, xy, xyz, valid)
    if not valid.any():
        raise ValueError(f"{what}: none of the {len(valid)} frames is marked as valid.")
    return Take(xy.astype(float), xyz.astype(float), valid, TEST_SIZES[name], activity)


def _find_files(folder: Path, folders: str, name: str, instead: str) -> list[Path]:
    """Return the file of this name in each matching folder; every one must have it."""
    files = [found / name for found in sorted(folder.glob(folders)) if found.is_dir()]
    if not files:
        raise FileNotFoundError(f"{folder}: expected {instead} or {folders}/{name} in it.")
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise FileNotFoundError(f"{folder}: missing {', '.join(missing)}.")
    return files


def _entries(file: Path, content: Any, where: str) -> list[tuple[str, Any]]:
    if not isinstance(content, dict) or not content:
        raise ValueError(f"{file}: expected a dictionary ({where}), got {_brief(content)}.")
    return [(str(key), value) for key, value in content.items()]


def _needed(what: str, content: Any, *keys: str) -> list[np.ndarray]:
    found = content if isinstance(content, dict) else {}
    wrong = [key for key in keys if not isinstance(found.get(key), np.ndarray)]
    if wrong:
        raise ValueError(f"{what}: expected the arrays {list(keys)}, but {wrong} are missing.")
    return [found[key] for key in keys]


def _check_array(what: str, value: Any, *last: int) -> np.ndarray:
    """Return a value that must be real numbers of shape (frames, *last), at least one frame."""
    numbers = isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    if not numbers or not value.size or (value.ndim, value.shape[1:]) != (1 + len(last), last):
        shape = ", ".join(str(size) for size in ("frames", *last))
        raise ValueError(f"{what}: expected numbers of shape ({shape}), got {_brief(value)}.")
    return value


def _check_frames(what: str, xy: np.ndarray, xyz: np.ndarray, *valid: np.ndarray) -> None:
    """Check that all have one length, and that positions are finite, in 3D where ``valid``."""
    lengths = [len(array) for array in (xy, xyz, *valid)]
    if len(set(lengths)) > 1:
        raise ValueError(f"{what}: 2D, 3D (and valid) must have as many frames, got {lengths}.")
    if not (np.isfinite(xy).all() and np.isfinite(xyz[valid]).all()):
        raise ValueError(f"{what}: expected finite positions, got NaN or infinite ones.")


def _brief(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return type(value).__name__
