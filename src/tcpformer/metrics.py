"""Errors of root-relative poses, as the field defines them. numpy; any leading batch dimensions.

Positions in metres in, metres out; callers multiply by 1000 where a table shows millimetres.
"""

import numpy as np
from jaxtyping import Float


def mpjpe(
    pred: Float[np.ndarray, "*batch t j 3"], true: Float[np.ndarray, "*batch t j 3"]
) -> Float[np.ndarray, "*batch t"]:
    """Mean distance between joints, per frame (protocol 1 once root-relative)."""
    return np.linalg.norm(pred - true, axis=-1).mean(axis=-1)


def n_mpjpe(
    pred: Float[np.ndarray, "*batch t j 3"], true: Float[np.ndarray, "*batch t j 3"]
) -> Float[np.ndarray, "*batch t"]:
    """The same after the best scale, one for all frames of a sequence (least squares)."""
    dot = (pred * true).sum(axis=(-3, -2, -1))
    scale = dot / np.maximum((pred * pred).sum(axis=(-3, -2, -1)), 1e-12)
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
    mean = true.mean(axis=-2, keepdims=True)
    x, y = pred - pred.mean(axis=-2, keepdims=True), true - mean
    u, s, vt = np.linalg.svd(np.swapaxes(x, -1, -2) @ y)
    sign = np.sign(np.linalg.det(u @ vt))
    flip = np.stack([np.ones_like(sign), np.ones_like(sign), np.where(sign < 0, -1.0, 1.0)], -1)
    rotation = (u * flip[..., None, :]) @ vt
    scale = (s * flip).sum(axis=-1) / np.maximum((x * x).sum(axis=(-2, -1)), 1e-12)
    return scale[..., None, None] * (x @ rotation) + mean


def mpjve(
    pred: Float[np.ndarray, "*batch t j 3"], true: Float[np.ndarray, "*batch t j 3"], fps: float
) -> Float[np.ndarray, "*batch t-1"]:
    """Mean error of the joints' velocity (first difference), per second."""
    return mpjpe(np.diff(pred, axis=-3), np.diff(true, axis=-3)) * fps


def acceleration_error(
    pred: Float[np.ndarray, "*batch t j 3"], true: Float[np.ndarray, "*batch t j 3"], fps: float
) -> Float[np.ndarray, "*batch t-2"]:
    """Mean error of the joints' acceleration (second difference), per second squared."""
    return mpjpe(np.diff(pred, n=2, axis=-3), np.diff(true, n=2, axis=-3)) * fps**2


def pck(
    pred: Float[np.ndarray, "*batch j 3"],
    true: Float[np.ndarray, "*batch j 3"],
    threshold: float = 0.150,
) -> Float[np.ndarray, "*batch"]:
    """Share of joints, 0 to 1, whose error is strictly below ``threshold``."""
    return (np.linalg.norm(pred - true, axis=-1) < threshold).mean(axis=-1)


def auc(
    pred: Float[np.ndarray, "*batch j 3"], true: Float[np.ndarray, "*batch j 3"]
) -> Float[np.ndarray, "*batch"]:
    """Mean of `pck` over the 31 thresholds 0, 5, ... 150 mm (Mehta et al., 3DV 2017)."""
    return np.mean([pck(pred, true, mm / 1000) for mm in range(0, 151, 5)], axis=0)
