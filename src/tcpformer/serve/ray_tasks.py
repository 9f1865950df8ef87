"""Clips lifted on a cluster by Ray: each clip is a task, and its results are the files it writes.

Needs the extra ray. All machines must have the package and see inputs and results under the same
paths. A task whose machine dies is run again on another one.
"""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..optional import missing_extra
from ..pipeline import LiftOptions
from .inputs import Task
from .processes import keep_networks, limit_threads
from .remote import is_address
from .report import Line
from .task import DiskError, Job, line_of, run_task
from .watch import Watch

_RETRIES = 3
"""Times that a task is run again whose process or machine has died."""
_PAUSE = 2.0
"""Seconds until a clip is tried again that is locked."""


@dataclass(frozen=True)
class RayTasks:
    """Runs clips as tasks of a Ray cluster."""

    address: str
    """Of the cluster; "auto" for the one that runs on this machine."""
    threads: int = 1
    """Processors that a task takes."""
    patience: float = 120.0
    """Seconds after all others in which a locked clip is tried again: a machine that has died may
    keep a lock on a network file system for a while."""

    def __call__(self, job: Job, waiting: deque[Task], watch: Watch) -> Iterator[Line]:
        """Take clips out of a queue until it is empty; yield the line of each as it ends.

        Raises:
            DiskError: If the results cannot be written.
            ImportError: If Ray is not installed.
            OSError: If there is no cluster at the address.
        """
        if not waiting:
            return
        ray = _import_ray()
        ours = not ray.is_initialized()
        if ours:
            ray.init(address=self.address, log_to_driver=False, logging_level="error")
        try:
            yield from _Flight(ray, self, _absolute(job)).lines(waiting)
        finally:
            if ours:
                ray.shutdown()


class _Flight:
    """Tasks that a cluster works on."""

    def __init__(self, ray: Any, options: RayTasks, job: Job) -> None:
        self.ray, self.options, self.job = ray, options, job
        self._shared = ray.put(job)
        self._lift = ray.remote(num_cpus=options.threads, max_retries=_RETRIES)(_lift)
        self._tasks: dict[Any, Task] = {}
        self._until: float | None = None

    def lines(self, waiting: deque[Task]) -> Iterator[Line]:
        while waiting or self._tasks:
            self._submit(waiting)
            ready, _ = self.ray.wait(list(self._tasks), num_returns=1)
            line = self._receive(ready[0], task := self._tasks.pop(ready[0]))
            if line.state == "busy" and self._may_wait(only=not waiting and not self._tasks):
                waiting.append(task)
            else:
                yield line

    def _submit(self, waiting: deque[Task]) -> None:
        """Keep twice as many tasks in flight as the cluster can work on at a time."""
        at_once = int(self.ray.cluster_resources().get("CPU", 1)) // self.options.threads
        while waiting and len(self._tasks) < 2 * max(1, at_once):
            task = waiting.popleft()
            source = task.source if is_address(task.source) else task.source.absolute()
            there = replace(task, source=source)
            self._tasks[self._lift.remote(self._shared, there, self.options.threads)] = task

    def _may_wait(self, *, only: bool) -> bool:
        """Pause if nothing but locked clips is left; return False if that took too long."""
        if only:
            self._until = self._until or time.monotonic() + self.options.patience
            time.sleep(_PAUSE)
        return self._until is None or time.monotonic() < self._until

    def _receive(self, ready: Any, task: Task) -> Line:
        try:
            answer = self.ray.get(ready)
        except self.ray.exceptions.RayError as error:
            text = f"the Ray task that lifted it failed ({_RETRIES} times again): {error}"
            return line_of(self.job, task, state="failed", error=text[:1000])
        if isinstance(answer, str):
            raise DiskError(answer)
        return replace(answer, source=str(task.source))


def _lift(job: Job, task: Task, threads: int) -> Line | str:
    """Lift a clip in a process of the cluster; return its line, or why nothing can be written."""
    limit_threads(threads)
    keep_networks()
    try:
        return run_task(job, task, lambda stage, done, total: None)
    except DiskError as error:
        return str(error)


def _absolute(job: Job) -> Job:
    """Return a job whose paths hold in any folder."""
    options: Any = {
        field.name: value.absolute()
        for field in fields(LiftOptions)
        if isinstance(value := getattr(job.options, field.name), Path)
    }
    if Path(job.options.weights).exists():
        options["weights"] = str(Path(job.options.weights).absolute())
    return replace(job, out=job.out.absolute(), options=replace(job.options, **options))


def _import_ray() -> Any:
    try:
        import ray  # pyright: ignore[reportMissingImports]
        import ray.exceptions  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise missing_extra("Lifting on a cluster (--ray)", "ray", "ray") from error
    return ray
