"""The overlay: joints are drawn where they are, and nothing else changes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from standing import SIZE, motion
from walk26 import body_of, masked, walk26

from tcpformer.io.video import Frame, Video, open_video, write_video
from tcpformer.skeleton import BODY_26, GROUPS, H36M
from tcpformer.viz.figure import LEFT, MIDLINE, RIGHT, person_colour
from tcpformer.viz.overlay import (
    OverlayConfig,
    check_video_size,
    draw_2d,
    draw_number,
    figures_in_frame,
    write_overlay,
)


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


@pytest.fixture
def grey() -> np.ndarray:
    return np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)


def grey_video(path: Path, times: np.ndarray) -> Video:
    def frames() -> Iterator[Frame]:
        for i, time in enumerate(times):
            yield Frame(i, float(time), np.full((SIZE[1], SIZE[0], 3), 128, np.uint8))

    write_video(path, frames(), 25.0)
    return open_video(path)


def test_draw_2d_draws_joints_where_they_are(image: np.ndarray) -> None:
    person, before = motion(), image.copy()
    drawn = draw_2d(image, person, 2).astype(float)
    np.testing.assert_array_equal(image, before)
    for joint, colour in {"LElbow": LEFT, "RKnee": RIGHT}.items():
        x, y = np.round(person.xy[2, H36M.index[joint]]).astype(int)
        patch = drawn[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3)
        assert np.abs(patch - np.array(colour)).max(axis=1).min() < 45


def test_draw_2d_changes_nothing_away_from_the_person(image: np.ndarray) -> None:
    person = motion()
    drawn, xy = draw_2d(image, person, 2), person.xy[2]
    low, high = np.floor(xy.min(axis=0)).astype(int) - 6, np.ceil(xy.max(axis=0)).astype(int) + 7
    outside = np.ones(image.shape[:2], dtype=bool)
    outside[low[1] : high[1], low[0] : high[0]] = False
    assert outside.any()
    np.testing.assert_array_equal(drawn[outside], image[outside])


def test_draw_2d_draws_nothing_that_was_not_detected(grey: np.ndarray) -> None:
    person = motion(3)
    gap = replace(person, valid=np.array([True, False, True]))
    np.testing.assert_array_equal(draw_2d(grey, gap, 1), grey)
    np.testing.assert_array_equal(draw_2d(grey, person, 3), grey)  # after its end
    uncertain = replace(person, confidence=np.zeros((3, 17)))
    np.testing.assert_array_equal(draw_2d(grey, uncertain, 0), grey)
    assert (draw_2d(grey, gap, 0) != grey).any()


@pytest.mark.parametrize("away", [(3000.0, 0.0), (-3000.0, 0.0), (0.0, 3000.0), (0.0, -3000.0)])
def test_draw_2d_of_person_outside_the_image(grey: np.ndarray, away: tuple[float, float]) -> None:
    person = motion()
    outside = replace(person, xy=person.xy + np.array(away))
    np.testing.assert_array_equal(draw_2d(grey, outside, 0), grey)


@pytest.mark.parametrize("far", [40.0, 400.0, 4000.0])
def test_draw_2d_does_not_depend_on_the_crop(
    grey: np.ndarray, far: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bones that leave the image keep their direction, however little of them is in it."""
    person = motion()
    xy = person.xy + np.array([-far, 0.3 * far])
    xy[:, H36M.index["LWrist"]] = [3.0, 60.0]
    person = replace(person, xy=xy)
    drawn = draw_2d(grey, person, 0)
    whole = "tcpformer.viz.figure.crop_around"
    monkeypatch.setattr(whole, lambda image, *discs: (image, np.zeros(2)))
    np.testing.assert_array_equal(drawn, draw_2d(grey, person, 0))
    assert (drawn != grey).any()


def test_draw_2d_is_fainter_where_less_certain(grey: np.ndarray) -> None:
    change = []
    for confidence in (0.1, 0.3, 0.5, 0.9):
        person = replace(motion(1), confidence=np.full((1, 17), confidence))
        change.append(np.abs(draw_2d(grey, person, 0).astype(int) - 128).sum())
    assert change[0] > 0
    assert np.diff(change).min() > 0


def test_draw_2d_strokes_grow_with_the_person(grey: np.ndarray) -> None:
    painted = [(draw_2d(grey, motion(1, depth=d), 0) != grey).any(axis=-1).sum() for d in (4, 8)]
    assert painted[0] > 2 * painted[1]


def test_draw_number_lies_above_the_head(grey: np.ndarray) -> None:
    person = motion(1, depth=6)
    drawn = grey.copy()
    draw_number(drawn, person, 0, 2)
    rows, columns = np.nonzero((drawn != grey).any(axis=-1))
    assert rows.max() < person.xy[0, :, 1].min()
    assert columns.mean() == pytest.approx(person.xy[0, :, 0].mean(), abs=1.5)
    assert (drawn == np.array(person_colour(2), np.uint8)).all(axis=-1).any()


def test_figures_in_frame_are_ghosts_within_gaps() -> None:
    valid = np.array([False, True, False, True, False])
    people = {4: replace(motion(5), valid=valid), 7: motion(9, x=1.0)}
    found = [[(f.colour, f.ghost) for f in figures_in_frame(people, i)] for i in range(9)]
    other = (person_colour(7), False)
    four = person_colour(4)
    assert found == [
        [other],
        [(four, False), other],
        [(four, True), other],
        [(four, False), other],
        *[[other]] * 5,
    ]
    assert figures_in_frame({4: people[4]}, 0)[0].colour == MIDLINE


def test_check_video_size_names_both_sizes(tmp_path: Path) -> None:
    video = grey_video(tmp_path / "a.mp4", np.arange(3) / 25)
    check_video_size(video, SIZE)
    with pytest.raises(ValueError, match=r"160, 120.*640, 480"):
        check_video_size(video, (640, 480))


def test_write_overlay_keeps_frames_and_times(tmp_path: Path) -> None:
    times = np.array([0, 0.04, 0.09, 0.11, 0.2, 0.24, 0.28])
    video = grey_video(tmp_path / "a.mp4", times)
    calls: list[tuple[int, int]] = []
    people = [motion(6), motion(9, x=1.0)]  # one frame short, two frames long
    write_overlay(video, people, tmp_path / "o.mp4", lambda n, of: calls.append((n, of)))
    result = open_video(tmp_path / "o.mp4")
    read = list(result.frames())
    assert result.size == (SIZE[0] + SIZE[1], SIZE[1])
    np.testing.assert_allclose([f.time for f in read], times, atol=1e-4)
    assert calls == [(n, 7) for n in range(1, 8)]
    corner = read[3].image[2:30, 2:30].astype(float)
    assert np.abs(corner - 128).max() < 4
    assert np.abs(read[3].image[:, : SIZE[0]].astype(float) - 128).max() > 60
    scene = read[3].image[:, SIZE[0] :].astype(int)
    assert np.ptp(scene, axis=-1).max() > 100


def test_write_overlay_without_people(tmp_path: Path) -> None:
    write_overlay(grey_video(tmp_path / "a.mp4", np.arange(3) / 25), [], tmp_path / "o.mp4")
    for frame in open_video(tmp_path / "o.mp4").frames():
        assert np.ptp(frame.image.astype(int), axis=-1).max() < 12


def test_write_overlay_refuses_motion_of_another_size(tmp_path: Path) -> None:
    video, person = grey_video(tmp_path / "a.mp4", np.arange(3) / 25), motion(3)
    with pytest.raises(ValueError, match=r"640, 480"):
        write_overlay(video, [replace(person, size=(640, 480))], tmp_path / "o.mp4")
    assert not (tmp_path / "o.mp4").exists()


def test_draw_2d_draws_detected_feet_only() -> None:
    person = walk26(1)
    black = np.zeros((person.size[1], person.size[0], 3), np.uint8)
    feet = GROUPS["feet"]
    drawn = {
        name: draw_2d(black, m, 0)
        for name, m in (("all", person), ("masked", masked(person, feet)), ("17", body_of(person)))
    }
    x, y = np.round(person.xy[0, BODY_26.index["RToe"]]).astype(int)
    assert drawn["all"][y, x].max() > 100
    assert drawn["masked"][y, x].max() == drawn["17"][y, x].max()


def test_figures_in_frame_marks_what_was_not_detected() -> None:
    person = masked(walk26(1), GROUPS["feet"], [5])
    (figure,) = figures_in_frame({0: person}, 0)
    assert figure.seen is not None
    assert np.flatnonzero(~figure.seen).tolist() == [5, *GROUPS["feet"]]


def test_write_overlay_writes_angles(tmp_path: Path) -> None:
    video, person = grey_video(tmp_path / "a.mp4", np.arange(6) / 25), motion(6)
    pictures = []
    for angles in (False, True):
        write_overlay(video, [person], tmp_path / "o.mp4", config=OverlayConfig(angles=angles))
        pictures.append(next(open_video(tmp_path / "o.mp4").frames()).image.astype(int))
    changed = np.abs(pictures[1] - pictures[0]).max(axis=-1) > 60
    assert changed[:, : SIZE[0]].any()
    assert not changed[:, SIZE[0] + 4 :].any()
