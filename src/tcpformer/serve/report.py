"""The report of a batch: one JSON line a file, for people and tables; never read to decide work.

Lines are appended as files end, each by one write under a lock, and a run ends by leaving one line
a file. A line that a dead process wrote in part is skipped.
"""

import errno
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..analysis.quality import measure_quality
from ..files import atomic_write, open_locked
from ..motion import Motion3D

State = Literal["done", "present", "busy", "failed", "stopped", "split"]
_LOCK = ".tcpformer-report.lock"
_PATIENCE = 30.0
"""Seconds that one waits for the lock of a report."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """The outcome of a file."""

    file: str
    """Folder of its results, relative to that of all."""
    source: str
    state: State
    """done: by this run; present: by an earlier one, and nothing has changed; busy: another run
    works on it; failed; stopped: the run ended before it; split: see `SplitLine`."""
    seconds: float = 0.0
    """That the work took."""
    cpu_seconds: float = 0.0
    """Of processors, of all threads."""
    memory_mb: float = 0.0
    """Most that the process has held so far."""
    result_mb: float = 0.0
    """Of the files written."""
    frames: int = 0
    duration: float = 0.0
    """Seconds from the first frame to the end of the last."""
    people: int = 0
    quality: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """Number of the person -> `Quality`, with the seconds in which the person is seen."""
    warnings: Sequence[str] = ()
    error: str | None = None
    version: str = ""
    weights: str = ""
    """Name and fingerprint."""


@dataclass(frozen=True, kw_only=True)
class SplitLine(Line):
    """The outcome of a video that is to be seen in parts first; never in a report."""

    missing: tuple[int, ...]
    """Parts that have not been seen, from 1."""
    of: int
    """Parts in all."""


@dataclass(frozen=True, kw_only=True)
class PartLine(Line):
    """The outcome of a part of a video; never in a report."""

    part: tuple[int, int]
    """Which part, from 1, and of how many."""


def describe_motions(motions: Sequence[Motion3D]) -> dict[str, Any]:
    """Return the fields of a line that come from motions."""
    frames = max(map(len, motions), default=0)
    longest = max((float(each.times[-1]) + 1 / each.fps for each in motions), default=0.0)
    quality = {}
    for motion in motions:
        seen = {"seconds": round(float(motion.valid.sum()) / motion.fps, 2)}
        measured = asdict(measure_quality(motion)) if len(motion) >= 4 else {}
        quality[str(motion.person)] = seen | {k: _short(v) for k, v in measured.items()}
    return {
        "frames": frames,
        "duration": round(longest, 3),
        "people": len(motions),
        "quality": quality,
    }


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if abs(value) < float("inf") else None


def append(path: Path, line: Line) -> None:
    """Append a line to a report, created if missing.

    Raises:
        OSError: If the folder cannot be written.
    """
    text = encode(line)
    with _locked(path.parent), path.open("ab+") as file:
        if file.tell() and not _ends_a_line(file):
            text = b"\n" + text  # after a line that a dead process wrote in part
        file.write(text)


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def read_lines(path: Path) -> dict[str, bytes]:
    """Return the last line of each file in a report, as it stands there; none of a missing one."""
    try:
        with path.open("rb") as file:
            return {name: text for text in file if (name := name_of(text))}
    except FileNotFoundError:
        return {}


def name_of(text: bytes) -> str:
    """Return which file a line is of; "" if it is damaged."""
    try:
        name = json.loads(text)["file"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return name if isinstance(name, str) else ""


def is_result(text: bytes) -> bool:
    """Return whether a line of a report is of a file that was lifted."""
    return json.loads(text).get("state") in ("done", "present")


def lines_of_parts(path: Path) -> dict[str, bytes]:
    """Return the lines of lifted files in all reports of a folder; those at ``path`` come first."""
    others = sorted(each for each in path.parent.glob("report*.jsonl") if each != path)
    merged: dict[str, bytes] = {}
    for each in (*others, path):
        merged.update({k: text for k, text in read_lines(each).items() if is_result(text)})
    return merged


def leave_one_line_a_file(path: Path, more: Iterable[bytes] = ()) -> None:
    """Rewrite a report, sorted by file: of several lines of a file the last one stays.

    Args:
        path: Of the report.
        more: Lines that take the place of those in the report.

    Raises:
        OSError: If it cannot be written.
    """
    with _locked(path.parent):
        lines = read_lines(path) | {name_of(text): text for text in more}
        with atomic_write(path) as beside, beside.open("wb") as file:
            for name in sorted(lines):
                file.write(lines[name].rstrip(b"\n") + b"\n")


def encode(line: Line) -> bytes:
    """Return a line as it stands in a report."""
    text = json.dumps(asdict(line), ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait for the lock of the reports in a folder.

    Raises:
        OSError: If another process keeps it for long, or the folder cannot be written.
    """
    lock, until = folder / _LOCK, time.monotonic() + _PATIENCE
    while (handle := open_locked(lock)) is None:
        if time.monotonic() > until:
            raise OSError(errno.EAGAIN, f"another process keeps {lock} locked")
        time.sleep(0.01)
    try:
        yield
    finally:
        if os.name != "nt":
            lock.unlink(missing_ok=True)
        os.close(handle)
