"""The paper's ablations: its Tables 4 to 7, and the networks that only they need.

The paper names its variants without details. Here the three distributions of the proxy have mean 0
and variance 1, so that only their shapes differ, and the mixing scalar is the logit w of PAM: fixed
at 0, self-attention and proxy count half each.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from tcpformer.models import MODELS, Model, hybrid, tcpformer
from tcpformer.models.hybrid import HybridTCPFormer
from tcpformer.models.layers import LayerScale, Mlp, Residual, block
from tcpformer.models.tcpformer import CrossAttention, ProxyAttention, ProxyBlock

Pose = Float[Tensor, "b t j c"]
Proxy = Float[Tensor, "b p j c"]
Modules = Literal["none", "pum", "pum+pim", "all"]
Init = Literal["gaussian", "uniform", "laplace"]
Operator = Literal["attention", "mlp"]
Joints = Literal["alike", "apart"]
Mixing = Literal["0 fixed", "0", "(0, 1)", "(-1, 0)", "(-1, 1)"]


@dataclass(frozen=True, kw_only=True)
class Config(hybrid.Config):
    """A TCPFormer, and what a table changes in it."""

    modules: Modules = "all"
    """Which of PUM, PIM and PAM there are (Table 4). Without PAM a plain attention takes its place;
    without PIM the attention before it attends to the proxy; without PUM the proxy is constant."""
    proxy_init: Init = "gaussian"
    """Distribution that the proxy is drawn from."""
    pum: Operator = "attention"
    """How the proxy is updated from the pose."""
    pim: Operator = "attention"
    """How the pose is updated from the proxy."""
    mixing: Mixing = "(0, 1)"
    """Start of PAM's mixing scalar, or the interval that it is drawn from; trained unless fixed."""
    joint_start: Joints = "alike"
    """Start of the joints' position vectors: all 0, as released, so that the network first has to
    learn which joint is which, or drawn from a Gaussian. Ours, not the paper's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in Config.__annotations__.items():
            if getattr(self, name) not in get_args(known):
                raise ValueError(
                    f"{name} must be one of {get_args(known)}, got {getattr(self, name)!r}."
                )
        if "mlp" in (self.pum, self.pim) and self.modules != "pum+pim":
            raise ValueError(
                "an MLP gives PAM no attention map and replaces PUM or PIM: expected "
                f"modules='pum+pim', got {self.modules!r}."
            )
        if self.mixing != "(0, 1)" and self.modules != "all":
            raise ValueError(f"only PAM mixes: expected modules='all', got {self.modules!r}.")
        if self.local_branch and self.modules != "all":
            raise ValueError(f"local_branch needs all modules, got modules={self.modules!r}.")


class VariantTCPFormer(HybridTCPFormer):
    """The network of a row of a table.

    With the same random seed, variants of proxy and mixing have all other weights in common.
    """

    def __init__(self, config: Config) -> None:
        exchanges = {"all": ProxyBlock, "pum+pim": PlainBlock}
        super().__init__(config, exchanges.get(config.modules, JoinedBlock))  # type: ignore[arg-type]
        if config.proxy_init != "gaussian":
            self.proxy.data.copy_(_INITS[config.proxy_init](self.proxy.shape))
        if config.joint_start == "apart":
            nn.init.normal_(self.joint_position)
        for module in list(self.modules()):
            if isinstance(module, PlainBlock):
                module.replace_operators(config)
            if isinstance(module, ProxyAttention) and config.mixing != "(0, 1)":
                nn.init.uniform_(module.mix_logit, *_MIXINGS[config.mixing])
                module.mix_logit.requires_grad_(config.mixing != "0 fixed")


MODELS["tcpformer-variant"] = Model(Config, VariantTCPFormer)

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


class PlainBlock(nn.Module):
    """A `ProxyBlock` with plain attention in place of PAM."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.norm_pose = nn.LayerNorm(config.width)
        self.norm_proxy = nn.LayerNorm(config.width)
        self.pum: nn.Module = CrossAttention(config)
        self.pim: nn.Module = CrossAttention(config)
        self.self_attention = block(config.width, config.heads, "time")
        self.pam = block(config.width, config.heads, "time")

    def replace_operators(self, config: Config) -> None:
        """Replace the operators that the config wants as MLPs, with random weights."""
        frames, proxy_frames = config.frames, config.proxy_length
        if config.pum == "mlp":
            self.pum = TimeMlp(config, context_frames=frames, query_frames=proxy_frames)
        if config.pim == "mlp":
            self.pim = TimeMlp(config, context_frames=proxy_frames, query_frames=frames)

    def forward(self, x: Pose, proxy: Proxy) -> tuple[Pose, Proxy]:
        pose = self.norm_pose(x)
        proxy, _ = self.pum(proxy, query=self.norm_proxy(proxy), context=pose)
        x, _ = self.pim(x, query=pose, context=self.norm_proxy(proxy))
        return self.pam(self.self_attention(x)), proxy


class JoinedBlock(nn.Module):
    """A proxy block without PIM: frames attend to frames and proxy together."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.pum = None
        if config.modules == "pum":
            self.norm_pose = nn.LayerNorm(config.width)
            self.norm_proxy = nn.LayerNorm(config.width)
            self.pum = CrossAttention(config)
        self.self_attention = block(config.width, config.heads, "time")
        self.plain = block(config.width, config.heads, "time")

    def forward(self, x: Pose, proxy: Proxy) -> tuple[Pose, Proxy]:
        if self.pum is not None:
            proxy, _ = self.pum(proxy, query=self.norm_proxy(proxy), context=self.norm_pose(x))
        joined = self.self_attention(torch.cat([x, proxy], dim=1))
        return self.plain(joined[:, : x.shape[1]]), proxy


class TimeMlp(nn.Module):
    """In place of a `CrossAttention`: an MLP along time from the context's frames to the query's.

    Values, projection and the rest are those of attention. Unlike attention it knows the order of
    frames.
    """

    def __init__(self, config: Config, *, context_frames: int, query_frames: int) -> None:
        super().__init__()
        c = config.width
        self.value = nn.Linear(c, c, bias=False)
        self.mix = nn.Sequential(
            nn.Linear(context_frames, c), nn.GELU(), nn.Linear(c, query_frames)
        )
        self.proj = nn.Linear(c, c)
        self.scale = LayerScale(c)
        self.mlp = Residual(c, Mlp(c))

    def forward(
        self,
        x: Float[Tensor, "b q j c"],
        *,
        query: Float[Tensor, "b q j c"],
        context: Float[Tensor, "b k j c"],
    ) -> tuple[Float[Tensor, "b q j c"], None]:
        """Update x from ``context``; ``query`` is ignored, and there is no attention map."""
        y = self.mix(rearrange(self.value(context), "b k j c -> b j c k"))
        return self.mlp(x + self.scale(self.proj(rearrange(y, "b j c q -> b q j c")))), None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One network of a table, with the paper's errors: Human3.6M, SH detections, T=243, mm."""

    p1: float
    """MPJPE."""
    p2: float
    """P-MPJPE."""
    frames_per_proxy: int = 3
    """Clip length over the proxy's length."""
    changes: dict[str, Any] = field(default_factory=dict)
    """Fields of `Config`."""

    def config(self, base: tcpformer.Config) -> Config:
        """Return the network of this row in the size of another.

        Raises:
            ValueError: If the clip length is not a multiple of `frames_per_proxy`.
        """
        frames, left = divmod(base.frames, self.frames_per_proxy)
        if left:
            raise ValueError(
                f"frames must be a multiple of {self.frames_per_proxy}, got {base.frames}."
            )
        proxy_frames = None if self.frames_per_proxy == 3 else frames
        fields: dict[str, Any] = asdict(base) | {"proxy_frames": proxy_frames} | self.changes
        return Config(**fields)


def _row(p1: float, p2: float, frames_per_proxy: int = 3, **changes: Any) -> Row:
    return Row(p1=p1, p2=p2, frames_per_proxy=frames_per_proxy, changes=changes)


def _operators(pim: Operator, pum: Operator, p1: float, p2: float) -> Row:
    return _row(p1, p2, modules="pum+pim", pim=pim, pum=pum)


TABLES: dict[str, dict[str, Row]] = {
    "modules": {
        "implicit proxy": _row(42.2, 34.6, modules="none"),
        "+ PUM": _row(39.5, 32.6, modules="pum"),
        "+ PIM": _row(38.7, 32.3, modules="pum+pim"),
        "+ PAM": _row(37.9, 31.7),
    },
    "proxy": {
        "T/9, Gaussian": _row(38.4, 32.1, frames_per_proxy=9),
        "T/3, uniform": _row(39.1, 32.5, proxy_init="uniform"),
        "T/3, Laplacian": _row(38.2, 32.0, proxy_init="laplace"),
        "T/3, Gaussian": _row(37.9, 31.7),
        "T, Gaussian": _row(38.6, 32.7, frames_per_proxy=1),
    },
    "operators": {
        "PIM MLP, PUM MLP": _operators("mlp", "mlp", 40.8, 33.8),
        "PIM attention, PUM MLP": _operators("attention", "mlp", 39.6, 32.6),
        "PIM MLP, PUM attention": _operators("mlp", "attention", 39.5, 32.8),
        "PIM attention, PUM attention": _operators("attention", "attention", 38.7, 32.3),
    },
    "mixing": {
        "0, fixed": _row(38.4, 32.4, mixing="0 fixed"),
        "0": _row(38.2, 32.0, mixing="0"),
        "from (0, 1)": _row(37.9, 31.7, mixing="(0, 1)"),
        "from (-1, 0)": _row(38.5, 32.3, mixing="(-1, 0)"),
        "from (-1, 1)": _row(37.9, 32.0, mixing="(-1, 1)"),
    },
}
"""Tables 4 to 7 of the paper, in this order; row by row as printed."""
