"""Color histograms of the clothes, by which a person who comes back is recognized."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from ..skeleton import BLAZEPOSE
from .tracker import Histogram

BINS = (4, 4, 4)  # of L, a, b in CIELAB: lightness, green to red, blue to yellow
PRIOR_PIXELS = 1.0  # added to every bin, so that no color is impossible
AB_GAIN = 3.0  # clothes lie near the middle of a and b; this spreads them over the bins
THIGH_WIDTH = 0.25  # of the stripe on a thigh, in lengths of the thigh
PARTS = (("LShoulder", "RShoulder", "RHip", "LHip"), ("LHip", "LKnee"), ("RHip", "RKnee"))


def clothing_histogram(
    image: UInt8[np.ndarray, "h w 3"], xy: Float[np.ndarray, "33 2"]
) -> Histogram:
    """Return the color histogram of the trunk, then of the thighs; each has the sum 1/2.

    The image is RGB, the joints are those of skeleton BLAZEPOSE, in pixels.
    """
    parts = [xy[BLAZEPOSE.indices(*part)] for part in PARTS]
    points = np.concatenate(parts)
    height, width = image.shape[:2]
    left, top = np.clip(points.min(axis=0), 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.clip(points.max(axis=0) + 1, [left + 1, top + 1], [width, height])
    lab = cv2.cvtColor(image[top : int(bottom), left : int(right)], cv2.COLOR_RGB2LAB)
    trunk, legs = (np.zeros(lab.shape[:2], np.uint8) for _ in range(2))
    pixels = [np.round(part - [left, top]).astype(np.int32) for part in parts]
    cv2.fillConvexPoly(trunk, pixels[0], 1)
    for thigh in pixels[1:]:
        thick = max(1, round(THIGH_WIDTH * float(np.hypot(*(thigh[1] - thigh[0])))))
        cv2.line(legs, thigh[0].tolist(), thigh[1].tolist(), 1, thick)
    return np.concatenate([_histogram(lab, mask) for mask in (trunk, legs)]) / 2


def _histogram(lab: UInt8[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "h w"]) -> Histogram:
    colors = lab[mask > 0].astype(np.float64) / 256
    colors[:, 1:] = np.clip((colors[:, 1:] - 0.5) * AB_GAIN + 0.5, 0, 0.999)
    index = np.ravel_multi_index((colors * BINS).astype(int).T, BINS)
    count = np.bincount(index, minlength=int(np.prod(BINS))) + PRIOR_PIXELS
    return count / count.sum()
