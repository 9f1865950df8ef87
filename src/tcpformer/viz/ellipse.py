"""Uncertainty as ellipses: one sigma around each joint, soft and translucent."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from ..analysis.metrics import nearest_rotation
from .figure import SUBPIXEL, Colour, alpha_blend, crop_around, to_fixed_point

Joints = Float[np.ndarray, "j 3"]
_OPACITY = 70  # of 255; low, so that the ellipses do not hide bodies
_EDGE = 3  # pixels over which an ellipse fades out


def rotate_to_world(sigma: Joints, camera: Joints, world: Joints) -> Float[np.ndarray, "j 3 3"]:
    """Return covariances in world axes, from sigma in camera axes and one pose in both frames.

    The rotation is the least-squares one between the poses (Kabsch, 1976).
    """
    a, b = camera - camera.mean(axis=0), world - world.mean(axis=0)
    rotation, _ = nearest_rotation(b.T @ a)
    return np.einsum("xa,ja,ya->jxy", rotation, sigma**2, rotation)


def project_half_axes(
    covariance: Float[np.ndarray, "j 3 3"], rotation: Float[np.ndarray, "3 3"]
) -> tuple[Float[np.ndarray, "j 2"], Float[np.ndarray, " j"]]:
    """Return half-axes in metres (the longer last) and angle in degrees of the projected ellipses.

    The covariance is in the world; the rotation leads from there to the eye (x right, y down).
    """
    flat = np.einsum("xa,jab,yb->jxy", rotation[:2], covariance, rotation[:2])
    squares, axes = np.linalg.eigh(flat)
    angle = np.degrees(np.arctan2(axes[:, 1, 1], axes[:, 0, 1]))
    return np.sqrt(np.maximum(squares, 0)), angle


def draw_ellipses(
    image: UInt8[np.ndarray, "h w 3"],
    centers: Float[np.ndarray, "j 2"],
    axes: Float[np.ndarray, "j 2"],
    angle: Float[np.ndarray, " j"],
    colours: list[Colour],
) -> None:
    """Draw ellipses into the image itself, the largest first; centers and half-axes in pixels."""
    drawn = [j for j in np.argsort(-axes[:, 1]) if 0.5 < axes[j, 1] < 4 * max(image.shape)]
    if not drawn:
        return
    region, corner = crop_around(image, centers[drawn], axes[drawn, 1] + 2 * _EDGE)
    if not region.size:
        return
    strokes, mask = region.copy(), np.zeros(region.shape[:2], np.uint8)
    for j in drawn:
        x, y = to_fixed_point(centers[j] - corner).tolist()
        short, long = to_fixed_point(axes[j]).tolist()
        shape = ((x, y), (long, max(short, 1 << SUBPIXEL)), float(angle[j]), 0.0, 360.0)
        cv2.ellipse(strokes, *shape, colours[j], -1, cv2.LINE_8, SUBPIXEL)
        cv2.ellipse(mask, *shape, (_OPACITY,), -1, cv2.LINE_8, SUBPIXEL)
    alpha_blend(region, strokes, mask, blur=(_EDGE, _EDGE))
