"""TCPFormer as it is run: the function that `tcpformer.py` tells, in fewer and larger steps.

`TCPFormer.freeze` makes it. Nothing in it can be trained, and it is not the place to learn what the
network does. What was done, all of it exact but for rounding:

- One layout, frames first: attention over time and over joints both read it without a copy.
- Folded into the linear maps: the gain and bias of every norm before them, the gain of every branch
  (`LayerScale`) and the 1 / sqrt(d) of attention after or before them.
- Products of one input are one: q, k, v of both streams; k, v of PUM and q of PIM.
- Bias, GELU and the sum of a branch are done with the product, by oneDNN, where the processor has
  wide instructions (AVX-512), which MKL does not use on AMD's. Elsewhere MKL multiplies faster;
  an MLP takes some tokens at a time there, so that what is wide of them stays in the cache.
- Attention over 17 joints is a few small products; over frames it is fused.

Axes: t frame, b clip, j joint, c channel, h head, d channel of a head.
"""

import copy
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.layers import Axis
from .fast_attention import attend, attention, merged, split

if TYPE_CHECKING:
    from ..models.tcpformer import Config

Part = Any
"""A module of `tcpformer.py`."""
FUSES = hasattr(torch.ops.mkldnn, "_linear_pointwise")
"""Whether this PyTorch has the operators of oneDNN."""
NARROW = torch.backends.cpu.get_cpu_capability() == "AVX2"
"""Whether MKL multiplies float32 faster than oneDNN on this processor; nor does oneDNN multiply
bfloat16 on it."""
TOKENS = 1024
"""So many go through an MLP at once: 2 MB of them at width 128."""


class FusedTCPFormer(nn.Module):
    """Takes and gives what `TCPFormer` does, in float32; inside it computes in ``dtype``."""

    layers: Any

    def __init__(self, model: Part, dtype: torch.dtype) -> None:
        super().__init__()
        if model.config.modules != "all":
            raise ValueError(
                f"only the whole network can be frozen, got modules={model.config.modules!r}."
            )
        self.config: Config = model.config
        self.dtype = dtype
        self.embed = folded(model.embed)
        self.embed_pose = None if model.embed_pose is None else folded(model.embed_pose)
        self.position = fixed(model.joint_position)
        places = model.frame_position
        self.places = None if places is None else fixed(places[:, None])
        self.poses = None if model.poses is None else Poses(model.poses, model.listen)
        self.proxy = fixed((model.proxy + model.proxy_position)[:, None].to(dtype))
        self.layers = nn.ModuleList(
            nn.ModuleList([Mixer(mix), Exchange(exchange)])
            for mix, exchange in zip(model.mixers, model.exchanges, strict=True)
        ).to(dtype)
        self.features = folded(model.features, norm=model.norm)
        self.head = folded(model.head)
        self.spread = copy.deepcopy(model.spread)
        if self.spread is not None:
            self.spread.float().requires_grad_(False)

    def forward(self, xyc: Float[Tensor, "b t j 3"]) -> Float[Tensor, "b t j 3"]:
        """Lift clips of exactly `config.frames` frames."""
        return self.head(self.represent(xyc).transpose(0, 1)).transpose(0, 1)

    def represent(self, xyc: Float[Tensor, "b t j 3"]) -> Float[Tensor, "b t j r"]:
        """The feature of every joint in every frame, before the last linear map."""
        if xyc.shape[1:] != (self.config.frames, self.position.shape[0], 3):
            raise ValueError(
                f"expected clips of shape (batch, {self.config.frames}, {self.position.shape[0]}, "
                f"3), got {tuple(xyc.shape)}."
            )
        xyc = xyc.float().transpose(0, 1).contiguous()
        x = self.embed(xyc) + self.position
        if self.embed_pose is not None:
            x = x + self.embed_pose(xyc.flatten(2)).view_as(x)
        if self.places is not None:
            x = x + self.places
        said = []
        if self.poses is not None:
            told, by_poses = self.poses(xyc)
            x, said = x + told, [by_poses]
        x = x.to(self.dtype)
        proxy = self.proxy.expand(-1, x.shape[1], -1, -1)
        for mix, exchange in self.layers:
            x, proxy = exchange(mix(x), proxy)
        by_joints = self.features(norm(x.float())).tanh()
        return torch.cat([by_joints, *said], dim=-1).transpose(0, 1)


class Poses(nn.Module):
    """`PoseLayers` and what the joints hear of them, in float32."""

    def __init__(self, poses: Part, listen: nn.Linear) -> None:
        super().__init__()
        self.embed, self.past = folded(poses.embed), folded(poses.past)
        self.position = None if poses.position is None else fixed(poses.position[:, None])
        self.layers = nn.Sequential(*(Block(layer, "time") for layer in poses.layers))
        self.split = folded(poses.split, norm=poses.norm)
        self.listen = folded(listen, norm=poses.joint_norm)
        self.features = folded(poses.features, norm=poses.joint_norm)

    def forward(
        self, xyc: Float[Tensor, "t b j 3"]
    ) -> tuple[Float[Tensor, "t b j c"], Float[Tensor, "t b j r"]]:
        flat = xyc.flatten(2)[:, :, None]
        poses = self.embed(flat)
        if self.position is not None:
            poses = poses + self.position
        poses = norm(self.layers(poses))
        joints = self.split.plus(poses, self.past(flat)).unflatten(-1, (xyc.shape[2], -1))
        joints = norm(joints.squeeze(2))
        return self.listen(joints), self.features(joints).tanh()


class Mixer(nn.Module):
    """`DualStream`."""

    proj: Any

    def __init__(self, mix: Part) -> None:
        super().__init__()
        first: list[Part] = [mix.joint_first[0][0], mix.time_first[0][0]]
        self.heads = first[0].body.heads
        self.qkv = joined(*(of_attention(residual) for residual in first))
        self.proj = nn.ModuleList(closing(r.body.proj, r) for r in first)
        self.mlp = nn.ModuleList(Mlp(s[0][1]) for s in (mix.joint_first, mix.time_first))
        self.second = nn.ModuleList(
            [Block(mix.joint_first[1], "time"), Block(mix.time_first[1], "joint")]
        )
        # The softmax of two numbers is the logistic function of their difference.
        weight, bias = (p.detach()[0] - p.detach()[1] for p in mix.fusion.parameters())
        self.choice = nn.ModuleList(
            Linear(part[None], b[None])
            for part, b in zip(weight.chunk(2), (bias, 0 * bias), strict=True)
        )

    def forward(self, x: Float[Tensor, "t b j c"]) -> Float[Tensor, "t b j c"]:
        streams = []
        for i, (axis, qkv) in enumerate(
            zip(("joint", "time"), self.qkv(norm(x)).chunk(2, dim=-1), strict=True)
        ):
            y = self.proj[i].plus(attend(qkv, self.heads, axis), x)
            streams.append(self.second[i](self.mlp[i](y)))
        a, b = streams
        return torch.lerp(b, a, (self.choice[0](a) + self.choice[1](b)).sigmoid())


class Exchange(nn.Module):
    """`ProxyBlock`, without the local branch."""

    def __init__(self, block: Part) -> None:
        super().__init__()
        pum, pim, pam = block.pum, block.pim, block.pam
        self.heads = pum.heads
        pose, proxy = block.norm_pose, block.norm_proxy
        scale = (pum.query.weight.shape[0] // pum.heads) ** -0.5
        self.pose = joined(
            folded(pum.key, norm=pose),
            folded(pum.value, norm=pose),
            folded(pim.query, norm=pose, scale=scale),
        )
        self.asking = folded(pum.query, norm=proxy, scale=scale)
        self.telling = joined(folded(pim.key, norm=proxy), folded(pim.value, norm=proxy))
        self.update, self.update_mlp = closing(pum.proj, pum), Mlp(pum.mlp)
        self.invoke, self.invoke_mlp = closing(pim.proj, pim), Mlp(pim.mlp)
        self.block = Block(block.self_attention, "time")
        self.qkv = of_attention(pam)
        trust = float(pam.trust.detach().double().sigmoid())
        self.proj = closing(pam.proj, pam)
        self.mlp = Mlp(pam.mlp)
        self.own, self.by_proxy = trust, 1 - trust

    def forward(
        self, x: Float[Tensor, "t b j c"], proxy: Float[Tensor, "p b j c"]
    ) -> tuple[Float[Tensor, "t b j c"], Float[Tensor, "p b j c"]]:
        k1, v1, q2 = split(self.pose(norm(x)), 3, self.heads, "time")
        (q1,) = split(self.asking(norm(proxy)), 1, self.heads, "time")
        proxy = self.update_mlp(self.update.plus(merged(attention(q1, k1, v1), proxy), proxy))
        k2, v2 = split(self.telling(norm(proxy)), 2, self.heads, "time")
        x = self.block(self.invoke_mlp(self.invoke.plus(merged(attention(q2, k2, v2), x), x)))
        q, k, v = split(self.qkv(norm(x)), 3, self.heads, "time")
        by_proxy = attention(q2, k2, attention(q1, k1, v))
        y = merged(self.own * attention(q, k, v) + self.by_proxy * by_proxy, x)
        return self.mlp(self.proj.plus(y, x)), proxy


class Block(nn.Module):
    """A transformer block."""

    def __init__(self, block: Part, axis: Axis) -> None:
        super().__init__()
        self.axis: Axis = axis
        self.heads = block[0].body.heads
        self.rotary = block[0].body.rotary
        self.qkv = of_attention(block[0])
        self.proj = closing(block[0].body.proj, block[0])
        self.mlp = Mlp(block[1])

    def forward(self, x: Float[Tensor, "t b j c"]) -> Float[Tensor, "t b j c"]:
        y = attend(self.qkv(norm(x)), self.heads, self.axis, rotary=self.rotary)
        return self.mlp(self.proj.plus(y, x))


class Mlp(nn.Module):
    """A residual branch with an MLP."""

    def __init__(self, residual: Part) -> None:
        super().__init__()
        self.expand = folded(residual.body.expand, norm=residual.norm)
        self.contract = closing(residual.body.contract, residual)

    def forward(self, x: Float[Tensor, "t b j c"]) -> Float[Tensor, "t b j c"]:
        if fuses(x) or x.device.type != "cpu":
            return self.contract.plus(self.expand(norm(x), "gelu"), x)
        out, weight = torch.empty_like(x), self.contract.weight.t()
        parts = (y.flatten(0, 2).split(TOKENS) for y in (x, out))
        for some, into in zip(*parts, strict=True):
            wide = torch.ops.aten.gelu_(self.expand(norm(some)))
            torch.addmm(some, wide, weight, out=into)
        return out.add_(self.contract.bias)


class Linear(nn.Module):
    """A linear map that can do more in one go: a GELU after it, or a sum."""

    def __init__(self, weight: Float[Tensor, "o i"], bias: Float[Tensor, " o"]) -> None:
        super().__init__()
        self.weight, self.bias = fixed(weight.float()), fixed(bias.float())

    def forward(self, x: Tensor, then: Literal["none", "gelu"] = "none") -> Tensor:
        if fuses(x):
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, then, [], "none")
        y = F.linear(x, self.weight, self.bias)
        return F.gelu(y) if then == "gelu" else y

    def plus(self, x: Tensor, other: Tensor) -> Tensor:
        """The map of ``x``, plus ``other``."""
        if fuses(x):
            return torch.ops.mkldnn._linear_pointwise.binary(
                x, other, self.weight, self.bias, "add"
            )
        total = torch.addmm(other.flatten(0, -2), x.flatten(0, -2), self.weight.t())
        return total.add_(self.bias).view(other.shape)


def fuses(x: Tensor) -> bool:
    """Whether oneDNN is the one to multiply it."""
    return FUSES and not NARROW and x.device.type == "cpu"


def fixed(x: Tensor) -> nn.Parameter:
    """A number that is not trained."""
    return nn.Parameter(x.detach().clone().contiguous(), requires_grad=False)


def folded(
    linear: nn.Linear, *, norm: nn.LayerNorm | None = None, scale: float | Tensor = 1.0
) -> Linear:
    """A linear map with the affine part of the norm before it, and the scale after it."""
    weight = linear.weight.detach().double()
    bias = weight.new_zeros(len(weight)) if linear.bias is None else linear.bias.detach().double()
    if norm is not None:
        bias = bias + weight @ norm.bias.detach().double()
        weight = weight * norm.weight.detach().double()
    scale = torch.as_tensor(scale).detach().double().expand(len(weight))
    return Linear(weight * scale[:, None], bias * scale)


def closing(linear: nn.Linear, branch: Part) -> Linear:
    """The last map of a branch, with the gain of the branch."""
    return folded(linear, scale=branch.scale.gain)


def of_attention(branch: Part) -> Linear:
    """q, k, v in one, with the norm before them and the scale of attention."""
    attention = getattr(branch, "body", branch)
    c = attention.qkv.weight.shape[1]
    scale = torch.ones(3 * c)
    scale[:c] = (c // attention.heads) ** -0.5
    return folded(attention.qkv, norm=branch.norm, scale=scale)


def joined(*maps: Linear) -> Linear:
    """Maps of one input as one, their outputs side by side."""
    return Linear(torch.cat([m.weight for m in maps]), torch.cat([m.bias for m in maps]))


def norm(x: Float[Tensor, "*tokens c"]) -> Float[Tensor, "*tokens c"]:
    """A layer norm, whose affine part is in the map after it."""
    return F.layer_norm(x, x.shape[-1:])
