"""Feet that stand: on the floor with the whole sole, and in one place.

World frame, z = 0 at the floor. Axis legend: ``p`` points of a foot, the heel and the ball.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ..filtering.filters import butterworth, gaussian_smooth
from ..skeleton import BALLS, FEET, HEELS
from ..world.rigid import place_shape
from .foot_contacts import Contacts, Joints, Series, bend_leg, find_runs

Points = Float[np.ndarray, "t p 3"]
Standing = Bool[np.ndarray, "t p"]


@dataclass(frozen=True, kw_only=True)
class SoleConfig:
    """Tuned numbers of standing feet."""

    near: float = 0.06
    """Metres from the floor within which a standing point is put onto it; others stand on
    something."""
    weight: float = 200.0
    """Weight of a standing point against a free one, as shifts are smoothed and the foot placed."""
    cutoff: float = 3.0
    """Cutoff of the shift, Hz."""
    onset: float = 0.05
    """Seconds, one sigma, in which a foot passes from free to standing."""


SOLES = SoleConfig()


def plant_feet(
    xyz: Joints, times: Series, contact: Contacts, height: float, config: SoleConfig = SOLES
) -> Joints:
    """Put standing heels and balls on the floor, each where it stands in the median.

    Between contacts the shift fades out. Feet keep their shape, and legs bend for it.

    Args:
        xyz: Joints of `BODY_26` in the world, metres.
        times: Seconds.
        contact: When right and left heel, then right and left ball stand.
        height: Metres of heel and ball over the floor when they stand.
        config: Tuned numbers.
    """
    for f in range(len(FEET)):
        standing, points = contact[:, [f, f + 2]], xyz[:, [HEELS[f], BALLS[f]]]
        target = points + _shift(points, times, standing, height, config)
        target[..., 2] = np.maximum(target[..., 2], height)
        weight = config.weight ** gaussian_smooth(1.0 * standing, times, config.onset)
        xyz = _place_foot(xyz, f, target, weight)
    return xyz


def lift_feet(xyz: Joints, height: float) -> Joints:
    """Lift feet that are in the floor until neither heel nor ball is; legs bend for it."""
    for f, ankle in enumerate(FEET):
        low = xyz[:, [HEELS[f], BALLS[f]], 2].min(axis=1)
        up = np.maximum(height - low, 0.0)[:, None] * np.array([0.0, 0.0, 1.0])
        if up.any():
            xyz = bend_leg(xyz, f, xyz[:, ankle] + up)
    return xyz


def _shift(
    points: Points, times: Series, standing: Standing, height: float, config: SoleConfig
) -> Points:
    """Return the smoothed shift of heel and ball; a free one goes with the other."""
    shift = np.zeros_like(points)
    for p in range(2):
        for run in find_runs(standing[:, p]):
            place = np.median(points[run, p], axis=0)
            if abs(place[2] - height) < config.near:
                place[2] = height
            shift[run, p] = place - points[run, p]
    for p in range(2):
        alone = standing[:, 1 - p] & ~standing[:, p]
        shift[alone, p] = shift[alone, 1 - p]
    weight = np.where(standing, config.weight, 1.0)
    for p in range(2):
        shift[:, p] = butterworth(shift[:, p], times, config.cutoff, weight[:, p], order=2)
    return shift


def _place_foot(xyz: Joints, f: int, target: Points, weight: Float[np.ndarray, "t p"]) -> Joints:
    """Move a rigid foot to where heel and ball are nearest to their targets, and its leg with it.

    The ankle goes along with the mean of the two, with the weight of a free point: it decides how
    the foot is turned about the line from heel to ball.
    """
    joints = [HEELS[f], BALLS[f], FEET[f]]
    old = xyz[:, joints]
    shift = (weight[..., None] * (target - old[:, :2])).sum(axis=1) / weight.sum(axis=1)[:, None]
    wanted = np.concatenate([target, old[:, 2:] + shift[:, None]], axis=1)
    share = np.column_stack([weight, np.ones(len(weight))])
    share = (share / share.sum(axis=1, keepdims=True))[..., None]
    middle, there = ((share * x).sum(axis=1, keepdims=True) for x in (old, wanted))
    foot = there + place_shape(old - middle, wanted - there, share[..., 0])
    moved = bend_leg(xyz, f, foot[:, 2])
    moved[:, joints[:2]] = foot[:, :2] + (moved[:, joints[2]] - foot[:, 2])[:, None]
    return moved
