"""Pictures: what is drawn lies where it must, and nothing else changes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from standing import SIZE, STANDING, motion

from tcpformer.io.video import Frame, open_video, write_video
from tcpformer.skeleton import COCO, H36M, KNOWN, Skeleton
from tcpformer.viz.figure import LEFT, MIDLINE, RIGHT, capsule, colours
from tcpformer.viz.overlay import _follow, draw_2d, write_overlay
from tcpformer.viz.scene import SKY, Figure, View, draw_3d, draw_scene


def grey_frames(times: np.ndarray) -> Iterator[Frame]:
    for i, time in enumerate(times):
        yield Frame(i, float(time), np.full((SIZE[1], SIZE[0], 3), 128, np.uint8))


def near(image: np.ndarray, xy: np.ndarray, colour: tuple[float, float, float]) -> bool:
    """Whether the colour, or one close to it, is found within two pixels of a place."""
    x, y = np.round(xy).astype(int)
    patch = image[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].reshape(-1, 3).astype(float)
    return bool(np.abs(patch - np.array(colour)).max(axis=1).min() < 45)


def test_sides_have_their_colours() -> None:
    for skeleton in KNOWN:
        for joint, colour in zip(skeleton.joints, colours(skeleton), strict=True):
            side = {"L": LEFT, "R": RIGHT}.get(joint[0], MIDLINE)
            assert colour == side


def test_left_right_and_midline_differ_for_the_colour_blind() -> None:
    # Red-green blindness leaves about the mean of red and green, and blue.
    seen = [np.array([(r + g) / 2, b]) for r, g, b in (LEFT, RIGHT, MIDLINE)]
    for i in range(3):
        assert np.linalg.norm(seen[i] - seen[i - 1]) > 75


def test_a_capsule_is_the_hull_of_its_discs() -> None:
    image = np.zeros((241, 400), np.uint8)
    capsule(image, np.array([[100.0, 120.0], [280.0, 120.0]]), np.array([48.0, 24.0]), 255)
    # Closed form; OpenCV's outlines reach half a pixel further, which is 2 % here.
    lean = np.arcsin((48 - 24) / 180)
    sectors = (np.pi / 2 + lean) * 48**2 + (np.pi / 2 - lean) * 24**2
    area = (48 + 24) * 180 * np.cos(lean) + sectors
    assert image.astype(float).sum() / 255 == pytest.approx(area, rel=0.03)
    np.testing.assert_allclose(image.astype(int), image[::-1].astype(int), atol=100)


def test_a_capsule_far_outside_or_within_itself_is_no_trouble() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    capsule(image, np.array([[1e12, -1e12], [1e12, 5.0]]), np.array([2.0, 1.0]), (9.0, 9.0, 9.0))
    assert not image.any()
    capsule(image, np.array([[10.0, 10.0], [10.0, 10.0]]), np.array([5.0, 1.0]), (9.0, 9.0, 9.0))
    assert image.any()


@pytest.mark.parametrize("azimuth", [-120.0, 0.0, 35.0, 90.0, 180.0])
@pytest.mark.parametrize("elevation", [0.0, 13.0, 60.0])
def test_a_view_turns_rigidly_and_looks_at_its_target(azimuth: float, elevation: float) -> None:
    view = View((1.0, 4.0, 0.9), 1.2, azimuth, elevation)
    np.testing.assert_allclose(view.rotation @ view.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(view.rotation) == pytest.approx(1)
    pixels, _ = view.project(np.array(view.target), (300, 200))
    np.testing.assert_allclose(pixels, [150, 100])
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(500, 3))
    ball = np.array(view.target) + 1.2 * ball / np.linalg.norm(ball, axis=1, keepdims=True)
    pixels, scale = view.project(ball, (300, 200))
    away = np.linalg.norm(pixels - [150, 100], axis=1)
    assert scale.min() > 0
    assert 95 < away.max() <= 100 + 1e-9


def test_from_the_camera_right_is_right_and_from_behind_it_is_left() -> None:
    points = np.array([[0.3, 0.0, 0.9], [0.0, 0.0, 1.5]])
    front, _ = View((0.0, 0.0, 0.9), azimuth=0.0, elevation=0.0).project(points, (100, 100))
    back, _ = View((0.0, 0.0, 0.9), azimuth=180.0, elevation=0.0).project(points, (100, 100))
    side, scale = View((0.0, 0.0, 0.9), azimuth=90.0, elevation=0.0).project(points, (100, 100))
    assert front[0, 0] > 50 > back[0, 0]
    assert front[1, 1] < 50
    assert back[1, 1] < 50
    assert side[0, 0] == pytest.approx(50)
    assert scale[0] > scale[1]  # an eye that went to the right is nearer to what is right


@pytest.mark.parametrize("azimuth", [0.0, 35.0, 180.0])
def test_the_figure_in_space_is_drawn_where_it_projects(azimuth: float) -> None:
    view = View((0.0, 0.0, 0.87), azimuth=azimuth)
    image = draw_3d(STANDING, view, (200, 240))
    assert image.shape == (240, 200, 3)
    pixels, _ = view.project(STANDING, (200, 240))
    for joint, colour in {"LWrist": LEFT, "LKnee": LEFT, "RElbow": RIGHT, "RAnkle": RIGHT}.items():
        assert near(image, pixels[H36M.index[joint]], colour), joint


def test_the_nearer_limb_hides_the_farther() -> None:
    xyz = STANDING.copy()
    left, right = H36M.index["LWrist"], H36M.index["RWrist"]
    for y, colour in ((-0.3, LEFT), (0.3, RIGHT)):
        xyz[[left, H36M.index["LElbow"]]] = [(0.0, y, 1.0), (0.3, y, 1.0)]
        xyz[[right, H36M.index["RElbow"]]] = [(0.0, -y, 1.0), (-0.3, -y, 1.0)]
        view = View((0.0, 0.0, 0.87), azimuth=0.0, elevation=0.0)
        image = draw_3d(xyz, view, (200, 200))
        assert near(image, view.project(np.array([0.0, -0.3, 1.0]), (200, 200))[0], colour)


def test_an_empty_scene_is_floor_and_sky() -> None:
    image = draw_scene([], View((0.0, 0.0, 0.9)), (120, 90))
    np.testing.assert_array_equal(image[0], np.tile(np.array(SKY, np.uint8), (120, 1)))
    assert image[80].mean() < image[0].mean() - 5


def test_ghosts_are_grey() -> None:
    view = View((0.0, 0.0, 0.87), azimuth=0.0)
    chroma = [
        np.ptp(draw_scene([Figure(STANDING, ghost=g)], view, (120, 120)).astype(int), axis=-1).max()
        for g in (False, True)
    ]
    assert chroma[0] > 120
    assert chroma[1] < 20


def test_a_figure_behind_the_eye_is_left_out() -> None:
    view = View((0.0, 0.0, 0.87))
    behind = STANDING - 3 * view.distance * view.rotation[2]
    behind[:, 2] += 50  # above the floor, so that no shadow counts either
    figure, nobody = draw_3d(behind, view, (80, 80)), draw_scene([], view, (80, 80))
    np.testing.assert_array_equal(figure, nobody)


@pytest.mark.parametrize("skeleton", [COCO, KNOWN[-1]], ids=lambda s: s.name)
def test_other_skeletons_are_drawn_too(skeleton: Skeleton) -> None:
    xyz = np.random.default_rng(0).uniform(-0.5, 0.5, (len(skeleton.joints), 3))
    xyz[:, 2] += 0.9
    image = draw_3d(xyz, View((0.0, 0.0, 0.9)), (100, 100), skeleton)
    assert np.ptp(image.astype(int), axis=-1).max() > 100


def test_the_joints_are_drawn_where_they_are_and_nothing_else_changes() -> None:
    person = motion()
    image = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    before = image.copy()
    drawn = draw_2d(image, person, 2)
    np.testing.assert_array_equal(image, before)
    xy = person.xy[2]
    assert near(drawn, xy[H36M.index["LElbow"]], LEFT)
    assert near(drawn, xy[H36M.index["RKnee"]], RIGHT)
    low, high = np.floor(xy.min(axis=0)).astype(int) - 6, np.ceil(xy.max(axis=0)).astype(int) + 7
    outside = np.ones(image.shape[:2], dtype=bool)
    outside[low[1] : high[1], low[0] : high[0]] = False
    assert outside.any()
    np.testing.assert_array_equal(drawn[outside], image[outside])


def test_nobody_seen_nothing_drawn() -> None:
    image = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)
    person = motion(3)
    unseen = replace(person, valid=np.array([True, False, True]))
    np.testing.assert_array_equal(draw_2d(image, unseen, 1), image)
    np.testing.assert_array_equal(draw_2d(image, person, 3), image)  # after its end
    blind = replace(person, confidence=np.zeros((3, 17)))
    np.testing.assert_array_equal(draw_2d(image, blind, 0), image)
    lost = replace(person, xy=np.full((3, 17, 2), np.nan))
    np.testing.assert_array_equal(draw_2d(image, lost, 0), image)
    assert (draw_2d(image, unseen, 0) != image).any()


@pytest.mark.parametrize("away", [(3000.0, 0.0), (-3000.0, 0.0), (0.0, 3000.0), (0.0, -3000.0)])
def test_who_is_wholly_outside_the_picture_is_no_trouble(away: tuple[float, float]) -> None:
    person, image = motion(), np.full((SIZE[1], SIZE[0], 3), 99, np.uint8)
    gone = replace(person, xy=person.xy + np.array(away))
    np.testing.assert_array_equal(draw_2d(image, gone, 0), image)
    doubt = np.tile(0.01 * np.eye(3), (17, 1, 1))
    aside, view = (
        Figure(STANDING + np.array([sum(away), 0, 0]), covariance=doubt),
        View((0.0, 0.0, 0.9)),
    )
    np.testing.assert_array_equal(
        draw_scene([aside], view, (80, 60)), draw_scene([], view, (80, 60))
    )


@pytest.mark.parametrize("far", [40.0, 400.0, 4000.0])
def test_a_part_of_the_picture_is_drawn_like_the_whole(
    far: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bones that leave it keep their direction, however little of them is in it."""
    person, image = motion(), np.full((SIZE[1], SIZE[0], 3), 99, np.uint8)
    xy = person.xy + np.array([-far, 0.3 * far])
    xy[:, H36M.index["LWrist"]] = [3.0, 60.0]
    person = replace(person, xy=xy)
    drawn = draw_2d(image, person, 0)
    monkeypatch.setattr("tcpformer.viz.overlay.part", lambda image, *discs: (image, np.zeros(2)))
    np.testing.assert_array_equal(drawn, draw_2d(image, person, 0))
    assert (drawn != image).any()


def test_the_less_certain_the_fainter() -> None:
    image = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)
    change = []
    for confidence in (0.1, 0.3, 0.5, 0.9):
        person = replace(motion(1), confidence=np.full((1, 17), confidence))
        change.append(np.abs(draw_2d(image, person, 0).astype(int) - 128).sum())
    assert change[0] > 0
    assert np.diff(change).min() > 0


def test_strokes_grow_with_the_person() -> None:
    image = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)
    painted = [(draw_2d(image, motion(1, depth=d), 0) != image).any(axis=-1).sum() for d in (4, 8)]
    assert painted[0] > 2 * painted[1]


def test_the_overlay_has_the_frames_and_times_of_the_video(tmp_path: Path) -> None:
    times = np.array([0, 0.04, 0.09, 0.11, 0.2, 0.24, 0.28])
    write_video(tmp_path / "a.mp4", grey_frames(times), 25.0)
    video = open_video(tmp_path / "a.mp4")
    calls: list[tuple[int, int]] = []
    # One is a frame short, one two frames long.
    people = [motion(6), motion(9, x=1.0)]
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


def test_without_people_the_video_stays_and_the_scene_is_empty(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", grey_frames(np.arange(3) / 25), 25.0)
    write_overlay(open_video(tmp_path / "a.mp4"), [], tmp_path / "o.mp4")
    for frame in open_video(tmp_path / "o.mp4").frames():
        assert np.ptp(frame.image.astype(int), axis=-1).max() < 12


def test_a_motion_from_another_video_is_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", grey_frames(np.arange(3) / 25), 25.0)
    person = replace(motion(3), size=(640, 480))
    with pytest.raises(ValueError, match=r"640, 480"):
        write_overlay(open_video(tmp_path / "a.mp4"), [person], tmp_path / "o.mp4")
    assert not (tmp_path / "o.mp4").exists()


def test_the_view_follows_whoever_is_seen_and_keeps_all_in_sight() -> None:
    there = motion(200)
    walk = np.linspace(0, 6, 200)[:, None, None] * np.array([1.0, 0.5, 0.0])
    walker = replace(there, xyz=there.xyz + walk)
    targets, reach = _follow([there, walker], 25.0)
    for person in (there, walker):
        for t in range(0, 200, 20):
            view = View((targets[t, 0], targets[t, 1], targets[t, 2]), reach[t], azimuth=20.0)
            pixels, _ = view.project(person.xyz[t], (400, 400))
            assert pixels.min() > 0
            assert pixels.max() < 400
    assert np.abs(np.diff(reach)).max() < 0.1  # no jumps of the view
    unseen = replace(walker, valid=np.zeros(200, dtype=bool))
    np.testing.assert_array_equal(_follow([there, unseen], 25.0)[0], _follow([there], 25.0)[0])
    assert len(_follow([unseen], 25.0)[0]) == len(_follow([], 25.0)[0]) == 1
