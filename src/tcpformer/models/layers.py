"""The parts that transformers are made of: the networks' rooms are built from these.

Axes: b batch, t frame, j joint, c channel, h head, d channel of a head; n rows, q asking, k asked.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

MLP_RATIO = 4
FEW = 32 * 32
"""Attention maps up to this size are better formed: fused attention is slow on them."""

Axis = Literal["time", "joint"]


def block(width: int, heads: int, axis: Axis, *, rotary: bool = False) -> nn.Sequential:
    """A transformer block: self-attention along one axis, then an MLP."""
    attention = Attention(width, heads, axis, rotary=rotary)
    return nn.Sequential(Residual(width, attention), Residual(width, Mlp(width)))


class Residual(nn.Module):
    """x + scale * body(norm x)."""

    def __init__(self, width: int, body: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.body = body
        self.scale = LayerScale(width)

    def forward(self, x: Float[Tensor, "b t j c"]) -> Float[Tensor, "b t j c"]:
        return x + self.scale(self.body(self.norm(x)))


class LayerScale(nn.Module):
    """A learned gain per channel that starts at 1e-5: each residual branch opens on its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.full((width,), 1e-5))

    def forward(self, x: Float[Tensor, "b t j c"]) -> Float[Tensor, "b t j c"]:
        return x * self.gain


class Attention(nn.Module):
    """Self-attention along one axis; the other axis rides along as batch.

    Rotary, it looks at how far apart two places are (Su et al., 2021).
    """

    def __init__(self, width: int, heads: int, axis: Axis, *, rotary: bool = False) -> None:
        super().__init__()
        self.axis = axis
        self.heads = heads
        self.rotary = rotary
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "b t j c"]) -> Float[Tensor, "b t j c"]:
        rows, cols = ("j", "t") if self.axis == "time" else ("t", "j")
        split = f"b t j (n h d) -> n (b {rows}) h {cols} d"
        q, k, v = rearrange(self.qkv(x), split, n=3, h=self.heads).unbind()
        if self.rotary:
            q, k = turned(q), turned(k)
        y = AttentionMap(q, k).apply(v)
        return self.proj(rearrange(y, f"(b {rows}) h {cols} d -> b t j (h d)", b=x.shape[0]))


def turned(x: Float[Tensor, "n h q d"]) -> Float[Tensor, "n h q d"]:
    """Channel i and channel i + d / 2 as a plane, turned with the place, each at a pace of its own.

    The fastest makes half a turn from one place to the next, the slowest over all of them.

    Products of two places then depend on how far apart they are, and not on where.
    """
    places, half = x.shape[-2], x.shape[-1] // 2
    pace = math.pi * places ** -torch.linspace(0, 1, half, device=x.device)
    angle = torch.arange(places, device=x.device)[:, None] * pace
    cosine, sine = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], dim=-1)


class Mlp(nn.Module):
    """Two linear maps with an exact GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.expand = nn.Linear(width, MLP_RATIO * width)
        self.contract = nn.Linear(MLP_RATIO * width, width)

    def forward(self, x: Float[Tensor, "b t j c"]) -> Float[Tensor, "b t j c"]:
        return self.contract(F.gelu(self.expand(x)))


@dataclass(frozen=True)
class AttentionMap:
    """softmax(q k^T / sqrt d), kept as its two factors."""

    q: Float[Tensor, "n h q d"]
    k: Float[Tensor, "n h k d"]

    def apply(self, v: Float[Tensor, "n h k d"]) -> Float[Tensor, "n h q d"]:
        """Fused, or in training by the map itself, in 0.7 of the time; on a GPU if it is small."""
        few = self.q.shape[-2] * self.k.shape[-2] <= FEW
        if not (v.requires_grad and (few or v.device.type == "cpu")):
            return F.scaled_dot_product_attention(self.q, self.k, v)
        scores = self.q * self.q.shape[-1] ** -0.5 @ self.k.transpose(-1, -2)
        return scores.softmax(dim=-1).to(v.dtype) @ v

    def matrix(self) -> Float[Tensor, "n h q k"]:
        """The map itself, in float32."""
        q, k = self.q.float() * self.q.shape[-1] ** -0.5, self.k.float()
        return (q @ k.transpose(-1, -2)).softmax(dim=-1)
