"""Files: one module a format, reading and writing side by side; here they are found by suffix."""

from collections.abc import Callable
from pathlib import Path

from ..detections import Detections
from ..motion import Motion3D
from .bvh import write_bvh
from .formats import FOLDER_READERS, FORMATS, READERS, Reader
from .keypoints import MALFORMED, READABLE, RateAndSize
from .mocap_capture import brief
from .npz import save_motion
from .picture_size import check_picture_size
from .pictures import is_picture

WRITERS: dict[str, Callable[[Motion3D, Path], None]] = {".npz": save_motion, ".bvh": write_bvh}
"""Writers of a 3D motion, by suffix."""

MAX_MESSAGE = 1000
"""Characters of an error, which may quote the file."""


def read_detections(
    path: str | Path,
    *,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    fallback: tuple[float, tuple[int, int] | None] | None = None,
) -> Detections:
    """Read 2D keypoints of all people in a video; `tracking.assemble_people` makes motions of them.

    Args:
        path: A file or folder of one of `formats.FORMATS`.
        fps: Frames per second, if the file has none; must agree with the file's otherwise.
        size: Image (width, height) in pixels, if the file has none; must agree otherwise.
        fallback: Rate and size if neither the file nor the arguments have them, as of a video.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If it is none of these, fps or size are missing, not positive or contradict
            the file, or most joints lie outside the picture.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such file or folder: {path}")
    try:
        detections = _find_reader(path)(path, RateAndSize(fps, size, fallback))
    except MALFORMED as error:
        raise ValueError(
            f"{path}: not as OpenPose, Sports2D or another program writes it "
            f"({brief(repr(error))}); {READABLE}."
        ) from error
    except ValueError as error:
        text = brief(error, MAX_MESSAGE)
        named = text.startswith(str(path))
        raise ValueError((text if named else f"{path}: {text}") + _note_pictures(path)) from error
    check_picture_size(path, detections)
    return detections


def _note_pictures(path: Path) -> str:
    """Return how to lift the pictures of a folder that holds other files, too."""
    pictures = sorted(filter(is_picture, path.iterdir())) if path.is_dir() else []
    if not pictures:
        return ""
    return f' To lift the pictures, give a pattern: "{path / "*"}{pictures[0].suffix}" --fps ...'


def _find_reader(path: Path) -> Reader:
    if path.is_dir():
        found = sorted({file.suffix.lower() for file in path.iterdir()} & set(FOLDER_READERS))
        if len(found) != 1:
            wanted = ", ".join(
                f"{f.program.split(',')[0]}'s {f.suffix}" for f in FORMATS if f.folder
            )
            raise ValueError(
                f"{path} should hold either {wanted}, or pictures and nothing else; found "
                f"{' and '.join(found) or 'neither'}."
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
