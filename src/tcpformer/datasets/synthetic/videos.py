"""Whole motions of motion capture, filmed: what a lifter gets, and the truth beside it.

Clips train networks; of whole motions one learns what a lifter misses, windows, gaps and all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ...motion import Motion2D
from ...skeleton import H36M
from ..mocap import Mocap
from ..open_benchmark import filmed
from .engine import filmed_motion

FOCAL = 1000.0
"""Pixels: how finely the pictures of cameras are sampled that are known by their angles."""
SECONDS = 6.0
"""Of a motion as filmed."""
GAP = (0.2, 4.0)
"""Seconds for which somebody is lost."""


@dataclass(frozen=True)
class Filmed:
    """A motion as detected, and how it was.

    Attributes:
        seen: What the lifter gets; its ``focal`` is what the lifter may know.
        truth: Joints relative to the pelvis, in camera axes, metres.
    """

    seen: Motion2D
    truth: Float[np.ndarray, "t 17 3"]


def benchmark_like(
    mocap: Mocap, *, noisy: bool, most: int, seed: int, every: int = 1
) -> Iterator[Filmed]:
    """Every sequence, filmed as those of the open benchmark are, by one camera each.

    Args:
        mocap: The people.
        noisy: With detector-like errors, or exact.
        most: Frames after which a sequence is cut off.
        seed: Of the random numbers.
        every: Only so many sequences.
    """
    for i in range(0, len(mocap.starts), every):
        start, length = mocap.starts[i], min(mocap.lengths[i], most)
        path = mocap.xyz[start : start + length].astype(np.float64)
        view = filmed(path, np.random.default_rng([seed, i]))
        xy = view["noisy_xy" if noisy else "xy"] / 10.0
        sure = view["confidence"] / 255.0 if noisy else np.ones(xy.shape[:2])
        seen = Motion2D(xy, sure, view["size"], mocap.fps, H36M, focal=view["focal"])
        yield Filmed(seen, view["relative"] * 1e-4)


def as_filmed(mocap: Mocap, *, count: int, seed: int) -> Iterator[Filmed]:
    """Motions as people film them, by the data engine; all people are 1.70 m tall.

    Args:
        mocap: The people.
        count: How many.
        seed: Of the random numbers.
    """
    for i in range(count):
        views, rays, sure, fps = filmed_motion(mocap, SECONDS, np.random.default_rng([seed, i]))
        size = np.round(2 * FOCAL * views.half[0]).astype(int)
        seen = Motion2D(
            rays[0] * FOCAL + size / 2,
            sure[0],
            (int(size[0]), int(size[1])),
            fps,
            H36M,
            focal=FOCAL if views.known[0] else None,
        )
        truth = views.xyz[0].astype(np.float64)
        yield Filmed(seen, truth - truth[:, H36M.root, None])


def with_gap(view: Filmed, rng: np.random.Generator) -> Filmed | None:
    """The same with the person lost for a while in the middle; None if it is too short for that."""
    times = view.seen.times
    longest = min(GAP[1], 0.6 * (times[-1] - times[0]))
    if longest < GAP[0]:
        return None
    length = np.exp(rng.uniform(np.log(GAP[0]), np.log(longest)))
    start = rng.uniform(0.2, 0.8) * (times[-1] - length)
    lost = (times >= start) & (times < start + length)
    sure = np.where(lost[:, None], 0.0, view.seen.confidence)
    return replace(view, seen=replace(view.seen, confidence=sure, valid=~lost & view.seen.valid))
