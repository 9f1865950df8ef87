"""A long video lifted in parts: each is seen by a task, and the last task joins and lifts them.

What was seen of a part is a file in a hidden folder of the clip's results, under a key of the
input and all that changes what is seen; so a run that was killed loses at most the parts in hand.
The folder goes when the results are there.
"""

import shutil
import time
from collections import deque
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ..detect.one_pass import FollowedPeople
from ..detect.parts import (
    NUMBERS,
    OVERLAP_S,
    TEXTS,
    Part,
    join_parts,
    plan_parts,
    seen_from_arrays,
    seen_to_arrays,
)
from ..files import atomic_write
from ..io.parts import cut_frames
from ..io.pictures import Pictures
from ..io.safe_npz import read_npz
from ..io.video import Video, find_origin
from ..manifest import STAMP_SECONDS, hash_input, key_of, stamp_input
from ..pipeline import LiftOptions, Progress, open_source_video, package_version, see_video
from .inputs import Task
from .report import Line, PartLine, SplitLine

FOLDER = ".tcpformer-parts"
_DETECTOR = ("landmarks", "every_frame", "device", "start", "end", "fps", "slow_motion")
"""Options that change what is seen of a video, beside the files of networks."""
_COST = "cost"


@dataclass(frozen=True)
class Cut:
    """How a video is seen in parts."""

    source: Path
    options: LiftOptions
    mark: str
    """Of `_mark_input`: the video when it was cut."""
    folder: Path
    """Of the files of this cut."""
    video: Video
    times: Float[np.ndarray, " t"]
    origin: float | None
    seconds: float

    @cached_property
    def parts(self) -> list[Part]:
        """The parts."""
        return plan_parts(self.times, self.video.fps, self.seconds)

    def file(self, number: int) -> Path:
        """Return where that goes which is seen of a part, from 1."""
        return self.folder / f"part-{number:04d}-of-{len(self.parts):04d}.npz"

    def missing(self) -> tuple[int, ...]:
        """Return the parts that have not been seen, from 1."""
        numbers = range(1, len(self.parts) + 1)
        return tuple(number for number in numbers if not self.file(number).exists())

    def see(self, number: int, progress: Progress) -> None:
        """Write what is seen of a part.

        Raises:
            ValueError: If it cannot be read, or has changed in between.
            OSError: If the file cannot be written.
        """
        start, cpu = time.monotonic(), time.process_time()
        part = self.parts[number - 1]
        video = cut_frames(self.video, self.times, part.seen, self.origin)
        arrays: dict[str, Any] = seen_to_arrays(see_video(video, self.options, progress))
        if _mark_input(self.source) != self.mark:
            raise ValueError(f"{self.source} was written to while it was read; lift it again.")
        arrays[_COST] = np.array([time.monotonic() - start, time.process_time() - cpu])
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.file(number)) as beside, beside.open("wb") as file:
            np.savez(file, **arrays)

    def join(self) -> tuple[FollowedPeople, list[float]]:
        """Return what was seen of the whole video, and the seconds of time and processors.

        Raises:
            ValueError: If a file is damaged, and then it is deleted; or parts do not fit together.
        """
        seen, costs = [], []
        for number in range(1, len(self.parts) + 1):
            try:
                data = read_npz(self.file(number), (*NUMBERS, _COST), TEXTS)
                seen.append(seen_from_arrays(data))
            except ValueError:
                self.file(number).unlink(missing_ok=True)
                raise
            costs.append(data[_COST])
        return join_parts(self.parts, seen), np.sum(costs, axis=0).tolist()


def cut_source(source: Path, out: Path, options: LiftOptions, seconds: float) -> Cut | None:
    """Return how a source is seen in parts of some seconds; None if it is lifted in one.

    Args:
        source: Of a clip.
        out: Folder of its results.
        options: As of `lift_file`.
        seconds: Of a part, at most; 0: all is lifted in one.
    """
    video = open_source_video(source, options) if seconds > 0 else None
    if video is None or video.length / video.fps <= seconds:
        return None
    mark = _mark_input(source)
    models = {n: p for n in ("pose_model", "person_model") if (p := getattr(options, n))}
    content = {
        "source": mark,
        "models": {name: hash_input(path) for name, path in models.items()},
        "options": {name: getattr(options, name) for name in _DETECTOR},
        "parts": [seconds, OVERLAP_S],
        "version": package_version(),
    }
    folder = out / FOLDER / key_of(content)[:32]
    times, origin = _read_times(video, folder / "times.npz")
    return Cut(source, options, mark, folder, video, times, origin, seconds)


def delete_parts(out: Path) -> None:
    """Delete what was seen of parts of a video, of which the results are there."""
    shutil.rmtree(out / FOLDER, ignore_errors=True)


def _read_times(video: Video, path: Path) -> tuple[Float[np.ndarray, " t"], float | None]:
    """Return times and origin of a video, from a file if it is there; else write that."""
    if not path.exists():
        origin = None if isinstance(video, Pictures) else find_origin(video)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as beside, beside.open("wb") as file:
            np.savez(
                file, times=video.times(), origin=np.array(np.nan if origin is None else origin)
            )
    data = read_npz(path, ("times", "origin"))
    origin = float(data["origin"])
    return data["times"], None if np.isnan(origin) else origin


def _mark_input(source: Path) -> str:
    """Return what changes when a video is written to; waits a moment if it just was.

    A long video is not read for that, unless its times lie in the future.
    """
    until = time.monotonic() + 2 * STAMP_SECONDS
    while not (stamp := stamp_input(source)) and time.monotonic() < until:
        time.sleep(0.1)
    return stamp or hash_input(source)


class Splits:
    """Makes of lines about parts further tasks, and in the end the line of their video."""

    def __init__(self, waiting: deque[Task]) -> None:
        self.waiting = waiting
        """Tasks that no process has yet; gets more."""
        self._left: dict[str, int] = {}
        self._failed: dict[str, PartLine] = {}
        self._busy: set[str] = set()

    def take(self, line: Line) -> Line | None:
        """Return the line of a clip; None if that is still to come."""
        if isinstance(line, SplitLine):
            return self._split(line)
        if isinstance(line, PartLine):
            return self._end_part(line)
        return line

    def _split(self, line: SplitLine) -> Line | None:
        if line.file in self._left:
            if line.file in self._busy:
                return _whole(line, state="busy")
            error = "parts of this video were lost or it was written to; lift it again."
            return _whole(line, state="failed", error=error)
        self._left[line.file] = len(line.missing)
        source = Path(line.source)
        tasks = [Task(line.file, source, (number, line.of)) for number in line.missing]
        self.waiting.extendleft(reversed(tasks))
        return None

    def _end_part(self, line: PartLine) -> Line | None:
        self._left[line.file] -= 1
        if line.state == "failed":
            self._failed.setdefault(line.file, line)
        if line.state == "busy":
            self._busy.add(line.file)
        if self._left[line.file]:
            return None
        if failed := self._failed.get(line.file):
            number, count = failed.part
            return _whole(failed, error=f"part {number} of {count}: {failed.error}")
        self.waiting.appendleft(Task(line.file, Path(line.source)))
        return None


def _whole(line: Line, **changed: Any) -> Line:
    """Return a line about a part as that of its video."""
    values = {each.name: getattr(line, each.name) for each in fields(Line)}
    return replace(Line(**values), **changed)
