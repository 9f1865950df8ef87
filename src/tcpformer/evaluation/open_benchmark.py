"""The open benchmark: motion capture seen by fixed cameras, with exact and with noisy 2D."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from ..analysis import metrics
from ..analysis.feet_and_head import best_scale, group_errors, head_angles
from ..datasets.mocap import find_known
from ..datasets.open_benchmark import read_open_benchmark
from ..lifting.lifter import Lifter
from ..lifting.uncertainty import coverage, joint_errors_and_sigma
from ..motion import Motion2D
from ..postprocess.stages import PostprocessConfig
from ..skeleton import BODY, BODY_26, GROUPS, H36M, STANDARD_HEIGHT, Skeleton, body_skeleton
from ..world.camera import choose_focal
from .report import UNSCALED, Report, Row

SCORES = ("mpjpe", "n_mpjpe", "p_mpjpe", "mpjve", "acceleration_error", "pck", "auc")
MORE_SCORES = ("feet", "n_feet", "hands", "n_hands", "head_yaw", "head_pitch")

Scores = dict[str, np.ndarray]
ErrorAndSigma = tuple[np.ndarray, np.ndarray]


def evaluate_open(  # noqa: PLR0913 - the options of a protocol are its arguments
    lifter: Lifter,
    data: str | Path,
    *,
    noisy: bool,
    confidence_one: bool = False,
    known_focal: bool = True,
    view_step: int = 1,
    postprocess: PostprocessConfig | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Lift every view of an open-benchmark file and score it.

    Poses are root-relative, 17 joints; MPJPE is of poses of standard height, whatever the person's.
    A file of version 2 and weights of 26 joints add feet, hands and where the head looks.

    Args:
        data: The file (`xy`, `noisy_xy`, `confidence`, `relative`, `offsets`, ...).
        noisy: Score the 2D with detector-like errors, or the exact projections.
        confidence_one: Give all noisy joints the confidence 1, so that it tells nothing of errors.
        known_focal: Give the lifter each camera's focal length; else it assumes its default.
        view_step: Score every n-th view only: faster, but another benchmark.
        postprocess: Score post-processed motion; None scores the poses of `Lifter.predict_rigid`.
        progress: Called with the number of views done and the total.

    Raises:
        ValueError: If the file is not of this format.
    """
    content = read_open_benchmark(data)
    views = range(0, len(content["offsets"]) - 1, view_step)
    scores: list[Scores] = []
    more: list[Scores] = []
    errors: list[ErrorAndSigma] = []
    for done, view in enumerate(views, start=1):
        true = _read_truth(content, view)
        with _named(data, view):
            motion, focal = _read_view(content, view, noisy, known_focal)
            motion = _to_input(motion, lifter.skeleton, confidence_one)
            pred, with_sigma = _lift_view(lifter, motion, focal, true[:, BODY], postprocess)
        errors += with_sigma
        scores.append(_score_view(pred[:, BODY], true[:, BODY], motion.fps))
        if pred.shape == true.shape and true.shape[1] > BODY.stop:
            more.append(_score_more(pred, true, find_known(content, view)))
        progress(done, len(views))
    title = _title(noisy, confidence_one, known_focal, postprocess, view_step)
    activity = content["activity"][views]
    return _report(title, scores, errors, more, activity, lifter.region_scale)


def errors_and_sigma(
    lifter: Lifter, data: str | Path, *, noisy: bool, view_step: int = 1
) -> ErrorAndSigma:
    """Return `joint_errors_and_sigma` of all views, post-processed; arguments as `evaluate_open`.

    Raises:
        ValueError: If the weights predict no uncertainty, or the file is not of this format.
    """
    content = read_open_benchmark(data)
    parts = []
    for view in range(0, len(content["offsets"]) - 1, view_step):
        with _named(data, view):
            motion, focal = _read_view(content, view, noisy, True)
            lifted = lifter(_to_input(motion, lifter.skeleton), focal=focal)
        parts.append(joint_errors_and_sigma(lifted, _read_truth(content, view)[:, BODY]))
    error, sigma = (np.concatenate(column) for column in zip(*parts, strict=True))
    return error, sigma


@contextmanager
def _named(data: str | Path, view: int) -> Iterator[None]:
    """Put the file and the number of a view in front of an error."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{data}, view {view}: {error}") from error


def _title(
    noisy: bool,
    confidence_one: bool,
    known_focal: bool,
    postprocess: PostprocessConfig | None,
    view_step: int,
) -> str:
    title = f"open benchmark, {'noisy' if noisy else 'clean'} 2D"
    title += " with confidence 1" if noisy and confidence_one else ""
    title += "" if known_focal else ", unknown focal length"
    title += "" if postprocess is None else f", post-processed ({postprocess.describe()})"
    return title + ("" if view_step == 1 else f", every {view_step}th view")


def _read_view(
    content: dict[str, np.ndarray], view: int, noisy: bool, known_focal: bool
) -> tuple[Motion2D, float]:
    """Return the 2D joints of a view, and the focal length for the lifter."""
    part = slice(content["offsets"][view], content["offsets"][view + 1])
    xy = content["noisy_xy" if noisy else "xy"][part] / 10.0
    confidence = content["confidence"][part] / 255.0
    if not noisy:
        confidence = np.ones(xy.shape[:2])
        confidence[~find_known(content, view)] = 0.0
    size = (int(content["size"][view][0]), int(content["size"][view][1]))
    focal, _ = choose_focal(float(content["focal"][view]) if known_focal else None, None, size)
    skeleton = body_skeleton(xy.shape[1])
    return Motion2D(xy, confidence, size, float(content["fps"]), skeleton), focal


def _to_input(motion: Motion2D, skeleton: Skeleton, confidence_one: bool = False) -> Motion2D:
    """Return the joints for weights of some skeleton: all, or the 17; with confidence 1 or 0."""
    confidence = motion.confidence
    if confidence_one:
        confidence = np.where(confidence > 0, 1.0, 0.0)
    if skeleton == BODY_26:
        return replace(motion, confidence=confidence)
    xy, confidence = motion.xy[:, BODY], confidence[:, BODY]
    return replace(motion, xy=xy, confidence=confidence, skeleton=H36M)


def _read_truth(content: dict[str, np.ndarray], view: int) -> np.ndarray:
    return content["relative"][content["offsets"][view] : content["offsets"][view + 1]] * 1e-4


def _lift_view(
    lifter: Lifter,
    motion: Motion2D,
    focal: float,
    true: np.ndarray,
    postprocess: PostprocessConfig | None,
) -> tuple[np.ndarray, list[ErrorAndSigma]]:
    """Return the root-relative poses of a view, and their errors with sigma if it is predicted."""
    how = {"height": STANDARD_HEIGHT, "focal": focal}
    if postprocess is None:
        return lifter.predict_rigid(motion, **how), []
    lifted = lifter(motion, **how, postprocess=postprocess)
    pose = lifted.camera_xyz - lifted.camera_xyz[:, H36M.root, None]
    return pose, [] if lifted.sigma is None else [joint_errors_and_sigma(lifted, true)]


def _score_view(pred: np.ndarray, true: np.ndarray, fps: float) -> Scores:
    """Return every score of every frame of one view; differences have fewer frames."""
    return {
        "mpjpe": 1000 * metrics.mpjpe(pred, true),
        "n_mpjpe": 1000 * metrics.n_mpjpe(pred, true),
        "p_mpjpe": 1000 * metrics.p_mpjpe(pred, true),
        "mpjve": 1000 * metrics.mpjve(pred, true, fps),
        "acceleration_error": 1000 * metrics.acceleration_error(pred, true, fps),
        "pck": 100 * metrics.pck(pred, true),
        "auc": 100 * metrics.auc(pred, true),
    }


def _score_more(
    pred: Float[np.ndarray, "t 26 3"],
    true: Float[np.ndarray, "t 26 3"],
    known: Bool[np.ndarray, "t 26"],
) -> Scores:
    """Return the scores of feet, hands and head in the frames in which the truth has them."""
    scale = best_scale(pred, true)
    seen = {group: known[:, joints[0]] for group, joints in GROUPS.items()}
    result: Scores = {}
    for group in ("feet", "hands"):
        for key, factor in ((group, 1.0), (f"n_{group}", scale)):
            result[key] = 1000 * group_errors(factor * pred, true, group)[seen[group]]
    yaw, pitch = head_angles(pred[seen["face"]], true[seen["face"]])
    return {**result, "head_yaw": np.abs(yaw), "head_pitch": np.abs(pitch)}


def _report(
    title: str,
    scores: list[Scores],
    errors: list[ErrorAndSigma],
    more: list[Scores],
    activity: np.ndarray,
    scale: float,
) -> Report:
    """Average over frames; errors with sigma and scores of more joints give tables of their own."""

    def mean(views: np.ndarray) -> Row:
        row = {s: float(np.concatenate([scores[v][s] for v in views]).mean()) for s in SCORES}
        return {"frames": float(sum(len(scores[v]["mpjpe"]) for v in views)), **row}

    def sigma(views: np.ndarray) -> Row:
        error, sigma = (np.concatenate([errors[v][i] for v in views]) for i in (0, 1))
        return coverage(error, sigma, scale)

    whole = np.arange(len(scores))
    groups = {str(name): np.flatnonzero(activity == name) for name in np.unique(activity)}
    tables = {"activity": {name: mean(views) for name, views in groups.items()}}
    total, notes = mean(whole), _NOTES
    if errors:
        total |= sigma(whole)
        tables["uncertainty"] = {name: sigma(views) for name, views in groups.items()}
        notes += (_SIGMA_NOTE,)
    if more:
        total |= _summarize_more(more, whole)
        rows = {name: _summarize_more(more, views) for name, views in groups.items()}
        tables["extremities"] = rows
        notes += (_MORE_NOTE,)
    return Report(title, total, tables, published={}, notes=notes)


def _summarize_more(more: list[Scores], views: np.ndarray) -> Row:
    """Return means of distances and medians of angles; no score of what no frame has."""
    result: Row = {}
    for key in MORE_SCORES:
        values = np.concatenate([more[view][key] for view in views])
        if len(values):
            middle = np.median if key.startswith("head") else np.mean
            result[key] = float(middle(values))
    return result


_NOTES = (
    "MPJPE assumes a height of 1.70 m; N-MPJPE has one best scale per view.",
    "Mean over frames; every frame of a view counts.",
    UNSCALED,
)
_SIGMA_NOTE = (
    "If sigma is calibrated, 68.3 % of the errors are within one sigma along each camera axis, and "
    "90 % within the region."
)
_MORE_NOTE = (
    "Feet: mean of heels and balls; hands: of the knuckles; relative to the pelvis, at standard "
    "height, and scaled as N-MPJPE scales the 17 joints. Head: median angle by which it is turned "
    "too far about its up axis (yaw), and looks too high or low (pitch)."
)
