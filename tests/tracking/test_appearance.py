"""Color histograms of clothes."""

import numpy as np
import pytest

from tcpformer.skeleton import BLAZEPOSE
from tcpformer.tracking.appearance import clothing_histogram
from tcpformer.tracking.tracker import hellinger


def dressed(trunk: tuple[int, int, int], legs: tuple[int, int, int]) -> np.ndarray:
    xy = np.full((33, 2), 50.0)
    places = {"LShoulder": (70, 20), "RShoulder": (30, 20), "LHip": (65, 50), "RHip": (35, 50)}
    for name, place in (places | {"LKnee": (65, 90), "RKnee": (35, 90)}).items():
        xy[BLAZEPOSE.index[name]] = place
    image = np.full((100, 100, 3), 128, np.uint8)
    image[:50], image[50:] = trunk, legs
    return clothing_histogram(image, xy)


def test_clothing_histogram_tells_trunk_from_legs() -> None:
    red, blue = (200, 30, 30), (30, 30, 200)
    one, other, turned = dressed(red, blue), dressed(red, blue), dressed(blue, red)
    assert one.sum() == pytest.approx(1)
    assert hellinger(one, other) == pytest.approx(0, abs=1e-6)
    assert hellinger(one, turned) > 0.6


def test_clothing_histogram_outside_the_image_has_sum_1() -> None:
    image = np.full((50, 60, 3), 128, np.uint8)
    for shift in (-500.0, 500.0):
        assert clothing_histogram(image, np.full((33, 2), shift)).sum() == pytest.approx(1)
