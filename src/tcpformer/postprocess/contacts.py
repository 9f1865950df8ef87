"""Feet on the floor: when they stand, and how to make them stay there.

World frame, z = 0 at the height of standing ankles. Axis legend: ``f`` feet.
"""

import numpy as np
from jaxtyping import Bool, Float

from ..filtering.filters import butterworth
from ..skeleton import FEET, H36M
from ..world.vertical import foot_speeds

HEIGHT, SPEED = 0.05, 0.3
"""A foot stands that is lower than this over what carried a foot just before or will just after
(metres), and slower than this (m/s);"""
LET_GO = 1.5
"""and goes on standing until it is above this many times as high or as fast."""
AROUND = 0.4
"""Seconds that "just" means."""
SHORTEST = 0.08
"""Seconds for which a foot has to stand."""
_HOLD = 200.0  # how much more a standing foot counts than a free one
_HOLD_CUTOFF = 3.0  # Hz: how quickly a foot is let go
_STRETCH = 0.999  # of the whole leg: a straight one has no knee direction
_KNEES = [H36M.parents[foot] for foot in FEET]
_HIPS = [H36M.parents[knee] for knee in _KNEES]


def find_contacts(
    xyz: Float[np.ndarray, "t 17 3"], times: Float[np.ndarray, " t"], valid: Bool[np.ndarray, " t"]
) -> Bool[np.ndarray, "t 2"]:
    """When the right and the left foot stand: low and slow, on the floor or on anything above it.

    Args:
        xyz: Joints in the world.
        times: Seconds.
        valid: False where nobody was seen: no foot stands.
    """
    feet = xyz[:, FEET]
    low = feet[..., 2].min(axis=1)
    first = np.searchsorted(times, times - AROUND)
    last = np.searchsorted(times, times + AROUND)
    lowest = [
        max(low[first[i] : i + 1].min(), low[i : last[i] + 1].min()) for i in range(len(times))
    ]
    over = feet[..., 2] - np.array(lowest)[:, None]
    high = np.maximum(over / HEIGHT, foot_speeds(feet, times) / SPEED)
    result = np.zeros(high.shape, dtype=bool)
    for f in range(2):
        for spell in _spells((high[:, f] < LET_GO) & valid):
            lasting = times[spell][-1] - times[spell][0]
            result[spell, f] = (high[spell, f] < 1).any() and lasting >= SHORTEST
    return result


def _spells(on: Bool[np.ndarray, " t"]) -> list[slice]:
    """The stretches of frames in which something holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]])))
    return [slice(start, stop) for start, stop in edges.reshape(-1, 2).tolist()]


def lock_feet(
    xyz: Float[np.ndarray, "t 17 3"],
    times: Float[np.ndarray, " t"],
    contact: Bool[np.ndarray, "t 2"],
    share: float = 1.0,
) -> Float[np.ndarray, "t 17 3"]:
    """Make standing feet stay where they are; legs bend for it, and bones keep their lengths.

    Args:
        xyz: Joints in the world.
        times: Seconds.
        contact: When the feet stand.
        share: How much of its way back a foot goes, 0 to 1.
    """
    if not contact.any():
        return xyz
    wanted = np.stack(
        [share * _shift(xyz[:, foot], contact[:, f]) for f, foot in enumerate(FEET)], 1
    )
    hold = np.where(contact, _HOLD, 1.0)
    shift = np.stack(
        [butterworth(wanted[:, f], times, _HOLD_CUTOFF, hold[:, f], order=2) for f in range(2)], 1
    )
    moved = xyz
    for f in range(2):
        moved = _leg_to(moved, f, xyz[:, FEET[f]] + shift[:, f])
    return moved


def _shift(
    foot: Float[np.ndarray, "t 3"], standing: Bool[np.ndarray, " t"]
) -> Float[np.ndarray, "t 3"]:
    """From a foot to the middle of where it stands; zero where it does not."""
    shift = np.zeros_like(foot)
    for spell in _spells(standing):
        shift[spell] = np.median(foot[spell], axis=0) - foot[spell]
    return shift


def _leg_to(
    xyz: Float[np.ndarray, "t 17 3"], f: int, target: Float[np.ndarray, "t 3"]
) -> Float[np.ndarray, "t 17 3"]:
    """Put an ankle on its target, or as near as the leg reaches; the knee bends as it did."""
    hip, knee, ankle = (xyz[:, [_HIPS, _KNEES, FEET][k][f]] for k in range(3))
    thigh, shank = np.linalg.norm(knee - hip, axis=-1), np.linalg.norm(ankle - knee, axis=-1)
    span = target - hip
    distance = np.maximum(np.linalg.norm(span, axis=-1), 1e-9)
    along = span / distance[:, None]
    least, most = np.abs(thigh - shank) / _STRETCH, _STRETCH * (thigh + shank)
    # A leg that is straighter than that already stays as straight as it is.
    most = np.maximum(most, np.minimum(np.linalg.norm(ankle - hip, axis=-1), thigh + shank))
    reach = np.clip(distance, np.maximum(least, 1e-9), most)
    bent = knee - hip
    bent = bent - (bent * along).sum(axis=-1, keepdims=True) * along
    size = np.linalg.norm(bent, axis=-1, keepdims=True)
    bent = bent / np.maximum(size, 1e-9)
    forth = (thigh**2 - shank**2 + reach**2) / (2 * reach)
    out = np.sqrt(np.maximum(thigh**2 - forth**2, 0))
    moved = xyz.copy()
    moved[:, _KNEES[f]] = hip + forth[:, None] * along + out[:, None] * bent
    moved[:, FEET[f]] = hip + reach[:, None] * along
    return moved
