"""Scores a network on MPI-INF-3DHP by the protocol that P-STMO set and TCPFormer follows.

The input is exact 2D, one window around every valid frame; only its center frame counts. PCK and
AUC, which the data set computes in MATLAB, are computed here.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.io import savemat

from ..analysis import metrics
from ..datasets.mpi_inf_3dhp import FPS, Take, load_3dhp_test
from ..files import atomic_write
from ..lifting.lifter import Lifter
from ..models import Network
from ..skeleton import MPI_INF_3DHP
from .lifted import describe_lifting, lift_poses, network_of
from .predictions import predict_centers, screen_input
from .report import UNSCALED, Report, Row, first_published

SCENES = {"green screen": ("TS1", "TS2"), "studio": ("TS3", "TS4"), "outdoor": ("TS5", "TS6")}
CONVENTIONAL_WEIGHTS = {"TS1": 603, "TS2": 540, "TS3": 505, "TS4": 553, "TS5": 276, "TS6": 452}
"""Weights of publications for averages over sequences: frames, except TS6 with 392 valid ones."""
PUBLISHED = {
    9: {"mpjpe": 20.4, "pck": 98.3, "auc": 84.4},
    27: {"mpjpe": 17.8, "pck": 98.7, "auc": 86.5},
    81: {"mpjpe": 15.0, "pck": 99.0, "auc": 87.7},
}
"""Frames of a clip -> published figures of TCPFormer."""
COUNTED = [i for i, name in enumerate(MPI_INF_3DHP.joints) if name not in ("Hip", "Spine", "Head")]
"""The 14 joints of PCK and AUC."""

Poses = Float[np.ndarray, "n 17 3"]
Scores = dict[str, np.ndarray]
"""Score -> its value in every frame that has it."""


def evaluate_3dhp(
    model: Network | Lifter,
    data: str | Path,
    *,
    flip: bool = True,
    save: str | Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Predict every valid frame of the test sequences and score it.

    Args:
        model: Predicts all frames of a clip (``config.frames``) or its center, or is a `Lifter`
            of any weights, whose own ``flip`` counts.
        data: data_test_3dhp.npz, its folder, or the folder of the raw TS1, TS2, ...
        flip: Average with the prediction of the mirror image, as published.
        save: File for the predictions, for MATLAB (see `save_predictions`).
        progress: Called with the number of frames done and the total.

    Raises:
        FileNotFoundError: If the data are missing.
        ValueError: If a file is not of its format.
    """
    takes = load_3dhp_test(data)
    if isinstance(model, Lifter):
        flip = model.flip
        predictions = lift_3dhp(model, takes, progress=progress)
    else:
        predictions = predict_3dhp(model, takes, flip=flip, progress=progress)
    if save is not None:
        save_predictions(predictions, save)
    report = score_3dhp(predictions, takes, frames=network_of(model).config.frames, flip=flip)
    notes = (*describe_lifting(model, MPI_INF_3DHP), _RATE) if isinstance(model, Lifter) else ()
    return replace(report, notes=(*notes, *report.notes))


def lift_3dhp(
    lifter: Lifter,
    takes: Mapping[str, Take],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Poses]:
    """Lift whole sequences; return their valid frames as `predict_3dhp` does."""
    total, done, predictions = sum(int(take.valid.sum()) for take in takes.values()), 0, {}
    for name, take in takes.items():
        seen = np.ones(take.xy.shape[:2])
        poses = lift_poses(lifter, take.xy, seen, take.size, FPS, MPI_INF_3DHP)
        predictions[name] = poses[take.valid]
        done += len(predictions[name])
        progress(done, total)
    return predictions


def predict_3dhp(
    model: Network,
    takes: Mapping[str, Take],
    *,
    flip: bool = True,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Poses]:
    """Predict the valid frames of sequences by name: millimetres, camera axes, the pelvis at 0."""
    total, done, predictions = sum(int(take.valid.sum()) for take in takes.values()), 0, {}

    def report(some: int) -> None:
        progress(done + some, total)

    for name, take in takes.items():
        xyc = screen_input(take.xy, np.ones(take.xy.shape[:2]), take.size)
        valid, mirror = np.flatnonzero(take.valid), MPI_INF_3DHP.mirror
        poses = predict_centers(model, xyc, valid, mirror, flip=flip, progress=report)
        poses *= take.size[0] / 2
        poses[:, MPI_INF_3DHP.root] = 0
        predictions[name] = poses
        done += len(valid)
    return predictions


def score_3dhp(
    predictions: Mapping[str, Poses], takes: Mapping[str, Take], *, frames: int, flip: bool
) -> Report:
    """Score poses of the valid frames; ``frames`` (of a clip) and ``flip`` are for the title."""
    scores = {name: _score_sequence(predictions[name], take) for name, take in takes.items()}
    rows = {name: _average([found]) for name, found in scores.items()}
    counts = {name: len(found["mpjpe"]) for name, found in scores.items()}
    scenes = {k: [scores[name] for name in names if name in scores] for k, names in SCENES.items()}
    errors = [metrics.joint_errors(predictions[name], _truth(take)) for name, take in takes.items()]
    means = zip(MPI_INF_3DHP.joints, np.concatenate(errors).mean(axis=0).tolist(), strict=True)
    tables = {
        "sequence": rows,
        "scene": {scene: _average(found) for scene, found in scenes.items() if found},
        "activity": _score_activities(scores, takes),
        "joint": {joint: {"mpjpe": error} for joint, error in means},
        "average": average_sequences(rows, counts),
    }
    return Report(
        title=f"MPI-INF-3DHP, clips of {frames} frames, {'with' if flip else 'no'} flip averaging",
        scores=_average(list(scores.values())),
        tables={kind: table for kind, table in tables.items() if table},
        published=first_published(PUBLISHED, frames),
        notes=(*_NOTES, *_compare_weights(counts)),
    )


def average_sequences(per_sequence: Mapping[str, Row], frames: Mapping[str, int]) -> dict[str, Row]:
    """Average every score that all sequences have, in the three ways that publications use.

    "frames pooled" as TCPFormer's code prints MPJPE, "conventional weights" as publications print
    all three, and the "plain mean"; of the sequences that exist. ``frames`` are valid ones.
    """
    ways = {
        "frames pooled": frames,
        "conventional weights": CONVENTIONAL_WEIGHTS,
        "plain mean": dict.fromkeys(per_sequence, 1),
    }
    rows = list(per_sequence.values())
    shared = sorted(_POOLED.intersection(*rows))
    found = {}
    for way, weights in ways.items():
        share = [weights[name] for name in per_sequence]
        means = (np.average([row[score] for row in rows], weights=share) for score in shared)
        found[way] = dict(zip(shared, map(float, means), strict=True))
    return found


def save_predictions(predictions: Mapping[str, Poses], path: str | Path) -> None:
    """Write inference_data.mat for the data set's MATLAB scripts: (3, 17, 1, n) a sequence."""
    arrays = {name: poses.transpose(2, 1, 0)[:, :, None] for name, poses in predictions.items()}
    with atomic_write(path) as beside, beside.open("wb") as stream:
        savemat(stream, arrays)


_POOLED = {"mpjpe", "n_mpjpe", "p_mpjpe", "pck", "auc"}
_RATE = f"The files hold no frame rate; {FPS:g} frames a second are assumed for lifting."
_NOTES = (
    UNSCALED,
    "Input is the true 2D. Truth is univ_annot3, people scaled to one height; figures for annot3 "
    "(D3DP, FinePOSE) do not compare.",
    "MPJPE is over 17 joints, of which the pelvis is always exact; PCK and AUC are over 14, errors "
    "strictly below 150 mm, 31 thresholds from 0. N-MPJPE has one scale a sequence.",
    'Scores over all are pooled over frames. Published PCK and AUC are means by the "conventional '
    "weights\"; TCPFormer's Python pools MPJPE over frames.",
    "The acceleration error is in mm per frame², since the files hold no frame rate; it covers "
    "valid frames between valid frames only.",
)


def _score_sequence(pred: Poses, take: Take) -> Scores:
    true = _truth(take)
    found = {
        "mpjpe": metrics.mpjpe(pred, true),
        "n_mpjpe": metrics.n_mpjpe(pred, true),
        "p_mpjpe": metrics.p_mpjpe(pred, true),
        "pck": 100 * metrics.pck(pred, true, 150.0, COUNTED),
        "auc": 100 * metrics.auc(pred, true, metrics.AUC_MILLIMETRES, COUNTED),
    }
    at = np.flatnonzero(take.valid)
    in_a_row = at[2:] - at[:-2] == 2
    if in_a_row.any():
        change = metrics.acceleration_error_released(pred, true)
        found["acceleration_error_released"] = change[in_a_row]
    return found


def _truth(take: Take) -> Poses:
    """Return the root-relative truth of the valid frames."""
    true = take.xyz[take.valid]
    return true - true[:, MPI_INF_3DHP.root, None]


def _average(parts: list[Scores]) -> Row:
    """Return means over the frames of some sequences together."""
    row = {"frames": float(sum(len(part["mpjpe"]) for part in parts))}
    for name in dict.fromkeys(name for part in parts for name in part):
        row[name] = float(np.concatenate([part[name] for part in parts if name in part]).mean())
    return row


def _score_activities(scores: Mapping[str, Scores], takes: Mapping[str, Take]) -> dict[str, Row]:
    """Return scores by the number of the activity, if all sequences hold it."""
    numbers = [take.activity[take.valid] for take in takes.values() if take.activity is not None]
    if len(numbers) < len(takes):
        return {}
    number, rows = np.concatenate(numbers), {}
    pooled = {s: np.concatenate([found[s] for found in scores.values()]) for s in sorted(_POOLED)}
    for which in np.unique(number):
        rows[str(which)] = _average([{s: x[number == which] for s, x in pooled.items()}])
    return rows


def _compare_weights(frames: Mapping[str, int]) -> list[str]:
    """Return notes on differences from the averages of publications."""
    notes = []
    if missing := sorted(CONVENTIONAL_WEIGHTS.keys() - frames.keys()):
        notes.append(f"{', '.join(missing)} missing: every average is over the other sequences.")
    pairs = [(name, n, CONVENTIONAL_WEIGHTS[name]) for name, n in frames.items()]
    if other := [f"{name} has {n}, not {weight}" for name, n, weight in pairs if n != weight]:
        notes.append(f"Valid frames differ from the conventional weights: {'; '.join(other)}.")
    return notes
