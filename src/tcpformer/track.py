"""Who is who from frame to frame: sightings become tracks, and one track is chosen.

A sighting is a circle around a body. Distances are in radii of that circle, about a metre each, so
that the same limits fit near and far people, and any size of video.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

SAME = 0.3  # two people's hips are hardly ever closer than this, in radii
REACH = 0.75  # how far a prediction may be off, in radii, however short the time
SPEED = 3.0  # and how much further for each second without a sighting
GAP = 2.0  # seconds that a track survives unseen
INSTANT = 0.1  # seconds that a single sighting counts for
GROWTH = np.log(2.0)  # largest change of size from one sighting to the next


@dataclass(frozen=True)
class Sighting:
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


@dataclass(frozen=True)
class Track:
    """The sightings of one person, in order of time, at least one."""

    sightings: tuple[Sighting, ...]

    @property
    def weight(self) -> float:
        """How much of the video is this person's: sure, large, and for long; gaps are bridged."""
        presence = np.array([sighting.score * sighting.radius for sighting in self.sightings])
        times = np.array([sighting.time for sighting in self.sightings])
        return float(np.trapezoid(presence, times) + INSTANT * presence.mean())

    def at(self, time: float, beyond: float = 0.0) -> Sighting | None:
        """Where the person should be at some time, by straight lines between sightings.

        Args:
            time: Seconds since the first frame.
            beyond: For how long before the first and after the last sighting the person is
                taken to stand still.

        Returns:
            The place, whose score falls from the sightings' own to 0 at ``GAP`` away from them;
            None outside the track.
        """
        times = [sighting.time for sighting in self.sightings]
        if not times[0] - beyond <= time <= times[-1] + beyond:
            return None
        numbers = np.array([(*s.centre, *s.tip, s.score) for s in self.sightings])
        x, y, tip_x, tip_y, score = (float(np.interp(time, times, column)) for column in numbers.T)
        nearest = min(self.sightings, key=lambda s: abs(s.time - time))
        trust = max(0.0, 1 - abs(nearest.time - time) / GAP)
        return Sighting(nearest.frame, time, (x, y), (tip_x, tip_y), score * trust)


def distance(a: Sighting, b: Sighting) -> float:
    """Between the middles, in radii (of the larger)."""
    apart = np.hypot(a.centre[0] - b.centre[0], a.centre[1] - b.centre[1])
    return float(apart / max(a.radius, b.radius, 1e-9))


def link(scans: Iterable[Sequence[Sighting]]) -> list[Track]:
    """Join the sightings of frame after frame into tracks.

    Each frame's sightings go to the tracks so that together they are nearest to where the tracks
    were heading; those left over start tracks of their own.

    Args:
        scans: For each frame, in order of time, the people seen in it.
    """
    tracks: list[list[Sighting]] = []
    for people in scans:
        if not people:
            continue
        alive = [track for track in tracks if people[0].time - track[-1].time <= GAP]
        free = dict(enumerate(people))
        for row, column in match(alive, people):
            alive[row].append(free.pop(column))
        tracks += [[person] for person in free.values()]
    return [Track(tuple(track)) for track in tracks]


def match(
    tracks: Sequence[Sequence[Sighting]], people: Sequence[Sighting]
) -> list[tuple[int, int]]:
    """The cheapest one-to-one assignment, without pairs that cannot be.

    Args:
        tracks: Sightings so far, at least one each.
        people: Sightings in one later frame.

    Returns:
        (track, person) by their places; each comes once at most.
    """
    if not tracks or not people:
        return []
    cost = np.array([[_cost(track, person) for person in people] for track in tracks])
    never = 1e6
    rows, columns = linear_sum_assignment(np.minimum(cost, never))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] < never]


def _cost(track: Sequence[Sighting], person: Sighting) -> float:
    """How far the person is from where the track leads, in radii; infinite if too far."""
    last = track[-1]
    growth = abs(np.log(max(person.radius, 1e-9) / max(last.radius, 1e-9)))
    elapsed = person.time - last.time
    off = distance(_predict(track, person.time), person)
    if growth > GROWTH or off > REACH + SPEED * elapsed:
        return np.inf
    return float(off + growth)


def _predict(track: Sequence[Sighting], time: float) -> Sighting:
    """Carry on as between the last two sightings, but for no longer than they were apart."""
    last = track[-1]
    if len(track) < 2:
        return last
    before = track[-2]
    share = min(1.0, (time - last.time) / (last.time - before.time))
    step = np.subtract(last.centre, before.centre) * share
    centre = (float(last.centre[0] + step[0]), float(last.centre[1] + step[1]))
    tip = (float(last.tip[0] + step[0]), float(last.tip[1] + step[1]))
    return Sighting(last.frame, time, centre, tip, last.score)


def choose(tracks: Sequence[Track]) -> Track:
    """The person whom the video is about: the surest, largest, most often seen.

    Raises:
        ValueError: If there is no track.
    """
    if not tracks:
        raise ValueError("expected at least one track to choose from, got none.")
    return max(tracks, key=lambda track: track.weight)
