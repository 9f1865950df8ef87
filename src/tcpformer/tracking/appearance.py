"""What somebody wears, as far as colours tell it: to know them when they come back."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from ..skeleton import BLAZEPOSE

SHADES = (4, 4, 4)  # of lightness, green to red, blue to yellow
SOFT = 1.0  # pixels' worth of every shade that everybody wears, so that nothing is impossible
_SPREAD = 3.0  # clothes lie near the middle of the two colour axes; this stretches it
_PARTS = (
    ("LShoulder", "RShoulder", "RHip", "LHip"),
    ("LHip", "LKnee"),
    ("RHip", "RKnee"),
)
_WIDTH = 0.25  # of a thigh, in its lengths


def clothing_histogram(
    image: UInt8[np.ndarray, "h w 3"], xy: Float[np.ndarray, "33 2"]
) -> Float[np.ndarray, " c"]:
    """Shares of the colours on the trunk, then on the thighs; each half adds up to a half.

    Args:
        image: RGB.
        xy: Joints of skeleton BLAZEPOSE, in pixels.
    """
    parts = [xy[[BLAZEPOSE.index[name] for name in part]] for part in _PARTS]
    every = np.concatenate(parts)
    height, width = image.shape[:2]
    left, top = np.clip(every.min(axis=0), 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.clip(every.max(axis=0) + 1, [left + 1, top + 1], [width, height]).astype(int)
    lab = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2LAB)
    trunk, legs = np.zeros(lab.shape[:2], np.uint8), np.zeros(lab.shape[:2], np.uint8)
    points = [np.round(part - [left, top]).astype(np.int32) for part in parts]
    cv2.fillConvexPoly(trunk, points[0], 1)
    for thigh in points[1:]:
        thick = max(1, round(_WIDTH * float(np.hypot(*(thigh[1] - thigh[0])))))
        cv2.line(legs, thigh[0].tolist(), thigh[1].tolist(), 1, thick)
    return np.concatenate([_shares(lab, mask) for mask in (trunk, legs)]) / 2


def _shares(
    lab: UInt8[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "h w"]
) -> Float[np.ndarray, " c"]:
    colours = lab[mask > 0].astype(np.float64) / 256
    colours[:, 1:] = np.clip((colours[:, 1:] - 0.5) * _SPREAD + 0.5, 0, 0.999)
    shade = np.ravel_multi_index((colours * SHADES).astype(int).T, SHADES)
    count = np.bincount(shade, minlength=int(np.prod(SHADES))) + SOFT
    return count / count.sum()
