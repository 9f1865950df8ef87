"""What a training run begins with: network, optimizer, and the machine to run them on."""

import os
from dataclasses import replace
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from .models import build
from .models.ablations import build as build_variant
from .models.tcpformer import Config, TCPFormer
from .recipes import Machine, Plan
from .weights import load_model

if TYPE_CHECKING:
    from accelerate import Accelerator


def start(plan: Plan) -> nn.Module:
    """The network before the first step.

    Raises:
        ValueError: If the weights to start from are of another network, or a second head is asked
            for.
    """
    if getattr(plan.network, "spread", False):
        raise ValueError(
            "spread is not trained along: train without it, then `tcpformer calibrate` the weights."
        )
    if plan.init is None:
        if isinstance(plan.network, Config):
            return build_variant(plan.network, plan.variant)
        return build(plan.network)
    model = load_model(plan.init)
    if model.config == plan.network:
        return model.train()
    if isinstance(model, TCPFormer) and isinstance(plan.network, Config):
        return grown(model, plan.network)
    raise ValueError(f"cannot start {plan.network} from {model.config}.")


def grown(model: TCPFormer, config: Config) -> TCPFormer:
    """The same function in a network of longer clips, or with whole poses embedded.

    Attention over repeated proxy frames gives what attention over one of them gives, so a clip
    whose frames are repeated likewise is lifted as before; a proxy of a given length stays. What
    embeds whole poses starts at 0. A second head is left behind: what it knows of errors ends with
    the first step.

    Raises:
        ValueError: If anything else differs, or the factor between the lengths is not whole.
    """
    factor, left = divmod(config.frames, model.config.frames)
    gains_pose = config.pose_embedding and not model.config.pose_embedding
    same = replace(config, frames=model.config.frames)
    if gains_pose:
        same = replace(same, pose_embedding=False)
    if same != replace(model.config, spread=False) or left:
        raise ValueError(f"cannot start {config} from {model.config}.")
    result = TCPFormer(config)
    state = {k: v for k, v in model.state_dict().items() if not k.startswith("spread.")}
    if config.proxy_frames is None:
        state["proxy"] = state["proxy"].repeat(factor, 1, 1)
    if gains_pose and result.embed_pose is not None:
        added = result.embed_pose.state_dict(prefix="embed_pose.")
        state |= {key: torch.zeros_like(value) for key, value in added.items()}
    result.load_state_dict(state)
    return result


def optimizer_for(model: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """As planned; biases, norms and gains do not decay unless all do."""
    if plan.optimizer == "adam-amsgrad":
        return torch.optim.Adam(model.parameters(), lr=plan.rate, amsgrad=True, fused=True)
    matrices = [p for p in model.parameters() if p.ndim > 1 or plan.decay_all]
    others = [p for p in model.parameters() if p.ndim <= 1 and not plan.decay_all]
    groups: list[dict[str, Any]] = [{"params": matrices}]
    if others:
        groups.append({"params": others, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, lr=plan.rate, weight_decay=plan.weight_decay, fused=True)


def arrange(model: nn.Module, machine: Machine) -> None:
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


def accelerator_for(plan: Plan, machine: Machine, folder: Path) -> "Accelerator":
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
        raise ImportError("Training needs accelerate: pip install 'tcpformer[research]'") from error
    tracker = machine.tracker
    if tracker == "auto":
        tracker = "tensorboard" if find_spec("tensorboard") else "none"
    # What these remember of an earlier run in this process would win over what is asked for here.
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    accelerator = Accelerator(
        # Left to itself, on CPUs alone, it would not let several processes find each other.
        cpu=machine.device == "cpu" or not torch.accelerator.is_available(),
        mixed_precision=machine.precision,
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
    return accelerator
