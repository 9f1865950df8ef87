"""Scores a network on Human3.6M by the protocol of VideoPose3D (2D from CPN, camera space)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ..analysis.metrics import acceleration_error, joint_errors, mpjpe, mpjve, n_mpjpe, p_mpjpe
from ..datasets.h36m_cpn import load_h36m_cpn_actions
from ..datasets.video_dataset import Footage
from ..lifting.normalize import to_screen
from ..models import Network, lifts_center_only
from ..skeleton import H36M_NOSE
from .h36m import Scored, over_actions, predict_clips
from .report import Report, Row

MILLIMETRES = 1000
PUBLISHED: dict[str, Row] = {
    "PoseFormerV2, 27 frames": {"mpjpe": 47.9},
    "PoseFormerV2, 81 frames": {"mpjpe": 46.0},
    "PoseFormerV2, 243 frames": {"mpjpe": 45.2, "p_mpjpe": 35.6},
    "StridedTransformer, 351 frames, refined (second-hand)": {"mpjpe": 43.7},
}


def evaluate_h36m_cpn(
    model: Network,
    data: str | Path,
    *,
    flip: bool = True,
    ground_truth: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Score every frame of the test subjects.

    Args:
        model: Answers for all frames of a clip or for its centre; ``config.frames`` is its clip.
            What it says is in metres and not touched: its pelvis counts where it puts it.
        data: The folder of data_3d_h36m.npz and data_2d_h36m_cpn_ft_h36m_dbb.npz.
        flip: Average with the prediction of the mirror image, as published.
        ground_truth: Give the network the projected truth, lens distortion included.
        progress: Called with the videos done and in all.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If one is not of its format.
    """
    footage, actions = load_h36m_cpn_actions(data, "test", ground_truth=ground_truth)
    scored = []
    for video, action in enumerate(actions):
        scored.append(_score(action, *_poses(model, footage, video, flip=flip), footage.fps))
        progress(video + 1, len(actions))
    scores, tables = over_actions(scored)
    seen = "true 2D" if ground_truth else "CPN"
    title = f"Human3.6M, {seen}, VideoPose3D protocol, clips of {model.config.frames} frames"
    return Report(
        title=f"{title}, {'with' if flip else 'no'} flip averaging",
        scores=scores,
        tables=tables,
        published={} if ground_truth else PUBLISHED,
        notes=(*_NOTES, _about_clips(model)),
    )


def whole_clips(length: int, frames: int) -> Int[np.ndarray, "n frames"]:
    """Frame numbers of clips end to end; the last is shifted back so that none is left out.

    Of a video shorter than a clip the last frame is repeated.
    """
    last = max(length - frames, 0)
    starts = np.append(np.arange(0, last, frames), last)
    return np.minimum(starts[:, None] + np.arange(frames), length - 1)


def _poses(
    model: Network, footage: Footage, video: int, *, flip: bool
) -> tuple[Float[np.ndarray, "t 17 3"], Float[np.ndarray, "t 17 3"]]:
    """What is predicted of every frame of a video, and the root-relative truth: millimetres."""
    part = slice(footage.starts[video], footage.starts[video] + footage.lengths[video])
    width, height = (int(n) for n in footage.sizes[video])
    seen = to_screen(footage.xy[part], (width, height))
    xyc = np.concatenate([seen, footage.confidence[part][..., None]], axis=-1).astype(np.float32)
    clips = whole_clips(len(xyc), model.config.frames)
    said = predict_clips(model, xyc, clips, flip=flip)
    # Where the last two clips overlap, the earlier one is heard.
    _, first = np.unique(clips, return_index=True)
    pred = said.reshape(-1, *said.shape[2:])[first].astype(np.float64)
    true = footage.xyz[part].astype(np.float64)
    return pred * MILLIMETRES, (true - true[:, H36M_NOSE.root, None]) * MILLIMETRES


def _score(
    action: str,
    pred: Float[np.ndarray, "t 17 3"],
    true: Float[np.ndarray, "t 17 3"],
    fps: float,
) -> Scored:
    means = {
        "mpjpe": mpjpe(pred, true),
        "n_mpjpe": n_mpjpe(pred[:, None], true[:, None]),
        "p_mpjpe": p_mpjpe(pred, true),
        "mpjve": mpjve(pred, true, fps),
        "acceleration_error": acceleration_error(pred, true, fps),
    }
    means = {key: float(value.mean()) for key, value in means.items()}
    return Scored(action, len(pred), means, joint_errors(pred, true).mean(axis=0))


_NOTES = (
    "TCPFormer was never published on this protocol. Poses are metric, in camera space, with no "
    "scale from the truth, so these figures do not compare with those of h36m-sh.",
    "The mean over actions of the mean over all frames of both subjects, both takes and four "
    "cameras; S11 Directions is left out as damaged. MPJVE weighs each video by its frames.",
    "The pelvis counts, where the network puts it. N-MPJPE takes one scale a frame (protocol 3). "
    "VideoPose3D prints MPJVE in mm per frame: a fiftieth of the one here.",
)


def _about_clips(model: Network) -> str:
    if lifts_center_only(model):
        return (
            "This network lifts one frame a pass, each from the window around it, its video's "
            "first or last frame repeated where it reaches beyond."
        )
    return (
        "Clips lie end to end and the last is shifted back, so that every frame is scored once; "
        "where two overlap the earlier one is heard."
    )
