"""Errors of weights in training: on validation clips, or by a published protocol."""

from pathlib import Path

import numpy as np
from torch import nn

from ..analysis.metrics import mpjpe, n_mpjpe, p_mpjpe
from ..evaluation.h36m_cpn import evaluate_h36m_cpn
from ..evaluation.h36m_sh import evaluate_h36m_sh
from ..evaluation.mpi_inf_3dhp import evaluate_3dhp
from ..lifting.run_network import run_network
from ..skeleton import BODY, GROUPS
from .config import PUBLISHED_DATA, TrainConfig
from .data import Source

SELECTED_BY = (
    "val_mpjpe",
    "val_mpjpe_px",
    "test_mpjpe",
    "clean_mpjpe",
    "noisy_mpjpe",
    "filmed_mpjpe",
)
"""The best weights have the lowest mean of those errors among these that were measured."""


def validate(
    model: nn.Module, config: TrainConfig, source: Source, data: str | Path
) -> dict[str, float]:
    """Measure the errors that select the best weights; empty without validation data."""
    if config.checkpoint_selection != "test" or config.data not in PUBLISHED_DATA:
        return validation_scores(model, source)
    if config.data == "h36m-sh":
        ground_truth = "input" if config.ground_truth else "no"
        scores = evaluate_h36m_sh(model, data, ground_truth=ground_truth).scores
    elif config.data == "h36m-cpn":
        scores = evaluate_h36m_cpn(model, data, ground_truth=config.ground_truth).scores
    else:
        scores = evaluate_3dhp(model, data).scores
    return {f"test_{key}": scores[key] for key in ("mpjpe", "p_mpjpe")}


def validation_scores(model: nn.Module, source: Source) -> dict[str, float]:
    """Measure errors on the validation clips, by kind, in mm; in pixels names end in "_px".

    For N-MPJPE each clip has its own best scale. Feet, hands and face, where there are any, have
    mean distances of their own; the other errors are of Human3.6M's joints.
    """
    scores: dict[str, float] = {}
    suffix = "" if source.error_unit == "mm" else f"_{source.error_unit}"
    for name, clips in source.val_clips.items():
        out = run_network(model, clips.xyc, range(clips.xyc.shape[2]), flip=False)
        center = slice(clips.xyc.shape[1] // 2, clips.xyc.shape[1] // 2 + 1)
        frames = center if out.shape[1] == 1 else slice(None)
        root = source.root
        pred, true = clips.flat[:, frames] + out, clips.xyz[:, frames]
        pred, true = pred - pred[:, :, root, None], true - true[:, :, root, None]
        if pred.shape[2] > BODY.stop:
            apart = np.linalg.norm(pred - true, axis=-1)
            for group, joints in GROUPS.items():
                scores[f"{name}_{group}"] = (
                    float(np.nanmean(apart[:, :, joints])) * source.error_scale
                )
            pred, true = pred[:, :, BODY], true[:, :, BODY]
        for key, error in {"mpjpe": mpjpe, "n_mpjpe": n_mpjpe, "p_mpjpe": p_mpjpe}.items():
            scores[f"{name}_{key}{suffix}"] = float(error(pred, true).mean()) * source.error_scale
    return scores
