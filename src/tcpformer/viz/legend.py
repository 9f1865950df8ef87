"""What is written into pictures: time, the colours of the sides, a scale bar, joint angles."""

import cv2
import numpy as np
from jaxtyping import UInt8

from ..analysis.angles import Angles
from ..motion import Motion3D
from . import figure
from .scene import SKY, View

Image = UInt8[np.ndarray, "h w 3"]
_INK = (70.0, 74.0, 84.0)
_RIM = (22.0, 24.0, 30.0)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_CAPITAL = 21.0  # pixels of a capital letter of that font at scale 1
_HEIGHT = 0.019  # of letters, in heights of the picture
_BARS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
"""Lengths of a scale bar, metres."""
_WIDEST = 0.28  # of the bar, in widths of the picture
SHOWN_ANGLES = {
    f"{joint.lower()}_flexion_{side.lower()}": side + joint
    for joint in ("Knee", "Hip", "Elbow")
    for side in "LR"
}
"""Angle -> the joint that it is written at."""


def draw_legend(panel: Image, view: View, seconds: float, *, people: bool = True) -> None:
    """Write time, the colours of left and right if there are people, and a scale bar, in place.

    The bar has its length at the middle of the view: nearer things are larger.
    """
    high, wide = panel.shape[:2]
    letter = max(_HEIGHT * high, 5.0)
    _write(panel, f"{seconds:.2f} s", (letter, 2.2 * letter), letter, _INK, SKY)
    base, x = high - 1.4 * letter, letter
    for name, colour in (("left", figure.LEFT), ("right", figure.RIGHT)) if people else ():
        dot = figure.to_fixed_point(np.array([x + 0.5 * letter, base - 0.5 * letter, 0.6 * letter]))
        cv2.circle(panel, dot[:2].tolist(), int(dot[2]), colour, -1, cv2.LINE_AA, figure.SUBPIXEL)
        x += 1.5 * letter
        x += _write(panel, name, (x, base), letter, _INK, SKY) + 1.2 * letter
    metre = float(view.project(np.array(view.target), (wide, high))[1])
    length = max((bar for bar in _BARS if bar * metre <= _WIDEST * wide), default=_BARS[0])
    right, left = wide - letter, wide - letter - length * metre
    ends = np.array([[left, base - letter / 2], *[[left, base]] * 2, [right, base]])
    ends = np.concatenate([ends, [[right, base - letter / 2]]])
    thick = max(1, round(letter / 7))
    line = [figure.to_fixed_point(ends)]
    cv2.polylines(panel, line, False, _INK, thick, cv2.LINE_AA, figure.SUBPIXEL)
    _write(panel, f"{length:g} m", (left + 0.5 * letter, base - letter), letter, _INK, SKY)


def draw_angles(image: Image, person: Motion3D, angles: Angles, index: int) -> None:
    """Write the degrees of knees, hips and elbows beside the joints, in place, where known."""
    if index >= len(person) or not person.valid[index]:
        return
    letter = max(0.022 * image.shape[0], 7.0)
    middle = float(person.xy[index, person.skeleton.root, 0])
    for name, joint in SHOWN_ANGLES.items():
        x, y = person.xy[index, person.skeleton.index[joint]].tolist()
        degrees = float(angles[name][index])
        if not np.isfinite([x, y, degrees]).all():
            continue
        text = f"{round(degrees)}"
        width = _width(text, letter)
        x += 1.6 * letter if x >= middle else -1.6 * letter - width
        colour = figure.LEFT if joint[0] == "L" else figure.RIGHT
        end = x + _write(image, text, (x, y), letter, figure.mix(colour, SKY, 0.5), _RIM)
        ring = figure.to_fixed_point(np.array([end + 0.3 * letter, y - letter, 0.16 * letter]))
        for tint, thick in ((_RIM, 3), (figure.mix(colour, SKY, 0.5), 1)):
            center, radius = ring[:2].tolist(), int(ring[2])
            cv2.circle(image, center, radius, tint, thick, cv2.LINE_AA, figure.SUBPIXEL)


def _write(
    image: Image,
    text: str,
    corner: tuple[float, float],
    letter: float,
    ink: figure.Colour,
    rim: figure.Colour,
) -> float:
    """Write a text with a rim, its lower left corner and height given; return its width."""
    at, thick = (round(corner[0]), round(corner[1])), max(1, round(letter / 8))
    for colour, stroke in ((rim, thick + 2), (ink, thick)):
        cv2.putText(image, text, at, _FONT, letter / _CAPITAL, colour, stroke, cv2.LINE_AA)
    return _width(text, letter)


def _width(text: str, letter: float) -> float:
    thick = max(1, round(letter / 8))
    return float(cv2.getTextSize(text, _FONT, letter / _CAPITAL, thick)[0][0])
