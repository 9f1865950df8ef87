"""The packaged detector on a video, in two passes.

In a few frames a second, MoveNet and the BlazePose detector propose people, the landmark network
confirms them, and the tracker joins them. Then, in every frame, each person's joints are read in
the region where the person was in the frame before, or where the track has them.
"""

from array import array
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np

from ..detections import Detections
from ..io.video import Frame, Video
from ..skeleton import BLAZEPOSE
from ..tracking.appearance import clothing_histogram
from ..tracking.tracker import (
    DEFAULT_TRACKER,
    Detection,
    Track,
    distance,
    keypoint_similarity,
    link,
    match,
    number_people,
    select_people,
)
from .blazepose import MIN_SCORE, LandmarkNetwork, PersonDetector, Pose, refine_twice
from .movenet import MoveNet
from .prefetch import WORKERS, prefetch
from .regions import Tile, cover_with_tiles, region_around, whole_tile


@dataclass(frozen=True)
class SearchConfig:
    """How people are found; tuned on the sample clip and on videos of one to twelve people."""

    rate: float = 4.0
    """Frames searched each second."""
    min_searches: int = 10
    """Frames searched at least, in short videos."""
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


@dataclass(frozen=True)
class FollowConfig:
    """How people are followed; tuned as `SearchConfig`."""

    max_offset: float = 1.0
    """Radii that a person may be from the track."""
    drift_speed: float = 2.0
    """Radii by which that grows for each second to the nearest detection of the track."""
    same_similarity: float = 0.8
    """Keypoint similarity above which two people in one place are the same person."""
    extend_s: float = 0.5
    """Seconds before the first and after the last detection in which a person is looked for."""


DEFAULT_SEARCH, DEFAULT_FOLLOW = SearchConfig(), FollowConfig()


def detect(
    video: Video,
    *,
    person: str | int = "all",
    landmarks: str = "heavy",
    progress: Callable[[int, int], None] | None = None,
    search: SearchConfig = DEFAULT_SEARCH,
    follow: FollowConfig = DEFAULT_FOLLOW,
) -> Detections:
    """Return the joints of the people in a video, with the arguments of `detect_people`.

    Each id is the number of a person, as `number_people` ranks them.

    Raises:
        ValueError: If no one is found, there is no such person, or ``landmarks`` is unknown.
    """
    network, length, detections = LandmarkNetwork(landmarks), video.length, None
    total = 2 * max(length, 1)

    def report(done: int) -> None:
        if progress is not None:
            progress(min(done, total), total)

    tracks = find_people(video, lambda done: report(min(done, length)), search)
    if tracks:
        chosen = select_people(number_people(tracks), person)
        others = [track for track in tracks if track not in chosen.values()]
        detections = follow_people(
            video, chosen, others, network, lambda done: report(length + done), follow
        )
    if not detections:
        raise ValueError(
            f"no one was found in {video.path.name}; try a part of the video in which one person "
            "is seen whole, upright and at least a tenth as tall as the image."
        )
    return detections


class PersonFinder:
    """Finds people in one frame, with their joints and the colors of their clothes."""

    def __init__(self, config: SearchConfig = DEFAULT_SEARCH) -> None:
        self.config = config
        self.detector, self.movenet = PersonDetector(), MoveNet()
        self.landmarks = LandmarkNetwork("full")

    def propose(self, frame: Frame, tiles: Sequence[Tile]) -> list[Detection]:
        """Return where people may be; independent of other frames."""
        people = [person.detection(frame.index, frame.time) for person in self.movenet(frame.image)]
        found = self.detector(frame.image, tiles, frame.index, frame.time)
        return [*filter(None, people), *found]

    def confirm(
        self, frame: Frame, proposals: Sequence[Detection], known: Sequence[Detection]
    ) -> list[Detection]:
        """Return the people at some places, other than those who are known.

        The landmark network alone also sees people in huge regions that lie mostly outside the
        image; therefore the hips must be inside, and the score of the proposal counts.
        """
        height, width = frame.image.shape[:2]
        new: list[Detection] = []
        for proposal in proposals:
            if self._is_known(proposal, [*known, *new]):
                continue
            pose = self.landmarks(frame.image, region_around(proposal))
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


def find_people(
    video: Video,
    progress: Callable[[int], None] | None = None,
    config: SearchConfig = DEFAULT_SEARCH,
) -> list[Track]:
    """Return all people in a video; if no one is certain, look in smaller and smaller tiles.

    ``progress`` is called with the number of frames passed in the first attempt.
    """
    finder, doubtful = PersonFinder(config), list[Track]()
    for attempt in range(len(config.tile_shares)):
        tiles = search_tiles(video.size, attempt, config)
        tracks = link(scan_frames(video, finder, tiles, progress))
        score = config.certain_score
        certain = [t for t in tracks if max(d.score for d in t.detections) >= score]
        lasting = [t for t in certain if len(t.detections) >= config.min_detections]
        if certain:
            return lasting or certain
        doubtful, progress = doubtful or tracks, None
    return doubtful


def search_tiles(size: tuple[int, int], attempt: int, config: SearchConfig) -> list[Tile]:
    """Return the tiles of an attempt; the second adds one for people taller than a large tile."""
    tiles = cover_with_tiles(size, config.tile_shares[attempt])
    return [*tiles, whole_tile(size)] if attempt == 1 else tiles


def scan_frames(
    video: Video,
    finder: PersonFinder,
    tiles: Sequence[Tile],
    progress: Callable[[int], None] | None = None,
) -> list[list[Detection]]:
    """Return the people in each frame that is searched, in some tiles.

    ``progress`` is called with the number of frames passed.
    """
    found: list[list[Detection]] = []
    frames = video.frames(every=search_interval(video, len(tiles), finder.config))
    for frame, proposals in prefetch(frames, lambda frame: finder.propose(frame, tiles)):
        found.append(_confirm_again(finder, frame, proposals, found[-1] if found else []))
        if progress is not None:
            progress(frame.index + 1)
    return found


def search_interval(video: Video, tiles: int, config: SearchConfig = DEFAULT_SEARCH) -> int:
    """Return the number of frames from one search to the next."""
    interval = min(round(video.fps / config.rate), video.length // config.min_searches)
    return max(1, interval) * -(-tiles // config.max_tiles)


def _confirm_again(
    finder: PersonFinder, frame: Frame, proposals: Sequence[Detection], before: Sequence[Detection]
) -> list[Detection]:
    """Return the people at the proposals, then those of the frame before who stand still.

    Only those not among the new ones, or a person who walks would be found twice.
    """
    new = finder.confirm(frame, proposals, [])
    moved = {track for track, _ in match([Track((person,)) for person in before], new)}
    weight = finder.config.repeated_weight
    still = [replace(p, score=p.score * weight) for i, p in enumerate(before) if i not in moved]
    return new + finder.confirm(frame, still, new)


def follow_people(
    video: Video,
    tracks: Mapping[int, Track],
    others: Sequence[Track],
    network: LandmarkNetwork,
    progress: Callable[[int], None] | None = None,
    config: FollowConfig = DEFAULT_FOLLOW,
) -> Detections:
    """Read the joints of some people in every frame.

    Args:
        tracks: Where each person is, in some frames; by the person's number.
        others: Where other people are.
        progress: Called with the number of frames read.

    Returns:
        The people of ``tracks`` with their numbers as ids; frames without them have no row.

    Raises:
        ValueError: If the video has no frames.
    """
    everyone = [*tracks.values(), *others]
    followers = {
        person: PersonFollower(track, [t for t in everyone if t is not track], network, config)
        for person, track in tracks.items()
    }
    poses, times = PoseBuffer(), array("d")
    with ThreadPoolExecutor(WORKERS) as threads:
        for frame in video.frames():
            for person, pose in _read_frame(followers, frame, threads).items():
                poses.add(pose, len(times), person)
            times.append(frame.time)
            if progress is not None:
                progress(len(times))
    if not times:
        raise ValueError(f"{video.path} has no frames that can be read.")
    return poses.detections(video, times)


@dataclass
class PersonFollower:
    """Follows one person from frame to frame."""

    track: Track
    """Where the person is, in some frames."""
    others: Sequence[Track]
    """Where other people are."""
    network: LandmarkNetwork
    config: FollowConfig = DEFAULT_FOLLOW
    last: Detection | None = None
    """Where the person was in the frame before; None if not seen there."""

    def step(self, frame: Frame) -> Pose | None:
        """Return the person's pose in the next frame, or None."""
        expected = self.track.at(frame.time, self.config.extend_s)
        accepts = partial(self._accepts, frame=frame, expected=expected)
        pose = read_near(self.network, frame, self.last, expected, accepts)
        self.last = None if pose is None else pose.detection(frame.index, frame.time)
        return pose

    def offset(self, frame: Frame) -> float:
        """Return the distance of the person from the track, in radii."""
        expected = self.track.at(frame.time, self.config.extend_s)
        return distance(self.last, expected) if expected and self.last else np.inf

    def _accepts(self, pose: Pose, frame: Frame, expected: Detection | None) -> bool:
        if expected is None or not is_inside(pose, frame):
            return is_inside(pose, frame)
        rivals = [other.at(frame.time) for other in self.others]
        unseen_s = abs(self.track.nearest(frame.time).time - frame.time)
        limit = self.config.max_offset + self.config.drift_speed * unseen_s
        return is_expected(pose, expected, rivals, limit, self.config)


def read_near(
    network: LandmarkNetwork,
    frame: Frame,
    last: Detection | None,
    expected: Detection | None,
    accepts: Callable[[Pose], bool],
) -> Pose | None:
    """Read the joints near the last place, or else near the expected one; None if not accepted."""
    if last is not None and accepts(pose := network(frame.image, region_around(last))):
        return pose
    if expected is not None and accepts(pose := refine_twice(network, frame.image, expected)):
        return pose
    return None


def is_inside(pose: Pose, frame: Frame) -> bool:
    """Return whether a pose is a person whose hips are not beside the image."""
    return pose.score >= MIN_SCORE and 0 <= pose.center[0] < frame.image.shape[1]


def is_expected(
    pose: Pose,
    expected: Detection,
    rivals: Sequence[Detection | None],
    limit: float,
    config: FollowConfig,
) -> bool:
    """Return whether a pose is within ``limit`` radii of a place, and not rather another person.

    ``rivals`` are the places where other people are expected, or None.
    """
    here = pose.detection()
    offset = distance(here, expected)
    nearest = min((distance(here, r) for r in rivals if r is not None), default=np.inf)
    return offset <= limit and not (nearest < offset / 2 and offset > config.max_offset / 2)


def _read_frame(
    followers: Mapping[int, PersonFollower], frame: Frame, threads: ThreadPoolExecutor
) -> dict[int, Pose]:
    """Return the poses in the next frame by person; several people are read side by side."""
    read = map if len(followers) == 1 else threads.map
    steps = read(lambda follower: follower.step(frame), followers.values())
    poses = {k: pose for k, pose in zip(followers, steps, strict=True) if pose is not None}
    distinct = drop_duplicates(poses, lambda k: followers[k].offset(frame))
    for k in poses.keys() - distinct.keys():
        followers[k].last = None  # looked for anew in the next frame
    return distinct


def drop_duplicates(
    poses: Mapping[int, Pose], offset: Callable[[int], float], config: FollowConfig = DEFAULT_FOLLOW
) -> dict[int, Pose]:
    """Drop, of two poses that are one person, the one with the larger offset from its track."""
    distinct, place = dict(poses), {k: pose.detection() for k, pose in poses.items()}
    for i, j in combinations(poses, 2):
        near = distance(place[i], place[j]) < DEFAULT_TRACKER.min_separation
        same = near and (keypoint_similarity(place[i], place[j]) or 0.0) > config.same_similarity
        if same and i in distinct and j in distinct:
            del distinct[max((i, j), key=offset)]
    return distinct


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
