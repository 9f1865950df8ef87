"""Keypoints in the frames of their video."""

from pathlib import Path

import numpy as np
import pytest

from tcpformer.detections import Detections
from tcpformer.io.video_alignment import place_on_video
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
