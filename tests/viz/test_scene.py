"""Figures in space: what is drawn lies where it projects."""

import numpy as np
import pytest
from standing import STANDING
from walk26 import walk26

from tcpformer.skeleton import BODY_26, COCO, H36M, KNOWN, Skeleton
from tcpformer.viz.figure import LEFT, RIGHT
from tcpformer.viz.scene import SKY, Figure, View, draw_scene


def has_colour(image: np.ndarray, xy: np.ndarray, colour: tuple[float, float, float]) -> bool:
    """Whether the colour, or one close to it, is found within two pixels of a place."""
    x, y = np.round(xy).astype(int)
    patch = image[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].reshape(-1, 3).astype(float)
    return bool(np.abs(patch - np.array(colour)).max(axis=1).min() < 45)


@pytest.mark.parametrize("azimuth", [-120.0, 0.0, 35.0, 90.0, 180.0])
@pytest.mark.parametrize("elevation", [0.0, 13.0, 60.0])
def test_view_rotates_rigidly_and_looks_at_target(azimuth: float, elevation: float) -> None:
    view = View((1.0, 4.0, 0.9), 1.2, azimuth, elevation)
    np.testing.assert_allclose(view.rotation @ view.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(view.rotation) == pytest.approx(1)
    pixels, _ = view.project(np.array(view.target), (300, 200))
    np.testing.assert_allclose(pixels, [150, 100])
    ball = np.random.default_rng(0).normal(size=(500, 3))
    ball = np.array(view.target) + 1.2 * ball / np.linalg.norm(ball, axis=1, keepdims=True)
    pixels, scale = view.project(ball, (300, 200))
    assert scale.min() > 0
    assert 95 < np.linalg.norm(pixels - [150, 100], axis=1).max() <= 100 + 1e-9


def test_view_project_from_front_back_and_side() -> None:
    points = np.array([[0.3, 0.0, 0.9], [0.0, 0.0, 1.5]])
    (front, _), (back, _), (side, scale) = (
        View((0.0, 0.0, 0.9), azimuth=azimuth, elevation=0.0).project(points, (100, 100))
        for azimuth in (0.0, 180.0, 90.0)
    )
    assert front[0, 0] > 50 > back[0, 0]
    assert front[1, 1] < 50
    assert back[1, 1] < 50
    assert side[0, 0] == pytest.approx(50)
    assert scale[0] > scale[1]  # an eye on the right is nearer to points on the right


@pytest.mark.parametrize("azimuth", [0.0, 35.0, 180.0])
def test_draw_scene_draws_joints_where_they_project(azimuth: float) -> None:
    view = View((0.0, 0.0, 0.87), azimuth=azimuth)
    image = draw_scene([Figure(STANDING)], view, (200, 240))
    assert image.shape == (240, 200, 3)
    pixels, _ = view.project(STANDING, (200, 240))
    for joint, colour in {"LWrist": LEFT, "LKnee": LEFT, "RElbow": RIGHT, "RAnkle": RIGHT}.items():
        assert has_colour(image, pixels[H36M.index[joint]], colour), joint


def test_draw_scene_hides_the_farther_limb() -> None:
    xyz = STANDING.copy()
    left, right = H36M.index["LWrist"], H36M.index["RWrist"]
    for y, colour in ((-0.3, LEFT), (0.3, RIGHT)):
        xyz[[left, H36M.index["LElbow"]]] = [(0.0, y, 1.0), (0.3, y, 1.0)]
        xyz[[right, H36M.index["RElbow"]]] = [(0.0, -y, 1.0), (-0.3, -y, 1.0)]
        view = View((0.0, 0.0, 0.87), azimuth=0.0, elevation=0.0)
        image = draw_scene([Figure(xyz)], view, (200, 200))
        assert has_colour(image, view.project(np.array([0.0, -0.3, 1.0]), (200, 200))[0], colour)


def test_draw_scene_without_figures_is_floor_and_sky() -> None:
    image = draw_scene([], View((0.0, 0.0, 0.9)), (120, 90))
    np.testing.assert_array_equal(image[0], np.tile(np.array(SKY, np.uint8), (120, 1)))
    assert image[80].mean() < image[0].mean() - 5


def test_draw_scene_draws_ghosts_grey() -> None:
    view = View((0.0, 0.0, 0.87), azimuth=0.0)
    chroma = [
        np.ptp(draw_scene([Figure(STANDING, ghost=g)], view, (120, 120)).astype(int), axis=-1).max()
        for g in (False, True)
    ]
    assert chroma[0] > 120
    assert chroma[1] < 20


def test_draw_scene_omits_figure_behind_the_eye() -> None:
    view = View((0.0, 0.0, 0.87))
    behind = STANDING - 3 * view.distance * view.rotation[2]
    behind[:, 2] += 50  # above the floor, so that it has no shadow
    np.testing.assert_array_equal(
        draw_scene([Figure(behind)], view, (80, 80)), draw_scene([], view, (80, 80))
    )


@pytest.mark.parametrize("x", [3000.0, -3000.0])
def test_draw_scene_omits_figure_outside_the_image(x: float) -> None:
    view, covariance = View((0.0, 0.0, 0.9)), np.tile(0.01 * np.eye(3), (17, 1, 1))
    aside = Figure(STANDING + np.array([x, 0, 0]), covariance=covariance)
    np.testing.assert_array_equal(
        draw_scene([aside], view, (80, 60)), draw_scene([], view, (80, 60))
    )


@pytest.mark.parametrize("skeleton", [COCO, KNOWN[-1]], ids=lambda s: s.name)
def test_draw_scene_draws_other_skeletons(skeleton: Skeleton) -> None:
    xyz = np.random.default_rng(0).uniform(-0.5, 0.5, (len(skeleton.joints), 3))
    xyz[:, 2] += 0.9
    image = draw_scene([Figure(xyz, skeleton)], View((0.0, 0.0, 0.9)), (100, 100))
    assert np.ptp(image.astype(int), axis=-1).max() > 100


def test_draw_scene_draws_feet_and_hands_pale_where_they_are_unseen() -> None:
    xyz, view = walk26(1).xyz[0], View((0.0, 0.0, 0.9), azimuth=90.0)
    size, ball = (400, 400), BODY_26.index["LToe"]
    bold, pale = np.ones(26, bool), np.arange(26) < 17
    images = {
        name: draw_scene([Figure(xyz, BODY_26, seen=seen)], view, size).astype(float)
        for name, seen in (("bold", bold), ("pale", pale))
    }
    x, y = np.round(view.project(xyz, size)[0][ball]).astype(int)
    patch = np.s_[y - 2 : y + 3, x - 2 : x + 3]
    distance = {name: np.abs(image[patch] - np.array(SKY)).mean() for name, image in images.items()}
    assert 5 < distance["pale"] < 0.7 * distance["bold"]
    body = draw_scene([Figure(xyz[:17])], view, size).astype(float)
    assert np.abs(body[patch] - images["pale"][patch]).max() > 5


def test_draw_scene_draws_unseen_limbs_thin() -> None:
    view, size = View((0.0, 0.0, 0.87), azimuth=0.0), (300, 300)
    leg = H36M.indices("LKnee", "LAnkle")
    images = [
        draw_scene([Figure(STANDING, seen=~np.isin(np.arange(17), hidden))], view, size)
        for hidden in ([], leg)
    ]
    x, y = np.round(view.project(STANDING[leg].mean(axis=0), size)[0]).astype(int)
    empty = draw_scene([], view, size)
    wide = [
        (np.abs(i.astype(int) - empty)[y, x - 30 : x + 30].max(axis=-1) > 8).sum() for i in images
    ]
    assert 0 < wide[1] < 0.7 * wide[0]
