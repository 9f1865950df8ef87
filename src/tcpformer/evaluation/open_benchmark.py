"""The open benchmark: motion capture seen by fixed cameras, with exact and with noisy 2D."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..analysis.metrics import acceleration_error, auc, mpjpe, mpjve, n_mpjpe, p_mpjpe, pck
from ..files import read_npz
from ..lifting.lifter import Lifter
from ..lifting.uncertainty import coverage, joint_errors_and_sigma
from ..motion import Motion2D
from ..postprocess.steps import PostprocessConfig
from ..skeleton import H36M, STANDARD_HEIGHT
from ..world.camera import choose_focal
from .report import Report, Row

_NUMBERS = ("xy", "noisy_xy", "confidence", "relative", "offsets", "size", "focal", "fps")
SCORES = ("mpjpe", "n_mpjpe", "p_mpjpe", "mpjve", "acceleration_error", "pck", "auc")


def evaluate_open(  # noqa: PLR0913 - the options of a protocol are its arguments
    lifter: Lifter,
    data: str | Path,
    *,
    noisy: bool,
    known_focal: bool = True,
    view_step: int = 1,
    postprocess: PostprocessConfig | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Lift every view of an open-benchmark file and score it.

    Poses are root-relative; every frame of every view counts once, 17 joints. MPJPE is of poses
    scaled to the standard height, whatever the person's.

    Args:
        lifter: Weights to score.
        data: The file (`xy`, `noisy_xy`, `confidence`, `relative`, `offsets`, ...).
        noisy: Score the 2D with detector-like errors, or the exact projections.
        known_focal: Give the lifter each camera's focal length; else it assumes its default.
        view_step: Score every n-th view only: faster, but another benchmark.
        postprocess: Score post-processed motion; None scores the poses of `Lifter.predict_rigid`.
        progress: Called with the number of views done and the total.

    Raises:
        ValueError: If the file is not of this format.
    """
    content = read_npz(data, _NUMBERS, ("joints", "activity"))
    if tuple(content["joints"]) != H36M.joints:
        raise ValueError(f"{data}: expected the joints {H36M.joints}, got {content['joints']}.")
    views = range(0, len(content["offsets"]) - 1, view_step)
    scores, errors = [], []
    for done, view in enumerate(views, start=1):
        motion, focal = _read_view(content, view, noisy, known_focal)
        if postprocess is None:
            pred = lifter.predict_rigid(motion, height=STANDARD_HEIGHT, focal=focal)
        else:
            lifted = lifter(motion, height=STANDARD_HEIGHT, focal=focal, postprocess=postprocess)
            pred = lifted.camera_xyz - lifted.camera_xyz[:, H36M.root, None]
            if lifted.sigma is not None:
                errors.append(joint_errors_and_sigma(lifted, _read_truth(content, view)))
        scores.append(_score_view(pred, content, view))
        progress(done, len(views))
    title = f"open benchmark, {'noisy' if noisy else 'clean'} 2D"
    title += "" if known_focal else ", unknown focal length"
    title += "" if postprocess is None else f", post-processed ({postprocess.describe()})"
    title += "" if view_step == 1 else f", every {view_step}th view"
    activity = content["activity"][list(views)]
    report = _report(title, scores, activity)
    return _add_coverage(report, errors, activity, lifter.region_scale) if errors else report


def errors_and_sigma(
    lifter: Lifter, data: str | Path, *, noisy: bool, view_step: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return `joint_errors_and_sigma` of the post-processed motions of all views.

    Args:
        lifter: Weights that predict uncertainty.
        data: As for `evaluate_open`.
        noisy: As for `evaluate_open`.
        view_step: As for `evaluate_open`.

    Raises:
        ValueError: If the weights predict no uncertainty, or the file is not of this format.
    """
    content = read_npz(data, _NUMBERS, ("joints", "activity"))
    parts = []
    for view in range(0, len(content["offsets"]) - 1, view_step):
        motion, focal = _read_view(content, view, noisy, True)
        lifted = lifter(motion, focal=focal)
        parts.append(joint_errors_and_sigma(lifted, _read_truth(content, view)))
    error, sigma = (np.concatenate(column) for column in zip(*parts, strict=True))
    return error, sigma


def _read_view(
    content: dict[str, np.ndarray], view: int, noisy: bool, known_focal: bool
) -> tuple[Motion2D, float]:
    """Return the 2D joints of a view, and the focal length for the lifter."""
    part = slice(content["offsets"][view], content["offsets"][view + 1])
    xy = content["noisy_xy" if noisy else "xy"][part] / 10.0
    confidence = content["confidence"][part] / 255.0 if noisy else np.ones(xy.shape[:2])
    size = (int(content["size"][view][0]), int(content["size"][view][1]))
    focal, _ = choose_focal(float(content["focal"][view]) if known_focal else None, None, size)
    return Motion2D(xy, confidence, size, float(content["fps"]), H36M), focal


def _read_truth(content: dict[str, np.ndarray], view: int) -> np.ndarray:
    return content["relative"][content["offsets"][view] : content["offsets"][view + 1]] * 1e-4


def _score_view(
    pred: np.ndarray, content: dict[str, np.ndarray], view: int
) -> dict[str, np.ndarray]:
    """Return every score of every frame of one view; differences have fewer frames."""
    fps = float(content["fps"])
    true = _read_truth(content, view)
    return {
        "mpjpe": 1000 * mpjpe(pred, true),
        "n_mpjpe": 1000 * n_mpjpe(pred, true),
        "p_mpjpe": 1000 * p_mpjpe(pred, true),
        "mpjve": 1000 * mpjve(pred, true, fps),
        "acceleration_error": 1000 * acceleration_error(pred, true, fps),
        "pck": 100 * pck(pred, true),
        "auc": 100 * auc(pred, true),
    }


def _add_coverage(
    report: Report,
    errors: list[tuple[np.ndarray, np.ndarray]],
    activity: np.ndarray,
    region_scale: float,
) -> Report:
    """Return the report with a table of how well sigma predicts the error."""

    def row(views: np.ndarray) -> Row:
        error, sigma = (np.concatenate([errors[v][i] for v in views]) for i in (0, 1))
        return coverage(error, sigma, region_scale)

    rows = {str(name): row(np.flatnonzero(activity == name)) for name in np.unique(activity)}
    return replace(
        report,
        scores=report.scores | row(np.arange(len(errors))),
        tables=report.tables | {"uncertainty": rows},
        notes=(
            *report.notes,
            "If sigma is calibrated, 68.3 % of the errors are within one sigma along each camera "
            "axis, and 90 % within the region.",
        ),
    )


def _report(title: str, scores: list[dict[str, np.ndarray]], activity: np.ndarray) -> Report:
    def mean(views: np.ndarray) -> dict[str, float]:
        row = {s: float(np.concatenate([scores[v][s] for v in views]).mean()) for s in SCORES}
        return {"frames": float(sum(len(scores[v]["mpjpe"]) for v in views)), **row}

    groups = {str(name): np.flatnonzero(activity == name) for name in np.unique(activity)}
    return Report(
        title,
        mean(np.arange(len(scores))),
        {"activity": {name: mean(views) for name, views in groups.items()}},
        published={},
        notes=(
            "MPJPE assumes a height of 1.70 m; N-MPJPE has one best scale per view.",
            "Mean over frames; every frame of a view counts.",
        ),
    )
