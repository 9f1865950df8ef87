"""The packaged detector on videos: the search, following on rails, and the sample clip."""

import importlib.util
import json
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import Actor, clip, numbered, rail, sample
from paths import ROOT, SAMPLE

from tcpformer.detect.regions import cover_with_tiles
from tcpformer.detect.two_pass import (
    DEFAULT_SEARCH,
    PersonFollower,
    SearchConfig,
    detect,
    find_people,
    follow_people,
    search_interval,
    search_tiles,
)
from tcpformer.io.video import Frame, Video, open_video
from tcpformer.motion import Motion2D
from tcpformer.skeleton import BLAZEPOSE
from tcpformer.tracking.assemble import assemble_people
from tcpformer.tracking.tracker import number_people

# the search


def test_search_interval_keeps_the_rate_and_ten_searches() -> None:
    video = Video(Path("a.mp4"), 30.0, (640, 480), 900)
    assert search_interval(video, 2) == round(30 / DEFAULT_SEARCH.rate)
    assert search_interval(replace(video, length=40), 2) == 4
    assert search_interval(replace(video, length=3), 2) == 1
    assert search_interval(video, 13) == 2 * search_interval(video, 12)


def test_search_tiles_shrink_and_the_second_attempt_sees_the_whole_image() -> None:
    first, second, third = (search_tiles((640, 360), i, DEFAULT_SEARCH) for i in range(3))
    assert first == cover_with_tiles((640, 360), 1.0)
    assert max(tile.side for tile in second) == 640
    assert third[0].side < second[0].side < first[0].side


def test_find_people_finds_a_small_person_in_smaller_tiles() -> None:
    images = []
    for image in sample(0, 2).images:
        canvas = np.full((360, 640, 3), 140, np.uint8)
        man = image[:190, 150:320]  # 160 pixels tall there, 64 here
        canvas[200:276, 400:468] = cv2.resize(man, (68, 76), interpolation=cv2.INTER_AREA)
        images.append(canvas)
    person = number_people(find_people(clip(images)))[0].detections[0]
    expected = np.array([400 + (236 - 150) * 0.4, 200 + 98 * 0.4])
    assert np.linalg.norm(person.center - expected) < 10
    assert 20 < person.radius < 45


# following


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


def test_follow_people_does_not_give_one_person_to_two_tracks() -> None:
    # only one person is there, and two tracks claim to be that person
    me, shadow = (100.0, 4.0), (130.0, 4.0)
    tracks = {0: rail(*me, range(0, 50, 10)), 1: rail(*shadow, range(0, 50, 10))}
    (right,) = assemble_people(follow_people(numbered(40), tracks, [], Actor(me)))
    assert right.person == 0
    assert right.valid.all()


def test_follow_people_leaves_out_unseen_frames_and_finds_the_person_again() -> None:
    video = replace(numbered(60), focal=800.0)
    track = rail(100.0, 4.0, range(10, 50, 10))
    actor = Actor((100.0, 4.0), blind=range(20, 27))
    (motion,) = assemble_people(follow_people(video, {3: track}, [], actor))
    assert motion.person == 3
    assert len(motion) == 60
    blind = np.isin(np.arange(60), range(20, 27))
    np.testing.assert_array_equal(motion.valid, ~blind)
    assert (motion.confidence[blind] == 0).all()
    seen = motion.xy[~blind, 0, 0]
    np.testing.assert_allclose(seen, 100 + 4 * np.flatnonzero(~blind))
    np.testing.assert_allclose(motion.times, np.arange(60) / 30)
    assert (motion.size, motion.fps, motion.focal) == ((600, 200), 30.0, 800.0)


def test_follow_people_keeps_few_frames_in_memory() -> None:
    kept: list[weakref.ref[Frame]] = []
    counts: list[int] = []

    @dataclass(frozen=True)
    class Long(Video):
        def frames(self, every: int = 1) -> Iterator[Frame]:
            for i in range(0, self.length, every):
                frame = Frame(i, i / self.fps, np.full((200, 600, 3), i % 100, np.uint8))
                kept.append(weakref.ref(frame))
                yield frame

    video = Long(Path("long.mp4"), 30.0, (600, 200), 100)
    me, other = (100.0, 2.0), (400.0, 1.0)
    tracks = {i: rail(*each, range(0, 100, 10)) for i, each in enumerate((me, other))}
    actor = Actor(me, other)
    found = follow_people(
        video, tracks, [], actor, lambda _: counts.append(sum(f() is not None for f in kept))
    )
    motions = assemble_people(found)
    assert [motion.valid.all() for motion in motions] == [True, True]
    np.testing.assert_allclose(motions[1].xy[:, 0, 0], 400 + np.arange(100.0))
    assert max(counts) <= 3


# whole


def test_detect_refuses_a_blank_video() -> None:
    blank = clip([np.full((90, 160, 3), 200, np.uint8)])
    with pytest.raises(ValueError, match=r"no one was found in clip\.mp4.*try"):
        detect(blank, landmarks="full", search=SearchConfig(tile_shares=(1.0,)))


def test_detect_follows_one_person_of_the_sample() -> None:
    video = sample(50, 58)
    calls: list[tuple[int, int]] = []
    found = detect(
        video,
        person=0,
        landmarks="full",
        progress=lambda *steps: calls.append(steps),
        search=SearchConfig(min_searches=3),
    )
    (motion,) = assemble_people(found)
    assert found.tracked
    assert set(found.ids or ()) == {"0"}
    assert motion.skeleton == BLAZEPOSE
    assert len(motion) == 8
    assert motion.valid.all()
    hip = motion.xy[:, [BLAZEPOSE.index["LHip"], BLAZEPOSE.index["RHip"]]].mean(axis=1)
    assert np.ptp(hip[:, 1]) < 40  # he stands on the roof; the woman is 150 pixels below
    assert hip[:, 1].mean() < 140
    assert np.linalg.norm(np.diff(hip, axis=0), axis=1).max() < 8
    shoulders = motion.confidence[:, [BLAZEPOSE.index["LShoulder"], BLAZEPOSE.index["RShoulder"]]]
    assert shoulders.min() > 0.9
    assert calls == sorted(calls)
    assert calls[-1] == (16, 16)


# the whole sample clip, against labels


@pytest.fixture(scope="module")
def found() -> list[Motion2D]:
    return assemble_people(detect(open_video(SAMPLE), landmarks="full"))


@pytest.mark.slow
def test_detect_tracks_both_people_of_the_sample_without_a_switch(found: list[Motion2D]) -> None:
    path = ROOT / "benchmarks/people.py"
    spec = importlib.util.spec_from_file_location("people_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    labels = json.loads(benchmark.LABELS.read_text())
    man, woman = benchmark.count(found, labels).values()
    assert (man.labelled, woman.labelled) == (23, 16)
    assert man.switches == woman.switches == 0
    assert man.tracked >= 20
    assert woman.tracked == 16
    assert benchmark.strangers(found, labels) <= 1
    swapped = [replace(m, xy=np.roll(m.xy, 115, axis=0)) for m in found]
    assert benchmark.count(swapped, labels)["man"].tracked < 12


@pytest.mark.slow
def test_detect_numbers_the_man_of_the_sample_0(found: list[Motion2D]) -> None:
    man, woman = found
    assert (man.person, woman.person) == (0, 1)
    assert np.flatnonzero(man.valid)[0] == 0
    assert np.flatnonzero(woman.valid)[0] in range(25, 45)
    assert len(man) == len(woman) == 230
