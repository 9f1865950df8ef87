"""Training: one visible loop, on accelerate for devices, precision and several processes.

A run's folder holds all that resuming needs; on one CPU a resumed run gives the same bits.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import islice
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from .. import models
from ..models import body_of, joints_of
from ..models.checkpoint import load_model, save_model
from ..runtime.memory import keep_freed_memory
from .config import TrainConfig
from .data import ProcessBatches, Source, open_source
from .hardware import (
    HardwareConfig,
    accelerator_for,
    check_memory,
    matmul_precision,
    memory_of,
    wrap_layers,
)
from .losses import Objective
from .more_joints import add_joints
from .optim import lr_factor, optimizer_for, update_average
from .presets import config_to_dict
from .run_dir import Row, RunDir
from .validate import SELECTED_BY, validate

if TYPE_CHECKING:
    from accelerate import Accelerator

LOG_EVERY = 100
"""Steps."""
VALIDATE_EVERY = 500
"""Steps, unless `HardwareConfig.validate_every` or epochs are given."""
_LEARNING = {"all": "", "correction": ("more.", "correct.", "share."), "share": "share."}
"""What the names of the weights that learn begin with, by `TrainConfig.learning`."""


def build_or_load_model(config: TrainConfig) -> nn.Module:
    """Return the network before the first step.

    Raises:
        ValueError: If ``init_from`` has weights of another network, or the network has an
            uncertainty head.
    """
    if getattr(config.network, "uncertainty", False):
        raise ValueError(
            "expected a network with uncertainty=False: train it, then run `tcpformer calibrate`."
        )
    if config.init_from is None:
        return models.build(config.network)
    model = load_model(config.init_from)
    if type(model.config) is not type(config.network):
        model = body_of(model)
    model = without_uncertainty(model)
    joints = joints_of(config.network)
    if joints_of(model.config) < joints and hasattr(model.config, "joints"):
        model = add_joints(model, joints)
    if model.config != config.network:
        raise ValueError(
            f"init_from: expected weights of {config.network}, got {model.config}; convert them "
            "with research/surgery.py."
        )
    model = model.train()
    for name, weight in model.named_parameters():
        weight.requires_grad_(name.startswith(_LEARNING[config.learning]))
    return model


def without_uncertainty(model: models.Network) -> models.Network:
    """Return the network without its uncertainty head, which no longer fits after a step."""
    config: Any = model.config
    if not getattr(config, "uncertainty", False):
        return model
    result = models.build(replace(config, uncertainty=False))
    state = model.state_dict()
    result.load_state_dict({k: v for k, v in state.items() if not k.startswith("uncertainty.")})
    return result


def train(  # noqa: PLR0913 - the callbacks are keyword-only
    config: TrainConfig,
    data: str | Path,
    out: str | Path,
    hardware: HardwareConfig | None = None,
    *,
    build: Callable[[TrainConfig], nn.Module] = build_or_load_model,
    report: Callable[[Row], None] = lambda row: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> nn.Module:
    """Train weights, or resume training; return the averaged network.

    Processes that `accelerate launch` or `torchrun` starts share every step, whose batch is
    ``config.batch_size`` clips for each of them.

    Args:
        data: What ``config.data`` names: a file or a folder.
        out: Run folder with checkpoint, weights, log and curves; resumes if it has a checkpoint.
        build: Returns the network before the first step.
        report: Called with each row of the log.
        progress: Called with the steps done and the steps in total.

    Raises:
        FileNotFoundError: If the data are missing.
        ImportError: If the extra "research" is not installed.
        OSError: If another run trains in the folder, or it cannot be written.
        ValueError: If data, folder, hardware and configuration do not fit each other.
    """
    with ExitStack() as lock:
        run = _start(config, data, Path(out), hardware or HardwareConfig(), build, lock)
        batches = _batches(run)
        with matmul_precision(run.hardware):
            while run.step < run.steps:
                _take_step(run, batches)
                _log_and_validate(run, report)
                if run.accelerator.is_main_process:
                    _save(run)
                    progress(run.step, run.steps)
        run.accelerator.end_training()
        if run.accelerator.is_main_process:
            run.folder.draw_curves()
        return run.mean


@dataclass(kw_only=True)
class Run:
    """A run in progress; the last fields change from step to step."""

    config: TrainConfig
    hardware: HardwareConfig
    data: str | Path
    folder: RunDir
    accelerator: "Accelerator"
    source: Source
    model: nn.Module
    mean: nn.Module
    """The model with the moving average of its weights."""
    objective: nn.Module
    optimizer: Any
    step: int = 0
    losses: list[Tensor] = field(default_factory=list)
    """Since the last row of the log."""
    best: float = inf
    """The lowest validation error so far."""
    seconds: float = 0.0
    """Spent before this process started."""
    started: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)

    @property
    def steps(self) -> int:
        clips = self.config.epochs * self.source.clips_per_epoch
        return self.config.steps or -(-clips // self._clips_per_step)

    def epoch(self, step: int) -> int:
        """Return how many passes over the data are complete before a step."""
        return step * self._clips_per_step // self.source.clips_per_epoch

    def state(self) -> Row:
        """Return all that resuming needs."""
        return {
            **{key: part.state_dict() for key, part in self._parts().items()},
            "losses": [x.item() for x in self.losses],
            "seconds": self.seconds_spent(),
            "step": self.step,
            "best": self.best,
            "config": config_to_dict(self.config),
            "processes": self.accelerator.num_processes,
            "fingerprint": self.source.fingerprint,
        }

    def restore(self, state: Row) -> None:
        """Continue from what `state` returned.

        Raises:
            ValueError: If that run had other data, or more steps than this one.
        """
        folder, fingerprint = self.folder.folder, self.source.fingerprint
        if not np.allclose(state.get("fingerprint", fingerprint), fingerprint, rtol=1e-4):
            raise ValueError(
                f"{folder} holds a run on other data than {self.data}; give another folder."
            )
        if state["step"] > self.steps:
            raise ValueError(
                f"{folder} holds a run of {state['step']} steps already, expected at most "
                f"{self.steps}; give another folder, or more steps."
            )
        for key, part in self._parts().items():
            part.load_state_dict(state[key])
        self.losses = [torch.tensor(x, device=self.accelerator.device) for x in state["losses"]]
        self.step, self.best, self.seconds = state["step"], state["best"], state["seconds"]

    def seconds_spent(self) -> float:
        """Return the seconds of this process and of those it resumed."""
        return self.seconds + time.monotonic() - self.started

    def _parts(self) -> dict[str, Any]:
        parts = {"model": self.model, "mean": self.mean, "optimizer": self.optimizer}
        scaler = self.accelerator.scaler
        return parts if scaler is None else parts | {"scaler": scaler}

    @property
    def _clips_per_step(self) -> int:
        per_process = self.config.batch_size * self.config.grad_accum_steps
        return per_process * self.accelerator.num_processes


def _start(
    config: TrainConfig,
    data: str | Path,
    out: Path,
    hardware: HardwareConfig,
    build: Callable[[TrainConfig], nn.Module],
    lock: ExitStack,
) -> Run:
    """Set up a run, restore an earlier one, and lock the folder until ``lock`` is closed."""
    folder = RunDir(out)
    accelerator = accelerator_for(hardware, out, grad_accum_steps=config.grad_accum_steps)
    if accelerator.is_main_process:
        lock.enter_context(folder.locked())
    check_memory(config, memory_of(accelerator.device))
    state = folder.load_checkpoint(config, accelerator.num_processes)
    with accelerator.main_process_first():  # which may have to unpack them
        source = open_source(config, data)
    torch.manual_seed(config.seed)
    keep_freed_memory()
    model = build(config)
    mean = deepcopy(model).requires_grad_(False).eval().to(accelerator.device)
    wrap_layers(model, hardware)
    objective, optimizer = accelerator.prepare(
        Objective(model, config), optimizer_for(model, config)
    )
    run = Run(
        config=config,
        hardware=hardware,
        data=data,
        folder=folder,
        accelerator=accelerator,
        source=source,
        model=model,
        mean=mean,
        objective=objective,
        optimizer=optimizer,
    )
    if state is not None:
        run.restore(state)
    if accelerator.is_main_process:
        processes = accelerator.num_processes
        folder.start(config, hardware, run.step, data=str(data), processes=processes)
    accelerator.init_trackers("tcpformer")
    return run


def _batches(run: Run) -> Iterator[tuple[Tensor, ...]]:
    """Yield this process's part of the remaining batches, prepared ahead if there are workers."""
    config, accelerator = run.config, run.accelerator
    process, on_gpu = accelerator.process_index, accelerator.device.type == "cuda"
    numbers = range(run.step * config.grad_accum_steps, run.steps * config.grad_accum_steps)
    loader = DataLoader(
        ProcessBatches(run.source, config.batch_size, process, accelerator.num_processes),
        batch_size=None,
        sampler=numbers,
        num_workers=run.hardware.workers,
        pin_memory=on_gpu,
    )
    for number, clips in zip(numbers, loader, strict=True):
        seed = np.random.SeedSequence([config.seed, number, process]).generate_state(1)[0]
        torch.manual_seed(int(seed))  # so that dropout depends on the number too
        yield tuple(x.to(accelerator.device, non_blocking=on_gpu) for x in clips)


def _take_step(run: Run, batches: Iterator[tuple[Tensor, ...]]) -> None:
    """Take a step of the optimizer, and move the averaged weights."""
    config, accelerator, optimizer = run.config, run.accelerator, run.optimizer
    factor = lr_factor(run.step, run.steps, config, run.epoch(run.step))
    for group in optimizer.param_groups:
        group["lr"] = config.lr * factor
    for clips in islice(batches, config.grad_accum_steps):
        with accelerator.accumulate(run.objective):
            loss = run.objective(*clips)
            accelerator.backward(loss)
            if accelerator.sync_gradients and config.grad_clip_norm:
                accelerator.clip_grad_norm_(run.objective.parameters(), config.grad_clip_norm)
            optimizer.step()
            optimizer.zero_grad()
        run.losses.append(loss.detach())
    run.step += 1
    update_average(run.mean, run.model, min(config.ema_decay, run.step / (run.step + 10)))


def _log_and_validate(run: Run, report: Callable[[Row], None]) -> None:
    """Log every `LOG_EVERY` steps; validate when due, and keep the best weights."""
    due = run.step == run.steps or _is_validated(run)
    if not due and run.step % LOG_EVERY:
        return
    mean: Any = run.accelerator.reduce(torch.stack(run.losses).mean(), "mean")
    run.losses.clear()
    if not run.accelerator.is_main_process:
        return
    row = {"step": run.step, "loss": mean.item(), "seconds": run.seconds_spent()}
    if due:
        row |= validate(run.mean, run.config, run.source, run.data)
        errors = [row[key] for key in row if key in SELECTED_BY]
        if errors and (error := sum(errors) / len(errors)) < run.best:
            run.best = error
            _save_weights(run, "best")
    run.folder.log(row)
    run.accelerator.log(row, run.step)
    report(row)


def _is_validated(run: Run) -> bool:
    if run.hardware.validate_every or not run.config.epochs:
        return run.step % (run.hardware.validate_every or VALIDATE_EVERY) == 0
    return run.epoch(run.step) > run.epoch(run.step - 1)


def _save(run: Run) -> None:
    """Save weights and checkpoint when due.

    The weights come first: if killed in between, the run resumes from an older checkpoint.
    """
    every = run.hardware.keep_weights_every
    if every and run.step % every == 0:
        _save_weights(run, f"step_{run.step:07}")
    waited = time.monotonic() - run.saved
    if run.step == run.steps or waited > run.hardware.checkpoint_seconds:
        _save_weights(run, "weights")
        run.folder.save_checkpoint(run.state())
        run.saved = time.monotonic()


def _save_weights(run: Run, name: str) -> None:
    save_model(run.mean, run.folder.folder / name, spec=run.source.spec)
