"""Keypoints in the frames of their video."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tcpformer.detections import Detections
from tcpformer.io.video import Video
from tcpformer.io.video_alignment import place_on_square_pixels, place_on_video
from tcpformer.skeleton import COCO

VIDEO = Path("clip.mp4")
UNEVEN = np.array([0.0, 0.03, 0.07, 0.2, 0.24, 0.28, 0.3])


def detections(times: np.ndarray, first: int | None, fps: float = 30.0) -> Detections:
    """Return one person in every frame but the second; x is the frame."""
    rows = [i for i in range(len(times)) if i != 1]
    xy = np.full((len(rows), 17, 2), 100.0) * np.array(rows)[:, None, None]
    return Detections(
        xy, np.ones((len(rows), 17)), np.array(rows), times, (1280, 720), fps, COCO, first=first
    )


@pytest.mark.parametrize("first", [0, 2, 4])
def test_place_on_video_keeps_the_numbers_of_frames(first: int) -> None:
    found = place_on_video(detections((first + np.arange(3)) / 30, first), UNEVEN, VIDEO)
    assert found.frame.tolist() == [first, first + 2]
    np.testing.assert_array_equal(found.times, UNEVEN)


def test_place_on_video_goes_by_times_where_there_are_no_numbers() -> None:
    found = place_on_video(detections(np.array([0.06, 0.21, 0.27]), None), UNEVEN, VIDEO)
    assert found.frame.tolist() == [2, 5]
    np.testing.assert_array_equal(found.times, UNEVEN)


def test_place_on_video_takes_as_many_frames_one_by_one() -> None:
    found = place_on_video(detections(np.arange(7) / 30, None), UNEVEN, VIDEO)
    assert found.frame.tolist() == [0, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(found.times, UNEVEN)


@pytest.mark.parametrize("first", [0, None])
def test_place_on_video_keeps_frames_beyond_the_end(first: int | None) -> None:
    times = np.arange(9) / 30 if first == 0 else np.array([0.0, 0.07, 0.28, 0.333, 0.366])
    found = place_on_video(detections(times, first), UNEVEN, VIDEO)
    assert found.frame[-1] == 8
    np.testing.assert_allclose(found.times[7:], 0.3 + np.array([1, 2]) / 30)


def test_place_on_video_refuses_another_video() -> None:
    with pytest.raises(ValueError, match=r"begin at frame 7, counted from 0, but clip\.mp4 has 7"):
        place_on_video(detections((7 + np.arange(3)) / 30, 7), UNEVEN, VIDEO)
    with pytest.raises(ValueError, match=r"keypoints at 0\.07 and 0\.08 s both belong to frame 2"):
        place_on_video(detections(np.array([0.0, 0.07, 0.08]), None), UNEVEN, VIDEO)


def test_place_on_video_takes_the_mean_rate_of_the_video() -> None:
    found = place_on_video(detections(np.arange(7) / 28, 0, fps=28.0), UNEVEN, VIDEO)
    assert found.fps == pytest.approx(6 / 0.3)
    even = np.arange(7) / 29.97
    assert place_on_video(detections(even, 0), even, VIDEO).fps == 30.0  # as the user gives it


@pytest.mark.parametrize("fps", [10.0, 60.0, 240.0])
def test_place_on_video_refuses_another_rate(fps: float) -> None:
    message = rf"have {fps:g} frames per second, but clip\.mp4 has 20; .*--slow-motion"
    with pytest.raises(ValueError, match=message):
        place_on_video(detections(np.arange(7) / fps, 0, fps=fps), UNEVEN, VIDEO)


WIDE = Video(VIDEO, 25.0, (1024, 576), 10, pixel_aspect=64 / 45, stored_size=(720, 576))


def of_size(size: tuple[int, int]) -> Detections:
    return replace(detections(np.arange(5) / 25, 0, 25.0), size=size)


def test_place_on_square_pixels_stretches_stored_ones() -> None:
    found, stored = place_on_square_pixels(of_size((720, 576)), WIDE), of_size((720, 576))
    assert found.size == WIDE.size
    np.testing.assert_allclose(found.xy, stored.xy * [1024 / 720, 1])


@pytest.mark.parametrize(
    ("size", "video"), [((1024, 576), WIDE), ((640, 480), replace(WIDE, stored_size=None))]
)
def test_place_on_square_pixels_keeps_square_ones(size: tuple[int, int], video: Video) -> None:
    given = of_size(size)
    assert place_on_square_pixels(given, video) is given


def test_place_on_square_pixels_refuses_another_size() -> None:
    with pytest.raises(ValueError, match=r"720 x 576 as stored and 1024 x 576 .* of 640 x 480"):
        place_on_square_pixels(of_size((640, 480)), WIDE)


NUMBERS = (3, 4, 6, 7, 8)


def test_place_on_video_goes_by_numbers_where_frames_are_missing() -> None:
    given = detections((np.array([0.0, 1, 2]) + 4) / 30, 4)
    found = place_on_video(given, np.array(NUMBERS) / 30, VIDEO, NUMBERS)
    assert found.frame.tolist() == [1, 2]  # numbers 4 and 6
    with pytest.raises(ValueError, match=r"frame 5, counted from 0, .* frames 3 to 8, 5 in all"):
        place_on_video(detections(np.arange(3) / 30, 5), np.arange(5) / 30, VIDEO, NUMBERS)
