"""The paper's experiments at a size for a CPU: its ablations, and a comparison of systems.

    python -m research.ablations TABLE --data MOCAP.npz --benchmark OPEN.npz --out FOLDER

Every network of a table trains on the same motion capture with the same configuration, once for
each seed, and is scored on the open benchmark. The learning rate is constant and the moving average
of the weights is scored, so a run can be scored early and then resume.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import tyro

from research.variants import TABLES
from tcpformer.cli._terminal import prepare_training
from tcpformer.evaluation.open_benchmark import evaluate_open
from tcpformer.files import atomic_write, make_writable
from tcpformer.lifting.lifter import Lifter
from tcpformer.models import build, lifts_center_only, name_of
from tcpformer.models.hybrid import Config as Hybrid
from tcpformer.models.poseformerv2 import Config as PoseFormerV2
from tcpformer.models.strided_transformer import Config as Strided
from tcpformer.models.tcpformer import Config as TCPFormer
from tcpformer.training.config import Network, TrainConfig
from tcpformer.training.hardware import HardwareConfig
from tcpformer.training.presets import config_to_dict
from tcpformer.training.run_dir import Row
from tcpformer.training.train import train
from tcpformer.weights import Weights, WeightsSpec

FRAMES_PER_STEP = 432
"""Supervised output frames of a step of any network: 48 clips of 9, or 432 center frames."""
COLUMNS = {
    "clean_n_mpjpe": "N-MPJPE clean",
    "clean_p_mpjpe": "P-MPJPE clean",
    "clean_mpjve": "MPJVE clean, mm/s",
    "noisy_n_mpjpe": "N-MPJPE noisy",
    "noisy_p_mpjpe": "P-MPJPE noisy",
    "noisy_mpjve": "MPJVE noisy, mm/s",
}
_HARDWARE = HardwareConfig(device="cpu", precision="bf16", tracker="none", validate_every=1000)
Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Files:
    """What every network trains on and is scored by."""

    data: Path
    """Motion capture to train on."""
    benchmark: Path
    """The open benchmark."""
    view_step: int = 4
    """Score every n-th view of the benchmark."""


@dataclass(frozen=True, kw_only=True)
class Budget(Files):
    """What every network of a table gets."""

    frames: int = 1_000_000
    """Supervised output frames per run."""
    seeds: int = 2
    """Runs per network."""


@dataclass(frozen=True)
class Result:
    """A table: for every network, the scores of every seed."""

    name: str
    """Of the table and its files."""
    rows: dict[str, list[dict[str, float]]]
    """Network -> one row of scores per seed."""
    about: dict[str, dict[str, float]]
    """Network -> further columns (parameters, published figures, time)."""

    def table(self) -> str:
        """Return mean and, after ±, standard deviation over the seeds, as Markdown."""
        extra = list(dict.fromkeys(key for about in self.about.values() for key in about))
        head = ["network", *extra, *COLUMNS.values()]
        lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        for name, seeds in self.rows.items():
            known = [f"{self.about[name][k]:,.6g}" if k in self.about[name] else "" for k in extra]
            values = [_mean_and_std([row[key] for row in seeds]) for key in COLUMNS]
            lines.append(f"| {' | '.join([name, *known, *values])} |")
        return "\n".join(lines)

    def write(self, folder: Path) -> None:
        """Write the table as Markdown, JSON and a chart."""
        with atomic_write(folder / f"{self.name}.md") as beside:
            beside.write_text(self.table() + "\n")
        with atomic_write(folder / f"{self.name}.json") as beside:
            beside.write_text(json.dumps({"rows": self.rows, "about": self.about}, indent=1) + "\n")
        self._draw(folder / f"{self.name}.png")

    def _draw(self, path: Path) -> None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 1.2 + 0.55 * len(self.rows)), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, key in zip(panels, ("clean_n_mpjpe", "noisy_n_mpjpe"), strict=True):
            for y, seeds in enumerate(self.rows.values()):
                values = [row[key] for row in seeds]
                axes.barh(y, np.mean(values), color="#8fb8de", height=0.6)
                axes.plot(values, [y] * len(values), "o", color="#1f3b57", markersize=4)
            every = [row[key] for seeds in self.rows.values() for row in seeds]
            axes.set(xlim=(0.9 * min(every), 1.03 * max(every)), xlabel=f"{COLUMNS[key]}, mm")
        panels[0].set(yticks=range(len(self.rows)), yticklabels=list(self.rows))
        panels[0].invert_yaxis()
        with atomic_write(path) as beside:
            figure.savefig(beside, dpi=120)


def ablate(
    name: str, base: TCPFormer, out: Path, budget: Budget, report: Report = lambda line: None
) -> Result:
    """Train and score the networks of one of the paper's tables ("modules", "proxy", ...).

    Joints start with different position vectors (`joint_start="apart"`), which shortens the first
    part of the training.

    Args:
        name: A key of `variants.TABLES`.
        base: The size; each row changes its fields.
        out: Gets a folder for each network and seed; runs in it resume.

    Raises:
        ValueError: If there is no such table.
    """
    if name not in TABLES:
        raise ValueError(f"no table {name!r}: expected one of {list(TABLES)} or 'systems'.")
    rows: dict[str, list[dict[str, float]]] = {}
    about: dict[str, dict[str, float]] = {}
    for row_name, row in TABLES[name].items():
        config = _config(replace(row.config(base), joint_start="apart"), budget.frames)
        about[row_name] = {"published P1": row.p1, "parameters": _parameters(config)}
        for seed in range(budget.seeds):
            scores = _scores(replace(config, seed=seed), budget, out / _slug(row_name, seed))
            rows.setdefault(row_name, []).append(scores)
            report(f"{row_name}, seed {seed}: {scores}")
    return Result(name, rows, about)


def compare(
    systems: dict[str, Network], out: Path, budget: Budget, report: Report = lambda line: None
) -> list[Result]:
    """Train and score systems with the same number of supervised frames, and in the same time.

    Time is processor time of a step with its data; all get what the first network takes for the
    frames of the budget. ``out`` gets a folder for each network and seed; runs in it resume.
    """
    by_frames: dict[str, list[dict[str, float]]] = {name: [] for name in systems}
    by_time: dict[str, list[dict[str, float]]] = {name: [] for name in systems}
    configs = {name: _config(network, budget.frames) for name, network in systems.items()}
    paces = {name: seconds_per_step(config, budget.data, out) for name, config in configs.items()}
    steps = budget.frames // FRAMES_PER_STEP
    in_time = {name: round(steps * next(iter(paces.values())) / p) for name, p in paces.items()}
    for seed, name in ((s, n) for s in range(budget.seeds) for n in systems):
        # The shorter run comes first: the longer one resumes from it.
        for last, rows in sorted(
            ((steps, by_frames), (in_time[name], by_time)), key=lambda x: x[0]
        ):
            config = replace(configs[name], seed=seed, steps=last)
            rows[name].append(_scores(config, budget, out / _slug(name, seed)))
            report(f"{name}, seed {seed}, {last} steps: {rows[name][-1]}")
    shared = {
        name: {"parameters": _parameters(config), "ms a step": 1000 * paces[name]}
        for name, config in configs.items()
    }
    frames = {n: shared[n] | {"frames": float(steps * FRAMES_PER_STEP)} for n in systems}
    times = {n: shared[n] | {"frames": float(in_time[n] * FRAMES_PER_STEP)} for n in systems}
    return [Result("equal_frames", by_frames, frames), Result("equal_time", by_time, times)]


def small_systems() -> dict[str, Network]:
    """Return three systems of a quarter of a million parameters, with clips of 9 frames.

    All get the detector's confidence, and none uses dropout: no clip comes twice.
    """
    ours = TCPFormer(frames=9, depth=2, width=32, heads=4, representation=512)
    frequencies = PoseFormerV2(
        frames=9, kept_frames=3, kept_coefficients=3, width=8, depth=1, drop_path=0.0, inputs=3
    )
    strided = Strided(
        frames=9, strides=(3, 3), width=64, hidden=144, dropout=0.0, layer_dropout=0.0, inputs=3
    )
    return {"TCPFormer": ours, "PoseFormerV2": frequencies, "StridedTransformer": strided}


def seconds_per_step(
    config: TrainConfig, data: Path, out: Path, hardware: HardwareConfig = _HARDWARE
) -> float:
    """Measure the processor time of a step: the median of 30 after 5; cached in `out`."""
    cache = out / f"pace_{name_of(config.network)}_{config.batch_size}.json"
    about = {"network": config_to_dict(config)["network"], "data": file_mark(data)}
    if (known := load_answer(cache, about)) is not None:
        return known
    times = [time.process_time()]
    with TemporaryDirectory() as folder:
        train(
            replace(config, steps=36, checkpoint_selection="last"),
            data,
            folder,
            hardware,
            progress=lambda done, total: times.append(time.process_time()),
        )
    seconds = median(np.diff(times[5:-1]))
    out.mkdir(parents=True, exist_ok=True)
    save_answer(cache, about, seconds)
    return seconds


def file_mark(path: Path) -> list[str | int]:
    """Return what tells a file from others, wherever it is."""
    return [path.name, path.stat().st_size]


def load_answer(path: Path, about: Row) -> Any:
    """Return the answer in a file if it was saved with the same ``about``; else None."""
    saved: Any = json.loads(path.read_text()) if path.exists() else None
    same = isinstance(saved, dict) and saved.get("about") == json.loads(json.dumps(about))
    return saved["answer"] if same else None


def save_answer(path: Path, about: Row, answer: Any) -> None:
    """Save an answer with what it depends on."""
    with atomic_write(path) as beside:
        beside.write_text(json.dumps({"about": about, "answer": answer}) + "\n")


def _scores(config: TrainConfig, budget: Budget, out: Path) -> dict[str, float]:
    """Train and score a network, or load its scores."""
    cache = out / f"scores_{config.steps}_{budget.view_step}.json"
    about = {
        "config": config_to_dict(config),
        "data": file_mark(budget.data),
        "benchmark": file_mark(budget.benchmark),
    }
    if (known := load_answer(cache, about)) is not None:
        return known
    model = train(config, budget.data, out, _HARDWARE)
    spec = WeightsSpec(frame_step=sum(config.frame_step) // 2)
    lifter = Lifter(Weights(model.eval(), spec, out.name), device="cpu")
    row: dict[str, float] = {}
    for kind in ("clean", "noisy"):
        how = {"noisy": kind == "noisy", "view_step": budget.view_step}
        scores = evaluate_open(lifter, budget.benchmark, **how).scores
        row |= {f"{kind}_{key}": value for key, value in scores.items()}
    save_answer(cache, about, row)
    return row


def _config(network: Network, frames: int) -> TrainConfig:
    clip = 1 if lifts_center_only(build(network)) else network.frames
    return TrainConfig(
        network=network,
        frame_step=(3, 12) if network.frames < 27 else (2, 6),
        batch_size=FRAMES_PER_STEP // clip,
        steps=frames // FRAMES_PER_STEP,
        warmup=100,
        lr=1e-3,
        grad_clip_norm=1.0,
        ema_decay=0.997,
    )


def _parameters(config: TrainConfig) -> float:
    return float(sum(p.numel() for p in build(config.network).parameters()))


def _slug(name: str, seed: int) -> str:
    return f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}_{seed}"


def _mean_and_std(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"


@dataclass(frozen=True, kw_only=True)
class Options(Budget):
    """Options of the command line."""

    out: Path
    """Folder for the runs and the results."""
    frames_per_clip: int = 27
    """Frames of a clip (not of systems, nor the next two)."""
    depth: int = 2
    """Layers."""
    width: int = 32
    """Channels."""
    threads: int = 1
    """CPU threads."""


def run(
    table: tyro.conf.Positional[Literal["modules", "proxy", "operators", "mixing", "systems"]],
    options: tyro.conf.OmitArgPrefixes[Options],
) -> None:
    """Run one of the paper's ablations, or a comparison of systems.

    Writes the table as Markdown and JSON, and a chart. Finished runs are not repeated.

    Args:
        table: Tables 4 to 7 of the paper, in this order; or TCPFormer against PoseFormerV2 and
            StridedTransformer, each with 250,000 parameters and clips of 9 frames.
        options: What each network gets.
    """
    prepare_training(options.threads)
    make_writable(options.out)
    if table == "systems":
        results = compare(small_systems(), options.out, options, report=print)
    else:
        base = Hybrid(
            frames=options.frames_per_clip,
            depth=options.depth,
            width=options.width,
            heads=4,
            representation=256,
            pose_embedding=True,  # without it, networks hardly differ after a million frames
        )
        results = [ablate(table, base, options.out, options, report=print)]
    for result in results:
        result.write(options.out)
        print(f"\n{result.name}\n\n{result.table()}")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    tyro.cli(run, prog="python -m research.ablations", args=arguments)


if __name__ == "__main__":
    main()
