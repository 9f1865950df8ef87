"""Scores weights on the open benchmark: motion capture seen by fixed cameras, exact and noisy."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .files import read_npz
from .lift import Lifter
from .metrics import acceleration_error, auc, mpjpe, mpjve, n_mpjpe, p_mpjpe, pck
from .motion import Motion2D
from .place import choose_focal
from .skeleton import H36M, STANDARD_HEIGHT

_NUMBERS = ("xy", "noisy_xy", "confidence", "relative", "offsets", "size", "focal", "fps")
SCORES = ("mpjpe", "n_mpjpe", "p_mpjpe", "mpjve", "acceleration_error", "pck", "auc")


@dataclass(frozen=True)
class Report:
    """Mean scores over frames; per activity and over all.

    Attributes:
        rows: activity ("all" for everything) -> score -> value; mm, m/s, m/s^2, and % for PCK, AUC.
        frames: activity -> frames scored.
    """

    rows: dict[str, dict[str, float]]
    frames: dict[str, int]

    def table(self) -> str:
        """The scores as Markdown."""
        lines = [
            "| activity | frames | MPJPE | N-MPJPE | P-MPJPE | MPJVE m/s | acc. err. m/s² | "
            "PCK@150 | AUC |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for name, row in sorted(self.rows.items(), key=lambda item: item[0] == "all"):
            mm = " | ".join(f"{row[s]:.1f}" for s in SCORES[:3])
            rate = " | ".join(f"{row[s]:.2f}" for s in SCORES[3:5])
            share = " | ".join(f"{row[s]:.1f}" for s in SCORES[5:])
            lines.append(f"| {name} | {self.frames[name]} | {mm} | {rate} | {share} |")
        return "\n".join(lines)


def evaluate_open(
    lifter: Lifter,
    data: str | Path,
    *,
    noisy: bool,
    know_focal: bool = True,
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
        progress: Called with the views done and in all.

    Raises:
        ValueError: If the file is not of this format.
    """
    content = read_npz(data, _NUMBERS, ("joints", "activity"))
    if tuple(content["joints"]) != H36M.joints:
        raise ValueError(f"{data}: expected the joints {H36M.joints}, got {content['joints']}.")
    offsets, scores = content["offsets"], []
    for view in range(len(offsets) - 1):
        scores.append(_score_view(lifter, content, view, noisy=noisy, know_focal=know_focal))
        progress(view + 1, len(offsets) - 1)
    return _report(scores, content["activity"])


def _score_view(
    lifter: Lifter, content: dict[str, np.ndarray], view: int, *, noisy: bool, know_focal: bool
) -> dict[str, np.ndarray]:
    """Every score of every frame of one view; differences have fewer frames."""
    part = slice(content["offsets"][view], content["offsets"][view + 1])
    xy = content["noisy_xy" if noisy else "xy"][part] / 10.0
    confidence = content["confidence"][part] / 255.0 if noisy else np.ones(xy.shape[:2])
    size = (int(content["size"][view][0]), int(content["size"][view][1]))
    motion = Motion2D(xy, confidence, size, float(content["fps"]), H36M)
    focal, _ = choose_focal(float(content["focal"][view]) if know_focal else None, None, size)
    fps = motion.fps
    pred = lifter.pose(motion, height=STANDARD_HEIGHT, focal=focal)
    true = content["relative"][part] * 1e-4
    return {
        "mpjpe": 1000 * mpjpe(pred, true),
        "n_mpjpe": 1000 * n_mpjpe(pred, true),
        "p_mpjpe": 1000 * p_mpjpe(pred, true),
        "mpjve": mpjve(pred, true, fps),
        "acceleration_error": acceleration_error(pred, true, fps),
        "pck": 100 * pck(pred, true),
        "auc": 100 * auc(pred, true),
    }


def _report(scores: list[dict[str, np.ndarray]], activity: np.ndarray) -> Report:
    groups = {str(name): np.flatnonzero(activity == name) for name in np.unique(activity)}
    groups["all"] = np.arange(len(scores))
    rows = {
        name: {s: float(np.concatenate([scores[v][s] for v in views]).mean()) for s in SCORES}
        for name, views in groups.items()
    }
    frames = {name: sum(len(scores[v]["mpjpe"]) for v in views) for name, views in groups.items()}
    return Report(rows, frames)
