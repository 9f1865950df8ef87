"""Which way is up, and where the floor is: from standing feet and upright bodies over a clip.

One floor for all the people that one camera sees. Axis legend: ``j`` joints, ``f`` feet.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ..filtering.filters import butterworth, steps
from ..motion import Motion3D
from ..skeleton import H36M

FEET = [H36M.index["RAnkle"], H36M.index["LAnkle"]]
LEVEL = np.array([0.0, -1.0, 0.0])
ASSUMED_LEVEL = "the camera is taken to be level"
"""Up in the camera frame, if the camera is level."""
_PITCH, _ROLL = np.radians([15.0, 3.0])  # how far cameras look down or up, and lean aside: sigmas
_BODY_TILT = np.radians(5.0)  # how far the mean body over a clip is from upright, beyond
_LEAN = 0.045  # radians per m/s: how far people lean the way they go
_UNEVEN = 0.05  # metres: how far a standing ankle is from the floor's plane
_SWAY = 0.08  # metres: how far an upright body's pelvis is from its usual height
_FEET_COUNT, _PELVIS_COUNT = 8.0, 2.0  # seconds: longer paths count no more, their depths err alike
_ROUNDS = 8
_SLOW = 0.5  # m/s: feet slower than this may stand
_CALM = 2.0  # Hz
_STANDING = 0.8  # of its longest: how far a body that stands reaches from ankles to neck
_FLOOR_SHARE = 0.15  # of the most rest at any height: what makes a height a floor
_STEP = 0.2  # metres: two floors are further apart
_BELOW = 0.03  # share of the frames in which a foot may be under the floor
_AGREED = 0.1  # metres that the floor of one person may be off that of all
_RAISED = 0.5  # metres above it from which on somebody is on something, and not misplaced
_APART = 1.0  # seconds after which a standing foot says something new
_MOMENT = 0.3  # seconds: a shorter clip does not tell where somebody goes


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

    Up is weighed from four things, each by how exact it usually is: where bodies that stand point
    on average, but for the lean of those who go somewhere; that slow, low feet lie in one plane;
    that upright bodies carry the pelvis at one height; and that cameras hardly lean aside, and look
    down or up a little.

    Args:
        motions: Of one camera, Human3.6M joints.
        up: Against gravity in the camera frame, if it is known, as from a phone's sensor.

    Raises:
        ValueError: If there are no motions, or ``up`` is no direction.
    """
    if not motions:
        raise ValueError("expected at least one motion to find the floor of, got none.")
    points = [_resting(motion) for motion in motions]
    feet = np.concatenate([p for p, _ in points])
    weight = np.concatenate([w for _, w in points])
    if up is not None:
        if not np.linalg.norm(up) > 0:
            raise ValueError(f"expected a direction for up, got {up}.")
        up = up / np.linalg.norm(up)
        return Ground(up, _level(motions, up, _floor(feet @ up, weight)), "up: given")
    bodies = [body for motion in motions if (body := _upright(motion))]
    up = _weighed(bodies, feet, weight * min(1.0, _FEET_COUNT / max(float(weight.sum()), 1e-9)))
    angle = np.degrees(np.arccos(np.clip(up @ LEVEL, -1, 1)))
    source = f"estimated from feet and bodies: the camera is tilted by {angle:.0f} degrees"
    return Ground(up, _level(motions, up, _floor(feet @ up, weight)), source)


def find_grounds(
    motions: Sequence[Motion3D], up: Float[np.ndarray, " 3"] | None = None
) -> list[Ground]:
    """The floor under each of the people of a clip: gravity from all, and one floor if they agree.

    How far away somebody is depends on how tall they are taken to be, and so does how far their
    feet are below the camera. The floor of all is that on which most feet rest. Whose feet rest
    more than 0.1 m off it keeps a level of their own, and its source says so; but from half a metre
    above it on they are on something, and stay there.

    Args:
        motions: As for `find_ground`.
        up: Likewise.

    Raises:
        ValueError: As of `find_ground`.
    """
    ground = find_ground(motions, up)
    if len(motions) < 2:
        return [ground]
    level, rest = np.array([_own_floor(motion, ground.up) for motion in motions]).T
    on_it = np.abs(level[:, None] - level) <= _AGREED
    best = np.argmax(np.where(level < level.min() + _RAISED, on_it @ rest, -1.0))
    floor = float(np.average(level[on_it[best]], weights=rest[on_it[best]]))
    over = level - floor
    own = (np.abs(over) > _AGREED) & (over < _RAISED)
    count = f"{len(own)} people" if not own.any() else f"{(~own).sum()} of {len(own)} people"
    shared = replace(ground, level=floor, source=f"floor of {count}, {ground.source}")
    return [_at_own(shared, off) if alone else shared for off, alone in zip(over, own, strict=True)]


def _own_floor(motion: Motion3D, up: Float[np.ndarray, " 3"]) -> tuple[float, float]:
    """The level at which somebody's feet rest, and for how many moments they do."""
    feet, weight = _resting(motion)
    level = _level([motion], up, _floor(feet @ up, weight))
    return level, float(weight @ (np.abs(feet @ up - level) < _AGREED)) + 1e-9


def _at_own(shared: Ground, over: float) -> Ground:
    """The floor under somebody whose feet are so many metres over that of the others."""
    side = "above" if over > 0 else "below"
    said = f"; this person at a level of their own, {abs(over):.2f} m {side} it"
    return Ground(shared.up, shared.level + float(over), shared.source + said)


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
    return Ground(
        up,
        float((camera @ up - world[:, 2]).mean()),
        motion.provenance.get("ground", ASSUMED_LEVEL),
    )


def level_ground(motion: Motion3D) -> Ground:
    """The floor under the lowest ankle, if the camera is level."""
    feet = motion.camera_xyz[motion.valid][:, FEET] if motion.valid.any() else motion.camera_xyz
    return Ground(LEVEL, float((feet @ LEVEL).min()), ASSUMED_LEVEL)


@dataclass(frozen=True)
class _Body:
    """What somebody who stands says of up.

    Attributes:
        up: The median direction from ankles to neck, but for the lean of somebody on the way.
        pelvis: Where it is in frames in which somebody stands.
        weight: For how many independent moments each of them counts.
    """

    up: Float[np.ndarray, " 3"]
    pelvis: Float[np.ndarray, "n 3"]
    weight: Float[np.ndarray, " n"]


def _upright(motion: Motion3D) -> _Body | None:
    xyz, times = motion.camera_xyz[motion.valid], motion.times[motion.valid]
    if not len(xyz):
        return None
    body = xyz[:, H36M.index["Neck"]] - xyz[:, FEET].mean(axis=1)
    reach = np.linalg.norm(body, axis=-1)
    standing = reach > _STANDING * np.quantile(reach, 0.95)
    up = np.median(body[standing] / reach[standing, None], axis=0)
    if not np.linalg.norm(up) > 0:
        return None
    up = up / np.linalg.norm(up)
    way = (xyz[-1, H36M.root] - xyz[0, H36M.root]) / max(times[-1] - times[0], _MOMENT)
    up = up - _LEAN * (way - up * (way @ up))
    weight = np.minimum(steps(times)[standing], 1.0)
    weight = weight * min(1.0, _PELVIS_COUNT / max(float(weight.sum()), 1e-9))
    return _Body(up / np.linalg.norm(up), xyz[standing, H36M.root], weight)


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


def _weighed(
    bodies: list[_Body], feet: Float[np.ndarray, "n 3"], weight: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " 3"]:
    """Up from bodies, feet and what is known of cameras: least squares, round by round."""
    # But for the feet and pelvises, half the cost of a unit vector u is u A u / 2 - pull u.
    body = np.mean([body.up for body in bodies], axis=0) if bodies else np.zeros(3)
    pull = body / max(float(np.linalg.norm(body)), 1e-9) / _BODY_TILT**2
    up = body if bodies else LEVEL
    for _ in range(_ROUNDS):
        up = up / np.linalg.norm(up)
        low = feet @ up
        low = low - _floor(low, weight)
        # Feet above the floor say little; those far below it are mistakes.
        matrix = np.diag([1 / _ROLL**2, 0.0, 1 / _PITCH**2])
        matrix += (
            _spread(feet, _agreeing(weight, low, np.where(low > 0, 1.0, 2.0) * _UNEVEN))
            / _UNEVEN**2
        )
        for one in bodies:
            height = one.pelvis @ up
            off = height - np.average(height, weights=one.weight)
            matrix += _spread(one.pelvis, _agreeing(one.weight, off, 2 * _SWAY)) / _SWAY**2
        slope = matrix @ up - pull
        aside = np.linalg.svd(up[None])[2][1:].T  # the two directions across
        curve = aside.T @ matrix @ aside - (slope @ up) * np.eye(2)
        up = up - aside @ np.linalg.solve(curve, aside.T @ slope)
    return up / np.linalg.norm(up)


def _agreeing(
    weight: Float[np.ndarray, " n"],
    off: Float[np.ndarray, " n"],
    size: float | Float[np.ndarray, " n"],
) -> Float[np.ndarray, " n"]:
    """Weights without those that are much further off than a size (Geman and McClure, 1985)."""
    return weight / (1 + (off / size) ** 2) ** 2


def _spread(
    points: Float[np.ndarray, "n 3"], weight: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "3 3"]:
    """How far points lie from their middle, each way."""
    centred = points - weight @ points / weight.sum()
    return centred.T @ (weight[:, None] * centred)


def _floor(height: Float[np.ndarray, " n"], weight: Float[np.ndarray, " n"]) -> float:
    """Where feet rest most, within a step above the lowest height where they rest for a while."""
    start, stop = np.quantile(height, [0.01, 0.99])
    at = np.arange(start, stop + _UNEVEN, _UNEVEN / 4)
    density = np.array([weight @ _near(height, place) for place in at])
    first = int(np.argmax(density > _FLOOR_SHARE * density.max()))
    near = at[first : first + 1 + round(_STEP / (_UNEVEN / 4))]
    lowest = near[np.argmax(density[first : first + len(near)])]
    close = weight * _near(height, lowest)
    return float(close @ height / close.sum())


def _near(height: Float[np.ndarray, " n"], place: float) -> Float[np.ndarray, " n"]:
    return np.exp(-0.5 * ((height - place) / (_UNEVEN / 2)) ** 2)
