"""Poses that were never captured: the arms or legs of one motion on the body of another.

A limb keeps its direction relative to the trunk and is scaled to the new body. After Li et al.,
"Cascaded Deep Monocular 3D Human Pose Estimation with Evolutionary Training Data", CVPR 2020.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

from ...skeleton import BODY_26, stature
from ..clip_batch import Clips3D

_J = BODY_26.index
_LIMBS = {
    "arms": (("Shoulder", "Elbow", "Wrist", "Hand"), ("Spine", "Thorax")),
    "legs": (("Hip", "Knee", "Ankle", "Toe", "Heel"), ("Hip", "Spine")),
}
"""By kind: the joints of a limb from the trunk outward, and the bone that says where up is."""
KINDS = tuple(_LIMBS)


def choose_limbs(prob: float, count: int, rng: Generator) -> Int[np.ndarray, " b"]:
    """Choose for each clip which limbs to swap, as `swap_limbs` takes it; -1 for none."""
    return np.where(rng.random(count) < prob, rng.integers(len(KINDS), size=count), -1)


def swap_limbs(bodies: Clips3D, donors: Clips3D, kind: Int[np.ndarray, " b"]) -> Clips3D:
    """Return bodies with some limbs moved as their donors move them.

    ``kind`` is the index in `KINDS` of the limbs of each clip; -1 for none.
    """
    out = bodies.copy()
    for number, (joints, up) in enumerate(_LIMBS.values()):
        rows = np.flatnonzero(kind == number)
        body, donor = bodies[rows], donors[rows]
        size = (stature(body).mean(axis=1) / stature(donor).mean(axis=1))[:, None, None]
        back = np.swapaxes(_trunk_axes(body, joints[0], up), -1, -2)
        turn = _trunk_axes(donor, joints[0], up) @ back
        for side in "LR":
            first, *rest = (_J[side + joint] for joint in joints)
            for joint in (i for i in rest if i < bodies.shape[2]):
                limb = (donor[:, :, joint] - donor[:, :, first]) * size
                out[rows, :, joint] = body[:, :, first] + (limb[:, :, None] @ turn)[:, :, 0]
    return out


def _trunk_axes(bodies: Clips3D, joint: str, up: tuple[str, str]) -> Float[np.ndarray, "b t 3 3"]:
    """Return the axes of the trunk where limbs begin, as columns: right, up, and forward."""
    right = unit_vectors(bodies[:, :, _J["R" + joint]] - bodies[:, :, _J["L" + joint]])
    above = bodies[:, :, _J[up[1]]] - bodies[:, :, _J[up[0]]]
    above = unit_vectors(above - (above * right).sum(axis=-1, keepdims=True) * right)
    return np.stack([right, above, np.cross(above, right)], axis=-1)


def unit_vectors(x: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Scale vectors to length 1."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-6)
