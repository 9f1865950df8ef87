"""Many clips lifted into one folder: what is missing or has changed, each once.

The truth is in the files: a clip is done if the manifest in its folder has the key of its input,
weights, options and version, and its files are there. So a run that was killed is repeated, and
loses at most the clips in work; and two runs into one folder share the work.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..files import make_writable
from .inputs import Task
from .parts import Splits
from .report import Line, append, encode, leave_one_line_a_file, lines_of_parts
from .task import DiskError, Job, delete_dead_claims, describe_present, is_done, line_of
from .watch import Watch

Run = Callable[[Job, deque[Task], Watch], Iterator[Line]]
"""Takes tasks out of a queue until it is empty, and yields the line of each as it ends; the queue
may get more meanwhile. `processes.Processes` or `ray_tasks.RayTasks`."""
REPORT = "report.jsonl"
SOME_FAILED = 3
"""Exit code if some clips are lifted and others are not."""


@dataclass(frozen=True)
class Summary:
    """How a batch ended."""

    report: Path
    counts: Counter[str] = field(default_factory=Counter)
    """State of `report.Line` -> clips."""
    error: str | None = None
    """Why the run ended early."""

    @property
    def exit_code(self) -> int:
        """0 if all clips are lifted, 2 if none is usable, else `SOME_FAILED`."""
        lifted = self.counts["done"] + self.counts["present"]
        if lifted == self.counts.total():
            return 0
        return SOME_FAILED if lifted or self.counts["busy"] else 2


def report_name(part: tuple[int, int] | None) -> str:
    """Return the name of the report; parts of one list have one each."""
    return REPORT if part is None else f"report-{part[0]}-of-{part[1]}.jsonl"


def parse_part(text: str) -> tuple[int, int]:
    """Read "3/16" as part 3 of 16.

    Raises:
        ValueError: If it is no part, from 1 to their number.
    """
    first, _, second = text.partition("/")
    if first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second):
        return int(first), int(second)
    raise ValueError(f"--part: expected K/N with K from 1 to N, such as 3/16, got {text!r}.")


def lift_many(
    job: Job, tasks: Sequence[Task], run: Run, watch: Watch | None = None, report: str = REPORT
) -> Summary:
    """Lift clips that are missing or have changed; report all of them.

    Args:
        job: What is the same for all.
        tasks: The clips.
        run: Where they are lifted.
        watch: Is called as the work goes on.
        report: Name of the report in ``job.out``.

    Raises:
        OSError: If the folder or the report cannot be written.
    """
    watch = watch or Watch()
    make_writable(job.out)
    present, missing = _split(job, tasks, watch)
    summary = Summary(job.out / report, Counter(present=len(present)))
    try:
        present += _run(job, missing, run, watch, summary)
    except DiskError as error:
        return Summary(summary.report, _with_stopped(summary.counts, len(tasks)), str(error))
    finally:
        delete_dead_claims(job.out)
        leave_one_line_a_file(summary.report, _lines_of(job, present, summary.report))
    return summary


def _split(job: Job, tasks: Sequence[Task], watch: Watch) -> tuple[list[Task], list[Task]]:
    """Separate clips that are certainly done from others; reads no input."""
    present: list[Task] = []
    missing: list[Task] = []
    for number, task in enumerate(tasks, 1):
        (present if is_done(job, task, hashing=False) else missing).append(task)
        watch.checked(number, len(tasks))
    return present, missing


def _run(job: Job, tasks: Sequence[Task], run: Run, watch: Watch, summary: Summary) -> list[Task]:
    """Lift clips, and add to the counts of a summary; return those found to be done before.

    Clips that another run works on are tried again at the end, when it may have ended.
    """
    present: list[Task] = []
    total = summary.counts.total() + len(tasks)
    waiting = deque(tasks)
    for last in (False, True):
        busy: list[Task] = []
        splits = Splits(waiting)
        for each in run(job, waiting, watch):
            if (line := splits.take(each)) is None:
                continue
            if line.state == "busy" and not last:
                busy.append(Task(line.file, Path(line.source)))
                continue
            summary.counts[line.state] += 1
            if line.state == "present":
                present.append(Task(line.file, Path(line.source)))
            elif line.state != "busy":
                append(summary.report, line)
            watch.ended(line, summary.counts.total(), total)
        waiting = deque(busy)
    return present


def _with_stopped(counts: Counter[str], total: int) -> Counter[str]:
    return counts + Counter(stopped=total - counts.total())


def _lines_of(job: Job, present: Sequence[Task], report: Path) -> Iterator[bytes]:
    """Yield lines of clips that were done before, from all reports or from the results."""
    known = lines_of_parts(report)
    for task in present:
        line = known.get(task.name)
        yield line or encode(line_of(job, task, **describe_present(job, task)))
