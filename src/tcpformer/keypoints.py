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

from .files import read_npz
from .motion import Motion2D, load_keypoints
from .people import Film, Seen, gather, known
from .skeleton import KNOWN, canonical

SUFFIXES = (".npz", ".json", ".trc")
_JOINTS = {joint for skeleton in KNOWN for joint in skeleton.joints}


@dataclass(frozen=True)
class Record:
    """What a file says.

    Attributes:
        frames: For each frame, the people in it, with all joints of the file.
        names: Of the joints; None where the file does not tell.
        fps: Frames per second, where the file tells.
        size: Width and height, where the file tells.
        times: Seconds of each frame, where the file tells.
    """

    frames: list[list[Seen]]
    names: Sequence[str] | None = None
    fps: float | None = None
    size: tuple[int, int] | None = None
    times: Sequence[float] | None = None


def read_people(
    path: str | Path,
    *,
    person: str | int = "all",
    fps: float | None = None,
    size: tuple[int, int] | None = None,
) -> list[Motion2D]:
    """Read everybody's 2D keypoints.

    Args:
        path: An .npz of `load_keypoints`; an .npz with ``keypoints`` (t, n, k, 2) and ``scores``
            (t, n, k), as rtmlib gives them, NaN or score 0 where there are fewer people; a folder
            of OpenPose's *_keypoints.json, one a frame; MMPose's .json of predictions; a .trc in
            pixels of Sports2D, or its folder, one file a person.
        person: Whom: "all", "largest", "longest" or a number, as in `choose`.
        fps: Frames per second, where the file does not tell.
        size: Width and height of the pictures, where the file does not tell.

    Returns:
        One motion a person. Whoever has a number or a file of their own in the source is one
        person; the others are told apart by where they go.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If it is none of these, or fps or size are missing.
    """
    path = Path(path)
    if path.suffix == ".npz" and not _is_rtmlib(path):
        return [load_keypoints(path)]
    if not path.exists():
        raise FileNotFoundError(f"no such file or folder: {path}")
    try:
        record = _reader(path)(path)
    except (KeyError, IndexError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path}: not as OpenPose, MMPose, rtmlib or Sports2D write it ({error!r})."
        ) from error
    fps, size = fps or record.fps, size or record.size
    if not fps or not size or not record.frames:
        raise ValueError(
            f"{path} holds {len(record.frames)} frames, size {size} and {fps} frames per second; "
            "say what is missing with --fps and --size WIDTH HEIGHT, or give the --video."
        )
    count = max((len(seen.joints) for people in record.frames for seen in people), default=0)
    named = [i for i, n in enumerate(record.names or ()) if canonical(n) in _JOINTS]
    names = None if record.names is None else [record.names[i] for i in named]
    skeleton, order = known(names, count)
    columns = [named[i] for i in order] if named else list(order)
    frames = [[Seen(seen.joints[columns], seen.name) for seen in f] for f in record.frames]
    times = record.times or (np.arange(len(frames)) / fps).tolist()
    return gather(frames, skeleton, Film(size, fps, times), person)


def _reader(path: Path) -> Callable[[Path], Record]:
    if path.is_dir():
        found = sorted({file.suffix for file in path.iterdir()} & {".json", ".trc"})
        if len(found) != 1:
            raise ValueError(
                f"{path} should hold either OpenPose's .json, one a frame, or Sports2D's .trc, one "
                f"a person; found {found or 'neither'}."
            )
        return _openpose if found == [".json"] else _trc
    readers = {".json": _mmpose, ".trc": _trc, ".npz": _rtmlib}
    if path.suffix not in readers:
        raise ValueError(f"{path}: expected a folder or one of {SUFFIXES}, got {path.suffix!r}.")
    return readers[path.suffix]


def _seen(xy: Any, score: Any, name: object = None) -> Seen:
    """Somebody, with confidence 0 where the numbers are none."""
    xy = np.asarray(xy, dtype=np.float64)[:, :2]
    score = np.asarray(score, dtype=np.float64).reshape(len(xy))
    good = np.isfinite(xy).all(axis=1) & np.isfinite(score)
    joints = np.column_stack([np.where(good[:, None], xy, 0.0), np.where(good, score, 0.0)])
    return Seen(np.clip(joints, [-np.inf, -np.inf, 0.0], [np.inf, np.inf, 1.0]), _name(name))


def _name(number: object) -> str | None:
    """A number, perhaps in a list, as a name; -1 and nothing are none."""
    text = str(number).strip("[]")
    return None if number is None or text in ("-1", "") else text


# OpenPose: <name>_<frame>_keypoints.json, {"people": [{"pose_keypoints_2d": [x, y, c, ..]}]}


def _openpose(folder: Path) -> Record:
    frames: dict[int, list[Seen]] = {}
    for file in sorted(folder.glob("*.json")):
        numbers = re.findall(r"\d+", file.stem.removesuffix("_keypoints"))
        if not numbers:
            raise ValueError(f"{file}: expected the number of the frame in the name.")
        people = []
        for entry in json.loads(file.read_text())["people"]:
            flat = np.array(entry["pose_keypoints_2d"], dtype=np.float64).reshape(-1, 3)
            if len(flat):
                people.append(_seen(flat[:, :2], flat[:, 2], entry.get("person_id")))
        frames[int(numbers[-1])] = people
    return Record(_filled(frames))


def _filled(frames: dict[int, list[Seen]]) -> list[list[Seen]]:
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
        content = content["instance_info"]
    frames = {}
    for i, frame in enumerate(content):
        frames[int(frame.get("frame_id", i))] = [
            _seen(one["keypoints"], one["keypoint_scores"], one.get("track_id"))
            for one in frame["instances"]
        ]
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
    size = (int(data["size"][0]), int(data["size"][1])) if "size" in data else None
    return Record(frames, None, float(data["fps"]) if "fps" in data else None, size)


# Sports2D: <video>_px_person<nn>.trc, OpenSim's table of markers with pixels instead of metres


def _trc(path: Path) -> Record:
    files = sorted(path.glob("*.trc")) if path.is_dir() else [path]
    if len(files) > 1 or path.is_dir():
        files = [file for file in files if "_px_" in file.name] or files
    tables = [_table(file) for file in files]
    names, times = tables[0][0], tables[0][1]
    if any(other != names or len(at) != len(times) for other, at, _ in tables):
        raise ValueError(f"{path}: the people have different joints or numbers of frames.")
    frames: list[list[Seen]] = [[] for _ in times]
    for file, (_, _, places) in zip(files, tables, strict=True):
        there = np.isfinite(places).all(axis=-1) & (places != 0).any(axis=-1)
        for frame, seen in enumerate(there):
            if seen.any():
                frames[frame].append(_seen(places[frame], seen.astype(float), file.stem))
    fps = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else None
    return Record(frames, names, fps, None, [time - times[0] for time in times])


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
