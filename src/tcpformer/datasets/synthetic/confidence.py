"""Confidence as a lifter gets it, and the middle joints derived from the limbs."""

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from ...skeleton import BLAZEPOSE, BODY, H36M, conversion
from ..clip_batch import Clips2D, Scores

DERIVED_PROB = 0.7
"""Share of clips whose middle joints are derived from others, as with BlazePose and COCO."""


def simulate_confidence(visible: Scores, error: Scores, rng: Generator) -> Scores:
    """Return the confidence of each clip in one of three ways.

    With probability 0.6 the visibility, 0 to 1, as BlazePose gives it; with 0.25 a score that falls
    with the error, in torsos, as other networks give it; else 1, as of keypoints without a score.
    """
    kind = rng.random((len(visible), 1, 1))
    scale = rng.uniform(0.15, 0.4, kind.shape).astype(error.dtype)
    score = np.exp(-error / scale) + 0.05 * rng.standard_normal(error.shape, dtype=np.float32)
    score = np.clip(score, 0.01, 1)
    return np.where(kind < 0.6, visible, np.where(kind < 0.85, score, 1)).astype(np.float32)


def blur_confidence(confidence: Scores, prob: float, rng: Generator) -> Scores:
    """Return a confidence that tells less of the error, with probability ``prob`` for each clip.

    Half of these get 1, as of keypoints without a score; a quarter each get that of other joints
    and frames of the clip, or little more than its mean. Where it is 0 it stays 0.
    """
    flat = confidence.reshape(len(confidence), -1)
    shuffled = rng.permuted(flat, axis=1).reshape(confidence.shape)
    mean = flat.mean(axis=1)[:, None, None]
    faint = np.clip(mean + 0.25 * (confidence - mean), 0.01, 1)
    kind = rng.random((len(confidence), 1, 1)) / max(prob, 1e-9)
    blurred = np.where(kind < 0.5, 1, np.where(kind < 0.75, shuffled, faint))
    return np.where((kind < 1) & (confidence > 0), blurred, confidence).astype(confidence.dtype)


def _derivation() -> Float[np.ndarray, "17 17"]:
    """Return BlazePose's joints in Human3.6M's order as a map of Human3.6M's own.

    The midpoint of the ears is taken from the base and the end of the skull, by least squares.
    """
    to_h36m, joint = conversion(BLAZEPOSE, H36M), H36M.index
    both_ears = to_h36m[:, [BLAZEPOSE.index["LEar"], BLAZEPOSE.index["REar"]]]
    skull = [joint["Neck"], joint["Head"]]
    shares = [float(sum(both_ears[i])) for i in skull]
    ears = np.zeros(17)
    ears[skull] = np.array(shares) / sum(share**2 for share in shares)
    ears[joint["LShoulder"]] = ears[joint["RShoulder"]] = (1 - ears.sum()) / 2
    own = dict(zip(H36M.joints, np.eye(17), strict=True)) | {"LEar": ears, "REar": ears}
    return to_h36m @ np.array([own.get(name, np.zeros(17)) for name in BLAZEPOSE.joints])


DERIVATION = _derivation()


def derive_middle_joints(
    rays: Clips2D, confidence: Scores, rng: Generator
) -> tuple[Clips2D, Scores]:
    """Compute pelvis, spine, thorax and head of some clips as `motion.to_skeleton` does.

    A joint derived from several has the lowest of their confidences.
    """
    some = rng.random(len(rays)) < DERIVED_PROB
    out, lowest, before = rays.copy(), confidence.copy(), confidence[some][:, :, BODY]
    out[some, :, BODY] = DERIVATION.astype(rays.dtype) @ rays[some][:, :, BODY]
    used = np.abs(DERIVATION) > 1e-9
    for joint in np.flatnonzero(used.sum(axis=1) > 1):
        lowest[some, :, joint] = before[..., used[joint]].min(axis=-1)
    return out, lowest
