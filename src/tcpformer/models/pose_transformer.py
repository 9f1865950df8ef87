"""Whole poses over time: a plain transformer of ours, a token a frame instead of a token a joint.

It learns from some fourteen times as many frames in the time that TCPFormer takes for them
(docs/weights.md). It is a network of its own, and it can stand beside TCPFormer
(`tcpformer.Config.pose_layers`), whose joints then start from what it knows.

Notable:
- Frames know their places, or how far apart they are; the answer depends on their order.
- The flat pose goes past the layers by a map of its own.

Axes: b batch, t frame, j joint, w channel of a pose's token, c channel of a joint's, r channel of
its representation.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from .layers import block
from .uncertainty_head import UncertaintyHead

JOINTS = 17


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that shapes the network. Every field changes the output."""

    frames: int = 27
    """Clip length T."""
    layers: int = 4
    """Transformer blocks over time."""
    width: int = 192
    """Channels of a pose's token."""
    heads: int = 4
    """Attention heads."""
    channels: int = 64
    """Channels of a joint's token, which is made of a pose's."""
    representation: int = 256
    """Channels of the feature that the last linear map turns into 3D."""
    rotary: bool = False
    """Tell frames how far apart they are, by rotary attention, and not their places."""
    spread: bool = False
    """A second head says how far off the pose may be. The pose stays the same."""

    def __post_init__(self) -> None:
        for name in ("frames", "layers", "width", "heads", "channels", "representation"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.width % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide width ({self.width}).")
        if self.rotary and self.width // self.heads % 2:
            raise ValueError(f"rotary needs an even width / heads, got {self.width // self.heads}.")


class PoseTransformer(nn.Module):
    """The whole network: 2D joints with confidence in, root-relative 3D joints out."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.poses = PoseEncoder(config)
        self.head = nn.Linear(config.representation, 3)
        self.spread = UncertaintyHead(config.representation, JOINTS) if config.spread else None

    def forward(self, xyc: Float[Tensor, "b t j 3"]) -> Float[Tensor, "b t j 3"]:
        """Lift clips of exactly `config.frames` frames of normalised x, y and confidence."""
        return self.head(self.represent(xyc))

    def represent(self, xyc: Float[Tensor, "b t j 3"]) -> Float[Tensor, "b t j r"]:
        """The feature of every joint in every frame, in (-1, 1), before the last linear map."""
        if xyc.shape[1:] != (self.config.frames, JOINTS, 3):
            wanted = f"(batch, {self.config.frames}, {JOINTS}, 3)"
            raise ValueError(f"expected clips of shape {wanted}, got {tuple(xyc.shape)}.")
        _, representation = self.poses(xyc)
        return representation


class PoseEncoder(nn.Module):
    """Everything but the last map: a token for every joint, and what can be read from it."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        w, c = config.width, config.channels
        self.embed = nn.Linear(JOINTS * 3, w)
        places = nn.Parameter(torch.zeros(config.frames, 1, w))
        self.position = None if config.rotary else places
        self.layers = nn.Sequential(
            *(block(w, config.heads, "time", rotary=config.rotary) for _ in range(config.layers))
        )
        self.norm = nn.LayerNorm(w)
        self.split = nn.Linear(w, JOINTS * c)
        self.past = nn.Linear(JOINTS * 3, JOINTS * c)
        self.joint_norm = nn.LayerNorm(c)
        self.features = nn.Linear(c, config.representation)

    def forward(
        self, xyc: Float[Tensor, "b t j 3"]
    ) -> tuple[Float[Tensor, "b t j c"], Float[Tensor, "b t j r"]]:
        flat = rearrange(xyc, "b t j i -> b t 1 (j i)")
        poses = self.embed(flat)
        if self.position is not None:
            poses = poses + self.position
        poses = self.norm(self.layers(poses))
        joints = rearrange(self.split(poses) + self.past(flat), "b t 1 (j c) -> b t j c", j=JOINTS)
        joints = self.joint_norm(joints)
        return joints, self.features(joints).tanh()
