"""Feet, hands and face: where motion capture does not know them, and sources that lack them."""

import numpy as np
from jaxtyping import Bool
from numpy.random import Generator

from ...skeleton import BODY, BODY_26, GROUPS
from ..clip_batch import Clips2D, Clips3D

_PARENTS = np.array(BODY_26.parents)
_MORE = np.arange(len(BODY_26.joints)) >= BODY.stop
"""Whether a joint of `BODY_26` belongs to feet, hands or face."""
MISSING_PROB = {
    ("feet", "hands", "face"): 0.15,
    ("feet", "hands"): 0.15,
    ("hands",): 0.1,
    ("face",): 0.05,
    ("feet",): 0.05,
}
"""Share of clips whose 2D lacks groups, as of Human3.6M's joints, COCO-17 and BODY_25."""


def hang_unknown(clips: Clips3D) -> tuple[Clips3D, Bool[np.ndarray, "b t j"]]:
    """Put joints that are NaN at the place of their parent; also return which are known."""
    known = np.isfinite(clips[..., 0])
    if known.all():
        return clips, known
    return np.where(known[..., None], clips, clips[:, :, _PARENTS[: clips.shape[2]]]), known


def hang_unseen(x: Clips2D, seen: Bool[np.ndarray, "b j"]) -> Clips2D:
    """Put joints of feet, hands and face that a clip never shows at the place of their parent."""
    j = x.shape[2]
    never = (~seen & _MORE[:j])[:, None, :, None]
    return np.where(never, x[:, :, _PARENTS[:j]], x) if never.any() else x


def drop_groups(clips: int, joints: int, rng: Generator) -> Bool[np.ndarray, "b j"]:
    """Draw which joints the source of each clip has at all; the first 17 always."""
    kind, kept, share = rng.random(clips), np.ones((clips, joints), dtype=bool), 0.0
    if joints < len(_MORE):
        return kept
    for names, prob in MISSING_PROB.items():
        rows = np.flatnonzero((kind >= share) & (kind < share + prob))
        for name in names:
            kept[rows[:, None], GROUPS[name]] = False
        share += prob
    return kept
