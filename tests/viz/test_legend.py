"""What is written into pictures is there, and of the right length."""

from dataclasses import replace

import numpy as np
from standing import motion

from tcpformer.analysis.angles import measure_angles
from tcpformer.viz.figure import LEFT, RIGHT
from tcpformer.viz.legend import draw_angles, draw_legend
from tcpformer.viz.scene import SKY, View


def panel() -> np.ndarray:
    return np.full((400, 400, 3), SKY, np.uint8)


def has(image: np.ndarray, colour: tuple[float, float, float]) -> bool:
    return bool((np.abs(image - np.array(colour)).max(axis=-1) < 2).any())


def test_draw_legend_shows_the_sides_of_people() -> None:
    with_people, alone = panel(), panel()
    draw_legend(with_people, View((0.0, 0.0, 0.9)), 1.5)
    draw_legend(alone, View((0.0, 0.0, 0.9)), 1.5, people=False)
    assert has(with_people, LEFT)
    assert has(with_people, RIGHT)
    assert not has(alone, LEFT)
    np.testing.assert_array_equal(with_people[:300], alone[:300])


def test_draw_legend_bar_has_its_length() -> None:
    for radius in (0.4, 1.0, 6.0):
        image, view = panel(), View((0.0, 0.0, 0.9), radius)
        draw_legend(image, view, 0.0, people=False)
        dark = image[300:, 200:].max(axis=-1) < 120
        row = dark[dark.sum(axis=1).argmax()]
        drawn = np.ptp(np.flatnonzero(row))
        metre = view.project(np.array(view.target), (400, 400))[1]
        assert np.abs(drawn / metre - np.array([0.1, 0.2, 0.5, 1, 2, 5])).min() < 3 / metre
        assert 20 < drawn < 120


def test_draw_angles_lie_beside_the_joints() -> None:
    person = motion(6)
    angles, image = measure_angles(person), np.zeros((120, 160, 3), np.uint8)
    draw_angles(image, person, angles, 2)
    columns = np.flatnonzero(image.any(axis=(0, 2)))
    middle = person.xy[2, 0, 0]
    assert columns.min() < middle - 12
    assert columns.max() > middle + 12
    hidden = replace(person, valid=np.zeros(6, bool))
    for where in ((hidden, 2), (person, 6)):
        image[:] = 0
        draw_angles(image, where[0], angles, where[1])
        assert not image.any()
