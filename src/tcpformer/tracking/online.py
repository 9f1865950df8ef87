"""Give people stable ids frame by frame, without knowledge of later frames."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from ..skeleton import Skeleton
from .tracker import (
    DEFAULT_TRACKER,
    ActiveTrack,
    Detection,
    TrackerConfig,
    detection_from_keypoints,
    match,
    return_cost,
)


class OnlineTracker:
    """Numbers the people of keypoint frames: ``ids = tracker(people, time)``.

    A person is the one of the last frames who is expected nearest, in posture and size too; one who
    was not seen for ``config.max_gap_s`` is known by the clothes, where these are seen, for
    ``config.reid_max_absence_s``. Numbers start at 0 and are never used again.
    """

    def __init__(self, skeleton: Skeleton, config: TrackerConfig = DEFAULT_TRACKER) -> None:
        self.skeleton, self.config = skeleton, config
        self.tracks: dict[int, ActiveTrack] = {}
        """The last detections of the people who are not forgotten, by number."""
        self._frames = self._numbers = 0

    def __call__(self, people: Sequence[Float[np.ndarray, "k 3"]], time: float) -> list[int | None]:
        """Return the number of each person of the next frame; None for one without a trunk.

        Args:
            people: x and y in pixels, and confidence.
            time: Seconds, later than that of the frame before.
        """
        found = [
            detection_from_keypoints(joints, self.skeleton, self._frames, time) for joints in people
        ]
        self._frames += 1
        self.forget(time)
        numbers = iter(self.identify([person for person in found if person is not None]))
        ids = [None if person is None else next(numbers) for person in found]
        for number, person in zip(ids, found, strict=True):
            if number is not None and person is not None:
                self.add(number, person)
        return ids

    def identify(self, people: Sequence[Detection], others: Collection[int] = ()) -> list[int]:
        """Return the number of each person of the next frame; of new ones, the next free number.

        ``others`` are numbers of people who are in that frame already.
        """
        if not people:
            return []
        time, gap = people[0].time, self.config.max_gap_s
        lost = {number: track for number, track in self.tracks.items() if number not in others}
        recent = [k for k, track in lost.items() if time - track.detections[-1].time <= gap]
        pairs = match([lost[k] for k in recent], people, self.config)
        ids = {column: recent[row] for row, column in pairs}
        for column, person in enumerate(people):
            if column not in ids:
                free = {k: track for k, track in lost.items() if k not in ids.values()}
                ids[column] = self._recognize(person, free)
        return [ids[column] for column in range(len(people))]

    def add(self, number: int, person: Detection) -> None:
        """Add a detection to the track of a person, or start it."""
        if number in self.tracks:
            self.tracks[number].add(person)
        else:
            self.tracks[number] = ActiveTrack(person)

    def forget(self, time: float) -> None:
        """Drop people who left, and detections that are too old to predict from."""
        gap, absence = self.config.max_gap_s, self.config.reid_max_absence_s
        for number, track in list(self.tracks.items()):
            detections = track.detections
            if time - detections[-1].time > (gap if track.appearance is None else absence):
                del self.tracks[number]
            while len(detections) > 2 and detections[0].time < time - gap:
                del detections[0]

    def _recognize(self, person: Detection, lost: Mapping[int, ActiveTrack]) -> int:
        """Return the number of the one lost person whose clothes agree, or a new number."""
        after = ActiveTrack(person)
        costs = {number: return_cost(track, after, self.config) for number, track in lost.items()}
        first, second = (*sorted(costs.values()), np.inf, np.inf)[:2]
        if np.isfinite(first) and second - first >= self.config.reid_margin:
            return min(costs, key=costs.__getitem__)
        self._numbers += 1
        return self._numbers - 1
