"""TCPFormer: lifts a sequence of 2D poses to 3D through a learned implicit pose proxy.

Liu, Liu, Liu, Li: "TCPFormer: Learning Temporal Correlation with Implicit Pose Proxy for 3D Human
Pose Estimation", AAAI 2025, arXiv 2501.01770. The network is exactly the released one.

Two sequences pass through the layers: the pose, a token per frame and joint, and the proxy, a third
as many learned frames. A layer mixes the pose over joints and time (`DualStream`), then pose and
proxy attend to each other (`ProxyBlock`: PUM, PIM and PAM of the paper). Notable:
- No temporal position enters, as released: permute the frames and the output is permuted.
- The map of PAM, A2 A1, is never formed: (A2 A1) v = A2 (A1 v); memory grows linearly with frames.

Axes: b batch, t frame, p proxy frame, j joint, c channel, h head, d channel of a head.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from .layers import (
    JOINTS,
    Attention,
    AttentionMap,
    LayerScale,
    Mlp,
    Residual,
    block,
    check_clips,
    check_sizes,
)

LOCAL_SCALE = 1e-5
"""Constant in the released code: its six vectors were never trained or saved."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that shapes the network. Every field changes the output."""

    frames: int = 243
    """Clip length T."""
    depth: int = 16
    """Number of layers."""
    width: int = 128
    """Channels of a token."""
    heads: int = 8
    """Attention heads; the shapes of a checkpoint do not tell them."""
    representation: int = 512
    """Channels of the feature that the last linear map turns into 3D."""
    local_branch: bool = False
    """The three local attentions of the released checkpoints, which have nearly no effect."""
    proxy_frames: int | None = None
    """Length of the proxy (Table 5 of the paper); None is a third of the clip, as released."""
    joints: int = JOINTS
    """Joints of a pose; the paper has 17."""

    def __post_init__(self) -> None:
        if self.frames % 3 and (self.proxy_frames is None or self.local_branch):
            raise ValueError(f"frames must be a multiple of 3 here, got {self.frames}.")
        sizes = ("frames", "depth", "width", "heads", "representation", "proxy_length", "joints")
        check_sizes(self, sizes)

    @property
    def proxy_length(self) -> int:
        return self.frames // 3 if self.proxy_frames is None else self.proxy_frames


class TCPFormer(nn.Module):
    """The whole network: 2D joints with confidence in, root-relative 3D joints out."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        c, j = config.width, config.joints
        self.embed = nn.Linear(3, c)
        self.joint_position = nn.Parameter(torch.zeros(j, c))
        self.proxy = nn.Parameter(torch.randn(config.proxy_length, j, c))
        self.proxy_position = nn.Parameter(torch.zeros(j, c))
        self.mixers = nn.ModuleList(DualStream(config) for _ in range(config.depth))
        self.exchanges = nn.ModuleList(ProxyBlock(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(c)
        self.features = nn.Linear(c, config.representation)
        self.head = nn.Linear(config.representation, 3)

    def forward(self, xyc: Float[Tensor, "b t j 3"]) -> Float[Tensor, "b t j 3"]:
        """Lift clips of exactly `config.frames` frames of normalized x, y and confidence."""
        return self.head(self.represent(xyc))

    def represent(self, xyc: Float[Tensor, "b t j 3"]) -> Float[Tensor, "b t j r"]:
        """Compute the feature of every joint in every frame, in (-1, 1), that `head` reads."""
        check_clips(xyc, self.config.frames, joints=self.config.joints)
        x = self.embed(xyc) + self.joint_position
        proxy = (self.proxy + self.proxy_position).expand(x.shape[0], -1, -1, -1)
        for mix, exchange in zip(self.mixers, self.exchanges, strict=True):
            x, proxy = exchange(mix(x), proxy)
        return self.features(self.norm(x)).tanh()


class DualStream(nn.Module):
    """Two streams, joints-then-time and time-then-joints, weighed against each other per token."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        c, h = config.width, config.heads
        self.joint_first = nn.Sequential(block(c, h, "joint"), block(c, h, "time"))
        self.time_first = nn.Sequential(block(c, h, "time"), block(c, h, "joint"))
        self.fusion = nn.Linear(2 * c, 2)
        nn.init.zeros_(self.fusion.weight)
        nn.init.constant_(self.fusion.bias, 0.5)

    def forward(self, x: Float[Tensor, "b t j c"]) -> Float[Tensor, "b t j c"]:
        a, b = self.joint_first(x), self.time_first(x)
        weight = self.fusion(torch.cat([a, b], dim=-1)).softmax(dim=-1)
        return a * weight[..., :1] + b * weight[..., 1:]


class ProxyBlock(nn.Module):
    """Pose and proxy attend to each other over time, each joint for itself."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.local = LocalBranch(config) if config.local_branch else None
        self.norm_pose = nn.LayerNorm(config.width)
        self.norm_proxy = nn.LayerNorm(config.width)
        self.pum = CrossAttention(config)
        self.pim = CrossAttention(config)
        self.self_attention = block(config.width, config.heads, "time")
        self.pam = ProxyAttention(config)

    def forward(
        self, x: Float[Tensor, "b t j c"], proxy: Float[Tensor, "b p j c"]
    ) -> tuple[Float[Tensor, "b t j c"], Float[Tensor, "b p j c"]]:
        if self.local is not None:
            x = self.local(x)
        pose = self.norm_pose(x)
        proxy, a1 = self.pum(proxy, query=self.norm_proxy(proxy), context=pose)
        x, a2 = self.pim(x, query=pose, context=self.norm_proxy(proxy))
        return self.pam(self.self_attention(x), a1, a2), proxy


class CrossAttention(nn.Module):
    """PUM and PIM: x updated by attention from ``query`` to ``context``, and the attention map."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config.width
        self.heads = config.heads
        self.query = nn.Linear(c, c, bias=False)
        self.key = nn.Linear(c, c, bias=False)
        self.value = nn.Linear(c, c, bias=False)
        self.proj = nn.Linear(c, c)
        self.scale = LayerScale(c)
        self.mlp = Residual(c, Mlp(c))

    def forward(
        self,
        x: Float[Tensor, "b q j c"],
        *,
        query: Float[Tensor, "b q j c"],
        context: Float[Tensor, "b k j c"],
    ) -> tuple[Float[Tensor, "b q j c"], AttentionMap]:
        q, k, v = (
            rearrange(y, "b t j (h d) -> (b j) h t d", h=self.heads)
            for y in (self.query(query), self.key(context), self.value(context))
        )
        attention = AttentionMap(q, k)
        y = rearrange(attention.apply(v), "(b j) h t d -> b t j (h d)", b=x.shape[0])
        return self.mlp(x + self.scale(self.proj(y))), attention


class ProxyAttention(nn.Module):
    """PAM: attention by w softmax(q k^T) + (1 - w) A2 A1, with A1 from PUM and A2 from PIM."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config.width
        self.heads = config.heads
        self.norm = nn.LayerNorm(c)
        self.qkv = nn.Linear(c, 3 * c, bias=False)
        self.mix_logit = nn.Parameter(torch.rand(1))
        self.proj = nn.Linear(c, c)
        self.scale = LayerScale(c)
        self.mlp = Residual(c, Mlp(c))

    def forward(
        self, x: Float[Tensor, "b t j c"], a1: AttentionMap, a2: AttentionMap
    ) -> Float[Tensor, "b t j c"]:
        split = "b t j (n h d) -> n (b j) h t d"
        q, k, v = rearrange(self.qkv(self.norm(x)), split, n=3, h=self.heads).unbind()
        w = self.mix_logit.sigmoid()
        y = w * AttentionMap(q, k).apply(v) + (1 - w) * a2.apply(a1.apply(v))
        y = rearrange(y, "(b j) h t d -> b t j (h d)", b=x.shape[0])
        return self.mlp(x + self.scale(self.proj(y)))


class LocalBranch(nn.Module):
    """Attention within each third: part of the released checkpoints, not of the design."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config.width
        self.norms = nn.ModuleList(nn.LayerNorm(c) for _ in range(6))
        self.attentions = nn.ModuleList(Attention(c, config.heads, "time") for _ in range(3))
        self.mlps = nn.ModuleList(Mlp(c) for _ in range(3))

    def forward(self, x: Float[Tensor, "b t j c"]) -> Float[Tensor, "b t j c"]:
        thirds = []
        for i, y in enumerate(x.chunk(3, dim=1)):
            y = y + LOCAL_SCALE * self.attentions[i](self.norms[i](y))
            thirds.append(y + LOCAL_SCALE * self.mlps[i](self.norms[i + 3](y)))
        return torch.cat(thirds, dim=1)
