"""The look of figures: colours, and strokes in closed form."""

import numpy as np
import pytest

from tcpformer.skeleton import BODY_26, H36M, KNOWN
from tcpformer.viz.figure import (
    LEFT,
    MIDLINE,
    PEOPLE,
    RIGHT,
    alpha_blend,
    bone_colours,
    crop_around,
    draw_capsule,
    joint_radii,
    person_colour,
    strokes,
)


def test_bone_colours_follow_the_side() -> None:
    for skeleton in KNOWN:
        for joint, colour in zip(skeleton.joints, bone_colours(skeleton), strict=True):
            assert colour == {"L": LEFT, "R": RIGHT}.get(joint[0], MIDLINE)


def test_sides_and_midline_differ_without_red_and_green() -> None:
    # Red-green blindness leaves about the mean of red and green, and blue.
    left = [np.array([(r + g) / 2, b]) for r, g, b in (LEFT, RIGHT, MIDLINE)]
    for i in range(3):
        assert np.linalg.norm(left[i] - left[i - 1]) > 75


def test_person_colour_repeats() -> None:
    assert person_colour(1) == person_colour(1 + len(PEOPLE)) != person_colour(2)


def test_joint_radii_are_equal_left_and_right() -> None:
    for skeleton in KNOWN:
        radii = joint_radii(skeleton)
        np.testing.assert_array_equal(radii, radii[list(skeleton.mirror)])


def test_draw_capsule_fills_hull_of_discs() -> None:
    image = np.zeros((241, 400), np.uint8)
    draw_capsule(image, np.array([[100.0, 120.0], [280.0, 120.0]]), np.array([48.0, 24.0]), 255)
    # Closed form; OpenCV's outlines reach half a pixel further, which is 2 % here.
    lean = np.arcsin((48 - 24) / 180)
    sectors = (np.pi / 2 + lean) * 48**2 + (np.pi / 2 - lean) * 24**2
    area = (48 + 24) * 180 * np.cos(lean) + sectors
    assert image.astype(float).sum() / 255 == pytest.approx(area, rel=0.03)
    np.testing.assert_allclose(image.astype(int), image[::-1].astype(int), atol=100)


def test_draw_capsule_outside_image_changes_nothing() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    ends = np.array([[1e12, -1e12], [1e12, 5.0]])
    draw_capsule(image, ends, np.array([2.0, 1.0]), (9.0, 9.0, 9.0))
    assert not image.any()


def test_draw_capsule_with_one_disc_in_the_other() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    draw_capsule(image, np.full((2, 2), 10.0), np.array([5.0, 1.0]), (9.0, 9.0, 9.0))
    assert image[10, 10].tolist() == [9, 9, 9]
    assert not image[:4].any()


def test_crop_around_is_a_view_of_the_image() -> None:
    image = np.zeros((50, 60, 3), np.uint8)
    region, corner = crop_around(image, np.array([[20.0, 30.0], [70.0, 30.0]]), np.full(2, 5.0))
    region[:] = 1
    assert corner.tolist() == [14, 24]
    assert image[24:37, 14:].all()
    assert image.sum() == 3 * 13 * 46
    assert not crop_around(image, np.array([[-90.0, 9.0]]), np.ones(1))[0].size


def test_alpha_blend_mixes_by_opacity() -> None:
    image = np.full((9, 9, 3), 100, np.uint8)
    opacity = np.zeros((9, 9), np.uint8)
    opacity[4, 4], opacity[4, 5] = 255, 51
    alpha_blend(image, (200.0, 0.0, 100.0), opacity)
    assert image[4, 4].tolist() == [200, 0, 100]
    assert image[4, 5].tolist() == [120, 80, 100]
    assert (image.reshape(-1, 3) != 100).any(axis=1).sum() == 2


def test_strokes_are_bones_with_soles_and_a_nose() -> None:
    assert strokes(H36M) == list(H36M.bones)
    names = {tuple(BODY_26.joints[i] for i in pair) for pair in strokes(BODY_26)}
    assert {("LHeel", "LToe"), ("RAnkle", "RHeel"), ("LWrist", "LHand"), ("REar", "Nose")} < names
    assert not {("Neck", "Nose"), ("Neck", "LEar")} & names
    mirror = BODY_26.mirror
    assert {(mirror[a], mirror[b]) for a, b in strokes(BODY_26)} == set(strokes(BODY_26))
