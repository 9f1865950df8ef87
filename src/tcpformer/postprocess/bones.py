"""Bones of one length each: the skeleton is fitted to all frames at once, by least squares.

Axis legend: ``j`` joints, ``b`` bones.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..skeleton import H36M

ROUNDS = 6
"""Newton steps; after four the lengths hold to a micrometre on ordinary motion."""
FRAMES_AT_ONCE = 1000
"""What the fit makes of a frame is 8 kB."""
_PARENTS, _CHILDREN = np.array(H36M.bones).T
_PAIRS = np.array([_CHILDREN.tolist().index(H36M.mirror[child]) for child in _CHILDREN])
_FIRST = np.minimum(np.arange(len(_PAIRS)), _PAIRS)
_TIE = 1.0 * (_FIRST[:, None] == np.unique(_FIRST))  # bones by lengths: the two sides share one


@dataclass(frozen=True)
class Sightings:
    """Where joints were seen, for a fit to take into account.

    Attributes:
        rays: (x / z, y / z) of each joint.
        root: The pelvis' path in the camera frame.
        trust: How much a joint's ray counts, against 1 for the place that the network gives it.
    """

    rays: Float[np.ndarray, "t j 2"]
    root: Float[np.ndarray, "t 3"]
    trust: Float[np.ndarray, "t j"]

    def during(self, part: slice) -> "Sightings":
        """What was seen in some frames."""
        return Sightings(self.rays[part], self.root[part], self.trust[part])


def fit_bones(
    relative: Float[np.ndarray, "t 17 3"],
    weight: Float[np.ndarray, " t"],
    seen: Sightings | None = None,
) -> Float[np.ndarray, "t 17 3"]:
    """The nearest motion whose bones keep one length each, the same left and right.

    Joints, pelvis included, move as little as they can: the sum over frames and joints of squared
    distances to where they were, and to the rays they were seen on, is the least for lengths that
    are constant. The lengths are not given but found with them: each step of Newton's method with
    Lagrange multipliers gives those at which the multipliers of a bone sum to 0 over the clip.

    Args:
        relative: Joints about the pelvis, camera axes.
        weight: How much a frame counts for the lengths; 0 for frames in which nobody was seen.
        seen: What the picture says, if the joints are to stay on it.

    Returns:
        The joints relative to the pelvis. A pose without extent stays as it is.

    Raises:
        ValueError: If no frame counts.
    """
    if not weight.max() > 0:
        raise ValueError("expected at least one frame of weight above 0 to measure bones in.")
    moved = relative.copy()
    for _ in range(ROUNDS):
        _step(moved, relative, weight, seen)
    _chain(moved, _tied(_lengths(moved), weight))
    return moved


def _lengths(x: Float[np.ndarray, "t j 3"]) -> Float[np.ndarray, "t b"]:
    return np.stack([np.linalg.norm(x[:, c] - x[:, p], axis=-1) for p, c in H36M.bones], axis=1)


def _tied(length: Float[np.ndarray, "t b"], weight: Float[np.ndarray, " t"]) -> np.ndarray:
    """Mean over frames and sides."""
    mean = weight @ length / weight.sum()
    return (mean + mean[_PAIRS]) / 2


def _step(
    x: Float[np.ndarray, "t j 3"],
    relative: Float[np.ndarray, "t j 3"],
    weight: Float[np.ndarray, " t"],
    seen: Sightings | None,
) -> None:
    """One step of x to the constrained optimum, with the lengths that cost least over all frames.

    The costs of all frames would not fit into memory: they are made twice, some frames at a time.
    """
    b = len(_CHILDREN)
    gram, right = np.zeros((b, b)), np.zeros(b)
    for part, _, cost in _costs(x, relative, seen):
        gram += np.einsum("t,tba->ba", weight[part], cost.give)
        right += np.einsum("t,tba,ta->b", weight[part], cost.give, cost.there)
    wanted = _TIE @ np.linalg.solve(_TIE.T @ gram @ _TIE, _TIE.T @ right)
    for part, target, cost in _costs(x, relative, seen):
        force = np.einsum("tba,ta->tb", cost.give, wanted - cost.there)[..., None]
        x[part] = target
        for k in range(b):
            x[part, _CHILDREN[k]] += cost.child[:, k] * force[:, k]
            x[part, _PARENTS[k]] -= cost.parent[:, k] * force[:, k]


def _quadratic(
    relative: Float[np.ndarray, "t j 3"], seen: Sightings | None
) -> tuple[Float[np.ndarray, "t j 3"], Float[np.ndarray, "t j 3 3"]]:
    """The place about which the cost of a joint is quadratic, and its inverse weight matrix."""
    if seen is None:
        return relative, np.broadcast_to(np.eye(3), (*relative.shape, 3))
    # A joint misses its ray by (x - u z, y - v z): metres at its depth.
    across = np.zeros((*relative.shape[:2], 2, 3))
    across[..., 0, 0] = across[..., 1, 1] = 1.0
    across[..., 2] = -seen.rays
    pull = seen.trust[..., None, None] * np.swapaxes(across, -1, -2)
    inverse = np.linalg.inv(np.eye(3) + pull @ across)
    off = np.einsum("tjab,tb->tja", across, seen.root)
    target = inverse @ (relative - np.einsum("tjab,tjb->tja", pull, off))[..., None]
    return target[..., 0], inverse


@dataclass(frozen=True)
class _Cost:
    """What it costs to change lengths, frame by frame.

    Attributes:
        child: How far a bone's child moves for a unit of force along the bone.
        parent: And how far its parent, the other way.
        give: Force of each bone for a unit of length of each.
        there: Lengths at the free optimum.
    """

    child: Float[np.ndarray, "t b 3"]
    parent: Float[np.ndarray, "t b 3"]
    give: Float[np.ndarray, "t b b"]
    there: Float[np.ndarray, "t b"]


def _costs(
    x: Float[np.ndarray, "t j 3"], relative: Float[np.ndarray, "t j 3"], seen: Sightings | None
) -> Iterator[tuple[slice, Float[np.ndarray, "s j 3"], _Cost]]:
    """Some frames at a time: which, where their cost is quadratic about, and the cost."""
    for start in range(0, len(x), FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        target, inverse = _quadratic(relative[part], seen and seen.during(part))
        yield part, target, _cost(x[part], target, inverse)


def _cost(
    x: Float[np.ndarray, "t j 3"],
    target: Float[np.ndarray, "t j 3"],
    inverse: Float[np.ndarray, "t j 3 3"],
) -> _Cost:
    span = x[:, _CHILDREN] - x[:, _PARENTS]
    length = np.linalg.norm(span, axis=-1)
    along = span / np.maximum(length, 1e-9)[..., None]
    child = np.einsum("tbc,tbcd->tbd", along, inverse[:, _CHILDREN])
    parent = np.einsum("tbc,tbcd->tbd", along, inverse[:, _PARENTS])
    stiff = np.zeros((len(x), len(_CHILDREN), len(_CHILDREN)))
    for moved, ends in ((child, _CHILDREN), (parent, _PARENTS)):
        for others in (_CHILDREN, _PARENTS):
            # Bones that share a joint move each other: along if both begin or both end there.
            one, two = np.nonzero(ends[:, None] == others)
            sign = 1.0 if ends is others else -1.0
            stiff[:, one, two] += sign * np.einsum("tkd,tkd->tk", moved[:, one], along[:, two])
    off = target - x
    there = length + np.einsum("tbc,tbc->tb", along, off[:, _CHILDREN] - off[:, _PARENTS])
    give = np.linalg.inv(stiff + 1e-9 * np.eye(len(_CHILDREN)))
    return _Cost(child, parent, give, there)


def _chain(x: Float[np.ndarray, "t j 3"], length: np.ndarray) -> None:
    """Give bones exactly these lengths in their own direction, from a pelvis at 0 out."""
    bones = list(enumerate(H36M.bones))  # parents come before their children
    for _, (parent, child) in reversed(bones):
        x[:, child] -= x[:, parent]
    x[:, H36M.root] = 0.0
    for k, (parent, child) in bones:
        size = np.linalg.norm(x[:, child], axis=-1, keepdims=True)
        x[:, child] *= length[k] / np.maximum(size, 1e-9)
        x[:, child] += x[:, parent]
