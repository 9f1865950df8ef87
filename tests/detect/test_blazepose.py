"""Seeing people: decoding, the networks against LiteRT, following, and the sample clip."""

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from paths import GOLDEN, SAMPLE

from tcpformer.detect import detect_people
from tcpformer.detect.blazepose import (
    LandmarkNetwork,
    PersonDetector,
    Pose,
    anchors,
    decode,
    refine,
)
from tcpformer.detect.boxes import merge
from tcpformer.detect.prefetch import WORKERS, prefetch
from tcpformer.detect.regions import Region, Tile
from tcpformer.detect.two_pass import PersonFollower, find_people, follow_people
from tcpformer.io.video import Frame, Video, open_video
from tcpformer.skeleton import BLAZEPOSE
from tcpformer.tracking.assemble import assemble_people
from tcpformer.tracking.tracker import Detection, Track, number_people

ARRAYS = GOLDEN / "blazepose.npz"
rng = np.random.default_rng(0)


@dataclass(frozen=True)
class Clip(Video):
    """A video of pictures in memory."""

    images: tuple[np.ndarray, ...] = ()

    def frames(self, every: int = 1) -> Iterator[Frame]:
        for i in range(0, len(self.images), every):
            yield Frame(i, i / self.fps, self.images[i])


def clip(images: Sequence[np.ndarray], fps: float = 30.0) -> Clip:
    height, width = images[0].shape[:2]
    return Clip(Path("clip.mp4"), fps, (width, height), len(images), None, tuple(images))


@cache
def sample(start: int, stop: int) -> Clip:
    """Some frames of the sample clip, at half its size."""
    frames = islice(open_video(SAMPLE).frames(), start, stop)
    return clip([cv2.resize(f.image, None, fx=0.5, fy=0.5) for f in frames])


@cache
def network(name: str = "full") -> LandmarkNetwork:
    return LandmarkNetwork(name, threads=1)


@cache
def golden() -> dict[str, np.ndarray]:
    with np.load(ARRAYS) as data:
        return dict(data)


# decoding


def test_anchors_are_2254_places_in_a_square_with_all_its_symmetries() -> None:
    places = anchors()
    assert places.shape == (2254, 2)
    assert places.min() > 0
    assert places.max() < 1

    def sort(points: np.ndarray) -> np.ndarray:
        points = points.round(9)
        return points[np.lexsort(points.T)]

    for other in (1 - places, places[:, ::-1], np.column_stack([1 - places[:, 0], places[:, 1]])):
        np.testing.assert_allclose(sort(other), sort(places))


def test_decode_moves_with_its_anchor_and_counts_in_tile_shares() -> None:
    raw = np.zeros((1, 12))
    raw[0, 2:4], raw[0, 4:6] = 112, (56, -112)
    points = decode(raw, np.array([[0.5, 0.25]]))[0]
    np.testing.assert_allclose(points[:2], [(0.25, 0), (0.75, 0.5)])
    np.testing.assert_allclose(points[2], (0.75, -0.25))
    np.testing.assert_allclose(points[3:], np.tile((0.5, 0.25), (3, 1)))


def boxes(*corners: tuple[float, float]) -> np.ndarray:
    return np.array([(x, y, x + 10, y + 10, x) for x, y in corners], dtype=float)


def test_merge_keeps_what_is_apart_in_order_of_score() -> None:
    rows, scores = boxes((0, 0), (50, 0), (0, 50)), np.array([0.6, 0.9, 0.7])
    merged, kept = merge(rows, scores, 0.3)
    np.testing.assert_allclose(merged, rows[[1, 2, 0]])
    np.testing.assert_array_equal(kept, [0.9, 0.7, 0.6])
    none, nothing = merge(rows[:0], scores[:0], 0.3)
    assert none.shape == (0, 5)
    assert nothing.shape == (0,)


def test_merge_averages_what_overlaps_by_score() -> None:
    rows = boxes((0, 0), (2, 0), (80, 0))
    merged, kept = merge(rows, np.array([0.9, 0.3, 0.5]), 0.3)
    np.testing.assert_allclose(merged[0], [0.5, 0, 10.5, 10, 0.5])
    np.testing.assert_allclose(kept, [0.9, 0.5])
    shuffled, _ = merge(rows[[2, 1, 0]], np.array([0.5, 0.3, 0.9]), 0.3)
    np.testing.assert_allclose(shuffled, merged)


def test_refine_goes_to_the_peak_nearby_and_only_if_it_is_sure() -> None:
    heatmap = np.full((4, 64, 64), -20.0)
    heatmap[0, 30, 21] = 20.0  # near its point
    heatmap[1, 30, 21] = -1.0  # not sure
    heatmap[2, 50, 50] = 20.0  # far away
    heatmap[3, 0, 1] = 20.0  # its point lies outside the cut-out
    xy = np.array([(80.0, 125.0), (80.0, 125.0), (80.0, 125.0), (-3.0, 2.0)])
    expected = [(84.0, 120.0), *xy[1:]]
    np.testing.assert_allclose(refine(xy, heatmap), expected, atol=1e-4)


def test_refine_shifts_with_its_input() -> None:
    heatmap = rng.normal(size=(5, 64, 64)) * 3
    xy = rng.uniform(80, 170, (5, 2))
    shift = np.array([8, -12])  # two cells to the right, three up
    shifted = refine(xy + shift, np.roll(heatmap, (-3, 2), axis=(1, 2)))
    np.testing.assert_allclose(shifted, refine(xy, heatmap) + shift, atol=1e-9)
    assert abs(refine(xy, heatmap) - xy).max() > 0.5


# the networks


@pytest.mark.parametrize("name", ["heavy", "full"])
def test_landmark_network_equals_litert(name: str) -> None:
    image = golden()["image"]
    outputs = network(name).session.run(None, {"image": image[None]})
    landmarks, score, heatmap = (np.asarray(output)[0] for output in outputs)
    np.testing.assert_allclose(landmarks, golden()[f"blazepose_{name}/landmarks"], atol=0.02)
    np.testing.assert_allclose(score, golden()[f"blazepose_{name}/score"], atol=1e-5)
    expected = golden()[f"blazepose_{name}/heatmap"]
    np.testing.assert_allclose(heatmap[:, ::8], expected, atol=0.01)
    assert score > 0.99


def test_detector_equals_litert() -> None:
    image = golden()["image"][16:240, 16:240]
    both = np.stack([image[::-1], image])  # several at once
    boxes, logits = PersonDetector(threads=1).session.run(None, {"image": both})
    surest = golden()["blazepose_detector/surest"]
    expected = golden()["blazepose_detector/logits"]
    np.testing.assert_allclose(np.asarray(logits)[1], expected, atol=0.01)
    expected = golden()["blazepose_detector/boxes"]
    np.testing.assert_allclose(np.asarray(boxes)[1][surest], expected, atol=0.02)


def test_detector_finds_the_person_wherever_the_tile_lies() -> None:
    image = golden()["image"]
    framed = cv2.copyMakeBorder(image, 40, 40, 120, 60, cv2.BORDER_CONSTANT)
    detector = PersonDetector(threads=1)
    (plain,) = detector(image, [Tile(0, 0, 256)])
    (moved,) = detector(framed, [Tile(120, 40, 256)])
    np.testing.assert_allclose(np.subtract(moved.center, (120, 40)), plain.center, atol=1e-3)
    assert plain.score > 0.9
    pose = network()(image, Region(128.0, 128.0, 256.0))
    assert np.hypot(*np.subtract(plain.center, pose.center)) < 20
    assert len(detector(image, [Tile(0, 0, 256)] * 2)) == 2


def test_pose_moves_with_the_region_and_is_anatomical() -> None:
    image = golden()["image"]
    framed = cv2.copyMakeBorder(image, 40, 40, 120, 60, cv2.BORDER_REPLICATE)
    pose = network()(image, Region(128.0, 128.0, 256.0))
    moved = network()(framed, Region(248.0, 168.0, 256.0))
    np.testing.assert_allclose(moved.xy - [120, 40], pose.xy, atol=1e-6)
    assert moved.score == pytest.approx(pose.score)
    height = {joint: pose.xy[BLAZEPOSE.index[joint], 1] for joint in ("Nose", "LHip", "LAnkle")}
    assert height["Nose"] < height["LHip"] < height["LAnkle"]
    assert pose.visibility.min() >= 0
    assert pose.visibility[BLAZEPOSE.index["LShoulder"]] > 0.9


def test_a_wall_is_nobody() -> None:
    assert network()(np.full((256, 256, 3), 128, np.uint8), Region(128.0, 128.0, 256.0)).score < 0.1


def test_unknown_network_is_named() -> None:
    with pytest.raises(ValueError, match=r"heavy.*full.*'huge'"):
        LandmarkNetwork("huge")


# following


class Actor(LandmarkNetwork):
    """Sees people who walk on rails, each at x = start + speed * frame; nearest to the region."""

    def __init__(self, *rails: tuple[float, float], blind: range = range(0)) -> None:
        self.rails, self.blind, self.frame = rails, blind, 0

    def __call__(self, image: np.ndarray, region: Region) -> Pose:
        frame = int(image[0, 0, 0])
        places = [start + speed * frame for start, speed in self.rails]
        x = float(min(places, key=lambda place: abs(place - region.x)))
        there = abs(x - region.x) < 120 and frame not in self.blind
        xy = np.full((33, 2), (x, 100.0))
        return Pose(xy, np.ones(33), 0.9 if there else 0.1, (x, 100.0), (x, 0.0))


def rail(start: float, speed: float, frames: range, fps: float = 30.0) -> Track:
    places = [(f, float(start + speed * f)) for f in frames]
    return Track(tuple(Detection(f, f / fps, (x, 100.0), (x, 0.0), 1.0) for f, x in places))


def numbered(count: int) -> Clip:
    return clip([np.full((200, 600, 3), i, np.uint8) for i in range(count)])


def test_follow_stays_with_the_person_through_a_crossing() -> None:
    # the network takes whoever is nearest, and here starts with the other one after they met
    me, other = (100.0, 4.0), (500.0, -4.0)
    tracks = [rail(*me, range(0, 100, 10)), rail(*other, range(0, 100, 10))]
    pursuit = PersonFollower(tracks[0], tracks[1:], Actor(me, other))
    pursuit.last = tracks[1].at(0.0)
    for frame in numbered(95).frames():
        pose = pursuit.step(frame)
        assert pose is not None
        if not 40 <= frame.index <= 60:  # they stand in each other's circle
            assert pose.center[0] == pytest.approx(100 + 4 * frame.index)


def test_nobody_is_two_people() -> None:
    # both tracks say that they are somebody who is alone, one of them wrongly
    me, shadow = (100.0, 4.0), (130.0, 4.0)
    tracks = {0: rail(*me, range(0, 50, 10)), 1: rail(*shadow, range(0, 50, 10))}
    (right,) = assemble_people(follow_people(numbered(40), tracks, [], Actor(me)))
    assert right.person == 0
    assert right.valid.all()


def test_follow_marks_what_it_does_not_see_and_finds_the_person_again() -> None:
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


# whole


def test_nobody_in_a_blank_video() -> None:
    blank = clip([np.full((90, 160, 3), 200, np.uint8)] * 4)
    with pytest.raises(ValueError, match=r"no one was found in clip\.mp4.*try"):
        detect_people(blank, landmarks="full")


def test_a_file_is_a_video_too(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file: .*nothing\.mp4"):
        detect_people(str(tmp_path / "nothing.mp4"))


def test_a_small_person_is_found_in_smaller_squares() -> None:
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


def test_one_person_is_followed_in_the_sample() -> None:
    video = sample(50, 81)
    calls: list[tuple[int, int]] = []
    (motion,) = detect_people(
        video, person=0, progress=lambda done, total: calls.append((done, total))
    )
    assert motion.skeleton == BLAZEPOSE
    assert len(motion) == 31
    assert motion.valid.all()
    hip = motion.xy[:, [BLAZEPOSE.index["LHip"], BLAZEPOSE.index["RHip"]]].mean(axis=1)
    assert np.ptp(hip[:, 1]) < 40  # he stands on the roof; the woman is 150 pixels below
    assert hip[:, 1].mean() < 140
    assert np.linalg.norm(np.diff(hip, axis=0), axis=1).max() < 8
    shoulders = motion.confidence[:, [BLAZEPOSE.index["LShoulder"], BLAZEPOSE.index["RShoulder"]]]
    assert shoulders.min() > 0.9
    assert calls == sorted(calls)
    assert calls[-1] == (62, 62)


# as long as the video


def living(frames: Sequence[weakref.ref[Frame]]) -> int:
    return sum(frame() is not None for frame in frames)


def test_looking_ahead_keeps_the_order_and_only_a_few_frames() -> None:
    kept: list[weakref.ref[Frame]] = []
    most = 0

    def frames() -> Iterator[Frame]:
        for i in range(60):
            frame = Frame(i, i / 30, np.full((2, 2, 3), i, np.uint8))
            kept.append(weakref.ref(frame))
            yield frame
            del frame

    seen = []
    for frame, found in prefetch(frames(), lambda frame: int(frame.image[0, 0, 0])):
        assert frame.index == found
        seen.append(found)
        most = max(most, living(kept))
    assert seen == list(range(60))
    assert most <= WORKERS + 3


def test_following_keeps_no_frames() -> None:
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
    found = follow_people(video, tracks, [], actor, lambda _: counts.append(living(kept)))
    motions = assemble_people(found)
    assert [motion.valid.all() for motion in motions] == [True, True]
    np.testing.assert_allclose(motions[1].xy[:, 0, 0], 400 + np.arange(100.0))
    assert max(counts) <= 3
