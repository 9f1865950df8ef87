"""Training clips as people film: any pace and frame rate, camera and body, detections with gaps.

The way of a clip: motion capture -> another pace, in the frames of a video -> another body -> a
camera -> a detector -> gaps bridged -> the network's rate -> what the network sees. From the
detector on it is the way of `lift.Lifter`. `docs/data_engine.md` says what each step is fitted to.
"""

from collections.abc import Iterator
from itertools import count

import numpy as np
from jaxtyping import Float

from ...skeleton import H36M
from ..mocap import Mocap
from .cameras import mirrored, other_bodies, tilted
from .clips import Clips, aimed
from .confidence import reported, with_middle_joints_made
from .detector import detected
from .framing import Views, framed
from .occlusion import bridged, seen
from .playback import in_line, resampled, takes

EXACT = 0.15
"""Share of clips whose 2D is exact, with full confidence."""
STEP = 4
"""Capture frames from one instant of a whole motion to the next."""


def filmed_clips(
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
        yield _batch(mocap, frames, batch, spacing, rng)


def _batch(
    mocap: Mocap, frames: int, batch: int, spacing: tuple[int, int], rng: np.random.Generator
) -> Clips:
    drawn = takes(mocap, frames, batch, spacing, rng)
    bodies = _bodies(np.concatenate([drawn.video, drawn.clip], axis=1), rng)
    n = drawn.video.shape[1]
    numbers = np.broadcast_to(np.arange(n), (batch, n))
    when = np.concatenate([numbers, drawn.at], axis=1) / drawn.fps[:, None]
    if mocap.tilts:
        bodies = tilted(bodies, when, mocap.tilts, rng)
    views = framed(bodies, when, rng)
    rays, confidence = _seen(views.xyz[:, :n], views, 1 / drawn.fps, rng)
    truth = views.xyz[:, n:]
    return aimed(
        resampled(rays, drawn.at) * views.zoom()[:, None, None, None],
        np.clip(in_line(confidence, drawn.at), 0, 1),
        truth - truth[:, :, H36M.root, None],
    )


def filmed_motion(
    mocap: Mocap, seconds: float, rng: np.random.Generator
) -> tuple[Views, Float[np.ndarray, "1 n 17 2"], Float[np.ndarray, "1 n 17"], float]:
    """One whole motion in the frames of its video: the view, rays, confidence, frames per second.

    Args:
        mocap: Where it comes from; a sequence that is too short gives less.
        seconds: How long.
        rng: Source of all chance.
    """
    drawn = takes(mocap, round(seconds * mocap.fps / STEP) + 1, 1, (STEP, STEP), rng)
    bodies = _bodies(drawn.video, rng)
    n = bodies.shape[1]
    views = framed(bodies, np.arange(n)[None] / drawn.fps[:, None], rng)
    return views, *_seen(views.xyz, views, 1 / drawn.fps, rng), float(drawn.fps[0])


def _bodies(
    motion: Float[np.ndarray, "b t 17 3"], rng: np.random.Generator
) -> Float[np.ndarray, "b t 17 3"]:
    """Other people, half of them mirror images."""
    other = other_bodies(motion, rng)
    return np.where(rng.random((len(motion), 1, 1, 1)) < 0.5, mirrored(other), other)


def _seen(
    xyz: Float[np.ndarray, "b n 17 3"],
    views: Views,
    seconds: Float[np.ndarray, " b"],
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "b n 17 2"], Float[np.ndarray, "b n 17"]]:
    """The joints of every frame of the video as a lifter gets them, whole; and their confidence."""
    found = detected(xyz, views.half, seconds, rng)
    confidence = reported(found.visible, found.wrong, rng)
    confidence *= seen(confidence, found.inside, seconds, rng)
    rays, confidence = with_middle_joints_made(found.rays, confidence, rng)
    exact = rng.random(len(xyz)) < EXACT
    rays[exact], confidence[exact] = (xyz[..., :2] / xyz[..., 2:])[exact], 1.0
    return bridged(rays, confidence > 0), confidence
