"""Which clips are lifted of many inputs, and into which folder each.

A folder below an input is a clip if it holds keypoint JSON or pictures and nothing else; of a
folder of videos each is a clip. The results of a clip go to its path relative to the input,
without the suffix.
"""

import hashlib
import logging
import os
import re
import unicodedata
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..io.pictures import find_pictures, is_picture
from ..manifest import MANIFEST, is_reserved_name

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = (
    ".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".m2ts", ".ts",
    ".wmv", ".asf", ".flv", ".3gp", ".ogv", ".mxf",
)  # fmt: skip
"""Of files in a folder that are taken as videos; a file that is named itself may have any."""
_OF_THE_SYSTEM = {"thumbs.db", "desktop.ini"}
_REPORT = re.compile(r"report.*\.jsonl", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Task:
    """A clip to lift."""

    name: str
    """Folder of its results, relative to that of all, with "/" between its parts."""
    source: Path
    """A video, a keypoint file, a folder of keypoints or pictures, or a pattern of pictures."""
    part: tuple[int, int] | None = None
    """Which part of the video is seen, from 1, and of how many; None for the clip as a whole."""

    @property
    def label(self) -> str:
        """The name, for people to read."""
        return self.name if self.part is None else f"{self.name} {self.part[0]}/{self.part[1]}"


def is_clip(source: Path) -> bool:
    """Return whether a source is one clip; a folder of videos, or of folders, is not.

    Raises:
        ValueError: If it is a folder that holds videos together with pictures or keypoint JSON.
    """
    if not source.is_dir():
        return True
    entries = _visible(source)
    if any(map(is_video, entries)):
        return _kind_of(source, entries) == "clip"
    holds_clip = any(is_picture(each) or each.suffix.lower() == ".json" for each in entries)
    return holds_clip or not any(entry.is_dir() for entry in entries)


def is_video(path: Path) -> bool:
    """Return whether a name ends as that of a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def find_tasks(sources: Sequence[Path], out: Path) -> list[Task]:
    """Return the clips of sources, sorted by name.

    Args:
        sources: Files, patterns, and folders, in which is searched at all depths; links are
            followed, and a folder that was seen before is skipped. Hidden files, results of
            `lift_file` and ``out`` are left out.
        out: Folder of all results.

    Raises:
        FileNotFoundError: If there is no such source, or a folder holds no clip.
        ValueError: If a folder holds clips of several kinds, or two clips have one folder of
            results.
    """
    tasks: dict[str, Task] = {}
    for source in sources:
        found = 0
        for task in _tasks_of(source, out):
            _add(tasks, task)
            found += 1
        if not found:
            raise FileNotFoundError(
                f"{source}: no video below this folder, nor a folder of keypoint JSON or of "
                f"pictures; videos end in {', '.join(VIDEO_SUFFIXES)}. Give other files by name."
            )
    return _sorted(tasks.values())


def collect_tasks(found: Iterable[Task]) -> list[Task]:
    """Return tasks, sorted by name.

    Raises:
        ValueError: If two of them have one folder of results.
    """
    tasks: dict[str, Task] = {}
    for task in found:
        _add(tasks, task)
    return _sorted(tasks.values())


def _sorted(tasks: Iterable[Task]) -> list[Task]:
    _check_names(tasks)
    return sorted(tasks)


def _tasks_of(source: Path, out: Path) -> Iterator[Task]:
    if not source.is_dir():
        if not source.exists() and find_pictures(source) is None:
            raise FileNotFoundError(f"no such file or folder: {source}")
        yield Task(_name_of_file(source), source)
    elif is_clip(source):
        yield Task(source.resolve().name or "clip", source)
    else:
        for path in _walk(source, out):
            relative = path.relative_to(source)
            name = relative if path.is_dir() else relative.with_suffix("")
            yield Task(name.as_posix(), path)


def _name_of_file(source: Path) -> str:
    """Return the name of a file without suffix; of a pattern, that of its folder."""
    if source.exists():
        return source.stem
    return source.parent.resolve().name or "pictures"


def _walk(top: Path, out: Path) -> Iterator[Path]:
    """Yield the clips at all depths of a folder, each real folder once."""
    seen = {_identity(out)} if out.exists() else set()
    folders, ignored = deque([top]), Counter[str]()
    links = deque[Path]()  # after all real folders, so that a clip is found by its own path
    while folders or links:
        folder = (folders or links).popleft()
        if _identity(folder) in seen:
            continue
        seen.add(_identity(folder))
        entries = _visible(folder)
        kind = _kind_of(folder, entries)
        if kind == "clip":
            yield folder
            continue
        for inner in filter(Path.is_dir, entries):
            (links if inner.is_symlink() else folders).append(inner)
        files = [entry for entry in entries if entry.is_file()]
        yield from filter(is_video, files)
        ignored.update(file.suffix.lower() or file.name for file in files if not is_video(file))
    if ignored:
        counts = ", ".join(f"{number} {suffix}" for suffix, number in ignored.most_common(8))
        log.info("%s: left out what is no video: %s", top, counts)


def _visible(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted, without hidden files and results of an earlier run."""
    names = sorted(os.listdir(folder))
    has_results = MANIFEST in names
    return [
        folder / name
        for name in names
        if not name.startswith(".")
        and name.lower() not in _OF_THE_SYSTEM
        and not (has_results and is_reserved_name(name))
    ]


def _kind_of(folder: Path, entries: Sequence[Path]) -> str:
    """Return "clip" for a folder of keypoint JSON or of pictures, else "folder".

    Raises:
        ValueError: If it holds videos, pictures or keypoint JSON together, or one of the latter
            two beside folders.
    """
    files = [entry for entry in entries if entry.is_file()]
    counts = {
        "video": sum(map(is_video, files)),
        "picture": sum(map(is_picture, files)),
        "keypoint JSON file": sum(file.suffix.lower() == ".json" for file in files),
    }
    if counts["picture"] or counts["keypoint JSON file"]:
        counts["folder"] = len(entries) - len(files)
    held = [f"{n} {kind}{'s' * (n > 1)}" for kind, n in counts.items() if n]
    if len(held) > 1:
        raise ValueError(
            f"{folder} holds {', '.join(held)}; expected one kind in a folder. Give the files "
            "meant by name, or move the others."
        )
    return "clip" if held and not counts["video"] else "folder"


def _identity(folder: Path) -> tuple[int, int]:
    state = folder.stat()
    return state.st_dev, state.st_ino


def _add(tasks: dict[str, Task], task: Task) -> None:
    """Add a task under its name as file systems compare names.

    Raises:
        ValueError: If another source has it.
    """
    key = unicodedata.normalize("NFC", task.name).casefold()
    other = tasks.setdefault(key, task)
    if other is not task and other.source.resolve() != task.source.resolve():
        raise ValueError(
            f"{other.source} and {task.source} would both write the folder {task.name} of results; "
            "rename one, or lift them with two --out."
        )


def _check_names(tasks: Iterable[Task]) -> None:
    """Check that no folder of results has the name of another's results, or of the report.

    Raises:
        ValueError: If one has.
    """
    names = {task.name: task for task in tasks}
    for name, task in names.items():
        parts = PurePosixPath(name).parts
        inside = ["/".join(parts[:i]) for i in range(1, len(parts))]
        taken = [each for i, each in enumerate(inside, 1) if each in names and
                 is_reserved_name(parts[i])]  # fmt: skip
        if taken or _REPORT.fullmatch(parts[0]) or parts[0].startswith("."):
            raise ValueError(
                f"{task.source}: its results would go to {name}, a name of results; rename it."
            )


def share_of(tasks: Sequence[Task], part: int, parts: int) -> list[Task]:
    """Return a part of the tasks, 1 to ``parts``: the same on every machine, by a hash of names."""
    return [task for task in tasks if _number(task.name) % parts == part - 1]


def _number(name: str) -> int:
    return int(hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:12], 16)
