"""Bones of constant length: the skeleton is fitted to all frames at once, by least squares.

Axis legend: ``j`` joints, ``b`` bones.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..skeleton import H36M

Joints = Float[np.ndarray, "t j 3"]
Numbers = Float[np.ndarray, "t b"]

ROUNDS = 6
"""Newton steps. On the sample clip the sixth moves joints by 0.6 mm at most; what is left of the
lengths is set at the end."""
FRAMES_AT_ONCE = 1000
"""Frames that are fitted at a time: each takes 8 kB."""
_PARENTS, _CHILDREN = np.array(H36M.bones).T
_PAIRS = np.array([_CHILDREN.tolist().index(H36M.mirror[child]) for child in _CHILDREN])
_FIRST = np.minimum(np.arange(len(_PAIRS)), _PAIRS)
_TIE = 1.0 * (_FIRST[:, None] == np.unique(_FIRST))  # bones by lengths: the two sides share one


@dataclass(frozen=True)
class Observations:
    """Joints in the image, for the fit to take into account."""

    rays: Float[np.ndarray, "t j 2"]
    """(x / z, y / z) of each joint."""
    root: Float[np.ndarray, "t 3"]
    """Path of the pelvis in the camera frame."""
    weight: Float[np.ndarray, "t j"]
    """Weight of a joint's ray, against 1 for its position in the pose."""

    def during(self, part: slice) -> "Observations":
        """Return the observations of some frames, in float64."""
        return Observations(*(np.asarray(x[part], dtype=float) for x in vars(self).values()))


def fit_bones(
    relative: Float[np.ndarray, "t 17 3"],
    weight: Float[np.ndarray, " t"],
    observed: Observations | None = None,
) -> Float[np.ndarray, "t 17 3"]:
    """Fit the nearest motion whose bones keep one length each, the same left and right.

    It minimizes the sum over frames and joints, pelvis included, of the squared distance to the
    given position and, weighted, to the ray, under the constraint of constant lengths. The lengths
    are found too: each step of Newton's method with Lagrange multipliers takes those at which the
    multipliers of a bone sum to 0 over the clip.

    Args:
        relative: Joints about the pelvis, camera axes.
        weight: Weight of a frame for the lengths; 0 for frames without a detection.
        observed: The image, if joints are to stay on it.

    Returns:
        The joints relative to the pelvis. A pose without extent stays as it is.

    Raises:
        ValueError: If no frame counts.
    """
    if not weight.max() > 0:
        raise ValueError("expected at least one frame of weight above 0 to measure bones in.")
    moved = relative.copy()
    for _ in range(ROUNDS):
        _newton_step(moved, relative, weight, observed)
    del observed  # large for a motion of an hour
    parts = [slice(i, i + FRAMES_AT_ONCE) for i in range(0, len(moved), FRAMES_AT_ONCE)]
    mean = sum(weight[part] @ _bones(moved[part])[1] for part in parts) / weight.sum()
    for part in parts:
        _set_lengths(moved[part], (mean + mean[_PAIRS]) / 2)
    return moved


def _bones(x: Joints) -> tuple[Float[np.ndarray, "t b 3"], Numbers]:
    """Return the bones as vectors, and their lengths."""
    span = x[:, _CHILDREN] - x[:, _PARENTS]
    return span, np.linalg.norm(span, axis=-1)


def _newton_step(
    x: Joints, relative: Joints, weight: Float[np.ndarray, " t"], observed: Observations | None
) -> None:
    """Move x to the constrained optimum, with the lengths that cost least over all frames.

    The linearizations of all frames would not fit into memory: they are computed twice.
    """
    b = len(_CHILDREN)
    gram, right = np.zeros((b, b)), np.zeros(b)
    for part, _, at in _linearize(x, relative, observed):
        gram += np.einsum("t,tba->ba", weight[part], at.stiffness)
        right += np.einsum("t,tba,ta->b", weight[part], at.stiffness, at.length)
    wanted = _TIE @ np.linalg.solve(_TIE.T @ gram @ _TIE, _TIE.T @ right)
    for part, target, at in _linearize(x, relative, observed):
        force = np.einsum("tba,ta->tb", at.stiffness, wanted - at.length)[..., None]
        x[part] = target
        for k in range(b):
            x[part, _CHILDREN[k]] += at.child[:, k] * force[:, k]
            x[part, _PARENTS[k]] -= at.parent[:, k] * force[:, k]


def _quadratic_cost(
    relative: Joints, observed: Observations | None
) -> tuple[Joints, Float[np.ndarray, "t j 3 3"]]:
    """Return the minimum of each joint's quadratic cost, and its inverse Hessian."""
    if observed is None:
        return relative, np.broadcast_to(np.eye(3), (*relative.shape, 3))
    # The distance of a joint from its ray is (x - u z, y - v z): metres at its depth. So the
    # Hessian is 1 with, for weight w, w (1, 0, -u) (1, 0, -u)^T and w (0, 1, -v) (0, 1, -v)^T.
    rays, weight = observed.rays, observed.weight[..., None]
    share = weight / (1 + weight)
    along = np.concatenate([share * rays, np.ones_like(weight)], axis=-1)
    inverse = along[..., None] * along[..., None, :]
    inverse /= (1 + share * (rays**2).sum(axis=-1, keepdims=True))[..., None]
    for axis in (0, 1):
        inverse[..., axis, axis] += 1 - share[..., 0]
    off = weight * (observed.root[:, None, :2] - rays * observed.root[:, None, 2:])
    pull = np.concatenate([off, -(rays * off).sum(axis=-1, keepdims=True)], axis=-1)
    return np.einsum("tjab,tjb->tja", inverse, relative - pull), inverse


@dataclass(frozen=True)
class _Linearization:
    """Lengths of bones as linear functions of forces along them, frame by frame."""

    child: Float[np.ndarray, "t b 3"]
    """Displacement of a bone's child for a unit of force."""
    parent: Float[np.ndarray, "t b 3"]
    """Displacement of its parent, the other way."""
    stiffness: Float[np.ndarray, "t b b"]
    """Force of each bone for a unit of length of each."""
    length: Numbers
    """Lengths without force."""


def _linearize(
    x: Joints, relative: Joints, observed: Observations | None
) -> Iterator[tuple[slice, Float[np.ndarray, "s j 3"], _Linearization]]:
    """Yield some frames at a time: which, the minimum of their cost, and the linearization."""
    for start in range(0, len(x), FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        given, now = relative[part].astype(float), x[part].astype(float)
        target, inverse = _quadratic_cost(given, observed and observed.during(part))
        yield part, target, _linearization(now, target, inverse)


def _linearization(
    x: Joints, target: Joints, inverse: Float[np.ndarray, "t j 3 3"]
) -> _Linearization:
    span, length = _bones(x)
    along = span / np.maximum(length, 1e-9)[..., None]
    child = np.einsum("tbc,tbcd->tbd", along, inverse[:, _CHILDREN])
    parent = np.einsum("tbc,tbcd->tbd", along, inverse[:, _PARENTS])
    compliance = np.zeros((len(x), len(_CHILDREN), len(_CHILDREN)))
    for moved, ends in ((child, _CHILDREN), (parent, _PARENTS)):
        for others in (_CHILDREN, _PARENTS):
            # Bones that share a joint move each other: along if both start or both end there.
            one, two = np.nonzero(ends[:, None] == others)
            sign = 1.0 if ends is others else -1.0
            compliance[:, one, two] += sign * np.einsum("tkd,tkd->tk", moved[:, one], along[:, two])
    off = target - x
    free = length + np.einsum("tbc,tbc->tb", along, off[:, _CHILDREN] - off[:, _PARENTS])
    stiffness = np.linalg.inv(compliance + 1e-9 * np.eye(len(_CHILDREN)))
    return _Linearization(child, parent, stiffness, free)


def _set_lengths(x: Joints, length: Float[np.ndarray, " b"]) -> None:
    """Give bones exactly these lengths in their own direction, from a pelvis at 0 outward."""
    span, size = _bones(x)
    x[:, H36M.root] = 0.0
    for k, (parent, child) in enumerate(H36M.bones):  # parents come before their children
        x[:, child] = span[:, k] * (length[k] / np.maximum(size[:, k], 1e-9))[:, None]
        x[:, child] += x[:, parent]
