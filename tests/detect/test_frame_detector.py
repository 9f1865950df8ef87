"""One frame after the other: ids, searches, and agreement with the detector of whole videos."""

import threading
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import replace

import numpy as np
import pytest
from clips import Actor, rail, sample
from paths import GOLDEN

from tcpformer.detect import FrameDetector
from tcpformer.detect.blazepose import Pose
from tcpformer.detect.frame_detector import BACKGROUND_TILES, FramePerson
from tcpformer.detect.regions import Region, Tile
from tcpformer.detect.search import DEFAULT_SEARCH, PersonFinder, search_tiles
from tcpformer.io.video import Frame
from tcpformer.tracking.tracker import Detection

FPS = 20.0


class RailFinder(PersonFinder):
    """Proposes the people on rails in the frames in which they are present."""

    def __init__(self, rails: dict[tuple[float, float], range]) -> None:
        self.config, self.rails = DEFAULT_SEARCH, rails
        self.searched: list[int] = []

    def propose(self, frame: Frame, tiles: Sequence[Tile]) -> list[Detection]:
        i = int(frame.image[0, 0, 0])
        self.searched.append(i)
        present = [each for each, frames in self.rails.items() if i in frames]
        self.landmarks = Actor(*present)
        return [rail(*each, range(i, i + 1)).detections[0] for each in present]


class RailActor(Actor):
    """Sees the people on rails in the frames in which they are present."""

    def __init__(self, rails: dict[tuple[float, float], range]) -> None:
        super().__init__()
        self.present = rails

    def __call__(self, image: np.ndarray, region: Region) -> Pose:
        i = int(image[0, 0, 0])
        self.rails = tuple(each for each, frames in self.present.items() if i in frames)
        self.blind = range(0) if self.rails else range(i, i + 1)
        self.rails = self.rails or ((0.0, 0.0),)
        return super().__call__(image, region)


def watch(
    rails: dict[tuple[float, float], range], frames: Sequence[int]
) -> tuple[list[list[FramePerson]], RailFinder]:
    """Return the people in each frame, and the finder, which knows when it was used."""
    detector = FrameDetector(search=replace(DEFAULT_SEARCH, sure_rate=DEFAULT_SEARCH.rate))
    finder = detector.finder = RailFinder(rails)
    detector.network = RailActor(rails)
    images = [np.full((200, 900, 3), i, np.uint8) for i in frames]
    found = [detector(image, i / FPS) for i, image in zip(frames, images, strict=True)]
    return found, finder


def test_frame_detector_searches_at_the_rate_and_follows_in_between() -> None:
    rails = {(100.0, 4.0): range(60), (600.0, -1.0): range(60)}
    found, finder = watch(rails, range(40))
    assert finder.searched == list(range(0, 40, 5))
    for i, people in enumerate(found):
        assert [person.id for person in people] == [0, 1]
        np.testing.assert_allclose([p.xy[0, 0] for p in people], [100 + 4 * i, 600 - i])
        assert people[0].score == 0.9
        assert people[0].confidence.shape == (33,)


def test_frame_detector_gives_a_new_person_the_next_id() -> None:
    rails = {(100.0, 1.0): range(60), (600.0, 1.0): range(12, 60)}
    found, _ = watch(rails, range(30))
    ids = [[person.id for person in people] for people in found]
    assert ids == [[0]] * 15 + [[0, 1]] * 15  # found in the search of frame 15


@pytest.mark.parametrize("gap", [20, 100], ids=["by place", "by clothes"])
def test_frame_detector_gives_a_person_who_comes_back_the_same_id(gap: int) -> None:
    rails = {(300.0, 0.0): range(10), (300.0, 0.0001): range(10 + gap, 20 + gap)}
    found, _ = watch(rails, range(20 + gap))
    assert all(not people for people in found[10 : 10 + gap])
    assert [person.id for person in found[-1]] == [0]


def test_frame_detector_agrees_with_the_detector_of_videos() -> None:
    """In nine of ten frames the median joint is within 3 pixels of an image of 640 x 360."""
    first, last = 46, 58
    with np.load(GOLDEN / "frozen_outputs.npz") as golden:
        expected = [golden[f"detected_{i}_xy"][first:last] / 2 for i in (0, 1)]
        valid = [golden[f"detected_{i}_valid"][first:last] for i in (0, 1)]
    detector = FrameDetector("full")
    people = [detector(frame.image, frame.time) for frame in sample(first, last).frames()]
    for number in (0, 1):
        owners = []
        for i in np.flatnonzero(valid[number]):
            off = {
                p.id: float(np.median(np.linalg.norm(p.xy - expected[number][i], axis=1)))
                for p in people[i]
            }
            owners.append(min((k for k in off if off[k] < 3.0), key=lambda k: off[k], default=None))
        ids = [owner for owner in owners if owner is not None]
        assert len(set(ids)) == 1
        assert len(ids) >= 0.9 * len(owners)


def test_frame_detector_searches_less_while_all_are_followed() -> None:
    rails = {(100.0, 4.0): range(90)}
    detector = FrameDetector()
    finder = detector.finder = RailFinder(rails)
    detector.network = RailActor(rails)
    for i in range(90):
        detector(np.full((200, 900, 3), i, np.uint8), i / FPS)
    assert finder.searched == list(range(0, 90, round(FPS)))


def in_background(rails: dict[tuple[float, float], range]) -> tuple[FrameDetector, RailFinder]:
    """Return a detector that searches in the background, and its finder."""
    detector = FrameDetector(background=True)
    finder = detector.finder = RailFinder(rails)
    detector.network = RailActor(rails)
    return detector, finder


def blank(i: int) -> np.ndarray:
    return np.full((200, 900, 3), i, np.uint8)


def test_frame_detector_searches_in_the_background() -> None:
    detector, finder = in_background({(100.0, 4.0): range(90), (600.0, 1.0): range(40, 90)})
    seen = []
    for i in range(90):
        seen.append([p.id for p in detector(blank(i), i / FPS)])
        if detector._pending is not None:
            wait([detector._pending])
    assert seen[:2] == [[], [0]]  # what the first frame shows, the second one tells
    assert seen[-1] == [0, 1]
    assert finder.searched == [*range(0, 90, round(FPS))]


def test_no_frame_waits_for_a_search_in_the_background() -> None:
    """Neither the first one, nor those after everyone is lost."""
    rails = {(100.0, 4.0): range(10), (100.0, 4.0001): range(40, 60)}
    detector, finder = in_background(rails)
    go_on, seen, propose = threading.Event(), [], finder.propose

    def propose_late(frame: Frame, tiles: Sequence[Tile]) -> list[Detection]:
        assert go_on.wait(10)
        return propose(frame, tiles)

    finder.propose = propose_late  # type: ignore[method-assign]
    for i in range(60):
        seen.append([p.id for p in detector(blank(i), i / FPS)])
        if i in (4, 44):
            go_on.set()
        if go_on.is_set() and detector._pending is not None:
            wait([detector._pending])
        if i == 9:
            go_on.clear()
    # of frame 0; then of an old frame without people, and of frame 46
    assert seen == [[]] * 5 + [[0]] * 5 + [[]] * 37 + [[0]] * 13


def test_search_in_the_background_does_not_outlive_a_reset() -> None:
    detector, _ = in_background({(100.0, 4.0): range(1)})
    detector(blank(0), 0.0)
    assert detector._pending is not None
    wait([detector._pending])
    detector.reset()
    assert detector(blank(1), 0.0) == []


def test_search_in_the_background_takes_all_tiles_a_few_at_a_time() -> None:
    detector, finder = in_background({})
    portions: list[Sequence[Tile]] = []

    def propose(frame: Frame, tiles: Sequence[Tile]) -> list[Detection]:
        portions.append(tiles)
        return []

    finder.propose = propose  # type: ignore[method-assign]
    image = np.zeros((720, 1280, 3), np.uint8)
    for i in range(400):
        detector(image, i / FPS)
        if detector._pending is not None:
            wait([detector._pending])
    attempts = range(len(DEFAULT_SEARCH.tile_shares))
    expected = {tile for i in attempts for tile in search_tiles((1280, 720), i, DEFAULT_SEARCH)}
    assert max(map(len, portions)) == BACKGROUND_TILES
    assert {tile for portion in portions for tile in portion} == expected


@pytest.mark.parametrize("background", [False, True])
def test_frame_detector_takes_an_image_alone(background: bool) -> None:
    detector = FrameDetector(background=background)
    detector.finder = RailFinder({(100.0, 4.0): range(3), (600.0, 1.0): range(3)})
    detector.network = RailActor(detector.finder.rails)
    for i in range(3):  # each is searched, and numbers start anew
        people = detector(blank(i))
        assert [person.id for person in people] == [0, 1]
    assert detector.finder.searched == [0, 1, 2]


@pytest.mark.parametrize("time", [0.0, -1.0, np.nan, np.inf])
def test_frame_detector_refuses_a_time_that_does_not_increase(time: float) -> None:
    detector = FrameDetector()
    detector.finder = RailFinder({})
    detector(np.zeros((200, 900, 3), np.uint8), 0.0)
    with pytest.raises(ValueError, match="expected the time of the next frame"):
        detector(np.zeros((200, 900, 3), np.uint8), time)


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9, 3)), np.zeros((9, 9), np.uint8), np.zeros((0, 9, 3), np.uint8)]
)
def test_frame_detector_refuses_what_is_no_rgb_image(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected an RGB image of uint8"):
        FrameDetector()(image)
