"""A video seen in parts: planned, joined, and the same as the whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clips import rail
from paths import SAMPLE

from tcpformer.detect import local
from tcpformer.detect.one_pass import FollowedPeople
from tcpformer.detect.parts import (
    Part,
    join_parts,
    plan_parts,
    seen_from_arrays,
    seen_to_arrays,
)
from tcpformer.detections import Detections
from tcpformer.io.parts import cut_frames
from tcpformer.io.video import Frame, find_origin, open_video, write_video
from tcpformer.motion import Motion2D
from tcpformer.pipeline import LiftOptions, _people_of, find_people, see_video
from tcpformer.skeleton import BLAZEPOSE

BODY = np.array([(0, 0)] * 5 + [(3, 4), (-3, 4), (5, 8), (-5, 8), (6, 12), (-6, 12)]
                + [(2, 12), (-2, 12), (2, 18), (-2, 18), (2, 24), (-2, 24)], float)  # fmt: skip
"""Pixels from the head to the joints of COCO."""


def quiet(stage: str, done: int, total: int) -> None:
    """Show no progress."""


@pytest.mark.parametrize("seconds", [1.0, 3.3, 60.0, 1000.0])
def test_plan_parts_gives_each_frame_once_and_overlaps(seconds: float) -> None:
    times = np.arange(3000) / 30
    parts = plan_parts(times, 30.0, seconds, overlap=2.0)
    assert [i for part in parts for i in part.own] == list(range(3000))
    for part in parts:
        assert len(part.own) <= 30 * seconds + 1
        assert part.seen.start == max(0, part.own.start - 60) // 60 * 60
        assert part.seen.stop == min(3000, part.own.stop + 60)


def test_plan_parts_of_an_uneven_rate() -> None:
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.06, 500))
    parts = plan_parts(times - times[0], 25.0, 4.0, overlap=1.0)
    assert [i for part in parts for i in part.own] == list(range(500))
    assert len(plan_parts(times[:1], 25.0, 4.0)) == 1


# a detector without memory


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A video of two bright spots that cross a dark picture; the detector stands in for RTMO."""

    def draw(i: int) -> np.ndarray:
        image = np.zeros((96, 160, 3), np.uint8)
        image[30:34, 10 + i : 14 + i] = 255
        if 20 <= i < 75:
            image[60:64, 120 - i : 124 - i] = 255
        return image

    def read(image: np.ndarray, _: int) -> list[np.ndarray]:
        people = []
        for top in (0, 50):
            light = image[top : top + 46].astype(float).sum(axis=2)
            if light.max() > 300:
                y, x = (np.average(at, weights=light) for at in np.indices(light.shape))
                people.append(np.column_stack([BODY + np.array((x, y + top)), np.full(17, 0.9)]))
        return people

    monkeypatch.setattr(local, "open_pose_model", lambda path: None)
    monkeypatch.setattr(local, "_frame_reader", lambda *given: read)
    path = tmp_path / "film.mp4"
    write_video(path, (Frame(i, i / 10, draw(i)) for i in range(100)), 10.0)
    return path


def in_parts(path: Path, options: LiftOptions, count: int, overlap: float) -> list[Motion2D] | None:
    video = open_video(path)
    times = video.times()
    seconds = len(times) / video.fps / count
    parts, origin = plan_parts(times, video.fps, seconds, overlap), find_origin(video)
    assert len(parts) == count
    cut = [cut_frames(video, times, part.seen, origin) for part in parts]
    seen = [see_video(each, options, quiet) for each in cut]
    copies = [seen_from_arrays(seen_to_arrays(each)) for each in seen]
    return _people_of(join_parts(parts, copies), options)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_join_parts_equals_the_whole_for_a_detector_without_memory(film: Path, count: int) -> None:
    options = LiftOptions(pose_model=Path("stand-in"))
    whole, joined = find_people(open_video(film), options), in_parts(film, options, count, 0.5)
    assert joined is not None
    assert len(whole) == len(joined) == 2
    for a, b in zip(whole, joined, strict=True):
        assert (a.person, a.fps, a.size, a.skeleton) == (b.person, b.fps, b.size, b.skeleton)
        for name in ("xy", "confidence", "valid", "times"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_join_parts_where_some_show_no_one(film: Path) -> None:
    options = LiftOptions(pose_model=Path("stand-in"), person="1")
    whole, joined = find_people(open_video(film), options), in_parts(film, options, 9, 0.0)
    assert joined is not None
    np.testing.assert_array_equal(whole[0].xy, joined[0].xy)
    empty = FollowedPeople(local.see(open_video(film), Path()), {})
    none = replace(empty.found, xy=empty.found.xy[:0], confidence=empty.found.confidence[:0],
                   frame=empty.found.frame[:0])  # fmt: skip
    whole = join_parts([Part(range(100), range(100))], [FollowedPeople(none, {})])
    assert len(whole.found) == 0
    assert len(whole.found.times) == 100


# tracks


def followed(part: Part, people: dict[int, tuple[float, float]]) -> FollowedPeople:
    """Return people on rails as the packaged detector would see them in a part, by track."""
    shape = np.zeros((33, 2))
    shape[:, 1] = np.linspace(-80, 80, 33)
    rows, frames, ids = [], [], []
    for i, frame in enumerate(part.seen):
        for number, (start, speed) in people.items():
            rows.append(shape + np.array((start + speed * frame, 100.0)))
            frames.append(i)
            ids.append(str(number))
    found = Detections(
        xy=np.array(rows), confidence=np.ones((len(rows), 33)), frame=np.array(frames),
        times=np.array(part.seen) / 30, size=(600, 200), fps=30.0, skeleton=BLAZEPOSE,
        ids=tuple(ids), tracked=True,
    )  # fmt: skip
    local_rail = {n: (s + v * part.seen.start, v) for n, (s, v) in people.items()}
    searched = range(0, len(part.seen), 10)
    return FollowedPeople(found, {n: rail(*each, searched) for n, each in local_rail.items()})


def test_join_parts_finds_the_tracks_of_one_person() -> None:
    parts = [Part(range(60), range(80)), Part(range(60, 120), range(40, 120))]
    me, other, third = (100.0, 0.5), (400.0, -0.5), (250.0, 0.0)
    seen = [followed(parts[0], {0: me, 1: other}), followed(parts[1], {0: third, 1: other, 2: me})]
    joined = join_parts(parts, seen)
    assert joined.found.ids is not None
    at = np.array(joined.found.xy[:, 0, 0])
    for number, (start, speed), frames in ((0, me, 120), (1, other, 120), (2, third, 60)):
        rows = np.array(joined.found.ids) == str(number)
        assert rows.sum() == frames
        np.testing.assert_allclose(at[rows], start + speed * joined.found.frame[rows])
        of_track = joined.tracks[number].detections
        assert [d.frame for d in of_track] == sorted({d.frame for d in of_track})
        assert of_track[-1].frame in range(100, 120)
    np.testing.assert_array_equal(joined.found.times, np.arange(120) / 30)


def test_join_parts_refuses_a_part_that_lacks_frames() -> None:
    parts = [Part(range(60), range(80)), Part(range(60, 120), range(40, 120))]
    seen = [followed(part, {0: (100.0, 0.5)}) for part in parts]
    short = followed(Part(range(60, 110), range(40, 110)), {0: (100.0, 0.5)})
    with pytest.raises(ValueError, match="part 2 of 2: expected 80 frames, got 70"):
        join_parts(parts, [seen[0], short])


@pytest.mark.slow
def test_join_parts_is_near_the_whole_for_the_packaged_detector() -> None:
    """In parts of some seconds, in which people are searched for more often than in the whole."""
    options = LiftOptions(landmarks="full")
    whole, joined = find_people(open_video(SAMPLE), options), in_parts(SAMPLE, options, 2, 1.0)
    assert joined is not None
    assert [motion.person for motion in joined] == [motion.person for motion in whole] == [0, 1]
    for a, b in zip(whole, joined, strict=True):
        assert (a.valid != b.valid).sum() < 0.05 * len(a)
        apart = np.hypot(*(a.xy - b.xy)[a.valid & b.valid].reshape(-1, 2).T)
        assert np.median(apart) < 2
        assert np.percentile(apart, 95) < 15
