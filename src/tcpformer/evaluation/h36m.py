"""What the two protocols of Human3.6M share: clips in, errors of each video, means over actions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..lifting.predict import run_network
from ..lifting.windows import centered_window_indices, split
from ..models import Network, lifts_center_only
from ..skeleton import H36M_NOSE
from .report import Row

ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases",
    "Sitting", "SittingDown", "Smoking", "Waiting", "WalkDog", "Walking", "WalkTogether",
)  # fmt: skip
"""In the order in which publications show them."""
WINDOWS_AT_ONCE = 256


@dataclass(frozen=True)
class Scored:
    """What was found in one video.

    Attributes:
        action: What is done in it.
        frames: How many were scored.
        means: Score -> its mean over them.
        joints: Mean error of each joint.
    """

    action: str
    frames: int
    means: Row
    joints: Float[np.ndarray, "17"]


def predict_clips(
    model: Network,
    xyc: Float[np.ndarray, "total 17 3"],
    clips: Int[np.ndarray, "n t"],
    *,
    flip: bool,
) -> Float[np.ndarray, "n t 17 3"]:
    """What a network says of the frames of one video.

    Args:
        model: One that answers for all frames of a clip gets the clips; one that answers for the
            centre gets, for every frame in them, the window around it, edges repeated.
        xyc: The video as the network meets it.
        clips: Frame numbers.
        flip: Average with the prediction of the mirror image.
    """
    if not lifts_center_only(model):
        return run_network(model, xyc[clips], H36M_NOSE.mirror, flip=flip)
    frames, where = np.unique(clips, return_inverse=True)
    windows = centered_window_indices(len(xyc), model.config.frames)[frames]
    poses = [
        run_network(
            model, split(xyc, windows[i : i + WINDOWS_AT_ONCE]), H36M_NOSE.mirror, flip=flip
        )[:, 0]
        for i in range(0, len(windows), WINDOWS_AT_ONCE)
    ]
    return np.concatenate(poses)[where.reshape(clips.shape)]


def over_actions(scored: Sequence[Scored]) -> tuple[Row, dict[str, dict[str, Row]]]:
    """The mean over actions of the mean over each one's frames; and the tables by action and joint.

    Raises:
        ValueError: If nothing was scored.
    """
    if not scored:
        raise ValueError("no video was scored: none is as long as the protocol needs.")
    place = {action: i for i, action in enumerate(ACTIONS)}
    names = sorted({video.action for video in scored}, key=lambda a: (place.get(a, len(place)), a))
    groups = {name: [video for video in scored if video.action == name] for name in names}
    rows = {name: _pooled(videos) for name, videos in groups.items()}
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


def _pooled(videos: Sequence[Scored]) -> Row:
    """Means over the frames of several videos."""
    frames = [video.frames for video in videos]
    row: Row = {"frames": float(sum(frames))}
    for key in videos[0].means:
        row[key] = float(np.average([video.means[key] for video in videos], weights=frames))
    return row
