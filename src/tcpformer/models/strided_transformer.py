"""Strided Transformer: lifts the center frame of a clip by shrinking the clip onto it.

Li, Liu, Ding, Liu, Wang: "Exploiting Temporal Contexts with Strided Transformer for 3D Human Pose
Estimation", IEEE Transactions on Multimedia 2023, arXiv 2103.14304. The network is exactly the
released one, without its later refinement stage.

A frame is one token. A plain transformer mixes the tokens; then each strided layer has, in place of
the feed-forward, a convolution that keeps every s-th token, until one is left.

Notable:
- The plain part has a head of its own, for every frame of the clip; training supervises it beside
  the center frame; `both` returns the two.
- A norm divides by the unbiased standard deviation, and eps is added to that.
- Each strided layer has positions for the whole clip, of which it uses as many as it has tokens.

Axes: b batch, t frame (of what is left of the clip), j joint, i input channel, c channel of a
token, h head, d channel of a head.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import JOINTS, check_clips, check_sizes

NORM_EPS = 1e-6
_MOST_STRIDES = 64


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that shapes the network and its training. Every field changes the output."""

    frames: int = 351
    """Clip length T; the pose is that of its center."""
    strides: tuple[int, ...] = (3, 9, 13)
    """One strided layer each; their product is T. The shapes of a checkpoint do not tell them."""
    width: int = 256
    """Channels of a token."""
    hidden: int = 512
    """Channels inside the feed-forward."""
    depth: int = 3
    """Layers of the plain part."""
    heads: int = 8
    """Attention heads; the shapes of a checkpoint do not tell."""
    dropout: float = 0.25
    """Dropout of the tokens, in training."""
    layer_dropout: float = 0.1
    """Dropout, in training, of attention maps, hidden channels and branches of a layer."""
    inputs: Literal[2, 3] = 2
    """Channels of the input: x, y as published; 3 adds the detector's confidence."""

    def __post_init__(self) -> None:
        check_sizes(self, ("frames", "width", "hidden", "depth", "heads"))
        if len(self.strides) > _MOST_STRIDES:
            raise ValueError(f"expected at most {_MOST_STRIDES} strides, got {len(self.strides)}.")
        product, least = math.prod(self.strides), min(self.strides, default=0)
        if least < 1 or product != self.frames or product % 2 == 0:
            raise ValueError(
                f"strides must be odd, so that a clip has a center, and frames ({self.frames}) "
                f"their product, got {self.strides}."
            )
        for name in ("dropout", "layer_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}.")
        if self.inputs not in (2, 3):
            raise ValueError(f"inputs must be 2 or 3, got {self.inputs}.")


PRESETS = {27: Config(frames=27, strides=(3, 3, 3)), 351: Config(frames=351, strides=(3, 9, 13))}
"""The published sizes by clip length."""


class StridedTransformer(nn.Module):
    """The whole network: 2D joints of a clip in, root-relative 3D joints of its center out."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        c = config.width
        self.embed = nn.Sequential(
            nn.Linear(JOINTS * config.inputs, c),
            nn.BatchNorm1d(c),
            nn.ReLU(),
            nn.Dropout(config.dropout),
        )
        self.position = nn.Parameter(torch.randn(config.frames, c))
        self.plain = nn.Sequential(*(Layer(config) for _ in range(config.depth)))
        self.full_head = head(c)
        self.strided_positions = nn.ParameterList(
            torch.randn(config.frames, c) for _ in config.strides
        )
        self.strided = nn.ModuleList(Layer(config, stride) for stride in config.strides)
        self.center_head = head(c)

    def forward(self, x: Float[Tensor, "b t j i"]) -> Float[Tensor, "b 1 j 3"]:
        """Lift the center frame of clips of exactly `config.frames` frames.

        The channels are normalized x, y and, of 3 inputs, the detector's confidence.
        """
        return to_pose(self.center_head, self.shrink(self.mix(x)))

    def both(
        self, x: Float[Tensor, "b t j i"]
    ) -> tuple[Float[Tensor, "b t j 3"], Float[Tensor, "b 1 j 3"]]:
        """Lift every frame, by the plain part alone, and the center frame; for training."""
        tokens = self.mix(x)
        full = to_pose(self.full_head, tokens)
        return full, to_pose(self.center_head, self.shrink(tokens))

    def mix(self, x: Float[Tensor, "b t j i"]) -> Float[Tensor, "b t c"]:
        """Run the plain part: a token per frame."""
        check_clips(x, self.config.frames, self.config.inputs)
        tokens = self.embed(rearrange(x, "b t j i -> (b t) (j i)"))
        tokens = rearrange(tokens, "(b t) c -> b t c", b=x.shape[0])
        return self.plain(tokens + self.position)

    def shrink(self, x: Float[Tensor, "b t c"]) -> Float[Tensor, "b 1 c"]:
        """Run the strided part: from a token per frame to one."""
        for position, layer in zip(self.strided_positions, self.strided, strict=True):
            x = layer(x + position[: x.shape[1]])
        return x


def head(width: int) -> nn.Sequential:
    """Return the layers that turn a token into a pose."""
    return nn.Sequential(nn.BatchNorm1d(width), nn.Linear(width, 3 * JOINTS))


def to_pose(head: nn.Module, x: Float[Tensor, "b t c"]) -> Float[Tensor, "b t j 3"]:
    """Apply a head to every token; its norm takes the tokens of all clips as one batch."""
    pose = head(rearrange(x, "b t c -> (b t) c"))
    return rearrange(pose, "(b t) (j x) -> b t j x", b=x.shape[0], x=3)


class Layer(nn.Module):
    """Self-attention, then a feed-forward; a strided one keeps every stride-th token."""

    def __init__(self, config: Config, stride: int | None = None) -> None:
        super().__init__()
        c, hidden = config.width, config.hidden
        self.stride = stride or 1
        self.attention_norm = Norm(c)
        self.attention = Attention(config)
        self.norm = Norm(c)
        self.expand = nn.Linear(c, hidden)
        self.contract = nn.Linear(hidden, c) if stride is None else Shrink(hidden, c, stride)
        self.dropout = nn.Dropout(config.layer_dropout)

    def forward(self, x: Float[Tensor, "b t c"]) -> Float[Tensor, "b s c"]:
        x = x + self.dropout(self.attention(self.attention_norm(x)))
        hidden = self.dropout(F.relu(self.expand(self.norm(x))))
        return x[:, :: self.stride] + self.dropout(self.contract(hidden))


class Shrink(nn.Conv1d):
    """A convolution over three neighbouring tokens, at every stride-th of them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, kernel_size=3, stride=stride, padding=1)

    def forward(self, input: Float[Tensor, "b t i"]) -> Float[Tensor, "b s o"]:
        return rearrange(super().forward(rearrange(input, "b t i -> b i t")), "b o s -> b s o")


class Norm(nn.Module):
    """A layer norm over the unbiased standard deviation, with eps added to that."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Float[Tensor, "b t c"]) -> Float[Tensor, "b t c"]:
        std, mean = torch.std_mean(x, dim=-1, keepdim=True)
        return self.gain * (x - mean) / (std + NORM_EPS) + self.bias


class Attention(nn.Module):
    """Self-attention over time.

    The map is formed in training on a CPU, where fused attention takes a fifth longer in bfloat16.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        c = config.width
        self.heads, self.dropout = config.heads, config.layer_dropout
        self.query, self.key, self.value = nn.Linear(c, c), nn.Linear(c, c), nn.Linear(c, c)
        self.proj = nn.Linear(c, c)

    def forward(self, x: Float[Tensor, "b t c"]) -> Float[Tensor, "b t c"]:
        q, k, v = (
            rearrange(part(x), "b t (h d) -> b h t d", h=self.heads)
            for part in (self.query, self.key, self.value)
        )
        dropout = self.dropout if self.training else 0.0
        if v.requires_grad and v.device.type == "cpu":
            weight = (q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)).softmax(dim=-1)
            y = F.dropout(weight, dropout).to(v.dtype) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        return self.proj(rearrange(y, "b h t d -> b t (h d)"))
