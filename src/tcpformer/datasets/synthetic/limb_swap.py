"""Poses that were never captured: the arms or legs of one motion on the body of another.

A limb keeps its place relative to the trunk it hangs on, and is as long as the new body needs, so
what results is anatomy, if not always choreography. The idea of making training poses out of parts
is that of Li et al., "Cascaded Deep Monocular 3D Human Pose Estimation with Evolutionary Training
Data", CVPR 2020. Clips are (b, t, 17, 3) in metres and any axes.
"""

import numpy as np
from jaxtyping import Float, Int

from ...skeleton import H36M, stature

_J = H36M.index
_SIDES = ("L", "R")
_LIMBS = {
    "arms": (("Shoulder", "Elbow", "Wrist"), ("Spine", "Thorax")),
    "legs": (("Hip", "Knee", "Ankle"), ("Hip", "Spine")),
}
"""By kind: the joints of a limb from the trunk outward, and the bone that says where up is."""
KINDS = tuple(_LIMBS)


def chosen(share: float, count: int, rng: np.random.Generator) -> Int[np.ndarray, " b"]:
    """What is taken from donors in each clip: as `grafted` wants it, for a share of the clips."""
    return np.where(rng.random(count) < share, rng.integers(len(KINDS), size=count), -1)


def grafted(
    bodies: Float[np.ndarray, "b t 17 3"],
    donors: Float[np.ndarray, "b t 17 3"],
    kind: Int[np.ndarray, " b"],
) -> Float[np.ndarray, "b t 17 3"]:
    """Bodies with some of their limbs moved as their donors move them.

    Args:
        bodies: Whose trunk, head and other limbs stay.
        donors: Whose limbs are taken.
        kind: Of each clip, the place in `KINDS` of what is taken; -1 for nothing.
    """
    out = bodies.copy()
    for number, (joints, up) in enumerate(_LIMBS.values()):
        rows = np.flatnonzero(kind == number)
        if len(rows):
            out[rows] = _with_limbs(bodies[rows], donors[rows], joints, up)
    return out


def _with_limbs(
    bodies: Float[np.ndarray, "b t 17 3"],
    donors: Float[np.ndarray, "b t 17 3"],
    joints: tuple[str, ...],
    up: tuple[str, str],
) -> Float[np.ndarray, "b t 17 3"]:
    size = (stature(bodies).mean(axis=1) / stature(donors).mean(axis=1))[:, None, None]
    back = np.swapaxes(_trunk(bodies, joints[0], up), -1, -2)
    turn = _trunk(donors, joints[0], up) @ back
    out = bodies.copy()
    for side in _SIDES:
        first, *rest = (_J[side + joint] for joint in joints)
        for joint in rest:
            limb = (donors[:, :, joint] - donors[:, :, first]) * size
            out[:, :, joint] = bodies[:, :, first] + (limb[:, :, None] @ turn)[:, :, 0]
    return out


def _trunk(
    bodies: Float[np.ndarray, "b t 17 3"], joint: str, up: tuple[str, str]
) -> Float[np.ndarray, "b t 3 3"]:
    """Axes of the trunk where limbs hang on it, as columns: to the right, up, and forward."""
    right = _unit(bodies[:, :, _J["R" + joint]] - bodies[:, :, _J["L" + joint]])
    above = bodies[:, :, _J[up[1]]] - bodies[:, :, _J[up[0]]]
    above = _unit(above - (above * right).sum(axis=-1, keepdims=True) * right)
    return np.stack([right, above, np.cross(above, right)], axis=-1)


def _unit(x: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-6)
