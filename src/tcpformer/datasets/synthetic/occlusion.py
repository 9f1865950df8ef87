"""What a detector does not see, and how it is filled in."""

import numpy as np
from jaxtyping import Bool, Float

from ...skeleton import H36M
from .random_processes import spells

_LEGS = [i for i, joint in enumerate(H36M.joints) if joint[1:] in ("Knee", "Ankle")]
_ARMS = [i for i, joint in enumerate(H36M.joints) if joint[1:] in ("Elbow", "Wrist")]
_SHINS = [i for i in _LEGS if H36M.joints[i][1:] == "Ankle"]


def seen(
    confidence: Float[np.ndarray, "b n 17"],
    inside: Bool[np.ndarray, "b n 17"],
    seconds: Float[np.ndarray, " b"],
    rng: np.random.Generator,
) -> Bool[np.ndarray, "b n 17"]:
    """Draw which joints are seen at all.

    The person is lost for a moment, all at once; so are single joints; in some clips legs, shins
    or an arm never appear, or only before the clip begins. In half of the clips nothing is
    reported outside the picture, in a tenth nothing that is doubtful.

    Args:
        confidence: Of the detector.
        inside: Whether each joint is in the picture.
        seconds: Time from one frame to the next, per clip.
        rng: Source of all chance.
    """
    b, n = confidence.shape[:2]
    lost = spells(np.full((b, 1), 0.05), (0.04, 0.8), seconds, n, rng)
    gone = spells(np.full((b, 17), 0.03), (0.04, 0.8), seconds, n, rng) | lost
    gone |= ~inside & (rng.random((b, 1, 1)) < 0.5)
    floor = np.where(rng.random(b) < 0.1, rng.uniform(0.1, 0.5, b), 0.0)
    gone |= confidence < floor[:, None, None]
    never = _never(b, rng)
    gone |= never[:, None]
    gone[:, 0] &= ~(never & (rng.random((b, 1)) < 0.3))
    return np.logical_not(_spared(gone))


def _never(b: int, rng: np.random.Generator) -> Bool[np.ndarray, "b 17"]:
    """Limbs that are not seen in the whole clip: behind a table, or below the picture."""
    never = np.zeros((b, 17), dtype=bool)
    kind = rng.random(b)
    for limb, (low, high) in ((_LEGS, (0.0, 0.05)), (_SHINS, (0.05, 0.07))):
        never[:, limb] |= ((low <= kind) & (kind < high))[:, None]
    arm = np.array(_ARMS).reshape(2, -1)[rng.integers(0, 2, b)]
    rows = np.flatnonzero((kind >= 0.07) & (kind < 0.085))
    never[rows[:, None], arm[rows]] = True
    return never


def _spared(gone: Bool[np.ndarray, "b n 17"]) -> Bool[np.ndarray, "b n 17"]:
    """The same, but for clips in which hardly anything would be left to see."""
    hopeless = (~gone).mean(axis=(1, 2)) < 0.25
    return gone & ~hopeless[:, None, None]


def bridged(
    x: Float[np.ndarray, "b n 17 2"], seen: Bool[np.ndarray, "b n 17"]
) -> Float[np.ndarray, "b n 17 2"]:
    """Fill in what was not seen as `repair.fill_gaps` does, in frames that are evenly spaced.

    On the line between the last and the next sighting; before the first and after the last, where
    it was then; what is never seen, at the mean of the others.
    """
    found: Bool[np.ndarray, "b 17"] = np.asarray(seen.any(axis=1))
    out = x.copy()
    i, j = np.nonzero(~seen.all(axis=1) & found)
    out[i, :, j] = _in_line(x[i, :, j], seen[i, :, j])
    some = np.flatnonzero(~found.all(axis=1))
    share = found[some] / np.maximum(found[some].sum(axis=1, keepdims=True), 1)
    mean = share[:, None, None].astype(x.dtype) @ out[some]
    out[some] = np.where(found[some, None, :, None], out[some], mean)
    return out


def _in_line(
    x: Float[np.ndarray, "k n 2"], seen: Bool[np.ndarray, "k n"]
) -> Float[np.ndarray, "k n 2"]:
    n = seen.shape[1]
    frame = np.broadcast_to(np.arange(n), seen.shape)
    last = np.maximum.accumulate(np.where(seen, frame, -1), axis=1)
    next_ = np.minimum.accumulate(np.where(seen, frame, n)[:, ::-1], axis=1)[:, ::-1]
    last, next_ = np.where(last < 0, next_, last), np.where(next_ == n, last, next_)
    share = ((frame - last) / np.maximum(next_ - last, 1)).astype(x.dtype)[..., None]
    rows = np.arange(len(x))[:, None]
    return (1 - share) * x[rows, last] + share * x[rows, next_]
