"""Errors of root-relative poses, as the field defines them. numpy; any leading batch dimensions.

Distances come out in the unit that goes in; callers multiply by 1000 where a table shows
millimetres. Every function refuses positions that are not finite: no score is ever silently NaN.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

AUC_MILLIMETRES = tuple(5.0 * step for step in range(31))
"""The 31 thresholds of the area under the curve (Mehta et al., 3DV 2017)."""


def joint_errors(
    pred: Float[np.ndarray, "*batch j 3"], true: Float[np.ndarray, "*batch j 3"]
) -> Float[np.ndarray, "*batch j"]:
    """Distance of every joint from where it should be."""
    return np.linalg.norm(_checked(pred) - _checked(true), axis=-1)


def mpjpe(
    pred: Float[np.ndarray, "*batch t j 3"], true: Float[np.ndarray, "*batch t j 3"]
) -> Float[np.ndarray, "*batch t"]:
    """Mean distance between joints, per frame (protocol 1 once root-relative)."""
    return joint_errors(pred, true).mean(axis=-1)


def n_mpjpe(
    pred: Float[np.ndarray, "*batch t j 3"], true: Float[np.ndarray, "*batch t j 3"]
) -> Float[np.ndarray, "*batch t"]:
    """The same after the best scale, one for all frames of a sequence (least squares)."""
    dot = (_checked(pred) * _checked(true)).sum(axis=(-3, -2, -1))
    scale = dot / _squares(pred, 3)
    return mpjpe(pred * scale[..., None, None, None], true)


def p_mpjpe(
    pred: Float[np.ndarray, "*batch t j 3"], true: Float[np.ndarray, "*batch t j 3"]
) -> Float[np.ndarray, "*batch t"]:
    """The same after the best rotation, translation and scale of each frame (protocol 2)."""
    return mpjpe(aligned(pred, true), true)


def aligned(
    pred: Float[np.ndarray, "*batch j 3"], true: Float[np.ndarray, "*batch j 3"]
) -> Float[np.ndarray, "*batch j 3"]:
    """Move each pose onto the true one by a similarity; a mirror image is not turned back.

    Umeyama, "Least-squares estimation of transformation parameters", PAMI 1991. A pose whose
    joints coincide is moved onto the mean of the true joints.
    """
    mean = _checked(true).mean(axis=-2, keepdims=True)
    x, y = _checked(pred) - pred.mean(axis=-2, keepdims=True), true - mean
    u, s, vt = np.linalg.svd(np.swapaxes(x, -1, -2) @ y)
    sign = np.sign(np.linalg.det(u @ vt))
    flip = np.stack([np.ones_like(sign), np.ones_like(sign), np.where(sign < 0, -1.0, 1.0)], -1)
    rotation = (u * flip[..., None, :]) @ vt
    scale = (s * flip).sum(axis=-1) / _squares(x, 2)
    return scale[..., None, None] * (x @ rotation) + mean


def mpjve(
    pred: Float[np.ndarray, "*batch t j 3"], true: Float[np.ndarray, "*batch t j 3"], fps: float
) -> Float[np.ndarray, "*batch t-1"]:
    """Mean error of the joints' velocity (first difference), per second; from 2 frames on."""
    return mpjpe(_differences(pred, 1), _differences(true, 1)) * fps


def acceleration_error(
    pred: Float[np.ndarray, "*batch t j 3"], true: Float[np.ndarray, "*batch t j 3"], fps: float
) -> Float[np.ndarray, "*batch t-2"]:
    """Mean error of the joints' acceleration (second difference), per s²; from 3 frames on."""
    return acceleration_error_released(pred, true) * fps**2


def acceleration_error_released(
    pred: Float[np.ndarray, "*batch t j 3"], true: Float[np.ndarray, "*batch t j 3"]
) -> Float[np.ndarray, "*batch t-2"]:
    """The same as the released evaluation computes it: per frame², whatever the frame rate."""
    return mpjpe(_differences(pred, 2), _differences(true, 2))


def jitter(xyz: Float[np.ndarray, "*batch t j 3"], fps: float) -> Float[np.ndarray, "*batch t-3"]:
    """Mean size of the joints' jerk (third difference), per s³; from 4 frames on. Needs no truth.

    Yi, Zhou and Xu, "TransPose", ACM Transactions on Graphics 2021.
    """
    return np.linalg.norm(_differences(xyz, 3), axis=-1).mean(axis=-1) * fps**3


def bone_deviation(
    xyz: Float[np.ndarray, "*batch t j 3"], bones: Sequence[tuple[int, int]]
) -> Float[np.ndarray, "*batch t"]:
    """How far bones are from their own mean length over the sequence, per frame; mean over bones.

    Args:
        xyz: One sequence, or a batch of them. Needs no truth.
        bones: (parent, child) of each, such as ``skeleton.bones``.
    """
    parent, child = np.array(bones).T
    length = joint_errors(xyz[..., parent, :], xyz[..., child, :])
    return np.abs(length - length.mean(axis=-2, keepdims=True)).mean(axis=-1)


def pck(
    pred: Float[np.ndarray, "*batch j 3"],
    true: Float[np.ndarray, "*batch j 3"],
    threshold: float = 0.150,
    joints: Sequence[int] | None = None,
) -> Float[np.ndarray, "*batch"]:
    """Share of joints, 0 to 1, whose error is strictly below ``threshold``.

    Args:
        pred: The poses.
        true: What they should be.
        threshold: In the poses' unit; by default 150 mm in metres.
        joints: Which joints count; by default all.
    """
    return auc(pred, true, (threshold,), joints)


def auc(
    pred: Float[np.ndarray, "*batch j 3"],
    true: Float[np.ndarray, "*batch j 3"],
    thresholds: Sequence[float] = tuple(mm / 1000 for mm in AUC_MILLIMETRES),
    joints: Sequence[int] | None = None,
) -> Float[np.ndarray, "*batch"]:
    """Mean of `pck` over many thresholds; by default `AUC_MILLIMETRES`, for poses in metres."""
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


def _differences(x: Float[np.ndarray, "*batch t j 3"], order: int) -> np.ndarray:
    if x.shape[-3] <= order:
        raise ValueError(
            f"expected at least {order + 1} frames for differences of order {order}, got "
            f"{x.shape[-3]}; leave sequences as short as this out."
        )
    return np.diff(_checked(x), n=order, axis=-3)


def _squares(x: Float[np.ndarray, "*batch j 3"], axes: int) -> np.ndarray:
    """The sum of squares to divide by; 1 where it is 0, so that no extent stays none."""
    squares = (x * x).sum(axis=tuple(range(-axes, 0)))
    return np.where(squares > 0, squares, 1)
