"""How a figure looks in the image and in space: colours (RGB), thickness, the stroke of a bone.

Left is blue and right orange, which people with any of the common colour blindnesses distinguish.
"""

import math

import cv2
import numpy as np
from jaxtyping import Float, Int32, UInt8

from ..skeleton import BALLS, BODY_26, GROUPS, HEELS, Skeleton

Colour = tuple[float, float, float]
Picture = UInt8[np.ndarray, "h w *channels"]
Disc = tuple[float, float, float]

LEFT: Colour = (36.0, 124.0, 204.0)
RIGHT: Colour = (238.0, 126.0, 30.0)
MIDLINE: Colour = (92.0, 98.0, 112.0)
PEOPLE: tuple[Colour, ...] = (
    (0.0, 158.0, 115.0), (190.0, 60.0, 150.0), (224.0, 196.0, 40.0),
    (120.0, 80.0, 60.0), (120.0, 200.0, 200.0), (60.0, 60.0, 60.0),
)  # fmt: skip
"""By number of the person; none is near the two colours of the sides."""
SUBPIXEL = 4  # bits: OpenCV then takes coordinates in 1/16 pixels, and motion does not jitter
_MAX_PIXEL = 2.0**14  # OpenCV's integers overflow beyond twice that

_RADIUS = {  # metres, by joint without its side
    "Hip": 0.060, "Spine": 0.062, "Thorax": 0.056, "Neck": 0.042, "Knee": 0.046, "Ankle": 0.034,
    "Shoulder": 0.046, "Elbow": 0.037, "Wrist": 0.028,
    "Toe": 0.026, "Heel": 0.026, "Hand": 0.024, "Nose": 0.012, "Ear": 0.018,
}  # fmt: skip
_OTHER_RADIUS = 0.030


def bone_colours(skeleton: Skeleton, midline: Colour = MIDLINE) -> list[Colour]:
    """Return the colour of the bone that ends in each joint, by the side the joint is on."""
    sides = [None if twin == i else skeleton.joints[i][0] for i, twin in enumerate(skeleton.mirror)]
    return [{"L": LEFT, "R": RIGHT, None: midline}[side] for side in sides]


def strokes(skeleton: Skeleton) -> list[tuple[int, int]]:
    """Return the pairs of joints that are joined by a stroke: bones, soles, and ears with nose."""
    if skeleton != BODY_26:
        return list(skeleton.bones)
    nose = skeleton.index["Nose"]
    face = [(ear, nose) for ear in skeleton.indices("LEar", "REar")]
    bones = [bone for bone in skeleton.bones if bone[1] not in GROUPS["face"]]
    return [*bones, *zip(HEELS, BALLS, strict=True), *face]


def person_colour(number: int) -> Colour:
    """Return the colour of a person by number."""
    return PEOPLE[number % len(PEOPLE)]


def joint_radii(skeleton: Skeleton) -> Float[np.ndarray, " j"]:
    """Return the radius of the body at each joint, in metres."""
    twins = zip(skeleton.joints, skeleton.mirror, strict=True)
    names = [joint if twin == i else joint[1:] for i, (joint, twin) in enumerate(twins)]
    return np.array([_RADIUS.get(name, _OTHER_RADIUS) for name in names])


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Mix a share (0 to 1) of another colour into ``colour``."""
    r, g, b = (float(c + (o - c) * share) for c, o in zip(colour, other, strict=True))
    return r, g, b


def draw_capsule(
    image: Picture,
    ends: Float[np.ndarray, "2 2"],
    radius: Float[np.ndarray, "2"],
    colour: Colour | int,
    line: int = cv2.LINE_AA,
) -> None:
    """Fill the convex hull of two discs, in pixels: a bone whose ends differ in thickness.

    ``line`` is LINE_AA for clean edges, or LINE_8, which is faster, for what is blurred anyway.
    """
    first, last = (
        (max(-_MAX_PIXEL, min(x, _MAX_PIXEL)), max(-_MAX_PIXEL, min(y, _MAX_PIXEL)), r)
        for (x, y), r in zip(ends.tolist(), np.minimum(radius, _MAX_PIXEL).tolist(), strict=True)
    )
    paint = colour if isinstance(colour, tuple) else (colour,)
    for disc in (first, last):
        x, y, r = (round(number * (1 << SUBPIXEL)) for number in disc)
        cv2.circle(image, (x, y), r, paint, -1, line, SUBPIXEL)
    corners = _outer_tangents(first, last)
    if corners:
        cv2.fillConvexPoly(image, to_fixed_point(np.array(corners)), paint, line, SUBPIXEL)


def crop_around(
    image: Picture, centers: Float[np.ndarray, "n 2"], radius: Float[np.ndarray, " n"]
) -> tuple[UInt8[np.ndarray, "high wide *channels"], Float[np.ndarray, "2"]]:
    """Return the part of an image around one or more discs, and (x, y) of its upper left corner.

    The part is a view into the image, empty if no disc is in it; all in pixels.
    """
    edge = np.array(image.shape[1::-1])
    low = np.floor((centers - radius[:, None]).min(axis=0) - 1).clip(0, edge).astype(int)
    high = np.ceil((centers + radius[:, None]).max(axis=0) + 2).clip(0, edge).astype(int)
    return image[low[1] : high[1], low[0] : high[0]], low.astype(float)


def alpha_blend(
    image: UInt8[np.ndarray, "h w 3"],
    strokes: UInt8[np.ndarray, "h w 3"] | Colour,
    opacity: UInt8[np.ndarray, "h w"],
    blur: tuple[int, int] = (1, 1),
) -> None:
    """Blend a drawing, or one colour, into the image itself, by an opacity from 0 to 255.

    The opacity is first blurred twice by a box of ``blur`` pixels (across, down).
    """
    x, y, width, height = cv2.boundingRect(opacity)
    if not width:
        return
    top, left = max(y - blur[1], 0), max(x - blur[0], 0)
    box = np.s_[top : y + height + blur[1], left : x + width + blur[0]]
    share = opacity[box]
    if blur != (1, 1):
        share = cv2.blur(cv2.blur(share, blur), blur)
    share = share / np.float32(255)
    below = image[box]
    above = np.full_like(below, strokes) if isinstance(strokes, tuple) else strokes[box]
    image[box] = cv2.blendLinear(below, above, 1 - share, share)


def to_fixed_point(pixels: Float[np.ndarray, "*shape"]) -> Int32[np.ndarray, "*shape"]:
    """Convert pixels to the fixed-point numbers that OpenCV draws with."""
    return np.round(pixels * (1 << SUBPIXEL)).astype(np.int32)


def _outer_tangents(first: Disc, last: Disc) -> list[tuple[float, float]]:
    """Return where both outer tangents touch two discs (x, y, radius); [] if one holds the other.

    Plain numbers: an image has a hundred strokes, and arrays of two numbers take ten times as long.
    """
    (ax, ay, ar), (bx, by, br) = first, last
    length = math.hypot(bx - ax, by - ay)
    if length <= abs(ar - br):
        return []
    # Both are touched in the direction n of unit length with n · (b - a) = ar - br.
    x, y, cosine = (bx - ax) / length, (by - ay) / length, (ar - br) / length
    sine = math.sqrt(1 - cosine**2)
    u, v = x * cosine - y * sine, y * cosine + x * sine
    p, q = x * cosine + y * sine, y * cosine - x * sine
    one = [(ax + ar * u, ay + ar * v), (bx + br * u, by + br * v)]
    return [*one, (bx + br * p, by + br * q), (ax + ar * p, ay + ar * q)]
