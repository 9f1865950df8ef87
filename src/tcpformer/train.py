"""Trains weights on motion capture seen by random cameras: one visible loop.

Everything that a run needs to go on is in its folder; a run that finds a checkpoint there resumes.
"""

import json
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .data.clips import Clips, clips
from .data.mocap import Mocap, load_mocap
from .files import replacing
from .losses import position_loss, scaled_position_loss, velocity_loss
from .metrics import mpjpe, n_mpjpe, p_mpjpe
from .models.tcpformer import Config, TCPFormer
from .weights import Convention, load_model, save_model


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A training run. Every field changes the weights."""

    frames: int = 27
    """Clip length."""
    depth: int = 4
    width: int = 64
    heads: int = 4
    representation: int = 256
    spacing: tuple[int, int] = (2, 6)
    """Fewest and most capture frames from one frame of a clip to the next."""
    batch: int = 16
    """Clips per step."""
    steps: int = 10_000
    """Steps in all."""
    warmup: int = 200
    """Steps over which the rate rises from 0."""
    cooldown: float = 0.3
    """Share of the steps, at the end, over which the rate falls linearly to 0."""
    rate: float = 1e-3
    """Learning rate of AdamW between warm-up and cool-down."""
    weight_decay: float = 0.01
    scaled_weight: float = 0.5
    """Weight of the scale-free position loss."""
    velocity_weight: float = 0.5
    """Weight of the loss on steps from frame to frame."""
    average: float = 0.999
    """Decay of the moving average of the weights, which is what is saved."""
    seed: int = 0
    split: str = "train"
    """Part of the data trained on."""
    init: str | None = None
    """Weights to start from; their clips may be shorter by a whole factor."""


def train(
    plan: Plan,
    data: Path,
    out: Path,
    *,
    device: str = "cpu",
    bf16: bool = True,
    report: Callable[[dict[str, Any]], None] = lambda row: None,
) -> TCPFormer:
    """Train, or go on training; returns the averaged network.

    Args:
        plan: What to do.
        data: Motion capture in the format of `data.mocap`.
        out: Run folder: checkpoint, weights and log live there.
        device: Where to compute.
        bf16: Compute the linear maps in bfloat16.
        report: Called with each row of the log.
    """
    torch.manual_seed(plan.seed)
    model = _start(plan).to(device)
    mean = deepcopy(model).requires_grad_(False).eval()
    optimizer = _optimizer(model, plan)
    step = _resume(out, plan, model, mean, optimizer)
    mocap = load_mocap(data, plan.split)
    batches = _batches(plan, mocap, first=step)
    convention = Convention(fps=mocap.fps, spacing=(plan.spacing[0] + plan.spacing[1]) // 2)
    tests = _validation(plan, data)
    seen, clock, saved = [], time.monotonic(), time.monotonic()

    while step < plan.steps:
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * rate_at(step, plan)
        xyc, flat, true = (torch.from_numpy(x).to(device) for x in next(batches))
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bf16):
            out_xyz = model(xyc)
        pred = flat + out_xyz.float()
        loss = (
            position_loss(pred, true)
            + plan.scaled_weight * scaled_position_loss(pred, true)
            + plan.velocity_weight * velocity_loss(pred, true)
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        _follow(mean, model, min(plan.average, step / (step + 10)))

        seen.append(loss.item())
        if step % 100 == 0 or step == plan.steps:
            row = {"step": step, "loss": float(np.mean(seen)), "seconds": time.monotonic() - clock}
            if step % 500 == 0 or step == plan.steps:
                row |= {k: v for name, c in tests.items() for k, v in score(mean, c, name).items()}
            seen = []
            _log(out, row)
            report(row)
        if time.monotonic() - saved > 180 or step == plan.steps:
            state = {"step": step, "plan": asdict(plan), "model": model.state_dict()}
            state |= {"mean": mean.state_dict(), "optimizer": optimizer.state_dict()}
            _save(out, state, mean, convention)
            saved = time.monotonic()
    return mean


def rate_at(step: int, plan: Plan) -> float:
    """Share of the full learning rate: up, level, and down to 0 at the end."""
    down = max(plan.cooldown * plan.steps, 1)
    return min(1.0, (step + 1) / max(plan.warmup, 1), (plan.steps - step) / down)


def longer(model: TCPFormer, config: Config) -> TCPFormer:
    """The same network for clips longer by a whole factor: its proxy frames are repeated.

    Attention over repeated proxy frames gives what attention over one of them gives, so a clip
    whose frames are repeated likewise is lifted as before.

    Raises:
        ValueError: If anything but the clip length differs, or the factor is not whole.
    """
    same = asdict(config) | {"frames": 0} == asdict(model.config) | {"frames": 0}
    if not same or config.frames % model.config.frames:
        raise ValueError(f"cannot start {config} from {model.config}.")
    state = model.state_dict()
    state["proxy"] = state["proxy"].repeat(config.frames // model.config.frames, 1, 1)
    result = TCPFormer(config)
    result.load_state_dict(state)
    return result


@torch.no_grad()
def score(model: TCPFormer, tests: Clips, name: str) -> dict[str, float]:
    """Errors on validation clips, in mm; every clip has its own best scale for N-MPJPE."""
    device = next(model.parameters()).device
    parts = torch.from_numpy(tests.xyc).split(64)
    out = torch.cat([model(part.to(device)).cpu() for part in parts]).numpy()
    pred, true = tests.flat + out, tests.xyz
    pred, true = pred - pred[:, :, :1], true - true[:, :, :1]
    errors = {"mpjpe": mpjpe, "n_mpjpe": n_mpjpe, "p_mpjpe": p_mpjpe}
    return {f"{name}_{k}": float(1000 * f(pred, true).mean()) for k, f in errors.items()}


def _start(plan: Plan) -> TCPFormer:
    config = Config(
        frames=plan.frames,
        depth=plan.depth,
        width=plan.width,
        heads=plan.heads,
        representation=plan.representation,
    )
    if plan.init is None:
        return TCPFormer(config)
    return longer(load_model(plan.init), config)


def _optimizer(model: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """AdamW; biases, norms and gains do not decay."""
    decays = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decays}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan.rate, weight_decay=plan.weight_decay, fused=True)


def _batches(plan: Plan, mocap: Mocap, first: int) -> Iterator[tuple[np.ndarray, ...]]:
    how = {"frames": plan.frames, "batch": plan.batch, "spacing": plan.spacing}
    for c in clips(mocap, **how, seed=plan.seed, first=first):
        yield c.xyc, c.flat, c.xyz


def _validation(plan: Plan, data: Path) -> dict[str, Clips]:
    """The same clips whatever the plan's seed: exact ones, and detected ones."""
    mocap = load_mocap(data, "val")
    drawn = next(clips(mocap, frames=plan.frames, batch=512, spacing=plan.spacing, seed=7))
    exact = (drawn.xyc[..., 2] == 1).all(axis=(1, 2))
    pick = {"clean": exact, "noisy": ~exact}
    return {k: Clips(drawn.xyc[m], drawn.flat[m], drawn.xyz[m]) for k, m in pick.items()}


@torch.no_grad()
def _follow(mean: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the averaged weights a little toward the present ones."""
    for kept, present in zip(mean.parameters(), model.parameters(), strict=True):
        kept.lerp_(present, 1 - decay)


def _save(out: Path, state: dict[str, Any], mean: TCPFormer, convention: Convention) -> None:
    """The checkpoint to go on from, and the averaged weights to lift with."""
    with replacing(out / "checkpoint.pt") as beside:
        torch.save(state, beside)
    save_model(mean, out / "weights", convention=convention)


def _resume(
    out: Path, plan: Plan, model: TCPFormer, mean: TCPFormer, optimizer: torch.optim.Optimizer
) -> int:
    """Restore what an earlier run left; the step to go on from.

    Raises:
        ValueError: If that run had another plan (more steps are allowed), or the file is broken.
    """
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "checkpoint.pt").exists():
        return 0
    try:
        state = torch.load(out / "checkpoint.pt", map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever broken bytes make it raise
        raise ValueError(f"{out / 'checkpoint.pt'} is broken; delete it to start anew.") from error
    wanted = asdict(plan)
    differ = [k for k, v in state["plan"].items() if v != wanted[k] and k != "steps"]
    if differ:
        raise ValueError(
            f"{out} holds a run with other {', '.join(differ)}; give its plan or another folder."
        )
    model.load_state_dict(state["model"])
    mean.load_state_dict(state["mean"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


def _log(out: Path, row: dict[str, Any]) -> None:
    with (out / "log.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
