"""The paper's ablations: its Tables 4 to 7, and the changes to TCPFormer that only they need.

The paper names its variants without spelling them out; here they are read plainly. The three
distributions of the proxy have mean 0 and variance 1, so that only their shapes differ. The mixing
scalar is the one before the sigmoid: fixed at 0 it trusts self-attention and proxy by half each.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from tcpformer.models.layers import LayerScale, Mlp, Residual
from tcpformer.models.tcpformer import Config, Modules, ProxyAttention, ProxyBlock, TCPFormer

Init = Literal["gaussian", "uniform", "laplace"]
Operator = Literal["attention", "mlp"]
Joints = Literal["alike", "apart"]
Mixing = Literal["0 fixed", "0", "(0, 1)", "(-1, 0)", "(-1, 1)"]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What a table changes in the network besides its `Config`; by default nothing."""

    proxy_init: Init = "gaussian"
    """The distribution that the proxy is drawn from."""
    pum: Operator = "attention"
    """How the proxy is updated from the pose."""
    pim: Operator = "attention"
    """How the pose is updated from the proxy."""
    mixing: Mixing = "(0, 1)"
    """Where PAM's mixing scalar starts, or between what it is drawn; trained unless fixed."""
    joints: Joints = "alike"
    """How the joints' position vectors start: all 0, as released, so that the network first has to
    learn which joint is which; or drawn from a Gaussian, each its own. Ours, not the paper's."""

    def __post_init__(self) -> None:
        allowed = {
            "proxy_init": Init,
            "pum": Operator,
            "pim": Operator,
            "mixing": Mixing,
            "joints": Joints,
        }
        for name, known in allowed.items():
            if getattr(self, name) not in get_args(known):
                raise ValueError(
                    f"{name} must be one of {get_args(known)}, got {getattr(self, name)!r}."
                )


AS_RELEASED = Variant()


def build(config: Config, variant: Variant = AS_RELEASED) -> TCPFormer:
    """Make a network of a variant; its state dict loads into another one made alike.

    Of one random seed, variants of proxy and mixing have all other weights in common.

    Raises:
        ValueError: If ``variant`` changes what the modules of ``config`` do not have.
    """
    operators = (variant.pum, variant.pim)
    if "mlp" in operators and config.modules != "pum+pim":
        raise ValueError(
            f"an MLP gives PAM no attention map and replaces PUM or PIM: expected "
            f"modules='pum+pim', got {config.modules!r}."
        )
    if variant.mixing != AS_RELEASED.mixing and config.modules != "all":
        raise ValueError(f"only PAM mixes: expected modules='all', got {config.modules!r}.")
    model = TCPFormer(config)
    if variant.proxy_init != AS_RELEASED.proxy_init:
        model.proxy.data.copy_(_INITS[variant.proxy_init](model.proxy.shape))
    if variant.joints == "apart":
        nn.init.normal_(model.joint_position)
    for module in list(model.modules()):
        if isinstance(module, ProxyBlock):
            _replace_operators(module, config, variant)
        if isinstance(module, ProxyAttention) and variant.mixing != AS_RELEASED.mixing:
            nn.init.uniform_(module.trust, *_MIXINGS[variant.mixing])
            module.trust.requires_grad_(variant.mixing != "0 fixed")
    return model


_ROOT3 = math.sqrt(3)
_INITS: dict[Init, Callable[[torch.Size], Tensor]] = {
    "uniform": torch.distributions.Uniform(-_ROOT3, _ROOT3).sample,
    "laplace": torch.distributions.Laplace(0.0, math.sqrt(0.5)).sample,
}
_MIXINGS: dict[Mixing, tuple[float, float]] = {
    "0 fixed": (0.0, 0.0),
    "0": (0.0, 0.0),
    "(-1, 0)": (-1.0, 0.0),
    "(-1, 1)": (-1.0, 1.0),
}


def _replace_operators(block: ProxyBlock, config: Config, variant: Variant) -> None:
    if variant.pum == "mlp":
        block.add_module("pum", TimeMlp(config, told=config.frames, asked=config.proxy_length))
    if variant.pim == "mlp":
        block.add_module("pim", TimeMlp(config, told=config.proxy_length, asked=config.frames))


class TimeMlp(nn.Module):
    """In place of a `CrossAttention`: an MLP along time leads from the told frames to the asking.

    Values, projection and all else are as there. Unlike attention it knows the order of frames.
    """

    def __init__(self, config: Config, *, told: int, asked: int) -> None:
        super().__init__()
        c = config.width
        self.value = nn.Linear(c, c, bias=False)
        self.mix = nn.Sequential(nn.Linear(told, c), nn.GELU(), nn.Linear(c, asked))
        self.proj = nn.Linear(c, c)
        self.scale = LayerScale(c)
        self.mlp = Residual(c, Mlp(c))

    def forward(
        self,
        x: Float[Tensor, "b q j c"],
        *,
        asking: Float[Tensor, "b q j c"],
        telling: Float[Tensor, "b k j c"],
    ) -> tuple[Float[Tensor, "b q j c"], None]:
        """What asked, enriched; and no attention map. The question itself is not heard."""
        y = self.mix(rearrange(self.value(telling), "b k j c -> b j c k"))
        return self.mlp(x + self.scale(self.proj(rearrange(y, "b j c q -> b q j c")))), None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One network of a table, with the paper's errors: Human3.6M, SH detections, T=243, mm."""

    p1: float
    """MPJPE."""
    p2: float
    """P-MPJPE."""
    modules: Modules = "all"
    frames_per_proxy: int = 3
    """Clip length over the proxy's length."""
    variant: Variant = AS_RELEASED

    def config(self, base: Config) -> Config:
        """The network of this row at the size of another.

        Raises:
            ValueError: If the clip length is not a multiple of `frames_per_proxy`.
        """
        frames, left = divmod(base.frames, self.frames_per_proxy)
        if left:
            raise ValueError(
                f"frames must be a multiple of {self.frames_per_proxy}, got {base.frames}."
            )
        proxy_frames = None if self.frames_per_proxy == 3 else frames
        return replace(base, modules=self.modules, proxy_frames=proxy_frames)


def _operators(pim: Operator, pum: Operator, p1: float, p2: float) -> Row:
    return Row(modules="pum+pim", variant=Variant(pim=pim, pum=pum), p1=p1, p2=p2)


def _mixing(mixing: Mixing, p1: float, p2: float) -> Row:
    return Row(variant=Variant(mixing=mixing), p1=p1, p2=p2)


TABLES: dict[str, dict[str, Row]] = {
    "modules": {
        "implicit proxy": Row(modules="none", p1=42.2, p2=34.6),
        "+ PUM": Row(modules="pum", p1=39.5, p2=32.6),
        "+ PIM": Row(modules="pum+pim", p1=38.7, p2=32.3),
        "+ PAM": Row(p1=37.9, p2=31.7),
    },
    "proxy": {
        "T/9, Gaussian": Row(frames_per_proxy=9, p1=38.4, p2=32.1),
        "T/3, uniform": Row(variant=Variant(proxy_init="uniform"), p1=39.1, p2=32.5),
        "T/3, Laplacian": Row(variant=Variant(proxy_init="laplace"), p1=38.2, p2=32.0),
        "T/3, Gaussian": Row(p1=37.9, p2=31.7),
        "T, Gaussian": Row(frames_per_proxy=1, p1=38.6, p2=32.7),
    },
    "operators": {
        "PIM MLP, PUM MLP": _operators("mlp", "mlp", 40.8, 33.8),
        "PIM attention, PUM MLP": _operators("attention", "mlp", 39.6, 32.6),
        "PIM MLP, PUM attention": _operators("mlp", "attention", 39.5, 32.8),
        "PIM attention, PUM attention": _operators("attention", "attention", 38.7, 32.3),
    },
    "mixing": {
        "0, fixed": _mixing("0 fixed", 38.4, 32.4),
        "0": _mixing("0", 38.2, 32.0),
        "from (0, 1)": _mixing("(0, 1)", 37.9, 31.7),
        "from (-1, 0)": _mixing("(-1, 0)", 38.5, 32.3),
        "from (-1, 1)": _mixing("(-1, 1)", 37.9, 32.0),
    },
}  # fmt: skip
"""Tables 4 to 7 of the paper, in this order; row by row as printed."""
