"""The network of the packaged `default`: TCPFormer's layers beside a `PoseTransformer`.

Ours, built from the parts of the paper's network (`tcpformer.py`). It adds, each by one field:
- a map from the whole pose into every joint's token (``pose_embedding``);
- a learned position for every frame of the clip (``frame_position``);
- a `PoseTransformer` over whole poses, whose joint tokens are added to those that enter the layers
  and whose representation the last linear map reads too (``pose_layers``);
- a second head that estimates how large the error is (``uncertainty``); the pose stays the same.

Axes: b batch, t frame, j joint, c channel, r channel of the representation.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from . import pose_transformer, tcpformer
from .layers import check_clips, check_sizes
from .pose_transformer import PoseEncoder
from .tcpformer import DualStream, ProxyBlock
from .uncertainty_head import UncertaintyHead

POSE_RATIO = 3
"""Channels of a whole pose's token for each channel of a joint's."""


@dataclass(frozen=True, kw_only=True)
class Config(tcpformer.Config):
    """The paper's sizes, and what is added to its network. Every field changes the output."""

    pose_embedding: bool = False
    """Whether a joint's token starts from the whole pose too, through a map of its own."""
    frame_position: bool = False
    """Whether every frame of the clip has a learned position, which starts at 0."""
    pose_layers: int = 0
    """Layers of the `PoseTransformer`, whose tokens are three times as wide as a joint's."""
    rotary_poses: bool = False
    """Whether those layers have rotary attention instead of learned positions."""
    uncertainty: bool = False
    """Whether there is an `UncertaintyHead`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pose_layers < int(self.rotary_poses):
            least = "at least 1 for rotary_poses" if self.rotary_poses else "at least 0"
            raise ValueError(f"pose_layers must be {least}, got {self.pose_layers}.")
        if self.pose_layers:
            check_sizes(self, ("pose_layers",))

    @classmethod
    def extending(cls, config: tcpformer.Config, **fields: Any) -> "Config":
        """Return the config of the network that adds ``fields`` to that of ``config``."""
        return cls(**(asdict(config) | fields))

    @property
    def features(self) -> int:
        """Channels that the last linear map reads."""
        return (2 if self.pose_layers else 1) * self.representation

    @property
    def pose_transformer(self) -> pose_transformer.Config:
        """The network that stands beside the layers, if there are `pose_layers`."""
        return pose_transformer.Config(
            frames=self.frames,
            layers=self.pose_layers,
            width=POSE_RATIO * self.width,
            heads=self.heads,
            channels=self.width,
            representation=self.representation,
            rotary=self.rotary_poses,
            joints=self.joints,
        )


class HybridTCPFormer(nn.Module):
    """The whole network: 2D joints with confidence in, root-relative 3D joints out.

    For ablations, ``exchange`` builds the second half of a layer in place of `ProxyBlock`.
    """

    def __init__(
        self, config: Config, exchange: Callable[[Config], nn.Module] = ProxyBlock
    ) -> None:
        super().__init__()
        self.config = config
        c, j = config.width, config.joints
        self.embed = nn.Linear(3, c)
        self.embed_pose = nn.Linear(j * 3, j * c) if config.pose_embedding else None
        self.joint_position = nn.Parameter(torch.zeros(j, c))
        positions = nn.Parameter(torch.zeros(config.frames, 1, c))
        self.frame_position = positions if config.frame_position else None
        self.poses = PoseEncoder(config.pose_transformer) if config.pose_layers else None
        self.pose_to_joint = nn.Linear(c, c) if config.pose_layers else None
        self.proxy = nn.Parameter(torch.randn(config.proxy_length, j, c))
        self.proxy_position = nn.Parameter(torch.zeros(j, c))
        self.mixers = nn.ModuleList(DualStream(config) for _ in range(config.depth))
        self.exchanges = nn.ModuleList(exchange(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(c)
        self.features = nn.Linear(c, config.representation)
        self.head = nn.Linear(config.features, 3)
        self.uncertainty = UncertaintyHead(config.features, j) if config.uncertainty else None

    def forward(self, xyc: Float[Tensor, "b t j 3"]) -> Float[Tensor, "b t j 3"]:
        """Lift clips of exactly `config.frames` frames of normalized x, y and confidence."""
        return self.head(self.represent(xyc))

    def represent(self, xyc: Float[Tensor, "b t j 3"]) -> Float[Tensor, "b t j r"]:
        """Compute the features of every joint in every frame, in (-1, 1), that the heads read."""
        check_clips(xyc, self.config.frames, joints=self.config.joints)
        x = self.embed(xyc) + self.joint_position
        if self.embed_pose is not None:
            whole = self.embed_pose(xyc.flatten(2))
            x = x + rearrange(whole, "b t (j c) -> b t j c", j=self.config.joints)
        if self.frame_position is not None:
            x = x + self.frame_position
        from_poses = []
        if self.poses is not None and self.pose_to_joint is not None:
            joints, features = self.poses(xyc)
            x, from_poses = x + self.pose_to_joint(joints), [features]
        proxy = (self.proxy + self.proxy_position).expand(x.shape[0], -1, -1, -1)
        for mix, exchange in zip(self.mixers, self.exchanges, strict=True):
            x, proxy = exchange(mix(x), proxy)
        return torch.cat([self.features(self.norm(x)).tanh(), *from_poses], dim=-1)
