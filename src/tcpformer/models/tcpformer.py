"""TCPFormer: lifts a sequence of 2D poses to 3D through a learned implicit pose proxy.

Liu, Liu, Liu, Li: "TCPFormer: Learning Temporal Correlation with Implicit Pose Proxy for 3D Human
Pose Estimation", AAAI 2025, arXiv 2501.01770. The network is exactly the released one.

Two things travel through the layers: the pose, a token per frame and joint, and the proxy, a third
as many learned frames. A layer mixes the pose over joints and time (`DualStream`), then pose and
proxy exchange what they know (`ProxyBlock`: PUM, PIM and PAM of the paper). Notable:
- No temporal position enters, as released: permute the frames and the output is permuted.
- The map of PAM, A2 A1, is never formed: (A2 A1) v = A2 (A1 v); memory grows linearly with frames.

Axes: b batch, t frame, p proxy frame, j joint, c channel, h head, d channel of a head.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from .layers import Attention, AttentionMap, LayerScale, Mlp, Residual, block
from .pose_transformer import Config as Poses
from .pose_transformer import PoseEncoder
from .uncertainty_head import UncertaintyHead

JOINTS = 17
POSE_RATIO = 3
LOCAL_SCALE = 1e-5  # constant in the released code: its six vectors were never trained nor saved

Modules = Literal["none", "pum", "pum+pim", "all"]


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
    """Attention heads; the one size that the shapes of a checkpoint do not tell."""
    representation: int = 512
    """Channels of the feature that the last linear map turns into 3D."""
    local_branch: bool = False
    """The three local attentions of the released checkpoints, all but without effect there."""
    modules: Modules = "all"
    """Those of PUM, PIM and PAM that there are (the paper's Table 4). Without PAM a plain attention
    stands there; without PIM the one before it sees the proxy; without PUM the proxy stays."""
    proxy_frames: int | None = None
    """Length of the proxy; None is a third of the clip, as released."""
    pose_embedding: bool = False
    """Ours, not the paper's: a joint's token starts from the whole pose, by a map of its own."""
    frame_position: bool = False
    """Ours, not the paper's: a learned vector for every place in the clip, from 0 on."""
    pose_layers: int = 0
    """Ours, not the paper's: so many layers of whole poses, thrice as wide as a joint's token,
    tell the joints' tokens how to start, and the last linear map what they say; `whole_poses`."""
    rotary_poses: bool = False
    """Of those layers: rotary attention, in the place of learned positions."""
    spread: bool = False
    """Ours too: a second head says how far off the pose may be. The pose stays the same."""

    def __post_init__(self) -> None:
        if self.frames % 3 and (self.proxy_frames is None or self.local_branch):
            raise ValueError(f"frames must be a multiple of 3 here, got {self.frames}.")
        for name in ("frames", "depth", "width", "heads", "representation", "proxy_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.pose_layers < int(self.rotary_poses):
            least = "at least 1 for rotary_poses" if self.rotary_poses else "at least 0"
            raise ValueError(f"pose_layers must be {least}, got {self.pose_layers}.")
        if self.width % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide width ({self.width}).")
        if self.modules not in get_args(Modules):
            raise ValueError(f"modules must be one of {get_args(Modules)}, got {self.modules!r}.")
        if self.local_branch and self.modules != "all":
            raise ValueError(f"local_branch needs all modules, got modules={self.modules!r}.")

    @property
    def proxy_length(self) -> int:
        return self.frames // 3 if self.proxy_frames is None else self.proxy_frames

    @property
    def read(self) -> int:
        """Channels that the last linear map reads."""
        return (2 if self.pose_layers else 1) * self.representation

    @property
    def whole_poses(self) -> Poses:
        """The network whose layers stand beside, if there are `pose_layers`."""
        return Poses(
            frames=self.frames,
            layers=self.pose_layers,
            width=POSE_RATIO * self.width,
            heads=self.heads,
            channels=self.width,
            representation=self.representation,
            rotary=self.rotary_poses,
        )


class TCPFormer(nn.Module):
    """The whole network: 2D joints with confidence in, root-relative 3D joints out."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        c = config.width
        self.embed = nn.Linear(3, c)
        self.embed_pose = nn.Linear(JOINTS * 3, JOINTS * c) if config.pose_embedding else None
        self.joint_position = nn.Parameter(torch.zeros(JOINTS, c))
        places = nn.Parameter(torch.zeros(config.frames, 1, c))
        self.frame_position = places if config.frame_position else None
        self.poses = PoseEncoder(config.whole_poses) if config.pose_layers else None
        self.listen = nn.Linear(c, c) if config.pose_layers else None
        self.proxy = nn.Parameter(torch.randn(config.proxy_length, JOINTS, c))
        self.proxy_position = nn.Parameter(torch.zeros(JOINTS, c))
        self.mixers = nn.ModuleList(DualStream(config) for _ in range(config.depth))
        exchange = ProxyBlock if config.modules in ("pum+pim", "all") else JoinedBlock
        self.exchanges = nn.ModuleList(exchange(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(c)
        self.features = nn.Linear(c, config.representation)
        self.head = nn.Linear(config.read, 3)
        self.spread = UncertaintyHead(config.read, JOINTS) if config.spread else None

    def forward(
        self, xyc: Float[Tensor, "b t j 3"], *, skip_local: bool = False
    ) -> Float[Tensor, "b t j 3"]:
        """Lift clips of exactly `config.frames` frames of normalised x, y and confidence.

        ``skip_local`` leaves out the local branch: it moves the output by some 1e-5 of its range.
        """
        return self.head(self.represent(xyc, skip_local=skip_local))

    def represent(
        self, xyc: Float[Tensor, "b t j 3"], *, skip_local: bool = False
    ) -> Float[Tensor, "b t j r"]:
        """The feature of every joint in every frame, in (-1, 1), before the last linear map."""
        if xyc.shape[1:] != (self.config.frames, JOINTS, 3):
            wanted = f"(batch, {self.config.frames}, {JOINTS}, 3)"
            raise ValueError(f"expected clips of shape {wanted}, got {tuple(xyc.shape)}.")
        x = self.embed(xyc) + self.joint_position
        if self.embed_pose is not None:
            x = x + rearrange(self.embed_pose(xyc.flatten(2)), "b t (j c) -> b t j c", j=JOINTS)
        if self.frame_position is not None:
            x = x + self.frame_position
        said = []
        if self.poses is not None and self.listen is not None:
            joints, by_poses = self.poses(xyc)
            x, said = x + self.listen(joints), [by_poses]
        proxy = (self.proxy + self.proxy_position).expand(x.shape[0], -1, -1, -1)
        for mix, exchange in zip(self.mixers, self.exchanges, strict=True):
            x, proxy = exchange(mix(x), proxy, skip_local)
        return torch.cat([self.features(self.norm(x)).tanh(), *said], dim=-1)

    def freeze(self, dtype: torch.dtype = torch.float32) -> nn.Module:
        """The same, faster, computed in ``dtype``, without the local branch; not to be trained."""
        from ..runtime.fused import FusedTCPFormer

        return FusedTCPFormer(self, dtype)


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
    """Pose and proxy exchange what they know, over time, each joint for itself."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.local = LocalBranch(config) if config.local_branch else None
        self.norm_pose = nn.LayerNorm(config.width)
        self.norm_proxy = nn.LayerNorm(config.width)
        self.pum = CrossAttention(config)
        self.pim = CrossAttention(config)
        c, h, whole = config.width, config.heads, config.modules == "all"
        self.self_attention = block(c, h, "time")
        self.pam = ProxyAttention(config) if whole else block(c, h, "time")

    def forward(
        self, x: Float[Tensor, "b t j c"], proxy: Float[Tensor, "b p j c"], skip_local: bool
    ) -> tuple[Float[Tensor, "b t j c"], Float[Tensor, "b p j c"]]:
        if self.local is not None and not skip_local:
            x = self.local(x)
        pose = self.norm_pose(x)
        proxy, a1 = self.pum(proxy, asking=self.norm_proxy(proxy), telling=pose)
        x, a2 = self.pim(x, asking=pose, telling=self.norm_proxy(proxy))
        x = self.self_attention(x)
        return self.pam(x, a1, a2) if isinstance(self.pam, ProxyAttention) else self.pam(x), proxy


class JoinedBlock(nn.Module):
    """A proxy block without PIM, for Table 4: the proxy stands among the frames attended to."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.pum = None
        if config.modules == "pum":
            self.norm_pose = nn.LayerNorm(config.width)
            self.norm_proxy = nn.LayerNorm(config.width)
            self.pum = CrossAttention(config)
        self.self_attention = block(config.width, config.heads, "time")
        self.plain = block(config.width, config.heads, "time")

    def forward(
        self, x: Float[Tensor, "b t j c"], proxy: Float[Tensor, "b p j c"], skip_local: bool
    ) -> tuple[Float[Tensor, "b t j c"], Float[Tensor, "b p j c"]]:
        if self.pum is not None:
            proxy, _ = self.pum(proxy, asking=self.norm_proxy(proxy), telling=self.norm_pose(x))
        joined = self.self_attention(torch.cat([x, proxy], dim=1))
        return self.plain(joined[:, : x.shape[1]]), proxy


class CrossAttention(nn.Module):
    """One side asks the other, as in PUM and PIM: what asked, enriched, and the attention map."""

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
        asking: Float[Tensor, "b q j c"],
        telling: Float[Tensor, "b k j c"],
    ) -> tuple[Float[Tensor, "b q j c"], "AttentionMap"]:
        q, k, v = (
            rearrange(y, "b t j (h d) -> (b j) h t d", h=self.heads)
            for y in (self.query(asking), self.key(telling), self.value(telling))
        )
        attention = AttentionMap(q, k)
        y = rearrange(attention.apply(v), "(b j) h t d -> b t j (h d)", b=x.shape[0])
        return self.mlp(x + self.scale(self.proj(y))), attention


class ProxyAttention(nn.Module):
    """PAM: its map is w softmax(q k^T) + (1 - w) A2 A1, with A1 from PUM and A2 from PIM."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config.width
        self.heads = config.heads
        self.norm = nn.LayerNorm(c)
        self.qkv = nn.Linear(c, 3 * c, bias=False)
        self.trust = nn.Parameter(torch.rand(1))
        self.proj = nn.Linear(c, c)
        self.scale = LayerScale(c)
        self.mlp = Residual(c, Mlp(c))

    def forward(
        self, x: Float[Tensor, "b t j c"], a1: "AttentionMap", a2: "AttentionMap"
    ) -> Float[Tensor, "b t j c"]:
        split = "b t j (n h d) -> n (b j) h t d"
        q, k, v = rearrange(self.qkv(self.norm(x)), split, n=3, h=self.heads).unbind()
        w = self.trust.sigmoid()
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
