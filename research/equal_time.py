"""The packaged network, two published ones of its size and its two parts, from nothing in one time.

Time is that of one processor, data included. A network may be trained in stages, as the packaged
ones are: whole poses first, then layers of joints beside them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from pathlib import Path

from research.ablations import Given, file_mark, found, keep, pace
from tcpformer.evaluation.open_benchmark import evaluate_open
from tcpformer.evaluation.report import LABELS, Report, Row, write_reports
from tcpformer.lifting.lifter import Lifter
from tcpformer.models import build
from tcpformer.models.hybrid import Config as Hybrid
from tcpformer.models.poseformerv2 import Config as PoseFormerV2
from tcpformer.models.strided_transformer import Config as Strided
from tcpformer.training.config import PRESETS, Network, TrainConfig, with_network
from tcpformer.training.hardware import HardwareConfig
from tcpformer.training.run_dir import RunDir
from tcpformer.training.train import train

MACHINE = HardwareConfig(device="cpu", tracker="none", score_every=500)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Part of a training; it starts from what the stage before it made."""

    network: Network
    share: float = 1.0
    """Of the time."""
    batch: int = 64
    """Clips."""
    rate: float = 4e-3
    """Highest, which falls to 0 over the second half of the stage."""


def contestants() -> dict[str, tuple[Stage, ...]]:
    """The packaged default, what it is made of, and two published networks of its size.

    All have clips of the same two seconds, ours in 9 frames, of which it learns most in so short a
    time, the published ones in 9 and in 27. All see the detector's confidence; none drops anything
    in training, in which no clip comes twice. PoseFormerV2 keeps of 27 frames what it keeps of 81
    as published, which is how long they are here, and of 9 in proportion. The rate is the best of
    1, 2 and 4e-3 after 160 steps of 27 frames, for each of the two and for whole poses; TCPFormer's
    alone is not tuned.
    """
    packaged = PRESETS["open"].network
    assert isinstance(packaged, Hybrid)
    joints = replace(packaged, frames=9)
    alone = replace(joints, pose_layers=0, rotary_poses=False)
    first = Stage(network=joints.pose_transformer, share=0.75, batch=192)
    then = Stage(network=joints, share=0.25, batch=96, rate=5e-4)
    return {
        "TCPFormer with whole poses": (first, then),
        "PoseFormerV2, 9 frames": (Stage(network=_frequencies(9), batch=128),),
        "PoseFormerV2, 27 frames": (Stage(network=_frequencies(27), batch=128),),
        "StridedTransformer, 9 frames": (Stage(network=_strided(9)),),
        "StridedTransformer, 27 frames": (Stage(network=_strided(27)),),
        "TCPFormer": (Stage(network=alone, batch=48, rate=2e-3),),
        "whole poses alone": (replace(first, share=1.0),),
    }


def _frequencies(frames: int) -> PoseFormerV2:
    kept = {"kept_frames": frames // 3, "kept_coefficients": frames // 3}
    return PoseFormerV2(frames=frames, **kept, width=16, drop_path=0.0, inputs=3)


def _strided(frames: int) -> Strided:
    strides = (3,) * round(log(frames, 3))
    layers = {"strides": strides, "depth": 6 - len(strides)}  # as many in all as published
    return Strided(frames=frames, **layers, dropout=0.0, layer_dropout=0.0, inputs=3)


@dataclass(frozen=True, kw_only=True)
class Rules(Given):
    """What is the same for all."""

    minutes: float = 30.0
    """Of one processor, for each network."""


def contest(
    systems: Mapping[str, Sequence[Stage]],
    out: Path,
    rules: Rules,
    report: Callable[[str], None] = lambda line: None,
) -> str:
    """Train each network for as long, and score it on the open benchmark.

    Args:
        systems: By name.
        out: A folder a network, with its runs and its reports, by activity too; runs that are found
            there go on.
        rules: What is the same for all.
        report: Told of every network that is done.

    Returns:
        The scores over all of the benchmark, a table each for exact and noisy 2D, as Markdown.
    """
    rows: dict[str, dict[str, Row]] = {"clean": {}, "noisy": {}}
    for name, stages in systems.items():
        folder = out / name.lower().replace(",", "").replace(" ", "-")
        weights, frames = _train(stages, folder, rules)
        reports = _score(weights, weights.parent / f"report_{rules.every}", rules)
        size = sum(p.numel() for p in build(stages[-1].network).parameters())
        for kind, scores in reports.items():
            rows[kind][f"{name} | {size:,} | {frames:,}"] = scores
        report(f"{name}: {reports}")
    return "\n\n".join(_table(kind, found) for kind, found in rows.items())


def _train(stages: Sequence[Stage], folder: Path, rules: Rules) -> tuple[Path, int]:
    """The folder of the last stage's weights, and the frames of all the clips that were seen."""
    weights, frames = None, 0
    for number, stage in enumerate(stages):
        plan = _plan(stage, weights)
        steps = 60 * rules.minutes * stage.share / pace(plan, rules.data, folder, MACHINE)
        plan = replace(plan, steps=max(round(steps), 1))
        run = folder / f"stage_{number}_{plan.steps}"
        if (run / "done").exists():
            RunDir(run).left(plan, processes=1)  # refuses another plan
        else:
            train(plan, rules.data, run, MACHINE)
            (run / "done").touch()
        weights = run / "weights"
        frames += plan.steps * plan.batch * stage.network.frames
    assert weights is not None
    return weights, frames


def _plan(stage: Stage, weights: Path | None) -> TrainConfig:
    return replace(
        with_network(PRESETS["open"], stage.network),
        init=None if weights is None else str(weights),
        batch=stage.batch,
        accumulate=1,
        rate=stage.rate,
        warmup=50,
        cooldown=0.5,
        average=0.99,
        select="last",
    )


def _score(weights: Path, folder: Path, rules: Rules) -> dict[str, Row]:
    kept, asked = folder / "report.json", folder / "asked.json"
    about = {"benchmark": file_mark(rules.benchmark)}
    if found(asked, about) is None:
        lifter = Lifter(weights, device="cpu")
        reports: dict[str, Report] = {
            kind: evaluate_open(
                lifter, rules.benchmark, noisy=kind == "noisy", view_step=rules.every
            )
            for kind in ("clean", "noisy")
        }
        write_reports(reports, folder)
        keep(asked, about, answer=True)
    said = json.loads(kept.read_text())
    return {kind: {key: said[kind][key] for key in LABELS if key in said[kind]} for kind in said}


def _table(kind: str, rows: Mapping[str, Row]) -> str:
    columns = [key for key in LABELS if key in next(iter(rows.values())) and key != "frames"]
    heads = [f"{kind} 2D", "parameters", "frames seen", *(LABELS[key][0] for key in columns)]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, row in rows.items():
        cells = [f"{row[key]:.{LABELS[key][1]}f}" for key in columns]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)
