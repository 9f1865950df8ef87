"""The verb `evaluate`: score weights by a protocol of the field."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from ..files import make_writable
from ._terminal import progress_bar, show, show_table, show_written

if TYPE_CHECKING:
    from ..evaluation.report import Report
    from ..lifting.lifter import Lifter
    from ..models import Network
    from ..weights import Weights, WeightsSpec

Dataset = Literal["h36m-sh", "h36m-cpn", "3dhp", "open"]
EXPECTED = {"h36m-sh": "h36m", "h36m-cpn": "h36m-cpn", "3dhp": "3dhp"}
"""Data set -> the released weights whose input and output the protocol has; others are lifted."""
OLD_OPTIONS = {
    "--trained-on": "--checkpoint-protocol",
    "--know-focal": "--known-focal",
    "--no-know-focal": "--no-known-focal",
    "--finish": "--postprocess",
    "--every": "--view-step",
}
"""Options of version 0.1 -> their names now."""


def evaluate(
    dataset: tyro.conf.Positional[Dataset],
    *,
    data: Path,
    weights: str = "default",
    out: Path | None = None,
    device: str = "auto",
    heads: int = 8,
    frames: int | None = None,
    strides: tuple[int, ...] | None = None,
    flip: bool = True,
    ground_truth: Literal["no", "input", "overwrite"] = "no",
    checkpoint_protocol: Literal["h36m", "h36m-cpn", "3dhp"] | None = None,
    known_focal: bool = True,
    postprocess: bool = False,
    confidence_one: bool = False,
    view_step: int = 1,
    precision: Literal["auto", "float32", "bfloat16"] = "float32",
) -> None:
    """Score weights by a protocol of the field, and print its tables beside published figures.

    Args:
        dataset: Data set, which determines the protocol.
        data: File or folder of the data set.
        weights: A packaged name, a folder, or a released checkpoint.
        out: Folder for report.json, a CSV per table and report.png; by default nothing is written.
        device: "auto", "cpu", "cuda" or "mps".
        heads: Attention heads of a released checkpoint.
        frames: Clip length of a released PoseFormerV2 checkpoint.
        strides: Strides of a released StridedTransformer checkpoint.
        flip: Average the prediction with that of the mirror image.
        ground_truth: Exact 2D as input (Human3.6M only); "overwrite" (h36m-sh only) also replaces
            the predicted x and y by it, as MotionBERT's switch does, which lowers the error.
        checkpoint_protocol: Data set that a released checkpoint was trained on; by default the
            one that it is scored on (open needs it).
        known_focal: Use each camera's focal length, not a view of 60 degrees (open only).
        postprocess: Score motion post-processed as by `tcpformer lift`, not the network's poses
            (open only).
        confidence_one: Score noisy 2D with confidence 1 as well, which tells nothing of the errors
            (open only).
        view_step: Score every n-th view, at least 1 (open only): faster, but another benchmark.
        precision: Precision of the network, as in `lift` (open only).
    """
    from ..lifting.lifter import Lifter
    from ..models.checkpoint import load_weights
    from ..runtime.device import pick_device

    open_options = {
        "--no-known-focal": not known_focal,
        "--postprocess": postprocess,
        "--confidence-one": confidence_one,
        "--view-step": view_step != 1,
        "--precision": precision != "float32",
    }
    _check_options(dataset, [name for name, given in open_options.items() if given], ground_truth)
    if out is not None:
        make_writable(out)
    device = pick_device(device)
    loaded = load_weights(weights, heads=heads, frames=frames, strides=strides, device=device)
    network = f"{loaded.name}, {loaded.model.config}"
    show(f"{dataset}: {network}", "")
    if dataset == "open":
        how = {"checkpoint_protocol": checkpoint_protocol, "precision": precision}
        lifter = Lifter(loaded, flip=flip, **how)
        options = {"known_focal": known_focal, "view_step": view_step}
        reports = _evaluate_open(lifter, data, options, postprocess, confidence_one)
    else:
        model = _choose_model(dataset, loaded, flip, checkpoint_protocol)
        reports = {dataset: _evaluate_published(dataset, model, data, flip, ground_truth)}
    for name, report in reports.items():
        reports[name] = replace(report, notes=(*report.notes, f"The network: {network}."))
        show_table(f"{reports[name].table()}\n")
    if out is not None:
        from ..evaluation.report import write_reports

        show_written(*write_reports(reports, out))


def _check_options(dataset: Dataset, open_options: list[str], ground_truth: str) -> None:
    """Raise ValueError for options that a protocol does not have, instead of ignoring them."""
    foreign = [] if dataset == "open" else open_options
    if ground_truth != "no" and dataset in ("open", "3dhp"):
        foreign = [*foreign, "--ground-truth"]
    if ground_truth == "overwrite" and dataset == "h36m-cpn":
        foreign = [*foreign, "--ground-truth overwrite"]
    if foreign:
        raise ValueError(f"{dataset} has no {', '.join(foreign)}; leave it out.")


def _evaluate_open(
    lifter: "Lifter", data: Path, options: dict[str, Any], postprocess: bool, confidence_one: bool
) -> "dict[str, Report]":
    """Evaluate the open benchmark with exact and with noisy 2D."""
    from ..evaluation.open_benchmark import evaluate_open
    from ..lifting.lifter import DEFAULT_POSTPROCESS

    config = DEFAULT_POSTPROCESS if postprocess else None
    runs = {"clean": (False, False), "noisy": (True, False)}
    if confidence_one:
        runs["noisy-confidence-1"] = (True, True)
    reports = {}
    for name, (noisy, one) in runs.items():
        how = {"noisy": noisy, "confidence_one": one, "postprocess": config, **options}
        with progress_bar(name, "view") as shown:
            reports[name] = evaluate_open(lifter, data, progress=shown, **how)
    return reports


def _choose_model(
    dataset: str, loaded: "Weights", flip: bool, checkpoint_protocol: Any
) -> "Network | Lifter":
    """Return the network if it has the protocol's input and output, else a lifter of it."""
    from ..lifting.lifter import Lifter
    from ..weights import RELEASED, weights_spec

    expected, spec = RELEASED[EXPECTED[dataset]], loaded.spec
    if checkpoint_protocol is not None:
        spec = weights_spec(loaded, checkpoint_protocol)
    if spec is None or _terms(spec) == _terms(expected):
        return loaded.model
    device = str(next(loaded.model.parameters()).device)
    return Lifter(loaded, device, flip, checkpoint_protocol=checkpoint_protocol)


def _evaluate_published(
    dataset: str, model: "Network | Lifter", data: Path, flip: bool, ground_truth: str
) -> "Report":
    """Evaluate a data set of the field."""
    with progress_bar(dataset, "clip") as progress:
        how: dict[str, Any] = {"flip": flip, "progress": progress}
        if dataset == "3dhp":
            from ..evaluation.mpi_inf_3dhp import evaluate_3dhp as score
        elif dataset == "h36m-sh":
            from ..evaluation.h36m_sh import evaluate_h36m_sh as score

            how["ground_truth"] = ground_truth
        else:
            from ..evaluation.h36m_cpn import evaluate_h36m_cpn as score

            how["ground_truth"] = ground_truth != "no"
        return score(model, data, **how)


def _terms(spec: "WeightsSpec") -> tuple[str, str, str]:
    """Return what weights and a protocol must have in common."""
    return spec.skeleton, spec.normalization, spec.unit
