"""What a figure looks like, in the image and in space: colours, widths, the stroke of a bone.

Left is blue, right is orange, the midline is neutral: a pair that people with any of the common
colour blindnesses tell apart. Colours are RGB.
"""

import math

import cv2
import numpy as np
from jaxtyping import Float, Int32, UInt8

from ..skeleton import Skeleton

Colour = tuple[float, float, float]

LEFT: Colour = (36.0, 124.0, 204.0)
RIGHT: Colour = (238.0, 126.0, 30.0)
MIDLINE: Colour = (92.0, 98.0, 112.0)
PEOPLE: tuple[Colour, ...] = (
    (0.0, 158.0, 115.0),
    (190.0, 60.0, 150.0),
    (224.0, 196.0, 40.0),
    (120.0, 80.0, 60.0),
    (120.0, 200.0, 200.0),
    (60.0, 60.0, 60.0),
)
"""Who is who; none is near the two colours of the sides."""
_FARTHEST = 2.0**14  # pixels; OpenCV's integers would overflow beyond twice that
SUBPIXEL = 4  # OpenCV takes coordinates in 1/16 pixels: smooth motion instead of jitter

_RADIUS = {  # metres, by joint without its side
    "Hip": 0.060,
    "Spine": 0.062,
    "Thorax": 0.056,
    "Neck": 0.042,
    "Knee": 0.046,
    "Ankle": 0.034,
    "Shoulder": 0.046,
    "Elbow": 0.037,
    "Wrist": 0.028,
}
_OTHER_RADIUS = 0.030


def colours(skeleton: Skeleton, midline: Colour = MIDLINE) -> list[Colour]:
    """The colour of the bone that ends in each joint, by the side the joint is on."""
    sides = {"L": LEFT, "R": RIGHT}
    return [
        sides[joint[0]] if twin != i else midline
        for i, (joint, twin) in enumerate(zip(skeleton.joints, skeleton.mirror, strict=True))
    ]


def of_person(number: int) -> Colour:
    """The colour of somebody, by number."""
    return PEOPLE[number % len(PEOPLE)]


def radii(skeleton: Skeleton) -> Float[np.ndarray, " j"]:
    """How thick a body is at each joint, in metres."""
    names = [
        joint[1:] if twin != i else joint
        for i, (joint, twin) in enumerate(zip(skeleton.joints, skeleton.mirror, strict=True))
    ]
    return np.array([_RADIUS.get(name, _OTHER_RADIUS) for name in names])


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """``colour`` with a share of another one in it."""
    r, g, b = (float(c + (o - c) * share) for c, o in zip(colour, other, strict=True))
    return r, g, b


def capsule(
    image: UInt8[np.ndarray, "h w *channels"],
    ends: Float[np.ndarray, "2 2"],
    radius: Float[np.ndarray, "2"],
    colour: Colour | int,
) -> None:
    """Fill the hull of two discs, in pixels: a bone that is thicker at one end than the other."""
    discs = [
        (max(-_FARTHEST, min(x, _FARTHEST)), max(-_FARTHEST, min(y, _FARTHEST)), min(r, _FARTHEST))
        for (x, y), r in zip(ends.tolist(), radius.tolist(), strict=True)
    ]
    paint = colour if isinstance(colour, tuple) else (colour,)
    for disc in discs:
        x, y, r = (round(number * (1 << SUBPIXEL)) for number in disc)
        cv2.circle(image, (x, y), r, paint, -1, cv2.LINE_AA, SUBPIXEL)
    corners = _tangents(*discs)
    if corners:
        cv2.fillConvexPoly(image, fixed(np.array(corners)), paint, cv2.LINE_AA, SUBPIXEL)


def crop_around(
    image: UInt8[np.ndarray, "h w *channels"],
    pixels: Float[np.ndarray, "n 2"],
    reach: Float[np.ndarray, " n"],
) -> tuple[UInt8[np.ndarray, "high wide *channels"], Float[np.ndarray, "2"]]:
    """The rectangle of an image that holds some discs, as far as they are in it.

    Args:
        image: Of which it is a view: what is written there is written into the image.
        pixels: Middles of the discs, one at least.
        reach: Their radii.

    Returns:
        The rectangle, empty if no disc is in the image, and where its upper left pixel is.
    """
    edge = np.array(image.shape[1::-1])
    low = np.floor((pixels - reach[:, None]).min(axis=0) - 1).clip(0, edge).astype(int)
    high = np.ceil((pixels + reach[:, None]).max(axis=0) + 2).clip(0, edge).astype(int)
    return image[low[1] : high[1], low[0] : high[0]], low.astype(float)


def alpha_blend(
    image: UInt8[np.ndarray, "h w 3"],
    strokes: UInt8[np.ndarray, "h w 3"] | Colour,
    opacity: UInt8[np.ndarray, "h w"],
    soft: tuple[int, int] = (1, 1),
) -> None:
    """Lay a drawing, or one colour, over the image itself, by its opacity of 255.

    Args:
        image: What is under it.
        strokes: What is laid over it.
        opacity: How much of it hides what is under it.
        soft: Opacity is blurred first, twice, by a box of so many pixels across and down.
    """
    rows, columns = np.nonzero(opacity.any(axis=1))[0], np.nonzero(opacity.any(axis=0))[0]
    if not len(rows):
        return
    top, left = max(rows[0] - soft[1], 0), max(columns[0] - soft[0], 0)
    box = np.s_[top : rows[-1] + 1 + soft[1], left : columns[-1] + 1 + soft[0]]
    share = opacity[box]
    if soft != (1, 1):
        share = cv2.blur(cv2.blur(share, soft), soft)
    share = share / np.float32(255)
    below = image[box]
    over = np.full_like(below, strokes) if isinstance(strokes, tuple) else strokes[box]
    image[box] = cv2.blendLinear(below, over, 1 - share, share)


def fixed(pixels: Float[np.ndarray, "*shape"]) -> Int32[np.ndarray, "*shape"]:
    """Pixels as the fixed-point numbers that OpenCV draws with."""
    return np.round(pixels * (1 << SUBPIXEL)).astype(np.int32)


def _tangents(
    first: tuple[float, float, float], last: tuple[float, float, float]
) -> list[tuple[float, float]]:
    """Where the two outer tangents touch two discs (x, y, radius); empty where one holds the other.

    In plain numbers: a picture has a hundred strokes, and arrays of two cost ten times as much.
    """
    (ax, ay, ar), (bx, by, br) = first, last
    length = math.hypot(bx - ax, by - ay)
    if length <= abs(ar - br):
        return []
    x, y, lean = (bx - ax) / length, (by - ay) / length, (ar - br) / length
    side = math.sqrt(1 - lean**2)
    one = (x * lean - y * side, y * lean + x * side)
    other = (x * lean + y * side, y * lean - x * side)
    return [
        (ax + ar * one[0], ay + ar * one[1]),
        (bx + br * one[0], by + br * one[1]),
        (bx + br * other[0], by + br * other[1]),
        (ax + ar * other[0], ay + ar * other[1]),
    ]
