"""The search for people: how often, where, and what is done in doubt."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import clip, numbered, sample

from tcpformer.detect.regions import Tile, cover_with_tiles
from tcpformer.detect.search import (
    DEFAULT_SEARCH,
    PersonFinder,
    Searcher,
    find_people,
    search_intervals,
    search_tiles,
)
from tcpformer.io.video import Frame, Video
from tcpformer.tracking.tracker import Detection, number_people


def test_search_intervals_keep_the_rates_least_searches_and_the_memory() -> None:
    video = Video(Path("a.mp4"), 30.0, (640, 480), 900)
    rates = DEFAULT_SEARCH.sure_rate, DEFAULT_SEARCH.rate
    assert search_intervals(video, 2) == tuple(round(30 / rate) for rate in rates)
    assert search_intervals(replace(video, length=40), 2) == (10, 8)
    assert search_intervals(replace(video, length=16), 2) == (4, 4)
    assert search_intervals(replace(video, length=3), 2) == (1, 1)
    assert search_intervals(video, 13) == tuple(2 * i for i in search_intervals(video, 12))
    assert search_intervals(replace(video, size=(3840, 2160)), 2) == (8, 8)


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


class Finder(PersonFinder):
    """Finds people on rails, and notes the frames that are searched."""

    def __init__(self, rails: Sequence[tuple[float, float, range]]) -> None:
        """Take the place in frame 0, pixels a frame, and the frames in which each person is."""
        self.rails, self.config = rails, DEFAULT_SEARCH
        self.searched, self.tiled = list[int](), list[int]()

    def propose_whole(self, frame: Frame) -> list[Detection]:
        self.searched.append(frame.index)
        return [
            Detection(frame.index, frame.time, (x, 100.0), (x, 40.0), 0.95)
            for start, speed, there in self.rails
            if frame.index in there and (x := start + speed * frame.index) >= 0
        ]

    def propose_in(self, frame: Frame, tiles: Sequence[Tile]) -> list[Detection]:
        self.tiled.append(frame.index)
        return []

    def confirm(
        self, frame: Frame, proposals: Sequence[Detection], known: Sequence[Detection]
    ) -> list[Detection]:
        return [p for p in proposals if p.frame == frame.index]


def searched(*rails: tuple[float, float, range], frames: int = 150) -> tuple[Finder, Searcher]:
    """Search a clip at 30 frames a second, each 30th frame or, in doubt, each 8th."""
    finder = Finder(rails)
    searcher = Searcher(finder, [], (30, 8))
    seen = [f.index for c in searcher.chunks(numbered(frames).frames()) for f in c.frames]
    assert seen == list(range(frames))
    return finder, searcher


def test_searcher_searches_rarely_where_all_is_sure() -> None:
    finder, searcher = searched((100.0, 0.5, range(150)))
    assert finder.searched == [0, 30, 60, 90, 120, 149]
    assert finder.tiled == [0, 60, 120]
    (track,) = searcher.finish()
    assert len(track.detections) == 6


@pytest.mark.parametrize(
    "other",
    [(400.0, 0.0, range(55, 150)), (400.0, 0.0, range(55)), (140.0, 0.5, range(150))],
    ids=["a newcomer", "a person who leaves", "people near each other"],
)
def test_searcher_searches_between_in_doubt(other: tuple[float, float, range]) -> None:
    finder, searcher = searched((100.0, 0.5, range(150)), other)
    assert {38, 46, 54} <= set(finder.searched)
    assert len(searcher.finish()) == 2


def test_searcher_searches_between_where_people_are_fast() -> None:
    finder, searcher = searched((20.0, 5.0, range(150)))
    assert {8, 16, 24} <= set(finder.searched)
    assert len(searcher.finish()) == 1


def test_chunks_hand_on_those_who_are_certain() -> None:
    finder = Finder([(100.0, 0.5, range(60))])
    searcher = Searcher(finder, [], (30, 8), min_score=0.99)
    for chunk in searcher.chunks(numbered(60).frames()):
        assert (len(chunk.tracks), len(chunk.others)) == (0, 1)
    searcher.best[0] = 1.0
    searcher.search(list(numbered(61).frames())[-1:])
    assert not searcher.finish()
