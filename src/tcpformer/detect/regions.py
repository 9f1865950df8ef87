"""Square regions of an image: cut out, resized, and points carried back.

A network expects a square that shows an upright person. A person's place is a circle: the middle of
the hips, and a point above the head on the circle around the whole body (the scale point).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from ..io.planes import Image, Planes, warp
from ..tracking.tracker import Detection

Points = Float[np.ndarray, "*n 2"]
MARGIN = 1.25  # the network was trained on regions this much wider than the body's circle


@dataclass(frozen=True)
class Region:
    """A square in the image: center and side in pixels, rotation clockwise as seen in radians."""

    x: float
    y: float
    size: float
    angle: float = 0.0


def region_around(person: Detection) -> Region:
    """Return the region that shows the whole body, head up."""
    (x, y), (up_x, up_y) = person.center, person.scale_point
    angle = float(np.arctan2(up_x - x, y - up_y))
    return Region(x, y, 2 * person.radius * MARGIN, angle)


def crop(image: Image | Planes, region: Region, side: int) -> UInt8[np.ndarray, "s s 3"]:
    """Cut out a region and resize it to ``side`` pixels; outside the image its border repeats."""
    matrix = _matrix(region, side)
    return image.cut(matrix, side) if isinstance(image, Planes) else warp(image, matrix, side)


def to_image(xy: Points, region: Region, side: int) -> Points:
    """Convert pixels of the cut-out to pixels of the image."""
    matrix = _matrix(region, side)
    return xy @ matrix[:, :2].T + matrix[:, 2]


def _matrix(region: Region, side: int) -> Float[np.ndarray, "2 3"]:
    """Return the map from cut-out to image; pixel side/2 is the center, as in training."""
    scale = region.size / side
    cos, sin = np.cos(region.angle) * scale, np.sin(region.angle) * scale
    rotation = np.array([[cos, -sin], [sin, cos]])
    shift = np.array([region.x, region.y]) - rotation @ np.full(2, side / 2)
    return np.column_stack([rotation, shift])


@dataclass(frozen=True, order=True)
class Tile:
    """An upright square of an image, in pixels; it may stick out."""

    left: int
    top: int
    side: int


def whole_tile(size: tuple[int, int]) -> Tile:
    """Return the square around an image of some (width, height)."""
    side = max(size)
    return Tile((size[0] - side) // 2, (size[1] - side) // 2, side)


def cover_with_tiles(size: tuple[int, int], share: float) -> list[Tile]:
    """Return squares that cover an image, each overlapping the next by half or more.

    Args:
        size: Width and height of the image.
        share: Side of the squares, as a share (up to 1) of the shorter side of the image.
    """
    side = max(1, round(min(size) * share))

    def starts(length: int) -> list[int]:
        steps = int(np.ceil((length - side) / (side / 2)))
        return np.linspace(0, length - side, steps + 1).round().astype(int).tolist()

    return [Tile(x, y, side) for y in starts(size[1]) for x in starts(size[0])]


def letterboxes(image: Image, tiles: Sequence[Tile], side: int) -> list[UInt8[np.ndarray, "s s 3"]]:
    """Cut out squares and resize them to ``side`` pixels; outside the image they are black."""
    smallest, factor = min(tile.side for tile in tiles), 1
    while smallest // (2 * factor) >= 2 * side and min(image.shape[:2]) >= 2:
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        factor *= 2  # halving is so much faster than any other factor that it pays to do it first
    return [_letterbox(image, tile, 1 / factor, side) for tile in tiles]


def _letterbox(image: Image, tile: Tile, shrunk: float, side: int) -> UInt8[np.ndarray, "s s 3"]:
    """Cut a tile from an image that was already scaled by the factor ``shrunk``."""
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
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    result[y : y + high, x : x + wide] = cv2.resize(part, (wide, high), interpolation=method)
    return result


PAD_VALUE = 114  # gray beside the image, with which YOLOX and RTMO were trained


def letterbox_top_left(
    image: Image, size: tuple[int, int]
) -> tuple[Float[np.ndarray, "high wide 3"], float]:
    """Resize an image into the upper left of a gray one of some (height, width).

    Returns:
        The image as BGR, 0 to 255; and its pixels per pixel of the original.
    """
    scale = min(size[0] / image.shape[0], size[1] / image.shape[1])
    high, wide = int(image.shape[0] * scale), int(image.shape[1] * scale)
    result = np.full((*size, 3), PAD_VALUE, np.float32)
    small = cv2.resize(image, (wide, high), interpolation=cv2.INTER_LINEAR)
    result[:high, :wide] = small[..., ::-1]
    return result, scale
