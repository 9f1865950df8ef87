"""`HardwareConfig`: devices, processes and precision; it changes weights by rounding at most."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ..models import whole_body
from ..models.tcpformer import Config as TCPFormer
from ..optional import missing_extra
from .config import TrainConfig

if TYPE_CHECKING:
    from accelerate import Accelerator


MAX_WORKERS = 256


@dataclass(frozen=True, kw_only=True)
class HardwareConfig:
    """How the work is done."""

    device: Literal["auto", "cpu"] = "auto"
    """"auto" takes what accelerate finds: CUDA, MPS or the CPU."""
    precision: Literal["no", "tf32", "bf16", "fp16"] = "no"
    """Of linear maps; "no" is float32 throughout. "tf32" (NVIDIA GPUs) is float32 whose products
    keep 10 bits of the mantissa."""
    workers: int = 0
    """Processes that prepare clips ahead; 0 prepares them between steps. One prepares some 400
    clips of 27 frames a second from motion capture; training on a CPU needs none."""
    compile: bool = False
    """Compile every layer (torch.compile)."""
    activation_checkpointing: bool = False
    """Store only the input of each layer and recompute the rest for the gradient: less memory,
    more time."""
    checkpoint_seconds: float = 180.0
    """Least time from one checkpoint to the next, in seconds."""
    keep_weights_every: int = 0
    """Keep the weights of every n-th step; 0 keeps the best and the last."""
    validate_every: int = 0
    """Steps from one validation to the next; 0 is the end of every epoch or, if `steps` are given,
    every 500."""
    tracker: str = "auto"
    """"auto" writes for TensorBoard if it is installed; "none", or a name that accelerate knows."""

    def __post_init__(self) -> None:
        for name in ("checkpoint_seconds", "keep_weights_every", "validate_every", "workers"):
            if not getattr(self, name) >= 0:  # also NaN
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}.")
        if self.workers > MAX_WORKERS:
            raise ValueError(f"workers must be at most {MAX_WORKERS}, got {self.workers}.")


def accelerator_for(
    hardware: HardwareConfig, folder: Path, *, grad_accum_steps: int = 1
) -> "Accelerator":
    """Return what puts the work on devices and processes.

    Raises:
        ImportError: If the extra "research" is not installed.
        ValueError: If the device lacks the precision, or there is not one for each process.
    """
    try:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState, GradientState
        from accelerate.utils import GradientAccumulationPlugin, InitProcessGroupKwargs
    except ImportError as error:
        raise missing_extra("Training", "accelerate", "research") from error
    default = "tensorboard" if find_spec("tensorboard") else "none"
    tracker = default if hardware.tracker == "auto" else hardware.tracker
    # Their state of an earlier run in this process would win over the arguments here.
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    accelerator = Accelerator(
        # By default, without an accelerator, several processes would not find each other.
        cpu=hardware.device == "cpu" or not torch.accelerator.is_available(),
        mixed_precision="no" if hardware.precision == "tf32" else hardware.precision,
        gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=grad_accum_steps),
        log_with=None if tracker == "none" else tracker,
        project_dir=folder,
        # The other processes wait while the first validates.
        kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(hours=4))],
    )
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != accelerator.num_processes:
        raise ValueError(
            f"{started} processes were started, but several cannot share one "
            f"{accelerator.device.type} device; start one, or set device='cpu'."
        )
    if hardware.precision == "fp16" and accelerator.device.type == "cpu":
        raise ValueError("precision 'fp16' needs a GPU; on a CPU use 'bf16' or 'no'.")
    if hardware.precision == "tf32" and accelerator.device.type != "cuda":
        raise ValueError("precision 'tf32' needs an NVIDIA GPU; elsewhere use 'bf16' or 'no'.")
    return accelerator


def memory_of(device: torch.device) -> float:
    """Return the bytes of a device's memory; infinity where the system does not tell."""
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory)
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # Windows, or not known
        return inf


def check_memory(config: TrainConfig, memory: float) -> None:
    """Check, before anything is built, that a batch may fit into the memory, given in bytes.

    Counted is what every network keeps for the gradient at least: the input of each layer.

    Raises:
        ValueError: If it does not.
    """
    network, clips = config.network, config.batch_size
    if isinstance(network, whole_body.Config):
        network = network.body if config.learning == "all" else network.more
    tokens = network.frames * (network.joints if isinstance(network, TCPFormer) else 1)
    depth = getattr(network, "depth", 0) or getattr(network, "layers", 1)
    wanted = 4 * clips * tokens * network.width * depth
    if wanted > memory:
        raise ValueError(
            f"batch_size={clips} clips of {network.frames} frames, in {depth} layers of width "
            f"{network.width}, take at least {wanted / 1e9:,.1f} GB, but there are "
            f"{memory / 1e9:,.1f}; lower batch_size and raise grad_accum_steps."
        )


@contextmanager
def matmul_precision(hardware: HardwareConfig) -> Iterator[None]:
    """Set the precision of matrix products, which holds for the process, and restore it after."""
    before = torch.get_float32_matmul_precision()
    if hardware.precision == "tf32":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def wrap_layers(model: nn.Module, hardware: HardwareConfig) -> None:
    """Set activation checkpointing or compilation of every layer, in place.

    Layers are the members of the network's stacks, not single maps, nor batch norms, whose
    statistics a second forward pass would count twice.
    """
    stacks = [m for m in model.children() if isinstance(m, (nn.ModuleList, nn.Sequential))]
    for layer in (layer for stack in stacks for layer in stack if any(layer.children())):
        if hardware.activation_checkpointing:
            layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
        if hardware.compile:
            layer.compile()
