"""Jobs of the service: a list in SQLite, and a folder for each, below one folder.

A job is queued, then running, then done, failed or cancelled. A row is written before a request is
answered and before work starts or counts as done, so a process that dies loses no job, and
`JobStore` queues again what was running. Every attempt has a folder of its own, and only the newest
attempt can end a job. Times follow the clock that only goes forward: if the clock of the machine is
set while the list is open, no job gets older by that.
"""

import errno
import json
import os
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..files import open_locked, sync

State = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = ("queued", "running", "done", "failed", "cancelled")
FINISHED: tuple[State, ...] = ("done", "failed", "cancelled")
DAY = 86400.0
_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, key TEXT UNIQUE,
    state TEXT NOT NULL, source TEXT NOT NULL, options TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL, started REAL, finished REAL,
    error TEXT NOT NULL DEFAULT '', files TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS by_state ON jobs (state, number);
"""


def _steady() -> float:
    """Return the seconds of a clock that is never set."""
    return time.clock_gettime(_CLOCK)


class QueueFullError(Exception):
    """As many jobs wait as may."""


@dataclass(frozen=True)
class Progress:
    """How far a running job is: its stage, steps done, and steps in all."""

    stage: str = ""
    step: int = 0
    steps: int = 0


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is known of a job; times are seconds since 1970."""

    id: str
    state: State
    source: str
    """Name of the input in the job's folder."""
    options: Mapping[str, Any]
    attempt: int
    """How often it was started."""
    created: float
    started: float | None
    finished: float | None
    error: str
    """Why it failed."""
    files: Mapping[str, int]
    """Results by name relative to `JobStore.results`, and their bytes."""
    progress: Progress = field(default_factory=Progress)


class JobStore:
    """The jobs below a folder, for one process at a time; all methods are safe across threads.

    Raises:
        OSError: If the folder cannot be written, or another process serves it.
    """

    def __init__(self, data: Path) -> None:
        self.data, self.incoming, self.jobs = data, data / "incoming", data / "jobs"
        self._handle: int | None = self._lock_folders()
        self._lock, self._progress = threading.RLock(), dict[str, Progress]()
        self._epoch = time.time() - _steady()
        self.added = threading.Condition()
        path = data / "jobs.sqlite"
        try:
            self._db = sqlite3.connect(path, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_TABLE}")
            self._recover()
        except sqlite3.Error as error:
            os.close(self._handle)
            raise OSError(
                f"{path} cannot be used: {error}; choose another folder (--data), or move the file."
            ) from error

    def _lock_folders(self) -> int:
        """Make the folders; return the handle that keeps them locked."""
        try:
            for folder in (self.data, self.incoming, self.jobs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = open_locked(self.data / "lock")
        except OSError as error:
            raise OSError(
                f"cannot write into the folder {self.data}: {error.strerror}; choose another one "
                "(--data)."
            ) from error
        if handle is None:
            raise OSError(f"another process serves {self.data}; choose another folder (--data).")
        return handle

    def close(self) -> None:
        """Close the list; let another process serve the folder."""
        with self._lock:
            if self._handle is not None:
                self._db.close()
                os.close(self._handle)
                self._handle = None

    def now(self) -> float:
        """Return seconds since 1970."""
        return self._epoch + _steady()

    def folder(self, job: Job) -> Path:
        """Return the folder of a job."""
        return self.jobs / job.id

    def source(self, job: Job) -> Path:
        """Return the input of a job."""
        return self.folder(job) / job.source

    def results(self, job: Job) -> Path:
        """Return the folder of results of the newest attempt."""
        return self.folder(job) / f"attempt_{job.attempt}"

    @contextmanager
    def new_folder(self) -> Iterator[Path]:
        """Yield a new folder to receive an input; it is deleted unless `add` took it."""
        folder = self.incoming / secrets.token_hex(16)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def add(
        self, source: Path, options: Mapping[str, Any], key: str | None, max_queued: int
    ) -> tuple[Job, bool]:
        """Append a job to the queue; return it, and whether it is new.

        Args:
            source: The input, in a folder of `new_folder`, whose name becomes the job's id.
            options: Of the job.
            key: A job with the same key is returned instead of a new one.
            max_queued: Jobs that may wait.

        Raises:
            QueueFullError: If as many wait.
            OSError: If the disk fails.
        """
        number = source.parent.name
        sync(source)
        sync(source.parent)
        with self._lock:
            if key is not None and (known := self.find(key)) is not None:
                return known, False
            if self.counts()["queued"] >= max_queued:
                raise QueueFullError
            os.rename(source.parent, self.jobs / number)
            sync(self.jobs)
            try:
                self._write(
                    "INSERT INTO jobs (id, key, state, source, options, created)"
                    " VALUES (?, ?, 'queued', ?, ?, ?)",
                    (number, key, source.name, json.dumps(options), self.now()),
                )
            except sqlite3.Error as error:
                shutil.rmtree(self.jobs / number, ignore_errors=True)
                raise disk_error(error) from error
        with self.added:
            self.added.notify()
        job = self.get(number)
        assert job is not None
        return job, True

    def get(self, number: str) -> Job | None:
        """Return a job by its id, None if there is none."""
        return self._one("SELECT * FROM jobs WHERE id = ?", number)

    def find(self, key: str) -> Job | None:
        """Return the job with an idempotency key, None if there is none."""
        return self._one("SELECT * FROM jobs WHERE key = ?", key)

    def counts(self) -> dict[State, int]:
        """Return how many jobs are in each state."""
        with self._lock:
            rows = self._db.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetchall()
        return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in rows}

    def claim(self) -> Job | None:
        """Start the oldest queued job and return it, None if none waits."""
        with self._lock:
            job = self._one("SELECT * FROM jobs WHERE state = 'queued' ORDER BY number LIMIT 1")
            if job is None:
                return None
            self._write(
                "UPDATE jobs SET state = 'running', attempt = attempt + 1, started = ?"
                " WHERE id = ?",
                (self.now(), job.id),
            )
            return self.get(job.id)

    def is_running(self, job: Job) -> bool:
        """Check whether this attempt is still wanted."""
        known = self.get(job.id)
        return known is not None and (known.state, known.attempt) == ("running", job.attempt)

    def report(self, job: Job, progress: Progress) -> None:
        """Store how far a running job is, in memory alone."""
        with self._lock:
            self._progress[job.id] = progress

    def finish(
        self, job: Job, error: str = "", files: Mapping[str, int] | None = None
    ) -> Job | None:
        """Store how an attempt ended: done, or failed with an error; None if it was unwanted.

        Raises:
            sqlite3.Error: If the disk fails; the job is still running then.
        """
        which = job.id, job.attempt
        with self._lock:
            ended = self._write(
                "UPDATE jobs SET state = ?, error = ?, files = ?, finished = ?"
                " WHERE id = ? AND attempt = ? AND state = 'running'",
                (
                    "failed" if error else "done",
                    error,
                    json.dumps(files or {}),
                    self.now(),
                    *which,
                ),
            )
            self._progress.pop(job.id, None)
            return self.get(job.id) if ended else None

    def requeue(self, job: Job) -> None:
        """Put a running job back into the queue, in its old place."""
        with self._lock:
            self._write(
                "UPDATE jobs SET state = 'queued' WHERE id = ? AND attempt = ?"
                " AND state = 'running'",
                (job.id, job.attempt),
            )
            self._progress.pop(job.id, None)

    def delete(self, job: Job) -> None:
        """Delete the files of a job; cancel it if it has not ended, else forget it too."""
        with self._lock:
            cancelled = self._write(
                "UPDATE jobs SET state = 'cancelled', finished = ?"
                " WHERE id = ? AND state IN ('queued', 'running')",
                (self.now(), job.id),
            )
            self._progress.pop(job.id, None)
        shutil.rmtree(self.folder(job), ignore_errors=True)
        if not cancelled:  # a full disk has room for this by now
            self._write("DELETE FROM jobs WHERE id = ?", (job.id,))

    def purge(self, keep_days: float) -> int:
        """Forget jobs that ended longer ago, with their files; return how many."""
        before = self.now() - keep_days * DAY
        with self._lock:
            rows = self._db.execute(
                "SELECT id FROM jobs WHERE finished < ? AND state IN (?, ?, ?)", (before, *FINISHED)
            ).fetchall()
        for (number,) in rows:
            shutil.rmtree(self.jobs / number, ignore_errors=True)
            self._write("DELETE FROM jobs WHERE id = ?", (number,))
        return len(rows)

    def _recover(self) -> None:
        """Put what was running back into the queue; delete folders that no job owns."""
        with self._lock:
            self._write("UPDATE jobs SET state = 'queued' WHERE state = 'running'")
            kept = {row[0] for row in self._db.execute(
                "SELECT id FROM jobs WHERE state != 'cancelled'"
            )}  # fmt: skip
        for folder in (*self.incoming.iterdir(), *self.jobs.iterdir()):
            if folder.parent == self.incoming or folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _write(self, statement: str, values: tuple[Any, ...] = ()) -> int:
        """Execute a statement; return how many rows it changed, once they are on the disk."""
        with self._lock, self._db:
            return self._db.execute(statement, values).rowcount

    def _one(self, query: str, *values: Any) -> Job | None:
        with self._lock:
            row = self._db.execute(query, values).fetchone()
            progress = None if row is None else self._progress.get(row["id"])
        if row is None:
            return None
        fields = {name: row[name] for name in row.keys() if name not in ("number", "key")}  # noqa: SIM118
        for name in ("options", "files"):
            fields[name] = json.loads(fields[name])
        return Job(**fields, progress=progress or Progress())


def disk_error(error: sqlite3.Error) -> OSError:
    """Return what a failure of the list of jobs means: a full disk, or another error of it."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    is_full = code is not None and code & 0xFF == sqlite3.SQLITE_FULL
    number = errno.ENOSPC if is_full else errno.EIO
    return OSError(number, f"the list of jobs cannot be used: {error}")
