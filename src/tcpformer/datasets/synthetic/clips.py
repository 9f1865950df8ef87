"""Training clips without end: motion capture, seen by random cameras and an imperfect detector."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from jaxtyping import Float

from ...lifting.normalize import flat_prior, look_at_rotation, to_centered_camera
from ...skeleton import H36M, STANDARD_HEIGHT, stature
from ..mocap import Mocap
from .benchmark_detector import detected
from .cameras import mirrored, other_bodies, random_views, tilted
from .limb_swap import chosen, grafted


@dataclass(frozen=True)
class Clips:
    """A batch, as the network meets it.

    Attributes:
        xyc: Normalised x, y (see `normalize`) and confidence.
        flat: What the network's output is added to: the aimed pose as a flat one, metres; or zeros.
        xyz: The truth: root-relative; by the rule "aimed" in metres and in the axes of the virtual
            camera of each frame, else in the data set's unit and the camera's axes.
    """

    xyc: Float[np.ndarray, "b t j 3"]
    flat: Float[np.ndarray, "b t j 3"]
    xyz: Float[np.ndarray, "b t j 3"]


def joined(parts: Sequence[Clips]) -> Clips:
    """Several batches as one."""
    if len(parts) == 1:
        return parts[0]
    return Clips(*(np.concatenate([getattr(p, x) for p in parts]) for x in ("xyc", "flat", "xyz")))


def clips(
    mocap: Mocap, *, frames: int, batch: int, spacing: tuple[int, int], seed: int, first: int = 0
) -> Iterator[Clips]:
    """Draw batches for ever; each depends on nothing but the seed and its number.

    Args:
        mocap: Where the motion comes from. Its `draw` says how sequences are drawn.
        frames: Frames of a clip.
        batch: Clips of a batch.
        spacing: Fewest and most capture frames from one frame of a clip to the next.
        seed: Of the random numbers.
        first: Number of the first batch: a run goes on where it stopped.
    """
    for number in count(first):
        rng = np.random.default_rng([seed, number])
        index, gap = _draw(mocap, frames, batch, spacing, rng)
        motion = mocap.xyz[index]
        if mocap.grafts:
            others, _ = _draw(mocap, frames, batch, spacing, rng)
            motion = grafted(motion, mocap.xyz[others], chosen(mocap.grafts, batch, rng))
        bodies = other_bodies(motion, rng)
        bodies = np.where(rng.random((batch, 1, 1, 1)) < 0.5, mirrored(bodies), bodies)
        if mocap.tilts:
            when = gap[:, None] / mocap.fps * np.arange(frames)
            bodies = tilted(bodies, when, mocap.tilts, rng)
        camera = random_views(_to_stature(bodies), rng).astype(np.float32)
        yield see(camera, gap / mocap.fps, rng)


def see(
    camera: Float[np.ndarray, "b t 17 3"],
    seconds: Float[np.ndarray, " b"],
    rng: np.random.Generator,
) -> Clips:
    """Project, detect and normalise clips given in camera coordinates, metres."""
    rays = camera[..., :2] / camera[..., 2:]
    rays, confidence = detected(rays, seconds, rng)
    return aimed(rays, confidence, camera - camera[:, :, H36M.root, None])


def aimed(
    rays: Float[np.ndarray, "b t 17 2"],
    confidence: Float[np.ndarray, "b t 17"],
    relative: Float[np.ndarray, "b t 17 3"],
) -> Clips:
    """Normalise by the rule "aimed" what a camera sees, and turn the truth along.

    Args:
        rays: Joints as x / z and y / z.
        confidence: Of the detector.
        relative: The truth, root-relative, camera axes, metres of a person of standard height.
    """
    rotation = look_at_rotation(rays)
    seen = to_centered_camera(rays, rotation)
    truth = relative @ np.swapaxes(rotation, -1, -2)
    xyc = np.concatenate([seen, confidence[..., None]], axis=-1)
    return Clips(*(x.astype(np.float32) for x in (xyc, flat_prior(seen, H36M.root), truth)))


def _draw(
    mocap: Mocap, frames: int, batch: int, spacing: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Frame numbers (b, t) of random clips, and the gap in each; short sequences get small gaps."""
    which = mocap.draw(batch, rng)
    length = mocap.lengths[which]
    gap = np.minimum(rng.integers(spacing[0], spacing[1] + 1, batch), (length - 1) // (frames - 1))
    gap = np.maximum(gap, 1)
    first = rng.integers(0, np.maximum(length - gap * (frames - 1), 1))
    local = first[:, None] + gap[:, None] * np.arange(frames)
    return mocap.starts[which][:, None] + np.minimum(local, length[:, None] - 1), gap


def _to_stature(bodies: Float[np.ndarray, "b t 17 3"]) -> Float[np.ndarray, "b t 17 3"]:
    return bodies * (STANDARD_HEIGHT / stature(bodies).mean(axis=1))[:, None, None, None]
