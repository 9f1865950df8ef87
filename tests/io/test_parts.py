"""Parts of a source: the frames between two times, with the times of the whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paths import SAMPLE

from tcpformer.detections import Detections
from tcpformer.io.parts import cut_detections, cut_frames, cut_video, find_inside
from tcpformer.io.video import Frame, find_origin, open_video, write_video
from tcpformer.skeleton import COCO


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A video of 20 frames, 10 a second, each of its own grey."""
    frames = (Frame(i, i / 10, np.full((48, 64, 3), 10 * i, np.uint8)) for i in range(20))
    write_video(tmp_path / "film.mp4", frames, 10.0)
    return tmp_path / "film.mp4"


def test_cut_video_counts_its_frames_from_0_and_keeps_their_times(film: Path) -> None:
    part = cut_video(open_video(film), 0.5, 1.0)
    assert part.length == 5
    np.testing.assert_allclose(part.times(), np.arange(5, 10) / 10)
    frames = list(part.frames())
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    np.testing.assert_allclose([frame.time for frame in frames], part.times())
    greys = [float(frame.image.mean()) for frame in frames]
    assert greys == pytest.approx([50, 60, 70, 80, 90], abs=4)
    every = list(part.frames(every=2))
    assert [(f.index, round(f.time, 3)) for f in every] == [(0, 0.5), (2, 0.7), (4, 0.9)]


def test_cut_video_without_limits_is_the_video(film: Path) -> None:
    video = open_video(film)
    assert cut_video(video, 0.0, None) is video


def test_cut_video_of_pictures(tmp_path: Path, film: Path) -> None:
    import cv2

    for i in range(6):
        cv2.imwrite(str(tmp_path / f"{i + 3}.png"), np.full((8, 8, 3), i, np.uint8))
    part = cut_video(open_video(tmp_path / "*.png", fps=10.0), 0.2, None)
    assert [frame.time for frame in part.frames()] == pytest.approx([0.2, 0.3, 0.4, 0.5])
    assert getattr(part, "numbers") == (5, 6, 7, 8)  # noqa: B009 - of pictures


def test_cut_detections_keeps_rows_times_and_ids() -> None:
    rows = Detections(
        xy=np.arange(6 * 17 * 2.0).reshape(6, 17, 2), confidence=np.full((6, 17), 0.5),
        frame=np.array([0, 1, 1, 3, 4, 4]), times=np.arange(5) / 10, size=(640, 480), fps=10.0,
        skeleton=COCO, ids=("a", "a", "b", None, "b", "a"), first=7,
    )  # fmt: skip
    part = cut_detections(rows, 0.1, 0.4)
    assert part.frame.tolist() == [0, 0, 2]
    assert part.ids == ("a", "b", None)
    np.testing.assert_array_equal(part.times, rows.times[1:4])
    np.testing.assert_array_equal(part.xy, rows.xy[1:4])
    assert part.first == 8
    assert cut_detections(rows, 0.0, None) is rows
    assert cut_detections(replace(rows, first=None), 0.1, None).first is None


def test_find_inside_refuses_a_part_without_frames() -> None:
    times = np.arange(5) / 10
    assert find_inside(times, 0.1, 0.3).tolist() == [False, True, True, False, False]
    with pytest.raises(ValueError, match=r"at 0 to 0.4 s, and none from 2 s to 3 s; correct"):
        find_inside(times, 2.0, 3.0)


@pytest.mark.parametrize("first", [0, 1, 97, 229])
def test_cut_frames_seeks_what_decoding_from_the_start_gives(first: int) -> None:
    video = open_video(SAMPLE)
    times, last = video.times(), min(first + 5, video.length)
    origin = find_origin(video)
    assert origin is not None
    parts = [cut_frames(video, times, range(first, last), each) for each in (origin, None)]
    sought, decoded = (list(part.frames()) for part in parts)
    assert [frame.time for frame in sought] == times[first:last].tolist()
    assert len(sought) == len(decoded) == last - first
    for a, b in zip(sought, decoded, strict=True):
        assert (a.index, a.time) == (b.index, b.time)
        np.testing.assert_array_equal(a.image, b.image)


def test_cut_frames_decodes_from_the_start_where_seeking_leads_elsewhere(film: Path) -> None:
    video = open_video(film)
    wrong = cut_frames(video, video.times(), range(5, 8), origin=-0.33)
    assert [round(frame.time, 3) for frame in wrong.frames()] == [0.5, 0.6, 0.7]


def test_cut_frames_of_a_part_counts_from_that(film: Path) -> None:
    part = cut_video(open_video(film), 0.5, 1.5)
    inner = cut_frames(part, part.times(), range(2, 10))
    assert [round(frame.time, 3) for frame in inner.frames()] == [(7 + i) / 10 for i in range(8)]
    assert (inner.length, inner.first_time) == (8, 0.7)


def test_find_origin_of_a_file_that_is_cut_off(film: Path) -> None:
    assert find_origin(open_video(film)) == 0.0
    cut = film.with_name("cut.mp4")
    cut.write_bytes(film.read_bytes()[:-200])
    assert find_origin(open_video(cut)) is None
