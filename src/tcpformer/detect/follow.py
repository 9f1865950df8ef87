"""One person, looked at in some frames and bridged in the others; several people kept apart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations

import numpy as np
from jaxtyping import Float

from ..io.video import Frame
from ..tracking.tracker import DEFAULT_TRACKER, Detection, Track, distance, keypoint_similarity
from .blazepose import MIN_SCORE, LandmarkNetwork, Pose, refine_twice
from .bridge import DEFAULT_LOOKS, LookConfig, bridge, may_bridge
from .regions import region_around

Poses = dict[int, Pose | None]
"""Pose, or None where the person was not seen, by the number of the frame."""


@dataclass(frozen=True)
class FollowConfig:
    """How people are followed; tuned on the sample clip and on videos of one to twelve people."""

    max_offset: float = 1.0
    """Radii that a person may be from the track."""
    drift_speed: float = 2.0
    """Radii by which that grows for each second to the nearest detection of the track."""
    same_similarity: float = 0.8
    """Keypoint similarity above which two people in one place are the same person."""
    extend_s: float = 0.5
    """Seconds before the first and after the last detection in which a person is looked for."""
    max_lead: float = 0.3
    """Radii by which center and scale point are expected ahead of the last look, at most."""


DEFAULT_FOLLOW = FollowConfig()


@dataclass
class PersonFollower:
    """Follows one person from look to look."""

    track: Track
    """Where the person is, in some frames."""
    others: Sequence[Track]
    """Where other people are."""
    network: LandmarkNetwork
    config: FollowConfig = DEFAULT_FOLLOW
    last: Detection | None = None
    """Where the person was at the last look; None if not seen there."""
    speed: Float[np.ndarray, "2 2"] = field(default_factory=lambda: np.zeros((2, 2)))
    """Pixels a second of center and scale point between the last two looks."""
    looks: dict[int, tuple[float, Pose | None]] = field(default_factory=dict)
    """Time and pose of the recent looks, by the number of the frame."""

    def step(self, frame: Frame) -> Pose | None:
        """Look at the next frame that is not skipped; return the pose, or None."""
        pose = self._read(frame, self.ahead(frame))
        before, self.last = self.last, pose and pose.detection(frame.index, frame.time)
        self.speed = np.zeros((2, 2))
        if before is not None and self.last is not None and frame.time > before.time:
            self.speed = (_points(self.last) - _points(before)) / (frame.time - before.time)
        return pose

    def walk(
        self, frames: Sequence[Frame], stride: int, config: LookConfig = DEFAULT_LOOKS
    ) -> list[Pose | None]:
        """Look at the last of some frames; where the motion is uneven, at those before it as well.

        Frame after frame, the region is that of a look at every frame.
        """
        recent = [look for i, look in sorted(self.looks.items()) if i % stride == 0][-4:]
        seen = [(time, pose) for time, pose in recent if pose is not None]
        even = len(seen) == 4 and may_bridge(seen, config)
        skipped = frames[:-1] if even or not seen else frames[:0]
        return [None] * len(skipped) + [self.step(frame) for frame in frames[len(skipped) :]]

    def ahead(self, frame: Frame) -> Detection | None:
        """Return where the last two looks expect the person one frame before this one.

        Joints depend a little on the region; this is that of a look at every frame.
        """
        if self.last is None:
            return None
        skipped = 1 - 1 / max(frame.index - self.last.frame, 1)
        lead = self.speed * (frame.time - self.last.time) * skipped
        limit = self.config.max_lead * self.last.radius
        lead = lead * min(1.0, limit / max(float(np.hypot(*lead.T).max()), 1e-9))
        return _moved(self.last, lead)

    def forget(self) -> None:
        """Look for the person anew in the next frame."""
        self.last = None

    def fill(
        self, first: int, last: int, frames: Mapping[int, Frame], config: LookConfig = DEFAULT_LOOKS
    ) -> Poses:
        """Return the poses of the frames between two looks, read or bridged."""
        looks = dict(sorted(self.looks.items()))
        poses: Poses = {}
        self._fill(first, last, (frames, looks, poses), config)
        return poses

    def _fill(
        self,
        first: int,
        last: int,
        state: tuple[Mapping[int, Frame], dict[int, tuple[float, Pose | None]], Poses],
        config: LookConfig,
    ) -> None:
        frames, looks, poses = state
        ends = [looks.get(i, (0.0, None))[1] for i in (first, last)]
        if last - first < 2 or not any(ends):
            return
        around = None if (first + last) // 2 in looks else _around(looks, first, last)
        if around is not None and may_bridge(around, config):
            inside = range(first + 1, last)
            poses.update({i: bridge(around, frames[i].time, config) for i in inside})
            return
        middle = (first + last) // 2
        if middle not in looks:
            share = (middle - 1 - first) / (last - first)
            pose = self._read(frames[middle], _between(ends, share))
            looks[middle] = frames[middle].time, pose
        poses[middle] = looks[middle][1]
        self._fill(first, middle, state, config)
        self._fill(middle, last, state, config)

    def offset(self, time: float, here: Detection | None = None) -> float:
        """Return the distance of the person from the track, in radii."""
        expected = self.track.at(time, self.config.extend_s)
        here = here or self.last
        return distance(here, expected) if expected and here else np.inf

    def _read(self, frame: Frame, near: Detection | None) -> Pose | None:
        expected = self.track.at(frame.time, self.config.extend_s)
        accepts = partial(self._accepts, frame=frame, expected=expected)
        return read_near(self.network, frame, near, expected, accepts)

    def _accepts(self, pose: Pose, frame: Frame, expected: Detection | None) -> bool:
        if expected is None or not is_inside(pose, frame):
            return is_inside(pose, frame)
        rivals = [other.at(frame.time) for other in self.others]
        unseen_s = abs(self.track.nearest(frame.time).time - frame.time)
        limit = self.config.max_offset + self.config.drift_speed * unseen_s
        return is_expected(pose, expected, rivals, limit, self.config)


def _around(
    looks: Mapping[int, tuple[float, Pose | None]], first: int, last: int
) -> list[tuple[float, Pose]] | None:
    """Return the four looks around a gap; None if the person is not seen in all of them."""
    before = max((i for i in looks if i < first), default=None)
    after = min((i for i in looks if i > last), default=None)
    ends = (before, first, last, after)  # one who is new was not looked for in the first
    found = [looks[i] for i in ends if i is not None and i in looks]
    seen = [(time, pose) for time, pose in found if pose is not None]
    return seen if len(seen) == 4 else None


def _between(ends: Sequence[Pose | None], share: float) -> Detection:
    """Return the place at a share of the way between two poses, or that of the one known."""
    places = [pose.detection() for pose in ends if pose is not None]
    return _moved(places[0], (_points(places[-1]) - _points(places[0])) * share)


def _points(person: Detection) -> Float[np.ndarray, "2 2"]:
    """Return center and scale point."""
    return np.array([person.center, person.scale_point])


def _moved(person: Detection, shift: Float[np.ndarray, "2 2"]) -> Detection:
    """Return a detection without joints, whose center and scale point moved by some pixels."""
    (x, y), (up_x, up_y) = (_points(person) + shift).tolist()
    return Detection(person.frame, person.time, (x, y), (up_x, up_y), person.score)


def read_near(
    network: LandmarkNetwork,
    frame: Frame,
    last: Detection | None,
    expected: Detection | None,
    accepts: Callable[[Pose], bool],
) -> Pose | None:
    """Read the joints near the last place, or else near the expected one; None if not accepted."""
    if last is not None and accepts(pose := network(frame.picture, region_around(last))):
        return pose
    if expected is not None and accepts(pose := refine_twice(network, frame.picture, expected)):
        return pose
    return None


def is_inside(pose: Pose, frame: Frame) -> bool:
    """Return whether a pose is a person whose hips are not beside the image."""
    return pose.score >= MIN_SCORE and 0 <= pose.center[0] < frame.picture.shape[1]


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
