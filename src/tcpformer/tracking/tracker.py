"""Tracking by detection: detections become tracks, tracks become numbered people.

A detection is a circle around a body, perhaps with joints and the colors of the clothes. Distances
are in radii of that circle, about a meter each: the same limits fit near and far, and any video.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from ..skeleton import Skeleton

Histogram = Float[np.ndarray, " c"]
"""Shares of colors of the clothes, of sum 1."""


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
    while (pair := _clearest_return(result, config)) is not None:
        joined = Track(result[pair[0]].detections + result[pair[1]].detections)
        rest = [track for i, track in enumerate(result) if i not in pair]
        result = sorted([*rest, joined], key=lambda track: track.detections[0].frame)
    return result


def _clearest_return(tracks: Sequence[Track], config: TrackerConfig) -> tuple[int, int] | None:
    """Return the two tracks that agree most, if no third one agrees with either nearly as well."""
    cost = np.array([[return_cost(a, b, config) for b in tracks] for a in tracks], ndmin=2)
    for flat in np.argsort(cost, axis=None):
        i, j = divmod(int(flat), len(tracks))
        if not np.isfinite(cost[i, j]):
            return None
        rivals = np.concatenate([np.delete(cost[i], j), np.delete(cost[:, j], i)])
        if rivals.min(initial=np.inf) - cost[i, j] >= config.reid_margin:
            return i, j
    return None


def return_cost(
    before: AnyTrack, after: AnyTrack, config: TrackerConfig = DEFAULT_TRACKER
) -> float:
    """Return how much the clothes differ; infinity if the second cannot continue the first."""
    away, clothes = after.detections[0].time - before.detections[-1].time, before.appearance
    in_time = before is not after and 0 < away <= config.reid_max_absence_s
    if not in_time or clothes is None or after.appearance is None:
        return np.inf
    difference = hellinger(clothes, after.appearance)
    return difference if difference < config.reid_gate else np.inf


def match(
    tracks: Sequence[AnyTrack], people: Sequence[Detection], config: TrackerConfig = DEFAULT_TRACKER
) -> list[tuple[int, int]]:
    """Solve the assignment of the detections of one later frame to tracks: pairs of indices."""
    if not tracks or not people:
        return []
    cost = np.array([[_match_cost(track, person, config) for person in people] for track in tracks])
    never = 1e6
    rows, columns = linear_sum_assignment(np.minimum(cost, never))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] < never]


def _match_cost(track: AnyTrack, person: Detection, config: TrackerConfig) -> float:
    """Return the cost of a person as the next detection of a track, in radii, or infinity."""
    last, expected = track.detections[-1], predict(track.detections, person.time, config)
    growth = abs(np.log(max(person.radius, 1e-9) / max(last.radius, 1e-9)))
    offset, elapsed = distance(expected, person), person.time - last.time
    if growth > config.max_growth or offset > config.gate + config.max_speed * elapsed:
        return np.inf
    cost = offset + growth + config.overlap_cost * (1 - overlap(expected, person))
    posture = keypoint_similarity(expected, person, config.joint_variance)
    if posture is not None:
        cost += config.posture_cost * (1 - posture)
    if track.appearance is not None and person.appearance is not None:
        cost += config.appearance_cost * hellinger(track.appearance, person.appearance)
    return float(cost)


def predict(
    track: Sequence[Detection], time: float, config: TrackerConfig = DEFAULT_TRACKER
) -> Detection:
    """Extrapolate the last detections at constant velocity, for a limited time."""
    last, window = track[-1], config.velocity_window_s
    recent = list(takewhile(lambda d: last.time - d.time <= window, reversed(track)))[::-1]
    if len(recent) == 1:
        recent = list(track[-2:])
    times = np.array([d.time for d in recent]) - last.time
    if len(recent) == 1 or np.ptp(times) == 0:
        return last
    speed = np.polyfit(times, np.array([d.center for d in recent]), 1)[0]
    ahead = min(time - last.time, np.ptp(times), config.max_extrapolation_s)
    dx, dy = (speed * ahead).tolist()
    (x, y), (up_x, up_y) = last.center, last.scale_point
    joints = None if last.joints is None else last.joints + np.array([dx, dy, 0.0])
    center, scale_point = (x + dx, y + dy), (up_x + dx, up_y + dy)
    return Detection(last.frame, time, center, scale_point, last.score, joints)


def distance(a: Detection, b: Detection) -> float:
    """Return the distance between the centers, in radii of the larger."""
    apart = np.hypot(a.center[0] - b.center[0], a.center[1] - b.center[1])
    return float(apart / max(a.radius, b.radius, 1e-9))


def overlap(a: Detection, b: Detection) -> float:
    """Return the intersection over union of the squares around two bodies."""
    reach, apart = np.array([a.radius, b.radius]), np.subtract(a.center, b.center)
    shared = np.minimum(2 * reach.min(), reach.sum() - abs(apart)).clip(0).prod()
    return float(shared / max((4 * reach**2).sum() - shared, 1e-9))


def keypoint_similarity(
    a: Detection, b: Detection, variance: float = DEFAULT_TRACKER.joint_variance
) -> float | None:
    """Return COCO's object keypoint similarity, 0 to 1, with one ``variance`` for all joints.

    None if one of the two has no joints, or no joint is seen in both.
    """
    if a.joints is None or b.joints is None:
        return None
    trust = a.joints[:, 2] * b.joints[:, 2]
    if trust.sum() < 1e-6:
        return None
    squared = ((a.joints[:, :2] - b.joints[:, :2]) ** 2).sum(axis=1)
    near = np.exp(-squared / (2 * variance * max(a.radius, b.radius, 1e-9) ** 2))
    return float((trust * near).sum() / trust.sum())


def hellinger(a: Histogram, b: Histogram) -> float:
    """Return the Hellinger distance of two histograms: 0 (equal) to 1."""
    return float(np.sqrt(max(0.0, 1 - np.sqrt(a * b).sum())))


def number_people(tracks: Iterable[Track]) -> dict[int, Track]:
    """Rank people by how much of the video shows them: 0 is surest, largest, longest in it."""
    return dict(enumerate(sorted(tracks, key=lambda track: -track.presence())))


def select_people(people: Mapping[int, Track], person: str | int = "all") -> dict[int, Track]:
    """Return some of the people, by their number.

    Args:
        people: One track a person, by number.
        person: "all"; "largest", by the median radius; "longest", by the time from first to last
            detection; or a number.

    Raises:
        ValueError: If there are no people, or ``person`` is none of these.
    """
    if not people:
        raise ValueError("expected at least one track to choose from, got none.")
    if person == "all":
        return dict(people)
    if person in ("largest", "longest"):
        longest = person == "longest"
        best = max(people, key=lambda i: people[i].duration if longest else people[i].size)
        return {best: people[best]}
    if str(person).isdecimal() and int(person) in people:
        return {int(person): people[int(person)]}
    last = max(people)
    numbers = f"from 0 to {last}" if len(people) == last + 1 else f"in {sorted(people)}"
    raise ValueError(
        f"person must be 'all', 'largest', 'longest' or a number {numbers}, got {person!r}."
    )
