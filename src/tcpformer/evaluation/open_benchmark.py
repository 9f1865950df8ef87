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
from ..world.trajectory import choose_focal
from .report import Report, Row

_NUMBERS = ("xy", "noisy_xy", "confidence", "relative", "offsets", "size", "focal", "fps")
SCORES = ("mpjpe", "n_mpjpe", "p_mpjpe", "mpjve", "acceleration_error", "pck", "auc")


def evaluate_open(  # noqa: PLR0913 - the options of a protocol are its arguments
    lifter: Lifter,
    data: str | Path,
    *,
    noisy: bool,
    know_focal: bool = True,
    every: int = 1,
    chain: PostprocessConfig | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Lift every view of an open-benchmark file and score it.

    Poses are root-relative; every frame of every view counts once, 17 joints. MPJPE is of poses
    scaled to the stated default height, whoever the person is.

    Args:
        lifter: What is scored.
        data: The file (`xy`, `noisy_xy`, `confidence`, `relative`, `offsets`, ...).
        noisy: Score the 2D with detector-like errors, or the exact projections.
        know_focal: Tell the lifter each camera's focal length; else it assumes its usual one.
        chain: Finish each view by this chain before it is scored; else the poses are those of
            `Lifter.pose`.
        every: Score only every so many views: quicker, and another benchmark.
        progress: Called with the views done and in all.

    Raises:
        ValueError: If the file is not of this format.
    """
    content = read_npz(data, _NUMBERS, ("joints", "activity"))
    if tuple(content["joints"]) != H36M.joints:
        raise ValueError(f"{data}: expected the joints {H36M.joints}, got {content['joints']}.")
    views = range(0, len(content["offsets"]) - 1, every)
    scores, sure = [], []
    for done, view in enumerate(views, start=1):
        motion, focal = _view(content, view, noisy, know_focal)
        if chain is None:
            pred = lifter.predict_rigid(motion, height=STANDARD_HEIGHT, focal=focal)
        else:
            lifted = lifter(motion, height=STANDARD_HEIGHT, focal=focal, postprocess=chain)
            pred = lifted.camera_xyz - lifted.camera_xyz[:, H36M.root, None]
            if lifted.sigma is not None:
                sure.append(joint_errors_and_sigma(lifted, _truth(content, view)))
        scores.append(_score_view(pred, content, view))
        progress(done, len(views))
    title = f"open benchmark, {'noisy' if noisy else 'clean'} 2D"
    title += "" if know_focal else ", focal length not known"
    title += "" if chain is None else f", finished ({chain.words()})"
    title += "" if every == 1 else f", every {every}th view"
    report = _report(title, scores, content["activity"][list(views)])
    if not sure:
        return report
    return _with_coverage(report, sure, content["activity"][list(views)], lifter.region_scale)


def errors_and_sigma(
    lifter: Lifter, data: str | Path, *, noisy: bool, every: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """What finished motions miss and say of it, as `sigma.missed` gives them, of all views.

    Args:
        lifter: Of weights that know how sure they are.
        data: As for `evaluate_open`.
        noisy: Likewise.
        every: Likewise.

    Raises:
        ValueError: If the weights do not know, or the file is not of this format.
    """
    content = read_npz(data, _NUMBERS, ("joints", "activity"))
    parts = []
    for view in range(0, len(content["offsets"]) - 1, every):
        motion, focal = _view(content, view, noisy, True)
        parts.append(joint_errors_and_sigma(lifter(motion, focal=focal), _truth(content, view)))
    error, sigma = (np.concatenate(column) for column in zip(*parts, strict=True))
    return error, sigma


def _view(
    content: dict[str, np.ndarray], view: int, noisy: bool, know_focal: bool
) -> tuple[Motion2D, float]:
    """What a lifter is given of one view: the 2D joints and a focal length."""
    part = slice(content["offsets"][view], content["offsets"][view + 1])
    xy = content["noisy_xy" if noisy else "xy"][part] / 10.0
    confidence = content["confidence"][part] / 255.0 if noisy else np.ones(xy.shape[:2])
    size = (int(content["size"][view][0]), int(content["size"][view][1]))
    focal, _ = choose_focal(float(content["focal"][view]) if know_focal else None, None, size)
    return Motion2D(xy, confidence, size, float(content["fps"]), H36M), focal


def _truth(content: dict[str, np.ndarray], view: int) -> np.ndarray:
    return content["relative"][content["offsets"][view] : content["offsets"][view + 1]] * 1e-4


def _score_view(
    pred: np.ndarray, content: dict[str, np.ndarray], view: int
) -> dict[str, np.ndarray]:
    """Every score of every frame of one view; differences have fewer frames."""
    fps = float(content["fps"])
    true = _truth(content, view)
    return {
        "mpjpe": 1000 * mpjpe(pred, true),
        "n_mpjpe": 1000 * n_mpjpe(pred, true),
        "p_mpjpe": 1000 * p_mpjpe(pred, true),
        "mpjve": 1000 * mpjve(pred, true, fps),
        "acceleration_error": 1000 * acceleration_error(pred, true, fps),
        "pck": 100 * pck(pred, true),
        "auc": 100 * auc(pred, true),
    }


def _with_coverage(
    report: Report, sure: list[tuple[np.ndarray, np.ndarray]], activity: np.ndarray, reach: float
) -> Report:
    """The same with a table of how honest sigma is."""

    def row(views: np.ndarray) -> Row:
        error, sigma = (np.concatenate([sure[v][i] for v in views]) for i in (0, 1))
        return coverage(error, sigma, reach)

    rows = {str(name): row(np.flatnonzero(activity == name)) for name in np.unique(activity)}
    return replace(
        report,
        scores=report.scores | row(np.arange(len(sure))),
        tables=report.tables | {"how sure it is": rows},
        notes=(
            *report.notes,
            "Honest is: 68.3 % within one sigma along each axis of the camera, 90 % in the region.",
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
            "MPJPE takes everybody for 1.70 m tall; N-MPJPE has one best scale per view.",
            "Mean over frames; every frame of a view counts.",
        ),
    )
