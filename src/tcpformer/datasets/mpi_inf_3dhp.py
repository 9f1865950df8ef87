"""MPI-INF-3DHP: the npz files of P-STMO or the raw download, to train on and to be scored by.

Both hold true 2D and, as truth, ``univ_annot3``: millimetres in camera axes, every person scaled to
one height. The data set is for research only and comes from its authors.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from ..io.safe_pickle import read_pickled_npz
from ..optional import missing_extra
from ..skeleton import MPI_INF_3DHP
from .video_dataset import Footage

TRAIN_FILE, TEST_FILE = "data_train_3dhp.npz", "data_test_3dhp.npz"
CAMERAS = ("0", "1", "2", "4", "5", "6", "7", "8")
"""The cameras that everybody trains on, of 14."""
FPS = 25.0
"""Of most sequences; some have 50. They are cut into clips frame by frame, as released."""
TEST_SIZES = {
    "TS1": (2048, 2048),
    "TS2": (2048, 2048),
    "TS3": (2048, 2048),
    "TS4": (2048, 2048),
    "TS5": (1920, 1080),
    "TS6": (1920, 1080),
}
"""Width and height of the pictures of each test sequence."""
_TRAIN_SIZE = (2048, 2048)
# fmt: off
_RAW_JOINTS = (
    "Spine3", "Spine4", "Spine2", "Spine", "Hip", "Neck", "Head", "HeadTop",
    "LClavicle", "LShoulder", "LElbow", "LWrist", "LHand",
    "RClavicle", "RShoulder", "RElbow", "RWrist", "RHand",
    "LHip", "LKnee", "LAnkle", "LFoot", "LToe", "RHip", "RKnee", "RAnkle", "RFoot", "RToe",
)
# fmt: on
_PICKED = [_RAW_JOINTS.index(joint) for joint in MPI_INF_3DHP.joints]
_JOINTS = len(MPI_INF_3DHP.joints)

_View = tuple[str, str, np.ndarray, np.ndarray]
"""Subject, what a message calls it, 2D, 3D."""


@dataclass(frozen=True)
class Take:
    """One test sequence.

    Attributes:
        xy: Joints in pixels, in all frames.
        xyz: The truth in millimetres, camera axes; it counts in valid frames only.
        valid: Which frames are scored.
        size: Image width and height in pixels.
        activity: Number of what is done in each frame; None where the file does not say.
    """

    xy: Float[np.ndarray, "t 17 2"]
    xyz: Float[np.ndarray, "t 17 3"]
    valid: Bool[np.ndarray, " t"]
    size: tuple[int, int]
    activity: Int[np.ndarray, " t"] | None = None


def load_3dhp_train(path: str | Path) -> Footage:
    """Read the training set, eight cameras of every sequence.

    Args:
        path: data_train_3dhp.npz, a folder it is in, or the folder of the raw S1, S2, ...

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is not of its format.
    """
    path = Path(path)
    file = _npz(path, TRAIN_FILE)
    xy, xyz, subjects = [], [], []
    for subject, what, seen, true in _npz_views(file) if file else _raw_views(path):
        xy.append(_array(what, seen, _JOINTS, 2).astype(np.float32))
        xyz.append(_array(what, true, _JOINTS, 3).astype(np.float32))
        _same_length(what, xy[-1], xyz[-1])
        _finite(what, xy[-1], xyz[-1])
        subjects.append(subject)
    lengths = np.array([len(part) for part in xy])
    return Footage(
        xy=np.concatenate(xy),
        confidence=np.broadcast_to(np.float32(1), (lengths.sum(), _JOINTS)),
        xyz=np.concatenate(xyz),
        starts=np.cumsum(lengths) - lengths,
        lengths=lengths,
        sizes=np.tile(_TRAIN_SIZE, (len(xy), 1)),
        units=np.full(len(xy), 2 / _TRAIN_SIZE[0]),
        subjects=tuple(subjects),
        fps=FPS,
        skeleton=MPI_INF_3DHP,
    )


def load_3dhp_test(path: str | Path) -> dict[str, Take]:
    """Read the test sequences that are there, by name ("TS1" to "TS6").

    Args:
        path: data_test_3dhp.npz, a folder it is in, or the folder of the raw TS1, TS2, ...

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is not of its format.
        ImportError: If raw files are to be read and h5py is not installed.
    """
    path = Path(path)
    file = _npz(path, TEST_FILE)
    return _npz_takes(file) if file else _raw_takes(path)


def _npz(path: Path, name: str) -> Path | None:
    """The npz file meant; None where a folder has none."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise FileNotFoundError(f"no such file or folder: {path}")
    return path / name if (path / name).is_file() else None


def _npz_views(file: Path) -> Iterator[_View]:
    for name, content in _entries(file, read_pickled_npz(file, "data"), f"in {TRAIN_FILE}"):
        if not isinstance(content, list | tuple) or len(content) != 2:
            raise ValueError(
                f"{file}: {name}: expected [cameras, frames per second], got {_brief(content)}; "
                f"training needs {TRAIN_FILE}."
            )
        cameras = dict(_entries(file, content[0], f"by camera, {name}"))
        for camera in CAMERAS:
            what = f"{file}: {name}, camera {camera}"
            seen, true = _needed(what, cameras.get(camera), "data_2d", "data_3d")
            yield name.split()[0], what, seen, true


def _raw_views(folder: Path) -> Iterator[_View]:
    for file in _files(folder, "S*/Seq*", "annot.mat", TRAIN_FILE):
        cells = _needed(str(file), _matlab(file), "annot2", "univ_annot3")
        for camera in CAMERAS:
            what = f"{file}: camera {camera}"
            if any(part.dtype != object or part.size <= int(camera) for part in cells):
                raise ValueError(f"{what}: expected annot2 and univ_annot3 as cells of 14 cameras.")
            seen, true = (part.ravel()[int(camera)] for part in cells)
            seen = _array(what, seen, 2 * len(_RAW_JOINTS)).reshape(-1, len(_RAW_JOINTS), 2)
            true = _array(what, true, 3 * len(_RAW_JOINTS)).reshape(-1, len(_RAW_JOINTS), 3)
            yield file.parts[-3], what, seen[:, _PICKED], true[:, _PICKED]


def _npz_takes(file: Path) -> dict[str, Take]:
    takes = {}
    for name, content in _entries(file, read_pickled_npz(file, "data"), f"in {TEST_FILE}"):
        what = f"{file}: {name}"
        xy, xyz, valid = _needed(what, content, "data_2d", "data_3d", "valid")
        takes[name] = _take(what, name, xy, xyz, valid.reshape(-1))
    return takes


def _raw_takes(folder: Path) -> dict[str, Take]:
    takes = {}
    for file in _files(folder, "TS*", "annot_data.mat", TEST_FILE):
        content = _needed(str(file), _hdf5(file), *_HDF5_KEYS)
        lasts = ((1, _JOINTS, 2), (1, _JOINTS, 3), (1,), (1,))
        parts = zip(content, lasts, strict=True)
        xy, xyz, valid, activity = (_array(str(file), x, *last)[:, 0] for x, last in parts)
        name = file.parent.name
        takes[name] = _take(str(file), name, xy, xyz, valid, activity.astype(int))
    return takes


def _take(
    what: str,
    name: str,
    xy: np.ndarray,
    xyz: np.ndarray,
    valid: np.ndarray,
    activity: np.ndarray | None = None,
) -> Take:
    if name not in TEST_SIZES:
        raise ValueError(f"{what}: expected test sequences {list(TEST_SIZES)}, got {name!r}.")
    xy, xyz = _array(what, xy, _JOINTS, 2), _array(what, xyz, _JOINTS, 3)
    valid = _array(what, valid) != 0
    _same_length(what, xy, xyz, valid)
    _finite(what, xy, xyz[valid])
    if not valid.any():
        raise ValueError(f"{what}: none of the {len(valid)} frames is marked as valid.")
    return Take(xy.astype(float), xyz.astype(float), valid, TEST_SIZES[name], activity)


def _files(folder: Path, folders: str, name: str, instead: str) -> list[Path]:
    """A file of each of the folders of a data set; every one must have it."""
    files = [found / name for found in sorted(folder.glob(folders)) if found.is_dir()]
    if not files:
        raise FileNotFoundError(f"{folder}: expected {instead} or {folders}/{name} in it.")
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise FileNotFoundError(f"{folder}: missing {', '.join(missing)}.")
    return files


def _matlab(file: Path) -> dict[str, Any]:
    """The cell arrays of a training sequence, and what MATLAB tells about the file."""
    try:
        return loadmat(file, variable_names=("annot2", "univ_annot3"))
    except (MatReadError, ValueError, TypeError, NotImplementedError, OSError) as error:
        raise ValueError(f"{file}: not a MATLAB 5 file of a training sequence: {error}") from error


_HDF5_KEYS = ("annot2", "univ_annot3", "valid_frame", "activity_annotation")


def _hdf5(file: Path) -> dict[str, np.ndarray]:
    """The arrays of a test sequence."""
    try:
        import h5py
    except ImportError as error:
        raise missing_extra(f"Reading {file.name}", "h5py", "research") from error
    try:
        with h5py.File(file) as content:
            return {key: np.asarray(content[key]) for key in _HDF5_KEYS if key in content}
    except OSError as error:
        raise ValueError(f"{file}: not a MATLAB 7.3 file of a test sequence: {error}") from error


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


def _array(what: str, value: Any, *last: int) -> np.ndarray:
    """A value that must be real numbers of shape (frames, *last), one frame at least."""
    if (
        not isinstance(value, np.ndarray)
        or value.dtype.kind not in "biuf"
        or value.ndim != len(last) + 1
        or value.shape[1:] != last
        or not len(value)
    ):
        shape = ", ".join(str(size) for size in ("frames", *last))
        raise ValueError(f"{what}: expected numbers of shape ({shape}), got {_brief(value)}.")
    return value


def _same_length(what: str, *arrays: np.ndarray) -> None:
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise ValueError(f"{what}: 2D, 3D (and valid) must have as many frames, got {lengths}.")


def _finite(what: str, *arrays: np.ndarray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError(f"{what}: expected finite positions, got NaN or infinite ones.")


def _brief(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return type(value).__name__
