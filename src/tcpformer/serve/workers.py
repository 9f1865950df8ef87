"""Worker processes of the service: each lifts one job after another.

A worker that dies, takes longer than a job may, or grows past its memory fails its job with a
reason, and another takes its place. Workers end with the process that started them. What they send
is JSON: an input that takes over a worker reaches the server by no pickle.
"""

import json
import logging
import multiprocessing
import os
import shutil
import signal
import sqlite3
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..files import is_of_disk
from .jobs import Job, JobStore, Progress

log = logging.getLogger(__name__)

Report = Callable[[str, int, int], None]
_SPAWN = multiprocessing.get_context("spawn")
_INTERVAL = 0.2
"""Seconds between looks at a worker, and between reports of progress."""
_MOST_BYTES = 1 << 20
"""Of a message of a worker."""
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
PAGE = "view.html"


@runtime_checkable
class Work(Protocol):
    """What a worker does; it is pickled to the worker."""

    def prepare(self) -> None:
        """Import and load what every job needs."""
        ...

    def __call__(
        self, source: Path, out: Path, options: Mapping[str, Any], report: Report
    ) -> Mapping[str, int]:
        """Write results into a folder; return their names and bytes."""
        ...


@dataclass(frozen=True, kw_only=True)
class InputLimits:
    """What an input may hold."""

    seconds: float = 600.0
    frames: int = 36_000
    pixels: int = 3840 * 2160
    """Of one picture."""
    people: int = 20


@dataclass(frozen=True)
class LiftWork:
    """Lifts an input, and writes the page of the viewer."""

    limits: InputLimits = InputLimits()
    threads: int = 1
    device: str = "auto"

    def prepare(self) -> None:
        """Import what lifts."""
        from .. import pipeline  # noqa: F401
        from ..lifting import lifter  # noqa: F401
        from .processes import keep_networks, limit_threads

        limit_threads(self.threads)
        keep_networks()

    def __call__(
        self, source: Path, out: Path, options: Mapping[str, Any], report: Report
    ) -> Mapping[str, int]:
        """Lift a file into a folder.

        Raises:
            ValueError: If the input is not read, or exceeds a limit.
        """
        from ..pipeline import LiftOptions, lift_file
        from ..viz.viewer.page import PageOptions, write_page

        tempfile.tempdir = str(out.parent)  # what is left there goes with the job
        report("reading", 0, 0)
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in options.items()
        }
        lift = LiftOptions(**given, device=self.device)
        video = self._check(source, lift)
        motions = lift_file(source, out, lift, report)
        self._check_people(len(motions))
        report("page", 0, 0)
        by_number = {motion.person: motion for motion in motions}
        write_page(by_number, out / PAGE, video, PageOptions(title="Motion"))
        return list_files(out)

    def _check(self, source: Path, options: Any) -> Any:
        """Decode the head of a video, or read keypoints; return the video, or None."""
        from ..io import READERS
        from ..io.video import open_video
        from ..pipeline import read_source

        if source.suffix in READERS:
            people = read_source(source, options)
            self._check_people(len(people))
            longest = max(people, key=len)
            seconds = longest.times[-1] - longest.times[0]
            self._check_size(longest.size, len(longest), float(seconds))
            return None
        video = open_video(source, fps=options.fps, slow_motion=options.slow_motion)
        self._check_size(video.size, video.length, video.length / video.fps * video.slow_motion)
        return video

    def _check_people(self, number: int) -> None:
        if number > self.limits.people:
            raise ValueError(
                f"expected at most {self.limits.people} people, got {number}; choose with the "
                'option person, such as "main".'
            )

    def _check_size(self, size: tuple[int, int], frames: int, seconds: float) -> None:
        limits = self.limits
        if size[0] * size[1] > limits.pixels:
            raise ValueError(
                f"expected pictures of at most {limits.pixels} pixels, got {size[0]} x {size[1]}; "
                "make the video smaller."
            )
        if seconds > limits.seconds or frames > limits.frames:
            raise ValueError(
                f"expected at most {limits.seconds:g} s and {limits.frames} frames, got "
                f"{seconds:.4g} s and {frames} frames; cut the input into parts."
            )


def list_files(folder: Path) -> dict[str, int]:
    """Return the files that the manifest of a run lists, itself and the page, and their bytes."""
    from ..manifest import MANIFEST, read_manifest

    manifest = read_manifest(folder)
    names = [] if manifest is None else [*manifest.files]
    pages = [path.name for path in folder.glob(f"{Path(PAGE).stem}*")]
    return {name: (folder / name).stat().st_size for name in (*names, MANIFEST, *pages)}


@dataclass(frozen=True, kw_only=True)
class PoolOptions:
    """How many workers there are, and what one may take."""

    workers: int = 1
    job_s: float = 3600.0
    """Seconds of a job."""
    memory: int = 6 << 30
    """Bytes that a worker may hold (Linux alone)."""
    start_s: float = 300.0
    """Seconds until a worker must be ready."""


class WorkerPool:
    """Takes jobs from a store and lets worker processes do them."""

    def __init__(self, store: JobStore, work: Work, options: PoolOptions) -> None:
        self.store, self.work, self.options = store, work, options
        self.replaced, self.ended = Counter[str](), Counter[str]()
        """How many workers were replaced, by reason, and how many jobs ended, by state."""
        self.seconds = 0.0
        """Spent on jobs that ended."""
        self._ready, self._count_lock = set[int](), threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(slot,), name=f"worker-{slot}", daemon=True)
            for slot in range(options.workers)
        ]

    @property
    def ready(self) -> int:
        """Workers that wait for a job or do one."""
        return len(self._ready)

    @property
    def mean_seconds(self) -> float:
        """Mean duration of the jobs so far."""
        return self.seconds / max(sum(self.ended.values()), 1)

    def start(self) -> None:
        """Start the workers."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the workers; what they do is queued again."""
        self._stop.set()
        with self.store.added:
            self.store.added.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self, slot: int) -> None:
        worker: _Worker | None = None
        while not self._stop.is_set():
            try:
                if worker is None:
                    worker = self._start(slot)
                elif not self._serve_next(worker):
                    self._end(slot, worker)
                    worker = None
            except (OSError, sqlite3.Error) as error:
                log.error("worker %d: %s", slot, error)
                if worker is not None and worker.is_busy:
                    self._end(slot, worker)
                    worker = None
                self._stop.wait(1.0)
        if worker is not None:
            self._end(slot, worker)

    def _start(self, slot: int) -> "_Worker | None":
        worker = _Worker(self.work)
        deadline = time.monotonic() + self.options.start_s
        while not self._stop.is_set() and time.monotonic() < deadline:
            try:
                if worker.receive() is not None:
                    self._ready.add(slot)
                    return worker
            except EOFError:
                break
        worker.kill()
        if not self._stop.wait(1.0):
            self._count_replaced("start")
            log.error("a worker did not start; another is tried")
        return None

    def _end(self, slot: int, worker: "_Worker") -> None:
        self._ready.discard(slot)
        worker.kill()

    def _count_replaced(self, why: str) -> None:
        with self._count_lock:
            self.replaced[why] += 1

    def _serve_next(self, worker: "_Worker") -> bool:
        """Process the next job if there is one; return whether the worker can do another."""
        if not worker.is_alive():
            self._count_replaced("died")
            return False
        job = self.store.claim()
        if job is None:
            with self.store.added:
                self.store.added.wait(0.5)
            return True
        started = time.monotonic()
        try:
            why, error, files = self._follow(worker, job)
        except (OSError, sqlite3.Error):  # of the list of jobs
            self._requeue(job)
            raise
        if why == "stopped":
            self._requeue(job)
            return False
        if why == "cancelled":
            shutil.rmtree(self.store.folder(job), ignore_errors=True)
        else:
            self._finish(job, error, files, time.monotonic() - started)
        if why:
            self._count_replaced(why)
        return not why

    def _follow(self, worker: "_Worker", job: Job) -> tuple[str, str, Mapping[str, int]]:
        """Let a worker do a job; return why the worker must go, the job's error, and its files."""
        for attempt in self.store.folder(job).glob("attempt_*"):
            shutil.rmtree(attempt, ignore_errors=True)
        deadline = time.monotonic() + self.options.job_s
        try:
            worker.send([str(self.store.source(job)), str(self.store.results(job)), job.options])
            while True:
                message = worker.receive()
                if isinstance(message, Progress):
                    self.store.report(job, message)
                elif message is not None:
                    return "", message.error, message.files
                if reason := self._why_stop(worker, job, deadline):
                    worker.kill()
                    return (*reason, {})
        except EOFError:
            return "died", f"the worker died ({worker.describe_end()}).", {}

    def _why_stop(self, worker: "_Worker", job: Job, deadline: float) -> tuple[str, str] | None:
        """Return why a worker must be stopped, in a word and as the job's error."""
        if self._stop.is_set():
            return "stopped", ""
        if not self.store.is_running(job):
            return "cancelled", ""
        if time.monotonic() > deadline:
            return "time", f"the job took longer than {self.options.job_s:g} s."
        if worker.memory() > self.options.memory:
            return "memory", f"the job took more than {self.options.memory / 2**30:.3g} GiB."
        return None

    def _requeue(self, job: Job) -> None:
        """Put a job back into the queue; retry while the disk fails."""
        while True:
            try:
                return self.store.requeue(job)
            except sqlite3.Error as failure:
                log.error("job %s: the list of jobs cannot be written: %s", job.id, failure)
                if self._stop.wait(1.0):
                    return None  # the next start does it

    def _finish(self, job: Job, error: str, files: Mapping[str, int], seconds: float) -> None:
        """Store how a job ended; retry while the disk fails."""
        error = error.replace(f"{self.store.folder(job)}{os.sep}", "")
        while True:
            try:
                ended = self.store.finish(job, error, files)
                break
            except sqlite3.Error as failure:
                log.error("job %s: the list of jobs cannot be written: %s", job.id, failure)
                if self._stop.wait(1.0):
                    return
        if ended is None:  # cancelled just now
            shutil.rmtree(self.store.folder(job), ignore_errors=True)
            return
        with self._count_lock:
            self.ended[ended.state] += 1
            self.seconds += seconds
        log.info("job %s %s after %.1f s", job.id, ended.state, seconds)


@dataclass(frozen=True)
class _Ended:
    """What a worker reports when it is ready, or a job has ended."""

    error: str = ""
    files: Mapping[str, int] = field(default_factory=dict)


class _Worker:
    """A process that does jobs, seen from outside."""

    def __init__(self, work: Work) -> None:
        self._connection, other = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_run_worker, args=(work, other), daemon=True)
        self._process.start()
        other.close()
        self.is_busy = True
        """Whether a message that ends something is still to come."""

    def send(self, value: Any) -> None:
        """Give the worker a job.

        Raises:
            EOFError: If the process is dead.
        """
        self.is_busy = True
        try:
            self._connection.send_bytes(json.dumps(value).encode())
        except OSError as error:
            raise EOFError from error

    def receive(self) -> Progress | _Ended | None:
        """Return the next message, None if none comes soon.

        Raises:
            EOFError: If the process is dead, or sends what it must not: then it is killed.
        """
        try:
            if not self._connection.poll(_INTERVAL):
                return None
            message = _read_message(self._connection.recv_bytes(_MOST_BYTES))
        except (OSError, *_UNREADABLE) as error:
            self._process.kill()
            raise EOFError from error
        self.is_busy = isinstance(message, Progress)
        return message

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def memory(self) -> int:
        """Return the bytes that the process holds, 0 where that is not known."""
        try:
            pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError, ValueError):
            return 0

    def describe_end(self) -> str:
        self._process.join(5.0)
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"signal {signal.Signals(-code).name}"
        return f"exit code {code}"

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()


def _read_message(text: bytes) -> Progress | _Ended:
    """Read what a worker sends.

    Raises:
        ValueError: If it is none of its messages; others of `_UNREADABLE` as well.
    """
    message = json.loads(text)
    kind, value = message["kind"], message["value"]
    if kind == "progress":
        stage, step, steps = value
        return Progress(str(stage), int(step), int(steps))
    if kind == "done":
        return _Ended(files={str(name): int(size) for name, size in value.items()})
    if kind not in ("ready", "failed"):
        raise ValueError(f"unknown kind {kind!r}.")
    return _Ended(error=str(value or ""))


def _run_worker(work: Work, connection: Connection) -> None:
    """Process jobs until the pipe closes."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)  # to stderr
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server
    threading.Thread(target=_die_with_parent, daemon=True).start()
    work.prepare()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _send(connection, "ready", None)
        while True:
            source, out, options = json.loads(connection.recv_bytes())
            report = _throttled(connection)
            try:
                files = work(Path(source), Path(out), options, report)
            except Exception as error:
                _send(connection, "failed", _describe_failure(error))
            else:
                _send(connection, "done", dict(files))


def _describe_failure(error: Exception) -> str:
    """Return in a sentence why a job failed; of a defect its kind and place, no values."""
    if is_of_disk(error):
        return "the disk of the server is full, or cannot be written; try again later."
    if isinstance(error, ValueError | OSError | ImportError):
        return str(error)[:2000] or type(error).__name__
    log.error("a job failed unexpectedly", exc_info=error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}"
    return f"unexpected {type(error).__name__} ({where}); this is a defect of the program."


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _send(connection: Connection, kind: str, value: object) -> None:
    connection.send_bytes(json.dumps({"kind": kind, "value": value}).encode())


def _throttled(connection: Connection) -> Report:
    """Return a report that passes on changes of stage, and steps now and then."""
    before: list[Any] = ["", 0.0]

    def report(stage: str, step: int, steps: int) -> None:
        now = time.monotonic()
        if stage != before[0] or now - before[1] >= _INTERVAL:
            before[:] = stage, now
            _send(connection, "progress", (stage, step, steps))

    return report
