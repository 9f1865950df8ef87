"""The machine that training runs on: its devices, processes and precision."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ..optional import missing_extra
from .config import TrainConfig

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True, kw_only=True)
class HardwareConfig:
    """How the work is done."""

    device: Literal["auto", "cpu"] = "auto"
    """"auto" takes what accelerate finds: CUDA, MPS or the CPU."""
    precision: Literal["no", "tf32", "bf16", "fp16"] = "no"
    """Of the linear maps; "no" is float32 throughout. "tf32" is for NVIDIA's GPUs: float32 whose
    products keep 10 bits."""
    workers: int = 0
    """Processes that draw clips ahead; 0 draws them between steps. Of motion capture one draws some
    400 clips of 27 frames a second; to a CPU that trains they are of no use."""
    compile: bool = False
    """Compile every layer (torch.compile)."""
    recompute: bool = False
    """Keep only what goes into each layer and compute the rest again for the gradient: less
    memory, more time (activation checkpointing)."""
    save_seconds: float = 180.0
    """Least time from one checkpoint to the next."""
    keep_every: int = 0
    """Keep the weights of every so many steps; 0 keeps the best and the last."""
    score_every: int = 0
    """Steps from one validation to the next; 0 is the end of every epoch or, in a run planned by
    steps, every 500."""
    tracker: str = "auto"
    """"auto" writes for TensorBoard if it is installed; "none", or a name that accelerate knows."""

    def __post_init__(self) -> None:
        for name in ("save_seconds", "keep_every", "score_every", "workers"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}.")


def accelerator_for(plan: TrainConfig, machine: HardwareConfig, folder: Path) -> "Accelerator":
    """What puts the work on devices and processes.

    Raises:
        ImportError: If the extra "research" is not installed.
        ValueError: If the machine has no such precision, or not a device for each process.
    """
    try:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState, GradientState
        from accelerate.utils import GradientAccumulationPlugin, InitProcessGroupKwargs
    except ImportError as error:
        raise missing_extra("Training", "accelerate", "research") from error
    tracker = machine.tracker
    if tracker == "auto":
        tracker = "tensorboard" if find_spec("tensorboard") else "none"
    # What these remember of an earlier run in this process would win over what is asked for here.
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    accelerator = Accelerator(
        # Left to itself, on CPUs alone, it would not let several processes find each other.
        cpu=machine.device == "cpu" or not torch.accelerator.is_available(),
        mixed_precision="no" if machine.precision == "tf32" else machine.precision,
        gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=plan.accumulate),
        log_with=None if tracker == "none" else tracker,
        project_dir=folder,
        # The others wait while the first scores.
        kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(hours=4))],
    )
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != accelerator.num_processes:
        raise ValueError(
            f"{started} processes were started, but {accelerator.device.type} is not to be shared "
            "by several; start one, or say device='cpu'."
        )
    if machine.precision == "fp16" and accelerator.device.type == "cpu":
        raise ValueError("fp16 needs a GPU; on a CPU say bf16, or no.")
    if machine.precision == "tf32" and accelerator.device.type != "cuda":
        raise ValueError("tf32 needs one of NVIDIA's GPUs; elsewhere say bf16, or no.")
    return accelerator


@contextmanager
def matmul_precision(machine: HardwareConfig) -> Iterator[None]:
    """Matrix products as asked for; afterwards as before, for it holds for the whole process."""
    before = torch.get_float32_matmul_precision()
    if machine.precision == "tf32":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def wrap_layers(model: nn.Module, machine: HardwareConfig) -> None:
    """Compile every layer, or let it be computed twice, as asked for."""
    for layer in _layers(model):
        if machine.recompute:
            layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
        if machine.compile:
            layer.compile()


def _layers(model: nn.Module) -> list[nn.Module]:
    """The members of a network's stacks; not single maps, nor what counts its batches."""
    stacks = [m for m in model.children() if isinstance(m, (nn.ModuleList, nn.Sequential))]
    return [layer for stack in stacks for layer in stack if any(layer.children())]
