"""The packaged network, its two parts, and two published networks, trained for the same time.

    python -m research.equal_time --data MOCAP.npz --benchmark OPEN.npz --out FOLDER

All start from random weights. Time is that of one processor, data included. A network may train in
stages, as the packaged ones do: first the pose transformer, then layers of joints beside it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from pathlib import Path

import tyro

from research.ablations import Files, file_mark, load_answer, save_answer, seconds_per_step
from research.surgery import convert_model
from tcpformer.cli._terminal import prepare_training
from tcpformer.evaluation.open_benchmark import evaluate_open
from tcpformer.evaluation.report import LABELS, Report, Row, write_reports
from tcpformer.files import atomic_write, make_writable
from tcpformer.lifting.lifter import Lifter
from tcpformer.models import build
from tcpformer.models.checkpoint import load_weights, save_model
from tcpformer.models.hybrid import Config as Hybrid
from tcpformer.models.poseformerv2 import Config as PoseFormerV2
from tcpformer.models.strided_transformer import Config as Strided
from tcpformer.training.config import PACKAGED_NETWORK, Network, TrainConfig
from tcpformer.training.hardware import HardwareConfig
from tcpformer.training.presets import PRESETS, with_network
from tcpformer.training.run_dir import RunDir
from tcpformer.training.train import train

HARDWARE = HardwareConfig(device="cpu", tracker="none", validate_every=500)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Part of a training; it starts from the weights of the stage before it."""

    network: Network
    share: float = 1.0
    """Of the time."""
    batch_size: int = 64
    """Clips."""
    lr: float = 4e-3
    """Highest learning rate, which falls to 0 over the second half of the stage."""


def contestants() -> dict[str, tuple[Stage, ...]]:
    """Return the packaged network, its parts, and two published networks of its size.

    All have clips of the same two seconds: ours in 9 frames, from which it learns most in so short
    a time, the published ones in 9 and in 27. All get the detector's confidence, and none uses
    dropout: no clip comes twice. PoseFormerV2 keeps of 27 frames what it keeps of 81 as published,
    which last as long, and of 9 in proportion. For both published networks and the pose transformer
    the learning rate is the best of 1, 2 and 4e-3 after 160 steps of 27 frames; that of TCPFormer
    alone is not tuned.
    """
    joints = replace(PACKAGED_NETWORK, frames=9)
    alone = Hybrid(**(vars(joints) | {"pose_layers": 0, "rotary_poses": False}))
    first = Stage(network=joints.pose_transformer, share=0.75, batch_size=192)
    then = Stage(network=joints, share=0.25, batch_size=96, lr=5e-4)
    return {
        "TCPFormer with pose transformer": (first, then),
        "PoseFormerV2, 9 frames": (Stage(network=_frequencies(9), batch_size=128),),
        "PoseFormerV2, 27 frames": (Stage(network=_frequencies(27), batch_size=128),),
        "StridedTransformer, 9 frames": (Stage(network=_strided(9)),),
        "StridedTransformer, 27 frames": (Stage(network=_strided(27)),),
        "TCPFormer": (Stage(network=alone, batch_size=48, lr=2e-3),),
        "pose transformer alone": (replace(first, share=1.0),),
    }


def _frequencies(frames: int) -> PoseFormerV2:
    kept = {"kept_frames": frames // 3, "kept_coefficients": frames // 3}
    return PoseFormerV2(frames=frames, **kept, width=16, drop_path=0.0, inputs=3)


def _strided(frames: int) -> Strided:
    strides = (3,) * round(log(frames, 3))
    layers = {"strides": strides, "depth": 6 - len(strides)}  # as many in total as published
    return Strided(frames=frames, **layers, dropout=0.0, layer_dropout=0.0, inputs=3)


@dataclass(frozen=True, kw_only=True)
class Rules(Files):
    """What is the same for all."""

    minutes: float = 30.0
    """Time of one processor, for each network."""


def contest(
    systems: Mapping[str, Sequence[Stage]],
    out: Path,
    rules: Rules,
    report: Callable[[str], None] = lambda line: None,
) -> str:
    """Train each network for the same time, and score it on the open benchmark.

    ``out`` gets a folder for each network, with its runs and reports; runs in it resume. Returns
    the scores over all of the benchmark, a table each for exact and noisy 2D, as Markdown.
    """
    rows: dict[str, dict[str, Row]] = {"clean": {}, "noisy": {}}
    for name, stages in systems.items():
        folder = out / name.lower().replace(",", "").replace(" ", "-")
        weights, frames = _train_stages(stages, folder, rules)
        reports = _score(weights, weights.parent / f"report_{rules.view_step}", rules)
        size = sum(p.numel() for p in build(stages[-1].network).parameters())
        for kind, scores in reports.items():
            rows[kind][f"{name} | {size:,} | {frames:,}"] = scores
        report(f"{name}: {reports}")
    return "\n\n".join(_table(kind, scores) for kind, scores in rows.items())


def _train_stages(stages: Sequence[Stage], folder: Path, rules: Rules) -> tuple[Path, int]:
    """Return the folder of the last stage's weights, and the frames of all training clips."""
    weights, frames = None, 0
    for number, stage in enumerate(stages):
        config = _config(stage)
        pace = seconds_per_step(config, rules.data, folder, HARDWARE)
        steps = max(round(60 * rules.minutes * stage.share / pace), 1)
        run = folder / f"stage_{number}_{steps}"
        if weights is not None:
            config = replace(config, init_from=str(_converted(weights, stage, run)))
        config = replace(config, steps=steps)
        if (run / "done").exists():
            RunDir(run).load_checkpoint(config, processes=1)  # refuses another configuration
        else:
            train(config, rules.data, run, HARDWARE)
            (run / "done").touch()
        weights = run / "weights"
        frames += steps * config.batch_size * stage.network.frames
    assert weights is not None
    return weights, frames


def _converted(weights: Path, stage: Stage, run: Path) -> Path:
    """Write the weights of the stage before as weights of this stage's network."""
    start = run / "start"
    if not start.exists():
        loaded = load_weights(weights)
        save_model(convert_model(loaded.model, stage.network), start, spec=loaded.spec)
    return start


def _config(stage: Stage) -> TrainConfig:
    return replace(
        with_network(PRESETS["open"], stage.network),
        batch_size=stage.batch_size,
        grad_accum_steps=1,
        lr=stage.lr,
        warmup=50,
        cooldown=0.5,
        ema_decay=0.99,
        checkpoint_selection="last",
    )


def _score(weights: Path, folder: Path, rules: Rules) -> dict[str, Row]:
    cache = folder / "scored.json"
    about = {"benchmark": file_mark(rules.benchmark)}
    if load_answer(cache, about) is None:
        lifter = Lifter(weights, device="cpu")
        reports: dict[str, Report] = {
            kind: evaluate_open(
                lifter, rules.benchmark, noisy=kind == "noisy", view_step=rules.view_step
            )
            for kind in ("clean", "noisy")
        }
        write_reports(reports, folder)
        save_answer(cache, about, answer=True)
    content = json.loads((folder / "report.json").read_text())
    return {
        kind: {key: scores[key] for key in LABELS if key in scores}
        for kind, scores in content.items()
    }


def _table(kind: str, rows: Mapping[str, Row]) -> str:
    columns = [key for key in LABELS if key in next(iter(rows.values())) and key != "frames"]
    heads = [f"{kind} 2D", "parameters", "training frames", *(LABELS[key][0] for key in columns)]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, row in rows.items():
        cells = [f"{row[key]:.{LABELS[key][1]}f}" for key in columns]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Options(Rules):
    """Options of the command line."""

    out: Path
    """Folder for the runs and the results."""
    threads: int = 1
    """CPU threads."""


def run(options: tyro.conf.OmitArgPrefixes[Options]) -> None:
    """Train each network for the same time; write the scores as Markdown, and a report of each.

    Args:
        options: What is the same for all.
    """
    prepare_training(options.threads)
    make_writable(options.out)
    table = contest(contestants(), options.out, options, report=print)
    with atomic_write(options.out / "contest.md") as beside:
        beside.write_text(table + "\n")
    print(f"\n{table}")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    tyro.cli(run, prog="python -m research.equal_time", args=arguments)


if __name__ == "__main__":
    main()
