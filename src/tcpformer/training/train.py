"""Trains weights: one visible loop, on accelerate for devices, precision and several processes.

Everything that a run needs to go on is in its folder; a run that finds a checkpoint there goes on
from it, on one CPU to the very same bits.
"""

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import islice
from math import cos, inf, pi
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from ..models import inputs_of, supervised_outputs
from ..models.checkpoint import save_model
from ..runtime.memory import keep_memory
from .config import TrainConfig, config_to_dict
from .data import Source, open_source
from .hardware import HardwareConfig, accelerator_for, matmul_precision, wrap_layers
from .initialize import build_or_load_model, optimizer_for
from .losses import position_loss, scaled_position_loss, velocity_loss
from .run_dir import Row, RunDir
from .validate import BEST_BY, validate

if TYPE_CHECKING:
    from accelerate import Accelerator

LOG_EVERY = 100
SCORE_EVERY = 500


def train(
    plan: TrainConfig,
    data: str | Path,
    out: str | Path,
    machine: HardwareConfig | None = None,
    *,
    report: Callable[[Row], None] = lambda row: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> nn.Module:
    """Train, or go on training; returns the averaged network.

    Started by `accelerate launch` or `torchrun`, several processes share every step: its batch is
    ``plan.batch`` clips for each of them.

    Args:
        plan: What to do.
        data: What ``plan.data`` names: a file, or a folder.
        out: Run folder: checkpoint, weights, log and curves live there.
        machine: How to do it.
        report: Called with each row of the log.
        progress: Called with the steps done and in all.

    Raises:
        FileNotFoundError: If there are no such data.
        ImportError: If the extra "research" is not installed.
        ValueError: If data, folder, machine and plan do not fit each other.
    """
    run = _begin(plan, data, Path(out), machine or HardwareConfig())
    accelerator, objective, optimizer = run.accelerator, run.objective, run.optimizer
    batches = _batches(run)
    with matmul_precision(run.machine):
        while run.step < run.steps:
            for group in optimizer.param_groups:
                group["lr"] = plan.rate * rate_at(run.step, run.steps, plan, run.epoch(run.step))
            for clips in islice(batches, plan.accumulate):
                with accelerator.accumulate(objective):
                    loss = objective(*clips)
                    accelerator.backward(loss)
                    if accelerator.sync_gradients and plan.clip_gradient:
                        accelerator.clip_grad_norm_(objective.parameters(), plan.clip_gradient)
                    optimizer.step()
                    optimizer.zero_grad()
                run.losses.append(loss.detach())
            run.step += 1
            follow(run.mean, run.model, min(plan.average, run.step / (run.step + 10)))
            _write_down(run, report)
            if accelerator.is_main_process:
                _save(run)
                progress(run.step, run.steps)
    accelerator.end_training()
    if accelerator.is_main_process:
        run.record.draw()
    return run.mean


@dataclass(kw_only=True)
class Run:
    """What a run consists of; the last few are what changes from step to step."""

    plan: TrainConfig
    machine: HardwareConfig
    data: str | Path
    record: RunDir
    accelerator: "Accelerator"
    source: Source
    model: nn.Module
    mean: nn.Module
    """The moving average of the model."""
    objective: nn.Module
    optimizer: Any
    step: int = 0
    losses: list[Tensor] = field(default_factory=list)
    """Since the last row of the log."""
    best: float = inf
    """The lowest error so far."""
    seconds: float = 0.0
    """Spent before this process began."""
    began: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)

    @property
    def steps(self) -> int:
        return self.plan.steps or -(-self.plan.epochs * self.source.epoch // self._clips_a_step)

    def epoch(self, step: int) -> int:
        """Passes over the data that are done before a step."""
        return step * self._clips_a_step // self.source.epoch

    def state(self) -> Row:
        """All that it takes to go on."""
        return {
            **{key: part.state_dict() for key, part in self.parts().items()},
            "losses": [x.item() for x in self.losses],
            "seconds": self.spent(),
            **{key: getattr(self, key) for key in ("step", "best")},
            "plan": config_to_dict(self.plan),
            "processes": self.accelerator.num_processes,
            "mark": self.source.mark,
        }

    def restore(self, state: Row) -> None:
        for key, part in self.parts().items():
            part.load_state_dict(state[key])
        self.losses = [torch.tensor(x, device=self.accelerator.device) for x in state["losses"]]
        self.step, self.best, self.seconds = state["step"], state["best"], state["seconds"]

    def parts(self) -> dict[str, Any]:
        parts = {"model": self.model, "mean": self.mean, "optimizer": self.optimizer}
        scaler = self.accelerator.scaler
        return parts if scaler is None else parts | {"scaler": scaler}

    def spent(self) -> float:
        return self.seconds + time.monotonic() - self.began

    @property
    def _clips_a_step(self) -> int:
        return self.plan.batch * self.plan.accumulate * self.accelerator.num_processes


class Objective(nn.Module):
    """A network together with what training minimises, so that processes share one forward."""

    def __init__(self, network: nn.Module, plan: TrainConfig) -> None:
        super().__init__()
        self.network = network
        self.plan = plan

    def forward(
        self,
        xyc: Float[Tensor, "b t j 3"],
        flat: Float[Tensor, "b t j 3"],
        true: Float[Tensor, "b t j 3"],
    ) -> Float[Tensor, ""]:
        """The loss of one batch; an answer for one frame is one for the middle of the clip."""
        total = xyc.new_zeros(())
        for answer in supervised_outputs(self.network, xyc[..., : inputs_of(self.network)]):
            middle = slice(xyc.shape[1] // 2, xyc.shape[1] // 2 + 1)
            frames = middle if answer.shape[1] == 1 else slice(None)
            pred, wanted = flat[:, frames] + answer.float(), true[:, frames]
            total = total + position_loss(pred, wanted)
            if self.plan.scaled_weight:
                total = total + self.plan.scaled_weight * scaled_position_loss(pred, wanted)
            if self.plan.velocity_weight:
                total = total + self.plan.velocity_weight * velocity_loss(pred, wanted)
        return total


def rate_at(step: int, steps: int, plan: TrainConfig, epoch: int = 0) -> float:
    """Share of the full learning rate: up, level or falling by epoch, and down to 0 at the end."""
    down = min(1.0, (steps - step) / max(plan.cooldown * steps, 1))
    if plan.shape == "cosine":
        down = (1 - cos(pi * down)) / 2
    return min(1.0, (step + 1) / max(plan.warmup, 1)) * plan.decay**epoch * down


@torch.no_grad()
def follow(mean: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the averaged weights a little toward the present ones."""
    get_ema_multi_avg_fn(decay)(list(mean.parameters()), list(model.parameters()), 0)
    for kept, present in zip(mean.buffers(), model.buffers(), strict=True):
        if kept.is_floating_point():  # what a batch norm has seen belongs to its weights
            kept.lerp_(present, 1 - decay)
        else:
            kept.copy_(present)


def _begin(plan: TrainConfig, data: str | Path, out: Path, machine: HardwareConfig) -> Run:
    """Set up all that a run needs, and put an earlier run's numbers back."""
    record, accelerator = RunDir(out), accelerator_for(plan, machine, out)
    state = record.left(plan, accelerator.num_processes)
    with accelerator.main_process_first():  # which may have to unpack them
        source = open_source(plan, data)
    torch.manual_seed(plan.seed)
    keep_memory()
    model = build_or_load_model(plan)
    mean = deepcopy(model).requires_grad_(False).eval().to(accelerator.device)
    wrap_layers(model, machine)
    objective, optimizer = accelerator.prepare(Objective(model, plan), optimizer_for(model, plan))
    run = Run(
        plan=plan,
        machine=machine,
        data=data,
        record=record,
        accelerator=accelerator,
        source=source,
        model=model,
        mean=mean,
        objective=objective,
        optimizer=optimizer,
    )
    if state is not None:
        run.restore(state)
        if not np.allclose(state.get("mark", source.mark), source.mark, rtol=1e-4):
            raise ValueError(f"{out} holds a run on other data than {data}; give another folder.")
        if run.step > run.steps:
            raise ValueError(
                f"{out} holds a run of {run.step} steps already, {run.steps} were asked for; give "
                "another folder, or more steps."
            )
    if accelerator.is_main_process:
        about = {"data": str(data), "processes": accelerator.num_processes}
        record.begin(plan, machine, run.step, **about)
    accelerator.init_trackers("tcpformer")
    return run


@dataclass(frozen=True)
class Parts(Dataset[tuple[Tensor, ...]]):
    """Of every batch, by number, the part of one process."""

    source: Source
    size: int
    process: int
    processes: int

    def __getitem__(self, number: int) -> tuple[Tensor, ...]:
        clips = self.source.batch(number, self.size * self.processes)
        part = slice(self.process * self.size, (self.process + 1) * self.size)
        return tuple(torch.from_numpy(x[part]) for x in (clips.xyc, clips.flat, clips.xyz))


def _batches(run: Run) -> Iterator[tuple[Tensor, ...]]:
    """This process's part of the batches that are left, drawn ahead where there are workers."""
    plan, accelerator = run.plan, run.accelerator
    mine, on_gpu = accelerator.process_index, accelerator.device.type == "cuda"
    numbers = range(run.step * plan.accumulate, run.steps * plan.accumulate)
    parts = Parts(run.source, plan.batch, mine, accelerator.num_processes)
    workers = run.machine.workers
    drawn = DataLoader(
        parts, batch_size=None, sampler=numbers, num_workers=workers, pin_memory=on_gpu
    )
    for number, clips in zip(numbers, drawn, strict=True):
        seed = np.random.SeedSequence([plan.seed, number, mine]).generate_state(1)[0]
        torch.manual_seed(int(seed))  # dropout, too, goes by number
        yield tuple(x.to(accelerator.device, non_blocking=on_gpu) for x in clips)


def _write_down(run: Run, report: Callable[[Row], None]) -> None:
    """Log every so often; and score, which decides on the best weights."""
    last, scored = run.step == run.steps, _is_scored(run)
    if not (last or scored or run.step % LOG_EVERY == 0):
        return
    mean: Any = run.accelerator.reduce(torch.stack(run.losses).mean(), "mean")
    run.losses.clear()
    if not run.accelerator.is_main_process:
        return
    row = {"step": run.step, "loss": mean.item(), "seconds": run.spent()}
    if last or scored:
        row |= validate(run.mean, run.plan, run.source, run.data)
        errors = [row[key] for key in row if key in BEST_BY]
        if errors and (error := sum(errors) / len(errors)) < run.best:
            run.best = error
            _save_weights(run, "best")
    run.record.log(row)
    run.accelerator.log(row, run.step)
    report(row)


def _is_scored(run: Run) -> bool:
    if run.machine.score_every or not run.plan.epochs:
        return run.step % (run.machine.score_every or SCORE_EVERY) == 0
    return run.epoch(run.step) > run.epoch(run.step - 1)


def _save(run: Run) -> None:
    """Keep the weights of a step that is to be kept; every so often all that it takes to go on.

    The weights come first: killed in between, the run goes on from an older checkpoint.
    """
    if run.machine.keep_every and run.step % run.machine.keep_every == 0:
        _save_weights(run, f"step_{run.step:07}")
    if run.step == run.steps or time.monotonic() - run.saved > run.machine.save_seconds:
        _save_weights(run, "weights")
        run.record.save(run.state())
        run.saved = time.monotonic()


def _save_weights(run: Run, name: str) -> None:
    save_model(run.mean, run.record.folder / name, convention=run.source.convention)
