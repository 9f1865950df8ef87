"""Who is who from frame to frame: sightings become tracks, tracks become people, some are chosen.

A sighting is a circle around a body, perhaps with joints and colours of the clothes. Distances are
in radii of that circle, about a metre each: the same limits fit near and far, and any video.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from ..skeleton import Skeleton

SAME = 0.3  # two people's hips are hardly ever closer than this, in radii
REACH = 0.75  # how far a prediction may be off, in radii, however short the time
SPEED = 5.0  # and how much further for each second unseen: as fast as who jumps off a roof
GAP = 2.0  # seconds that a track survives unseen
INSTANT = 0.1  # seconds that a single sighting counts for
GROWTH = np.log(2.0)  # largest change of size from one sighting to the next
HISTORY = 0.7  # seconds of sightings from which it is told where a track is heading
ONWARD = 1.0  # seconds for which it is taken to go on like that
OVERLAP, POSTURE, CLOTHES = 0.3, 0.5, 2.0  # what each costs, in radii, if nothing agrees
ALIKE = 0.05  # variance of a joint's place, in radii squared, over which postures still agree
ABSENT = 30.0  # seconds after which somebody who comes back is still known by the clothes
RECOGNISED = 0.3  # largest difference in clothes of people who come back
UNLIKE = 0.15  # how much more others must differ


@dataclass(frozen=True)
class Detection:
    """One person in one frame.

    Attributes:
        frame: Index of the frame.
        time: Seconds since the first frame.
        centre: Middle of the hips (x, y), in pixels.
        tip: Point above the head, on the circle around the whole body, in pixels.
        score: How sure it is that someone is there, 0 to 1.
        joints: x, y in pixels and score of some joints, the same ones in every sighting of a video.
        look: Colours of the clothes: shares of them that add up to 1.
    """

    frame: int
    time: float
    centre: tuple[float, float]
    tip: tuple[float, float]
    score: float
    joints: Float[np.ndarray, "k 3"] | None = field(default=None, compare=False, repr=False)
    look: Float[np.ndarray, " c"] | None = field(default=None, compare=False, repr=False)

    @property
    def radius(self) -> float:
        """Of the circle around the whole body, in pixels."""
        return float(np.hypot(self.tip[0] - self.centre[0], self.tip[1] - self.centre[1]))


LEAST = 1.6  # a body's circle has at least so many trunks as its radius
FARTHEST = 1.05  # and reaches so much further than the farthest joint
CONFIDENT = 0.2  # joints with a higher score say where and how large the body is


def detection_from_keypoints(
    joints: Float[np.ndarray, "k 3"], skeleton: Skeleton, frame: int, time: float
) -> Detection | None:
    """Where a body is, from its joints; None if its trunk is not seen.

    Args:
        joints: x, y in pixels and score, of a skeleton with hips and shoulders on both sides.
        skeleton: Their order.
        frame: Index of the frame.
        time: Seconds since the first frame.
    """
    place = {name: joints[i, :2] for name, i in skeleton.index.items()}
    trunk = [skeleton.index[f"{side}{joint}"] for side in "LR" for joint in ("Hip", "Shoulder")]
    if joints[trunk, 2].max() <= CONFIDENT:
        return None
    hips = (place["LHip"] + place["RHip"]) / 2
    up = (place["LShoulder"] + place["RShoulder"]) / 2 - hips
    if (length := float(np.hypot(*up))) < 1e-6:
        return None
    sure = joints[joints[:, 2] > CONFIDENT]
    reach = float(np.hypot(*(sure[:, :2] - hips).T).max())
    x, y = (hips + up / length * max(FARTHEST * reach, LEAST * length)).tolist()
    score = float(np.clip(sure[:, 2].mean(), 0.0, 1.0))
    return Detection(frame, time, (float(hips[0]), float(hips[1])), (x, y), score, joints)


@dataclass(frozen=True)
class Track:
    """The sightings of one person, in order of time, at least one."""

    sightings: tuple[Detection, ...]

    @cached_property
    def _columns(self) -> tuple[Float[np.ndarray, " n"], ...]:
        """Times; then middles, tips and scores: made once, as every frame asks for them."""
        rows = [(s.time, *s.centre, *s.tip, s.score) for s in self.sightings]
        return tuple(np.ascontiguousarray(column) for column in np.array(rows, np.float64).T)

    @cached_property
    def look(self) -> Float[np.ndarray, " c"] | None:
        """The mean colours of the clothes; None where nobody has told them."""
        looks = [s.look for s in self.sightings if s.look is not None]
        return np.mean(looks, axis=0) if looks else None

    def nearest(self, time: float) -> Detection:
        """The sighting nearest in time; of two equally near, the earlier."""
        after = int(np.searchsorted(self._columns[0], time))
        return min(self.sightings[max(after - 1, 0) : after + 1], key=lambda s: abs(s.time - time))

    @property
    def weight(self) -> float:
        """How much of the video is this person's: sure, large, and for long; gaps are bridged."""
        presence = np.array([sighting.score * sighting.radius for sighting in self.sightings])
        times = np.array([sighting.time for sighting in self.sightings])
        return float(np.trapezoid(presence, times) + INSTANT * presence.mean())

    def at(self, time: float, beyond: float = 0.0) -> Detection | None:
        """Where the person should be at some time, by straight lines between sightings.

        Args:
            time: Seconds since the first frame.
            beyond: For how long before the first and after the last sighting the person is
                taken to stand still.

        Returns:
            The place, whose score falls from the sightings' own to 0 at ``GAP`` away from them;
            None outside the track.
        """
        times, *numbers = self._columns
        if not times[0] - beyond <= time <= times[-1] + beyond:
            return None
        x, y, tip_x, tip_y, score = (float(np.interp(time, times, column)) for column in numbers)
        nearest = self.nearest(time)
        trust = max(0.0, 1 - abs(nearest.time - time) / GAP)
        return Detection(nearest.frame, time, (x, y), (tip_x, tip_y), score * trust)


class ActiveTrack:
    """A track that is not at its end; what adding to it costs does not grow with its length."""

    def __init__(self, first: Detection) -> None:
        self.sightings = [first]
        self._total, self._told = first.look, int(first.look is not None)

    def add(self, sighting: Detection) -> None:
        self.sightings.append(sighting)
        if sighting.look is not None:
            self._total = sighting.look if self._total is None else self._total + sighting.look
            self._told += 1

    @property
    def look(self) -> Float[np.ndarray, " c"] | None:
        return None if self._total is None else self._total / self._told


def distance(a: Detection, b: Detection) -> float:
    """Between the middles, in radii (of the larger)."""
    apart = np.hypot(a.centre[0] - b.centre[0], a.centre[1] - b.centre[1])
    return float(apart / max(a.radius, b.radius, 1e-9))


def link(scans: Iterable[Sequence[Detection]]) -> list[Track]:
    """Join the sightings of frame after frame into tracks.

    Each frame's sightings go to the tracks so that together they fit best where the tracks were
    heading, their postures and their clothes; those left over start tracks of their own. Tracks
    that end are continued by later ones of the same clothes.

    Args:
        scans: For each frame, in order of time, the people seen in it.
    """
    tracks, alive = list[ActiveTrack](), list[ActiveTrack]()
    for people in scans:
        if not people:
            continue
        alive = [track for track in alive if people[0].time - track.sightings[-1].time <= GAP]
        free = dict(enumerate(people))
        for row, column in match(alive, people):
            alive[row].add(free.pop(column))
        started = [ActiveTrack(person) for person in free.values()]
        alive, tracks = alive + started, tracks + started
    return reidentify([Track(tuple(track.sightings)) for track in tracks])


def reidentify(tracks: Sequence[Track]) -> list[Track]:
    """Join tracks of somebody who left and came back: the clothes say so, and of nobody else.

    Tracks without colours stay as they are.
    """
    result = sorted(tracks, key=lambda track: track.sightings[0].frame)
    pair = _clear(result)
    while pair is not None:
        before, after = pair
        joined = Track(result[before].sightings + result[after].sightings)
        rest = [track for i, track in enumerate(result) if i not in pair]
        result = sorted([*rest, joined], key=lambda track: track.sightings[0].frame)
        pair = _clear(result)
    return result


def _clear(tracks: Sequence[Track]) -> tuple[int, int] | None:
    """The two tracks that are most alike and could be one, if no other could be either's other."""
    cost = np.array([[_return(a, b) for b in tracks] for a in tracks]).reshape((len(tracks),) * 2)
    for flat in np.argsort(cost, axis=None):
        i, j = divmod(int(flat), len(tracks))
        if not np.isfinite(cost[i, j]):
            return None
        rivals = np.concatenate([np.delete(cost[i], j), np.delete(cost[:, j], i)])
        if rivals.min(initial=np.inf) - cost[i, j] >= UNLIKE:
            return i, j
    return None


def _return(before: Track, after: Track) -> float:
    """How much the clothes differ; infinite if the second cannot be the first come back."""
    away = after.sightings[0].time - before.sightings[-1].time
    if before is after or not 0 < away <= ABSENT:
        return np.inf
    if before.look is None or after.look is None:
        return np.inf
    off = hellinger(before.look, after.look)
    return off if off < RECOGNISED else np.inf


def match(
    tracks: Sequence[Track | ActiveTrack], people: Sequence[Detection]
) -> list[tuple[int, int]]:
    """The cheapest one-to-one assignment, without pairs that cannot be.

    Args:
        tracks: So far.
        people: Sightings in one later frame.

    Returns:
        (track, person) by their places, each once at most.
    """
    if not tracks or not people:
        return []
    cost = np.array([[_cost(track, person) for person in people] for track in tracks])
    never = 1e6
    rows, columns = linear_sum_assignment(np.minimum(cost, never))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] < never]


def _cost(track: Track | ActiveTrack, person: Detection) -> float:
    """How badly the person fits where the track leads, in radii; infinite if it cannot be."""
    last = track.sightings[-1]
    growth = abs(np.log(max(person.radius, 1e-9) / max(last.radius, 1e-9)))
    elapsed = person.time - last.time
    expected = _predict(track.sightings, person.time)
    off = distance(expected, person)
    if growth > GROWTH or off > REACH + SPEED * elapsed:
        return np.inf
    cost = off + growth + OVERLAP * (1 - overlap(expected, person))
    posture = keypoint_similarity(expected, person)
    if posture is not None:
        cost += POSTURE * (1 - posture)
    if track.look is not None and person.look is not None:
        cost += CLOTHES * hellinger(track.look, person.look)
    return float(cost)


def _predict(track: Sequence[Detection], time: float) -> Detection:
    """Carry on as during the last moments, for a second at most."""
    last = track[-1]
    recent = list(takewhile(lambda s: last.time - s.time <= HISTORY, reversed(track)))[::-1]
    if len(recent) == 1:
        recent = list(track[-2:])
    times = np.array([s.time for s in recent]) - last.time
    if len(recent) == 1 or np.ptp(times) == 0:
        return last
    speed = np.polyfit(times, np.array([s.centre for s in recent]), 1)[0]
    dx, dy = (speed * min(time - last.time, np.ptp(times), ONWARD)).tolist()
    shift = np.array([dx, dy, 0.0])
    return Detection(
        last.frame,
        time,
        (last.centre[0] + dx, last.centre[1] + dy),
        (last.tip[0] + dx, last.tip[1] + dy),
        last.score,
        joints=None if last.joints is None else last.joints + shift,
    )


def overlap(a: Detection, b: Detection) -> float:
    """Intersection over union of the squares around two bodies."""
    reach, apart = np.array([a.radius, b.radius]), np.subtract(a.centre, b.centre)
    shared = np.minimum(2 * reach.min(), reach.sum() - abs(apart)).clip(0).prod()
    return float(shared / max((4 * reach**2).sum() - shared, 1e-9))


def keypoint_similarity(a: Detection, b: Detection) -> float | None:
    """How well two postures agree, where they are, 0 to 1; None where joints are not known.

    The similarity of keypoints that COCO evaluates by, with one tolerance for all joints.
    """
    if a.joints is None or b.joints is None:
        return None
    trust = a.joints[:, 2] * b.joints[:, 2]
    if trust.sum() < 1e-6:
        return None
    off = ((a.joints[:, :2] - b.joints[:, :2]) ** 2).sum(axis=1)
    near = np.exp(-off / (2 * ALIKE * max(a.radius, b.radius, 1e-9) ** 2))
    return float((trust * near).sum() / trust.sum())


def hellinger(a: Float[np.ndarray, " c"], b: Float[np.ndarray, " c"]) -> float:
    """How much the colours of two people differ, 0 to 1 (Hellinger's distance)."""
    return float(np.sqrt(max(0.0, 1 - np.sqrt(a * b).sum())))


def number_people(tracks: Iterable[Track]) -> dict[int, Track]:
    """Number people by how much of the video shows them: 0 is surest, largest, longest in it."""
    return dict(enumerate(sorted(tracks, key=lambda track: -track.weight)))


def select_people(people: Mapping[int, Track], person: str | int = "all") -> dict[int, Track]:
    """Return the people who are asked for, by their number.

    Args:
        people: One track a person, by number.
        person: "all"; "largest", by the median radius in the image; "longest", from first to last
            detection; or a number.

    Raises:
        ValueError: If there is no one, or ``person`` is none of these.
    """
    if not people:
        raise ValueError("expected at least one track to choose from, got none.")
    if person == "all":
        return dict(people)
    if person in ("largest", "longest"):
        measure = _size if person == "largest" else _duration
        best = max(people, key=lambda i: measure(people[i]))
        return {best: people[best]}
    if str(person).isdecimal() and int(person) in people:
        return {int(person): people[int(person)]}
    numbers = f"0 to {max(people)}" if len(people) == max(people) + 1 else f"{sorted(people)}"
    raise ValueError(
        f"person must be 'all', 'largest', 'longest' or a number from {numbers}, got {person!r}."
    )


def _size(track: Track) -> float:
    return float(np.median([sighting.radius for sighting in track.sightings]))


def _duration(track: Track) -> float:
    return track.sightings[-1].time - track.sightings[0].time
