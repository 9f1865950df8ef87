"""What the readers of 2D keypoints share: one file a format turns its content into `Detections`.

Frames are counted from the first one in the file. Joints go by their names where the file has
names, else by their count.
"""

import json
import logging
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..detections import MAX_ID, Detections
from ..motion import check_size_and_rate
from ..skeleton import KNOWN, canonical, match_skeleton
from .frame_numbers import FrameNumbers

log = logging.getLogger(__name__)

READABLE = (
    "what can be read: a folder of OpenPose's .json, one a frame; .json of MMPose, one a video or "
    "one a picture, of AlphaPose, COCO's results, COCO annotations and MediaPipe; a folder of YOLO "
    "pose's .txt; .csv and .h5 of SLEAP and DeepLabCut, and SLEAP's .slp; rtmlib's .npz of "
    "keypoints and scores; NumPy's .npy; Sports2D's .trc in pixels, or its folder; our own .npz "
    "(`tcpformer formats` shows each)"
)
MALFORMED = (
    *(KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError),
    *(UnicodeError, json.JSONDecodeError),
)
"""What a reader raises where a file is not as its program writes it."""
FPS_TOLERANCE = 0.01
"""Relative difference within which two frame rates count as one: files round them."""
_SHOWN_KEYS, _SHOWN_LENGTH = 8, 40
"""Keys of unknown JSON that an error shows, and their characters."""
_JOINT_NAMES = {joint for skeleton in KNOWN for joint in skeleton.joints}


@dataclass(frozen=True)
class RateAndSize:
    """Rate and size (width, height) as the user gives them; those of the file must agree."""

    fps: float | None = None
    size: tuple[int, int] | None = None
    fallback: tuple[float, tuple[int, int] | None] | None = None
    """Rate and size where neither the file nor the user has them, as of a video; without a size if
    it has pixels that are not square, and so two sizes."""

    def resolve(self, path: Path, fps: Any, size: Any) -> tuple[float, tuple[int, int]]:
        """Return rate and size: the file's (None if it has none), the user's, or the fallback.

        Raises:
            ValueError: If one is missing or not positive, or file and user contradict each other.
        """
        stored, user = {"fps": fps, "size": size}, {"fps": self.fps, "size": self.size}
        fallback = dict(zip(stored, self.fallback or (None, None), strict=True))
        for name, tolerance in (("fps", FPS_TOLERANCE), ("size", 0.0)):
            _check_agreement(path, name, stored[name], user[name], tolerance)
        found: dict[str, Any] = {
            name: next((x[name] for x in (stored, user, fallback) if x[name] is not None), None)
            for name in stored
        }
        missing = [name for name, value in found.items() if value is None]
        if missing:
            options = {"fps": "--fps", "size": "--size WIDTH HEIGHT"}
            if self.fallback is not None:
                raise ValueError(
                    f"{path} has no size, and the pixels of its video are not square: give the "
                    "--size in which the joints were found, mostly that of the pixels as stored."
                )
            raise ValueError(
                f"{path} has no {' and '.join(missing)}; give "
                f"{' and '.join(options[name] for name in missing)}, or the --video."
            )
        check_size_and_rate(found["size"], found["fps"])
        width, height = found["size"]
        return float(found["fps"]), (int(width), int(height))


def _check_agreement(path: Path, name: str, stored: Any, user: Any, tolerance: float) -> None:
    if stored is None or user is None:
        return
    same = np.shape(stored) == np.shape(user)
    if not same or not np.allclose(stored, user, rtol=tolerance, atol=0.0):
        file, option = (" x ".join(f"{x:g}" for x in np.ravel(each)) for each in (stored, user))
        raise ValueError(
            f"{path} has {name} {file}, but --{name} is {option}; leave that out, or correct the "
            "file."
        )


class PersonKeypoints(NamedTuple):
    """A person in a frame: x, y in pixels and confidence of the joints, and an id if known."""

    joints: Float[np.ndarray, "k 3"]
    id: str | None


@dataclass(frozen=True)
class KeypointRecord:
    """Content of a keypoint file, unchecked; None for what it does not have."""

    frames: list[list[PersonKeypoints]]
    """For each frame, the people in it, with all joints of the file."""
    names: Sequence[str] | None = None
    fps: Any = None
    size: Any = None
    times: Sequence[float] = field(default_factory=list)
    """Seconds of each frame since the first one of the video; by default even."""
    first: int | None = 0
    """Frames of the video before the first one here; None where only times show them."""

    @classmethod
    def numbered(
        cls,
        numbers: FrameNumbers,
        people: Sequence[Sequence[PersonKeypoints]],
        names: Sequence[str] | None = None,
        fps: Any = None,
    ) -> "KeypointRecord":
        """Return a record of the people of each number, with the frames between."""
        return cls(
            numbers.fill(people),
            names,
            fps=mean_rate(numbers.times) if numbers.times else fps,
            times=numbers.times,
            first=None if numbers.times else numbers.first,
        )

    def detections(self, path: Path, given: RateAndSize) -> Detections:
        """Return the known joints of all people; raise ValueError if there are none."""
        if not any(self.frames):
            raise ValueError(f"{path}: no one is in any of its {len(self.frames)} frames.")
        fps, size = given.resolve(path, self.fps, self.size)
        count = self._joint_count(path)
        known = [i for i, name in enumerate(self.names or ()) if canonical(name) in _JOINT_NAMES]
        names = None if self.names is None else [self.names[i] for i in known]
        skeleton, order = match_skeleton(names, count)
        columns = [known[i] for i in order] if known else list(order)
        return Detections.from_frames(
            [[person.joints[columns] for person in people] for people in self.frames],
            skeleton,
            times=self.times or self._even_times(fps),
            size=size,
            fps=fps,
            ids=self._ids(path),
            first=self.first,
        )

    def _even_times(self, fps: float) -> list[float]:
        return ((np.arange(len(self.frames)) + (self.first or 0)) / fps).tolist()

    def _ids(self, path: Path) -> list[list[str | None]]:
        """Return the identities, None where most frames give one to two people."""
        ids = [[person.id for person in people] for people in self.frames]
        named = [[name for name in frame if name is not None] for frame in ids]
        several = [frame for frame in named if len(frame) > 1]
        if 2 * sum(len(set(frame)) < len(frame) for frame in several) <= len(several):
            return ids
        log.info("%s: people share ids, which are left out; people are tracked", path)
        return [[None for _ in frame] for frame in ids]

    def _joint_count(self, path: Path) -> int:
        """Return the number of joints of each person; raise ValueError if they differ."""
        counts: dict[int, int] = {}
        for frame, people in enumerate(self.frames):
            for person in people:
                counts.setdefault(len(person.joints), frame)
        if len(counts) > 1:
            (one, first), (other, frame) = list(counts.items())[:2]
            raise ValueError(
                f"{path}: expected as many joints of every person, got {one} in frame {first} and "
                f"{other} in frame {frame}, counted from 0."
            )
        (count,) = counts
        if self.names is not None and len(self.names) != count:
            raise ValueError(f"{path}: {len(self.names)} joint names, but {count} joints.")
        return count


def person_keypoints(
    xy: Any, score: Any, number: object = None, place: str = "a person"
) -> PersonKeypoints:
    """Return a person with confidence 0 to 1, and 0 where a number is not finite.

    Args:
        xy: Pixels of the joints, further columns are left out.
        score: Confidence of each joint.
        number: Identity in the file, perhaps in a list; -1, an empty list and None are none.
        place: File and place, for errors.

    Raises:
        ValueError: If these are not numbers of these shapes, or the identity is something else.
    """
    try:
        xy = np.asarray(xy, dtype=np.float64)
        score = np.asarray(score, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        got = f"{reprlib.repr(xy)} and {reprlib.repr(score)}"
        raise ValueError(f"{place}: expected numbers, x and y and a score, got {got}.") from None
    if xy.ndim != 2 or xy.shape[1] < 2 or score.shape not in ((len(xy),), (len(xy), 1)):
        raise ValueError(
            f"{place}: expected x and y of each joint (k, 2) and a score (k,), got {xy.shape} and "
            f"{score.shape}."
        )
    xy, score = xy[:, :2], score.reshape(len(xy))
    good = np.isfinite(xy).all(axis=1) & np.isfinite(score)
    xy, score = np.where(good[:, None], xy, 0.0), np.where(good, score, 0.0).clip(0.0, 1.0)
    return PersonKeypoints(np.column_stack([xy, score]), _read_id(number, place))


def _read_id(number: object, place: str) -> str | None:
    if isinstance(number, list) and len(number) < 2:
        number = number[0] if number else None
    if number is None or number == -1:
        return None
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, Real | str) or len(text := str(number)) > MAX_ID:
        raise ValueError(
            f"{place}: expected a number or a short text as identity, got {reprlib.repr(number)}."
        )
    return text if text not in ("-1", "") else None


def get_values(path: Path | str, entry: Any, *keys: str) -> list[Any]:
    """Return the values of some keys of a JSON object; raise ValueError if one is missing."""
    if isinstance(entry, dict) and all(key in entry for key in keys):
        return [entry[key] for key in keys]
    found = (
        f"keys {[key[:_SHOWN_LENGTH] for key in list(entry)[:_SHOWN_KEYS]]}"
        if isinstance(entry, dict)
        else reprlib.repr(entry)
    )
    raise ValueError(f"{path}: expected keys {list(keys)}, found {found}; {READABLE}.")


def files_in(folder: Path, suffix: str) -> list[Path]:
    """Return the files of a folder with a suffix, in any case, in order of their names."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == suffix)


def stored_rate_and_size(data: Mapping[str, np.ndarray]) -> tuple[Any, Any]:
    """Return ``fps`` and ``size`` of an .npz, unchecked; None where it has none."""
    fps, size = (data[k].astype(float).tolist() if k in data else None for k in ("fps", "size"))
    return fps, size


def mean_rate(times: Sequence[float]) -> float | None:
    """Return the mean frames per second of some times; None if they do not show it."""
    span = times[-1] - times[0] if len(times) > 1 else 0.0
    return (len(times) - 1) / span if span > 0 else None
