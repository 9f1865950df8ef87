"""Errors of root-relative poses by the field's definitions; any leading batch dimensions.

Errors have the unit of the poses; callers multiply by 1000 where a table shows millimetres. Every
function refuses positions that are not finite, so that no score is NaN without notice.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..world.rigid import nearest_rotation as nearest_rotation

Pose = Float[np.ndarray, "*batch j 3"]
Motion = Float[np.ndarray, "*batch t j 3"]

AUC_MILLIMETRES = tuple(5.0 * step for step in range(31))
"""The 31 thresholds of the area under the curve (Mehta et al., 3DV 2017)."""


def joint_errors(pred: Pose, true: Pose) -> Float[np.ndarray, "*batch j"]:
    """Compute the distance of every joint from the true one."""
    return np.linalg.norm(_checked(pred) - _checked(true), axis=-1)


def mpjpe(pred: Motion, true: Motion) -> Float[np.ndarray, "*batch t"]:
    """Compute the mean error of joints per frame (protocol 1, if root-relative)."""
    return joint_errors(pred, true).mean(axis=-1)


def n_mpjpe(pred: Motion, true: Motion) -> Float[np.ndarray, "*batch t"]:
    """Compute `mpjpe` after the best scale, one for a whole sequence (least squares)."""
    dot = (_checked(pred) * _checked(true)).sum(axis=(-3, -2, -1))
    scale = dot / _squares(pred, 3)
    return mpjpe(pred * scale[..., None, None, None], true)


def p_mpjpe(pred: Motion, true: Motion) -> Float[np.ndarray, "*batch t"]:
    """Compute `mpjpe` after the best similarity transform of each frame (protocol 2)."""
    return mpjpe(align(pred, true), true)


def align(pred: Pose, true: Pose) -> Pose:
    """Align each pose with the true one by a similarity transform without reflection.

    Umeyama, "Least-squares estimation of transformation parameters", PAMI 1991. A pose whose
    joints coincide is moved to the mean of the true joints.
    """
    mean = _checked(true).mean(axis=-2, keepdims=True)
    x, y = _checked(pred) - pred.mean(axis=-2, keepdims=True), true - mean
    rotation, singular = nearest_rotation(np.swapaxes(x, -1, -2) @ y)
    scale = singular.sum(axis=-1) / _squares(x, 2)
    return scale[..., None, None] * (x @ rotation) + mean


def mpjve(pred: Motion, true: Motion, fps: float) -> Float[np.ndarray, "*batch t-1"]:
    """Compute the mean error of velocity (first difference), per s; needs 2 frames."""
    return mpjpe(_differences(pred, 1), _differences(true, 1)) * fps


def acceleration_error(pred: Motion, true: Motion, fps: float) -> Float[np.ndarray, "*batch t-2"]:
    """Compute the mean error of acceleration (second difference), per s²; needs 3 frames."""
    return acceleration_error_released(pred, true) * fps**2


def acceleration_error_released(pred: Motion, true: Motion) -> Float[np.ndarray, "*batch t-2"]:
    """Compute the acceleration error as the released evaluation does: per frame²."""
    return mpjpe(_differences(pred, 2), _differences(true, 2))


def jitter(xyz: Motion, fps: float) -> Float[np.ndarray, "*batch t-3"]:
    """Compute the mean magnitude of jerk (third difference), per s³; needs 4 frames, no truth.

    Yi, Zhou and Xu, "TransPose", ACM Transactions on Graphics 2021.
    """
    return np.linalg.norm(_differences(xyz, 3), axis=-1).mean(axis=-1) * fps**3


def bone_deviation(xyz: Motion, bones: Sequence[tuple[int, int]]) -> Float[np.ndarray, "*batch t"]:
    """Compute the mean deviation of bones from their own mean length, per frame; needs no truth.

    ``bones`` are pairs (parent, child), such as ``skeleton.bones``.
    """
    parent, child = np.array(bones).T
    length = joint_errors(xyz[..., parent, :], xyz[..., child, :])
    return np.abs(length - length.mean(axis=-2, keepdims=True)).mean(axis=-1)


def pck(
    pred: Pose, true: Pose, threshold: float = 0.150, joints: Sequence[int] | None = None
) -> Float[np.ndarray, "*batch"]:
    """Compute the share of joints, 0 to 1, whose error is strictly below ``threshold``.

    The threshold has the poses' unit, by default 150 mm in metres; all joints count by default.
    """
    return auc(pred, true, (threshold,), joints)


def auc(
    pred: Pose,
    true: Pose,
    thresholds: Sequence[float] = tuple(mm / 1000 for mm in AUC_MILLIMETRES),
    joints: Sequence[int] | None = None,
) -> Float[np.ndarray, "*batch"]:
    """Compute the mean of `pck` over thresholds; by default `AUC_MILLIMETRES`, in metres."""
    errors = joint_errors(pred, true)
    if joints is not None:
        errors = errors[..., list(joints)]
    return (errors[..., None] < np.array(thresholds)).mean(axis=(-2, -1))


def _checked(xyz: Float[np.ndarray, "*batch"]) -> Float[np.ndarray, "*batch"]:
    if xyz.size == 0 or not np.isfinite(xyz).all():
        wrong = int((~np.isfinite(xyz)).any(axis=-1).sum())
        raise ValueError(
            f"expected finite positions of at least one joint and frame, got an array of shape "
            f"{xyz.shape} with {wrong} joints that are NaN or infinite; leave such frames out."
        )
    return xyz


def _differences(x: Motion, order: int) -> np.ndarray:
    if x.shape[-3] <= order:
        raise ValueError(
            f"expected at least {order + 1} frames for differences of order {order}, got "
            f"{x.shape[-3]}; leave shorter sequences out."
        )
    return np.diff(_checked(x), n=order, axis=-3)


def _squares(x: Pose, axes: int) -> np.ndarray:
    """Sum squares to divide by; 1 where the sum is 0, so that no extent stays none."""
    squares = (x * x).sum(axis=tuple(range(-axes, 0)))
    return np.where(squares > 0, squares, 1)
