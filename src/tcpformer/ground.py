"""Which way is up, and where the floor is: from standing feet and upright bodies over a clip.

One floor for all the people that one camera sees. Axis legend: ``j`` joints, ``f`` feet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .filters import butterworth, steps
from .motion import Motion3D
from .skeleton import H36M

FEET = [H36M.index["RAnkle"], H36M.index["LAnkle"]]
LEVEL = np.array([0.0, -1.0, 0.0])
"""Up in the camera frame, if the camera is level."""
_CAMERA_TILT = np.radians(12.0)  # how far cameras are from level, one sigma
_BODY_TILT = np.radians(5.0)  # how far the mean body over a clip is from upright
_UNEVEN = 0.05  # metres: how far a standing ankle is from the floor's plane
_ROUNDS = 8
_SLOW = 0.5  # m/s: feet slower than this may stand
_CALM = 2.0  # Hz
_STANDING = 0.8  # of its longest: how far a body that stands reaches from ankles to neck
_FLOOR_SHARE = 0.15  # of the most rest at any height: what makes a height a floor
_STEP = 0.2  # metres: two floors are further apart
_BELOW = 0.03  # share of the frames in which a foot may be under the floor
_APART = 1.0  # seconds after which a standing foot says something new


@dataclass(frozen=True)
class Ground:
    """The floor, in the camera frame.

    Attributes:
        up: Unit vector against gravity.
        level: Where standing ankles are, along ``up`` from the camera: negative, metres.
        source: Where it comes from, in words.
    """

    up: Float[np.ndarray, " 3"]
    level: float
    source: str

    @property
    def rotation(self) -> Float[np.ndarray, "3 3"]:
        """Camera to world: x right, y away from the camera, z up."""
        forward = np.array([0.0, 0.0, 1.0])
        away = forward - self.up * (forward @ self.up)
        if np.linalg.norm(away) < 1e-3:  # the camera looks straight down, or up
            away = np.array([0.0, -np.sign(self.up[2]), 0.0])
            away = away - self.up * (away @ self.up)
        away = away / np.linalg.norm(away)
        return np.stack([np.cross(away, self.up), away, self.up])

    def to_world(self, camera: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """From the camera frame to the world: the camera above the origin, z = 0 at the floor."""
        return camera @ self.rotation.T - np.array([0.0, 0.0, self.level])

    def to_camera(self, world: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """The inverse of `to_world`."""
        return (world + np.array([0.0, 0.0, self.level])) @ self.rotation


def find_ground(motions: Sequence[Motion3D], up: Float[np.ndarray, " 3"] | None = None) -> Ground:
    """The floor on which the people of a clip stand.

    Up is where bodies that stand point on average; it is tilted so that the slow, low feet lie in
    one plane, and drawn to the level camera, each by how exact it usually is.

    Args:
        motions: Of one camera, Human3.6M joints.
        up: Against gravity in the camera frame, if it is known, as from a phone's sensor.

    Raises:
        ValueError: If there are no motions, or ``up`` is no direction.
    """
    if not motions:
        raise ValueError("expected at least one motion to find the floor of, got none.")
    bodies = [body for motion in motions for body in _upright(motion)]
    points = [_resting(motion) for motion in motions]
    feet = np.concatenate([p for p, _ in points])
    weight = np.concatenate([w for _, w in points])
    if up is not None:
        if not np.linalg.norm(up) > 0:
            raise ValueError(f"expected a direction for up, got {up}.")
        up = up / np.linalg.norm(up)
        return Ground(up, _level(motions, up, _floor(feet @ up, weight)), "up: given")
    prior, sure = LEVEL / _CAMERA_TILT**2, 1 / _CAMERA_TILT**2
    if bodies:
        body = np.mean(bodies, axis=0)
        prior = prior + body / np.linalg.norm(body) / _BODY_TILT**2
        sure = sure + 1 / _BODY_TILT**2
    prior = prior / np.linalg.norm(prior)
    up = _tilted(prior, sure, feet, weight)
    angle = np.degrees(np.arccos(np.clip(up @ LEVEL, -1, 1)))
    source = f"estimated from feet and bodies: the camera is tilted by {angle:.0f} degrees"
    return Ground(up, _level(motions, up, _floor(feet @ up, weight)), source)


def _level(motions: Sequence[Motion3D], up: Float[np.ndarray, " 3"], level: float) -> float:
    """The height of the floor, unless somebody is far below it for a while: then it is there."""
    low = np.concatenate([(m.camera_xyz[:, FEET] @ up).min(axis=1)[m.valid] for m in motions])
    lowest = float(np.quantile(low, _BELOW)) if len(low) else level
    return lowest if lowest < level - _STEP else level


def ground_of(motion: Motion3D) -> Ground:
    """The floor that a motion was put on: the one between its camera frame and its world."""
    camera, world = motion.camera_xyz.reshape(-1, 3), motion.xyz.reshape(-1, 3)
    shift = camera - camera.mean(axis=0), world - world.mean(axis=0)
    u, _, vt = np.linalg.svd(shift[0].T @ shift[1])
    turn = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    up = turn[:, 2]
    return Ground(up, float((camera @ up - world[:, 2]).mean()), motion.ground_source)


def level_ground(motion: Motion3D) -> Ground:
    """The floor under the lowest ankle, if the camera is level."""
    feet = motion.camera_xyz[motion.valid][:, FEET] if motion.valid.any() else motion.camera_xyz
    return Ground(LEVEL, float((feet @ LEVEL).min()), "the camera is taken to be level")


def _upright(motion: Motion3D) -> list[np.ndarray]:
    """The mean direction from ankles to neck of the frames in which somebody stands, if any."""
    xyz = motion.camera_xyz[motion.valid]
    if not len(xyz):
        return []
    body = xyz[:, H36M.index["Neck"]] - xyz[:, FEET].mean(axis=1)
    reach = np.linalg.norm(body, axis=-1)
    standing = body[reach > _STANDING * np.quantile(reach, 0.95)]
    middle = np.median(standing / np.linalg.norm(standing, axis=-1, keepdims=True), axis=0)
    return [middle] if np.linalg.norm(middle) > 0 else []


def _resting(motion: Motion3D) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, " n"]]:
    """Ankles of a clip, and for how many independent moments of standing each counts."""
    feet = motion.camera_xyz[:, FEET]
    still = np.exp(-((speeds(feet, motion.times) / _SLOW) ** 2)) * motion.valid[:, None]
    share = np.minimum(steps(motion.times) / _APART, 1.0)[:, None]
    return feet.reshape(-1, 3), (np.maximum(still, 1e-6) * share).reshape(-1)


def speeds(
    feet: Float[np.ndarray, "t f 3"], times: Float[np.ndarray, " t"]
) -> Float[np.ndarray, "t f"]:
    """How fast feet move, m/s, without what trembles."""
    if len(times) < 2:
        return np.zeros(feet.shape[:2])
    calm = butterworth(feet, times, _CALM * 3)
    return np.linalg.norm(np.gradient(calm, times, axis=0), axis=-1)


def _tilted(
    prior: Float[np.ndarray, " 3"],
    sure: float,
    feet: Float[np.ndarray, "n 3"],
    weight: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " 3"]:
    """Up, turned from the prior so that low feet lie in a plane: least squares, round by round."""
    first = np.cross(prior, [0.0, 0.0, 1.0] if abs(prior[2]) < 0.9 else [1.0, 0.0, 0.0])
    first = first / np.linalg.norm(first)
    aside = np.stack([first, np.cross(prior, first)], axis=1)
    up = prior
    for _ in range(_ROUNDS):
        low = feet @ up
        low = low - _floor(low, weight)
        # Feet above the floor say little; those far below it are mistakes.
        w = weight / (1 + (low / np.where(low > 0, _UNEVEN, 2 * _UNEVEN)) ** 2) ** 2
        centred = feet - w @ feet / w.sum()
        slope, height = centred @ aside, centred @ prior
        matrix = slope.T @ (w[:, None] * slope) / _UNEVEN**2 + sure * np.eye(2)
        turn = np.linalg.solve(matrix, -slope.T @ (w * height) / _UNEVEN**2)
        up = prior + aside @ turn
        up = up / np.linalg.norm(up)
    return up


def _floor(height: Float[np.ndarray, " n"], weight: Float[np.ndarray, " n"]) -> float:
    """Where feet rest most, within a step above the lowest height where they rest for a while."""
    start, stop = np.quantile(height, [0.01, 0.99])
    at = np.arange(start, stop + _UNEVEN, _UNEVEN / 4)
    density = np.exp(-0.5 * ((height[None] - at[:, None]) / (_UNEVEN / 2)) ** 2) @ weight
    first = int(np.argmax(density > _FLOOR_SHARE * density.max()))
    near = at[first : first + 1 + round(_STEP / (_UNEVEN / 4))]
    lowest = near[np.argmax(density[first : first + len(near)])]
    close = weight * np.exp(-0.5 * ((height - lowest) / (_UNEVEN / 2)) ** 2)
    return float(close @ height / close.sum())
