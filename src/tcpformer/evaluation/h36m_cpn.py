"""Scores a network on Human3.6M by the protocol of VideoPose3D (2D from CPN, camera space)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ..analysis import metrics
from ..datasets.h36m_cpn import load_h36m_cpn_actions
from ..datasets.video_dataset import VideoDataset
from ..lifting.lifter import Lifter
from ..models import Network, lifts_center_only
from ..skeleton import H36M_NOSE
from .h36m import VideoScore, average_over_actions
from .lifted import MILLIMETRES, describe_lifting, lift_poses, network_of
from .predictions import predict_clips, screen_input
from .report import UNSCALED, Report, Row

PUBLISHED: dict[str, Row] = {
    "PoseFormerV2, 27 frames": {"mpjpe": 47.9},
    "PoseFormerV2, 81 frames": {"mpjpe": 46.0},
    "PoseFormerV2, 243 frames": {"mpjpe": 45.2, "p_mpjpe": 35.6},
    "StridedTransformer, 351 frames, refined (second-hand)": {"mpjpe": 43.7},
}

Poses = Float[np.ndarray, "t 17 3"]


def evaluate_h36m_cpn(
    model: Network | Lifter,
    data: str | Path,
    *,
    flip: bool = True,
    ground_truth: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Score every frame of the test subjects.

    Args:
        model: Predicts metres, for all frames of a clip (``config.frames``) or for its center, or
            is a `Lifter` of any weights, whose own ``flip`` counts.
        data: Folder of data_3d_h36m.npz and data_2d_h36m_cpn_ft_h36m_dbb.npz.
        flip: Average with the prediction of the mirror image, as published.
        ground_truth: Give the network the projected truth, lens distortion included.
        progress: Called with the number of videos done and the total.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is not of its format.
    """
    flip = model.flip if isinstance(model, Lifter) else flip
    dataset, actions = load_h36m_cpn_actions(data, "test", ground_truth=ground_truth)
    scored = []
    for video, action in enumerate(actions):
        pred, true = _predict_video(model, dataset, video, flip=flip)
        scored.append(_score_video(action, pred, true, dataset.fps))
        progress(video + 1, len(actions))
    scores, tables = average_over_actions(scored)
    source = "true 2D" if ground_truth else "CPN"
    frames = network_of(model).config.frames
    title = f"Human3.6M, {source}, VideoPose3D protocol, clips of {frames} frames"
    return Report(
        title=f"{title}, {'with' if flip else 'no'} flip averaging",
        scores=scores,
        tables=tables,
        published={} if ground_truth else PUBLISHED,
        notes=(*_describe_frames(model), *_NOTES, UNSCALED),
    )


def _describe_frames(model: Network | Lifter) -> tuple[str, ...]:
    """Return where the poses of the frames come from."""
    if isinstance(model, Lifter):
        return describe_lifting(model, H36M_NOSE)
    return (_CENTER_NOTE if lifts_center_only(model) else _CLIPS_NOTE,)


def covering_clip_indices(length: int, frames: int) -> Int[np.ndarray, "n frames"]:
    """Return clips end to end, the last shifted back; a shorter video repeats its last frame."""
    last = max(length - frames, 0)
    starts = np.append(np.arange(0, last, frames), last)
    return np.minimum(starts[:, None] + np.arange(frames), length - 1)


def _predict_video(
    model: Network | Lifter, dataset: VideoDataset, video: int, *, flip: bool
) -> tuple[Poses, Poses]:
    """Return the prediction of every frame of a video, and the root-relative truth: millimetres."""
    part, size = dataset.frames_of(video), dataset.size_of(video)
    xy, confidence = dataset.xy[part], dataset.confidence[part]
    true = dataset.xyz[part].astype(np.float64)
    true = (true - true[:, H36M_NOSE.root, None]) * MILLIMETRES
    if isinstance(model, Lifter):
        return lift_poses(model, xy, confidence, size, dataset.fps, H36M_NOSE), true
    xyc = screen_input(xy, confidence, size)
    clips = covering_clip_indices(len(xyc), model.config.frames)
    poses = predict_clips(model, xyc, clips, H36M_NOSE.mirror, flip=flip)
    # Where the last two clips overlap, the earlier one counts.
    _, first = np.unique(clips, return_index=True)
    pred = poses.reshape(-1, *poses.shape[2:])[first].astype(np.float64)
    return pred * MILLIMETRES, true


def _score_video(action: str, pred: Poses, true: Poses, fps: float) -> VideoScore:
    found = {
        "mpjpe": metrics.mpjpe(pred, true),
        "n_mpjpe": metrics.n_mpjpe(pred[:, None], true[:, None]),
        "p_mpjpe": metrics.p_mpjpe(pred, true),
        "mpjve": metrics.mpjve(pred, true, fps),
        "acceleration_error": metrics.acceleration_error(pred, true, fps),
    }
    means = {key: float(value.mean()) for key, value in found.items()}
    return VideoScore(action, len(pred), means, metrics.joint_errors(pred, true).mean(axis=0))


_NOTES = (
    "TCPFormer was never published on this protocol. Poses are metric, in camera space, with no "
    "scale from the truth, so these figures do not compare with those of h36m-sh.",
    "The mean over actions of the mean over all frames of both subjects, both takes and four "
    "cameras; S11 Directions is left out as damaged. MPJVE weighs each video by its frames.",
    "The pelvis counts, where the network puts it. N-MPJPE takes one scale a frame (protocol 3). "
    "VideoPose3D prints MPJVE in mm per frame: a fiftieth of the one here.",
)
_CENTER_NOTE = (
    "This network lifts one frame a pass, each from the window around it; the first or last frame "
    "of the video is repeated where the window reaches beyond."
)
_CLIPS_NOTE = (
    "Clips lie end to end and the last is shifted back, so that every frame is scored once; where "
    "two overlap, the earlier one counts."
)
