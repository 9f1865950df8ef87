"""What the packaged detector gets wrong, and how sure it is of it.

Lengths are in torsos (pelvis to thorax in the image, mean over the clip). Levels and times are
fitted by eye to the detector on real video; `benchmarks/noise.py` draws both side by side, and
`docs/data_engine.md` says what was measured.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ...skeleton import H36M
from .random_processes import ornstein_uhlenbeck, spells

WHITE, QUICK, SLOW, CONSTANT = 0.004, 0.007, 0.02, 0.02
"""Errors of a joint that is surely seen, per axis: without memory, with one of 0.1 s, of 0.7 s, and
for the whole clip."""
STRENGTH = 0.4
"""These differ from clip to clip by e to the power of a Gaussian of this deviation."""
QUICK_MEMORY, SLOW_MEMORY, DOUBT_MEMORY = 0.1, 0.7, 0.5
WORSE = 4.0
"""A joint of visibility 0 errs by so many times more."""
JUMPS, JUMP = (0.06, 2.5), 0.45
"""How often a second a joint is elsewhere for a moment: if surely seen, and what is added if not;
and how far away it is, per axis."""
BEYOND = (0.06, 0.16)
"""Slow error of a joint just outside the picture, and what is added a torso further out."""
_TRUNK = H36M.index["Hip"], H36M.index["Thorax"]
_KIND = [joint[1:] if joint[0] in "LR" else "Trunk" for joint in H36M.joints]
_SURE = {"Elbow": 3.6, "Wrist": 3.2, "Knee": 3.2, "Ankle": 3.2}
TRUNK_SURE = 9.5
"""Logits of the visibility of limbs where nothing hides them, and of hips, shoulders and head."""
_LIMBS = [i for i, kind in enumerate(_KIND) if kind in _SURE]
_ALONG = {"Hip": 0.2, "Knee": 0.04, "Ankle": 0.04, "Shoulder": 0.1, "Elbow": 0.05, "Wrist": 0.08}
_UPWARD = {"Hip": 0.05, "Shoulder": 0.04, "Trunk": 0.03}

Rays = Float[np.ndarray, "b n 17 2"]
Scores = Float[np.ndarray, "b n 17"]


class Detections(NamedTuple):
    """What a detector sees.

    Attributes:
        rays: Joints as x / z and y / z.
        visible: How surely each is seen, 0 to 1.
        inside: Whether it is in the picture.
        wrong: How far it is from the truth, in torsos.
    """

    rays: Rays
    visible: Scores
    inside: Bool[np.ndarray, "b n 17"]
    wrong: Scores


def detected(
    xyz: Float[np.ndarray, "b n 17 3"],
    half: Float[np.ndarray, "b 2"],
    seconds: Float[np.ndarray, " b"],
    rng: np.random.Generator,
) -> Detections:
    """See joints as the detector reports them, frame by frame.

    Args:
        xyz: Joints in camera axes, metres.
        half: Half the picture's width and height, over the focal length.
        seconds: Time from one frame to the next, per clip.
        rng: Source of all chance.
    """
    rays = xyz[..., :2] / xyz[..., 2:]
    unit = torso_of(rays)[:, None, None]
    over = np.maximum(np.abs(rays) - half[:, None, None], 0)
    beyond = np.sqrt(over[..., 0] ** 2 + over[..., 1] ** 2) / unit
    visible = visibility(xyz, rays / unit[..., None], beyond, seconds, rng)
    strength = rng.lognormal(0, STRENGTH, (len(xyz), 1, 1, 1)).astype(rays.dtype)
    error = strength * _errors(visible, beyond, seconds, rng)
    error += _constant(rays / unit[..., None], rng)
    out = rays + unit[..., None] * error
    _exchange_sides(out, seconds, rng)
    return Detections(out, visible, beyond == 0, np.sqrt(_apart(out, rays)) / unit)


def torso_of(rays: Rays) -> Float[np.ndarray, " b"]:
    """Mean length of the trunk, or a share of the body's box where that is foreshortened."""
    wide, high = (np.ptp(rays[..., i], axis=2) for i in range(2))
    extent = np.hypot(wide, high).mean(axis=1)
    hip, thorax = (rays[:, :, i] for i in _TRUNK)
    return np.maximum(np.sqrt(_apart(hip, thorax)).mean(axis=1), 0.12 * extent) + 1e-6


def visibility(
    xyz: Float[np.ndarray, "b n 17 3"],
    rays: Rays,
    beyond: Scores,
    seconds: Float[np.ndarray, " b"],
    rng: np.random.Generator,
) -> Scores:
    """How surely each joint is seen, 0 to 1: less if it is hidden, or outside the picture.

    Args:
        xyz: Joints in camera axes, metres.
        rays: The same in the image, in torsos.
        beyond: How far each joint lies outside the picture, in torsos.
        seconds: Time from one frame to the next, per clip.
        rng: Source of all chance.
    """
    b, n = beyond.shape[:2]
    sure = np.array([_SURE.get(kind, TRUNK_SURE) for kind in _KIND])
    logit = sure + rng.normal(0, 1.2, (b, 1, 1)) + rng.normal(0, 1.2, (b, 1, 17))
    logit = np.broadcast_to(logit, (b, n, 17)).astype(np.float32)
    logit[..., _LIMBS] += 1.8 * ornstein_uhlenbeck(seconds, (n, len(_LIMBS)), DOUBT_MEMORY, rng)
    logit[..., _LIMBS] -= 5.5 * _hidden(xyz, rays)
    logit -= np.where(beyond > 0, 4.5 + 3 * beyond, 0)
    return 1 / (1 + np.exp(-np.clip(logit, -30, 30)))


def _hidden(xyz: Float[np.ndarray, "b n 17 3"], rays: Rays) -> Bool[np.ndarray, "b n 8"]:
    """Whether a limb's joint lies behind the trunk, or behind the same joint of the other side."""
    limbs, depth = rays[:, :, _LIMBS], xyz[:, :, _LIMBS, 2]
    twins = [H36M.mirror[i] for i in _LIMBS]
    near = _apart(limbs, rays[:, :, twins]) < 0.25**2
    hidden = near & (depth > xyz[:, :, twins, 2] + 0.05)
    for name in ("Hip", "Spine", "Thorax"):
        i = H36M.index[name]
        near = _apart(limbs, rays[:, :, i, None]) < 0.35**2
        hidden |= near & (depth > xyz[:, :, i, None, 2] + 0.08)
    return hidden


def _apart(x: Float[np.ndarray, "*#k 2"], y: Float[np.ndarray, "*#k 2"]) -> Float[np.ndarray, "*k"]:
    """Squared distance."""
    dx, dy = x[..., 0] - y[..., 0], x[..., 1] - y[..., 1]
    return dx * dx + dy * dy


def _errors(
    visible: Scores, beyond: Scores, seconds: Float[np.ndarray, " b"], rng: np.random.Generator
) -> Rays:
    """What changes from frame to frame."""
    b, n = visible.shape[:2]
    doubt = 1 - visible
    times = (1 + WORSE * doubt)[..., None]
    outside = np.where(beyond > 0, BEYOND[0] + BEYOND[1] * np.minimum(beyond, 1.5), 0)[..., None]
    error = rng.standard_normal((b, n, 17, 2), dtype=np.float32)
    error *= WHITE
    error += QUICK * ornstein_uhlenbeck(seconds, (n, 17, 2), QUICK_MEMORY, rng)
    error *= times
    error += (SLOW * times + outside) * ornstein_uhlenbeck(seconds, (n, 17, 2), SLOW_MEMORY, rng)
    rate = JUMPS[0] + JUMPS[1] * doubt.mean(axis=1)
    away = spells(rate, (0.03, 0.4), seconds, n, rng)
    error += away[..., None] * rng.normal(0, JUMP, (b, 1, 17, 2)).astype(np.float32)
    return error


def _constant(rays: Rays, rng: np.random.Generator) -> Rays:
    """How far a joint is from where motion capture has it, for the whole clip; all in torsos.

    Along the bone that leads to it and along the trunk, alike on both sides: a hip is further out
    and higher up, whichever way the person turns. And a little in any direction.
    """
    b = len(rays)
    along = rng.normal(0, [_ALONG.get(kind, 0.1) for kind in _KIND], (b, 17))
    upward = rng.normal(0, [_UPWARD.get(kind, 0.0) for kind in _KIND], (b, 17))
    for i, twin in enumerate(H36M.mirror):
        along[:, max(i, twin)] = along[:, min(i, twin)]
        upward[:, max(i, twin)] = upward[:, min(i, twin)]
    # Every joint's shift is a sum of the others' places: one matrix a clip.
    shift = np.zeros((b, 17, 17), dtype=rays.dtype)
    for parent, child in H36M.bones:
        shift[:, child, child] += along[:, child]
        shift[:, child, parent] -= along[:, child]
    hip, thorax = _TRUNK
    shift[:, :, thorax] += upward
    shift[:, :, hip] -= upward
    return shift[:, None] @ rays + rng.normal(0, CONSTANT, (b, 1, 17, 2)).astype(rays.dtype)


def _exchange_sides(xy: Rays, seconds: Float[np.ndarray, " b"], rng: np.random.Generator) -> None:
    """Exchange left and right of legs, arms, or everything for a while, in place."""
    b, n = xy.shape[:2]
    mirror = np.array(H36M.mirror)
    on = spells(np.full((b, 3), [0.03, 0.02, 0.01]), (0.03, 0.5), seconds, n, rng)
    legs = np.isin(_KIND, ("Hip", "Knee", "Ankle"))
    arms = np.isin(_KIND, ("Shoulder", "Elbow", "Wrist"))
    for k, limbs in enumerate((legs, arms, legs | arms)):
        both = np.flatnonzero(limbs)
        i, f = np.nonzero(on[..., k])
        xy[i[:, None], f[:, None], both] = xy[i[:, None], f[:, None], mirror[both]]
