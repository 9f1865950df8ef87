"""Pixels <-> what a network sees. The rule belongs to the weights and travels with them.

Two rules are known:

- ``screen``: the released checkpoints. x in [-1, 1] over the image width, y by the same factor;
  the output is root-relative in half image widths.
- ``aimed``: ours. In every frame a virtual camera turns, by the smallest rotation, to look at the
  person; what it sees is scaled to unit size over the clip. Where in the picture the person stands
  and how large, and the distortion that comes with it, are all but gone. The output is
  root-relative, in metres of a person of standard stature, and is turned back to the real camera.

Everything is numpy and takes any number of leading batch dimensions.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

Normalization = Literal["aimed", "screen"]
REACH = 0.42
"""Metres per unit of an aimed pose seen flat: the root-mean-square reach of a person's joints."""


@dataclass(frozen=True)
class NormalizedClips:
    """Clips as a network meets them, and how to read what it answers.

    Attributes:
        xyc: x and y by the rule, and confidence.
        flat: What the answer is added to: the flat pose, or 0.
        rotation: From the camera's axes to those of the answer.
    """

    xyc: Float[np.ndarray, "n t j 3"]
    flat: Float[np.ndarray, "n t j 3"]
    rotation: Float[np.ndarray, "n t 3 3"]


def normalize_clips(
    xyc: Float[np.ndarray, "n t j 3"],
    size: tuple[int, int],
    focal: float,
    *,
    rule: Normalization,
    root: int,
) -> NormalizedClips:
    """Normalise clips by a rule.

    Args:
        xyc: x and y in pixels, and confidence.
        size: Of the picture, in pixels.
        focal: Focal length in pixels; of no matter to "screen".
        rule: See above.
        root: The pelvis.
    """
    xy, sure = xyc[..., :2], xyc[..., 2:]
    if rule == "screen":
        still = np.broadcast_to(np.eye(3), (*xyc.shape[:2], 3, 3))
        return NormalizedClips(np.concatenate([to_screen(xy, size), sure], axis=-1), 0 * xyc, still)
    rays = to_rays(xy, size, focal)
    rotation = look_at_rotation(rays)
    aimed = to_centered_camera(rays, rotation)
    return NormalizedClips(
        np.concatenate([aimed, sure], axis=-1), flat_prior(aimed, root), rotation
    )


def to_screen(
    xy: Float[np.ndarray, "*batch 2"], size: tuple[int, int]
) -> Float[np.ndarray, "*batch 2"]:
    """Map pixels to the screen: x in [-1, 1], y scaled by the same factor so shapes keep."""
    width, height = size
    return xy * (2 / width) - np.array([1, height / width])


def from_screen(
    xy: Float[np.ndarray, "*batch 2"], size: tuple[int, int]
) -> Float[np.ndarray, "*batch 2"]:
    """Map the screen to pixels: the inverse of `to_screen`."""
    width, height = size
    return (xy + np.array([1, height / width])) * (width / 2)


def to_rays(
    xy: Float[np.ndarray, "*batch 2"], size: tuple[int, int], focal: float
) -> Float[np.ndarray, "*batch 2"]:
    """Map pixels to rays (x / z, y / z) of a camera whose principal point is the image's middle."""
    return (xy - np.array(size) / 2) / focal


def look_at_rotation(rays: Float[np.ndarray, "*batch j 2"]) -> Float[np.ndarray, "*batch 3 3"]:
    """The smallest rotation that turns the mean ray of each frame onto the optical axis.

    Rodrigues' formula for the rotation between two unit vectors. The optical axis is z; the result
    maps camera coordinates to those of the virtual camera.
    """
    mean = rays.mean(axis=-2)
    ray = np.concatenate([mean, np.ones_like(mean[..., :1])], axis=-1)
    x, y, z = np.moveaxis(ray / np.linalg.norm(ray, axis=-1, keepdims=True), -1, 0)
    k = 1 / (1 + z)
    rows = [[1 - k * x * x, -k * x * y, -x], [-k * x * y, 1 - k * y * y, -y], [x, y, z]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def to_centered_camera(
    rays: Float[np.ndarray, "*batch t j 2"], rotation: Float[np.ndarray, "*batch t 3 3"]
) -> Float[np.ndarray, "*batch t j 2"]:
    """What the virtual camera sees of a clip, scaled to unit root-mean-square reach."""
    points = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1)
    turned = points @ np.swapaxes(rotation, -1, -2)
    flat = turned[..., :2] / np.maximum(turned[..., 2:], 1e-3)
    reach = np.sqrt((flat**2).sum(axis=-1).mean(axis=(-2, -1)))
    return flat / np.maximum(reach, 1e-6)[..., None, None, None]


def flat_prior(
    aimed: Float[np.ndarray, "*batch t j 2"], root: int
) -> Float[np.ndarray, "*batch t j 3"]:
    """The aimed 2D pose as a flat 3D one, root-relative, metres: the network adds to this."""
    relative = REACH * (aimed - aimed[..., root : root + 1, :])
    return np.concatenate([relative, np.zeros_like(relative[..., :1])], axis=-1)
