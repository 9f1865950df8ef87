"""Feet, hands and face as rigid bodies, about ankle, wrist and base of the skull."""

import numpy as np
from jaxtyping import Bool, Float

from ..skeleton import BODY, BODY_26
from ..world.rigid import fit_shape, place_shape

Joints = Float[np.ndarray, "t 26 3"]

BODIES = {
    parent: [child for p, child in BODY_26.bones if p == parent and child >= BODY.stop]
    for parent in sorted({BODY_26.parents[joint] for joint in range(BODY.stop, 26)})
}
"""Joints of each rigid body, by the joint about which it turns."""


def make_rigid(
    relative: Joints,
    body: Float[np.ndarray, "t 17 3"],
    counted: Bool[np.ndarray, " t"],
    out: Joints | None = None,
) -> Joints:
    """Fit feet, hands and face to a body, each with one shape, the same left and right.

    Args:
        relative: Joints of `BODY_26`, which give shapes and how they are turned.
        body: The Human3.6M joints of the result.
        counted: Frames that give the shapes; at least one.
        out: Where the result is written, which may be ``relative``; by default a new array.
    """
    shapes = {parent: _fit_one(relative, parent, counted) for parent in BODIES}
    result = np.empty_like(relative) if out is None else out
    for parent, own in BODIES.items():
        about = relative[:, own] - relative[:, [parent]]
        result[:, own] = body[:, [parent]] + place_shape(shapes[parent], about)
    result[:, BODY] = body
    return result


def _fit_one(
    relative: Joints, parent: int, counted: Bool[np.ndarray, " t"]
) -> Float[np.ndarray, "n 3"]:
    """Fit the shape of the joints about one, and of the mirror image of those about its twin."""
    own, twin = BODIES[parent], BODY_26.mirror[parent]
    others = [BODY_26.mirror[joint] for joint in own]
    here = (relative[:, own] - relative[:, [parent]])[counted]
    there = (relative[:, others] - relative[:, [twin]])[counted]
    there[..., 0] *= -1
    return fit_shape(np.concatenate([here, there]))
