"""The paper's experiments at a size that a CPU can train: its ablations, and systems side by side.

Every network of a table is trained on the same motion capture with the same plan, once for each
seed, and scored on the open benchmark. The rate is constant and what is scored is the moving
average of the weights, so a run can be looked at early and then go on.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from research.variants import AS_RELEASED, TABLES, Variant
from tcpformer.evaluation.open_benchmark import evaluate_open
from tcpformer.files import atomic_write
from tcpformer.lifting.lifter import Lifter
from tcpformer.models import MODELS, name_of
from tcpformer.models.checkpoint import Weights, WeightsSpec
from tcpformer.models.poseformerv2 import Config as PoseFormerV2
from tcpformer.models.strided_transformer import Config as Strided
from tcpformer.models.tcpformer import Config as TCPFormer
from tcpformer.training.config import Network, TrainConfig, config_to_dict
from tcpformer.training.hardware import HardwareConfig
from tcpformer.training.initialize import build_or_load_model
from tcpformer.training.run_dir import Row
from tcpformer.training.train import train

FRAMES_A_STEP = 432
"""Supervised output frames of a step, whatever the network: 48 clips of 9, or 432 centre frames."""
COLUMNS = {
    "clean_n_mpjpe": "N-MPJPE clean",
    "clean_p_mpjpe": "P-MPJPE clean",
    "clean_mpjve": "MPJVE clean, mm/s",
    "noisy_n_mpjpe": "N-MPJPE noisy",
    "noisy_p_mpjpe": "P-MPJPE noisy",
    "noisy_mpjve": "MPJVE noisy, mm/s",
}


_MACHINE = HardwareConfig(device="cpu", precision="bf16", tracker="none", score_every=1000)


@dataclass(frozen=True, kw_only=True)
class Given:
    """What every network is trained on and scored by."""

    data: Path
    """Motion capture to train on."""
    benchmark: Path
    """The open benchmark."""
    every: int = 4
    """Of the benchmark's views every so many are scored."""


@dataclass(frozen=True, kw_only=True)
class Budget(Given):
    """What every network of a table is given."""

    frames: int = 1_000_000
    """Output frames that are supervised."""
    seeds: int = 2


@dataclass(frozen=True)
class Result:
    """A table: for every network, the scores of every seed.

    Attributes:
        name: Which table.
        rows: Network -> one row of scores per seed.
        about: Network -> what is known of it (parameters, published figures, time).
    """

    name: str
    rows: dict[str, list[dict[str, float]]]
    about: dict[str, dict[str, float]]

    def table(self) -> str:
        """Mean and, after ±, standard deviation over the seeds, as Markdown."""
        extra = list(dict.fromkeys(key for about in self.about.values() for key in about))
        head = ["network", *extra, *COLUMNS.values()]
        lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        for name, seeds in self.rows.items():
            known = [f"{self.about[name][k]:,.6g}" if k in self.about[name] else "" for k in extra]
            values = [_spread([row[key] for row in seeds]) for key in COLUMNS]
            lines.append(f"| {' | '.join([name, *known, *values])} |")
        return "\n".join(lines)

    def write(self, folder: Path) -> None:
        """Write the table as Markdown, JSON and a chart.

        Raises:
            ImportError: If matplotlib is not installed.
        """
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
    name: str,
    base: TCPFormer,
    out: Path,
    budget: Budget,
    report: Callable[[str], None] = lambda line: None,
) -> Result:
    """Train and score the networks of one of the paper's tables ("modules", "proxy", ...).

    Joints are told apart from the start (`Variant.joints`), which shortens the first stretch.

    Args:
        name: A key of `models.ablations.TABLES`.
        base: The size; a row changes in it what it is about.
        out: A folder a network and seed; runs found there go on.
        budget: What each is given.
        report: Told of every network that is done.

    Raises:
        ValueError: If there is no such table.
    """
    if name not in TABLES:
        raise ValueError(f"no table {name!r}: expected one of {list(TABLES)} or 'systems'.")
    rows: dict[str, list[dict[str, float]]] = {}
    about: dict[str, dict[str, float]] = {}
    for row_name, row in TABLES[name].items():
        network = row.config(base)
        plan = _plan(network, budget.frames, replace(row.variant, joints="apart"))
        about[row_name] = {"published P1": row.p1, "parameters": _size(plan)}
        for seed in range(budget.seeds):
            run = replace(plan, seed=seed)
            scores = _scores(run, budget, out / _slug(row_name, seed))
            rows.setdefault(row_name, []).append(scores)
            report(f"{row_name}, seed {seed}: {rows[row_name][-1]}")
    return Result(name, rows, about)


def compare(
    systems: dict[str, Network],
    out: Path,
    budget: Budget,
    report: Callable[[str], None] = lambda line: None,
) -> list[Result]:
    """Train and score systems with equally many supervised frames, and in equal time.

    Time is that of the processor for one step, data included, with the first network's time for
    the frames of the budget as the measure.

    Args:
        systems: By name; the first is the measure.
        out: A folder a network and seed; runs found there go on.
        budget: What each is given; the time of the first is given to all.
        report: Told of every network that is done.
    """
    by_frames: dict[str, list[dict[str, float]]] = {name: [] for name in systems}
    by_time: dict[str, list[dict[str, float]]] = {name: [] for name in systems}
    plans = {name: _plan(network, budget.frames) for name, network in systems.items()}
    paces = {name: pace(plan, budget.data, out) for name, plan in plans.items()}
    steps = budget.frames // FRAMES_A_STEP
    in_time = {name: round(steps * next(iter(paces.values())) / p) for name, p in paces.items()}
    for seed, name in ((s, n) for s in range(budget.seeds) for n in systems):
        for last, found in sorted(((steps, by_frames), (in_time[name], by_time)), key=_first):
            run = replace(plans[name], seed=seed, steps=last)
            found[name].append(_scores(run, budget, out / _slug(name, seed)))
            report(f"{name}, seed {seed}, {last} steps: {found[name][-1]}")
    shared = {
        name: {"parameters": _size(plan), "ms a step": 1000 * paces[name]}
        for name, plan in plans.items()
    }
    frames = {n: shared[n] | {"frames": float(steps * FRAMES_A_STEP)} for n in systems}
    times = {n: shared[n] | {"frames": float(in_time[n] * FRAMES_A_STEP)} for n in systems}
    return [Result("equal_frames", by_frames, frames), Result("equal_time", by_time, times)]


def small_systems() -> dict[str, Network]:
    """The three systems at a quarter of a million parameters, clips of 9 frames.

    All see the detector's confidence, and none drops anything in training: no clip comes twice.
    """
    ours = TCPFormer(frames=9, depth=2, width=32, heads=4, representation=512)
    frequencies = PoseFormerV2(
        frames=9, kept_frames=3, kept_coefficients=3, width=8, depth=1, drop_path=0.0, inputs=3
    )
    strided = Strided(
        frames=9, strides=(3, 3), width=64, hidden=144, dropout=0.0, layer_dropout=0.0, inputs=3
    )
    return {"TCPFormer": ours, "PoseFormerV2": frequencies, "StridedTransformer": strided}


def pace(plan: TrainConfig, data: Path, out: Path, machine: HardwareConfig = _MACHINE) -> float:
    """Seconds of processor time for a step: the median of 30, after 5; kept in a file in `out`."""
    kept = out / f"pace_{name_of(plan.network)}_{plan.batch}.json"
    about = {"network": config_to_dict(plan)["network"], "data": file_mark(data)}
    if (known := found(kept, about)) is not None:
        return known
    times = [time.process_time()]
    with TemporaryDirectory() as folder:
        train(
            replace(plan, steps=36, select="last"),
            data,
            folder,
            machine,
            progress=lambda done, total: times.append(time.process_time()),
        )
    seconds = median(np.diff(times[5:-1]))
    out.mkdir(parents=True, exist_ok=True)
    keep(kept, about, seconds)
    return seconds


def _scores(plan: TrainConfig, budget: Budget, out: Path) -> dict[str, float]:
    """Train, or find it done; and score."""
    kept = out / f"scores_{plan.steps}_{budget.every}.json"
    about = {
        "plan": config_to_dict(plan),
        "data": file_mark(budget.data),
        "benchmark": file_mark(budget.benchmark),
    }
    if (known := found(kept, about)) is not None:
        return known
    model = train(plan, budget.data, out, _MACHINE)
    convention = WeightsSpec(spacing=sum(plan.spacing) // 2)
    lifter = Lifter(Weights(model.eval(), convention, out.name), device="cpu")
    row: dict[str, float] = {}
    for kind in ("clean", "noisy"):
        how = {"noisy": kind == "noisy", "view_step": budget.every}
        scores = evaluate_open(lifter, budget.benchmark, **how).scores
        row |= {f"{kind}_{key}": value for key, value in scores.items()}
    keep(kept, about, row)
    return row


def file_mark(path: Path) -> list[str | int]:
    """What tells a file from others, wherever it lies."""
    return [path.name, path.stat().st_size]


def found(path: Path, about: Row) -> Any:
    """The answer that a file keeps, if it is to the same question; else None."""
    kept: Any = json.loads(path.read_text()) if path.exists() else None
    same = isinstance(kept, dict) and kept.get("about") == json.loads(json.dumps(about))
    return kept["answer"] if same else None


def keep(path: Path, about: Row, answer: Any) -> None:
    """Keep an answer, and to what question."""
    with atomic_write(path) as beside:
        beside.write_text(json.dumps({"about": about, "answer": answer}) + "\n")


def _plan(network: Network, frames: int, variant: Variant = AS_RELEASED) -> TrainConfig:
    clip = 1 if MODELS[name_of(network)].centre else network.frames
    return TrainConfig(
        network=network,
        variant=variant,
        spacing=(3, 12) if network.frames < 27 else (2, 6),
        batch=FRAMES_A_STEP // clip,
        steps=frames // FRAMES_A_STEP,
        warmup=100,
        rate=1e-3,
        clip_gradient=1.0,
        average=0.997,
    )


def _size(plan: TrainConfig) -> float:
    return float(sum(p.numel() for p in build_or_load_model(plan).parameters()))


def _slug(name: str, seed: int) -> str:
    return f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}_{seed}"


def _spread(values: list[float]) -> str:
    return (
        f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"
        if values[1:]
        else f"{values[0]:.1f}"
    )


def _first(pair: tuple[int, object]) -> int:
    return pair[0]
