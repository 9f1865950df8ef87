"""Files: one module a format, reading and writing side by side; here they are found by suffix."""

from collections.abc import Callable
from pathlib import Path

from ..detections import Detections
from ..motion import Motion3D
from .bvh import write_bvh
from .keypoints import MALFORMED, READABLE, RateAndSize
from .mmpose import read_mmpose
from .npz import read_keypoints_npz, save_motion
from .openpose import read_openpose
from .rtmlib import is_rtmlib, read_rtmlib
from .trc import read_trc


def _read_npz(path: Path, given: RateAndSize) -> Detections:
    return (read_rtmlib if is_rtmlib(path) else read_keypoints_npz)(path, given)


Reader = Callable[[Path, RateAndSize], Detections]
READERS: dict[str, Reader] = {".npz": _read_npz, ".json": read_mmpose, ".trc": read_trc}
"""Readers of a file of 2D keypoints, by suffix."""
FOLDER_READERS: dict[str, Reader] = {".json": read_openpose, ".trc": read_trc}
"""Readers of a folder of 2D keypoints, by the suffix of the files in it."""
WRITERS: dict[str, Callable[[Motion3D, Path], None]] = {".npz": save_motion, ".bvh": write_bvh}
"""Writers of a 3D motion, by suffix."""


def read_detections(
    path: str | Path,
    *,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    fallback: tuple[float, tuple[int, int]] | None = None,
) -> Detections:
    """Read 2D keypoints of all people in a video; `tracking.assemble_people` makes motions of them.

    Args:
        path: An .npz of `load_keypoints`; an .npz with ``keypoints`` (t, n, k, 2) and ``scores``
            (t, n, k), as rtmlib gives them, NaN or score 0 where there are fewer people; a folder
            of OpenPose's *_keypoints.json, one a frame; MMPose's .json of predictions; a .trc in
            pixels of Sports2D, or its folder, one file a person.
        fps: Frames per second, if the file has none; must agree with the file's otherwise.
        size: Image (width, height) in pixels, if the file has none; must agree otherwise.
        fallback: Rate and size if neither the file nor the arguments have them, as of a video.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If it is none of these, or fps or size are missing, not positive or contradict
            the file.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such file or folder: {path}")
    try:
        return _find_reader(path)(path, RateAndSize(fps, size, fallback))
    except MALFORMED as error:
        raise ValueError(
            f"{path}: not as OpenPose, MMPose, rtmlib or Sports2D write it ({error!r}); {READABLE}."
        ) from error
    except ValueError as error:
        named = str(error).startswith(str(path))
        raise error if named else ValueError(f"{path}: {error}") from error


def _find_reader(path: Path) -> Reader:
    if path.is_dir():
        found = sorted({file.suffix.lower() for file in path.iterdir()} & set(FOLDER_READERS))
        if len(found) != 1:
            raise ValueError(
                f"{path} should hold either OpenPose's .json, one a frame, or Sports2D's .trc, one "
                f"a person; found {found or 'neither'}."
            )
        return FOLDER_READERS[found[0]]
    if path.suffix.lower() not in READERS:
        raise ValueError(
            f"{path}: expected a folder or one of {', '.join(READERS)}, got {path.suffix!r}."
        )
    return READERS[path.suffix.lower()]


def save(motion: Motion3D, path: str | Path) -> None:
    """Write a motion by suffix: ".npz" keeps everything, ".bvh" is for animation software.

    Raises:
        ValueError: If the suffix is none of these.
        OSError: If the folder does not exist or cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITERS:
        raise ValueError(
            f"cannot write {path.name!r}: expected a name that ends in one of "
            f"{', '.join(WRITERS)}, got {path.suffix.lower() or 'no suffix'!r}."
        )
    WRITERS[path.suffix.lower()](motion, path)
