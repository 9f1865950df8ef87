"""The packaged detector on a video, which is read once.

Three stages run side by side, a few frames apart: decoding; the search for people, who become
tracks (`search`); and the landmark network, which looks at each person where the motion needs it
(`follow`, `bridge`). Who is who is decided at the end, when all tracks are known. If only some of
the people are wanted, the search reads the video first, and the network looks at these alone.
"""

from array import array
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from ..detections import Detections
from ..io.video import Frame, Video, run_ahead
from ..skeleton import BLAZEPOSE
from ..tracking.tracker import AnyTrack, Track, number_people, select_people
from .blazepose import LandmarkNetwork, Pose
from .bridge import DEFAULT_LOOKS, EVERY_FRAME, LookConfig, stride
from .follow import DEFAULT_FOLLOW, FollowConfig, PersonFollower, Poses, drop_duplicates
from .onnx import WORKERS
from .search import (
    DEFAULT_SEARCH,
    Chunk,
    PersonFinder,
    SearchConfig,
    find_people,
    join_to_people,
    make_searcher,
)

Watch = Callable[[Frame, Sequence[Pose]], None]
"""Called with every frame, in order, and the people in it."""
CHUNK = 16
"""Frames that are handed on together where the tracks are known."""


def detect(  # noqa: PLR0913 - options of a user
    video: Video,
    *,
    person: str | int = "all",
    landmarks: str = "heavy",
    every_frame: bool = False,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
    watch: Watch | None = None,
    search: SearchConfig = DEFAULT_SEARCH,
) -> Detections:
    """Return the joints of the people in a video, with the arguments of `detect_people`.

    Each id is the number of a person, as `number_people` ranks them.

    Raises:
        ValueError: If no one is found, there is no such person, or ``landmarks`` is unknown.
    """
    looks = EVERY_FRAME if every_frame else DEFAULT_LOOKS
    network, finder = LandmarkNetwork(landmarks, device=device), PersonFinder(search, device)
    readings = 1 if person == "all" else 2
    total = readings * max(video.length, 1)

    def report(done: int) -> None:
        if progress is not None:
            progress(min(done, total), total)

    if person == "all":
        found = _follow_all(video, Reader(network, looks, report, watch), finder)
    else:
        tracks = find_people(video, lambda done: report(min(done, video.length)), finder)
        chosen = select_people(number_people(tracks), person) if tracks else {}
        others = [track for track in tracks if track not in chosen.values()]
        reader = Reader(network, looks, lambda done: report(video.length + done), watch)
        found = reader.read(video, known_chunks(video, chosen, others)) if chosen else None
    if not found:
        raise ValueError(
            f"no one was found in {video.path.name}; try a part of the video in which one person "
            "is seen whole, upright and at least a tenth as tall as the image."
        )
    return found


@dataclass(frozen=True)
class FollowedPeople:
    """People seen in a video, or in a part of one, before it is decided who is who."""

    found: Detections
    """Ids are the numbers of tracks, if there are any."""
    tracks: Mapping[int, Track]
    """Where the search found people, by number; none if the detector does not search."""


def see(
    video: Video,
    *,
    landmarks: str = "heavy",
    every_frame: bool = False,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> FollowedPeople:
    """Follow all who are certain in a part of a video, with the arguments of `detect_people`.

    Raises:
        ValueError: If the video has no frames, or ``landmarks`` is unknown.
    """
    looks = EVERY_FRAME if every_frame else DEFAULT_LOOKS
    network, finder = LandmarkNetwork(landmarks, device=device), PersonFinder(device=device)

    def report(done: int) -> None:
        if progress is not None:
            progress(min(done, video.length), max(video.length, 1))

    searcher = make_searcher(video, finder, 0)
    frames = run_ahead(searcher.chunks(video.frames(stored=True)), 1)
    found = Reader(network, looks, report).read(video, frames)
    tracks = {n: Track(tuple(track.detections)) for n, track in searcher.tracks.items()}
    return FollowedPeople(found, tracks)


def tell_people_apart(seen: FollowedPeople) -> Detections | None:
    """Return the rows of people, numbered as `detect` does; None if no one is certain."""
    people = join_to_people(seen.tracks.values(), DEFAULT_SEARCH.certain_score)
    return assign_people(seen.found, seen.tracks, number_people(people)) if people else None


def _follow_all(video: Video, reader: "Reader", finder: PersonFinder) -> Detections | None:
    """Search and follow in one reading; if no one is certain, again in smaller and smaller tiles.

    At last those are followed who are not certain.
    """
    config, doubtful = finder.config, None
    for attempt in (*range(len(config.tile_shares)), None):
        if attempt is None and doubtful is None:
            return None
        searcher = make_searcher(video, finder, doubtful or 0 if attempt is None else attempt)
        searcher.min_score = config.certain_score if attempt is not None else 0.0
        frames = video.frames(stored=True)
        found = reader.read(video, run_ahead(searcher.chunks(frames), 1))
        if people := searcher.finish():
            return assign_people(found, searcher.tracks, number_people(people))
        if doubtful is None and searcher.tracks:
            doubtful = attempt
    return None


def follow_people(
    video: Video,
    tracks: Mapping[int, Track],
    others: Sequence[Track],
    network: LandmarkNetwork,
    progress: Callable[[int], None] | None = None,
    looks: LookConfig = DEFAULT_LOOKS,
) -> Detections:
    """Read the joints of some people whose tracks are known.

    Args:
        tracks: Where each person is, in some frames; by the person's number.
        others: Where other people are.
        progress: Called with the number of frames read.

    Returns:
        The people of ``tracks`` with their numbers as ids; frames without them have no row.

    Raises:
        ValueError: If the video has no frames.
    """
    reader = Reader(network, looks, progress)
    return reader.read(video, known_chunks(video, tracks, others))


def known_chunks(
    video: Video, tracks: Mapping[int, Track], others: Sequence[Track]
) -> Generator[Chunk, None, None]:
    """Yield the frames of a video with tracks that are known."""
    waiting: list[Frame] = []
    for frame in video.frames(stored=True):
        waiting.append(frame)
        if len(waiting) == CHUNK:
            yield Chunk(waiting, tracks, dict(enumerate(others)))
            waiting = []
    if waiting:
        yield Chunk(waiting, tracks, dict(enumerate(others)))


@dataclass
class Reader:
    """Reads the joints of people along their tracks."""

    network: LandmarkNetwork
    looks: LookConfig = DEFAULT_LOOKS
    progress: Callable[[int], None] | None = None
    watch: Watch | None = None
    follow: FollowConfig = DEFAULT_FOLLOW

    def read(self, video: Video, chunks: Iterable[Chunk]) -> Detections:
        """Return the people of all chunks; ids are the numbers of their tracks.

        Raises:
            ValueError: If the video has no frames.
        """
        poses, times = PoseBuffer(), array("d")
        with ThreadPoolExecutor(WORKERS) as threads:
            group = _Group(self, stride(video.fps, self.looks), threads)
            for frame, people in group.read(chunks):
                for number, pose in people.items():
                    poses.add(pose, len(times), number)
                times.append(frame.time)
                if self.watch is not None:
                    self.watch(frame, list(people.values()))
                if self.progress is not None:
                    self.progress(len(times))
        if not times:
            raise ValueError(f"{video.path} has no frames that can be read.")
        return poses.detections(video, times)


@dataclass
class _Group:
    """The people who are followed, and the frames that are not finished yet.

    Frames between two looks are finished when the look after the second one is there.
    """

    reader: Reader
    stride: int
    threads: ThreadPoolExecutor
    followers: dict[int, PersonFollower] = field(default_factory=dict)
    frames: dict[int, Frame] = field(default_factory=dict)
    looked: list[int] = field(default_factory=list)
    """Frames looked at, from the last finished one on."""

    def read(self, chunks: Iterable[Chunk]) -> Generator[tuple[Frame, dict[int, Pose]], None, None]:
        """Yield every frame, in order, with the people in it."""
        for chunk in chunks:
            self._update(chunk)
            for frame in chunk.frames:
                self.frames[frame.index] = frame
                if frame.index % self.stride == 0:
                    yield from self._look(frame)
        if self.frames:
            last = max(self.frames)
            if self.looked[-1:] != [last]:
                yield from self._look(self.frames[last])
            while self.looked:
                yield from self._look(None)

    def _update(self, chunk: Chunk) -> None:
        """Take over the tracks of a chunk; leave people who are gone."""
        everyone = [*chunk.tracks.items(), *((None, track) for track in chunk.others.values())]
        for number, track in chunk.tracks.items():
            others = [t for n, t in everyone if n != number]
            if number in self.followers:
                self.followers[number].track, self.followers[number].others = track, others
            else:
                network, follow = self.reader.network, self.reader.follow
                self.followers[number] = PersonFollower(track, others, network, follow)
        for number, follower in list(self.followers.items()):
            seen = any(pose is not None for _, pose in follower.looks.values())
            if not seen and number not in chunk.tracks:
                del self.followers[number]

    def _look(self, frame: Frame | None) -> Generator[tuple[Frame, dict[int, Pose]], None, None]:
        """Look at all people, if there is a frame; yield those frames that this finishes."""
        gap = self.looked[:2] if frame is None or len(self.looked) > 2 else []
        following = list(self.followers.values())
        fills = [self.threads.submit(self._fill, each, gap) for each in following]
        if frame is not None:
            self._step(frame)
        filled = [future.result() for future in fills]
        if not gap:
            return
        done = [i for i in sorted(self.frames) if i < (gap[1] if len(gap) > 1 else np.inf)]
        for i in done:
            at = {n: poses.get(i) for n, poses in zip(self.followers, filled, strict=True)}
            people = {n: pose for n, pose in at.items() if pose is not None}
            yield self.frames[i], self._distinct(people, self.frames[i])
        for i in done:
            del self.frames[i]
        self.looked = self.looked[1:]

    def _fill(self, follower: PersonFollower, gap: list[int]) -> Poses:
        """Return the poses from the first look of a gap to before the second one."""
        if not gap:
            return {}
        poses: Poses = {gap[0]: follower.looks.get(gap[0], (0.0, None))[1]}
        if len(gap) > 1:
            poses |= follower.fill(gap[0], gap[1], self.frames, self.reader.looks)
        return poses

    def _step(self, frame: Frame) -> None:
        """Look at all people in a frame, side by side."""
        since = self.looked[-1] if self.looked else -1
        frames = [self.frames[i] for i in sorted(self.frames) if since < i <= frame.index]
        how = self.stride, self.reader.looks
        steps = [self.threads.submit(f.walk, frames, *how) for f in self.followers.values()]
        walked = [step.result() for step in steps]
        pairs = zip(self.followers, walked, strict=True)
        people = {n: poses[-1] for n, poses in pairs if poses[-1] is not None}
        distinct = self._distinct(people, frame)
        self.looked.append(frame.index)
        oldest = self.looked[max(len(self.looked) - 4, 0)] - 2 * self.stride
        for (number, follower), poses in zip(self.followers.items(), walked, strict=True):
            if number in people and number not in distinct:
                follower.forget()
            looks = {i: look for i, look in follower.looks.items() if i >= oldest}
            between = zip(frames[:-1], poses[:-1], strict=True)
            looks |= {each.index: (each.time, pose) for each, pose in between if pose is not None}
            follower.looks = looks | {frame.index: (frame.time, distinct.get(number))}

    def _distinct(self, people: dict[int, Pose], frame: Frame) -> dict[int, Pose]:
        if len(people) < 2:
            return people
        follow = self.reader.follow

        def offset(number: int) -> float:
            here = people[number].detection(frame.index, frame.time)
            return self.followers[number].offset(frame.time, here)

        return drop_duplicates(people, offset, follow)


class PoseBuffer:
    """Joints of people in frames, as plain numbers: an hour of them stays small."""

    def __init__(self) -> None:
        self.xy, self.visibility = array("d"), array("d")
        self.frame, self.person = array("q"), array("q")

    def add(self, pose: Pose, frame: int, person: int) -> None:
        """Append the pose of one person in one frame."""
        self.xy.frombytes(pose.xy.astype(np.float64).tobytes())
        self.visibility.frombytes(pose.visibility.astype(np.float64).tobytes())
        self.frame.append(frame)
        self.person.append(person)

    def detections(self, video: Video, times: Sequence[float]) -> Detections:
        """Return all rows; the joints are not copied."""
        count = len(BLAZEPOSE.joints)
        return Detections(
            xy=np.frombuffer(self.xy).reshape(-1, count, 2),
            confidence=np.frombuffer(self.visibility).reshape(-1, count),
            frame=np.frombuffer(self.frame, np.int64),
            times=np.array(times),
            size=video.size,
            fps=video.fps,
            skeleton=BLAZEPOSE,
            ids=tuple(map(str, self.person)),
            tracked=True,
            focal=video.focal,
        )


def assign_people(
    found: Detections, parts: Mapping[int, AnyTrack], people: Mapping[int, Track]
) -> Detections | None:
    """Give each row the number of its person instead of that of its track.

    Args:
        found: Ids are the numbers of tracks.
        parts: These tracks.
        people: The people by number; each consists of some of these tracks. Other tracks are
            mistakes, and their rows are left out.

    Returns:
        One row a person and frame, that of the track nearest in time; None if none is left.
    """
    owner = {id(d): number for number, track in people.items() for d in track.detections}
    of_part = {n: owner.get(id(part.detections[0]), -1) for n, part in parts.items()}
    part = np.array(found.ids or (), dtype=np.int64)
    person = np.array([of_part[n] for n in part.tolist()], dtype=np.int64)
    keep = _nearest_rows(found, part, person, parts)
    if not len(keep):
        return None
    whole = len(keep) == len(part)
    return Detections(
        xy=found.xy if whole else found.xy[keep],
        confidence=found.confidence if whole else found.confidence[keep],
        frame=found.frame if whole else found.frame[keep],
        times=found.times,
        size=found.size,
        fps=found.fps,
        skeleton=found.skeleton,
        ids=tuple(map(str, person[keep].tolist())),
        tracked=True,
        focal=found.focal,
    )


def _nearest_rows(
    found: Detections,
    part: Int[np.ndarray, " n"],
    person: Int[np.ndarray, " n"],
    parts: Mapping[int, AnyTrack],
) -> Int[np.ndarray, " m"]:
    """Return the rows of people, of several of one person in a frame the nearest in time."""
    away = _seconds_outside(found.times[found.frame], part, parts)
    order = np.lexsort((away, person, found.frame))
    key = np.stack([found.frame[order], person[order]])
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(key, axis=1) != 0).any(axis=0)
    return order[first & (person[order] >= 0)]


def _seconds_outside(
    times: Float[np.ndarray, " n"], part: Int[np.ndarray, " n"], parts: Mapping[int, AnyTrack]
) -> Float[np.ndarray, " n"]:
    """Return how long before or after its track each row is; 0 within."""
    ends = {n: (p.detections[0].time, p.detections[-1].time) for n, p in parts.items()}
    first, last = np.array([ends[n] for n in part.tolist()]).reshape(-1, 2).T
    return np.maximum(np.maximum(first - times, times - last), 0.0)
