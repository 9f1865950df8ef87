"""Gravity in the camera frame: from standing feet, upright bodies and how cameras are held.

Axis legend: ``j`` joints, ``f`` feet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..filtering.filters import butterworth, frame_durations
from ..motion import Motion3D
from ..skeleton import FEET, H36M

Vector = Float[np.ndarray, " 3"]
Points = Float[np.ndarray, "n 3"]
Numbers = Float[np.ndarray, " n"]

LEVEL_UP = np.array([0.0, -1.0, 0.0])
"""Up in the frame of a level camera."""
FEET_CUTOFF = 6.0
"""Hz, below which the speed of feet is measured."""


@dataclass(frozen=True, kw_only=True)
class GroundConfig:
    """Tuned numbers of gravity and floor.

    Standard deviations of what is known about cameras, bodies and floors, and thresholds; chosen on
    the validation split of the motion capture, each sequence seen by one camera.
    """

    pitch: float = 15.0
    """Degrees that cameras look down or up, one sigma."""
    roll: float = 3.0
    """Degrees that cameras lean aside, one sigma."""
    body_tilt: float = 5.0
    """Degrees of the mean body over a clip from upright, one sigma."""
    lean: float = 0.045
    """Radians per m/s that people lean in the direction they go."""
    uneven: float = 0.05
    """Metres of a standing ankle from the floor's plane, one sigma."""
    sway: float = 0.08
    """Metres of an upright body's pelvis from its usual height, one sigma."""
    feet_seconds: float = 8.0
    """Most seconds that standing feet count for: the depths of a long path err together."""
    pelvis_seconds: float = 2.0
    """Most seconds that pelvises count for."""
    rounds: int = 8
    """Newton steps."""
    slow: float = 0.5
    """Speed of feet that may stand, m/s."""
    standing: float = 0.8
    """Distance from ankles to neck of a body that stands, as a share of its longest."""
    floor_share: float = 0.15
    """Share of the most rest at any height from which on a height is a floor."""
    step: float = 0.2
    """Metres that two floors are apart, at least."""
    below: float = 0.03
    """Share of frames in which a foot may be under the floor."""
    agreed: float = 0.1
    """Metres that the floor of one person may be off that of all."""
    raised: float = 0.5
    """Metres above the floor from which on a person stands on something, and is not misplaced."""
    independent: float = 1.0
    """Seconds after which a standing foot is independent evidence."""
    shortest: float = 0.3
    """Seconds of the shortest clip that shows where a person goes."""


GROUND = GroundConfig()


def foot_speeds(
    feet: Float[np.ndarray, "t f 3"], times: Float[np.ndarray, " t"]
) -> Float[np.ndarray, "t f"]:
    """Compute the smoothed speed of feet, m/s."""
    if len(times) < 2:
        return np.zeros(feet.shape[:2])
    smooth = butterworth(feet, times, FEET_CUTOFF)
    return np.linalg.norm(np.gradient(smooth, times, axis=0), axis=-1)


def weigh_feet(motion: Motion3D, config: GroundConfig = GROUND) -> tuple[Points, Numbers]:
    """Return all ankles of a clip, and the independent moments of standing each counts for."""
    feet = motion.camera_xyz[:, FEET]
    speed = foot_speeds(feet, motion.times)
    still = np.exp(-((speed / config.slow) ** 2)) * motion.valid[:, None]
    share = np.minimum(frame_durations(motion.times) / config.independent, 1.0)[:, None]
    return feet.reshape(-1, 3), (np.maximum(still, 1e-6) * share).reshape(-1)


def estimate_up(
    motions: Sequence[Motion3D], feet: Points, weight: Numbers, config: GroundConfig = GROUND
) -> Vector:
    """Estimate the unit vector against gravity, by robust least squares.

    Half the sum of squares over unit vectors u of: u_x / roll and u_z / pitch, the camera's
    posture; |u - b| / body_tilt, b the mean direction of bodies that stand; and the heights of feet
    over the floor and of pelvises about their mean, in units of uneven and sway. Except for the
    last two, that is u A u / 2 - pull u. Each round is a Newton step on the sphere.
    ``feet`` and ``weight`` are those of `weigh_feet`, for all people of one camera.
    """
    weight = weight * min(1.0, config.feet_seconds / max(float(weight.sum()), 1e-9))
    bodies = [body for motion in motions if (body := _upright_body(motion, config))]
    mean = np.mean([body.up for body in bodies], axis=0) if bodies else np.zeros(3)
    pull = mean / max(float(np.linalg.norm(mean)), 1e-9) / np.radians(config.body_tilt) ** 2
    up = mean if bodies else LEVEL_UP
    for _ in range(config.rounds):
        up = up / np.linalg.norm(up)
        over = feet @ up
        over = over - floor_height(over, weight, config)
        matrix = np.diag([1 / np.radians(config.roll) ** 2, 0.0, 1 / np.radians(config.pitch) ** 2])
        # Feet above the floor are weak evidence; those far below it are errors.
        size = np.where(over > 0, 1.0, 2.0) * config.uneven
        matrix += _scatter(feet, _reweight(weight, over, size)) / config.uneven**2
        for body in bodies:
            height = body.pelvis @ up
            off = height - np.average(height, weights=body.weight)
            agreeing = _reweight(body.weight, off, 2 * config.sway)
            matrix += _scatter(body.pelvis, agreeing) / config.sway**2
        slope = matrix @ up - pull
        tangent = np.linalg.svd(up[None])[2][1:].T
        curvature = tangent.T @ matrix @ tangent - (slope @ up) * np.eye(2)
        up = up - tangent @ np.linalg.solve(curvature, tangent.T @ slope)
    return up / np.linalg.norm(up)


def floor_height(height: Numbers, weight: Numbers, config: GroundConfig = GROUND) -> float:
    """Find where feet rest most, within a step above the lowest height at which they rest."""
    grid = config.uneven / 4

    def near(center: float) -> Numbers:
        return np.exp(-0.5 * ((height - center) / (config.uneven / 2)) ** 2)

    start, stop = np.quantile(height, [0.01, 0.99])
    at = np.arange(start, stop + config.uneven, grid)
    density = np.array([weight @ near(center) for center in at])
    first = int(np.argmax(density > config.floor_share * density.max()))
    candidates = at[first : first + 1 + round(config.step / grid)]
    lowest = candidates[np.argmax(density[first : first + len(candidates)])]
    close = weight * near(lowest)
    return float(close @ height / close.sum())


@dataclass(frozen=True)
class _UprightBody:
    """Evidence of gravity from a person who stands."""

    up: Vector
    """Median direction from ankles to neck, corrected for the lean of a person who goes."""
    pelvis: Points
    """Pelvis in frames in which the person stands."""
    weight: Numbers
    """Independent moments that each of them counts for."""


def _upright_body(motion: Motion3D, config: GroundConfig) -> _UprightBody | None:
    """Measure the direction of a person's body; None if there is none."""
    xyz, times = motion.camera_xyz[motion.valid], motion.times[motion.valid]
    if not len(xyz):
        return None
    body = xyz[:, H36M.index["Neck"]] - xyz[:, FEET].mean(axis=1)
    length = np.linalg.norm(body, axis=-1)
    standing = length > config.standing * np.quantile(length, 0.95)
    up = np.median(body[standing] / length[standing, None], axis=0)
    if not np.linalg.norm(up) > 0:
        return None
    up = up / np.linalg.norm(up)
    velocity = (xyz[-1, H36M.root] - xyz[0, H36M.root]) / max(times[-1] - times[0], config.shortest)
    up = up - config.lean * (velocity - up * (velocity @ up))
    weight = np.minimum(frame_durations(times)[standing], 1.0)
    weight = weight * min(1.0, config.pelvis_seconds / max(float(weight.sum()), 1e-9))
    return _UprightBody(up / np.linalg.norm(up), xyz[standing, H36M.root], weight)


def _reweight(weight: Numbers, off: Numbers, size: float | Numbers) -> Numbers:
    """Weight down what is much further off than ``size`` (Geman and McClure, 1985)."""
    return weight / (1 + (off / size) ** 2) ** 2


def _scatter(points: Points, weight: Numbers) -> Float[np.ndarray, "3 3"]:
    """Compute the weighted scatter matrix of points about their mean."""
    centered = points - weight @ points / weight.sum()
    return centered.T @ (weight[:, None] * centered)
