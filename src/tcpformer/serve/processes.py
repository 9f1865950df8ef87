"""Clips lifted by several processes of one machine, each with its share of the processors.

A process that dies fails its clip and is replaced. Processes end with the driver, however it ends.
"""

import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection, get_context, parent_process
from multiprocessing.process import BaseProcess
from typing import Any

from .inputs import Task
from .report import Line
from .task import DiskError, Job, line_of, run_task
from .watch import Watch

Pipe = Any
"""An end of a pipe; its class differs between systems."""

_PATIENCE = 10.0
"""Seconds that a process has to end by itself."""
_INTERVAL = 0.2
"""Seconds between two reports of progress."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass
class _Worker:
    """A process, its pipe, and the clip it works on."""

    slot: int
    process: BaseProcess
    pipe: Pipe
    task: Task | None = None
    since: float = field(default_factory=time.monotonic)

    def give(self, task: Task) -> None:
        """Send a clip; where the process has died, its end is found later."""
        self.task, self.since = task, time.monotonic()
        with suppress(OSError):
            self.pipe.send(task)


def count_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share_threads(jobs: int, threads: int) -> int:
    """Return the threads of each of several processes: as given, or an equal share of all.

    0 leaves a single process all of them.
    """
    return threads or (0 if jobs == 1 else max(1, count_processors() // jobs))


@dataclass(frozen=True)
class Processes:
    """Runs clips in processes of this machine."""

    jobs: int = 1
    threads: int = 0
    """Of each; see `share_threads`."""

    def __call__(self, job: Job, waiting: deque[Task], watch: Watch) -> Iterator[Line]:
        """Take clips out of a queue until it is empty; yield the line of each as it ends.

        Raises:
            DiskError: If the results cannot be written.
        """
        workers: list[_Worker] = []
        try:
            while self._give(workers, job, waiting):
                for worker in _ready([worker for worker in workers if worker.task]):
                    line = _receive(job, worker, watch)
                    if line is not None:
                        worker.task = None
                        self._give(workers, job, waiting)
                        yield line
        finally:
            _stop(workers)

    def _give(self, workers: list[_Worker], job: Job, waiting: deque[Task]) -> bool:
        """Give clips to processes without one, started if needed; return whether one is at work."""
        for slot in range(self.jobs if waiting else 0):
            if slot == len(workers):
                workers.append(self._start(slot, job))
            if workers[slot].task is None and waiting:
                if not workers[slot].process.is_alive():
                    workers[slot] = self._replace(workers[slot], job)
                workers[slot].give(waiting.popleft())
        return any(worker.task for worker in workers)

    def _start(self, slot: int, job: Job) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        threads = share_threads(self.jobs, self.threads)
        process = context.Process(target=_work, args=(job, threads, theirs), daemon=True)
        with _environment(threads):
            process.start()
        theirs.close()
        return _Worker(slot, process, ours)

    def _replace(self, dead: _Worker, job: Job) -> _Worker:
        dead.pipe.close()
        return self._start(dead.slot, job)


def _ready(workers: Sequence[_Worker]) -> list[_Worker]:
    """Wait until workers have sent something, or died."""
    owners: dict[Any, _Worker] = {worker.pipe: worker for worker in workers}
    return [owners[each] for each in connection.wait(list(owners))]


def _receive(job: Job, worker: _Worker, watch: Watch) -> Line | None:
    """Return the line of a clip that has ended; None if there is only progress.

    Raises:
        DiskError: If the worker could not write.
    """
    assert worker.task is not None
    try:
        kind, content = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join(_PATIENCE)
        seconds = round(time.monotonic() - worker.since, 3)
        error = _cause_of_death(worker.process.exitcode)
        return line_of(job, worker.task, state="failed", seconds=seconds, error=error)
    if kind == "disk":
        raise DiskError(content)
    if kind == "progress":
        watch.progress(worker.slot, worker.task, *content)
        return None
    return content


def _cause_of_death(code: int | None) -> str:
    if code is None or code >= 0:
        return f"the process that lifted it ended with exit code {code}."
    with suppress(ValueError):
        name = signal.Signals(-code).name
        hint = ", as systems do that run out of memory" if name == "SIGKILL" else ""
        return f"the process that lifted it was ended by {name}{hint}."
    return f"the process that lifted it was ended by signal {-code}."


def _stop(workers: Sequence[_Worker]) -> None:
    """End all processes: those at work by a signal that lets them clean up."""
    for worker in workers:
        worker.pipe.close()
        if worker.task is not None:
            worker.process.terminate()
    until = time.monotonic() + _PATIENCE
    for worker in workers:
        worker.process.join(max(0.0, until - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """Set the threads of numerical libraries for processes that are started within."""
    before = {name: os.environ.get(name) for name in _THREADS}
    try:
        if threads:
            os.environ.update(dict.fromkeys(_THREADS, str(threads)))
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _work(job: Job, threads: int, pipe: Pipe) -> None:
    """Lift clips that come through a pipe until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    threading.Thread(target=_end_with_driver, daemon=True).start()
    limit_threads(threads)
    keep_networks()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            task = pipe.recv()
            try:
                answer = "line", run_task(job, task, _Reporter(pipe))
            except DiskError as error:
                answer = "disk", str(error)
            pipe.send(answer)


def _end_with_driver() -> None:
    driver = parent_process()
    assert driver is not None
    connection.wait([driver.sentinel])
    os._exit(1)


class _Reporter:
    """Sends progress to the driver, now and then."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe, self.last = pipe, 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.last >= _INTERVAL or done >= total:
            self.last = now
            self.pipe.send(("progress", (stage, done, total)))


def keep_networks() -> None:
    """Keep the packaged networks open for the next clip of this process."""
    from ..detect.onnx import keep_sessions
    from ..runtime.choose import keep_packaged

    keep_sessions()
    keep_packaged()


def limit_threads(threads: int) -> None:
    """Let networks and pictures take this many threads in this process; 0 leaves all of them."""
    import cv2

    from ..detect.onnx import set_session_threads
    from ..runtime.graph import set_graph_threads

    if threads:
        cv2.setNumThreads(threads)
    set_session_threads(threads)
    set_graph_threads(threads)
