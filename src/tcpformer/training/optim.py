"""Optimizers, the schedule of the learning rate, and the moving average of the weights."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from math import cos, pi
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim.adamw import adamw
from torch.optim.swa_utils import get_ema_multi_avg_fn

from .config import TrainConfig

Params = list[nn.Parameter]
MIN_CHANNELS = 32
"""Maps to or from fewer channels than this are left to AdamW."""
_MOMENTUM = 0.95
_BETAS = (0.9, 0.999)
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_RMS = 0.2
"""Root mean square of a step at learning rate 1, about that of AdamW."""


def optimizer_for(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return the optimizer of the weights that learn.

    Biases, norms and gains do not decay unless ``decay_all``.
    """
    learning = [p for p in model.parameters() if p.requires_grad]
    if config.optimizer == "adam-amsgrad":
        return torch.optim.Adam(learning, lr=config.lr, amsgrad=True, fused=True)
    matrices = [p for p in learning if p.ndim > 1 or config.decay_all]
    others = [p for p in learning if p.ndim <= 1 and not config.decay_all]
    groups: list[dict[str, Any]] = [{"params": matrices}]
    if others:
        groups.append({"params": others, "weight_decay": 0.0})
    if config.optimizer == "muon":
        return Muon(groups, lr=config.lr, weight_decay=config.weight_decay)
    return torch.optim.AdamW(groups, lr=config.lr, weight_decay=config.weight_decay, fused=True)


def lr_factor(step: int, steps: int, config: TrainConfig, epoch: int = 0) -> float:
    """Return the share of the highest learning rate: warmup, decay by epoch, and cooldown to 0."""
    down = min(1.0, (steps - step) / max(config.cooldown * steps, 1))
    if config.cooldown_schedule == "cosine":
        down = (1 - cos(pi * down)) / 2
    return min(1.0, (step + 1) / max(config.warmup, 1)) * config.lr_decay**epoch * down


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move averaged weights toward the present ones: average = decay average + (1 - decay) model.

    Statistics of batch norms are averaged like weights; integer buffers are copied.
    """
    get_ema_multi_avg_fn(decay)(list(average.parameters()), list(model.parameters()), 0)
    for mean, present in zip(average.buffers(), model.buffers(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(present, 1 - decay)
        else:
            mean.copy_(present)


class Muon(torch.optim.Optimizer):
    """Muon for matrices between many channels, AdamW for all other parameters.

    A step of a matrix is its momentum made nearly orthogonal, so that all directions learn at one
    pace (Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024). The size
    of a step follows Liu et al., "Muon is Scalable for LLM Training", arXiv 2502.16982, so that
    AdamW's learning rates fit. A parameter group may have a "weight_decay" of its own: the share of
    a weight that is lost per step, times the learning rate.

    `torch.optim.Muon` treats one matrix at a time, in bfloat16: for the packaged network that took
    12 times as long on a CPU without bfloat16 units (6.0 s instead of 0.5 s a step).
    """

    def __init__(self, params: Iterable[Any], lr: float, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            by_shape: dict[torch.Size | None, list[nn.Parameter]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    by_shape[p.shape if is_hidden(p) else None].append(p)
            for shape, params in by_shape.items():
                update = self._adamw if shape is None else self._muon
                update(params, [p.grad for p in params], group["lr"], group["weight_decay"])
        return loss

    def _muon(self, params: Params, grads: list[Any], lr: float, weight_decay: float) -> None:
        """Update matrices of one shape together: a few large products beat many small ones."""
        gradients = torch.stack(grads)
        momenta = torch.stack(self._states(params, "momentum"))
        momenta.lerp_(gradients, 1 - _MOMENTUM)
        steps = orthogonalize(gradients.lerp(momenta, _MOMENTUM))
        size = _RMS * max(params[0].shape) ** 0.5
        for p, momentum, step in zip(params, momenta, steps, strict=True):
            self.state[p]["momentum"] = momentum
            p.mul_(1 - lr * weight_decay).sub_(step, alpha=lr * size)

    def _adamw(self, params: Params, grads: list[Any], lr: float, weight_decay: float) -> None:
        means, squares, counts = (self._states(params, k) for k in ("mean", "square", "count"))
        adamw(
            list(params), grads, means, squares, [], counts, fused=True, amsgrad=False,
            beta1=_BETAS[0], beta2=_BETAS[1], lr=lr, weight_decay=weight_decay, eps=1e-8,
            maximize=False,
        )  # fmt: skip

    def _states(self, params: Params, name: str) -> list[Tensor]:
        """Return the state of every parameter, which starts at 0."""
        for p in params:
            if name not in self.state[p]:
                self.state[p][name] = p.new_zeros(() if name == "count" else p.shape)
        return [self.state[p][name] for p in params]


def is_hidden(p: Tensor) -> bool:
    """Return whether a parameter is a map from many channels to many."""
    return p.ndim == 2 and min(p.shape) >= MIN_CHANNELS


def orthogonalize(x: Float[Tensor, "n a b"]) -> Float[Tensor, "n a b"]:
    """Return nearly the nearest orthogonal matrices: singular values between 0.7 and 1.2.

    Newton-Schulz iteration with Jordan's coefficients: x <- a x + (b s + c s s) x, s = x x^T.
    """
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-12)
    a, b, c = _NEWTON_SCHULZ
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x
