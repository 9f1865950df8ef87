"""Shared by both protocols of Human3.6M: scores of each video, means over actions."""

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
    """Scores of one video.

    Attributes:
        action: Its action.
        frames: Number of scored frames.
        means: Score -> mean over them.
        joints: Mean error of each joint.
    """

    action: str
    frames: int
    means: Row
    joints: Float[np.ndarray, "17"]


def average_over_actions(scored: Sequence[VideoScore]) -> tuple[Row, dict[str, dict[str, Row]]]:
    """Return the mean over actions of the mean over their frames; and tables by action and joint.

    Raises:
        ValueError: If nothing was scored.
    """
    if not scored:
        raise ValueError("no video was scored: none is as long as the protocol needs.")
    place = {action: i for i, action in enumerate(ACTIONS)}
    names = sorted({video.action for video in scored}, key=lambda a: (place.get(a, len(place)), a))
    groups = {name: [video for video in scored if video.action == name] for name in names}
    rows = {name: _average_videos(videos) for name, videos in groups.items()}
    keys = scored[0].means
    scores = {key: float(np.mean([row[key] for row in rows.values()])) for key in keys}
    scores["frames"] = sum(row["frames"] for row in rows.values())
    joints = np.mean(
        [
            np.average([v.joints for v in videos], axis=0, weights=[v.frames for v in videos])
            for videos in groups.values()
        ],
        axis=0,
    )
    by_joint = {
        name: {"mpjpe": float(error)} for name, error in zip(H36M_NOSE.joints, joints, strict=True)
    }
    return scores, {"action": rows, "joint": by_joint}


def _average_videos(videos: Sequence[VideoScore]) -> Row:
    """Return means over the frames of several videos."""
    frames = [video.frames for video in videos]
    row: Row = {"frames": float(sum(frames))}
    for key in videos[0].means:
        row[key] = float(np.average([video.means[key] for video in videos], weights=frames))
    return row
