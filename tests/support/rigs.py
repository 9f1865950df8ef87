"""Joints of a motion, found again in its rig."""

import numpy as np
from scipy.spatial.transform import Rotation

from tcpformer.io.rig import RiggedMotion
from tcpformer.io.rig_fit import Fit
from tcpformer.io.rig_names import BONES, INDEX, PARENTS, follow_chain
from tcpformer.skeleton import Skeleton

JOINT_BONES = {bone.head: bone.mixamo for bone in reversed(BONES) if bone.head}
"""Bone whose head is a joint; of several the one nearest to the root."""


def step_degrees(rotations: np.ndarray) -> np.ndarray:
    """Return how far each bone turns from frame to frame."""
    cosine = np.abs((rotations[1:] * rotations[:-1]).sum(axis=-1))
    return np.degrees(2 * np.arccos(np.clip(cosine, 0, 1)))


def world_turns(rig: Fit | RiggedMotion) -> np.ndarray:
    """Return the rotation of every bone from the rest pose, in the world, as matrices."""
    _, turns = follow_chain(PARENTS, rig.offsets, rig.rotations, rig.root)
    return Rotation.from_quat(turns.reshape(-1, 4)).as_matrix().reshape(*turns.shape[:2], 3, 3)


def joints_of(fit: Fit, skeleton: Skeleton) -> np.ndarray:
    """Return the joints of a skeleton where the bones are."""
    heads, _ = follow_chain(PARENTS, fit.offsets, fit.rotations, fit.root)
    turns, joints = world_turns(fit), []
    for joint in skeleton.joints:
        if joint in fit.markers:
            bone, place = fit.markers[joint]
            joints.append(heads[:, bone] + turns[:, bone] @ place)
        else:
            joints.append(heads[:, INDEX[JOINT_BONES[joint]]])
    return np.stack(joints, axis=1)
