"""Ellipses of uncertainty: axes, angles and where they are drawn."""

import numpy as np
from scipy.spatial.transform import Rotation

from tcpformer.viz.ellipse import draw_ellipses, project_half_axes, rotate_to_world


def test_rotate_to_world_rotates_covariances() -> None:
    rng = np.random.default_rng(0)
    turn = Rotation.random(rng=np.random.default_rng(1)).as_matrix()
    camera, sigma = rng.normal(size=(17, 3)), rng.uniform(0.01, 0.1, (17, 3))
    world = camera @ turn.T + [1.0, 2.0, 3.0]
    expected = [turn @ np.diag(s**2) @ turn.T for s in sigma]
    np.testing.assert_allclose(rotate_to_world(sigma, camera, world), expected, atol=1e-12)


def test_project_half_axes_of_diagonal_covariance() -> None:
    covariance = np.diag([0.01, 0.09, 0.04])[None]
    axes, angle = project_half_axes(covariance, np.eye(3))
    np.testing.assert_allclose(axes, [[0.1, 0.3]])
    np.testing.assert_allclose(np.abs(angle), [90.0])  # the longer along y
    along_y = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    np.testing.assert_allclose(project_half_axes(covariance, along_y)[0], [[0.1, 0.2]])


def test_draw_ellipses_covers_the_ellipse_and_no_more() -> None:
    image = np.full((80, 120, 3), 250, np.uint8)
    colours = [(0.0, 0.0, 0.0), (0.0, 0.0, 0.0)]
    centers, axes = np.array([[60.0, 40.0], [20.0, 20.0]]), np.array([[10.0, 30.0], [0.1, 0.4]])
    draw_ellipses(image, centers, axes, np.zeros(2), colours)
    y, x = np.nonzero(image[..., 0] < 200)
    assert 26 < np.abs(x - 60).max() <= 33
    assert 8 < np.abs(y - 40).max() <= 13
    assert (image[15:25, 15:25] == 250).all()  # half-axes below half a pixel are not drawn
