"""Several people in one world: each was placed alone, the camera and the ground are one."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from .motion import Motion3D


def in_one_world(motions: Sequence[Motion3D]) -> list[Motion3D]:
    """Bring people of one video into the world of the first, on the lowest of their grounds.

    A single motion stands in a world of its own: the way its camera looks, and its own floor. Here
    all get the first one's way of the camera, and the lowest of the floors. Whoever is on a roof
    then is on a roof. ``camera_xyz`` stays as it is.

    Args:
        motions: Of one video, each with the same focal length.

    Returns:
        The motions in their order; one alone as it is.

    Raises:
        ValueError: If they were lifted with different focal lengths or picture sizes.
    """
    if len(motions) < 2:
        return list(motions)
    cameras = {(motion.focal, tuple(motion.size)) for motion in motions}
    if len(cameras) > 1:
        raise ValueError(
            f"people in one world were seen by one camera, got (focal, size) {sorted(cameras)}; "
            "lift them with the same focal length."
        )
    rotation, shift = _camera_to_world(motions[0])
    moved, floor = [], np.inf
    for motion in motions:
        own, own_shift = _camera_to_world(motion)
        turn = rotation @ own.T
        offset = shift - turn @ own_shift
        moved.append(motion.xyz @ turn.T + offset)
        below = motion.xyz[motion.valid][:, motion.skeleton.root].mean(axis=0) * [1, 1, 0]
        floor = min(floor, float((turn @ below + offset)[2]))
    down = np.array([0.0, 0.0, floor])
    source = f"one for {len(motions)} people, of the first: {motions[0].ground_source}"
    return [
        replace(m, xyz=xyz - down, ground_source=source)
        for m, xyz in zip(motions, moved, strict=True)
    ]


def _camera_to_world(
    motion: Motion3D,
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
    """The rotation and shift from ``camera_xyz`` to ``xyz`` (Kabsch, 1976)."""
    seen = motion.camera_xyz[motion.valid].reshape(-1, 3)
    world = motion.xyz[motion.valid].reshape(-1, 3)
    middle, other = seen.mean(axis=0), world.mean(axis=0)
    u, _, vt = np.linalg.svd((world - other).T @ (seen - middle))
    handed = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ handed @ vt
    return rotation, other - rotation @ middle
