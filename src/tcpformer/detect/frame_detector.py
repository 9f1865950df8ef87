"""The packaged detector on one frame after the other, without knowledge of later frames."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..io.video import Frame
from ..skeleton import BLAZEPOSE
from ..tracking.online import OnlineTracker
from ..tracking.tracker import DEFAULT_TRACKER, Detection, TrackerConfig, distance, predict
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
from .regions import Tile
from .search import DEFAULT_SEARCH, PersonFinder, SearchConfig, search_tiles

BACKGROUND_TILES = 6
"""Tiles that a search in the background looks at, at most: what it finds is not old then."""


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


class FrameDetector:
    """Finds and follows people in the frames of a stream: ``people = detector(image, time)``.

    ``people = detector(image)`` finds those in one image alone.

    In the first frame people are searched in the whole frame, then ``search.rate`` times a second,
    or ``search.sure_rate`` while everyone is followed; in between, each is followed in the region
    of the frame before. A person who was lost gets the same id back by place and posture within
    ``tracker.max_gap_s``, and by the clothes within ``tracker.reid_max_absence_s``. Without the
    later frames, ids and joints differ from those of `one_pass.detect` where people are hard to
    tell apart. ``landmarks`` is "full" (faster) or "heavy" (accurate). With ``background``,
    searches run in a thread of their own, and what they find appears some frames later: no frame
    waits for it.
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
        self._readers = ThreadPoolExecutor(WORKERS)
        # one thread beside the landmarks: these are waited for, the search is not
        self.finder = PersonFinder(search, threads=1 if background else None)
        self.network = LandmarkNetwork(landmarks)
        self.reset()

    def reset(self) -> None:
        """Forget everyone; ids start at 0 again."""
        self._pending: Future[list[Detection]] | None = None
        self._people = OnlineTracker(BLAZEPOSE, self.tracker)
        self._confirmed: dict[int, float] = {}
        """Seconds at which a search last found each person."""
        self._frames = self._empty_searches = 0
        self._last_search = self._last_tiles = self._time = -np.inf

    def __call__(self, image: np.ndarray, time: float | None = None) -> list[FramePerson]:
        """Return the people in the next frame, by id.

        Args:
            image: RGB; every frame of the same size.
            time: Seconds, later than that of the frame before. Without it, the image is one of its
                own: people are searched for in all of it, and those of other frames are forgotten.

        Raises:
            ValueError: If the image is no RGB image, or the time does not increase.
        """
        wait = self._searcher is None or time is None
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
        if (proposals := self._propose(frame, poses, wait=wait)) is not None:
            poses |= self._add_people(frame, poses, proposals)
        self._people.forget(time)
        self._confirmed = {k: v for k, v in self._confirmed.items() if k in self._people.tracks}
        return [FramePerson(k, p.xy, p.visibility, p.score) for k, p in sorted(poses.items())]

    def _follow_people(self, frame: Frame) -> dict[int, Pose]:
        """Read the joints of the people of the last frames, by id, and extend their tracks."""
        active = {
            number: predict(track.detections, frame.time, self.tracker)
            for number, track in self._people.tracks.items()
            if frame.time - track.detections[-1].time <= self.follow.extend_s
            and frame.time - self._confirmed[number] <= self.tracker.max_gap_s
        }
        beside = self._readers.map if len(active) > 1 else map
        found = list(beside(lambda number: self._read(frame, number, active), active))
        poses = {n: pose for n, pose in zip(active, found, strict=True) if pose is not None}
        offset = {n: distance(pose.detection(), active[n]) for n, pose in poses.items()}
        distinct = drop_duplicates(poses, offset.__getitem__, self.follow)
        for number, pose in distinct.items():
            self._people.add(number, pose.detection(frame.index, frame.time))
        return distinct

    def _read(self, frame: Frame, number: int, active: Mapping[int, Detection]) -> Pose | None:
        """Read the joints of a person near the last place, then near the predicted one."""
        last, expected = self._people.tracks[number].detections[-1], active[number]
        rivals = [other for key, other in active.items() if key != number]
        limit = self.follow.max_offset + self.follow.drift_speed * (frame.time - last.time)

        def accepts(pose: Pose) -> bool:
            near = is_expected(pose, expected, rivals, limit, self.follow)
            return near and is_inside(pose, frame)

        return read_near(self.network, frame, last, expected, accepts)

    def _propose(
        self, frame: Frame, poses: Mapping[int, Pose], *, wait: bool
    ) -> list[Detection] | None:
        """Return what a search has found that is due, or that ran in the background."""
        if self._pending is not None:
            if not self._pending.done():
                return None
            found, self._pending = self._pending.result(), None
            return found
        last = {n: track.detections[-1].time for n, track in self._people.tracks.items()}
        recent = {n for n, time in last.items() if frame.time - time <= self.follow.extend_s}
        sure = bool(poses) and recent == set(poses)
        rate = self.search.sure_rate if sure else self.search.rate
        if frame.time - self._last_search < 1 / rate - 1e-6:  # times are rounded
            return None
        self._last_search = frame.time
        tiles = self._next_tiles(frame, wait=wait)
        if sure and frame.time - self._last_tiles < self.search.tiles_every_s - 1e-6:
            tiles = []
        self._last_tiles = frame.time if tiles else self._last_tiles
        if self._searcher is None or wait:
            return self.finder.propose(frame, tiles)
        kept = Frame(frame.index, frame.time, frame.image.copy())
        self._pending = self._searcher.submit(self.finder.propose, kept, tiles)
        return None

    def _next_tiles(self, frame: Frame, *, wait: bool) -> list[Tile]:
        """Return the tiles of the next search: smaller ones after each that found no one."""
        height, width = frame.image.shape[:2]
        attempts = range(len(self.search.tile_shares))
        covers = [search_tiles((width, height), attempt, self.search) for attempt in attempts]
        if not wait:
            covers = [
                cover[i : i + BACKGROUND_TILES]
                for cover in covers
                for i in range(0, len(cover), BACKGROUND_TILES)
            ]
        return covers[self._empty_searches % len(covers)]

    def _add_people(
        self, frame: Frame, poses: Mapping[int, Pose], proposals: list[Detection]
    ) -> dict[int, Pose]:
        """Return the proposed people who are not followed already, by id."""
        tracks = self._people.tracks
        known = {number: tracks[number].detections[-1] for number in poses}
        for number, here in known.items():
            if any(distance(here, proposal) < self.follow.max_offset for proposal in proposals):
                self._confirmed[number] = frame.time
        confirmed = self.finder.confirm(frame, proposals, list(known.values()))
        new = [person for person in confirmed if person.score >= self.search.certain_score]
        self._empty_searches = 0 if known or new else self._empty_searches + 1
        found: dict[int, Pose] = {}
        for number, person in zip(self._people.identify(new, poses), new, strict=True):
            pose = refine_twice(self.network, frame.image, person)
            if not is_inside(pose, frame):
                continue
            found[number] = pose
            self._people.add(number, person)
            self._confirmed[number] = frame.time
        return found


def _check_image(image: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            "expected an RGB image of uint8, of shape (height, width, 3), got "
            f"{image.dtype} of shape {image.shape}."
        )
