"""Frame numbers: of which frame of the video each file, picture or row is.

Names of files are compared: the number in which they differ counts the frames, or is a time stamp.
What could be read in two ways is refused with what was found.
"""

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np

log = logging.getLogger(__name__)
Content = TypeVar("Content")

_STAMP_UNITS = {1e12: 1e-3, 1e15: 1e-6, 1e18: 1e-9}
"""Lowest number since 1970 in a unit that is taken for a time stamp, and the unit in seconds."""
_STAMP_RANGE = 4.2
"""A time stamp is at most this many times the lowest: the year 2103."""


@dataclass(frozen=True)
class NumberLimits:
    """Where numbers stop to be those of frames. All values are choices."""

    min_gap: int = 1000
    """Frames that may be missing in one place, however few files there are."""
    gap_per_file: int = 10
    """Frames that may be missing in one place, for each file."""
    max_first: int = 1_000_000
    """Number of a first frame from which on frames count from there: 9 hours at 30 a second."""
    max_step: int = 8
    """Usual distance of numbers from which on they may be milliseconds."""
    rate_tolerance: float = 0.01
    """Relative difference to the rate given at which milliseconds are recognized; that of times."""
    rates: tuple[float, float] = (1.0, 1000.0)
    """Files per second that time stamps may show."""


LIMITS = NumberLimits()


@dataclass(frozen=True)
class FrameNumbers:
    """Where each of some names, in their order, is in the video."""

    index: tuple[int, ...]
    """Its place among the frames from the first to the last one, with those that are missing."""
    first: int = 0
    """Frames of the video before the first one."""
    times: tuple[float, ...] = ()
    """Seconds of each frame since the first one, where names are time stamps."""

    def fill(self, people: Sequence[Sequence[Content]]) -> list[list[Content]]:
        """Return the people of all frames, given those of each name."""
        frames: list[list[Content]] = [[] for _ in range(max(self.index, default=-1) + 1)]
        for index, these in zip(self.index, people, strict=True):
            frames[index] += these
        return frames


def number_names(
    names: Sequence[str], place: Path, *, fps: float | None = None, zero: int | None = None
) -> FrameNumbers:
    """Find the number in which names differ, and what it counts.

    Args:
        names: Different names, one a frame.
        place: File or folder of the names, for errors.
        fps: Frames per second as the user gives them; numbers may be milliseconds at that rate.
        zero: Number of the first frame of a video; by default 1 if the lowest is 1, else 0; and 0
            in names of OpenPose with twelve digits, which are those of videos.

    Raises:
        ValueError: If there is no such number, or names share it, or it leaves gaps larger than
            `LIMITS` allow.
    """
    if not names:
        return FrameNumbers(())
    column = _differing_column(names, place)
    digits = [_numbers(name)[column] for name in names]
    values = [int(text) for text in digits]
    if twice := [value for value, count in Counter(values).items() if count > 1]:
        first, second = [n for n, v in zip(names, values, strict=True) if v == twice[0]][:2]
        raise ValueError(
            f"{place}: expected one name a frame, but {first} and {second} are both number "
            f"{twice[0]}; keep one clip in a folder."
        )
    if (unit := _stamp_unit(values, place, fps)) is not None:
        return _from_stamps(values, unit)
    if zero is None and {len(text) for text in digits} == {12}:
        zero = 0
    return number_ids(values, place, zero=zero, what="numbers in the names")


def number_ids(
    values: Sequence[int], place: Path, *, zero: int | None = None, what: str = "frame numbers"
) -> FrameNumbers:
    """Return where numbers of frames, in any order and perhaps repeated, are in the video.

    Args:
        values: The numbers.
        place: File or folder of the numbers, for errors.
        zero: Number of the first frame of a video; by default 1 if the lowest is 1, else 0.
        what: The numbers in words, for errors.

    Raises:
        ValueError: If a number is negative, or a gap larger than `LIMITS` allow.
    """
    if not values:
        return FrameNumbers(())
    lowest, different = min(values), sorted(set(values))
    if lowest < 0:
        raise ValueError(f"{place}: expected {what} from 0 on, got {lowest}.")
    allowed = max(LIMITS.min_gap, LIMITS.gap_per_file * len(different))
    for before, after in pairwise(different):
        if after - before > allowed:
            raise ValueError(
                f"{place}: after {before}, the next of {what} is {after}, but there are "
                f"{len(different)} in all; expected numbers of frames with at most {allowed} "
                "missing in one place: split the clip there, or number its frames."
            )
    missing = different[-1] - lowest + 1 - len(different)
    if missing > allowed:
        raise ValueError(
            f"{place}: of {what} from {lowest} to {different[-1]}, {missing} are missing; expected "
            f"at most {allowed} where there are {len(different)}: number the frames one by one."
        )
    first = lowest - ((lowest == 1) if zero is None else min(zero, lowest))
    if first > LIMITS.max_first:
        log.info("%s: frames are counted from number %d", place, lowest)
        first = 0
    return FrameNumbers(tuple(value - lowest for value in values), int(first))


def _numbers(name: str) -> list[str]:
    return re.findall(r"\d+", name)


def _differing_column(names: Sequence[str], place: Path) -> int:
    """Return which number of the names counts the frames."""
    texts = [re.split(r"\d+", name) for name in names]
    for name, text in zip(names, texts, strict=True):
        if len(text) == 1:
            raise ValueError(f"{place}: expected the number of the frame in the name {name}.")
        if text != texts[0]:
            raise ValueError(
                f"{place}: expected names that differ only in the number of the frame, found "
                f"{names[0]} and {name}; keep one clip in a folder."
            )
    columns = [[int(x) for x in column] for column in zip(*map(_numbers, names), strict=True)]
    varying = [i for i, column in enumerate(columns) if len(set(column)) > 1]
    if len(varying) < 2:
        return varying[0] if varying else len(columns) - 1
    counting = [i for i in varying if _counts(columns[i], [columns[j] for j in varying])]
    if len(counting) != 1:
        raise ValueError(
            f"{place}: expected names that differ in one number, but {names[0]} and {names[-1]} "
            f"differ in {len(varying)}; rename the files by the number of the frame."
        )
    return counting[0]


def _counts(column: Sequence[int], others: Sequence[Sequence[int]]) -> bool:
    """Check that a number differs everywhere, has no large gap, and that others grow with it."""
    order = sorted(range(len(column)), key=column.__getitem__)
    pairs = list(pairwise(order))
    dense = all(0 < column[after] - column[before] <= LIMITS.max_step for before, after in pairs)
    return dense and all(
        other[before] <= other[after] for other in others for before, after in pairs
    )


def _stamp_unit(values: Sequence[int], place: Path, fps: float | None) -> float | None:
    """Return the seconds of a unit of numbers that are time stamps; None if they count frames."""
    ordered = sorted(values)
    steps = np.diff(np.array(ordered, dtype=float))
    if not len(steps):
        return None
    usual = float(np.sort(steps)[(len(steps) - 1) // 2])
    for low, unit in _STAMP_UNITS.items():
        if low <= ordered[0] and ordered[-1] <= _STAMP_RANGE * low and usual > 1:
            rate = 1 / (usual * unit)
            if not LIMITS.rates[0] <= rate <= LIMITS.rates[1]:
                raise ValueError(
                    f"{place}: the names look like time stamps, {ordered[0]} and {ordered[1]}, but "
                    f"show {rate:.3g} frames a second; rename the files by the number of the frame."
                )
            return unit
    if not LIMITS.max_step <= usual <= 1000 / LIMITS.rates[0]:
        return None
    if fps is not None and abs(1000 / steps.mean() / fps - 1) <= LIMITS.rate_tolerance:
        log.info("%s: the names are read as milliseconds, at %g frames a second", place, fps)
        return 1e-3
    raise ValueError(
        f"{place}: the numbers in the names grow by {usual:g} a file ({ordered[0]}, {ordered[1]}, "
        "...), so they may be milliseconds or every n-th frame; rename the files by the "
        "number of the frame, or give as --fps the rate that the milliseconds show "
        f"({1000 / steps.mean():.3g})."
    )


def _from_stamps(values: Sequence[int], unit: float) -> FrameNumbers:
    ordered = sorted(values)
    place = {value: i for i, value in enumerate(ordered)}
    times = tuple((value - ordered[0]) * unit for value in ordered)
    return FrameNumbers(tuple(place[value] for value in values), times=times)
