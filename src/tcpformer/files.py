"""Atomic writes, locks, checks of folders, and the words of errors in files."""

import errno
import logging
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from glob import glob
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


_TEMPORARY = re.compile(r"\..+-tcpformer-[0-9a-f]{12}(\.[^.]*)?")
"""Name of a temporary file of `atomic_write`."""
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Full, beyond the quota, or read-only."""
_SHOWN = 200
"""Characters of an error that a message quotes."""
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def brief(error: object, most: int = _SHOWN) -> str:
    """Return the text of an error, cut where it quotes much of a file."""
    text = " ".join(str(error).split())
    return text if len(text) <= most else f"{text[:most]}..."


def is_of_disk(error: BaseException | None) -> bool:
    """Check whether an error, or what caused it, is a disk that takes nothing more."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            return True
        error = error.__cause__
    return False


def match_files(pattern: Path) -> list[Path]:
    """Return the paths that match a pattern; the folder may have brackets in its name."""
    if pattern.parent.is_dir():
        return sorted(pattern.parent.glob(pattern.name))
    return sorted(map(Path, glob(str(pattern))))


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; at the end it replaces ``path``.

    The temporary path has the same suffix, and is on the disk before it is renamed. If the block
    raises, it is deleted and an older file at ``path`` is unchanged. What a killed process left
    behind in the folder is deleted by the next process that writes there.

    Raises:
        OSError: If the folder does not exist or cannot be written, or ``path`` is a device, a pipe
            or a folder, which a file must not replace.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path.name}: no folder {path.parent}.")
    if path.exists() and not path.is_file():
        raise OSError(f"cannot write {path}: expected a file, or nothing there yet.")
    _delete_abandoned(path.parent)
    with _temporary_beside(path) as (beside, lock):
        yield beside
        sync(beside)
        if os.name == "nt":
            lock.close()  # Windows renames no open file
        beside.replace(path)
    sync(path.parent)


@contextmanager
def _temporary_beside(path: Path) -> Iterator[tuple[Path, ExitStack]]:
    """Create an empty file beside a path, with its lock; delete it at the end if still there."""
    while True:
        beside = path.with_name(f".{path.stem}-tcpformer-{new_id()}{path.suffix}")
        if (handle := open_locked(beside)) is not None:
            break
    try:
        with ExitStack() as lock:
            lock.callback(os.close, handle)
            yield beside, lock
    finally:
        beside.unlink(missing_ok=True)


def new_id() -> str:
    """Return the id of a run: 12 hexadecimal digits."""
    return secrets.token_hex(6)


def open_locked(path: Path) -> int | None:
    """Open a file, created if missing, and lock it; return None if another process has the lock.

    The lock ends when the handle is closed or the process ends, however it ends. A file system
    without locks is noted in the log.

    Raises:
        OSError: If the file cannot be opened.
    """
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            if not _lock(handle):
                os.close(handle)
                return None
            if _is_at(handle, path):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # it was deleted by its last owner in between


def _is_at(handle: int, path: Path) -> bool:
    """Check whether an open file is still the one at a path."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _lock(handle: int) -> bool:
    """Lock an open file without waiting; return whether that succeeded."""
    try:
        if os.name == "nt":
            import msvcrt

            lock: Any = msvcrt
            os.lseek(handle, 2**30, os.SEEK_SET)  # a byte that nothing reads or writes
            lock.locking(handle, lock.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            log.info("this file system has no locks: run no two commands into one folder at once")
            return True
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        raise
    return True


@cache
def _delete_abandoned(folder: Path) -> None:
    """Delete temporary files of dead processes, once a folder and process."""
    with suppress(OSError):
        for name in os.listdir(folder):
            path = folder / name
            if _TEMPORARY.fullmatch(name) and path.is_file() and not path.is_symlink():
                _delete_if_unlocked(path)


def _delete_if_unlocked(path: Path) -> None:
    """Delete a file that no process has locked."""
    handle = open_locked(path)
    if handle is None:
        return
    if os.name == "nt":  # which deletes no open file
        os.close(handle)
        path.unlink(missing_ok=True)
    else:
        path.unlink(missing_ok=True)
        os.close(handle)


def sync(path: Path) -> None:
    """Wait until a file, or the list of files in a folder, is on the disk.

    Raises:
        OSError: If the disk fails.
    """
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if not is_folder or error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise  # some network file systems cannot sync folders
    finally:
        os.close(handle)


def check_writable(folder: str | Path) -> None:
    """Check that a folder can be made and written; remove it again if it was made.

    Raises:
        OSError: If the folder cannot be made or written.
    """
    folder = Path(folder)
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        make_writable(folder)
    finally:
        delete_empty(missing)


def delete_if_possible(path: Path) -> None:
    """Delete a file that does no harm where it cannot be deleted."""
    with suppress(OSError):
        path.unlink()


def delete_empty(folders: Iterable[Path]) -> None:
    """Delete those folders that are empty, in this order."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def make_writable(folder: str | Path) -> None:
    """Create a folder, with its parents, and check that it can be written.

    Temporary files of dead processes in it are deleted.

    Raises:
        OSError: If the folder cannot be made or written.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        _delete_abandoned(Path(folder))
        with _temporary_beside(Path(folder) / "writable"):
            pass
    except OSError as error:
        raise OSError(f"cannot write into a folder {folder}: {error.strerror}.") from error
