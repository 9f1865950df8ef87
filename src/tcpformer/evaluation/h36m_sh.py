"""Scores a network on Human3.6M by the protocol of MotionBERT and TCPFormer (2D from SH)."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from ..analysis import metrics
from ..datasets.h36m_sh import ShTest, load_h36m_sh_test, scored_clip_indices
from ..lifting.lifter import Lifter
from ..models import Network, lifts_center_only
from ..skeleton import H36M_NOSE
from .h36m import ACTIONS, VideoScore, average_over_actions
from .lifted import describe_lifting, lift_poses, network_of
from .predictions import predict_clips, screen_input
from .report import UNSCALED, Report, Row, first_published

GroundTruth = Literal["no", "input", "overwrite"]
BLOCKED = ("s_09_act_05_subact_02", "s_09_act_10_subact_02", "s_09_act_13_subact_01")
"""Takes of subject 9 with displaced truth: in Greeting, SittingDown and Waiting."""
PUBLISHED: dict[int, Row] = {243: {"mpjpe": 37.9, "p_mpjpe": 31.7}, 81: {"mpjpe": 40.5}}
PUBLISHED_GROUND_TRUTH: dict[int, Row] = {243: {"mpjpe": 15.5}}
"""Frames of a clip -> published figures of TCPFormer."""
PUBLISHED_P_MPJPE = (
    30.1, 31.6, 31.4, 27.3, 33.5, 37.6, 29.4, 29.6, 41.1, 45.9, 34.4, 29.6, 30.6, 21.7, 22.3
)  # fmt: skip
"""TCPFormer, 243 frames, by `ACTIONS`, from HSTGFormer (arXiv 2608.12187, table 5)."""

Clips = Int[np.ndarray, "n t"]
Poses = Float[np.ndarray, "n t 17 3"]


def evaluate_h36m_sh(
    model: Network | Lifter,
    data: str | Path,
    *,
    flip: bool = True,
    ground_truth: GroundTruth = "no",
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Score the test split clip by clip.

    Args:
        model: Predicts all frames of a clip (``config.frames``) or its center, or is a `Lifter`
            of any weights, whose own ``flip`` counts; its poses are metric.
        data: h36m_sh_conf_cam_source_final.pkl.
        flip: Average with the prediction of the mirror image, as published.
        ground_truth: "input" gives the network the true x, y with confidence 1; "overwrite" also
            replaces the predicted x, y by them, which lowers the error by itself.
        cache: Folder for the arrays of the file; by default beside it.
        progress: Called with the number of videos done and the total.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not of this format, no video in it is scored, or metric poses
            should be overwritten.
    """
    if isinstance(model, Lifter):
        flip = model.flip
        if ground_truth == "overwrite":
            raise ValueError(
                f"{model.name} is lifted to metres, and x and y of the truth are pixels: "
                "ground_truth must be 'no' or 'input', got 'overwrite'."
            )
    frames = network_of(model).config.frames
    test = load_h36m_sh_test(data, ground_truth=ground_truth != "no", cache=cache)
    rng, last, scored = np.random.default_rng(0), len(test.sources) - 1, []
    for video, source in enumerate(test.sources):
        length = int(test.dataset.lengths[video])
        clips = scored_clip_indices(length, frames, rng)
        # The released evaluation does not stretch the last video of the file.
        lost = video == last and length < frames
        if not source.startswith(BLOCKED) and not lost:
            overwrite = ground_truth == "overwrite"
            pred, true = _predict_video(model, test, video, clips, flip=flip, overwrite=overwrite)
            scored.append(_score_video(test.actions[video], clips, pred, true, test.dataset.fps))
        progress(video + 1, last + 1)
    return _report(scored, model, flip=flip, ground_truth=ground_truth)


def _predict_video(
    model: Network | Lifter, test: ShTest, video: int, clips: Clips, *, flip: bool, overwrite: bool
) -> tuple[Poses, Poses]:
    """Return the prediction of the clips of a video, and the truth: millimetres, root-relative."""
    dataset, root = test.dataset, H36M_NOSE.root
    part, size = dataset.frames_of(video), dataset.size_of(video)
    xy, confidence = np.asarray(dataset.xy[part]), dataset.confidence[part]
    true = np.asarray(test.millimetres[part], dtype=np.float64)[clips]
    true = true - true[:, :, root, None]
    if isinstance(model, Lifter):
        return lift_poses(model, xy, confidence, size, dataset.fps, H36M_NOSE)[clips], true
    xyc = screen_input(xy, confidence, size)
    pred = predict_clips(model, xyc, clips, H36M_NOSE.mirror, flip=flip).astype(np.float64)
    pred[:, :, root] = 0
    if overwrite:
        pred[..., :2] = xyc[clips][..., :2]
    pred *= size[0] / 2 * np.asarray(test.factors[part])[clips][..., None, None]
    return pred - pred[:, :, root, None], true


def _score_video(action: str, clips: Clips, pred: Poses, true: Poses, fps: float) -> VideoScore:
    # A frame that is in several places counts once, by the mean of its errors.
    weights = 1 / np.bincount(clips.ravel())[clips]
    # The released code leaves the last two frames of a clip at 0 and counts them.
    released = np.pad(metrics.acceleration_error_released(pred, true), ((0, 0), (0, 2)))
    of_frames = {
        "mpjpe": metrics.mpjpe(pred, true),
        "n_mpjpe": metrics.n_mpjpe(pred[:, :, None], true[:, :, None])[..., 0],
        "p_mpjpe": metrics.p_mpjpe(pred, true),
        "acceleration_error_released": released,
    }
    means = {key: float(np.average(value, weights=weights)) for key, value in of_frames.items()}
    means["mpjve"] = float(metrics.mpjve(pred, true, fps).mean())
    means["acceleration_error"] = float(metrics.acceleration_error(pred, true, fps).mean())
    errors = metrics.joint_errors(pred, true)
    joints = (errors * weights[..., None]).sum(axis=(0, 1)) / weights.sum()
    return VideoScore(action, len(np.unique(clips)), means, joints)


def _report(
    scored: list[VideoScore], model: Network | Lifter, *, flip: bool, ground_truth: GroundTruth
) -> Report:
    scores, tables = average_over_actions(scored)
    frames, known = network_of(model).config.frames, PUBLISHED
    source = {"no": "SH", "input": "true 2D", "overwrite": "true 2D, x and y overwritten"}
    if ground_truth != "no":
        known = PUBLISHED_GROUND_TRUTH
    elif frames == max(PUBLISHED):
        for action, error in zip(ACTIONS, PUBLISHED_P_MPJPE, strict=True):
            if action in tables["action"]:
                tables["action"][action]["p_mpjpe_published"] = error
    if isinstance(model, Lifter):
        own = (*describe_lifting(model, H36M_NOSE), _METRIC_NOTE)
    else:
        own = (_SCALE_NOTE, *((_CENTER_NOTE,) if lifts_center_only(model) else ()))
    title = f"Human3.6M, {source[ground_truth]}, MotionBERT protocol, clips of {frames} frames"
    return Report(
        title=f"{title}, {'with' if flip else 'no'} flip averaging",
        scores=scores,
        tables=tables,
        published=first_published(known, frames),
        notes=(*own, *_NOTES, UNSCALED, *_INPUT_NOTES[ground_truth]),
    )


_SCALE_NOTE = (
    "Each frame's scale is taken from the truth (2.5d_factor), so these figures do not compare "
    "with those of the VideoPose3D protocol (h36m-cpn)."
)
_METRIC_NOTE = (
    "The truth of this protocol lies along the axes of the image, at the scale of each frame "
    "(2.5d_factor); the lifted poses take no scale from it."
)
_NOTES = (
    "The mean over actions of the mean over their frames. The remainder of a video after its last "
    "whole clip is not scored, nor are twelve videos of subject 9 whose truth is displaced.",
    "The acceleration error as released is in mm per frame², and the last two frames of each clip "
    "count as 0; the one in mm/s² leaves them out. Both, and MPJVE, look within clips only.",
    "N-MPJPE (one scale a frame), MPJVE and the error in mm/s² are not part of the protocol.",
)
_UNCLEAR = "The published figure does not say which of the two it is."
_INPUT_NOTES: dict[GroundTruth, tuple[str, ...]] = {
    "no": (),
    "input": ("The input was the true x, y with confidence 1; all outputs are scored.", _UNCLEAR),
    "overwrite": (
        "The input was the true x, y, and they also replace the predicted ones, so only depth is "
        "scored.",
        _UNCLEAR,
    ),
}
_CENTER_NOTE = (
    "This network lifts one frame a pass: the same frames are scored, each from the window around "
    "it; the first or last frame of the video is repeated where the window reaches beyond."
)
