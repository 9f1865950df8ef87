"""Scores of the videos of Human3.6M, and their means over actions, for both protocols."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..skeleton import H36M_NOSE
from .report import Row

ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases",
    "Sitting", "SittingDown", "Smoking", "Waiting", "WalkDog", "Walking", "WalkTogether",
)  # fmt: skip
"""In the order of publications."""


@dataclass(frozen=True)
class VideoScore:
    """Means over the scored frames of one video."""

    action: str
    frames: int
    """How many were scored."""
    means: Row
    joints: Float[np.ndarray, "17"]
    """Mean error of each joint."""


def average_over_actions(scored: Sequence[VideoScore]) -> tuple[Row, dict[str, dict[str, Row]]]:
    """Return the mean over actions of the mean over their frames; and tables by action and joint.

    Raises ValueError if nothing was scored.
    """
    if not scored:
        raise ValueError("no video was scored: none is as long as the protocol needs.")
    place = {action: i for i, action in enumerate(ACTIONS)}
    names = sorted({video.action for video in scored}, key=lambda a: (place.get(a, len(place)), a))
    rows: dict[str, Row] = {}
    joints = []
    for name in names:
        videos = [video for video in scored if video.action == name]
        frames = [video.frames for video in videos]
        rows[name] = {"frames": float(sum(frames))}
        for key in videos[0].means:
            rows[name][key] = float(np.average([v.means[key] for v in videos], weights=frames))
        joints.append(np.average([video.joints for video in videos], axis=0, weights=frames))
    scores = {key: float(np.mean([row[key] for row in rows.values()])) for key in scored[0].means}
    scores["frames"] = sum(row["frames"] for row in rows.values())
    by_joint = zip(H36M_NOSE.joints, np.mean(joints, axis=0).tolist(), strict=True)
    return scores, {"action": rows, "joint": {name: {"mpjpe": error} for name, error in by_joint}}
