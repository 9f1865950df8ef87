"""Rigid bodies: rotations, and the shape of points that keep their distances.

Axis legend: ``n`` points.
"""

import numpy as np
from jaxtyping import Float

Bodies = Float[np.ndarray, "t n 3"]

ROUNDS = 5
"""Alignments of a shape with all frames; it is found to a micrometre."""


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
    shape = points[np.argmax((points**2).sum(axis=(1, 2)))]
    for _ in range(ROUNDS):
        rotation, _ = nearest_rotation(np.swapaxes(points, 1, 2) @ shape)
        shape = (points @ rotation).mean(axis=0)
    return shape


def place_shape(
    shape: Float[np.ndarray, "*frames n 3"],
    points: Bodies,
    weight: Float[np.ndarray, "t n"] | None = None,
) -> Bodies:
    """Turn a shape about its origin to where it is nearest to the points of each frame."""
    weighted = points if weight is None else points * weight[..., None]
    rotation, _ = nearest_rotation(np.swapaxes(shape, -1, -2) @ weighted)
    return shape @ rotation
