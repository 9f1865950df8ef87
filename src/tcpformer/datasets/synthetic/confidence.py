"""How detections reach a lifter: with whose confidence, and which joints were made from others."""

import numpy as np
from jaxtyping import Float

from ...skeleton import BLAZEPOSE, H36M, conversion

MADE = 0.7
"""Share of detected clips whose middle joints are made from others, as of BlazePose and COCO."""

Rays = Float[np.ndarray, "b n 17 2"]
Scores = Float[np.ndarray, "b n 17"]


def reported(visible: Scores, wrong: Scores, rng: np.random.Generator) -> Scores:
    """Confidence, clip by clip in one of three ways.

    As BlazePose gives it, in six of ten: the visibility. As other networks do, in a quarter: a
    score that falls with the error. Else 1, as of keypoints without any.

    Args:
        visible: How surely each joint is seen, 0 to 1.
        wrong: Its error, in torsos.
        rng: Source of all chance.
    """
    kind = rng.random((len(visible), 1, 1))
    reach = rng.uniform(0.15, 0.4, kind.shape).astype(wrong.dtype)
    knowing = np.exp(-wrong / reach) + 0.05 * rng.standard_normal(wrong.shape, dtype=np.float32)
    knowing = np.clip(knowing, 0.01, 1)
    return np.where(kind < 0.6, visible, np.where(kind < 0.85, knowing, 1)).astype(np.float32)


def _made() -> tuple[Float[np.ndarray, "17 17"], dict[int, list[int]]]:
    """The joints of BlazePose in Human3.6M's order, from Human3.6M's own; and what each needs.

    The middle of the ears is taken from the base and the end of the skull, by least squares.
    """
    ears = np.zeros(17)
    shares = {joint: _ear_share(joint) for joint in ("Neck", "Head")}
    total = sum(share**2 for share in shares.values())
    for joint, share in shares.items():
        ears[H36M.index[joint]] = share / total
    ears[H36M.index["LShoulder"]] = ears[H36M.index["RShoulder"]] = (1 - ears.sum()) / 2
    known = np.zeros((len(BLAZEPOSE.joints), 17))
    for i, joint in enumerate(BLAZEPOSE.joints):
        if joint in ("LEar", "REar"):
            known[i] = ears
        elif joint in H36M.index:
            known[i, H36M.index[joint]] = 1
    made = conversion(BLAZEPOSE, H36M) @ known
    parts = {i: np.flatnonzero(np.abs(row) > 1e-9).tolist() for i, row in enumerate(made)}
    return made, {i: needed for i, needed in parts.items() if needed != [i]}


def _ear_share(joint: str) -> float:
    """How far from shoulders to ears a joint of the head lies."""
    row = conversion(BLAZEPOSE, H36M)[H36M.index[joint]]
    return float(row[BLAZEPOSE.index["LEar"]] + row[BLAZEPOSE.index["REar"]])


MADE_FROM, _PARTS = _made()


def with_middle_joints_made(
    rays: Rays, confidence: Scores, rng: np.random.Generator
) -> tuple[Rays, Scores]:
    """Make pelvis, spine, thorax and head from the other joints, as `motion.to_skeleton` does.

    In `MADE` of the clips. A joint made of several is as sure as the least sure of them.
    """
    some = rng.random(len(rays)) < MADE
    out, least = rays.copy(), confidence[some]
    out[some] = MADE_FROM.astype(rays.dtype) @ rays[some]
    sure = confidence.copy()
    for joint, parts in _PARTS.items():
        sure[some, :, joint] = np.minimum.reduce([least[..., part] for part in parts])
    return out, sure
