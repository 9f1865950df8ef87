"""PoseFormerV2: lifts the center frame of a clip from a few frames and a few slow cosines.

Zhao, Zheng, Liu, Wang, Chen: "PoseFormerV2: Exploring Frequency Domain for Efficient and Robust 3D
Human Pose Estimation", CVPR 2023, arXiv 2303.17472. The network is exactly the released one.

A long clip enters in two short forms: as the poses of the frames around its center, and as the
lowest coefficients of a cosine transform of every joint's path over the whole clip, which noise
between frames hardly changes. The tokens of both attend to each other.

Notable:
- Cost hardly grows with the clip: only the transform sees all of its frames.
- Half of the tokens of a mixed block pass an MLP on a cosine transform over those tokens. They are
  the second half by number: with as many frames as coefficients, the frames.

Axes: b batch, t frame of the clip, f token in time (or kept frame), k kept coefficient, j joint,
i input channel, e channel of a joint, c channel of a token, h head, d channel of a head.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from .layers import JOINTS, AttentionMap, Mlp, check_clips, check_sizes

MLP_RATIO = 2
NORM_EPS = 1e-6  # of every norm but the head's


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that shapes the network and its training. Every field changes the output."""

    frames: int = 243
    """Clip length T, odd: the pose is that of its center. The shapes of a checkpoint do not tell
    it."""
    kept_frames: int = 27
    """Frames around the center that enter as they are."""
    kept_coefficients: int = 27
    """Lowest coefficients of the cosine transform that enter."""
    width: int = 32
    """Channels of a joint; a token in time has 17 times as many."""
    depth: int = 4
    """Number of blocks over joints, and again of mixed blocks over time."""
    heads: int = 8
    """Attention heads; the shapes of a checkpoint do not tell."""
    drop_path: float = 0.2
    """Probability that training drops a branch of the last block; 0 in the first block."""
    inputs: Literal[2, 3] = 2
    """Channels of the input: x, y as published; 3 adds the detector's confidence."""

    def __post_init__(self) -> None:
        names = ("frames", "kept_frames", "kept_coefficients", "width", "depth", "heads")
        check_sizes(self, names)
        if self.frames % 2 == 0:
            raise ValueError(f"frames must be odd, so that one is the center, got {self.frames}.")
        kept = (self.kept_frames, self.kept_coefficients)
        if max(kept) > self.frames or sum(kept) % 2:
            raise ValueError(
                "kept_frames and kept_coefficients must each be at most frames "
                f"({self.frames}) and their sum even, got {kept[0]} and {kept[1]}."
            )
        if not 0 <= self.drop_path < 1:
            raise ValueError(f"drop_path must be in [0, 1), got {self.drop_path}.")
        if self.inputs not in (2, 3):
            raise ValueError(f"inputs must be 2 or 3, got {self.inputs}.")


PRESETS = {
    27: Config(frames=27, kept_frames=3, kept_coefficients=3),
    81: Config(frames=81, kept_frames=9, kept_coefficients=9),
    243: Config(frames=243, kept_frames=27, kept_coefficients=27),
}
"""The published sizes by clip length."""


class PoseFormerV2(nn.Module):
    """The whole network: 2D joints of a clip in, root-relative 3D joints of its center out."""

    low_cosines: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        n, k = config.kept_frames, config.kept_coefficients
        e, c = config.width, JOINTS * config.width
        self.embed_joint = nn.Linear(config.inputs, e)
        self.joint_position = nn.Parameter(torch.zeros(JOINTS, e))
        self.joint_blocks = nn.Sequential(*(Block(config, e, drop) for drop in _drops(config)))
        self.joint_norm = nn.LayerNorm(e, eps=NORM_EPS)
        self.frame_position = nn.Parameter(torch.zeros(n, c))
        self.register_buffer("low_cosines", cosines(config.frames)[:k], persistent=False)
        self.embed_coefficient = nn.Linear(JOINTS * config.inputs, c)
        self.coefficient_position = nn.Parameter(torch.zeros(k, c))
        self.mixed_blocks = nn.Sequential(*(MixedBlock(config, drop) for drop in _drops(config)))
        self.norm = nn.LayerNorm(c, eps=NORM_EPS)
        self.coefficient_mean = nn.Linear(k, 1)
        self.frame_mean = nn.Linear(n, 1)
        self.head = nn.Sequential(nn.LayerNorm(2 * c), nn.Linear(2 * c, 3 * JOINTS))

    def forward(self, x: Float[Tensor, "b t j i"]) -> Float[Tensor, "b 1 j 3"]:
        """Lift the center frame of clips of exactly `config.frames` frames.

        The channels are normalized x, y and, of 3 inputs, the detector's confidence.
        """
        check_clips(x, self.config.frames, self.config.inputs)
        k = self.config.kept_coefficients
        tokens = torch.cat([self.frequency_tokens(x), self.frame_tokens(x)], dim=1)
        tokens = rearrange(self.norm(self.mixed_blocks(tokens)), "b f c -> b c f")
        slow, near = self.coefficient_mean(tokens[..., :k]), self.frame_mean(tokens[..., k:])
        pose = self.head(torch.cat([slow, near], dim=1).squeeze(-1))
        return rearrange(pose, "b (j x) -> b 1 j x", x=3)

    def frame_tokens(self, x: Float[Tensor, "b t j i"]) -> Float[Tensor, "b f c"]:
        """Return the poses of the kept frames, each mixed over its joints."""
        start = (self.config.frames - 1) // 2 - (self.config.kept_frames - 1) // 2
        y = self.embed_joint(x[:, start : start + self.config.kept_frames]) + self.joint_position
        y = self.joint_norm(self.joint_blocks(rearrange(y, "b f j e -> (b f) j e")))
        return rearrange(y, "(b f) j e -> b f (j e)", b=x.shape[0]) + self.frame_position

    def frequency_tokens(self, x: Float[Tensor, "b t j i"]) -> Float[Tensor, "b k c"]:
        """Compute the lowest coefficients of all joints' paths over the clip."""
        y = torch.einsum("kt,btji->bkji", self.low_cosines, x)
        y = self.embed_coefficient(rearrange(y, "b k j i -> b k (j i)"))
        return y + self.coefficient_position


def _drops(config: Config) -> list[float]:
    """Return the probability of dropping a branch, for each block."""
    return [config.drop_path * i / max(config.depth - 1, 1) for i in range(config.depth)]


class Block(nn.Module):
    """A transformer block: self-attention, then an MLP."""

    def __init__(self, config: Config, width: int, drop: float) -> None:
        super().__init__()
        self.attention = Residual(width, Attention(width, config.heads), drop)
        self.mlp = Residual(width, Mlp(width, MLP_RATIO), drop)

    def forward(self, x: Float[Tensor, "b f c"]) -> Float[Tensor, "b f c"]:
        return self.mlp(self.attention(x))


class MixedBlock(nn.Module):
    """Self-attention; then half of the tokens pass an MLP, the other half a `FrequencyMlp`."""

    def __init__(self, config: Config, drop: float) -> None:
        super().__init__()
        c = JOINTS * config.width
        tokens = config.kept_frames + config.kept_coefficients
        self.attention = Residual(c, Attention(c, config.heads), drop)
        self.mlp = Residual(c, Mlp(c, MLP_RATIO), drop)
        self.frequency_mlp = Residual(c, FrequencyMlp(c, tokens // 2), drop)

    def forward(self, x: Float[Tensor, "b f c"]) -> Float[Tensor, "b f c"]:
        first, second = self.attention(x).chunk(2, dim=1)
        return torch.cat([self.mlp(first), self.frequency_mlp(second)], dim=1)


class Residual(nn.Module):
    """x + body(norm x); training drops the branch at random, clip by clip (stochastic depth)."""

    def __init__(self, width: int, body: nn.Module, drop: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.body = body
        self.drop = drop

    def forward(self, x: Float[Tensor, "b f c"]) -> Float[Tensor, "b f c"]:
        y = self.body(self.norm(x))
        if self.training and self.drop:
            kept = torch.rand(x.shape[0], 1, 1, device=x.device) >= self.drop
            y = y * kept / (1 - self.drop)
        return x + y


class Attention(nn.Module):
    """Self-attention over the tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "b f c"]) -> Float[Tensor, "b f c"]:
        split = "b f (n h d) -> n b h f d"
        q, k, v = rearrange(self.qkv(x), split, n=3, h=self.heads).unbind()
        y = AttentionMap(q, k).apply(v)
        return self.proj(rearrange(y, "b h f d -> b f (h d)"))


class FrequencyMlp(Mlp):
    """An MLP on the cosine transform over a row of tokens, transformed back."""

    to_cosines: Tensor
    from_cosines: Tensor

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__(width, MLP_RATIO)
        forward = cosines(tokens)
        back = forward.T / forward.square().sum(dim=1)  # its rows are orthogonal
        self.register_buffer("to_cosines", forward, persistent=False)
        self.register_buffer("from_cosines", back, persistent=False)

    def forward(self, x: Float[Tensor, "b f c"]) -> Float[Tensor, "b f c"]:
        return self.from_cosines @ super().forward(self.to_cosines @ x)


def cosines(n: int) -> Float[Tensor, "n n"]:
    """Return the matrix of the unnormalized DCT-II: 2 cos(pi k (2 t + 1) / 2 n)."""
    k, t = torch.arange(n)[:, None], torch.arange(n)
    return (2 * torch.cos(math.pi / (2 * n) * (k * (2 * t + 1)).double())).float()
