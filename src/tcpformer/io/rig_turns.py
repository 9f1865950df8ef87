"""Rotations of the rig in plain numpy: for a few frames scipy's `Rotation` takes many times longer.

Quaternions are x, y, z, w. Axes are unit vectors, angles radians. Shapes broadcast.
"""

import numpy as np
from jaxtyping import Float

Vectors = Float[np.ndarray, "*batch 3"]
Matrices = Float[np.ndarray, "*batch 3 3"]
Quaternions = Float[np.ndarray, "*batch 4"]

_EYE = np.eye(3)
_NEXT, _AFTER = [1, 2, 0], [2, 0, 1]
_CONJUGATE = np.array([-1.0, -1.0, -1.0, 1.0])
# q * p = (q @ _PRODUCT) p, with the matrix of q in its 16 columns
_PRODUCT = np.zeros((4, 4, 4))
_PRODUCT[3] = np.eye(4)
for _i, _j, _k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
    _PRODUCT[_i, _k, _j], _PRODUCT[_i, _j, _k] = 1.0, -1.0
    _PRODUCT[_i, _i, 3], _PRODUCT[_i, 3, _i] = 1.0, -1.0
_PRODUCT = _PRODUCT.reshape(4, 16)


def cross(a: Float[np.ndarray, "*a 3"], b: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*c 3"]:
    """Compute the cross product."""
    return a[..., _NEXT] * b[..., _AFTER] - a[..., _AFTER] * b[..., _NEXT]


def turn_about(axis: Vectors, angle: Float[np.ndarray, "*batch"]) -> Matrices:
    """Return the rotations about axes: Rodrigues, R = I + sin K + (1 - cos) K^2, K x = axis x x."""
    k = cross(axis[..., None, :], -_EYE)
    angle = angle[..., None, None]
    return _EYE + np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k)


def shortest_turn(start: Vectors, end: Vectors, hinge: Float[np.ndarray, "*h 3"]) -> Matrices:
    """Return the shortest rotations from start to end; about the hinge if they are opposite.

    They are two half turns: about start, then about the middle of start and end.
    """
    middle = start + end
    length = np.sqrt((middle * middle).sum(axis=-1, keepdims=True))
    middle = np.where(length > 1e-9, middle, cross(hinge, start))
    middle = middle / np.sqrt((middle * middle).sum(axis=-1, keepdims=True))
    return _half_turn(middle) @ _half_turn(start)


def _half_turn(axis: Vectors) -> Matrices:
    return 2 * axis[..., :, None] * axis[..., None, :] - _EYE


def multiply(first: Float[np.ndarray, "*a 4"], then: Float[np.ndarray, "*b 4"]) -> Quaternions:
    """Return the products of quaternions, as ``Rotation`` multiplies: ``then`` acts first."""
    matrix = (first @ _PRODUCT).reshape(*first.shape[:-1], 4, 4)
    return (matrix @ then[..., None])[..., 0]


def invert(turns: Quaternions) -> Quaternions:
    """Return the inverses of unit quaternions."""
    return turns * _CONJUGATE


def to_matrices(turns: Quaternions) -> Matrices:
    """Return the rotation matrices of unit quaternions."""
    u, w = turns[..., :3], turns[..., 3, None, None]
    k = cross(u[..., None, :], -_EYE)
    return _EYE + 2 * (w * k + k @ k)
