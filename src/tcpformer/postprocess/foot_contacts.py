"""Foot contacts: when feet stand, and how to make them stay where they stand.

Axis legend: ``f`` joints of feet; by default the ankles, the right one first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ..filtering.filters import butterworth
from ..skeleton import BALLS, FEET, HEELS, HIPS, KNEES
from ..world.vertical import foot_speeds

Joints = Float[np.ndarray, "t j 3"]
Series = Float[np.ndarray, " t"]
Contacts = Bool[np.ndarray, "t f"]


@dataclass(frozen=True, kw_only=True)
class ContactConfig:
    """Tuned numbers of foot contacts, chosen on half of the open benchmark's views."""

    height: float = 0.05
    """Metres above the lowest foot around, below which a foot stands."""
    speed: float = 0.3
    """m/s below which a foot stands, if it is low too."""
    release: float = 1.5
    """Multiple of height or speed at which a standing foot is released (hysteresis)."""
    around: float = 0.4
    """Seconds before and after in which the lowest foot is looked for."""
    shortest: float = 0.08
    """Least duration of a contact, seconds."""
    weight: float = 200.0
    """Weight of a standing foot against a free one, as the shift of feet is smoothed."""
    cutoff: float = 3.0
    """Cutoff of the shift of feet, Hz."""
    reach: float = 0.5
    """Most of a leg's slack, its length less the way from hip to ankle, that stretching takes: at
    all of it, knees of standing legs would be flat at full stretch."""


CONTACTS = ContactConfig()


def find_contacts(
    xyz: Joints,
    times: Series,
    valid: Bool[np.ndarray, " t"],
    config: ContactConfig = CONTACTS,
    joints: Sequence[int] = FEET,
) -> Contacts:
    """Find when each of some joints stands: low and slow, on the floor or anything above it.

    No foot stands where the person is not ``valid``. ``xyz`` is in the world, ``times`` in seconds.
    """
    feet = xyz[:, list(joints)]
    low = feet[..., 2].min(axis=1)
    first = np.searchsorted(times, times - config.around)
    last = np.searchsorted(times, times + config.around)
    support = [
        max(low[first[i] : i + 1].min(), low[i : last[i] + 1].min()) for i in range(len(times))
    ]
    over = feet[..., 2] - np.array(support)[:, None]
    ratio = np.maximum(over / config.height, foot_speeds(feet, times) / config.speed)
    result = np.zeros(ratio.shape, dtype=bool)
    for f in range(len(joints)):
        for run in find_runs((ratio[:, f] < config.release) & valid):
            duration = times[run][-1] - times[run][0]
            result[run, f] = (ratio[run, f] < 1).any() and duration >= config.shortest
    return result


def find_runs(on: Bool[np.ndarray, " t"]) -> list[slice]:
    """Return the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]])))
    return [slice(start, stop) for start, stop in edges.reshape(-1, 2).tolist()]


def lock_feet(
    xyz: Joints,
    times: Series,
    contact: Contacts,
    share: float = 1.0,
    config: ContactConfig = CONTACTS,
) -> Joints:
    """Move standing feet to the median of where they stand, by ``share`` of the way (0 to 1).

    Legs bend for it, and bones keep their lengths.
    """
    if not contact.any():
        return xyz
    weight = np.where(contact, config.weight, 1.0)
    moved = xyz.copy()
    for f, foot in enumerate(FEET):
        shift = np.zeros_like(xyz[:, foot])
        for run in find_runs(contact[:, f]):
            shift[run] = np.median(xyz[run, foot], axis=0) - xyz[run, foot]
        shift = butterworth(share * shift, times, config.cutoff, weight[:, f], order=2)
        bend_leg(moved, f, xyz[:, foot] + shift, config, out=moved)
    return moved


def bend_leg(
    xyz: Joints,
    f: int,
    target: Float[np.ndarray, "t 3"],
    config: ContactConfig = CONTACTS,
    out: Joints | None = None,
) -> Joints:
    """Move an ankle to its target, or as near as the leg reaches, in the plane of the knee.

    Heel and ball, if there are any, go with it. ``f`` is 0 for the right leg, 1 for the left. The
    result is written to ``out``, which may be xyz, by default to a new array.

    A leg is never stretched to its whole length: the last of the way it follows less and less.
    Inverse kinematics of two bones: with a the thigh, b the shank and d the distance from hip to
    ankle, the knee is (a^2 - b^2 + d^2) / 2 d along the way and off it by Pythagoras.
    """
    # In double precision: the side to which a straight leg bends is a small difference.
    hip, knee, ankle = (xyz[:, joints[f]].astype(float) for joints in (HIPS, KNEES, FEET))
    thigh, shank = np.linalg.norm(knee - hip, axis=-1), np.linalg.norm(ankle - knee, axis=-1)
    span = target - hip
    distance = np.maximum(np.linalg.norm(span, axis=-1), 1e-9)
    along = span / distance[:, None]
    now = np.linalg.norm(ankle - hip, axis=-1)
    slack = np.maximum(config.reach * (thigh + shank - now), 1e-9)
    further = slack * -np.expm1(-np.maximum(distance - now, 0) / slack)
    reach = np.maximum(np.minimum(distance, now + further), np.abs(thigh - shank) + 1e-9)
    bent = knee - hip
    bent = bent - (bent * along).sum(axis=-1, keepdims=True) * along
    size = np.linalg.norm(bent, axis=-1, keepdims=True)
    bent = bent / np.maximum(size, 1e-9)
    forth = (thigh**2 - shank**2 + reach**2) / (2 * reach)
    aside = np.sqrt(np.maximum(thigh**2 - forth**2, 0))
    moved = xyz.copy() if out is None else out
    moved[:, KNEES[f]] = hip + forth[:, None] * along + aside[:, None] * bent
    moved[:, FEET[f]] = hip + reach[:, None] * along
    if xyz.shape[1] > max(HEELS):
        moved[:, [HEELS[f], BALLS[f]]] += (moved[:, FEET[f]] - ankle)[:, None]
    return moved
