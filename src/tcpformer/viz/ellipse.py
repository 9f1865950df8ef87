"""How sure a figure is: around each joint the ellipse of one sigma, soft and see-through."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from .figure import SUBPIXEL, Colour, alpha_blend, crop_around, fixed

_OPACITY = 70
"""Of 255: bodies are to be seen before doubts."""
_SOFT = 3  # pixels of an edge


def in_world(
    sigma: Float[np.ndarray, "j 3"],
    camera: Float[np.ndarray, "j 3"],
    world: Float[np.ndarray, "j 3"],
) -> Float[np.ndarray, "j 3 3"]:
    """Covariances in world axes, from sigma in camera axes and a pose in both (Kabsch, 1976)."""
    seen, there = camera - camera.mean(axis=0), world - world.mean(axis=0)
    u, _, vt = np.linalg.svd(there.T @ seen)
    turn = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
    return np.einsum("xa,ja,ya->jxy", turn, sigma**2, turn)


def half_axes(
    covariance: Float[np.ndarray, "j 3 3"], rotation: Float[np.ndarray, "3 3"]
) -> tuple[Float[np.ndarray, "j 2"], Float[np.ndarray, " j"]]:
    """One sigma as an eye sees it: half-axes, the longer last, in metres, and its angle in degrees.

    Args:
        covariance: In the world.
        rotation: World to eye: x right, y down.
    """
    flat = np.einsum("xa,jab,yb->jxy", rotation[:2], covariance, rotation[:2])
    squares, axes = np.linalg.eigh(flat)
    angle = np.degrees(np.arctan2(axes[:, 1, 1], axes[:, 0, 1]))
    return np.sqrt(np.maximum(squares, 0)), angle


def draw(
    image: UInt8[np.ndarray, "h w 3"],
    pixels: Float[np.ndarray, "j 2"],
    axes: Float[np.ndarray, "j 2"],
    angle: Float[np.ndarray, " j"],
    paint: list[Colour],
) -> None:
    """Lay ellipses over the image itself, the largest first; half-axes in pixels."""
    drawn = [j for j in np.argsort(-axes[:, 1]) if 0.5 < axes[j, 1] < 4 * max(image.shape)]
    if not drawn:
        return
    where, corner = crop_around(image, pixels[drawn], axes[drawn, 1] + 2 * _SOFT)
    if not where.size:
        return
    strokes, mask = where.copy(), np.zeros(where.shape[:2], np.uint8)
    for j in drawn:
        x, y = fixed(pixels[j] - corner).tolist()
        short, long = fixed(axes[j]).tolist()
        form = ((x, y), (long, max(short, 1 << SUBPIXEL)), float(angle[j]), 0.0, 360.0)
        cv2.ellipse(strokes, *form, paint[j], -1, cv2.LINE_AA, SUBPIXEL)
        cv2.ellipse(mask, *form, (_OPACITY,), -1, cv2.LINE_AA, SUBPIXEL)
    alpha_blend(where, strokes, mask, soft=(_SOFT, _SOFT))
