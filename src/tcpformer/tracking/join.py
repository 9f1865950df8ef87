"""Tracks of a foreign tracker that are one path under several ids, joined where that is clear.

A run is a part of a track without a missing frame. A link leads from the end of a run to the start
of a later one of another track. Axis legend: ``s`` starts of runs.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise, takewhile

import numpy as np
from jaxtyping import Float

from .tracker import (
    Detection,
    Track,
    TrackerConfig,
    distance,
    hellinger,
    keypoint_similarity,
    predict,
)

Link = tuple[int, int]
"""Indices of a run, and of the run that continues it."""


@dataclass(frozen=True)
class JoinConfig:
    """When two tracks are one person. All values are choices; distances are in radii of a body."""

    max_gap_s: float = 0.5
    """Seconds between the end of one and the start of the other."""
    gate: float = 0.25
    """Distance of a detection from where the other track leads, however short the gap."""
    drift: float = 1.0
    """Radii by which that grows for each second of the gap."""
    max_growth: float = float(np.log(1.4))
    """Largest change of the logarithm of the radius."""
    min_similarity: float = 0.5
    """Least keypoint similarity of the postures at both ends, moved to one place."""
    max_clothes: float = 0.3
    """Largest Hellinger distance of the clothes, where they are known."""
    margin: float = 0.3
    """How much farther off every rival must be."""


JOIN = JoinConfig()
_LATEST = TrackerConfig(velocity_window_s=0.2)
"""Keypoints of every frame show a velocity sooner than detections four times a second."""


@dataclass(frozen=True)
class _Run:
    track: int
    detections: Sequence[Detection]

    @property
    def first(self) -> Detection:
        return self.detections[0]

    @property
    def last(self) -> Detection:
        return self.detections[-1]

    def overlaps(self, other: "_Run") -> bool:
        return self.first.frame <= other.last.frame and other.first.frame <= self.last.frame


def join_tracks(tracks: Sequence[Track], config: JoinConfig = JOIN) -> list[list[int]]:
    """Group the tracks that are one person's, by index.

    A run continues another one if each lies where the other leads, at its size and in its posture,
    and no rival is nearly as near: a run at the same time as one of the two. Tracks are joined if
    they share no frame, and wherever one follows the other within a short time, it continues it.
    """
    runs = list(_split(tracks))
    links = _clear_links(runs, config)
    groups = {i: [i] for i in range(len(tracks))}
    mine: dict[int, list[_Run]] = defaultdict(list)
    for run in runs:
        mine[run.track].append(run)
    firm = {(id(runs[a]), id(runs[b])) for a, b in links}
    for a, b in sorted(links, key=lambda link: runs[link[0]].last.frame):
        one, other = groups[runs[a].track], groups[runs[b].track]
        parts = list(chain.from_iterable(mine[track] for track in {*one, *other}))
        if one is not other and _is_one_path(parts, firm, config):
            one += other
            groups.update(dict.fromkeys(other, one))
    return [sorted(group) for i, group in groups.items() if i == group[0]]


def _split(tracks: Sequence[Track]) -> Iterator[_Run]:
    """Yield the runs of tracks, whose detections may be those of every n-th frame."""
    frames = [np.array([d.frame for d in track.detections]) for track in tracks]
    steps = np.concatenate([np.zeros(0, int), *map(np.diff, frames)])
    usual = int(np.median(steps)) if len(steps) else 1
    for i, (track, numbers) in enumerate(zip(tracks, frames, strict=True)):
        ends = [0, *(np.flatnonzero(np.diff(numbers) > usual) + 1).tolist(), len(numbers)]
        for start, stop in pairwise(ends):
            yield _Run(i, track.detections[start:stop])


def _clear_links(runs: Sequence[_Run], config: JoinConfig) -> list[Link]:
    """Return the links between runs of different tracks that have no rival."""
    offsets = _offsets(runs, config)
    by_run: dict[tuple[str, int], list[Link]] = defaultdict(list)
    for a, b in offsets:
        by_run["before", a].append((a, b))
        by_run["after", b].append((a, b))

    def is_clear(link: Link) -> bool:
        a, b = link
        rivals = [other for _, other in by_run["before", a] if runs[other].overlaps(runs[b])]
        limit = offsets[link] + config.margin
        if any(offsets[a, rival] < limit for rival in rivals if rival != b):
            return False
        rivals = [other for other, _ in by_run["after", b] if runs[other].overlaps(runs[a])]
        return all(offsets[rival, b] >= limit for rival in rivals if rival != a)

    different = [(a, b) for a, b in offsets if runs[a].track != runs[b].track]
    return [
        (a, b)
        for a, b in different
        if _agree(runs[a], runs[b], offsets[a, b], config) and is_clear((a, b))
    ]


def _offsets(runs: Sequence[_Run], config: JoinConfig) -> dict[Link, float]:
    """Return how far off each run of a like size begins that starts soon after the end of another.

    It is the larger distance, in radii, of the two ends from where the other run leads.
    """
    order = sorted(range(len(runs)), key=lambda i: runs[i].first.time)
    starts = [runs[i].first for i in order]
    times = np.array([start.time for start in starts])
    centers = np.array([start.center for start in starts]).reshape(-1, 2)
    radii = np.array([start.radius for start in starts])
    result = {}
    for a, run in enumerate(runs):
        low, high = np.searchsorted(
            times, [run.last.time, run.last.time + config.max_gap_s], side="right"
        )
        near = _near(run.last, times[low:high], centers[low:high], radii[low:high], config)
        for b in (order[low + int(i)] for i in near):
            result[a, b] = max(
                distance(predict(run.detections, runs[b].first.time, _LATEST), runs[b].first),
                distance(predict(_reverse(runs[b]), -run.last.time, _LATEST), run.last),
            )
    return result


def _near(
    end: Detection,
    times: Float[np.ndarray, " s"],
    centers: Float[np.ndarray, "s 2"],
    radii: Float[np.ndarray, " s"],
    config: JoinConfig,
) -> list[int]:
    """Return which starts of runs are within reach of an end, and of its size."""
    larger = np.maximum(radii, end.radius)
    smaller = np.maximum(np.minimum(radii, end.radius), 1e-9)
    speed = _LATEST.max_speed + config.drift
    reach = config.gate + config.margin + speed * (times - end.time)
    off = np.hypot(*(centers - end.center).T)
    fits = (off <= reach * larger) & (np.log(larger / smaller) <= config.max_growth)
    return np.flatnonzero(fits).tolist()


def _reverse(run: _Run) -> list[Detection]:
    """Return the first detections of a run in reversed time, as many as `predict` reads."""
    latest = run.first.time + _LATEST.velocity_window_s
    early = takewhile(lambda d: d.time <= latest, run.detections)
    return [replace(d, time=-d.time) for d in early][::-1]


def _agree(before: _Run, after: _Run, offset: float, config: JoinConfig) -> bool:
    """Return whether a run continues another in place, posture and clothes."""
    gap = after.first.time - before.last.time
    if offset > config.gate + config.drift * gap:
        return False
    posture = keypoint_similarity(_moved(before.last, after.first), after.first)
    if posture is not None and posture < config.min_similarity:
        return False
    one, other = before.last.appearance, after.first.appearance
    return one is None or other is None or hellinger(one, other) <= config.max_clothes


def _moved(detection: Detection, to: Detection) -> Detection:
    """Return a detection with its joints moved to the center of another."""
    if detection.joints is None:
        return detection
    away = [*np.subtract(to.center, detection.center).tolist(), 0.0]
    return replace(detection, joints=detection.joints + away)


def _is_one_path(runs: list[_Run], firm: set[tuple[int, int]], config: JoinConfig) -> bool:
    """Return whether runs share no frame, and those that follow each other soon are linked."""
    runs = sorted(runs, key=lambda run: run.first.frame)
    for before, after in pairwise(runs):
        if before.overlaps(after):
            return False
        soon = after.first.time - before.last.time <= config.max_gap_s
        linked = (id(before), id(after)) in firm
        if soon and before.track != after.track and not linked:
            return False
    return True
