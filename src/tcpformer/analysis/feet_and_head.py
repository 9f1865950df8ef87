"""Errors of feet and hands, and of where the head looks.

Any axes and unit, poses relative to the pelvis, joints of `BODY_26`.
"""

import numpy as np
from jaxtyping import Float

from ..skeleton import BODY, BODY_26, GROUPS
from .metrics import joint_errors, nearest_rotation

Motion = Float[np.ndarray, "t 26 3"]
Degrees = Float[np.ndarray, " t"]
_NOSE, _LEFT_EAR, _RIGHT_EAR = BODY_26.indices("Nose", "LEar", "REar")


def best_scale(pred: Motion, true: Motion) -> float:
    """Return the factor of a whole motion that `n_mpjpe` finds for its first 17 joints."""
    squares = (pred[:, BODY] ** 2).sum()
    return float((pred[:, BODY] * true[:, BODY]).sum() / max(squares, 1e-12))


def group_errors(pred: Motion, true: Motion, group: str) -> Float[np.ndarray, " t"]:
    """Compute the mean error of the joints of one of `GROUPS` per frame."""
    joints = GROUPS[group]
    return joint_errors(pred[:, joints], true[:, joints]).mean(axis=-1)


def head_angles(pred: Motion, true: Motion) -> tuple[Degrees, Degrees]:
    """Compute by how much the head is turned too far to its left, and looks too high, in degrees.

    The error is the rotation that best carries the true triangle of nose and ears onto the other
    (least squares). Applied to the true facing direction, across the line of the ears, it gives a
    direction in the axes of the true head: the yaw is its angle to the left, about the head's up
    axis, and the pitch its angle upward. Both are thus defined in any posture, lying too.
    """
    face = GROUPS["face"]
    source, target = (x[:, face] - x[:, face].mean(axis=1, keepdims=True) for x in (true, pred))
    rotation, _ = nearest_rotation(np.swapaxes(source, -1, -2) @ target)
    left = _unit(true[:, _LEFT_EAR] - true[:, _RIGHT_EAR])
    facing = true[:, _NOSE] - (true[:, _LEFT_EAR] + true[:, _RIGHT_EAR]) / 2
    facing = _unit(facing - (facing * left).sum(axis=-1, keepdims=True) * left)
    up = np.cross(facing, left)
    turned = (facing[:, None] @ rotation)[:, 0]
    forward, aside, above = ((turned * axis).sum(axis=-1) for axis in (facing, left, up))
    yaw, pitch = np.arctan2(aside, forward), np.arctan2(above, np.hypot(forward, aside))
    return np.degrees(yaw), np.degrees(pitch)


def _unit(vectors: Float[np.ndarray, "t 3"]) -> Float[np.ndarray, "t 3"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
