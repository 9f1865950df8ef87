"""The floor: one for all people that a camera sees, as far as they agree.

World frame: x right, y away from the camera, z up. z = 0 is the floor where there are feet, and the
height of standing ankles for the 17 joints.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ..motion import Motion2D, Motion3D
from .posture import LEVEL_UP, Posture
from .soles import find_soles
from .trust import TRUST, trust_people
from .vertical import (
    GROUND,
    GroundConfig,
    Hints,
    estimate_vertical,
    floor_height,
    hints_from,
    weigh_feet,
)

Vector = Float[np.ndarray, " 3"]

ASSUMED_LEVEL = "the camera is taken to be level"
"""Source of a ground that is not estimated."""
FRAMES_MEASURED = 10_000
"""Most frames, evenly spaced, from which the floor of a finished motion is recovered."""


@dataclass(frozen=True)
class Ground:
    """The floor, in the camera frame."""

    up: Vector
    """Unit vector against gravity."""
    level: float
    """Height of z = 0 along ``up`` from the camera: negative, metres."""
    source: str
    """Where it comes from."""
    sigma: tuple[float, float, float] | None = None
    """One sigma of the camera's tilt and roll, degrees, and of ``level``, metres, at this scale;
    None where the ground is not estimated."""

    @property
    def rotation(self) -> Float[np.ndarray, "3 3"]:
        """Rotation from camera to world axes."""
        forward = np.array([0.0, 0.0, 1.0])
        away = forward - self.up * (forward @ self.up)
        if np.linalg.norm(away) < 1e-3:  # the camera looks straight down, or up
            away = np.array([0.0, -np.sign(self.up[2]), 0.0])
            away = away - self.up * (away @ self.up)
        away = away / np.linalg.norm(away)
        return np.stack([np.cross(away, self.up), away, self.up])

    def to_world(self, camera: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """Transform from the camera frame to the world, whose origin is below the camera."""
        world = camera @ self.rotation.T.astype(camera.dtype)
        world -= np.array([0.0, 0.0, self.level])
        return world

    def to_camera(self, world: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """Transform from the world to the camera frame: the inverse of `to_world`."""
        camera = world @ self.rotation.astype(world.dtype)
        camera += np.array([0.0, 0.0, self.level]) @ self.rotation
        return camera


def find_ground(
    motions: Sequence[Motion3D],
    up: Vector | Hints | None = None,
    config: GroundConfig = GROUND,
) -> Ground:
    """Find the floor on which the people of a clip stand.

    Args:
        motions: People seen by one camera.
        up: Direction against gravity in the camera frame, if known, as from a phone's sensor; or
            what else is known of the camera. `estimate_vertical` estimates the rest.

    Raises:
        ValueError: If there are no motions, or ``up`` has no length.
    """
    if not motions:
        raise ValueError("expected at least one motion to find the floor of, got none.")
    hints = up if isinstance(up, Hints) else hints_from(up)
    points = [weigh_feet(motion, config) for motion in motions]
    feet = np.concatenate([p for p, _ in points])
    trust = trust_people(motions)
    weight = np.concatenate([t * w for t, (_, w) in zip(trust, points, strict=True)])
    posture = estimate_vertical(motions, hints)
    lift = [
        np.full(len(p), find_soles(m).height) for (p, _), m in zip(points, motions, strict=True)
    ]
    level = floor_height(feet @ posture.up - np.concatenate(lift), weight, config)
    known = [m for m, t in zip(motions, trust, strict=True) if t >= TRUST.least]
    level = _lower_if_below(known, posture.up, level, config)
    return Ground(
        posture.up,
        level,
        _describe(posture, hints),
        (
            posture.tilt_sigma,
            posture.roll_sigma,
            _floor_sigma(posture, feet, weight, level, config),
        ),
    )


def _describe(posture: Posture, hints: Hints) -> str:
    """Describe where a posture comes from."""
    given = [name for name in ("tilt", "roll") if getattr(hints, name) is not None]
    if len(given) == 2:
        return f"up: {hints.source}"
    sources = "feet, bodies and lines of the scene" if hints.scene else "feet and bodies"
    also = f" with the {given[0]} given" if given else ""
    return f"estimated from {sources}{also}: {posture.describe()}"


def _floor_sigma(
    posture: Posture,
    feet: Float[np.ndarray, "n 3"],
    weight: Float[np.ndarray, " n"],
    level: float,
    config: GroundConfig,
) -> float:
    """Return one sigma of the floor's height below the camera, metres.

    An error of the vertical lowers or lifts a floor as far as the people on it are away; an error
    of their distance changes the height in proportion; and a foot rests some centimetres off it.
    """
    middle = weight @ feet / weight.sum()
    lever = np.abs(np.cross(posture.up, middle))
    tilted = np.linalg.norm(lever) * np.radians(posture.sigma)
    return float(np.sqrt(tilted**2 + (config.depth * level) ** 2 + config.uneven**2))


def find_grounds(
    motions: Sequence[Motion3D], up: Vector | Hints | None = None, config: GroundConfig = GROUND
) -> list[Ground]:
    """Find the floor under each person: gravity from all, and one floor where they agree.

    The depth of a person follows from the assumed height, and so does the height of the feet below
    the camera. The shared floor is the one on which most feet rest. A person whose feet rest more
    than 0.1 m off it keeps a level of their own, and its source mentions it; from half a metre
    above it on, the person stands on something, and stays there.
    Arguments and errors are those of `find_ground`.
    """
    ground = find_ground(motions, up, config)
    if len(motions) < 2:
        return [ground]
    level, rest = np.array([_own_floor(motion, ground.up, config) for motion in motions]).T
    trust = trust_people(motions)
    rest = rest * trust
    on_it = np.abs(level[:, None] - level) <= config.agreed
    lowest = level[trust >= TRUST.least].min()
    low = (level < lowest + config.raised) & (trust >= TRUST.least)
    best = np.argmax(np.where(low, on_it @ rest, -1.0))
    floor = float(np.average(level[on_it[best]], weights=rest[on_it[best]]))
    over = level - floor
    own = (np.abs(over) > config.agreed) & (over < config.raised)
    count = f"{len(own)} people" if not own.any() else f"{(~own).sum()} of {len(own)} people"
    shared = replace(ground, level=floor, source=f"floor of {count}, {ground.source}")
    sides = np.where(over > 0, "above", "below")
    words = "; this person at a level of their own, {:.2f} m {} it"
    return [
        replace(
            shared,
            level=floor + float(off),
            source=shared.source + words.format(abs(off), side),
        )
        if alone
        else shared
        for off, side, alone in zip(over, sides, own, strict=True)
    ]


def _own_floor(motion: Motion3D, up: Vector, config: GroundConfig) -> tuple[float, float]:
    """Find the level at which a person's feet rest, and the number of moments they do."""
    feet, weight = weigh_feet(motion, config)
    height = feet @ up - find_soles(motion).height
    level = _lower_if_below([motion], up, floor_height(height, weight, config), config)
    return level, float(weight @ (np.abs(height - level) < config.agreed)) + 1e-9


def _lower_if_below(
    motions: Sequence[Motion3D], up: Vector, level: float, config: GroundConfig
) -> float:
    """Lower the floor where feet are more than a step below it for a while."""
    heights = [find_soles(motion).heights(motion.camera_xyz, up) for motion in motions]
    low = np.concatenate([h.min(axis=1)[m.valid] for h, m in zip(heights, motions, strict=True)])
    lowest = float(np.quantile(low, config.below)) if len(low) else level
    return lowest if lowest < level - config.step else level


def ground_of(motion: Motion3D) -> Ground:
    """Recover the floor of a motion from its camera frame and its world (Kabsch, 1976)."""
    every = 1 + len(motion) // FRAMES_MEASURED
    camera, world = (
        xyz[::every].reshape(-1, 3).astype(float) for xyz in (motion.camera_xyz, motion.xyz)
    )
    a, b = camera - camera.mean(axis=0), world - world.mean(axis=0)
    u, _, vt = np.linalg.svd(a.T @ b)
    up = (u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt)[:, 2]
    level = float((camera @ up - world[:, 2]).mean())
    return Ground(up, level, motion.provenance.get("ground", ASSUMED_LEVEL))


def level_ground(motion: Motion3D) -> Ground:
    """Return the floor under the lowest foot, for a level camera."""
    xyz = motion.camera_xyz[motion.valid] if motion.valid.any() else motion.camera_xyz
    return Ground(LEVEL_UP, float(find_soles(motion).heights(xyz, LEVEL_UP).min()), ASSUMED_LEVEL)


def lowest_level_ground(motions: Sequence[Motion3D]) -> Ground:
    """Return the floor under the lowest foot of all people, for a level camera."""
    return min(map(level_ground, motions), key=lambda ground: ground.level)


def on_shared_floor(motions: Sequence[Motion3D]) -> list[Motion3D]:
    """Put people on the floor under the lowest foot of all; the camera is taken to be level."""
    if not motions:
        return []
    lowest = lowest_level_ground(motions)
    return [replace(motion, xyz=lowest.to_world(motion.camera_xyz)) for motion in motions]


def check_same_camera(people: Sequence[Motion2D | Motion3D]) -> None:
    """Raise a ValueError if the focal lengths or picture sizes of people differ."""
    cameras = {(person.focal, tuple(person.size)) for person in people}
    if len(cameras) > 1:
        got = sorted(cameras, key=str)  # a focal length may be None
        raise ValueError(
            f"people in one world were seen by one camera, got (focal, size) {got}; "
            "give them one focal length, or lift them one by one."
        )
