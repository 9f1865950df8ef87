"""Feet and toes of the rig: what a motion without feet, and every motion without toes, leaves open.

World axes: y up, y = 0 at the soles of a standing person. Metres. Shapes: `t` frames.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from ..skeleton import ANKLE_OVER_SOLE, BODY_26, SOLE_DEPTH, stature
from .rig_names import INDEX, PARENTS, follow_chain
from .rig_turns import cross, invert, multiply, to_matrices, turn_about

Rotations = Float[np.ndarray, "t 3 3"]
Series = Float[np.ndarray, " t"]
Vector = Float[np.ndarray, "3"]

X, Y, Z = np.eye(3)


@dataclass(frozen=True, kw_only=True)
class FeetConfig:
    """How feet are made where they are not known."""

    ball: float = 0.13 / 1.70
    """Ball before the ankle, as a share of body height."""
    toe: float = 0.07 / 1.70
    """Toe tip before the ball, as a share of body height."""
    flat: tuple[float, float] = (0.02, 0.10)
    """Metres of the ankle over its height on a flat sole up to which the sole is level, and from
    which on it is square to the shin."""
    upright: tuple[float, float] = (0.3, 0.6)
    """Cosines of the shin's tilt: up to the first the foot is square to the shin everywhere."""
    max_bend: float = 60.0
    """Degrees that a foot or toes may bend up for the floor."""
    sideways: float = 0.15
    """Share of the tip's way that is level, and of the bend that is upwards, up to which a foot
    bends less."""
    past_vertical: float = 25.0
    """Degrees past straight down at which toes do not bend any more: they would bend downwards."""
    seen: float = 0.01
    """Metres under its height on the floor up to which the ball of a foot that was seen stays."""
    sink: float = 0.02
    """Metres under their height on the floor up to which heel, ball and toe tip stay, at most."""


FEET = FeetConfig()


@runtime_checkable
class Rest(Protocol):
    """The part of a rest pose that feet need; as in `rig_fit.Fit`."""

    @property
    def offsets(self) -> Float[np.ndarray, "b 3"]: ...
    @property
    def markers(self) -> Mapping[str, tuple[int, Vector]]: ...
    @property
    def foot(self) -> "FootShape": ...


@dataclass(frozen=True)
class FootShape:
    """A foot on the floor, in the rest pose."""

    ball: Vector
    """From the ankle to the ball: the head of the toe bone."""
    toe: Vector
    """From the ball to the toe tip."""
    ankle_height: float
    """Of a standing foot over the floor."""
    sole: float
    """Height of heel, ball and toe tip over the floor."""


def foot_shape(
    xyz: Float[np.ndarray, "t j 3"],
    joints: Float[np.ndarray, "j 3"] | None,
    config: FeetConfig = FEET,
) -> FootShape:
    """Return the shape of the feet.

    Args:
        xyz: Joints, for the body height.
        joints: Way from its parent to each joint of `BODY_26` at rest; None if feet were not seen.
        config: Tuned numbers.
    """
    height = float(np.median(stature(xyz)))
    sole, ankle = SOLE_DEPTH * height, ANKLE_OVER_SOLE * height
    ball = np.array([0.0, -ankle, config.ball * height])
    if joints is not None:
        left, right = joints[BODY_26.indices("LToe", "RToe")]
        ball = (left + right * [-1, 1, 1]) / 2 * [0, 1, 1]
    return FootShape(ball, config.toe * height * Z, float(sole - ball[1]), sole)


def pose_foot(
    shin: Rotations, ankle: Series, foot: FootShape, config: FeetConfig = FEET
) -> Rotations:
    """Return the rotation of a foot of which only the ankle is known.

    Near the floor the sole is level and looks where the shin looks. Above it the foot is square to
    the shin, in the plane in which the knee bends, and its ball stays out of the floor.

    Args:
        shin: Rotation of the shin from its rest pose.
        ankle: Height of the ankle.
        foot: The shape of the foot.
        config: Tuned numbers.
    """
    low, high = config.flat
    share = 1 - _ease((ankle - foot.ankle_height - low) / (high - low))
    low, high = config.upright
    share = share * _ease((shin[:, 1, 1] - low) / (high - low))
    # The shortest way to a level sole keeps the direction in which the foot looks.
    across = cross(shin[:, :, 1], Y)
    sine = np.linalg.norm(across, axis=1, keepdims=True)
    angle = np.arctan2(sine[:, 0], shin[:, 1, 1]) * share
    level = turn_about(across / np.maximum(sine, 1e-9), angle) @ shin
    return keep_above_floor(level, foot.ball, ankle, foot.sole, config)


def keep_above_floor(
    turn: Float[np.ndarray, "*n 3 3"],
    tip: Vector,
    height: Float[np.ndarray, "*n"],
    least: Float[np.ndarray, "*n"] | float,
    config: FeetConfig = FEET,
) -> Float[np.ndarray, "*n 3 3"]:
    """Bend a bone up until its tip is at least so high, as far as it bends that way.

    Args:
        turn: Rotation of the bone from its rest pose.
        tip: From the bone's head to its tip in the rest pose.
        height: Height of the bone's head.
        least: Height of the tip.
        config: Tuned numbers.
    """
    there = turn @ tip
    length = max(float(np.linalg.norm(tip)), 1e-9)
    level = np.hypot(there[..., 0], there[..., 2]) / length
    up = np.arcsin(np.clip((least - height) / length, -1, 1))
    angle = np.maximum(up - np.arctan2(there[..., 1] / length, level), 0)
    across = cross(there, Y)
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
    # Less where the tip points straight down, and not backwards, so that the angle does not jump.
    forward = -(across * turn[..., 0]).sum(axis=-1)
    share = _ease(level / config.sideways) * _ease(forward / config.sideways)
    angle = np.minimum(angle, np.radians(config.max_bend) * share)
    return np.where(angle[..., None, None] > 0, turn_about(across, angle) @ turn, turn)


def bend_toes(
    foot: Float[np.ndarray, "*n 3 3"],
    tip: Vector,
    ball: Float[np.ndarray, "*n"],
    least: float,
    config: FeetConfig = FEET,
) -> Float[np.ndarray, "*n 3 3"]:
    """Return the rotation of toes, bent up about the foot's own axis until their tip is so high.

    Toes bend little more than `max_bend`, also where that is not enough.

    Args:
        foot: Rotation of the foot from its rest pose.
        tip: From the ball to the toe tip in the rest pose.
        ball: Height of the ball.
        least: Height of the tip.
        config: Tuned numbers.
    """
    # Bent by an angle, the tip is at length * (ahead cos + up sin) = size cos(angle - phase).
    length = max(float(np.linalg.norm(tip)), 1e-9)
    ahead, up = foot[..., 1, :] @ tip / length, foot[..., 1, :] @ np.cross(tip, X) / length
    size = np.maximum(np.hypot(ahead, up), 1e-9)
    wanted = np.arccos(np.clip((least - ball) / (length * size), -1, 1))
    angle = np.arctan2(up, ahead) % (2 * np.pi) - wanted
    past = np.sin(np.radians(config.past_vertical))
    most = np.radians(config.max_bend) * _ease(1 + up / past)
    angle = np.where(ball + length * ahead < least, np.clip(angle, 0, most), 0.0)
    return foot @ turn_about(np.broadcast_to(X, (*angle.shape, 3)), -angle)


def clear_floor(
    rotations: Float[np.ndarray, "t b 4"],
    guessed: Bool[np.ndarray, "t b"],
    fit: Rest,
    root: Float[np.ndarray, "t 3"],
    config: FeetConfig = FEET,
) -> tuple[Float[np.ndarray, "t b 4"], Float[np.ndarray, "t 3"]]:
    """Bend feet and toes up out of the floor, and raise the body where that is not enough.

    Neither heel nor ball nor toe tip is then deeper in the floor than `FeetConfig.sink`.

    Args:
        rotations: Local rotations of the bones of `rig_names.BONES`.
        guessed: Which of them are not those of the motion.
        fit: The rest pose.
        root: Position of the root.
        config: Tuned numbers.

    Returns:
        The rotations, and the position of the root.
    """
    heads, turns = follow_chain(PARENTS, fit.offsets, rotations, root)
    cleared, foot = rotations.copy(), fit.foot
    legs, feet, toes = (
        [INDEX[side + name] for side in ("Left", "Right")] for name in ("Leg", "Foot", "ToeBase")
    )
    old, height = to_matrices(turns[:, feet]), heads[:, feet, 1]
    least = foot.sole - np.where(guessed[:, feet], 0.0, config.seen)
    new = keep_above_floor(old, foot.ball, height, least, config)
    ball = height + (new[..., 1, :] * fit.offsets[toes]).sum(axis=-1)
    bent = bend_toes(new, foot.toe, ball, foot.sole, config)
    heels = [fit.markers.get(f"{side}Heel", (0, foot.ball))[1] for side in "LR"]
    heel = height + (new[..., 1, :] * np.stack(heels)).sum(axis=-1)
    lowest = np.minimum.reduce([ball, ball + bent[..., 1, :] @ foot.toe, heel]).min(axis=1)
    both = Rotation.from_matrix(np.stack([new, new.swapaxes(-1, -2) @ bent])).as_quat()
    cleared[:, feet] = multiply(invert(turns[:, legs]), both[0])
    cleared[:, toes] = both[1]
    raised = np.maximum(foot.sole - config.sink - lowest, 0.0)
    return cleared, root + raised[:, None] * Y


def _ease(x: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Return 0 below 0, 1 above 1, and a smooth step between."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
