"""Rigid bodies: rotations, and the shape of points that keep their distances.

Axis legend: ``n`` points.
"""

import numpy as np
from jaxtyping import Float

Bodies = Float[np.ndarray, "t n 3"]

ROUNDS = 5
"""Alignments of a shape with all frames; it is found to a micrometre."""
FRAMES_AT_ONCE = 10_000
"""Frames that are turned at a time: rotations take several times the memory of the points."""


def nearest_rotation(
    matrix: Float[np.ndarray, "*batch 3 3"],
) -> tuple[Float[np.ndarray, "*batch 3 3"], Float[np.ndarray, "*batch 3"]]:
    """Compute the rotation R that maximizes trace(R^T M): Kabsch, 1976.

    With M = X^T Y, the rows of X R are nearest to those of Y.

    Returns:
        R = U S V^T, and the singular values of M times S, whose last entry is -1 where U V^T would
        be a reflection and 1 elsewhere.
    """
    u, values, vt = np.linalg.svd(matrix)
    sign = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)
    u[..., 2] *= sign[..., None]
    values[..., 2] *= sign
    return u @ vt, values


def fit_shape(points: Bodies) -> Float[np.ndarray, "n 3"]:
    """Fit the shape that is nearest to points about an origin, turned freely in every frame.

    Gower, "Generalized Procrustes analysis", Psychometrika 1975. Its orientation has no meaning.
    """
    shape = points[np.argmax(np.einsum("tnk,tnk->t", points, points))]
    for _ in range(ROUNDS):
        total = np.zeros(shape.shape)
        for part in _parts(points):
            rotation, _ = nearest_rotation(np.swapaxes(points[part], 1, 2) @ shape)
            total += (points[part] @ rotation).sum(axis=0, dtype=float)
        shape = total / len(points)
    return shape


def place_shape(
    shape: Float[np.ndarray, "*frames n 3"],
    points: Bodies,
    weight: Float[np.ndarray, "t n"] | None = None,
) -> Bodies:
    """Turn a shape about its origin to where it is nearest to the points of each frame."""
    placed = np.empty_like(points)
    for part in _parts(points):
        own = shape if shape.ndim == 2 else shape[part]
        weighted = points[part] if weight is None else points[part] * weight[part, :, None]
        rotation, _ = nearest_rotation(np.swapaxes(own, -1, -2) @ weighted)
        placed[part] = own @ rotation
    return placed


def _parts(frames: Bodies) -> list[slice]:
    return [slice(i, i + FRAMES_AT_ONCE) for i in range(0, len(frames), FRAMES_AT_ONCE)]
