"""Muon: steps of matrices made orthogonal, so that every direction of a map learns at one pace.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; the size of a step
follows Liu et al., "Muon is Scalable for LLM Training", arXiv 2502.16982, so that it takes the
rates of AdamW. What is no hidden map (vectors, embeddings, narrow maps) is left to AdamW.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim.adamw import adamw

NARROW = 32
"""Maps to or from fewer channels than this are left to AdamW."""
_MOMENTUM = 0.95
_BETAS = (0.9, 0.999)
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_RMS = 0.2
"""Root mean square of a step at rate 1, about that of AdamW."""


class Muon(torch.optim.Optimizer):
    """Muon for hidden maps and AdamW for everything else.

    Args:
        params: As of any optimizer; groups may say "weight_decay".
        lr: The rate, for both.
        weight_decay: Share of a weight that is lost in a step, times the rate.
    """

    def __init__(self, params: Iterable[Any], lr: float, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step along the gradients that there are."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            alike: dict[torch.Size | None, list[nn.Parameter]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    alike[p.shape if is_hidden(p) else None].append(p)
            for shape, params in alike.items():
                do = self._adam if shape is None else self._muon
                do(params, group["lr"], group["weight_decay"])
        return loss

    def _muon(self, params: list[nn.Parameter], rate: float, decay: float) -> None:
        """Maps of one shape together: a few large products are faster than many small ones."""
        gradients = torch.stack([_gradient(p) for p in params])
        momenta = torch.stack(self._kept(params, "momentum"))
        momenta.lerp_(gradients, 1 - _MOMENTUM)
        steps = orthogonal(gradients.lerp(momenta, _MOMENTUM))
        size = _RMS * max(params[0].shape) ** 0.5
        for p, momentum, step in zip(params, momenta, steps, strict=True):
            self.state[p]["momentum"] = momentum
            p.mul_(1 - rate * decay).sub_(step, alpha=rate * size)

    def _adam(self, params: list[nn.Parameter], rate: float, decay: float) -> None:
        adamw(
            list(params),
            [_gradient(p) for p in params],
            self._kept(params, "mean"),
            self._kept(params, "square"),
            [],
            self._kept(params, "count"),
            fused=True,
            amsgrad=False,
            beta1=_BETAS[0],
            beta2=_BETAS[1],
            lr=rate,
            weight_decay=decay,
            eps=1e-8,
            maximize=False,
        )

    def _kept(self, params: list[nn.Parameter], what: str) -> list[Tensor]:
        """What is remembered of every parameter, from 0 on."""
        for p in params:
            if what not in self.state[p]:
                self.state[p][what] = p.new_zeros(() if what == "count" else p.shape)
        return [self.state[p][what] for p in params]


def is_hidden(p: Tensor) -> bool:
    """Whether a parameter is a map from many channels to many."""
    return p.ndim == 2 and min(p.shape) >= NARROW


def orthogonal(x: Float[Tensor, "n a b"]) -> Float[Tensor, "n a b"]:
    """The nearest orthogonal matrices, roughly: singular values come to lie between 0.7 and 1.2.

    Newton-Schulz iteration with Jordan's coefficients.
    """
    wide = x.shape[-2] > x.shape[-1]
    x = x.mT if wide else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-12)
    a, b, c = _NEWTON_SCHULZ
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if wide else x


def _gradient(p: nn.Parameter) -> Tensor:
    if p.grad is None:
        raise ValueError("a parameter without a gradient has no step to make.")
    return p.grad
