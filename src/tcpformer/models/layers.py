"""The transformer parts that several networks are built from.

Axes: b batch, t frame, j joint, c channel, h head, d channel of a head; n rows, q query, k key.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

JOINTS = 17
"""Joints of a pose, unless a config has a field ``joints``."""
SMALL_MAP = 32 * 32
"""Entries of an attention map up to which forming it is faster than fused attention (on a GPU)."""

MOST_WEIGHTS = 1 << 24
"""Layers times width squared; the largest published network has 1 << 18."""
_MOST = {
    **dict.fromkeys(("frames", "proxy_length", "kept_frames", "kept_coefficients"), 4096),
    **dict.fromkeys(("depth", "layers", "pose_layers"), 1024),
    "joints": 256,
}
"""Largest sizes in a config, 65,536 for others: a few bytes must not fill the memory."""

Axis = Literal["time", "joint"]


def block(width: int, heads: int, axis: Axis, *, rotary: bool = False) -> nn.Sequential:
    """Return a transformer block: self-attention along one axis, then an MLP."""
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
    """A learned gain per channel that starts at 1e-5, so that every block starts near identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.full((width,), 1e-5))

    def forward(self, x: Float[Tensor, "b t j c"]) -> Float[Tensor, "b t j c"]:
        return x * self.gain


class Attention(nn.Module):
    """Self-attention along one axis; the other axis counts as batch.

    With ``rotary`` it depends on the distance between two places (Su et al., RoFormer, 2021).
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
            q, k = rotate_by_position(q), rotate_by_position(k)
        y = AttentionMap(q, k).apply(v)
        return self.proj(rearrange(y, f"(b {rows}) h {cols} d -> b t j (h d)", b=x.shape[0]))


def rotate_by_position(x: Float[Tensor, "n h q d"]) -> Float[Tensor, "n h q d"]:
    """Rotate channels i and i + d / 2, as a plane, by an angle proportional to the position.

    The product of two rotated vectors depends on the distance of their positions alone. The fastest
    plane makes half a turn from one position to the next, the slowest half a turn over all.
    """
    places, half = x.shape[-2], x.shape[-1] // 2
    pace = math.pi * places ** -torch.linspace(0, 1, half, device=x.device)
    angle = torch.arange(places, device=x.device)[:, None] * pace
    cosine, sine = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], dim=-1)


class Mlp(nn.Module):
    """Two linear maps with an exact GELU between them."""

    def __init__(self, width: int, ratio: int = 4) -> None:
        super().__init__()
        self.expand = nn.Linear(width, ratio * width)
        self.contract = nn.Linear(ratio * width, width)

    def forward(self, x: Float[Tensor, "*batch c"]) -> Float[Tensor, "*batch c"]:
        return self.contract(F.gelu(self.expand(x)))


@dataclass(frozen=True)
class AttentionMap:
    """softmax(q k^T / sqrt(d)), stored as its two factors."""

    q: Float[Tensor, "n h q d"]
    k: Float[Tensor, "n h k d"]

    def apply(self, v: Float[Tensor, "n h k d"]) -> Float[Tensor, "n h q d"]:
        """Attend to values; training on a CPU forms the map, which takes 0.7 of the time."""
        small = self.q.shape[-2] * self.k.shape[-2] <= SMALL_MAP
        if not (v.requires_grad and (small or v.device.type == "cpu")):
            return F.scaled_dot_product_attention(self.q, self.k, v)
        scores = self.q * self.q.shape[-1] ** -0.5 @ self.k.transpose(-1, -2)
        return scores.softmax(dim=-1).to(v.dtype) @ v

    def matrix(self) -> Float[Tensor, "n h q k"]:
        """Return the map itself, in float32."""
        q, k = self.q.float() * self.q.shape[-1] ** -0.5, self.k.float()
        return (q @ k.transpose(-1, -2)).softmax(dim=-1)


def check_clips(x: Tensor, frames: int, inputs: int = 3, joints: int = JOINTS) -> None:
    """Check the shape of clips.

    Raises:
        ValueError: If it is not (batch, frames, joints, inputs).
    """
    if x.shape[1:] != (frames, joints, inputs):
        expected = f"(batch, {frames}, {joints}, {inputs})"
        raise ValueError(f"expected clips of shape {expected}, got {tuple(x.shape)}.")


def check_sizes(config: Any, names: tuple[str, ...]) -> None:
    """Check that fields of a config are whole numbers in bounds, and ``heads`` divides ``width``.

    Raises:
        ValueError: If not, naming the field and the bound.
    """
    for name in names:
        value, most = getattr(config, name), _MOST.get(name, 1 << 16)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{name} must be a whole number, got {value!r}.")
        if not 1 <= value <= most:
            raise ValueError(f"{name} must be at least 1 and at most {most}, got {value}.")
    layers = getattr(config, "depth", getattr(config, "layers", 1))
    if layers * config.width**2 > MOST_WEIGHTS:
        raise ValueError(
            f"layers times width squared must be at most {MOST_WEIGHTS}, got {layers} layers of "
            f"width {config.width}."
        )
    if config.width % config.heads:
        raise ValueError(f"heads ({config.heads}) must divide width ({config.width}).")
