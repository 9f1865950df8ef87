"""Whether keypoints can come from a picture of the size that is given."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..detections import Detections


@dataclass(frozen=True)
class PictureLimits:
    """When keypoints are those of another picture. All values are choices.

    Detectors place joints beyond the edge of a picture, but near it or with little confidence.
    """

    confidence: float = 0.5
    """Joints are counted from this confidence on."""
    margin: float = 0.05
    """Share of the size by which a joint must be outside."""
    joints: float = 0.2
    """Share of a person's joints that must be outside."""
    detections: float = 0.5
    """Share of all people in all frames of which that must be so."""
    centred: float = 1.5
    """Coordinates from -1 to 1 are at most this far from 0, joints beyond the edge included."""
    negative: float = 0.1
    """Share of coordinates below 0 from which on they are from -1 to 1, not fractions."""


LIMITS = PictureLimits()


def check_picture_size(path: Path, detections: Detections) -> None:
    """Check that joints are pixels, and people within the picture most of the time.

    Raises:
        ValueError: If they are not, as if the size were that of another picture, or coordinates
            went from -1 to 1.
    """
    _check_centred(path, detections)
    certain = detections.confidence >= LIMITS.confidence
    size = np.array(detections.size)
    beyond = (
        (-LIMITS.margin * size > detections.xy) | (detections.xy > (1 + LIMITS.margin) * size)
    ).any(-1)
    seen = certain.any(axis=1)
    shares = (beyond & certain)[seen].sum(axis=1) / certain[seen].sum(axis=1)
    if not len(shares) or np.mean(shares >= LIMITS.joints) <= LIMITS.detections:
        return
    low = detections.xy[certain].min(axis=0).round()
    high = detections.xy[certain].max(axis=0).round()
    raise ValueError(
        f"{path}: most of the people are outside the picture, whose size is {detections.size[0]} x "
        f"{detections.size[1]}: their joints reach from {low[0]:.7g}, {low[1]:.7g} to "
        f"{high[0]:.7g}, {high[1]:.7g}, as in a picture of at least {max(high[0], 1):.7g} x "
        f"{max(high[1], 1):.7g}. Give the size of the picture that they were detected in, or its "
        "video."
    )


def _check_centred(path: Path, detections: Detections) -> None:
    xy = detections.xy[detections.confidence > 0]
    if not len(xy) or np.abs(xy).max() > LIMITS.centred or np.mean(xy < 0) < LIMITS.negative:
        return
    raise ValueError(
        f"{path}: x and y from {xy.min():.3g} to {xy.max():.3g} look like coordinates from -1 to "
        "1; pixels are expected: multiply (x + 1) / 2 by the width, and (y + 1) / 2 by the height "
        "(or, if y was divided by half the width, too, (y + height / width) / 2 by the width)."
    )
