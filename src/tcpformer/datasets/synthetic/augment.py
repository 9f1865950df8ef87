"""Augmentation of captured motion: mirror images, other proportions, other orientations.

Clips are in metres; world z up. `limb_swap` combines limbs of two motions.
"""

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.spatial.transform import Rotation

from ...skeleton import BODY_26, GROUPS, H36M
from ..clip_batch import Clips3D, mirror_joints, skeleton_of
from .limb_swap import unit_vectors
from .random_processes import FIRST_OF_PAIR

_JOINT = H36M.index
_RANGE = np.full((len(BODY_26.joints), 2), (0.9, 1.1))
_RANGE[GROUPS["feet"]] = 0.8, 1.2
_RANGE[GROUPS["hands"]] = 0.8, 1.3
_RANGE[GROUPS["face"]] = 0.85, 1.15
"""Smallest and largest factor on the bone that leads to a joint."""


def mirror_half(clips: Clips3D, rng: Generator) -> Clips3D:
    """Mirror each clip with probability 1/2."""
    mirrored = mirror_joints(clips, skeleton_of(clips))
    return np.where(rng.random((len(clips), 1, 1, 1)) < 0.5, mirrored, clips)


def vary_proportions(clips: Clips3D, rng: Generator) -> Clips3D:
    """Scale the bones of each clip by random factors: within 10 %, equal on both sides.

    Those of feet, hands and face differ by 15 to 30 %: programs place these points differently.
    Hips get wider and shoulders narrower in half of the clips, and the base of the skull moves
    forward in a third: data sets and detectors place these joints differently by centimetres.
    """
    b, j = len(clips), clips.shape[2]
    factor = rng.uniform(_RANGE[:j, 0], _RANGE[:j, 1], (b, j))[:, FIRST_OF_PAIR[:j]]
    some = rng.random((b, 3)) < [0.5, 0.5, 0.33]
    hips = np.where(some[:, 0], rng.uniform(1.0, 1.5, b), 1.0)
    shoulders = np.where(some[:, 1], rng.uniform(0.75, 1.0, b), 1.0)
    factor[:, _JOINT["LShoulder"]] = factor[:, _JOINT["RShoulder"]] = shoulders
    factor[:, _JOINT["LHip"]] = factor[:, _JOINT["RHip"]] = hips
    out = clips.copy()
    for parent, child in skeleton_of(clips).bones:
        bone = clips[:, :, child] - clips[:, :, parent]
        out[:, :, child] = out[:, :, parent] + bone * factor[:, None, child, None]
    forward = rng.uniform(0, 0.08, b) * some[:, 2]
    right = clips[:, :, _JOINT["RShoulder"]] - clips[:, :, _JOINT["LShoulder"]]
    up = clips[:, :, _JOINT["Thorax"]] - clips[:, :, _JOINT["Hip"]]
    out[:, :, _JOINT["Neck"]] += unit_vectors(np.cross(up, right)) * forward[:, None, None]
    return out


def tilt_bodies(
    clips: Clips3D, seconds: Float[np.ndarray, "b t"], prob: float, rng: Generator
) -> Clips3D:
    """Rotate some people about the pelvis and a horizontal axis: cartwheels, handstands.

    A clip is tilted with probability ``prob``, by any angle; half of the tilted clips keep turning
    at about 90 degrees a second.
    """
    b = len(clips)
    angle, axis = rng.uniform(-np.pi, np.pi, b), rng.uniform(0, 2 * np.pi, b)
    rate = rng.normal(0, np.pi / 2, b) * (rng.random(b) < 0.5)
    turn = (angle[:, None] + rate[:, None] * seconds) * (rng.random(b) < prob)[:, None]
    along = np.stack([np.cos(axis), np.sin(axis), 0 * axis], axis=-1)
    vector = (turn[..., None] * along[:, None]).reshape(-1, 3)
    rotation = Rotation.from_rotvec(vector).as_matrix().reshape(*turn.shape, 3, 3)
    pelvis = clips[:, :, H36M.root, None]
    return pelvis + (clips - pelvis) @ np.swapaxes(rotation, -1, -2).astype(clips.dtype)
