"""Confidence as a lifter gets it, and the middle joints derived from the limbs."""

import numpy as np
from jaxtyping import Float

from ...skeleton import BLAZEPOSE, H36M, conversion

DERIVED_PROB = 0.7
"""Share of clips whose middle joints are derived from others, as with BlazePose and COCO."""

Rays = Float[np.ndarray, "b n 17 2"]
Scores = Float[np.ndarray, "b n 17"]


def simulate_confidence(visible: Scores, error: Scores, rng: np.random.Generator) -> Scores:
    """Return the confidence of each clip in one of three ways.

    With probability 0.6 the visibility, as BlazePose gives it; with 0.25 a score that falls with
    the error, as other networks give it; else 1, as of keypoints without a score.

    Args:
        visible: Visibility of each joint, 0 to 1.
        error: Its error, in torsos.
        rng: Source of randomness.
    """
    kind = rng.random((len(visible), 1, 1))
    scale = rng.uniform(0.15, 0.4, kind.shape).astype(error.dtype)
    score = np.exp(-error / scale) + 0.05 * rng.standard_normal(error.shape, dtype=np.float32)
    score = np.clip(score, 0.01, 1)
    return np.where(kind < 0.6, visible, np.where(kind < 0.85, score, 1)).astype(np.float32)


def _derivation() -> tuple[Float[np.ndarray, "17 17"], dict[int, list[int]]]:
    """Return BlazePose's joints in Human3.6M's order as a map of Human3.6M's own, and its parts.

    The midpoint of the ears is taken from the base and the end of the skull, by least squares.
    """
    to_h36m = conversion(BLAZEPOSE, H36M)
    both_ears = to_h36m[:, [BLAZEPOSE.index["LEar"], BLAZEPOSE.index["REar"]]]
    shares = {joint: float(sum(both_ears[H36M.index[joint]])) for joint in ("Neck", "Head")}
    total = sum(share**2 for share in shares.values())
    ears = np.zeros(17)
    for joint, share in shares.items():
        ears[H36M.index[joint]] = share / total
    ears[H36M.index["LShoulder"]] = ears[H36M.index["RShoulder"]] = (1 - ears.sum()) / 2
    known = np.zeros((len(BLAZEPOSE.joints), 17))
    for i, joint in enumerate(BLAZEPOSE.joints):
        if joint in ("LEar", "REar"):
            known[i] = ears
        elif joint in H36M.index:
            known[i, H36M.index[joint]] = 1
    derived = to_h36m @ known
    parts = {i: np.flatnonzero(np.abs(row) > 1e-9).tolist() for i, row in enumerate(derived)}
    return derived, {i: needed for i, needed in parts.items() if needed != [i]}


DERIVATION, _PARTS = _derivation()


def derive_middle_joints(
    rays: Rays, confidence: Scores, rng: np.random.Generator
) -> tuple[Rays, Scores]:
    """Compute pelvis, spine, thorax and head of some clips as `motion.to_skeleton` does.

    A joint derived from several has the lowest of their confidences.
    """
    some = rng.random(len(rays)) < DERIVED_PROB
    out, least = rays.copy(), confidence[some]
    out[some] = DERIVATION.astype(rays.dtype) @ rays[some]
    lowest = confidence.copy()
    for joint, parts in _PARTS.items():
        lowest[some, :, joint] = np.minimum.reduce([least[..., part] for part in parts])
    return out, lowest
