"""A folder whose results are replaced together, and its manifest.

A run locks the folder and writes into a hidden folder in it, ``.tcpformer-<id>/new``. At the end a
journal beside ``new`` lists what takes its place in the folder; then each file or folder at the top
is exchanged with its predecessor by one rename, and the predecessors are deleted. A run that dies
before the journal is complete has changed nothing; one that dies later is completed by the next
run into the folder. `recover` does either.
"""

import ctypes
import errno
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .files import (
    atomic_write,
    delete_empty,
    delete_if_possible,
    new_id,
    open_locked,
    sync,
)

MANIFEST = "tcpformer.json"
LOCK = ".tcpformer.lock"
JOURNAL = "journal.json"
Entries = dict[str, str | None]
"""Name at the top of the folder -> hash of the new entry; None for one that goes."""
_HIDDEN = re.compile(r"\.tcpformer-[0-9a-f]{12}")
_EXCHANGE_FLAG = 2
_AT_FDCWD = -100
_NO_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM)


class FolderBusyError(OSError):
    """Another run writes into the folder."""


@dataclass(frozen=True)
class Replacement:
    """Results on their way into a folder."""

    folder: Path
    """Where they go."""
    id: str
    """Of the run."""
    removed: set[str] = field(default_factory=set)
    """Names in the folder whose results go without a successor."""
    owned: set[str] = field(default_factory=set)
    """Paths of files, relative to the folder, that may be replaced or deleted."""

    @property
    def hidden(self) -> Path:
        """The hidden folder of the run."""
        return self.folder / f".tcpformer-{self.id}"

    @property
    def new(self) -> Path:
        """The folder to write into."""
        return self.hidden / "new"


@contextmanager
def replace_together(folder: str | Path, *, owned: bool = True) -> Iterator[Replacement]:
    """Lock a folder, and yield where to write; at the end all results are put in place together.

    If the block raises, the folder is as before, and deleted again if this made it.

    Args:
        folder: Created if missing.
        owned: Whether files of the same names may be replaced; otherwise only those that the block
            adds to `Replacement.owned`.

    Raises:
        OSError: If the folder cannot be written, another run writes into it, or a file in the way
            may not be replaced.
    """
    run, placed = Replacement(Path(folder), new_id()), False
    with _locked(run.folder, run.id):
        recover(run.folder, locked=True)
        run.new.mkdir(parents=True)
        try:
            yield run
            if owned:
                run.owned.update(_files(run.new))
            _put_in_place(run)
            placed = True
        finally:
            if placed or not (run.hidden / JOURNAL).exists():
                shutil.rmtree(run.hidden, ignore_errors=True)


@contextmanager
def _locked(folder: Path, run: str) -> Iterator[None]:
    """Lock a folder, created if missing; the lock ends with the process.

    Raises:
        OSError: If another run has the lock, or the folder cannot be written.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    lock = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = open_locked(lock)
    except OSError as error:
        delete_empty(missing)
        raise OSError(f"cannot write into a folder {folder}: {error.strerror}.") from error
    if handle is None:
        raise FolderBusyError(
            f"another run is writing into {folder}; wait until it ends, or give another folder."
        )
    with ExitStack() as cleanup:
        cleanup.callback(delete_empty, missing)
        cleanup.callback(os.close, handle)
        if os.name != "nt":  # where an open file cannot be deleted; an empty one is no harm
            cleanup.callback(delete_if_possible, lock)
        os.truncate(handle, 0)
        os.write(handle, f"{run}\n".encode())
        yield


def recover(folder: str | Path, *, locked: bool = False) -> None:
    """Complete what a dead run began to put in place, and delete what it left behind.

    Args:
        folder: A folder of results; nothing happens in one that is whole, or that a run has locked.
        locked: Whether the caller has the lock.

    Raises:
        OSError: If results cannot be put in place.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return
    hidden = [Path(each) for each in os.scandir(folder) if _is_hidden_folder(each)]
    if not locked:
        if hidden or (folder / LOCK).exists():
            with suppress(OSError), _locked(folder, new_id()):
                recover(folder, locked=True)
        return
    for each in hidden:
        if (each / JOURNAL).exists():
            journal = _read_journal(each / JOURNAL)
            entries: Entries = journal["entries"]
            _end_interrupted_exchange(each, entries)
            pending = [name for name in entries if _is_pending(each, name, entries)]
            _exchange_all(each, entries, pending, set(journal["owned"]))
        shutil.rmtree(each, ignore_errors=True)


def _is_hidden_folder(entry: os.DirEntry[str]) -> bool:
    return bool(_HIDDEN.fullmatch(entry.name)) and entry.is_dir(follow_symlinks=False)


def _read_journal(path: Path) -> dict[str, Any]:
    """Read a journal.

    Raises:
        OSError: If it is none, or names something outside of the folder.
    """
    try:
        journal = json.loads(path.read_text("utf-8"))
        entries = journal["entries"]
        inside = all(Path(name).name == name and name[0] != "." for name in entries)
        texts = [*entries, *journal["owned"], *filter(None, entries.values())]
        if inside and all(isinstance(each, str) for each in texts):
            return journal
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        pass
    raise OSError(f"{path} is damaged; move {path.parent} away and start again.")


def _put_in_place(run: Replacement) -> None:
    """Exchange the new results with their predecessors.

    Raises:
        OSError: If a file in the way may not be replaced, or the disk fails.
    """
    written = set(_files(run.new))
    _check_way(run, written)
    for path in (*run.new.rglob("*"), run.new):
        sync(path)
    names = sorted(path.name for path in run.new.iterdir())
    names.sort(key=lambda name: name == MANIFEST)  # last
    removed: Entries = dict.fromkeys(sorted(run.removed))
    entries = removed | {name: _digest(run.new / name) for name in names}
    owned = run.owned | written
    with atomic_write(run.hidden / JOURNAL) as beside:
        beside.write_text(json.dumps({"entries": entries, "owned": sorted(owned)}), "utf-8")
    _exchange_all(run.hidden, entries, list(entries), owned)


def _check_way(run: Replacement, written: set[str]) -> None:
    """Check that nothing but earlier results is where results go.

    Raises:
        OSError: If something else is.
    """
    in_the_way = {path for path in written if os.path.lexists(run.folder / path)} - run.owned
    for new in run.new.iterdir():
        visible = run.folder / new.name
        is_link = visible.is_symlink() and new.name not in run.owned
        if is_link or (os.path.lexists(visible) and visible.is_dir() != new.is_dir()):
            in_the_way.add(new.name)
    if in_the_way:
        first = run.folder / min(in_the_way)
        raise OSError(f"{first} was not written by a run, and results go there; move it away.")


def _is_pending(hidden: Path, name: str, entries: Entries) -> bool:
    """Check whether an entry of ``new`` has not been exchanged yet."""
    return _digest(hidden / "new" / name) == entries[name]


def _exchange_all(hidden: Path, entries: Entries, pending: list[str], owned: set[str]) -> None:
    """Exchange entries of ``new`` with those of the folder, all or none, and delete the journal.

    Raises:
        OSError: If that fails; if even the way back fails, the journal stays.
    """
    try:
        for name in entries:
            if name in pending:
                _exchange(hidden, name)
            _return_foreign(hidden, name, owned)
        sync(hidden.parent)
    except BaseException as error:
        try:
            _undo(hidden, entries, owned)
        except OSError as second:
            raise OSError(
                f"the results in {hidden.parent} may be in place only in part "
                f"({second.strerror}); the next run into it completes them."
            ) from error
        raise
    delete_if_possible(hidden / JOURNAL)  # if that fails, it goes with what is around it


def _undo(hidden: Path, entries: Entries, owned: set[str]) -> None:
    """Take back the exchanges that were made, and delete the journal."""
    _end_interrupted_exchange(hidden, entries)
    for name in reversed(entries):
        if not _is_pending(hidden, name, entries):
            _exchange(hidden, name)
            _return_foreign(hidden, name, owned)
    (hidden / JOURNAL).unlink()


def _exchange(hidden: Path, name: str) -> None:
    """Exchange an entry of ``new`` with that of the same name in the folder; either may lack it."""
    ours, visible, aside = hidden / "new" / name, hidden.parent / name, hidden / f"old-{name}"
    if not os.path.lexists(visible):
        if os.path.lexists(ours):
            ours.rename(visible)
    elif not os.path.lexists(ours):
        visible.rename(ours)
    elif not _rename_exchange(ours, visible):
        visible.rename(aside)
        ours.rename(visible)
        aside.rename(ours)


def _end_interrupted_exchange(hidden: Path, entries: Entries) -> None:
    """Bring a predecessor that was renamed twice or once of three times to its place."""
    for name in entries:
        ours, visible, aside = hidden / "new" / name, hidden.parent / name, hidden / f"old-{name}"
        if os.path.lexists(aside):
            aside.rename(ours if os.path.lexists(visible) else visible)


def _rename_exchange(one: Path, other: Path) -> bool:
    """Exchange two paths by a single rename; return False where the system has no such call."""
    libc: Any = ctypes.CDLL(None, use_errno=True) if os.name != "nt" else None
    a, b = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        failed = libc.renamex_np(a, b, _EXCHANGE_FLAG)
    elif hasattr(libc, "renameat2"):
        failed = libc.renameat2(_AT_FDCWD, a, _AT_FDCWD, b, _EXCHANGE_FLAG)
    else:
        return False
    if not failed:
        return True
    number = ctypes.get_errno()
    if number in _NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _return_foreign(hidden: Path, name: str, owned: set[str]) -> None:
    """Move what no run wrote from an exchanged entry back into the folder."""
    folder, new = hidden.parent, hidden / "new"
    if (new / name).is_symlink() or not (new / name).is_dir():
        return
    for path in sorted((new / name).iterdir()):
        relative = path.relative_to(new)
        if relative.as_posix() not in owned:
            (folder / name).mkdir(exist_ok=True)
            if os.path.lexists(folder / relative):
                raise OSError(f"{folder / relative} is in the way of a file that must be kept.")
            path.rename(folder / relative)


def _files(folder: Path) -> list[str]:
    """Return the paths of all files in a folder, relative to it."""
    return [p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()]


def _digest(path: Path) -> str | None:
    """Return a hash of a file, or of all files in a folder; None if there is neither."""
    if not os.path.lexists(path):
        return None
    total = hashlib.sha256()
    for name in sorted(_files(path)) if path.is_dir() else ["."]:
        total.update(f"{name}\0{hash_file(path / name)}\0".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def hash_file(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
