"""A plain transformer of ours over whole poses: a token per frame instead of a token per joint.

It trains on some fourteen times as many frames as TCPFormer in the same time. It is a network of
its own, the packaged `fast`, and half of `hybrid.HybridTCPFormer`.

Notable:
- Unlike in TCPFormer the order of frames matters: by learned positions, or by rotary attention.
- A linear map leads the flat pose past the layers.

Axes: b batch, t frame, j joint, w channel of a pose's token, c channel of a joint's, r channel of
its representation, g channel given beside the joints.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from .layers import JOINTS, block, check_clips, check_sizes
from .uncertainty_head import UncertaintyHead


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
    """Channels of a joint's token, which is made from a pose's."""
    representation: int = 256
    """Channels of the feature that the last linear map turns into 3D."""
    rotary: bool = False
    """Whether attention depends on the distance of frames (rotary) instead of their positions."""
    uncertainty: bool = False
    """Whether there is an `UncertaintyHead`; the pose stays the same."""
    joints: int = JOINTS
    """Joints of a pose."""

    def __post_init__(self) -> None:
        names = ("frames", "layers", "width", "heads", "channels", "representation", "joints")
        check_sizes(self, names)
        if self.rotary and self.width // self.heads % 2:
            raise ValueError(f"rotary needs an even width / heads, got {self.width // self.heads}.")


class PoseTransformer(nn.Module):
    """The whole network: 2D joints with confidence in, root-relative 3D joints out.

    In another network it may read ``given`` more channels of every frame (`whole_body`).
    """

    def __init__(self, config: Config, given: int = 0) -> None:
        super().__init__()
        self.config = config
        r = config.representation
        self.poses = PoseEncoder(config, given)
        self.head = nn.Linear(r, 3)
        self.uncertainty = UncertaintyHead(r, config.joints) if config.uncertainty else None

    def forward(self, xyc: Float[Tensor, "b t j 3"]) -> Float[Tensor, "b t j 3"]:
        """Lift clips of exactly `config.frames` frames of normalized x, y and confidence."""
        return self.head(self.represent(xyc))

    def represent(
        self, xyc: Float[Tensor, "b t j 3"], given: Float[Tensor, "b t g"] | None = None
    ) -> Float[Tensor, "b t j r"]:
        """Compute the feature of every joint in every frame, in (-1, 1), that the heads read."""
        check_clips(xyc, self.config.frames, joints=self.config.joints)
        return self.poses(xyc, given)[1]


class PoseEncoder(nn.Module):
    """Everything but the heads: the token of every joint, and its representation."""

    def __init__(self, config: Config, given: int = 0) -> None:
        super().__init__()
        w, c, j = config.width, config.channels, config.joints
        self.joints = j
        self.embed = nn.Linear(j * 3 + given, w)
        positions = nn.Parameter(torch.zeros(config.frames, 1, w))
        self.position = None if config.rotary else positions
        self.layers = nn.Sequential(
            *(block(w, config.heads, "time", rotary=config.rotary) for _ in range(config.layers))
        )
        self.norm = nn.LayerNorm(w)
        self.split = nn.Linear(w, j * c)
        self.skip = nn.Linear(j * 3 + given, j * c)
        self.joint_norm = nn.LayerNorm(c)
        self.features = nn.Linear(c, config.representation)

    def forward(
        self, xyc: Float[Tensor, "b t j 3"], given: Float[Tensor, "b t g"] | None = None
    ) -> tuple[Float[Tensor, "b t j c"], Float[Tensor, "b t j r"]]:
        flat = xyc.flatten(2) if given is None else torch.cat([xyc.flatten(2), given], dim=-1)
        flat = rearrange(flat, "b t i -> b t 1 i")
        poses = self.embed(flat)
        if self.position is not None:
            poses = poses + self.position
        poses = self.norm(self.layers(poses))
        split = self.split(poses) + self.skip(flat)
        joints = self.joint_norm(rearrange(split, "b t 1 (j c) -> b t j c", j=self.joints))
        return joints, self.features(joints).tanh()
