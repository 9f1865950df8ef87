"""Pictures as a decoder stores them: luma, and chroma of half the width and height.

Few of the pixels that are decoded are ever looked at; `cut` converts those alone to RGB.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Plane = UInt8[np.ndarray, "_ _"]
Image = UInt8[np.ndarray, "h w 3"]
"""RGB."""
_LUMA_WEIGHTS = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
"""Weights of red and blue in the luma, by FFmpeg's number of the color space; others are BT.601."""
_BT601 = 0.299, 0.114


@dataclass(frozen=True)
class Planes:
    """An upright picture in 4:2:0.

    Attributes:
        y: Luma.
        u: Chroma of blue, half as large.
        v: Chroma of red, half as large.
        matrix: To RGB from Y, U, V and 1, all 0 to 255.
        convert: Returns the whole picture as RGB.
    """

    y: Plane
    u: Plane
    v: Plane
    matrix: Float[np.ndarray, "3 4"]
    convert: Callable[[], Image]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and 3, as of an RGB image."""
        return (*self.y.shape, 3)

    @cached_property
    def rgb(self) -> Image:
        """The whole picture, converted once."""
        return self.convert()

    def cut(self, matrix: Float[np.ndarray, "2 3"], side: int) -> UInt8[np.ndarray, "s s 3"]:
        """Cut out a square of ``side`` pixels and convert it; the border of the picture repeats.

        ``matrix`` maps pixels of the square to pixels of the picture.
        """
        half = matrix / 2
        half[:, 2] -= 0.25  # a pixel of chroma lies in the middle of four of luma
        parts = [
            warp(plane, to, side)
            for plane, to in ((self.y, matrix), (self.u, half), (self.v, half))
        ]
        return cv2.transform(cv2.merge(parts), self.matrix)


def warp(image: np.ndarray, matrix: Float[np.ndarray, "2 3"], side: int) -> np.ndarray:
    """Cut out a square of an image or a plane as `Planes.cut` does."""
    flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
    return cv2.warpAffine(image, matrix, (side, side), flags=flags, borderMode=border)


def matrix_to_rgb(colorspace: int, *, full_range: bool) -> Float[np.ndarray, "3 4"]:
    """Return the matrix from Y, U, V and 1 to RGB (ITU-T H.273), for 8 bits.

    Args:
        colorspace: FFmpeg's number of it; one that is not known is BT.601, as in FFmpeg.
        full_range: Whether luma is 0 to 255, and not 16 to 235.
    """
    red, blue = _LUMA_WEIGHTS.get(colorspace, _BT601)
    green = 1 - red - blue
    luma, chroma, black = (1.0, 1.0, 0.0) if full_range else (255 / 219, 255 / 224, 16.0)
    to_red, to_blue = 2 * (1 - red) * chroma, 2 * (1 - blue) * chroma
    rows = np.array(
        [
            [luma, 0.0, to_red],
            [luma, -to_blue * blue / green, -to_red * red / green],
            [luma, to_blue, 0.0],
        ]
    )
    return np.column_stack([rows, -rows @ [black, 128.0, 128.0]])
