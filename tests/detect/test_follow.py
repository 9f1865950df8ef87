"""Following one person from look to look."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from clips import Actor, numbered, rail

from tcpformer.detect.blazepose import LandmarkNetwork, Pose
from tcpformer.detect.follow import PersonFollower
from tcpformer.detect.regions import Region
from tcpformer.io.planes import Image, Planes


class Counting(LandmarkNetwork):
    """A network that notes the frames it looks at."""

    def __init__(self, actor: Actor) -> None:
        self.actor, self.frames = actor, list[int]()

    def __call__(self, image: Image | Planes, region: Region) -> Pose:
        assert isinstance(image, np.ndarray)
        self.frames.append(int(image[0, 0, 0]))
        return self.actor(image, region)


def filled(actor: Actor, looks: Sequence[int]) -> tuple[dict[int, Pose | None], list[int]]:
    """Look at some frames; return the poses in the middle gap, and the frames looked at there."""
    network = Counting(actor)
    follower = PersonFollower(rail(*actor.rails[0], range(0, 60, 10)), [], network)
    frames = {frame.index: frame for frame in numbered(60).frames()}
    for i in looks:
        follower.looks[i] = frames[i].time, follower.step(frames[i])
    network.frames.clear()
    return follower.fill(looks[1], looks[2], frames), network.frames


def test_person_follower_stays_with_the_person_through_a_crossing() -> None:
    # the network takes the nearest person, and here starts with the wrong one
    me, other = (100.0, 4.0), (500.0, -4.0)
    tracks = [rail(*me, range(0, 100, 10)), rail(*other, range(0, 100, 10))]
    pursuit = PersonFollower(tracks[0], tracks[1:], Actor(me, other))
    pursuit.last = tracks[1].at(0.0)
    for frame in numbered(95).frames():
        pose = pursuit.step(frame)
        assert pose is not None
        if not 40 <= frame.index <= 60:  # they stand in each other's circle
            assert pose.center[0] == pytest.approx(100 + 4 * frame.index)


def test_fill_bridges_even_motion_without_a_look() -> None:
    poses, looked = filled(Actor((100.0, 4.0)), [8, 12, 16, 20])
    assert not looked
    for i in (13, 14, 15):
        pose = poses[i]
        assert pose is not None
        np.testing.assert_allclose(pose.xy[:, 0], 100 + 4 * i)


def test_fill_looks_where_the_motion_turns() -> None:
    class Turning(Actor):
        def __call__(self, image: np.ndarray, region: Region) -> Pose:
            pose = super().__call__(image, region)
            turned = pose.xy + np.array([0.0, 60.0 * (int(image[0, 0, 0]) >= 16)])
            return replace(pose, xy=turned)

    poses, looked = filled(Turning((100.0, 4.0)), [8, 12, 16, 20])
    assert 14 in looked
    assert poses[15] is not None
    assert poses[15].xy[0, 1] == pytest.approx(100.0)


def test_fill_looks_at_the_middle_where_a_side_is_not_seen() -> None:
    poses, looked = filled(Actor((100.0, 4.0), blind=range(15, 30)), [8, 12, 16, 20])
    assert 14 in looked
    assert poses[14] is not None
    assert poses[15] is None


def test_ahead_is_one_frame_behind_at_the_speed_of_the_last_two_looks() -> None:
    actor = Actor((100.0, 4.0))
    follower = PersonFollower(rail(100.0, 4.0, range(0, 60, 10)), [], actor)
    frames = {frame.index: frame for frame in numbered(60).frames()}
    assert follower.ahead(frames[0]) is None
    for i in (4, 6):
        follower.step(frames[i])
    place = follower.ahead(frames[8])
    assert place is not None
    assert place.center == pytest.approx((100 + 4 * 7, 100.0))
    far = follower.ahead(frames[50])
    assert far is not None
    assert far.center[0] == pytest.approx(124 + 0.3 * 100)


def test_walk_looks_at_every_frame_unless_the_motion_is_even() -> None:
    frames = {frame.index: frame for frame in numbered(20).frames()}
    for speed, count in ((4.0, 1), (0.0, 1)):
        follower = PersonFollower(rail(100.0, speed, range(0, 60, 10)), [], Actor((100.0, speed)))
        for i in (0, 2, 4, 6):
            follower.looks[i] = frames[i].time, follower.step(frames[i])
        found = follower.walk([frames[7], frames[8]], 2)
        assert sum(pose is not None for pose in found) == count
        time, pose = follower.looks[4]
        assert pose is not None
        follower.looks[4] = time, replace(pose, xy=pose.xy + 30.0)
        found = follower.walk([frames[9], frames[10]], 2)
        assert all(pose is not None for pose in found)
