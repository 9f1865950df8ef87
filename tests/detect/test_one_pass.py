"""The packaged detector on videos: following on rails, people of tracks, and the sample clip."""

import importlib.util
import json
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from clips import Actor, clip, numbered, rail, sample
from paths import ROOT, SAMPLE

from tcpformer.detect.bridge import stride
from tcpformer.detect.one_pass import CHUNK, Reader, assign_people, detect, follow_people
from tcpformer.detect.search import Chunk, SearchConfig
from tcpformer.detections import Detections
from tcpformer.io.video import Frame, Video, open_video
from tcpformer.motion import Motion2D
from tcpformer.skeleton import BLAZEPOSE
from tcpformer.tracking.assemble import assemble_people
from tcpformer.tracking.tracker import ActiveTrack, Track

# following


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


@pytest.mark.parametrize("appears", [1, 16, 17])
@pytest.mark.parametrize("fps", [15.0, 30.0, 120.0])
def test_read_follows_a_person_who_appears_later(appears: int, fps: float) -> None:
    # looks at every frame, every 2nd and 8th
    me, newcomer = (100.0, 2.0), (400.0, 1.0)
    video = replace(numbered(60), fps=fps)
    tracks = {i: rail(*each, range(0, 60, 10)) for i, each in enumerate((me, newcomer))}
    frames = list(video.frames())
    chunks = [Chunk(frames[:appears], {0: tracks[0]}, {}), Chunk(frames[appears:], tracks, {})]
    found = Reader(Actor(me, newcomer)).read(video, chunks)
    rows = {person: found.frame[[i == person for i in found.ids or ()]] for person in "01"}
    np.testing.assert_array_equal(rows["0"], range(60))
    assert set(rows["1"]) >= set(range(appears + stride(fps), 60))
    for person, (start, speed) in zip("01", (me, newcomer), strict=True):
        x = found.xy[[i == person for i in found.ids or ()], 0, 0]
        np.testing.assert_allclose(x, start + speed * rows[person])


def test_follow_people_keeps_few_frames_in_memory() -> None:
    kept: list[weakref.ref[Frame]] = []
    counts: list[int] = []

    @dataclass(frozen=True)
    class Long(Video):
        def frames(self, every: int = 1, *, stored: bool = False) -> Iterator[Frame]:
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
    assert max(counts) <= 2 * CHUNK + 3


# people of tracks


def rows(ids: list[str], frames: list[int]) -> Detections:
    """Return detections whose joints hold the number of their row."""
    xy = np.broadcast_to(np.arange(len(ids), dtype=float)[:, None, None], (len(ids), 33, 2))
    shape = xy.shape[:2]
    return Detections(
        xy, np.ones(shape), np.array(frames), np.arange(40) / 30, (600, 200), 30.0, BLAZEPOSE,
        ids=tuple(ids), tracked=True,
    )  # fmt: skip


def parts(*each: range) -> dict[int, ActiveTrack]:
    """Return tracks that were detected in some frames."""
    found = {}
    for number, frames in enumerate(each):
        first, *others = rail(100.0, 4.0, frames).detections
        found[number] = ActiveTrack(first)
        for detection in others:
            found[number].add(detection)
    return found


def test_assign_people_takes_the_row_of_the_nearer_track() -> None:
    tracks = parts(range(0, 10, 3), range(20, 30, 3))
    joined = Track((*tracks[0].detections, *tracks[1].detections))
    found = assign_people(rows(["0", "0", "1", "0", "1"], [2, 12, 12, 19, 19]), tracks, {5: joined})
    assert found is not None
    assert found.ids == ("5", "5", "5")
    np.testing.assert_array_equal(found.frame, [2, 12, 19])
    np.testing.assert_array_equal(found.xy[:, 0, 0], [0, 1, 4])


def test_assign_people_leaves_out_mistakes() -> None:
    tracks = parts(range(0, 10, 3), range(20, 21))
    people = {0: Track(tuple(tracks[0].detections))}
    found = assign_people(rows(["0", "1"], [2, 20]), tracks, people)
    assert found is not None
    assert found.ids == ("0",)
    assert assign_people(rows(["1"], [20]), tracks, people) is None


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
