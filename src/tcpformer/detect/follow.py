"""The second pass over a video: people's joints, in every frame."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from ..detections import Detections
from ..io.video import Frame, Video
from ..skeleton import BLAZEPOSE
from ..tracking.tracker import SAME, Detection, Track, distance, keypoint_similarity
from .blazepose import FLOOR, LandmarkNetwork, Pose, refine_twice
from .prefetch import AT_ONCE
from .regions import around

STRAY = 1.0  # radii that a person may be from where the track has them
DRIFT = 2.0  # and how much further for each second to the track's nearest sighting
TWIN = 0.8  # two people's postures are hardly ever more alike than this, in one place
BEYOND = 0.5  # seconds before the first and after the last sighting in which to look


def follow(
    video: Video,
    tracks: Mapping[int, Track],
    others: Sequence[Track],
    network: LandmarkNetwork,
    progress: Callable[[int], None] | None = None,
) -> Detections:
    """Read the joints of some people in every frame.

    Each frame is cut where the person was in the frame before. Whoever is lost, or taken for
    somebody else, is looked for where the track has them.

    Args:
        video: The video.
        tracks: Where each person is, here and there in time; by the person's number.
        others: Where other people are.
        network: Reads the joints.
        progress: Called with the number of frames read.

    Returns:
        The people of ``tracks`` with their numbers as ids; frames without them have no row.

    Raises:
        ValueError: If the video has no frames.
    """
    everybody = [*tracks.values(), *others]
    pursuits = [
        PersonFollower(track, [other for other in everybody if other is not track], network)
        for track in tracks.values()
    ]
    poses, times = PoseBuffer(), array("d")
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for frame in video.frames():
            for person, pose in zip(tracks, step(pursuits, frame, threads), strict=True):
                if pose is not None:
                    poses.add(pose, len(times), person)
            times.append(frame.time)
            if progress is not None:
                progress(len(times))
    if not times:
        raise ValueError(f"{video.path} has no frames that can be read.")
    return poses.detections(video, times)


def step(
    pursuits: Sequence["PersonFollower"], frame: Frame, threads: ThreadPoolExecutor
) -> list[Pose | None]:
    """Everybody's pose in the next frame; several people are looked at side by side.

    Nobody is two people: of two poses that are one, that of the track which it fits less is
    dropped, and the person looked for anew in the next frame.
    """
    if len(pursuits) == 1:
        return [pursuits[0].step(frame)]
    poses = list(threads.map(lambda pursuit: pursuit.step(frame), pursuits))
    for i, j in combinations(range(len(pursuits)), 2):
        a, b = poses[i], poses[j]
        if a is not None and b is not None and _same(a, b):
            worse = max((i, j), key=lambda k: pursuits[k].off(frame))
            poses[worse] = None
            pursuits[worse].last = None
    return poses


def _same(a: Pose, b: Pose) -> bool:
    one, other = a.sighting(0, 0.0), b.sighting(0, 0.0)
    posture = keypoint_similarity(one, other)
    return distance(one, other) < SAME and posture is not None and posture > TWIN


class PoseBuffer:
    """Joints of the people in the frames so far, in as few bytes as an hour of them allows."""

    def __init__(self) -> None:
        self.xy, self.visible = array("d"), array("d")
        self.frame, self.person = array("q"), array("q")

    def add(self, pose: Pose, frame: int, person: int) -> None:
        """Append the pose of one person in one frame."""
        self.xy.frombytes(pose.xy.astype(np.float64).tobytes())
        self.visible.frombytes(pose.visible.astype(np.float64).tobytes())
        self.frame.append(frame)
        self.person.append(person)

    def detections(self, video: Video, times: Sequence[float]) -> Detections:
        """Return all rows, without a copy."""
        count = len(BLAZEPOSE.joints)
        names = {person: str(person) for person in set(self.person)}
        return Detections(
            xy=np.frombuffer(self.xy).reshape(-1, count, 2),
            confidence=np.frombuffer(self.visible).reshape(-1, count),
            frame=np.frombuffer(self.frame, np.int64),
            times=np.array(times),
            size=video.size,
            fps=video.fps,
            skeleton=BLAZEPOSE,
            ids=tuple(names[person] for person in self.person),
            tracked=True,
            focal=video.focal,
        )


@dataclass
class PersonFollower:
    """Follows one person from frame to frame.

    Attributes:
        track: Where the person is, here and there in time.
        others: Where other people are.
        network: Reads the joints.
        last: Where the person was in the frame before; None if not seen there.
    """

    track: Track
    others: Sequence[Track]
    network: LandmarkNetwork
    last: Detection | None = field(default=None)

    def step(self, frame: Frame) -> Pose | None:
        """The person's pose in the next frame, or None."""
        expected = self.track.at(frame.time, BEYOND)
        pose = None
        if self.last is not None:
            pose = self._accept(self.network(frame.image, around(self.last)), frame, expected)
        if pose is None and expected is not None:
            pose = self._accept(refine_twice(self.network, frame.image, expected), frame, expected)
        self.last = None if pose is None else pose.sighting(frame.index, frame.time)
        return pose

    def off(self, frame: Frame) -> float:
        """How far the person is from where the track has them, in radii."""
        expected = self.track.at(frame.time, BEYOND)
        if expected is None or self.last is None:
            return np.inf
        return distance(self.last, expected)

    def _accept(self, pose: Pose, frame: Frame, expected: Detection | None) -> Pose | None:
        """The pose, unless nobody is there, or they have left, or it is somebody else."""
        if pose.score < FLOOR or not 0 <= pose.centre[0] < frame.image.shape[1]:
            return None
        if expected is None:
            return pose
        here = pose.sighting(frame.index, frame.time)
        off = distance(here, expected)
        if off > STRAY + DRIFT * self._unseen(frame.time):
            return None
        rivals = [other.at(frame.time) for other in self.others]
        nearest = min((distance(here, r) for r in rivals if r is not None), default=np.inf)
        return None if nearest < off / 2 and off > STRAY / 2 else pose

    def _unseen(self, time: float) -> float:
        """Seconds to the nearest sighting of the track."""
        return abs(self.track.nearest(time).time - time)
