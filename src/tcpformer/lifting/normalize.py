"""Normalize pixels for a network, and turn its answer back into camera axes.

The normalization belongs to the weights and travels with them:

- ``screen``: released checkpoints. x in [-1, 1] over the image width, y by the same factor; the
  answer is root-relative in half image widths.
- ``centered-camera``: ours. In every frame a virtual camera turns, by the smallest rotation, to
  look at the person; its image is scaled to unit size over the clip. This removes where in the
  picture a person is, how large, and the perspective distortion that comes with it. The answer is
  root-relative, in metres of a person of standard stature, along the axes of the virtual camera.

Feet, hands and face do not enter a normalization, so it does not change where they are missing.
Everything is numpy and takes any number of leading batch dimensions.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from ..skeleton import BODY
from ..world.camera import to_rays as to_rays

Normalization = Literal["centered-camera", "aimed", "screen"]
FLAT_SCALE = 0.42
"""Metres per unit of a flat, normalized pose: root-mean-square extent of a person's joints."""


@dataclass(frozen=True)
class NormalizedClips:
    """Clips as a network takes them, and what turns its answer into a pose in camera axes."""

    xyc: Float[np.ndarray, "n t j 3"]
    """Normalized x and y, and confidence."""
    flat: Float[np.ndarray, "n t j 3"]
    """What the answer is added to: the flat pose, or 0."""
    rotation: Float[np.ndarray, "n t 3 3"]
    """From the camera's axes to those of the answer."""

    def to_camera(self, answer: Float[np.ndarray, "n s j 3"]) -> Float[np.ndarray, "n s j 3"]:
        """Turn an answer into camera axes; of s < t frames, they are the middle ones of a clip."""
        first = (self.xyc.shape[1] - answer.shape[1]) // 2
        frames = np.s_[:, first : first + answer.shape[1]]
        return np.einsum("ntyx,ntjy->ntjx", self.rotation[frames], self.flat[frames] + answer)


def normalize_clips(
    xyc: Float[np.ndarray, "n t j 3"],
    size: tuple[int, int],
    focal: float,
    *,
    normalization: Normalization,
    root: int,
) -> NormalizedClips:
    """Normalize clips of x, y in pixels and confidence; see the top of this file.

    The size (width, height) and focal length, which "screen" ignores, are in pixels too; ``root``
    is the index of the pelvis.
    """
    xy, confidence = xyc[..., :2], xyc[..., 2:]
    if normalization == "screen":
        identity = np.broadcast_to(np.eye(3), (*xyc.shape[:2], 3, 3))
        screen = np.concatenate([to_screen(xy, size), confidence], axis=-1)
        return NormalizedClips(screen, 0 * xyc, identity)
    rays = to_rays(xy, size, focal)
    rotation = look_at_rotation(rays)
    centered = to_centered_camera(rays, rotation)
    return NormalizedClips(
        np.concatenate([centered, confidence], axis=-1), flat_prior(centered, root), rotation
    )


def to_screen(
    xy: Float[np.ndarray, "*batch 2"], size: tuple[int, int]
) -> Float[np.ndarray, "*batch 2"]:
    """Map pixels to the screen: x in [-1, 1], y scaled by the same factor so shapes keep."""
    width, height = size
    return xy * (2 / width) - np.array([1, height / width])


def look_at_rotation(rays: Float[np.ndarray, "*batch j 2"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Compute the smallest rotation that turns the mean ray of each frame onto the optical axis.

    Rodrigues' formula for the rotation between two unit vectors. The optical axis is z; the result
    maps camera coordinates to those of the virtual camera.
    """
    mean = rays[..., BODY, :].mean(axis=-2)
    ray = np.concatenate([mean, np.ones_like(mean[..., :1])], axis=-1)
    x, y, z = np.moveaxis(ray / np.linalg.norm(ray, axis=-1, keepdims=True), -1, 0)
    k = 1 / (1 + z)
    rows = [[1 - k * x * x, -k * x * y, -x], [-k * x * y, 1 - k * y * y, -y], [x, y, z]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def to_centered_camera(
    rays: Float[np.ndarray, "*batch t j 2"], rotation: Float[np.ndarray, "*batch t 3 3"]
) -> Float[np.ndarray, "*batch t j 2"]:
    """Project a clip into the virtual camera, scaled to unit root-mean-square extent."""
    points = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1)
    turned = points @ np.swapaxes(rotation, -1, -2)
    flat = turned[..., :2] / np.maximum(turned[..., 2:], 1e-3)
    extent = np.sqrt((flat[..., BODY, :] ** 2).sum(axis=-1).mean(axis=(-2, -1)))
    return flat / np.maximum(extent, 1e-6)[..., None, None, None]


def flat_prior(
    centered: Float[np.ndarray, "*batch t j 2"], root: int
) -> Float[np.ndarray, "*batch t j 3"]:
    """Return the normalized pose as a flat 3D pose, root-relative, in metres."""
    relative = FLAT_SCALE * (centered - centered[..., root : root + 1, :])
    return np.concatenate([relative, np.zeros_like(relative[..., :1])], axis=-1)
