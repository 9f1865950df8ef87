"""Errors like those of the open benchmark, with a confidence that knows about them.

The clips of `Plan.footage` "benchmark-like" have them; those "as-filmed" have the ones of
`flaws.py`, which are fitted to the packaged detector.
Everything is in units of the person's torso in the image (pelvis to thorax, mean over the clip).
"""

import numpy as np
from jaxtyping import Float

from ...skeleton import H36M
from .random_processes import spells

_HIP, _THORAX = H36M.index["Hip"], H36M.index["Thorax"]
_LEFT = [i for i, joint in enumerate(H36M.joints) if joint[0] == "L"]
_LEGS = [i for i in _LEFT if H36M.joints[i][1:] in ("Hip", "Knee", "Ankle")]
_ARMS = [i for i in _LEFT if i not in _LEGS]

CORRELATION = 0.7
"""Seconds after which the slow part of the error has forgotten 1 - 1/e of itself."""


def detected(
    xy: Float[np.ndarray, "b t 17 2"], seconds: Float[np.ndarray, " b"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, "b t 17 2"], Float[np.ndarray, "b t 17"]]:
    """Make exact projections look detected.

    A quarter of the clips stay exact, with full confidence. The others get, each with its own
    strength: a constant offset per joint, a slow wander, a little white noise, joints that jump
    away for a while, and legs or arms whose left and right are exchanged for a while.

    Args:
        xy: Projected joints, in any unit.
        seconds: Time from one frame of a clip to the next, per clip.
        rng: Source of all chance.

    Returns:
        The joints as detected, and their confidence in (0, 1].
    """
    b, t = xy.shape[:2]
    torso = np.linalg.norm(xy[:, :, _THORAX] - xy[:, :, _HIP], axis=-1).mean(axis=1) + 1e-6
    torso = np.maximum(torso, 0.12 * _extent(xy))[:, None, None, None]
    spread = 0.6 + rng.gamma(2.0, 0.35, (b, 1, 17, 1))
    error = rng.normal(0, 0.035, (b, 1, 17, 2))
    error = error + spread * 0.035 * _wander(seconds, t, rng)
    error = error + spread * 0.004 * rng.normal(size=xy.shape)
    error = error + _jumps(seconds, t, rng)
    strength = np.exp(rng.normal(0.0, 0.4, b)) * (rng.random(b) > 0.25)
    out = xy + torso * error * strength[:, None, None, None]
    _exchange_sides(out, seconds, strength, rng)
    wrong = np.linalg.norm(out - xy, axis=-1) / torso[..., 0]
    confidence = np.clip(np.exp(-wrong / 0.25) + rng.normal(0, 0.05, wrong.shape), 0.01, 1.0)
    exact = (strength == 0)[:, None, None]
    return out.astype(xy.dtype), np.where(exact, 1.0, confidence).astype(xy.dtype)


def _extent(xy: Float[np.ndarray, "b t 17 2"]) -> Float[np.ndarray, " b"]:
    """Diagonal of a body's box: keeps the unit sane when the torso points at the camera."""
    extent = xy.max(axis=2) - xy.min(axis=2)
    return np.linalg.norm(extent, axis=-1).mean(axis=1)


def _wander(
    seconds: Float[np.ndarray, " b"], t: int, rng: np.random.Generator
) -> Float[np.ndarray, "b t 17 2"]:
    """An Ornstein-Uhlenbeck process of unit variance per joint and axis."""
    keep = np.exp(-seconds / CORRELATION)[:, None, None]
    steps = rng.normal(size=(len(seconds), t, 17, 2))
    for i in range(1, t):
        steps[:, i] = keep * steps[:, i - 1] + np.sqrt(1 - keep**2) * steps[:, i]
    return steps


def _jumps(
    seconds: Float[np.ndarray, " b"], t: int, rng: np.random.Generator
) -> Float[np.ndarray, "b t 17 2"]:
    """Each joint, once in ten seconds, is elsewhere for a moment."""
    b = len(seconds)
    on = spells(np.full((b, 17), 0.12), (0.04, 0.3), seconds, t, rng)
    return on[..., None] * rng.normal(0, 0.35, (b, 1, 17, 2))


def _exchange_sides(
    xy: Float[np.ndarray, "b t 17 2"],
    seconds: Float[np.ndarray, " b"],
    strength: Float[np.ndarray, " b"],
    rng: np.random.Generator,
) -> None:
    """Exchange left and right of legs or arms for a while, in place."""
    mirror = np.array(H36M.mirror)
    rate = np.repeat(0.025 * (strength > 0)[:, None], 2, axis=1)
    on = spells(rate, (0.06, 0.4), seconds, xy.shape[1], rng)
    for k, limb in enumerate((_LEGS, _ARMS)):
        both = np.array(limb + [int(mirror[i]) for i in limb])
        i, f = np.nonzero(on[..., k])
        xy[i[:, None], f[:, None], both] = xy[i[:, None], f[:, None], mirror[both]]
