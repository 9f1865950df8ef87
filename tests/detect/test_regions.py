"""Square regions of images: coordinates both ways, rotated, and at the border."""

import cv2
import numpy as np
import pytest

from tcpformer.detect.regions import (
    MARGIN,
    PAD_VALUE,
    Region,
    cover_with_tiles,
    crop,
    letterbox_top_left,
    letterboxes,
    region_around,
    to_image,
    whole_tile,
)
from tcpformer.tracking.tracker import Detection

rng = np.random.default_rng(0)


def smooth(height: int, width: int) -> np.ndarray:
    noise = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def to_crop(xy: np.ndarray, region: Region, side: int) -> np.ndarray:
    """Invert `to_image`, which is affine."""
    corner, right, down = to_image(np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]), region, side)
    return (xy - corner) @ np.linalg.inv([right - corner, down - corner])


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0, np.pi])
def test_to_image_maps_the_center_and_turns_clockwise(angle: float) -> None:
    region = Region(310.0, 90.5, 240.0, float(angle))
    cos, sin = np.cos(angle), np.sin(angle)
    expected = [
        (310, 90.5),
        (310 + 120 * cos, 90.5 + 120 * sin),
        (310 + 120 * sin, 90.5 - 120 * cos),
    ]
    points = np.array([(128.0, 128.0), (256.0, 128.0), (128.0, 0.0)])  # center, right, top
    np.testing.assert_allclose(to_image(points, region, 256), expected, atol=1e-9)


def test_region_around_centers_the_upright_person() -> None:
    for turn in (0.0, 1.0, 3.0, -2.5):
        scale_point = (200 + 80 * float(np.sin(turn)), 100 - 80 * float(np.cos(turn)))
        region = region_around(Detection(0, 0.0, (200.0, 100.0), scale_point, 1.0))
        points = to_crop(np.array([(200.0, 100.0), scale_point]), region, 256)
        expected = [(128, 128), (128, 128 - 128 / MARGIN)]
        np.testing.assert_allclose(points, expected, atol=1e-9)


def test_crop_of_a_rotated_image_is_the_same() -> None:
    image = smooth(160, 240)
    turned = np.ascontiguousarray(np.rot90(image))  # counterclockwise
    region = Region(120.0, 70.0, 90.0, 0.3)
    same = Region(70.0, 239 - 120.0, 90.0, 0.3 - np.pi / 2)
    difference = crop(image, region, 64).astype(int) - crop(turned, same, 64)
    assert abs(difference).max() <= 3  # rounding inside OpenCV
    assert crop(image, region, 64).std() > 20


def test_crop_agrees_with_to_image_and_repeats_the_border() -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    cv2.circle(image, (180, 60), 6, (255, 255, 255), -1)
    region = Region(160.0, 80.0, 120.0, 0.7)
    y, x = np.argwhere(crop(image, region, 256)[..., 0] > 128).mean(axis=0)
    expected = to_crop(np.array([[180.0, 60.0]]), region, 256)[0]
    np.testing.assert_allclose((x, y), expected, atol=0.5)
    outside = crop(np.full((40, 40, 3), 77, np.uint8), Region(-300.0, 20.0, 50.0), 64)
    assert (outside == 77).all()


@pytest.mark.parametrize("size", [(1920, 1080), (720, 1280), (500, 500), (641, 480), (3000, 400)])
@pytest.mark.parametrize("share", [1.0, 0.6])
def test_cover_with_tiles_overlaps_and_leaves_no_gap(size: tuple[int, int], share: float) -> None:
    seen = np.zeros(size[::-1], int)
    squares = cover_with_tiles(size, share)
    for tile in squares:
        assert 0 <= tile.left <= size[0] - tile.side
        assert 0 <= tile.top <= size[1] - tile.side
        seen[tile.top : tile.top + tile.side, tile.left : tile.left + tile.side] += 1
    assert seen.min() >= 1
    for axis in ("left", "top"):
        starts = sorted({getattr(tile, axis) for tile in squares})
        assert (np.diff(starts) <= squares[0].side / 2 + 1).all()


@pytest.mark.parametrize("size", [(1600, 900), (300, 400), (90, 50)])
def test_letterboxes_keep_places_and_are_black_outside(size: tuple[int, int]) -> None:
    width, height = size
    image = np.full((height, width, 3), 90, np.uint8)
    at = (width * 0.4, height * 0.3)
    cv2.circle(image, (round(at[0]), round(at[1])), max(size) // 40, (255, 255, 255), -1)
    tile = whole_tile(size)
    (small,) = letterboxes(image, [tile], 224)
    y, x = np.argwhere(small[..., 0] > 170).mean(axis=0)
    expected = (np.array(at) - [tile.left, tile.top]) * 224 / tile.side
    np.testing.assert_allclose((x, y), expected, atol=2)
    black = (small == 0).all(axis=2).mean()
    assert black == pytest.approx(1 - min(size) / max(size), abs=0.02)


def test_letterbox_top_left_pads_with_gray_and_swaps_to_bgr() -> None:
    image = np.full((50, 100, 3), (10, 20, 30), np.uint8)
    result, scale = letterbox_top_left(image, (64, 64))
    assert scale == 0.64
    assert (result[:32] == (30, 20, 10)).all()
    assert (result[32:] == PAD_VALUE).all()
