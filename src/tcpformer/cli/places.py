"""Where results go."""

from pathlib import Path

from ..files import atomic_write


def check_writable(folder: Path) -> None:
    """As `writable`, but folders that it had to make are gone again: the work may yet fail.

    Raises:
        OSError: If the folder cannot be made or written.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        writable(folder)
    finally:
        for each in missing:
            if each.is_dir():
                each.rmdir()


def writable(folder: Path) -> None:
    """Find out before the work, not after it.

    Raises:
        OSError: If the folder cannot be made or written.
    """
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(probe):
            pass
    except OSError as error:
        raise OSError(f"cannot write into a folder {folder}: {error.strerror}.") from error
    probe.unlink()
