"""The packaged detector on one frame after the other, without knowledge of later frames."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..io.video import Frame
from ..tracking.tracker import (
    DEFAULT_TRACKER,
    ActiveTrack,
    Detection,
    TrackerConfig,
    distance,
    match,
    predict,
    return_cost,
)
from .blazepose import LandmarkNetwork, Pose, refine_twice
from .follow import (
    DEFAULT_FOLLOW,
    FollowConfig,
    drop_duplicates,
    is_expected,
    is_inside,
    read_near,
)
from .onnx import WORKERS
from .search import DEFAULT_SEARCH, PersonFinder, SearchConfig, search_tiles


@dataclass(frozen=True)
class FramePerson:
    """One person in the last frame."""

    id: int
    """The same number in every frame for one person; numbers start at 0."""
    xy: Float[np.ndarray, "33 2"]
    """Joints of skeleton BLAZEPOSE, in pixels."""
    confidence: Float[np.ndarray, " 33"]
    """Visibility of each joint, 0 to 1."""
    score: float
    """Probability that a person is there, 0 to 1."""


@dataclass
class _Person:
    """What is remembered of a person: recent detections, and the time of the last confirmation."""

    track: ActiveTrack
    confirmed: float

    @property
    def last(self) -> Detection:
        return self.track.detections[-1]


class FrameDetector:
    """Finds and follows people in the frames of a stream: ``people = detector(image, time)``.

    ``people = detector(image)`` finds those in one image alone.

    In the first frame people are searched in the whole frame, then ``search.rate`` times a second,
    or ``search.sure_rate`` while everyone is followed; in between, each is followed in the region
    of the frame before. A person who was lost gets the same id back by place and posture within
    ``tracker.max_gap_s``, and by the clothes within ``tracker.reid_max_absence_s``. Without the
    later frames, ids and joints differ from those of `one_pass.detect` where people are hard to
    tell apart. ``landmarks`` is "full"
    (faster) or "heavy" (accurate). With ``background``, a search beside people who are followed
    runs in a thread of its own, and what it finds appears some frames later: no frame waits for it.
    """

    def __init__(
        self,
        landmarks: str = "full",
        search: SearchConfig = DEFAULT_SEARCH,
        follow: FollowConfig = DEFAULT_FOLLOW,
        tracker: TrackerConfig = DEFAULT_TRACKER,
        background: bool = False,
    ) -> None:
        self.search, self.follow, self.tracker = search, follow, tracker
        self._searcher = ThreadPoolExecutor(1) if background else None
        self.finder, self.network = PersonFinder(search), LandmarkNetwork(landmarks)
        self.reset()

    def reset(self) -> None:
        """Forget everyone; ids start at 0 again."""
        self._pending: Future[list[Detection]] | None = None
        self._people: dict[int, _Person] = {}
        self._frames = self._numbers = self._empty_searches = 0
        self._last_search = self._time = -np.inf

    def __call__(self, image: np.ndarray, time: float | None = None) -> list[FramePerson]:
        """Return the people in the next frame, by id.

        Args:
            image: RGB; every frame of the same size.
            time: Seconds, later than that of the frame before. Without it, the image is one of its
                own: people are searched for in all of it, and those of other frames are forgotten.

        Raises:
            ValueError: If the image is no RGB image, or the time does not increase.
        """
        if time is None:
            self.reset()
            time = 0.0
        _check_image(image)
        if not self._time < time < np.inf:
            raise ValueError(
                f"expected the time of the next frame in seconds, after {self._time:.6g}, got "
                f"{time}."
            )
        self._time = time
        frame = Frame(self._frames, time, image)
        self._frames += 1
        poses = self._follow_people(frame)
        if (proposals := self._propose(frame, poses)) is not None:
            poses |= self._add_people(frame, poses, proposals)
        self._forget(time)
        return [FramePerson(k, p.xy, p.visibility, p.score) for k, p in sorted(poses.items())]

    def _follow_people(self, frame: Frame) -> dict[int, Pose]:
        """Read the joints of the people of the last frames, by id, and extend their tracks."""
        active = {
            number: predict(person.track.detections, frame.time, self.tracker)
            for number, person in self._people.items()
            if frame.time - person.last.time <= self.follow.extend_s
            and frame.time - person.confirmed <= self.tracker.max_gap_s
        }
        with ThreadPoolExecutor(WORKERS) as threads:
            found = threads.map(lambda number: self._read(frame, number, active), active)
            poses = {n: pose for n, pose in zip(active, found, strict=True) if pose is not None}
        offset = {n: distance(pose.detection(), active[n]) for n, pose in poses.items()}
        distinct = drop_duplicates(poses, offset.__getitem__, self.follow)
        for number, pose in distinct.items():
            self._people[number].track.add(pose.detection(frame.index, frame.time))
        return distinct

    def _read(self, frame: Frame, number: int, active: Mapping[int, Detection]) -> Pose | None:
        """Read the joints of a person near the last place, then near the predicted one."""
        last, expected = self._people[number].last, active[number]
        rivals = [other for key, other in active.items() if key != number]
        limit = self.follow.max_offset + self.follow.drift_speed * (frame.time - last.time)

        def accepts(pose: Pose) -> bool:
            near = is_expected(pose, expected, rivals, limit, self.follow)
            return near and is_inside(pose, frame)

        return read_near(self.network, frame, last, expected, accepts)

    def _propose(self, frame: Frame, poses: Mapping[int, Pose]) -> list[Detection] | None:
        """Return what a search has found that is due, or that ran in the background."""
        if self._pending is not None:
            if not self._pending.done():
                return None
            found, self._pending = self._pending.result(), None
            return found
        last = {number: person.last.time for number, person in self._people.items()}
        recent = {n for n, time in last.items() if frame.time - time <= self.follow.extend_s}
        rate = self.search.sure_rate if poses and recent == set(poses) else self.search.rate
        if frame.time - self._last_search < 1 / rate - 1e-6:  # times are rounded
            return None
        self._last_search = frame.time
        height, width = frame.image.shape[:2]
        attempt = self._empty_searches % len(self.search.tile_shares)
        tiles = search_tiles((width, height), attempt, self.search)
        if self._searcher is None or not poses:
            return self.finder.propose(frame, tiles)
        kept = Frame(frame.index, frame.time, frame.image.copy())
        self._pending = self._searcher.submit(self.finder.propose, kept, tiles)
        return None

    def _add_people(
        self, frame: Frame, poses: Mapping[int, Pose], proposals: list[Detection]
    ) -> dict[int, Pose]:
        """Return the proposed people who are not followed already, by id."""
        known = {number: self._people[number].last for number in poses}
        for number, here in known.items():
            if any(distance(here, proposal) < self.follow.max_offset for proposal in proposals):
                self._people[number].confirmed = frame.time
        confirmed = self.finder.confirm(frame, proposals, list(known.values()))
        new = [person for person in confirmed if person.score >= self.search.certain_score]
        self._empty_searches = 0 if known or new else self._empty_searches + 1
        found: dict[int, Pose] = {}
        for number, person in self._identify(new, set(poses)).items():
            pose = refine_twice(self.network, frame.image, person)
            if not is_inside(pose, frame):
                continue
            found[number] = pose
            if number in self._people:
                self._people[number].track.add(person)
                self._people[number].confirmed = frame.time
            else:
                self._people[number] = _Person(ActiveTrack(person), frame.time)
        return found

    def _identify(self, new: list[Detection], followed: set[int]) -> dict[int, Detection]:
        """Assign each new person the id of one who was lost, or the next free one."""
        if not new:
            return {}
        lost = {k: p.track for k, p in self._people.items() if k not in followed}
        time, gap = new[0].time, self.tracker.max_gap_s
        recent = [k for k, track in lost.items() if time - track.detections[-1].time <= gap]
        pairs = match([lost[k] for k in recent], new, self.tracker)
        ids = {column: recent[row] for row, column in pairs}
        for column, person in enumerate(new):
            if column not in ids:
                free = {k: track for k, track in lost.items() if k not in ids.values()}
                ids[column] = self._recognize(person, free)
        return {number: new[column] for column, number in ids.items()}

    def _recognize(self, person: Detection, lost: Mapping[int, ActiveTrack]) -> int:
        """Return the id of the one lost person whose clothes agree, or a new id."""
        after = ActiveTrack(person)
        costs = {number: return_cost(track, after, self.tracker) for number, track in lost.items()}
        first, second = (*sorted(costs.values()), np.inf, np.inf)[:2]
        if np.isfinite(first) and second - first >= self.tracker.reid_margin:
            return min(costs, key=costs.__getitem__)
        self._numbers += 1
        return self._numbers - 1

    def _forget(self, time: float) -> None:
        """Drop people who left long ago, and detections that are too old to predict from."""
        for number, person in list(self._people.items()):
            detections = person.track.detections
            if time - person.last.time > self.tracker.reid_max_absence_s:
                del self._people[number]
            while len(detections) > 2 and detections[0].time < time - self.tracker.max_gap_s:
                del detections[0]


def _check_image(image: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            "expected an RGB image of uint8, of shape (height, width, 3), got "
            f"{image.dtype} of shape {image.shape}."
        )
