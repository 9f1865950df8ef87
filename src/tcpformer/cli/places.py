"""Where results go."""

from pathlib import Path

from ..files import replacing


def writable(folder: Path) -> None:
    """Find out before the work, not after it.

    Raises:
        OSError: If the folder cannot be made or written.
    """
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(probe):
            pass
    except OSError as error:
        raise OSError(f"cannot write into a folder {folder}: {error.strerror}.") from error
    probe.unlink()
