"""How good weights in training are: by clips held out, or by a published protocol."""

from pathlib import Path

from torch import nn

from ..analysis.metrics import mpjpe, n_mpjpe, p_mpjpe
from ..evaluation.h36m_cpn import evaluate_h36m_cpn
from ..evaluation.h36m_sh import evaluate_h36m_sh
from ..evaluation.mpi_inf_3dhp import evaluate_3dhp
from ..lifting.predict import run_network
from .config import PUBLISHED_DATA, TrainConfig
from .data import Source

BEST_BY = ("val_mpjpe", "val_mpjpe_px", "test_mpjpe", "clean_mpjpe", "noisy_mpjpe", "filmed_mpjpe")
"""Of the errors that there are, those whose mean decides which weights are the best."""


def validate(
    model: nn.Module, plan: TrainConfig, source: Source, data: str | Path
) -> dict[str, float]:
    """Errors by which the best weights are chosen; none where nobody is held out."""
    if plan.select != "test" or plan.data not in PUBLISHED_DATA:
        return validation_scores(model, source)
    if plan.data == "h36m-sh":
        scores = evaluate_h36m_sh(
            model, data, ground_truth="input" if plan.ground_truth else "no"
        ).scores
    elif plan.data == "h36m-cpn":
        scores = evaluate_h36m_cpn(model, data, ground_truth=plan.ground_truth).scores
    else:
        scores = evaluate_3dhp(model, data).scores
    return {f"test_{key}": scores[key] for key in ("mpjpe", "p_mpjpe")}


def validation_scores(model: nn.Module, source: Source) -> dict[str, float]:
    """Errors on the clips of people held out, by kind, in mm; in pixels their names end in "_px".

    Every clip has its own best scale for N-MPJPE.
    """
    scores: dict[str, float] = {}
    for name, clips in source.judges.items():
        out = run_network(model, clips.xyc, range(clips.xyc.shape[2]), flip=False)
        middle = slice(clips.xyc.shape[1] // 2, clips.xyc.shape[1] // 2 + 1)
        frames = middle if out.shape[1] == 1 else slice(None)
        root = source.root
        pred, true = clips.flat[:, frames] + out, clips.xyz[:, frames]
        pred, true = pred - pred[:, :, root, None], true - true[:, :, root, None]
        errors = {"mpjpe": mpjpe, "n_mpjpe": n_mpjpe, "p_mpjpe": p_mpjpe}
        for key, error in errors.items():
            said = f"{name}_{key}" if source.unit == "mm" else f"{name}_{key}_{source.unit}"
            scores[said] = float(error(pred, true).mean()) * source.scale
    return scores
