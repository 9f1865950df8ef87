"""A batch of training clips: network input, flat prior and target, normalized alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ..lifting.normalize import flat_prior, look_at_rotation, to_centered_camera
from ..skeleton import BODY_26, H36M, Skeleton

Clips3D = Float[np.ndarray, "b t j 3"]
Clips2D = Float[np.ndarray, "b t j 2"]
Scores = Float[np.ndarray, "b t j"]
PerClip = Float[np.ndarray, " b"]


@dataclass(frozen=True)
class ClipBatch:
    """A batch as the network takes it.

    Attributes:
        xyc: Normalized x, y (see `lifting.normalize`) and confidence.
        flat: What the network's output is added to: the flat prior in metres, or zeros.
        xyz: The target, root-relative. With "centered-camera": metres, axes of each frame's virtual
            camera. With "screen": the unit of the data set, axes of the camera. NaN where the
            source does not know a joint.
    """

    xyc: Clips3D
    flat: Clips3D
    xyz: Clips3D


def join_batches(parts: Sequence[ClipBatch]) -> ClipBatch:
    """Concatenate batches."""
    if len(parts) == 1:
        return parts[0]
    return ClipBatch(*(np.concatenate([getattr(p, x) for p in parts]) for x in vars(parts[0])))


def normalize_batch(rays: Clips2D, confidence: Scores, relative: Clips3D) -> ClipBatch:
    """Normalize clips by "centered-camera", and rotate their truth into the same virtual cameras.

    The truth is root-relative, in camera axes and metres of a person of standard height.
    """
    rotation = look_at_rotation(rays)
    centered = to_centered_camera(rays, rotation)
    target = relative @ np.swapaxes(rotation, -1, -2)
    xyc = np.concatenate([centered, confidence[..., None]], axis=-1)
    arrays = (xyc, flat_prior(centered, H36M.root), target)
    return ClipBatch(*(x.astype(np.float32) for x in arrays))


def skeleton_of(clips: Float[np.ndarray, "b t j d"]) -> Skeleton:
    """Return the skeleton of motion capture: `BODY_26`, or Human3.6M's joints, which come first."""
    return H36M if clips.shape[2] == len(H36M.joints) else BODY_26


def mirror_joints(
    x: Float[np.ndarray, "*batch j 3"], skeleton: Skeleton
) -> Float[np.ndarray, "*batch j 3"]:
    """Mirror the first axis: negate x (or the image's x) and exchange left and right joints."""
    return x[..., list(skeleton.mirror), :] * np.array([-1, 1, 1], dtype=x.dtype)


def mirror_batch(batch: ClipBatch, skeleton: Skeleton, which: Bool[np.ndarray, " b"]) -> ClipBatch:
    """Mirror the clips selected by ``which``."""
    rows = which[:, None, None, None]
    return ClipBatch(*(np.where(rows, mirror_joints(x, skeleton), x) for x in vars(batch).values()))
