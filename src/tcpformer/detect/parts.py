"""A long video seen in parts that overlap, and joined before it is decided who is who.

Each part is seen from some seconds before its first frame to some seconds after its last one; in
the middle of what two parts share, one gives way to the next. Tracks are the same person where they
agree in the frames that both have. Searches begin at frames at which that of the whole searches
too, so they mostly look at the same frames.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from ..detections import Detections
from ..skeleton import identify
from ..tracking.tracker import Detection, Track, detection_from_keypoints, keypoint_similarity
from .bridge import DEFAULT_LOOKS, stride
from .one_pass import FollowedPeople
from .search import DEFAULT_SEARCH

OVERLAP_S = 5.0
"""Seconds that are seen before the first frame and after the last one that a part gives."""
SAME_SIMILARITY = 0.85
"""Keypoint similarity above which rows of two parts show the same person."""
COMPARED = 60
"""Frames in which two parts are compared, at most."""


@dataclass(frozen=True)
class Part:
    """A part of a video."""

    own: range
    """Frames that it gives."""
    seen: range
    """Frames that are looked at for it."""


def plan_parts(
    times: Float[np.ndarray, " t"], fps: float, seconds: float, overlap: float = OVERLAP_S
) -> list[Part]:
    """Return parts of equal length, at most ``seconds``, of a video whose frames are at ``times``.

    Args:
        times: Of all frames.
        fps: Frames per second.
        seconds: That a part gives, at most.
        overlap: Seconds that a part sees more, on both sides.
    """
    count = max(1, math.ceil((times[-1] - times[0] + 1 / fps) / seconds - 1e-9))
    edges = [round(len(times) * k / count) for k in range(count + 1)]
    every = math.lcm(2 * max(1, round(fps / DEFAULT_SEARCH.sure_rate)), stride(fps, DEFAULT_LOOKS))
    more = round(overlap * fps)
    return [
        Part(range(a, b), range(max(0, a - more) // every * every, min(len(times), b + more)))
        for a, b in pairwise(edges)
        if a < b
    ]


def join_parts(parts: Sequence[Part], seen: Sequence[FollowedPeople]) -> FollowedPeople:
    """Join what was seen in all parts of a video, as if it had been seen as a whole.

    Raises:
        ValueError: If a part has not the frames that were planned.
    """
    for number, (part, each) in enumerate(zip(parts, seen, strict=True), 1):
        if len(each.found.times) != len(part.seen):
            raise ValueError(
                f"part {number} of {len(parts)}: expected {len(part.seen)} frames, got "
                f"{len(each.found.times)}; lift the video without --split."
            )
    numbers = _number_tracks(parts, seen)
    tracks: dict[int, list[Detection]] = defaultdict(list)
    for part, each, number in zip(parts, seen, numbers, strict=True):
        for local, track in each.tracks.items():
            tracks[number[local]] += _cut(track, part)
    found = _join_rows(parts, seen, numbers)
    return FollowedPeople(
        found, {n: Track(tuple(each)) for n, each in sorted(tracks.items()) if each}
    )


def _cut(track: Track, part: Part) -> Iterator[Detection]:
    """Yield the detections of a track in the own frames of its part, in frames of the video."""
    for detection in track.detections:
        frame = detection.frame + part.seen.start
        if frame in part.own:
            yield replace(detection, frame=frame)


def _join_rows(
    parts: Sequence[Part], seen: Sequence[FollowedPeople], numbers: Sequence[Mapping[int, int]]
) -> Detections:
    frames = [each.found.frame + part.seen.start for part, each in zip(parts, seen, strict=True)]
    keep = [
        (frame >= part.own.start) & (frame < part.own.stop)
        for part, frame in zip(parts, frames, strict=True)
    ]
    first = next((each.found for each in seen if len(each.found)), seen[0].found)
    rows = [
        (each.found.xy[kept], each.found.confidence[kept], frame[kept])
        for each, kept, frame in zip(seen, keep, frames, strict=True)
        if kept.any()
    ] or [(first.xy[:0], first.confidence[:0], first.frame[:0])]
    xy, confidence, frame = (np.concatenate(column) for column in zip(*rows, strict=True))
    own = [
        slice(part.own.start - part.seen.start, part.own.stop - part.seen.start) for part in parts
    ]
    ids: list[str | None] = []
    for each, kept, number in zip(seen, keep, numbers, strict=True):
        names = each.found.ids or (None,) * len(each.found)
        ids += [_renumber(names[row], number) for row in np.flatnonzero(kept)]
    return replace(
        first,
        xy=xy,
        confidence=confidence,
        frame=frame,
        times=np.concatenate([s.found.times[own[i]] for i, s in enumerate(seen)]),
        ids=None if first.ids is None else tuple(ids),
    )


def _renumber(name: str | None, number: Mapping[int, int]) -> str | None:
    return name if name is None or not number else str(number[int(name)])


def _number_tracks(parts: Sequence[Part], seen: Sequence[FollowedPeople]) -> list[dict[int, int]]:
    """Return for each part the number in the whole video of each of its tracks."""
    numbers: list[dict[int, int]] = []
    count = 0
    for i, each in enumerate(seen):
        same = _same_tracks(parts[i - 1 : i + 1], seen[i - 1 : i + 1]) if i else {}
        numbers.append({})
        for local in each.tracks:
            if local in same:
                numbers[i][local] = numbers[i - 1][same[local]]
            else:
                numbers[i][local], count = count, count + 1
    return numbers


def _same_tracks(parts: Sequence[Part], seen: Sequence[FollowedPeople]) -> dict[int, int]:
    """Return the tracks of the second of two parts that are tracks of the first one."""
    if not all(each.tracks for each in seen):
        return {}
    shared = range(parts[1].seen.start, parts[0].seen.stop)
    shared = shared[:: max(1, len(shared) // COMPARED)]
    agree, together = Counter[tuple[int, int]](), Counter[tuple[int, int]]()
    for frame in shared:
        before, after = (
            _people_in(each.found, frame - part.seen.start)
            for part, each in zip(parts, seen, strict=True)
        )
        for a, one in before.items():
            for b, other in after.items():
                together[a, b] += 1
                agree[a, b] += (keypoint_similarity(one, other) or 0.0) > SAME_SIMILARITY
    firsts, seconds = (sorted({pair[side] for pair in together}) for side in (0, 1))
    votes = np.array([[agree[a, b] for b in seconds] for a in firsts]).reshape(len(firsts), -1)
    pairs = [(firsts[i], seconds[j]) for i, j in zip(*linear_sum_assignment(-votes), strict=True)]
    return {b: a for a, b in pairs if 2 * agree[a, b] > together[a, b]}


def _people_in(found: Detections, frame: int) -> dict[int, Detection]:
    """Return the people in a frame, by the number of the track."""
    first, last = np.searchsorted(found.frame, [frame, frame + 1])
    assert found.ids is not None
    people = {}
    for row in range(int(first), int(last)):
        joints = np.column_stack([found.xy[row], found.confidence[row]])
        made = detection_from_keypoints(joints, found.skeleton, frame, float(found.times[frame]))
        if made is not None:
            people[int(str(found.ids[row]))] = made
    return people


NUMBERS = ("xy", "confidence", "frame", "times", "size", "fps", "focal", "tracked", "track_rows",
           "track_joints", "track_appearance")  # fmt: skip
"""Keys of `seen_to_arrays` that hold numbers, NaN where something is unknown."""
TEXTS = ("joints", "ids")
"""Those that hold texts."""


def seen_to_arrays(seen: FollowedPeople) -> dict[str, np.ndarray]:
    """Return what was seen as arrays for a file; `seen_from_arrays` reads them."""
    found = seen.found
    rows = [(n, d) for n, track in seen.tracks.items() for d in track.detections]
    columns = [(n, d.frame, d.time, *d.center, *d.scale_point, d.score) for n, d in rows]
    focal = np.nan if found.focal is None else found.focal
    return {
        "xy": found.xy,
        "confidence": found.confidence,
        "frame": found.frame,
        "times": found.times,
        "size": np.array(found.size),
        "fps": np.array(found.fps),
        "focal": np.array(focal),
        "tracked": np.array([found.tracked, found.ids is not None]),
        "joints": np.array(found.skeleton.joints),
        "ids": np.array(["" if name is None else name for name in found.ids or ()], dtype="U"),
        "track_rows": np.array(columns, dtype=np.float64).reshape(-1, 8),
        "track_joints": _stack([d.joints for _, d in rows]),
        "track_appearance": _stack([d.appearance for _, d in rows]),
    }


def _stack(arrays: Sequence[np.ndarray | None]) -> np.ndarray:
    """Return arrays of one shape as one; NaN for None."""
    shape = next((each.shape for each in arrays if each is not None), (0,))
    stacked = np.full((len(arrays), *shape), np.nan)
    for i, each in enumerate(arrays):
        if each is not None:
            stacked[i] = each
    return stacked


def seen_from_arrays(data: Mapping[str, np.ndarray]) -> FollowedPeople:
    """Return what `seen_to_arrays` wrote.

    Raises:
        ValueError: If that is not what the arrays hold.
    """
    skeleton, order = identify(data["joints"].tolist())
    if list(order) != list(range(len(skeleton.joints))):
        raise ValueError(f"expected the joints in the order of {skeleton.name}.")
    tracked, named = data["tracked"].tolist()
    found = Detections(
        xy=data["xy"],
        confidence=data["confidence"],
        frame=data["frame"],
        times=data["times"],
        size=(int(data["size"][0]), int(data["size"][1])),
        fps=float(data["fps"]),
        skeleton=skeleton,
        ids=tuple(name or None for name in data["ids"].tolist()) if named else None,
        tracked=bool(tracked),
        focal=None if np.isnan(data["focal"]) else float(data["focal"]),
    )
    tracks: dict[int, list[Detection]] = defaultdict(list)
    more: list[Any] = [map(_known, data[key]) for key in ("track_joints", "track_appearance")]
    for row, joints, appearance in zip(data["track_rows"].tolist(), *more, strict=True):
        number, frame, time, x, y, up_x, up_y, score = row
        at = (x, y), (up_x, up_y)
        tracks[int(number)].append(Detection(int(frame), time, *at, score, joints, appearance))
    return FollowedPeople(found, {number: Track(tuple(each)) for number, each in tracks.items()})


def _known(array: np.ndarray) -> np.ndarray | None:
    return None if not array.size or np.isnan(array).all() else array
