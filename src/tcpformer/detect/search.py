"""Where people are: MoveNet and the BlazePose detector in some frames, joined into tracks.

MoveNet looks at the whole picture once a second. Where that does not agree with the tracks, or
people are near each other or fast, frames between are searched as well; where people are missing
or new, and every other second, the BlazePose detector searches tiles of the picture too. The
landmark network confirms what both propose.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from ..io.video import Frame, Video
from ..tracking.appearance import clothing_histogram
from ..tracking.tracker import (
    DEFAULT_TRACKER,
    ActiveTrack,
    AnyTrack,
    Detection,
    Track,
    distance,
    keypoint_similarity,
    match,
    reidentify,
)
from .blazepose import LandmarkNetwork, PersonDetector
from .movenet import MoveNet
from .regions import Tile, cover_with_tiles, region_around, whole_tile


@dataclass(frozen=True)
class SearchConfig:
    """How people are found; tuned on the sample clip and on videos of one to twelve people."""

    rate: float = 4.0
    """Frames searched each second where it is doubtful who is where."""
    sure_rate: float = 1.0
    """The same where it is not."""
    min_searches: int = 4
    """Frames searched at least, in short videos; more where that leaves doubt."""
    tiles_every_s: float = 2.0
    """Seconds from one search in tiles to the next where all people are sure."""
    max_tiles: int = 12
    """Tiles a frame; where there are more, fewer frames are searched."""
    tile_shares: tuple[float, ...] = (1.0, 0.6, 0.36)
    """Sides of the tiles over the shorter side of the image, tried until a person is certain."""
    certain_score: float = 0.75
    """Score of a person who is certain; people who fill a third of a tile rarely have less."""
    min_pose_score: float = 0.75
    """Score of the landmark network from which a proposal is confirmed."""
    min_detections: int = 3
    """Detections of a person, unless no one has as many: fewer are a mistake."""
    same_similarity: float = 0.5
    """Keypoint similarity above which two detections in a frame are one person."""
    repeated_weight: float = 0.9
    """Factor on the score of a person who is not proposed again, but still seen there."""
    apart: float = 1.5
    """Radii between two people from which on they are not mistaken for each other."""
    max_shift: float = 2.0
    """Radii that people move from one search to the next, at most, where all is sure."""
    held_bytes: float = 1e8
    """Bytes of pictures that are held from one search to the next, at most."""


DEFAULT_SEARCH = SearchConfig()
HISTORY_S = 3.0
"""Seconds of a track that those who follow it are given."""


class PersonFinder:
    """Finds people in one frame, with their joints and the colors of their clothes."""

    def __init__(
        self,
        config: SearchConfig = DEFAULT_SEARCH,
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        self.config = config
        self.detector = PersonDetector(threads, device)
        self.movenet = MoveNet(threads, device=device)
        self.landmarks = LandmarkNetwork("full", device=device)

    def propose(self, frame: Frame, tiles: Sequence[Tile]) -> list[Detection]:
        """Return where people may be; independent of other frames."""
        return [*self.propose_whole(frame), *self.propose_in(frame, tiles)]

    def propose_whole(self, frame: Frame) -> list[Detection]:
        """Return where MoveNet sees people."""
        people = self.movenet(frame.image)
        return [*filter(None, (person.detection(frame.index, frame.time) for person in people))]

    def propose_in(self, frame: Frame, tiles: Sequence[Tile]) -> list[Detection]:
        """Return where the BlazePose detector sees people in tiles."""
        return self.detector(frame.image, tiles, frame.index, frame.time) if tiles else []

    def confirm(
        self, frame: Frame, proposals: Sequence[Detection], known: Sequence[Detection]
    ) -> list[Detection]:
        """Return the people at some places, other than those who are known.

        The landmark network alone also sees people in huge regions that lie mostly outside the
        image; therefore the hips must be inside, and the score of the proposal counts.
        """
        height, width = frame.picture.shape[:2]
        new: list[Detection] = []
        for proposal in proposals:
            if self._is_known(proposal, [*known, *new]):
                continue
            pose = self.landmarks(frame.picture, region_around(proposal))
            person = pose.detection(frame.index, frame.time, proposal.score)
            inside = 0 <= person.center[0] < width and 0 <= person.center[1] < height
            sure = pose.score >= self.config.min_pose_score
            if sure and inside and not self._is_known(person, [*known, *new]):
                new.append(replace(person, appearance=clothing_histogram(frame.image, pose.xy)))
        return new

    def _is_known(self, detection: Detection, people: Sequence[Detection]) -> bool:
        return any(
            distance(detection, other) < DEFAULT_TRACKER.min_separation
            or (keypoint_similarity(detection, other) or 0.0) > self.config.same_similarity
            for other in people
        )


@dataclass(frozen=True)
class Chunk:
    """Frames up to one that was searched, and who is near them."""

    frames: Sequence[Frame]
    tracks: Mapping[int, Track]
    """The last seconds of the tracks of people who are certain, by number."""
    others: Mapping[int, Track]
    """The same of people who are not."""


@dataclass
class Searcher:
    """Searches frame after frame; the people in them become tracks, numbered as they appear."""

    finder: PersonFinder
    tiles: Sequence[Tile]
    intervals: tuple[int, int]
    """Frames from one search to the next: where all is sure, and else."""
    min_score: float = DEFAULT_SEARCH.certain_score
    """Score of a person who is worth following."""
    tracks: dict[int, ActiveTrack] = field(default_factory=dict)
    best: dict[int, float] = field(default_factory=dict)
    """Best score of each track."""
    before: list[Detection] = field(default_factory=list)
    """The people in the frame that was searched last."""
    last_tiles: float = -float("inf")
    """Seconds at which tiles were searched last."""

    def chunks(self, frames: Iterable[Frame]) -> Generator[Chunk, None, None]:
        """Yield the frames, each once, with the tracks that lead to and past them."""
        waiting: list[Frame] = []
        started = False
        for frame in frames:
            waiting.append(frame)
            if len(waiting) >= self.intervals[0] or not started:
                self.search(waiting)
                started = True
                yield self._chunk(waiting)
                waiting = []
        if waiting:
            self.search(waiting)
            yield self._chunk(waiting)

    def search(self, frames: Sequence[Frame]) -> None:
        """Search the last of some frames, and those between if that leaves doubt."""
        last = frames[-1]
        proposals = self.finder.propose_whole(last)
        found = self.look(last, proposals)
        step = self.intervals[1]
        searched = max((person.time for person in self.before), default=last.time)
        same = self._is_whole(found, last.time - searched)
        if len(frames) > step and not (same and self._are_apart(found)):
            for frame in frames[step - 1 : -1 : step]:
                self._add(self.look(frame, self.finder.propose_whole(frame)))
            found = self.look(last, proposals)
        self._add(found)

    def look(self, frame: Frame, proposals: Sequence[Detection]) -> list[Detection]:
        """Return the people in a frame; tiles are searched if MoveNet alone leaves doubt.

        ``proposals`` are where MoveNet sees people.
        """
        people = self._confirm(frame, proposals)
        due = frame.time - self.last_tiles >= self.finder.config.tiles_every_s
        if due or not self._is_whole(people, DEFAULT_TRACKER.max_gap_s):
            self.last_tiles = frame.time
            more = self.finder.propose_in(frame, self.tiles)
            people = self._confirm(frame, [*proposals, *more]) if more else people
        return people

    def _confirm(self, frame: Frame, proposals: Sequence[Detection]) -> list[Detection]:
        """Return the people at the proposals, then those seen before who stand still.

        Only those not among the new ones, or a person who walks would be found twice.
        """
        new = self.finder.confirm(frame, proposals, [])
        moved = {track for track, _ in match([Track((person,)) for person in self.before], new)}
        weight = self.finder.config.repeated_weight
        still = [
            replace(p, score=p.score * weight) for i, p in enumerate(self.before) if i not in moved
        ]
        return new + self.finder.confirm(frame, still, new)

    def _alive(self, time: float, gap: float = DEFAULT_TRACKER.max_gap_s) -> dict[int, ActiveTrack]:
        return {k: t for k, t in self.tracks.items() if time - t.detections[-1].time <= gap}

    def _is_whole(self, people: Sequence[Detection], gap: float) -> bool:
        """Return whether the people are those of the last ``gap`` seconds, all certain."""
        if not people:
            return False
        alive = list(self._alive(people[0].time, gap).values())
        certain = all(p.score >= self.finder.config.certain_score for p in people)
        pairs = match(alive, people)
        shifts = [distance(alive[i].detections[-1], people[j]) for i, j in pairs]
        near = max(shifts, default=0.0) <= self.finder.config.max_shift
        return certain and near and len(pairs) == len(alive) == len(people)

    def _are_apart(self, people: Sequence[Detection]) -> bool:
        limit = self.finder.config.apart
        return all(distance(a, b) >= limit for a, b in combinations(people, 2))

    def _add(self, people: list[Detection]) -> None:
        """Append the people of a later frame to the tracks; others start new ones."""
        self.before = people
        if not people:
            return
        alive = self._alive(people[0].time)
        numbers, free = list(alive), dict(enumerate(people))
        for row, column in match(list(alive.values()), people):
            number, person = numbers[row], free.pop(column)
            self.tracks[number].add(person)
            self.best[number] = max(self.best[number], person.score)
        for person in free.values():
            number = len(self.tracks)
            self.tracks[number], self.best[number] = ActiveTrack(person), person.score

    def _chunk(self, frames: Sequence[Frame]) -> Chunk:
        since = frames[0].time - HISTORY_S
        certain: dict[int, Track] = {}
        others: dict[int, Track] = {}
        for number, track in self.tracks.items():
            if track.detections[-1].time < since:
                continue
            recent = tuple(_since(track.detections, since))
            (certain if self.best[number] >= self.min_score else others)[number] = Track(recent)
        return Chunk(frames, certain, others)

    def finish(self) -> list[Track]:
        """Return the people; see `join_to_people`."""
        return join_to_people(self.tracks.values(), self.min_score, self.finder.config)


def join_to_people(
    tracks: Iterable[AnyTrack], min_score: float, config: SearchConfig = DEFAULT_SEARCH
) -> list[Track]:
    """Return the people of tracks: those of one person are joined, mistakes are left out."""
    joined = reidentify([Track(tuple(track.detections)) for track in tracks])
    certain = [t for t in joined if max(d.score for d in t.detections) >= min_score]
    least = config.min_detections
    return [track for track in certain if len(track.detections) >= least] or certain


def _since(detections: Sequence[Detection], time: float) -> list[Detection]:
    """Return the detections from a time on, at least the last one."""
    start = len(detections) - 1
    while start > 0 and detections[start - 1].time >= time:
        start -= 1
    return list(detections[start:])


def find_people(
    video: Video,
    progress: Callable[[int], None] | None = None,
    finder: PersonFinder | None = None,
) -> list[Track]:
    """Return all people in a video; if no one is certain, look in smaller and smaller tiles.

    ``progress`` is called with the number of frames passed in the first attempt.
    """
    finder, doubtful = finder or PersonFinder(), list[Track]()
    for attempt in range(len(finder.config.tile_shares)):
        searcher = make_searcher(video, finder, attempt)
        for chunk in searcher.chunks(video.frames(stored=True)):
            if progress is not None:
                progress(chunk.frames[-1].index + 1)
        if certain := searcher.finish():
            return certain
        searcher.min_score = 0.0
        doubtful, progress = doubtful or searcher.finish(), None
    return doubtful


def make_searcher(video: Video, finder: PersonFinder, attempt: int) -> Searcher:
    """Return the searcher of an attempt: the tiles shrink from one to the next."""
    tiles = search_tiles(video.size, attempt, finder.config)
    return Searcher(finder, tiles, search_intervals(video, len(tiles), finder.config))


def search_tiles(size: tuple[int, int], attempt: int, config: SearchConfig) -> list[Tile]:
    """Return the tiles of an attempt; the second adds one for people taller than a large tile."""
    tiles = cover_with_tiles(size, config.tile_shares[attempt])
    return [*tiles, whole_tile(size)] if attempt == 1 else tiles


def search_intervals(
    video: Video, tiles: int, config: SearchConfig = DEFAULT_SEARCH
) -> tuple[int, int]:
    """Return the number of frames from one search to the next: where all is sure, and else."""
    most = min(video.length // config.min_searches, int(config.held_bytes / _bytes(video.size)))
    more = -(-tiles // config.max_tiles)
    sure, doubtful = (
        max(1, min(round(video.fps / rate), most)) * more
        for rate in (config.sure_rate, config.rate)
    )
    return sure, doubtful


def _bytes(size: tuple[int, int]) -> float:
    """Return the bytes of a picture in 4:2:0."""
    return 1.5 * size[0] * size[1]
