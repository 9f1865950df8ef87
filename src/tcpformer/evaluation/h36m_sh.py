"""Scores a network on Human3.6M by the protocol of MotionBERT and TCPFormer (2D from SH)."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from ..analysis.metrics import (
    acceleration_error,
    acceleration_error_released,
    joint_errors,
    mpjpe,
    mpjve,
    n_mpjpe,
    p_mpjpe,
)
from ..datasets.h36m_sh import ShTest, load_h36m_sh_test, published_clips
from ..lifting.normalize import to_screen
from ..models import Network, lifts_center_only
from ..skeleton import H36M_NOSE
from .h36m import ACTIONS, Scored, over_actions, predict_clips
from .report import Report, Row

GroundTruth = Literal["no", "input", "overwrite"]
BLOCKED = ("s_09_act_05_subact_02", "s_09_act_10_subact_02", "s_09_act_13_subact_01")
"""Takes of subject 9 whose truth is displaced: in Greeting, SittingDown and Waiting."""
CAMERA_SUFFIX = len("_ca_01")
PUBLISHED: dict[int, Row] = {243: {"mpjpe": 37.9, "p_mpjpe": 31.7}, 81: {"mpjpe": 40.5}}
PUBLISHED_GROUND_TRUTH: dict[int, Row] = {243: {"mpjpe": 15.5}}
"""Frames of a clip -> what is printed for TCPFormer."""
PUBLISHED_P_MPJPE = dict(
    zip(
        ACTIONS,
        (30.1, 31.6, 31.4, 27.3, 33.5, 37.6, 29.4, 29.6, 41.1, 45.9, 34.4, 29.6, 30.6, 21.7, 22.3),
        strict=True,
    )
)
"""By action, TCPFormer with 243 frames, as HSTGFormer prints it (arXiv 2608.12187, table 5)."""


def evaluate_h36m_sh(
    model: Network,
    data: str | Path,
    *,
    flip: bool = True,
    ground_truth: GroundTruth = "no",
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Score the test split clip by clip.

    Args:
        model: Answers for all frames of a clip or for its centre; ``config.frames`` is its clip.
        data: h36m_sh_conf_cam_source_final.pkl.
        flip: Average with the prediction of the mirror image, as published.
        ground_truth: "input" gives the network the true x, y with confidence 1; "overwrite" also
            puts them in place of the x, y that it predicts, which by itself lowers the error.
        cache: A folder for the arrays of the file, if not one beside it.
        progress: Called with the videos done and in all.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not of this format, or no video in it is scored.
    """
    test = load_h36m_sh_test(data, ground_truth=ground_truth != "no", cache=cache)
    rng, last, scored = np.random.default_rng(0), len(test.sources) - 1, []
    for video, source in enumerate(test.sources):
        clips = published_clips(int(test.footage.lengths[video]), model.config.frames, rng)
        # The released evaluation never comes to stretch the last video of the file.
        lost = video == last and test.footage.lengths[video] < model.config.frames
        if source[:-CAMERA_SUFFIX] not in BLOCKED and not lost:
            overwrite = ground_truth == "overwrite"
            pred, true = _poses(model, test, video, clips, flip=flip, overwrite=overwrite)
            scored.append(_score(test.actions[video], clips, pred, true, test.footage.fps))
        progress(video + 1, last + 1)
    return _report(scored, model, flip=flip, ground_truth=ground_truth)


def _poses(
    model: Network,
    test: ShTest,
    video: int,
    clips: Int[np.ndarray, "n t"],
    *,
    flip: bool,
    overwrite: bool,
) -> tuple[Float[np.ndarray, "n t 17 3"], Float[np.ndarray, "n t 17 3"]]:
    """What is predicted of the clips of a video, and the truth: millimetres, root-relative."""
    footage, root = test.footage, H36M_NOSE.root
    part = slice(footage.starts[video], footage.starts[video] + footage.lengths[video])
    width, height = (int(n) for n in footage.sizes[video])
    seen = to_screen(np.asarray(footage.xy[part]), (width, height))
    xyc = np.concatenate([seen, footage.confidence[part][..., None]], axis=-1).astype(np.float32)
    pred = predict_clips(model, xyc, clips, flip=flip).astype(np.float64)
    pred[:, :, root] = 0
    if overwrite:
        pred[..., :2] = xyc[clips][..., :2]
    pred *= width / 2 * np.asarray(test.factors[part])[clips][..., None, None]
    true = np.asarray(test.millimetres[part], dtype=np.float64)[clips]
    return pred - pred[:, :, root, None], true - true[:, :, root, None]


def _score(
    action: str,
    clips: Int[np.ndarray, "n t"],
    pred: Float[np.ndarray, "n t 17 3"],
    true: Float[np.ndarray, "n t 17 3"],
    fps: float,
) -> Scored:
    # A frame that stands in several places counts once, by the mean of its errors.
    weights = 1 / np.bincount(clips.ravel())[clips]
    # The released code leaves the last two frames of a clip at 0 and counts them.
    released = np.pad(acceleration_error_released(pred, true), ((0, 0), (0, 2)))
    of_frames = {
        "mpjpe": mpjpe(pred, true),
        "n_mpjpe": n_mpjpe(pred[:, :, None], true[:, :, None])[..., 0],
        "p_mpjpe": p_mpjpe(pred, true),
        "acceleration_error_released": released,
    }
    means = {key: float(np.average(value, weights=weights)) for key, value in of_frames.items()}
    means["mpjve"] = float(mpjve(pred, true, fps).mean())
    means["acceleration_error"] = float(acceleration_error(pred, true, fps).mean())
    joints = (joint_errors(pred, true) * weights[..., None]).sum(axis=(0, 1)) / weights.sum()
    return Scored(action, len(np.unique(clips)), means, joints)


def _report(
    scored: list[Scored], model: Network, *, flip: bool, ground_truth: GroundTruth
) -> Report:
    scores, tables = over_actions(scored)
    frames, known = model.config.frames, PUBLISHED
    seen = {"no": "SH", "input": "true 2D", "overwrite": "true 2D, x and y overwritten"}
    if ground_truth != "no":
        known = PUBLISHED_GROUND_TRUTH
    elif frames == max(PUBLISHED):
        for action, row in tables["action"].items():
            if action in PUBLISHED_P_MPJPE:
                row["p_mpjpe_published"] = PUBLISHED_P_MPJPE[action]
    own_first = sorted(known, key=lambda t: (t != frames, t))
    title = f"Human3.6M, {seen[ground_truth]}, MotionBERT protocol, clips of {frames} frames"
    return Report(
        title=f"{title}, {'with' if flip else 'no'} flip averaging",
        scores=scores,
        tables=tables,
        published={f"TCPFormer, {t} frames": known[t] for t in own_first},
        notes=(*_NOTES, *_about_input(ground_truth), *_about_centre(model)),
    )


_NOTES = (
    "Each frame's scale is taken from the truth (2.5d_factor), so these figures do not compare "
    "with those of the VideoPose3D protocol (h36m-cpn).",
    "The mean over actions of the mean over their frames. The remainder of a video after its last "
    "whole clip is not scored, nor are twelve videos of subject 9 whose truth is displaced.",
    "The acceleration error as released is in mm per frame², and the last two frames of each clip "
    "count as 0; the one in mm/s² leaves them out. Both, and MPJVE, look within clips only.",
    "N-MPJPE (one scale a frame), MPJVE and the error in mm/s² are not part of the protocol.",
)


def _about_input(ground_truth: GroundTruth) -> tuple[str, ...]:
    if ground_truth == "no":
        return ()
    what = {
        "input": "The network saw the true x, y with confidence 1; all it says is scored.",
        "overwrite": "The network saw the true x, y, and they also replace those that it predicts, "
        "so only depth is scored.",
    }
    return (what[ground_truth], "The published figure does not say which of the two it is.")


def _about_centre(model: Network) -> tuple[str, ...]:
    if not lifts_center_only(model):
        return ()
    return (
        "This network lifts one frame a pass: the same frames are scored, each from the window "
        "around it, its video's first or last frame repeated where it reaches beyond.",
    )
