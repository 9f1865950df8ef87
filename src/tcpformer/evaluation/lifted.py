"""Poses as a user gets them: the 2D of a data set through `Lifter`, in the data set's joints."""

import numpy as np
from jaxtyping import Float

from ..lifting.lifter import Lifter
from ..models import Network
from ..motion import ASSUMED_VIEW, Motion2D
from ..skeleton import H36M, STANDARD_HEIGHT, Skeleton, conversion

MILLIMETRES = 1000


def network_of(model: Network | Lifter) -> Network:
    """Return the network itself."""
    return model.model if isinstance(model, Lifter) else model


def lift_poses(
    lifter: Lifter,
    xy: Float[np.ndarray, "t j 2"],
    confidence: Float[np.ndarray, "t j"],
    size: tuple[int, int],
    fps: float,
    skeleton: Skeleton,
) -> Float[np.ndarray, "t j 3"]:
    """Lift a video and return its poses: millimetres, camera axes, relative to the pelvis."""
    motion = Motion2D(np.asarray(xy, float), np.asarray(confidence, float), size, fps, skeleton)
    pose = conversion(lifter.body, skeleton) @ lifter(motion).camera_xyz
    return (pose - pose[:, skeleton.root, None]) * MILLIMETRES


def describe_lifting(lifter: Lifter, skeleton: Skeleton) -> tuple[str, ...]:
    """Return what a reader must know of poses that `lift_poses` made."""
    weights = conversion(H36M, skeleton)
    sources = [H36M.joints[row.argmax()] for row in weights]
    pairs = zip(skeleton.joints, sources, strict=True)
    differing = ", ".join(f"{joint} ({source})" for joint, source in pairs if joint != source)
    return (
        f"Lifted as a user lifts: the weights take {lifter.spec.skeleton} joints and normalization "
        f"{lifter.spec.normalization!r}, so whole videos went through Lifter, post-processed, for "
        f"people of {STANDARD_HEIGHT:.2f} m and a view of {ASSUMED_VIEW:g} degrees; root-relative.",
        "Joint definitions differ: the lifted joints are those of Human3.6M motion capture. Here "
        f"other joints stand for some (theirs in brackets): {differing}. Joints of one name may "
        "also lie elsewhere on the body; the figures hold these differences, and published ones do "
        "not.",
    )
