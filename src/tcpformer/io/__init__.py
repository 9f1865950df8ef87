"""Motions as files that other software reads: one file a format."""

from pathlib import Path

from ..motion import Motion3D
from .bvh import write_bvh
from .npz import save_motion

WRITERS = {".npz": save_motion, ".bvh": write_bvh}


def save(motion: Motion3D, path: str | Path) -> None:
    """Write a motion; the suffix of the path picks the format.

    Args:
        motion: What to write.
        path: Where to: ".npz" keeps everything, ".bvh" is for animation software.

    Raises:
        ValueError: If the suffix is none of these.
        OSError: If the folder does not exist or cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise ValueError(
            f"cannot write {Path(path).name!r}: expected a name that ends in one of "
            f"{', '.join(WRITERS)}, got {suffix or 'no suffix'!r}."
        )
    WRITERS[suffix](motion, path)
