"""Many clips of the verb `lift`: its options, bars, and the table at the end."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..pipeline import LiftOptions, lift_file, name_weights
from ..serve.batch import Run, Summary, lift_many, parse_part, report_name
from ..serve.inputs import Task, find_tasks, share_of
from ..serve.processes import Processes
from ..serve.remote import RemoteJob, find_remote_tasks, is_address, report_at
from ..serve.report import Line
from ..serve.task import Job
from ..serve.watch import Watch
from ._terminal import count, escape, show, show_error, show_notes, show_written

ROWS = 40
"""Of the table at the end; the report has all."""


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """How several clips are lifted."""

    jobs: int = 1
    """Clips that are lifted at a time, each by a process of its own."""
    ray: str | None = None
    """Address of a Ray cluster that lifts them, or "auto" for the one of this machine; all its
    machines must see inputs and --out under the same paths. Needs the extra ray."""
    part: str | None = None
    """Lift only the K-th of N equal parts of the clips, as 3/16; each machine takes another."""
    split: float | None = None
    """Minutes of video; longer ones are seen in overlapping parts, by as many processes as there
    are, and then lifted as one. Also for a single video, whose results then go to a folder of its
    name below --out."""

    def check(self) -> None:
        """Check that options are in range and fit each other.

        Raises:
            ValueError: If they do not.
        """
        if self.jobs < 1:
            raise ValueError(f"--jobs must be at least 1, got {self.jobs}.")
        if self.ray is not None and self.jobs != 1:
            raise ValueError("--jobs is for one machine; with --ray, leave it out.")
        if self.part is not None:
            parse_part(self.part)
        if self.split is not None and not 1 <= self.split < float("inf"):
            raise ValueError(f"--split must be at least 1 minute, got {self.split:g}.")

    def check_unused(self) -> None:
        """Check that nothing was set, for a single clip.

        Raises:
            ValueError: If something was.
        """
        if self != BatchOptions():
            raise ValueError("--jobs, --ray and --part are for several inputs, got one clip.")

    def run(self, threads: int) -> Run:
        """Return where the clips are lifted."""
        if self.ray is None:
            return Processes(self.jobs, threads)
        from ..serve.ray_tasks import RayTasks

        return RayTasks(self.ray, threads or 1)


def lift_clips(
    sources: Sequence[Path],
    out: Path,
    options: LiftOptions,
    batch: BatchOptions,
    *,
    threads: int,
    quiet: bool,
) -> None:
    """Lift what several sources hold; print a table, and exit with a code that tells how it went.

    Raises:
        FileNotFoundError: If there is no such source, or no clip in it.
        ValueError: If sources contradict each other or the options.
        SystemExit: If not all clips are lifted.
    """
    if options.video is not None:
        raise ValueError("--video is the video of one keypoint file; leave it out for several.")
    part = None if batch.part is None else parse_part(batch.part)
    opened = _open_job(sources, out, options, batch)
    with show_notes(quiet=quiet), opened as (job, tasks), Bars(quiet=quiet) as bars:
        summary = lift_many(job, tasks, batch.run(threads), bars, report_name(part))
    if not quiet:
        show_summary(replace(summary, report=out / summary.report.name), bars.lines)
    if summary.error is not None:
        show_error(summary.error)
    if summary.exit_code:
        raise SystemExit(summary.exit_code)


@contextmanager
def _open_job(
    sources: Sequence[Path], out: Path, options: LiftOptions, batch: BatchOptions
) -> Iterator[tuple[Job, Sequence[Task]]]:
    """Yield the job and its clips; at the end the report is uploaded, if results are remote."""
    part = None if batch.part is None else parse_part(batch.part)
    remote = any(map(is_address, (*sources, out)))
    if remote and batch.split is not None:
        raise ValueError("--split is for videos of this machine; copy them, or leave it out.")
    tasks = (find_remote_tasks if remote else find_tasks)(sources, out)
    tasks = tasks if part is None else share_of(tasks, *part)
    job = Job(out=out, options=options, weights=name_weights(options), lift=lift_file,
              split=60 * (batch.split or 0.0))  # fmt: skip
    if not remote:
        yield job, tasks
        return
    with report_at(out, report_name(part)) as folder:
        yield RemoteJob(**{**vars(job), "out": folder, "results": out}), tasks


class Bars(Watch, ExitStack):
    """Bars of all clips and of those in work; keeps lines for the table."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__()
        self.quiet = quiet
        self.lines: list[Line] = []
        self._all: Any = None
        self._slots: dict[int, Any] = {}

    def _bar(self, position: int, unit: str) -> Any:
        disable = True if self.quiet else None
        return self.enter_context(
            tqdm(position=position, unit=unit, disable=disable, leave=position == 0)
        )

    def progress(self, slot: int, task: Task, stage: str, done: int, total: int) -> None:
        """Show steps of a clip in the bar of its process."""
        if slot not in self._slots:
            self._slots[slot] = self._bar(slot + 1, "frame")
        bar = self._slots[slot]
        bar.set_description(f"{escape(task.label)[-40:]}: {stage}", refresh=False)
        bar.total, bar.n = max(done, total), done
        bar.refresh()

    def ended(self, line: Line, done: int, total: int) -> None:
        """Count a clip, and show what is wrong with it at once."""
        if self._all is None:
            self._all = self._bar(0, "clip")
        self._all.total, self._all.n = total, done
        self._all.refresh()
        self._keep(line)
        if line.state == "failed":
            with tqdm.external_write_mode():
                show_error(_named(line))

    def _keep(self, line: Line) -> None:
        """Keep a line for the table: those that failed first."""
        lifted = [each for each in self.lines if each.error is None]
        if len(self.lines) == ROWS and line.error is not None and lifted:
            self.lines.remove(lifted[-1])
        if len(self.lines) < ROWS:
            self.lines.append(line)


def _named(line: Line) -> str:
    """Return the error of a clip, with the name of the clip."""
    text = str(line.error)
    return text if text.startswith(line.source) else f"{line.source}: {text}"


def show_summary(summary: Summary, lines: Sequence[Line]) -> None:
    """Print a table of clips, and how many are in each state."""
    width = max((len(line.file) for line in lines), default=0)
    if lines:
        show(f"{'clip':{width}}  state    people  frames  seconds")
    for line in sorted(lines, key=lambda line: line.file):
        text = f"{line.people:6d}  {line.frames:6d}  {line.seconds:7.1f}"
        show(f"{line.file:{width}}  {line.state:7}  {text if line.error is None else line.error}")
    handled = summary.counts.total() - summary.counts["present"] - summary.counts["stopped"]
    if handled > len(lines):
        show(f"... and {handled - len(lines)} more, in the report")
    words = {
        "done": "lifted",
        "present": "lifted before",
        "failed": "failed",
        "busy": "in work by another run",
        "stopped": "not tried",
    }
    counts = [f"{summary.counts[state]} {text}" for state, text in words.items() if
              summary.counts[state]]  # fmt: skip
    show(f"{count(summary.counts.total(), 'clip')}: {', '.join(counts) or 'none in this part'}")
    show_written(summary.report)
