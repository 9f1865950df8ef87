"""Tracking by detection: detections become tracks, tracks become numbered people.

A detection is a circle around a body, perhaps with joints and the colors of the clothes. Distances
are in radii of that circle, about a meter each: the same limits fit near and far, and any video.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment

from ..skeleton import Skeleton

Histogram = Float[np.ndarray, " c"]
"""Shares of colors of the clothes, of sum 1."""
Pairs = tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]
"""Indices into two sequences."""
MAIN_SHARE = 0.3
"""Presence of a main person, at least, over that of the most present one; others are bystanders."""
PAIRS_AT_ONCE = 10_000
"""Pairs that are compared at a time: each takes 2 kB."""


@dataclass(frozen=True)
class TrackerConfig:
    """Limits and costs of the tracker, tuned on the scenes of ``tests/tracking/test_scenes.py``."""

    min_separation: float = 0.3
    """Radii between the hips of two people; they are hardly ever closer."""
    gate: float = 0.75
    """Radii that a detection may be off its prediction, however short the time."""
    max_speed: float = 5.0
    """Radii by which the gate widens for each second unseen; about a jump from a roof."""
    max_gap_s: float = 2.0
    """Seconds that a track survives without a detection."""
    single_detection_s: float = 0.1
    """Seconds that one detection adds to the presence of a person."""
    max_growth: float = float(np.log(2.0))
    """Largest change of the logarithm of the radius between detections."""
    velocity_window_s: float = 0.7
    """Seconds of detections from which the velocity is fitted."""
    max_extrapolation_s: float = 1.0
    """Seconds for which that velocity is taken to go on."""
    overlap_cost: float = 0.3
    """Radii that no overlap at all costs."""
    posture_cost: float = 0.5
    """Radii that wholly different postures cost."""
    appearance_cost: float = 2.0
    """Radii that wholly different clothes cost."""
    joint_variance: float = 0.05
    """Variance of a joint's place, in radii squared, over which two postures still agree."""
    reid_max_absence_s: float = 30.0
    """Seconds after which a person who comes back is still recognized by the clothes."""
    reid_gate: float = 0.3
    """Largest Hellinger distance between the clothes of a person who left and came back."""
    reid_margin: float = 0.15
    """How much farther every other candidate must be."""


DEFAULT_TRACKER = TrackerConfig()


@dataclass(frozen=True)
class Detection:
    """One person in one frame."""

    frame: int
    """Index of the frame."""
    time: float
    """Seconds since the first frame."""
    center: tuple[float, float]
    """Middle of the hips, in pixels."""
    scale_point: tuple[float, float]
    """Point above the head, on the circle around the whole body, in pixels."""
    score: float
    """Probability that a person is there, 0 to 1."""
    joints: Float[np.ndarray, "k 3"] | None = field(default=None, compare=False, repr=False)
    """x, y in pixels and score of some joints, the same ones in all detections of a video."""
    appearance: Histogram | None = field(default=None, compare=False, repr=False)

    @property
    def radius(self) -> float:
        """Radius of the circle around the whole body, in pixels."""
        dx, dy = self.scale_point[0] - self.center[0], self.scale_point[1] - self.center[1]
        return float(np.hypot(dx, dy))


MIN_TRUNKS = 1.6  # radius of the body's circle, at least, in lengths of the trunk
JOINT_MARGIN = 1.05  # radius of the body's circle over the distance of its farthest joint
MIN_JOINT_SCORE = 0.2  # joints with a higher score define the circle


def detection_from_keypoints(
    joints: Float[np.ndarray, "k 3"], skeleton: Skeleton, frame: int, time: float
) -> Detection | None:
    """Return the circle around a body from its joints; None if its trunk is not seen.

    Joints are x, y in pixels and score; the skeleton has hips and shoulders on both sides.
    """
    trunk = skeleton.indices("LHip", "RHip", "LShoulder", "RShoulder")
    if joints[trunk, 2].max() <= MIN_JOINT_SCORE:
        return None
    left_hip, right_hip, left_shoulder, right_shoulder = joints[trunk, :2]
    hips = (left_hip + right_hip) / 2
    up = (left_shoulder + right_shoulder) / 2 - hips
    if (length := float(np.hypot(*up))) < 1e-6:
        return None
    sure = joints[joints[:, 2] > MIN_JOINT_SCORE]
    reach = float(np.hypot(*(sure[:, :2] - hips).T).max())
    x, y = (hips + up / length * max(JOINT_MARGIN * reach, MIN_TRUNKS * length)).tolist()
    score = float(np.clip(sure[:, 2].mean(), 0.0, 1.0))
    return Detection(frame, time, (float(hips[0]), float(hips[1])), (x, y), score, joints)


@dataclass(frozen=True)
class Track:
    """The detections of one person, in order of time, at least one."""

    detections: tuple[Detection, ...]

    @cached_property
    def _columns(self) -> tuple[Float[np.ndarray, " n"], ...]:
        """Times, x and y of the center and of the scale point, scores: read in every frame."""
        rows = [(d.time, *d.center, *d.scale_point, d.score) for d in self.detections]
        return tuple(np.ascontiguousarray(column) for column in np.array(rows, np.float64).T)

    @cached_property
    def appearance(self) -> Histogram | None:
        """Mean histogram of the clothes; None if no detection has one."""
        known = [d.appearance for d in self.detections if d.appearance is not None]
        return np.mean(known, axis=0) if known else None

    def nearest(self, time: float) -> Detection:
        """Return the detection nearest in time; of two equally near, the earlier."""
        after = int(np.searchsorted(self._columns[0], time))
        return min(self.detections[max(after - 1, 0) : after + 1], key=lambda d: abs(d.time - time))

    @property
    def size(self) -> float:
        """Median radius, in pixels."""
        return float(np.median([detection.radius for detection in self.detections]))

    @property
    def duration(self) -> float:
        """Seconds from the first to the last detection."""
        return self.detections[-1].time - self.detections[0].time

    def presence(self, single_s: float = DEFAULT_TRACKER.single_detection_s) -> float:
        """Integrate score times radius over time, with gaps; one detection lasts ``single_s``."""
        presence = np.array([d.score * d.radius for d in self.detections])
        times = np.array([d.time for d in self.detections])
        return float(np.trapezoid(presence, times) + single_s * presence.mean())

    def at(
        self, time: float, extend_s: float = 0.0, max_gap_s: float = DEFAULT_TRACKER.max_gap_s
    ) -> Detection | None:
        """Interpolate the place of the person linearly; return None outside the track.

        Args:
            time: Seconds since the first frame.
            extend_s: Seconds around the track for which the person is taken to stand still.
            max_gap_s: Seconds from the nearest detection at which the score has fallen to 0.
        """
        times, *numbers = self._columns
        if not times[0] - extend_s <= time <= times[-1] + extend_s:
            return None
        nearest = self.nearest(time)
        x, y, up_x, up_y, score = (float(np.interp(time, times, column)) for column in numbers)
        trust = max(0.0, 1 - abs(nearest.time - time) / max_gap_s)
        return Detection(nearest.frame, time, (x, y), (up_x, up_y), score * trust)


class ActiveTrack:
    """A track that still grows, at a cost a detection that does not depend on its length."""

    def __init__(self, first: Detection) -> None:
        self.detections = [first]
        self._sum, self._count = first.appearance, int(first.appearance is not None)

    def add(self, detection: Detection) -> None:
        """Append a later detection."""
        self.detections.append(detection)
        if detection.appearance is not None:
            new = detection.appearance
            self._sum = new if self._sum is None else self._sum + new
            self._count += 1

    @property
    def appearance(self) -> Histogram | None:
        """Mean histogram of the clothes; None if no detection has one."""
        return None if self._sum is None else self._sum / self._count


AnyTrack = Track | ActiveTrack


def link(
    frames: Iterable[Sequence[Detection]], config: TrackerConfig = DEFAULT_TRACKER
) -> list[Track]:
    """Join the detections of frame after frame into tracks.

    The detections of a frame are assigned to the tracks at the lowest sum of costs: distance from
    the predicted place, change of size, posture and clothes. Those left over start new tracks.
    Tracks that end are then continued by later ones of the same clothes.
    """
    tracks, alive = list[ActiveTrack](), list[ActiveTrack]()
    for people in frames:
        if not people:
            continue
        time = people[0].time
        alive = [track for track in alive if time - track.detections[-1].time <= config.max_gap_s]
        free = dict(enumerate(people))
        for row, column in match(alive, people, config):
            alive[row].add(free.pop(column))
        started = [ActiveTrack(person) for person in free.values()]
        alive, tracks = alive + started, tracks + started
    return reidentify([Track(tuple(track.detections)) for track in tracks], config)


def reidentify(tracks: Sequence[Track], config: TrackerConfig = DEFAULT_TRACKER) -> list[Track]:
    """Join tracks of a person who left and came back, if only their clothes agree."""
    result = sorted(tracks, key=lambda track: track.detections[0].frame)
    cost = _return_costs(result, result, config)
    while (pair := _clearest_return(cost, config)) is not None:
        joined = Track(result[pair[0]].detections + result[pair[1]].detections)
        rest = [i for i in range(len(result)) if i not in pair]
        result = [*(result[i] for i in rest), joined]
        # Only the costs of the joined track are new.
        cost = np.pad(cost[np.ix_(rest, rest)], (0, 1))
        cost[-1] = _return_costs([joined], result, config)[0]
        cost[:, -1] = _return_costs(result, [joined], config)[:, 0]
        order = sorted(range(len(result)), key=lambda i: result[i].detections[0].frame)
        result, cost = [result[i] for i in order], cost[np.ix_(order, order)]
    return result


def _clearest_return(
    cost: Float[np.ndarray, "n n"], config: TrackerConfig
) -> tuple[int, int] | None:
    """Return the two tracks that agree most, if no third one agrees with either nearly as well."""
    clear = cost + config.reid_margin <= np.minimum(_others(cost), _others(cost.T).T)
    clearest = np.where(clear & np.isfinite(cost), cost, np.inf)
    if not np.isfinite(clearest).any():
        return None
    i, j = divmod(int(clearest.argmin()), len(cost))
    return i, j


def _others(cost: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """Return the least of the other costs in the row of each."""
    if cost.shape[1] < 2:
        return np.full(cost.shape, np.inf)
    least, second = np.partition(cost, 1, axis=1)[:, :2].T
    others = np.repeat(least[:, None], cost.shape[1], axis=1)
    others[np.arange(len(cost)), cost.argmin(axis=1)] = second
    return others


def return_cost(
    before: AnyTrack, after: AnyTrack, config: TrackerConfig = DEFAULT_TRACKER
) -> float:
    """Return how much the clothes differ; infinity if the second cannot continue the first."""
    return float(_return_costs([before], [after], config)[0, 0])


def _return_costs(
    before: Sequence[AnyTrack], after: Sequence[AnyTrack], config: TrackerConfig
) -> Float[np.ndarray, "n m"]:
    """Return `return_cost` of each pair of tracks."""
    cost = np.full((len(before), len(after)), np.inf)
    left = np.array([track.detections[-1].time for track in before])
    away = np.array([track.detections[0].time for track in after]) - left[:, None]
    clothes = [[track.appearance for track in tracks] for tracks in (before, after)]
    known = np.logical_and.outer(*([each is not None for each in side] for side in clothes))
    i, j = np.nonzero((away > 0) & (away <= config.reid_max_absence_s) & known)
    difference = _hellinger(clothes[0], clothes[1], (i, j))
    cost[i, j] = np.where(difference < config.reid_gate, difference, np.inf)
    return cost


def match(
    tracks: Sequence[AnyTrack], people: Sequence[Detection], config: TrackerConfig = DEFAULT_TRACKER
) -> list[tuple[int, int]]:
    """Solve the assignment of the detections of one later frame to tracks: pairs of indices."""
    if not tracks or not people:
        return []
    cost = _match_costs(tracks, people, config)
    never = 1e6
    rows, columns = linear_sum_assignment(np.minimum(cost, never))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] < never]


def _match_costs(
    tracks: Sequence[AnyTrack], people: Sequence[Detection], config: TrackerConfig
) -> Float[np.ndarray, "n m"]:
    """Return the cost of each person as the next detection of each track, in radii, or infinity.

    Most pairs fail the gate, so only the others are compared further.
    """
    time = people[0].time
    last = [track.detections[-1] for track in tracks]
    expected = [predict(track.detections, time, config) for track in tracks]
    before, there, here = (_Circles.of(each) for each in (last, expected, people))
    before, there = before.take(np.s_[:, None]), there.take(np.s_[:, None])
    smallest = 1e-9
    ratio = np.maximum(here.radius, smallest) / np.maximum(before.radius, smallest)
    growth, offset = np.abs(np.log(ratio)), _distance(there, here)
    elapsed = time - np.array([detection.time for detection in last])[:, None]
    near = (growth <= config.max_growth) & (offset <= config.gate + config.max_speed * elapsed)
    i, j = np.nonzero(near)
    pairs = i, j
    cost = np.full(near.shape, np.inf)
    cost[pairs] = offset[pairs] + growth[pairs]
    shared = _overlap(there.take((i, 0)), here.take(j))
    cost[pairs] += config.overlap_cost * (1 - shared)
    posture = _keypoint_similarity(expected, people, pairs, config.joint_variance)
    cost[pairs] += config.posture_cost * (1 - np.where(np.isnan(posture), 1.0, posture))
    clothes = [track.appearance for track in tracks], [person.appearance for person in people]
    cost[pairs] += config.appearance_cost * _hellinger(*clothes, pairs)
    return cost


def predict(
    track: Sequence[Detection], time: float, config: TrackerConfig = DEFAULT_TRACKER
) -> Detection:
    """Extrapolate the last detections at constant velocity, for a limited time."""
    last, window = track[-1], config.velocity_window_s
    recent = list(takewhile(lambda d: last.time - d.time <= window, reversed(track)))[::-1]
    if len(recent) == 1:
        recent = list(track[-2:])
    duration = last.time - recent[0].time
    if duration == 0:
        return last
    # The slope of the least-squares line through the centers.
    away = np.array([d.time for d in recent])
    away = away - away.mean()
    speed = away @ np.array([d.center for d in recent]) / (away @ away)
    ahead = min(time - last.time, duration, config.max_extrapolation_s)
    dx, dy = (speed * ahead).tolist()
    (x, y), (up_x, up_y) = last.center, last.scale_point
    joints = None if last.joints is None else last.joints + np.array([dx, dy, 0.0])
    center, scale_point = (x + dx, y + dy), (up_x + dx, up_y + dy)
    return Detection(last.frame, time, center, scale_point, last.score, joints)


@dataclass(frozen=True)
class _Circles:
    """The circles around some bodies, in pixels."""

    center: Float[np.ndarray, "*n 2"]
    radius: Float[np.ndarray, "*n"]

    @classmethod
    def of(cls, detections: Sequence[Detection]) -> "_Circles":
        """Return the circles of detections."""
        points = np.array([(d.center, d.scale_point) for d in detections])
        dx, dy = (points[:, 1] - points[:, 0]).T
        return cls(points[:, 0], np.hypot(dx, dy))

    def take(self, index: Any) -> "_Circles":
        """Return the circles at an index."""
        return _Circles(self.center[index], self.radius[index])


def distance(a: Detection, b: Detection) -> float:
    """Return the distance between the centers, in radii of the larger."""
    return float(_distance(_Circles.of([a]), _Circles.of([b]))[0])


def _distance(a: _Circles, b: _Circles) -> Float[np.ndarray, "*n"]:
    apart = a.center - b.center
    largest = np.maximum(np.maximum(a.radius, b.radius), 1e-9)
    return np.hypot(apart[..., 0], apart[..., 1]) / largest


def overlap(a: Detection, b: Detection) -> float:
    """Return the intersection over union of the squares around two bodies."""
    return float(_overlap(_Circles.of([a]), _Circles.of([b]))[0])


def _overlap(a: _Circles, b: _Circles) -> Float[np.ndarray, " n"]:
    less = 2 * np.minimum(a.radius, b.radius)[:, None]
    sides = np.minimum(less, (a.radius + b.radius)[:, None] - np.abs(a.center - b.center))
    shared = sides.clip(0).prod(axis=1)
    return shared / np.maximum(4 * a.radius**2 + 4 * b.radius**2 - shared, 1e-9)


def keypoint_similarity(
    a: Detection, b: Detection, variance: float = DEFAULT_TRACKER.joint_variance
) -> float | None:
    """Return COCO's object keypoint similarity, 0 to 1, with one ``variance`` for all joints.

    None if one of the two has no joints, or no joint is seen in both.
    """
    first = np.zeros(1, int), np.zeros(1, int)
    similarity = float(_keypoint_similarity([a], [b], first, variance)[0])
    return None if np.isnan(similarity) else similarity


def _keypoint_similarity(
    before: Sequence[Detection], after: Sequence[Detection], pairs: Pairs, variance: float
) -> Float[np.ndarray, " n"]:
    """Return the similarity of pairs of detections; NaN where `keypoint_similarity` is None."""
    result = np.full(len(pairs[0]), np.nan)
    joints = [_stack([d.joints for d in detections]) for detections in (before, after)]
    radii = [_Circles.of(detections).radius for detections in (before, after)]
    if not all(known.any() for _, known in joints):
        return result
    for part, i, j in _in_parts(pairs):
        a, b = joints[0][0][i], joints[1][0][j]
        trust = a[..., 2] * b[..., 2]
        total = trust.sum(axis=1)
        radius = np.maximum(np.maximum(radii[0][i], radii[1][j]), 1e-9)
        squared = ((a[..., :2] - b[..., :2]) ** 2).sum(axis=2)
        near = np.exp(-squared / (2 * variance * radius**2)[:, None])
        agreement = (trust * near).sum(axis=1) / np.maximum(total, 1e-6)
        result[part] = np.where(total < 1e-6, np.nan, agreement)
    return result


def hellinger(a: Histogram, b: Histogram) -> float:
    """Return the Hellinger distance of two histograms: 0 (equal) to 1."""
    return float(_hellinger([a], [b], (np.zeros(1, int), np.zeros(1, int)))[0])


def _hellinger(
    before: Sequence[Histogram | None], after: Sequence[Histogram | None], pairs: Pairs
) -> Float[np.ndarray, " n"]:
    """Return the Hellinger distance of pairs of histograms; 0 where one is unknown."""
    result = np.zeros(len(pairs[0]))
    (a, a_known), (b, b_known) = _stack(before), _stack(after)
    if not (a_known.any() and b_known.any()):
        return result
    for part, i, j in _in_parts(pairs):
        difference = np.sqrt(np.maximum(0.0, 1 - np.sqrt(a[i] * b[j]).sum(axis=1)))
        result[part] = np.where(a_known[i] & b_known[j], difference, 0.0)
    return result


def _stack(rows: Sequence[np.ndarray | None]) -> tuple[np.ndarray, Bool[np.ndarray, " n"]]:
    """Return arrays of one shape in one, 0 for None, and which are not None."""
    known = np.array([row is not None for row in rows], dtype=bool)
    some = [row for row in rows if row is not None]
    stacked = np.zeros((len(rows), *(some[0].shape if some else ())))
    if some:
        stacked[known] = some
    return stacked, known


def _in_parts(pairs: Pairs) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield some pairs at a time: where they are among all, and the two indices."""
    for start in range(0, len(pairs[0]), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        yield part, pairs[0][part], pairs[1][part]


def number_people(tracks: Iterable[Track]) -> dict[int, Track]:
    """Rank people by how much of the video shows them: 0 is surest, largest, longest in it."""
    return dict(enumerate(sorted(tracks, key=lambda track: -track.presence())))


def select_people(people: Mapping[int, Track], person: str | int = "all") -> dict[int, Track]:
    """Return some of the people, by their number.

    Args:
        people: One track a person, by number.
        person: "all"; "main", without bystanders (`MAIN_SHARE`); "largest", by the median radius;
            "longest", by the time from first to last detection; or a number.

    Raises:
        ValueError: If there are no people, or ``person`` is none of these.
    """
    if not people:
        raise ValueError("expected at least one track to choose from, got none.")
    if person == "all":
        return dict(people)
    if person == "main":
        presence = {number: track.presence() for number, track in people.items()}
        least = MAIN_SHARE * max(presence.values())
        return {number: people[number] for number, value in presence.items() if value >= least}
    if person in ("largest", "longest"):
        longest = person == "longest"
        best = max(people, key=lambda i: people[i].duration if longest else people[i].size)
        return {best: people[best]}
    if str(person).isdecimal() and int(person) in people:
        return {int(person): people[int(person)]}
    last = max(people)
    numbers = f"from 0 to {last}" if len(people) == last + 1 else f"in {sorted(people)}"
    raise ValueError(
        f"person must be 'all', 'main', 'largest', 'longest' or a number {numbers}, got {person!r}."
    )
