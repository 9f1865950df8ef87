"""Which frames the landmark network looks at, and joints of those between.

A person is looked at in every `stride`-th frame. Between two looks the joints follow a cubic
spline (Catmull and Rom, 1974), unless a joint bends away from the straight line or its visibility
changes: then the frame in the middle is looked at too, and so on in both halves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..skeleton import BLAZEPOSE
from .blazepose import Pose

Looks = Sequence[tuple[float, Pose]]
"""Times and poses of four looks: the two around a gap, the one before and the one after."""


COUNTED = BLAZEPOSE.indices(
    "Nose",
    *(
        side + name
        for side in "LR"
        for name in ("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle")
    ),
)
"""Joints by which it is decided whether to look; the others hang on them, and tremble more."""


@dataclass(frozen=True)
class LookConfig:
    """How often people are looked at; chosen by the 3D motion, see ``docs/detector.md``."""

    rate: float = 12.0
    """Looks a second, at least."""
    max_bend: float = 0.02
    """Radii, times visibility, by which joints may bend from the line between two looks."""
    max_change: float = 0.3
    """Change of the visibility of a joint between two looks, at most."""
    error_share: float = 0.25
    """Error of the spline over the bend, as a rule."""
    error_scale: float = 0.05
    """Radii of error by which the confidence falls to 1/e."""


DEFAULT_LOOKS = LookConfig()
EVERY_FRAME = LookConfig(rate=np.inf)


def stride(fps: float, config: LookConfig = DEFAULT_LOOKS) -> int:
    """Return the frames from one look to the next: the largest power of two that keeps the rate."""
    return 2 ** max(0, int(np.floor(np.log2(max(fps / config.rate, 1.0)))))


def may_bridge(looks: Looks, config: LookConfig = DEFAULT_LOOKS) -> bool:
    """Return whether the joints between the second and the third look follow the spline."""
    (_, first), (_, second) = looks[1:3]
    change = np.abs(first.visibility - second.visibility)
    if (change[COUNTED] > config.max_change).any():
        return False
    bend = _bend(looks) * np.minimum(first.visibility, second.visibility)
    return bool((bend[COUNTED] <= config.max_bend).all())


def bridge(looks: Looks, time: float, config: LookConfig = DEFAULT_LOOKS) -> Pose:
    """Interpolate the pose between the second and the third look.

    The confidence of a joint is lower the more its path bends, because the spline errs there.
    """
    times, (_, first, second, _) = [t for t, _ in looks], [pose for _, pose in looks]
    before, start, end, after = (_points(pose) for _, pose in looks)
    gap = times[2] - times[1]
    s = (time - times[1]) / gap
    leave = (end - before) / (times[2] - times[0]) * gap
    arrive = (after - start) / (times[3] - times[1]) * gap
    points = (
        start * (1 + 2 * s) * (1 - s) ** 2
        + end * s**2 * (3 - 2 * s)
        + leave * s * (1 - s) ** 2
        - arrive * s**2 * (1 - s)
    )
    trust = np.exp(-config.error_share * _bend(looks) / config.error_scale)
    visibility = (first.visibility * (1 - s) + second.visibility * s) * trust
    center, scale_point = points[-2].tolist(), points[-1].tolist()
    score = min(first.score, second.score)
    return Pose(points[:-2], visibility, score, tuple(center), tuple(scale_point))


def _points(pose: Pose) -> Float[np.ndarray, "k 2"]:
    """Return the joints, the center and the scale point."""
    return np.concatenate([pose.xy, [pose.center, pose.scale_point]])


def _bend(looks: Looks) -> Float[np.ndarray, " k"]:
    """Return how far each joint is from the straight line halfway, in radii, for its acceleration.

    That is h^2 / 8 times the acceleration (the error of linear interpolation), by the second
    divided differences at the two looks, of which the larger counts.
    """
    times = np.array([t for t, _ in looks])
    xy = np.stack([pose.xy for _, pose in looks])
    speed = np.diff(xy, axis=0) / np.diff(times)[:, None, None]
    acceleration = np.diff(speed, axis=0) / ((times[2:] - times[:-2]) / 2)[:, None, None]
    largest = np.linalg.norm(acceleration, axis=-1).max(axis=0)
    radius = max(looks[1][1].detection().radius, looks[2][1].detection().radius, 1e-9)
    return largest * (times[2] - times[1]) ** 2 / 8 / radius
