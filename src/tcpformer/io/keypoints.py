"""2D keypoints that other programs wrote: OpenPose, MMPose, rtmlib, Sports2D; and our own npz.

Joints are told by name where the file has names, else by their number. Frames are counted from the
first one in the file.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..files import read_npz
from ..detections import Detections, match_skeleton
from ..motion import Motion2D, check_film
from ..skeleton import KNOWN, canonical
from ..tracking.assemble import assemble_people
from .npz import load_keypoints

SUFFIXES = (".npz", ".json", ".trc")
"""Of files to read, in small letters; a file may have capital ones."""
_READ = (
    "what can be read: a folder of OpenPose's .json, one a frame; MMPose's .json of predictions; "
    "rtmlib's .npz of keypoints and scores; Sports2D's .trc in pixels, or its folder; our own .npz"
)
_SAID = 8
"""Keys of unknown JSON that an error names."""
_SLACK = 0.01
"""Share by which two frame rates may differ and be the same: files round them."""
# What it raises to read a file that is not as its program writes it.
_STRANGE = (KeyError, IndexError, TypeError, AttributeError, UnicodeError, json.JSONDecodeError)
_JOINTS = {joint for skeleton in KNOWN for joint in skeleton.joints}


@dataclass(frozen=True)
class PersonKeypoints:
    """One person in a frame.

    Attributes:
        joints: (k, 3): x, y in pixels, confidence 0 to 1; 0 where a joint is not seen.
        name: The same in every frame for one person; None where that is not known.
    """

    joints: np.ndarray
    name: str | None = None


@dataclass(frozen=True)
class Record:
    """What a file says.

    Attributes:
        frames: For each frame, the people in it, with all joints of the file.
        names: Of the joints; None where the file does not tell.
        fps: Frames per second, where the file tells.
        size: Width and height, where the file tells; not checked yet, as the rate is not.
        times: Seconds of each frame, where the file tells.
    """

    frames: list[list[PersonKeypoints]]
    names: Sequence[str] | None = None
    fps: float | None = None
    size: Sequence[float] | None = None
    times: Sequence[float] | None = None


def read_people(
    path: str | Path,
    *,
    person: str | int = "all",
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    otherwise: tuple[float, tuple[int, int]] | None = None,
) -> list[Motion2D]:
    """Read everybody's 2D keypoints.

    Args:
        path: An .npz of `load_keypoints`; an .npz with ``keypoints`` (t, n, k, 2) and ``scores``
            (t, n, k), as rtmlib gives them, NaN or score 0 where there are fewer people; a folder
            of OpenPose's *_keypoints.json, one a frame; MMPose's .json of predictions; a .trc in
            pixels of Sports2D, or its folder, one file a person.
        person: Whom: "all", "largest", "longest" or a number, as in `choose`.
        fps: Frames per second, where the file does not tell; must agree with it where it does.
        size: Width and height of the pictures, likewise.
        otherwise: Rate and size where neither tells them, as those of a video.

    Returns:
        One motion a person. Whoever has a number or a file of their own in the source is one
        person; the others are told apart by where they go.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If it is none of these, fps or size are missing, cannot be, or contradict the
            file, or there is no such person.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz" and not _is_rtmlib(path):
        return [_our_own(path, person, ((fps, size), otherwise or (None, None)))]
    if not path.exists():
        raise FileNotFoundError(f"no such file or folder: {path}")
    try:
        record = _reader(path)(path)
    except _STRANGE as error:
        raise ValueError(
            f"{path}: not as OpenPose, MMPose, rtmlib or Sports2D write it ({error!r}); {_READ}."
        ) from error
    if not any(record.frames):
        raise ValueError(f"{path}: nobody is in any of its {len(record.frames)} frames.")
    given = ((fps, size), otherwise or (None, None))
    fps, size = _settled(path, (record.fps, record.size), *given)
    count = max(len(seen.joints) for people in record.frames for seen in people)
    named = [i for i, n in enumerate(record.names or ()) if canonical(n) in _JOINTS]
    names = None if record.names is None else [record.names[i] for i in named]
    skeleton, order = match_skeleton(names, count)
    columns = [named[i] for i in order] if named else list(order)
    times = record.times or (np.arange(len(record.frames)) / fps).tolist()
    detections = Detections.from_frames(
        [[seen.joints[columns] for seen in people] for people in record.frames],
        skeleton,
        times=times,
        size=size,
        fps=fps,
        ids=[[seen.name for seen in people] for people in record.frames],
    )
    return assemble_people(detections, person)


def _our_own(
    path: Path, person: str | int, given: tuple[tuple[Any, Any], tuple[Any, Any]]
) -> Motion2D:
    data = read_npz(path, ("xy", "confidence"), ("joints",), optional=("fps", "size", "times"))
    if str(person) not in ("all", "largest", "longest", "0"):
        raise ValueError(
            f"{path} holds one person: person must be 'all', 'largest', 'longest' or 0, got "
            f"{person!r}."
        )
    rate, picture = _told(data)
    if rate is None and "times" in data:
        rate = _rate(data["times"].ravel().tolist())
    fps, size = _settled(path, (rate, picture), *given)
    return load_keypoints(path, fps=fps, size=size)


def _told(data: dict[str, np.ndarray]) -> tuple[Any, Any]:
    """Rate and size as an .npz has them, whatever they are; None where it has none."""
    keys = ("fps", "size")
    fps, size = (data[key].astype(float).tolist() if key in data else None for key in keys)
    return fps, size


def _rate(times: Sequence[float]) -> float | None:
    """Mean frames per second; None where times do not tell."""
    span = times[-1] - times[0] if len(times) > 1 else 0.0
    return (len(times) - 1) / span if span > 0 else None


def _settled(
    path: Path, told: tuple[Any, Any], given: tuple[Any, Any], otherwise: tuple[Any, Any]
) -> tuple[float, tuple[int, int]]:
    """Rate and size: what a file tells, else what is given, else a video's; None where not.

    Raises:
        ValueError: If one is missing, cannot be, or the two contradict each other.
    """
    found: dict[str, Any] = {}
    for i, (name, slack) in enumerate((("fps", _SLACK), ("size", 0.0))):
        one, other = told[i], given[i]
        found[name] = next((x for x in (one, other, otherwise[i]) if x is not None), None)
        if one is None or other is None:
            continue
        if np.shape(one) != np.shape(other) or not np.allclose(one, other, rtol=slack, atol=0.0):
            here, there = (" x ".join(f"{x:g}" for x in np.ravel(each)) for each in (one, other))
            raise ValueError(
                f"{path} tells {name} {here}, but --{name} says {there}; leave that out, or "
                "correct the file."
            )
    missing = [name for name in found if found[name] is None]
    if missing:
        how = {"fps": "--fps", "size": "--size WIDTH HEIGHT"}
        raise ValueError(
            f"{path} does not tell {' and '.join(missing)}; say it with "
            f"{' and '.join(how[name] for name in missing)}, or give the --video."
        )
    fps, size = found["fps"], found["size"]
    check_film(size, fps)
    return float(fps), (int(size[0]), int(size[1]))


def _reader(path: Path) -> Callable[[Path], Record]:
    if path.is_dir():
        found = sorted({file.suffix.lower() for file in path.iterdir()} & {".json", ".trc"})
        if len(found) != 1:
            raise ValueError(
                f"{path} should hold either OpenPose's .json, one a frame, or Sports2D's .trc, one "
                f"a person; found {found or 'neither'}."
            )
        return _openpose if found == [".json"] else _trc
    readers = {".json": _mmpose, ".trc": _trc, ".npz": _rtmlib}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path}: expected a folder or one of {SUFFIXES}, got {path.suffix!r}.")
    return readers[path.suffix.lower()]


def _within(folder: Path, suffix: str) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == suffix)


def _seen(xy: Any, score: Any, name: object = None) -> PersonKeypoints:
    """Somebody, with confidence 0 where the numbers are none."""
    xy = np.asarray(xy, dtype=np.float64)[:, :2]
    score = np.asarray(score, dtype=np.float64).reshape(len(xy))
    good = np.isfinite(xy).all(axis=1) & np.isfinite(score)
    joints = np.column_stack([np.where(good[:, None], xy, 0.0), np.where(good, score, 0.0)])
    return PersonKeypoints(
        np.clip(joints, [-np.inf, -np.inf, 0.0], [np.inf, np.inf, 1.0]), _name(name)
    )


def _name(number: object) -> str | None:
    """A number, perhaps in a list, as a name; -1 and nothing are none."""
    text = str(number).strip("[]")
    return None if number is None or text in ("-1", "") else text


def _values(path: Path, entry: Any, *keys: str) -> list[Any]:
    """What an object of JSON has under these keys.

    Raises:
        ValueError: If it is none, or one is missing.
    """
    if isinstance(entry, dict) and all(key in entry for key in keys):
        return [entry[key] for key in keys]
    found = f"keys {list(entry)[:_SAID]}" if isinstance(entry, dict) else repr(entry)[:40]
    raise ValueError(f"{path}: expected keys {list(keys)}, found {found}; {_READ}.")


# OpenPose: <name>_<frame>_keypoints.json, {"people": [{"pose_keypoints_2d": [x, y, c, ..]}]}


def _openpose(folder: Path) -> Record:
    frames: dict[int, list[PersonKeypoints]] = {}
    for file in _within(folder, ".json"):
        numbers = re.findall(r"\d+", file.stem.removesuffix("_keypoints"))
        if not numbers:
            raise ValueError(f"{file}: expected the number of the frame in the name.")
        people = []
        (entries,) = _values(file, json.loads(file.read_text()), "people")
        for entry in entries:
            (joints,) = _values(file, entry, "pose_keypoints_2d")
            flat = np.array(joints, dtype=np.float64).reshape(-1, 3)
            if len(flat):
                people.append(_seen(flat[:, :2], flat[:, 2], entry.get("person_id")))
        frames[int(numbers[-1])] = people
    return Record(_filled(frames))


def _filled(frames: dict[int, list[PersonKeypoints]]) -> list[list[PersonKeypoints]]:
    """Frames from the first to the last, empty where nothing was written."""
    if not frames:
        return []
    return [frames.get(i, []) for i in range(min(frames), max(frames) + 1)]


# MMPose: {"meta_info": {"keypoint_id2name": ..}, "instance_info": [{"frame_id", "instances": ..}]}
# or the list alone


def _mmpose(path: Path) -> Record:
    content = json.loads(path.read_text())
    names = None
    if isinstance(content, dict):
        by_number = content.get("meta_info", {}).get("keypoint_id2name")
        if by_number:
            names = [by_number[str(i)] for i in range(len(by_number))]
    if not isinstance(content, list):
        (content,) = _values(path, content, "instance_info")
    frames: dict[int, list[PersonKeypoints]] = {}
    for i, frame in enumerate(content):
        (instances,) = _values(path, frame, "instances")
        people = frames.setdefault(int(frame.get("frame_id", i)), [])
        for one in instances:
            xy, scores = _values(path, one, "keypoints", "keypoint_scores")
            people.append(_seen(xy, scores, one.get("track_id")))
    return Record(_filled(frames), names)


# rtmlib: what its solutions return, stacked over frames


def _is_rtmlib(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        read_npz(path, ("keypoints", "scores"))
    except ValueError:
        return False
    return True


def _rtmlib(path: Path) -> Record:
    data = read_npz(path, ("keypoints", "scores"), optional=("fps", "size"))
    xy, scores = data["keypoints"], data["scores"]
    if xy.ndim != 4 or xy.shape[-1] != 2 or scores.shape != xy.shape[:-1]:
        raise ValueError(
            f"{path}: expected keypoints (t, n, k, 2) and scores (t, n, k), got {xy.shape} and "
            f"{scores.shape}."
        )
    frames = [
        [_seen(*one) for one in zip(x, s, strict=True)] for x, s in zip(xy, scores, strict=True)
    ]
    return Record(frames, None, *_told(data))


# Sports2D: <video>_px_person<nn>.trc, OpenSim's table of markers with pixels instead of metres


def _trc(path: Path) -> Record:
    files = [path]
    if path.is_dir():
        files = _within(path, ".trc")
        files = [file for file in files if "_px_" in file.name.lower()] or files
    tables = [_table(file) for file in files]
    names, times = tables[0][0], tables[0][1]
    if any(other != names or len(at) != len(times) for other, at, _ in tables):
        raise ValueError(f"{path}: the people have different joints or numbers of frames.")
    frames: list[list[PersonKeypoints]] = [[] for _ in times]
    for file, (_, _, places) in zip(files, tables, strict=True):
        there = np.isfinite(places).all(axis=-1) & (places != 0).any(axis=-1)
        for frame, seen in enumerate(there):
            if seen.any():
                frames[frame].append(_seen(places[frame], seen.astype(float), file.stem))
    return Record(frames, names, _rate(times), None, [time - times[0] for time in times])


def _table(file: Path) -> tuple[list[str], list[float], np.ndarray]:
    """Joint names, times, and (t, k, 2) pixels of a .trc."""
    lines = file.read_text().splitlines()
    names = lines[3].rstrip("\t").split("\t")[2::3]
    rows = []
    for line in lines[5:]:
        if line.strip():
            cells = [float(cell) if cell.strip() else np.nan for cell in line.split("\t")]
            cells += [np.nan] * (2 + 3 * len(names) - len(cells))
            rows.append(cells[: 2 + 3 * len(names)])
    numbers = np.array(rows)
    return names, numbers[:, 1].tolist(), numbers[:, 2:].reshape(len(rows), -1, 3)[..., :2]
