"""Lifting one clip of many, in whichever process: skipped if done, or if another run works on it.

What is done stands in the manifest of each folder of results, and nowhere else.
"""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..files import delete_empty, is_of_disk, open_locked
from ..io import load
from ..manifest import read_manifest
from ..motion import Motion3D
from ..pipeline import LiftOptions, Progress, is_lifted, package_version
from ..result_folder import LOCK, FolderBusyError, recover
from .inputs import Task
from .parts import cut_source, delete_parts
from .report import Line, PartLine, SplitLine, describe_motions

Lift = Callable[..., Sequence[Motion3D]]
"""`pipeline.lift_file`, or what stands in for it in a test; ``seen`` is given of parts alone."""
CLAIMS = ".tcpformer-claims"
"""Folder of locks, one for each clip in work, below that of all results."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is the same for all clips of a run."""

    out: Path
    """Folder of all results."""
    options: LiftOptions
    weights: str
    """Of `pipeline.name_weights`."""
    lift: Lift
    split: float = 0.0
    """Seconds of a part of a video, at most, if longer ones are seen in parts; 0: none is."""

    def folder_of(self, task: Task) -> Path:
        """Return the folder of a clip's results."""
        return self.out / task.name

    def is_done(self, task: Task, *, hashing: bool) -> bool:
        """Check whether a clip was lifted before; see `is_done`."""
        folder = self.folder_of(task)
        return is_lifted(task.source, folder, self.options, self.weights, hashing=hashing)

    def describe_present(self, task: Task) -> dict[str, Any]:
        """Return the fields of a line that results of an earlier run tell."""
        try:
            paths = sorted(self.folder_of(task).glob("person_*/motion.npz"))
            described = describe_motions([motion for path in paths for motion in load(path)])
        except (ValueError, OSError):
            described = {}  # they are whole by their sizes, but not what was written
        return _describe_size(self.folder_of(task)) | described

    def lift_clip(self, task: Task, progress: Progress) -> dict[str, Any]:
        """Lift a clip, or tell which parts of it must be seen first; return fields of its line."""
        folder, lift, before = self.folder_of(task), self.lift, [0.0, 0.0]
        cut = cut_source(task.source, folder, self.options, self.split)
        if cut is not None:
            if missing := cut.missing():
                return {"state": "split", "missing": missing, "of": len(cut.parts)}
            seen, before = cut.join()
            lift = partial(lift, seen=seen)
        motions = lift(task.source, folder, self.options, progress)
        delete_parts(folder)
        described = describe_motions(motions)
        return {"state": "done", "before": before, **_describe_size(folder), **described}


class DiskError(OSError):
    """The results cannot be written; other clips would fail as well."""


def is_done(job: Job, task: Task, *, hashing: bool) -> bool:
    """Check whether a clip was lifted before; see `pipeline.is_lifted`.

    An input that cannot be read counts as not lifted; without ``hashing`` also a clip in whose
    folder a run works, or has died.
    """
    folder = job.folder_of(task)
    if not hashing and (folder / LOCK).exists():
        return False
    try:
        return job.is_done(task, hashing=hashing)
    except OSError:
        return False


def run_task(job: Job, task: Task, progress: Progress) -> Line:
    """Lift a clip, unless it is done or another run works on it; a failure is a line, too.

    Raises:
        DiskError: If the disk is full or cannot be written.
    """
    start, cpu = time.monotonic(), time.process_time()
    found: dict[str, Any]
    work = _run_claimed if task.part is None else _see_part
    try:
        with _claim(job.out, task.label) as claimed, _warnings() as warnings:
            found = work(job, task, progress) if claimed else {"state": "busy"}
    except FolderBusyError:
        found, warnings = {"state": "busy"}, []
    except (ValueError, OSError, ImportError) as error:
        if is_of_disk(error):
            raise DiskError(f"{job.folder_of(task)}: {error}") from error
        found, warnings = {"state": "failed", "error": str(error)}, []
    except Exception as error:
        text = f"unexpected {type(error).__name__}: {error}; this is a defect of the program."
        found, warnings = {"state": "failed", "error": text}, []
    before = found.pop("before", (0.0, 0.0))
    return line_of(
        job,
        task,
        seconds=round(time.monotonic() - start + before[0], 3),
        cpu_seconds=round(time.process_time() - cpu + before[1], 3),
        memory_mb=_peak_memory(),
        warnings=warnings,
        **found,
    )


def _run_claimed(job: Job, task: Task, progress: Progress) -> dict[str, Any]:
    """Lift a clip that no other run works on; return fields of its line."""
    recover(job.folder_of(task))
    if is_done(job, task, hashing=True):
        return describe_present(job, task)
    return job.lift_clip(task, progress)


def _see_part(job: Job, task: Task, progress: Progress) -> dict[str, Any]:
    """Write what is seen of a part that no other run works on; return fields of its line."""
    cut = cut_source(task.source, job.folder_of(task), job.options, job.split)
    assert task.part is not None
    if cut is None or len(cut.parts) != task.part[1]:
        raise ValueError(f"{task.source} was written to while it was read; lift it again.")
    if not cut.file(task.part[0]).exists():
        cut.see(task.part[0], progress)
    return {"state": "done"}


def describe_present(job: Job, task: Task) -> dict[str, Any]:
    """Return the fields of a line of a clip that an earlier run lifted."""
    return {"state": "present", **job.describe_present(task)}


def line_of(job: Job, task: Task, **found: Any) -> Line:
    """Return the line of a clip, or of a part of it."""
    kind: type[Line] = SplitLine if found.get("state") == "split" else Line
    if task.part is not None:
        kind, found = PartLine, {**found, "part": task.part}
    return kind(
        file=task.name,
        source=str(task.source),
        version=package_version(),
        weights=job.weights,
        **found,
    )


def _describe_size(folder: Path) -> dict[str, Any]:
    manifest = read_manifest(folder)
    files = {} if manifest is None else manifest.files
    return {"result_mb": round(sum(each.get("bytes", 0) for each in files.values()) / 1e6, 3)}


@contextmanager
def _claim(out: Path, name: str) -> Iterator[bool]:
    """Lock a clip against other runs; yield whether that succeeded. The lock ends with the process.

    Raises:
        OSError: If the folder cannot be written.
    """
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    handle = _open_claim(out / CLAIMS / digest[:32])
    if handle is None:
        yield False
        return
    try:
        yield True
    finally:
        if os.name != "nt":  # where an open file cannot be deleted; an empty one is no harm
            (out / CLAIMS / digest[:32]).unlink(missing_ok=True)
        os.close(handle)


def delete_dead_claims(out: Path) -> None:
    """Delete the locks that killed runs left behind, and their folder if it is empty."""
    for path in (out / CLAIMS).glob("*"):
        with suppress(OSError):
            handle = open_locked(path)
            if handle is not None:
                if os.name != "nt":
                    path.unlink(missing_ok=True)
                os.close(handle)
    delete_empty([out / CLAIMS])


def _open_claim(path: Path) -> int | None:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return open_locked(path)
        except FileNotFoundError:
            continue  # another run deleted the empty folder in between


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Yield a list that gets the warnings of the package."""
    found: list[str] = []
    handler, log = _ListHandler(found), logging.getLogger("tcpformer")
    log.addHandler(handler)
    try:
        yield found
    finally:
        log.removeHandler(handler)


class _ListHandler(logging.Handler):
    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.found = found

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record.getMessage().removeprefix("warning: "))


def _peak_memory() -> float:
    """Return the most memory that this process has held, in MB; 0 where that is unknown."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if os.uname().sysname == "Darwin" else 1e3), 1)
