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
_MIRROR = np.array([-1.0, 1.0, 1.0])


def make_rigid(
    relative: Joints, body: Float[np.ndarray, "t 17 3"], counted: Bool[np.ndarray, " t"]
) -> Joints:
    """Fit feet, hands and face to a body, each with one shape, the same left and right.

    Args:
        relative: Joints of `BODY_26`, which give shapes and how they are turned.
        body: The Human3.6M joints of the result.
        counted: Frames that give the shapes; at least one.
    """
    result = np.concatenate([body, relative[:, BODY.stop :]], axis=1)
    about = {parent: relative[:, own] - relative[:, [parent]] for parent, own in BODIES.items()}
    for parent, own in BODIES.items():
        twin = BODY_26.mirror[parent]
        order = [BODIES[twin].index(BODY_26.mirror[joint]) for joint in own]
        mirrored = about[twin][counted][:, order] * _MIRROR
        shape = fit_shape(np.concatenate([about[parent][counted], mirrored]))
        result[:, own] = body[:, [parent]] + place_shape(shape, about[parent])
    return result
