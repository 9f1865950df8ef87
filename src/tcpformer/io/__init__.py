"""Files: one module a format, reading and writing side by side; here they are found by suffix."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from ..analysis.angles import measure_angles
from ..detections import Detections
from ..files import brief
from ..motion import Motion2D, Motion3D
from ..optional import missing_extra
from .bvh import write_bvh
from .c3d import write_c3d
from .csv_motion import read_csv, write_csv
from .fbx import write_fbx
from .formats import FOLDER_READERS, FORMATS, READERS, Reader
from .glb import read_glb, write_glb
from .json_motion import read_json_motion, write_json
from .keypoints import MALFORMED, READABLE, RateAndSize
from .mot import write_mot
from .npz import load_motion, save_motion
from .parquet import read_parquet, write_parquet
from .picture_size import check_picture_size
from .pictures import is_picture
from .rig import TRIMMED, RigOptions
from .trc import write_trc
from .usd import write_usd

WRITERS: dict[str, Callable[..., object]] = {
    ".npz": save_motion,
    ".bvh": write_bvh,
    ".trc": write_trc,
    ".mot": lambda motion, path: write_mot(measure_angles(motion), path),
}
"""Writers of formats that hold the motion of one person, by suffix; called with it and a path."""
GROUP_WRITERS: dict[str, Callable[..., object]] = {
    ".glb": write_glb,
    ".usda": write_usd,
    ".usdc": write_usd,
    ".fbx": write_fbx,
    ".c3d": write_c3d,
    ".csv": write_csv,
    ".json": write_json,
    ".parquet": write_parquet,
}
"""Writers of formats that hold several people, by suffix; called with them and a path."""
RIGGED = (".bvh", ".glb", ".usda", ".usdc", ".fbx")
"""Suffixes whose writers take `RigOptions` as well."""
MOTION_READERS: dict[str, Callable[[Path], list[Motion3D]]] = {
    ".npz": lambda path: [load_motion(path)],
    ".csv": read_csv,
    ".json": read_json_motion,
    ".parquet": read_parquet,
    ".glb": read_glb,
}
"""Readers of 3D motion, by suffix: those of formats that keep all of it."""
NEEDED = {
    ".usda": ("pxr", "usd"),
    ".usdc": ("pxr", "usd"),
    ".c3d": ("ezc3d", "c3d"),
    ".parquet": ("pyarrow", "parquet"),
}
"""Suffix -> the module that it needs, and the extra that installs it."""

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


def save(
    motion: Motion3D | Sequence[Motion3D], path: str | Path, rig: RigOptions = TRIMMED
) -> None:
    """Write the motion of one person, or of several seen by one camera, in the format of a suffix.

    `docs/files.md` lists the formats and what each holds; ".npz", ".json", ".csv", ".parquet"
    and ".glb" keep everything, and `load` reads them back.

    Args:
        motion: One person, or several where the format can hold them (`GROUP_WRITERS`).
        path: Ends in one of the suffixes of `WRITERS` and `GROUP_WRITERS`.
        rig: Names and rest pose of the bones, in the formats of `RIGGED`.

    Raises:
        ValueError: If the suffix is none of these, or several people are given to a format of one.
        ImportError: If the format needs a package that is not installed.
        OSError: If the folder does not exist or cannot be written.
    """
    path, suffix = Path(path), check_writable_suffix(Path(path).suffix, Path(path).name)
    motions = [motion] if isinstance(motion, Motion2D | Motion3D) else list(motion)
    for each in motions:
        if not isinstance(each, Motion3D):
            raise ValueError(f"save takes a Motion3D or several, got {type(each).__name__}.")
    if not motions:
        raise ValueError(f"{path.name}: expected at least one motion, got none.")
    more = (rig,) if suffix in RIGGED else ()
    if suffix in GROUP_WRITERS:
        GROUP_WRITERS[suffix](motions, path, *more)
        return
    if len(motions) != 1:
        raise ValueError(
            f"{path.name}: {suffix} holds the motion of one person, got {len(motions)}; save each "
            f"into its own file, or all into one of {', '.join(GROUP_WRITERS)}."
        )
    WRITERS[suffix](motions[0], path, *more)


def check_writable_suffix(suffix: str, name: str) -> str:
    """Return a suffix in lower case if motions can be written with it.

    Args:
        suffix: With its dot.
        name: What has the suffix, for the error.

    Raises:
        ValueError: If no writer has this suffix.
        ImportError: If its writer needs a package that is not installed.
    """
    suffix = suffix.lower()
    if suffix not in WRITERS and suffix not in GROUP_WRITERS:
        raise ValueError(
            f"cannot write {name!r}: expected a name that ends in one of "
            f"{', '.join([*WRITERS, *GROUP_WRITERS])}, got {suffix or 'no suffix'!r}."
        )
    _check_package(suffix, "Writing")
    return suffix


def _check_package(suffix: str, work: str) -> None:
    module, extra = NEEDED.get(suffix, ("", ""))
    if module and find_spec(module) is None:
        raise missing_extra(f"{work} {suffix}", module, extra)


def load(path: str | Path) -> list[Motion3D]:
    """Read the 3D motions in a file that `save` wrote, one for each person.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If its format does not keep a whole motion, or the file is damaged.
        ImportError: If the format needs a package that is not installed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in MOTION_READERS:
        raise ValueError(
            f"cannot read a motion from {path.name!r}: expected one of "
            f"{', '.join(MOTION_READERS)}, which keep all of a motion, got "
            f"{suffix or 'no suffix'!r}."
        )
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    _check_package(suffix, "Reading")
    try:
        return MOTION_READERS[suffix](path)
    except (*MALFORMED, ValueError) as error:
        text = brief(error, MAX_MESSAGE)
        raise ValueError(text if text.startswith(str(path)) else f"{path}: {text}") from error


def load_person(path: str | Path) -> Motion3D:
    """Read the 3D motion of one person, from any format that keeps all of it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds several people or no whole motion, or is damaged.
        ImportError: If the format needs a package that is not installed.
    """
    motions = load(path)
    if len(motions) != 1:
        raise ValueError(
            f"{path}: expected the motion of one person, got {len(motions)}; `tcpformer convert "
            f"{path} --to npz` writes each into a file."
        )
    return motions[0]
