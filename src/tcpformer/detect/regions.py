"""Square regions of a picture: cut out, and carry points in and out.

A network looks at a square, upright person. Where the person stands is a circle: the middle of the
hips, and the point on the circle around the whole body that lies above the head (the "tip").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from ..tracking.tracker import Detection

MARGIN = 1.25  # the network was trained on regions this much wider than the body's circle


@dataclass(frozen=True)
class Region:
    """A square in the image, perhaps turned.

    Attributes:
        x: Its middle, in pixels.
        y: Its middle, in pixels.
        size: Its side, in pixels.
        angle: How far it is turned, clockwise as seen, in radians; 0 is upright.
    """

    x: float
    y: float
    size: float
    angle: float = 0.0


def around(sighting: Detection) -> Region:
    """The region that shows the whole body, head up."""
    (x, y), (tip_x, tip_y) = sighting.centre, sighting.tip
    angle = float(np.arctan2(tip_x - x, y - tip_y))
    return Region(x, y, 2 * sighting.radius * MARGIN, angle)


def crop(
    image: UInt8[np.ndarray, "h w 3"], region: Region, side: int
) -> UInt8[np.ndarray, "s s 3"]:
    """Cut out a region and bring it to ``side`` pixels; outside the image its border repeats."""
    return cv2.warpAffine(
        image,
        _matrix(region, side),
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def to_image(xy: Float[np.ndarray, "*n 2"], region: Region, side: int) -> Float[np.ndarray, "*n 2"]:
    """Pixels of the cut-out -> pixels of the image."""
    matrix = _matrix(region, side)
    return xy @ matrix[:, :2].T + matrix[:, 2]


def to_crop(xy: Float[np.ndarray, "*n 2"], region: Region, side: int) -> Float[np.ndarray, "*n 2"]:
    """Pixels of the image -> pixels of the cut-out; undoes `to_image`."""
    matrix = _matrix(region, side)
    return (xy - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T


def _matrix(region: Region, side: int) -> Float[np.ndarray, "2 3"]:
    """Cut-out to image; pixel side/2 is the middle, as where the networks were trained."""
    scale = region.size / side
    cos, sin = np.cos(region.angle) * scale, np.sin(region.angle) * scale
    turn = np.array([[cos, -sin], [sin, cos]])
    shift = np.array([region.x, region.y]) - turn @ np.full(2, side / 2)
    return np.column_stack([turn, shift])


@dataclass(frozen=True, order=True)
class Tile:
    """An upright square of an image; it may stick out.

    Attributes:
        left: Of its corner, in pixels.
        top: Of its corner, in pixels.
        side: In pixels.
    """

    left: int
    top: int
    side: int


def whole(size: tuple[int, int]) -> list[Tile]:
    """The one square around an image of some (width, height)."""
    side = max(size)
    return [Tile((size[0] - side) // 2, (size[1] - side) // 2, side)]


def tiles(size: tuple[int, int], share: float) -> list[Tile]:
    """Squares that cover an image, each overlapping the next by half or more.

    Args:
        size: Width and height of the image.
        share: Side of the squares, as a share (up to 1) of the shorter side of the image.
    """
    width, height = size
    side = max(1, round(min(size) * share))
    return [Tile(x, y, side) for y in _starts(height, side) for x in _starts(width, side)]


def _starts(length: int, side: int) -> list[int]:
    steps = int(np.ceil((length - side) / (side / 2)))
    return np.linspace(0, length - side, steps + 1).round().astype(int).tolist()


def letterboxes(
    image: UInt8[np.ndarray, "h w 3"], tiles: Sequence[Tile], side: int
) -> list[UInt8[np.ndarray, "s s 3"]]:
    """Bring squares of an image to ``side`` pixels; what sticks out of the image is black."""
    smallest, factor = min(tile.side for tile in tiles), 1
    while smallest // (2 * factor) >= 2 * side and min(image.shape[:2]) >= 2:
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        factor *= 2  # halving is so much faster than any other factor that it pays to do it first
    return [_letterbox(image, tile, 1 / factor, side) for tile in tiles]


def _letterbox(
    image: UInt8[np.ndarray, "h w 3"], tile: Tile, shrunk: float, side: int
) -> UInt8[np.ndarray, "s s 3"]:
    """Cut from an image that has already been made smaller by the factor ``shrunk``."""
    height, width = image.shape[:2]
    size = tile.side * shrunk
    left, top = round(tile.left * shrunk), round(tile.top * shrunk)
    right, bottom = round(left + size), round(top + size)
    part = image[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    scale = side / size
    x, y = round(max(-left, 0) * scale), round(max(-top, 0) * scale)
    wide = min(side - x, max(1, round(part.shape[1] * scale)))
    high = min(side - y, max(1, round(part.shape[0] * scale)))
    result = np.zeros((side, side, 3), np.uint8)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    result[y : y + high, x : x + wide] = cv2.resize(part, (wide, high), interpolation=way)
    return result
