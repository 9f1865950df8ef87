"""TCPFormer by the textbook: every attention matrix is formed, every transposition spelled out.

The twin of `tcpformer.models.tcpformer`: same weights, slow and plain, to compare with.
"""

import torch
from torch import Tensor, nn

from tcpformer.models.layers import Attention, Residual
from tcpformer.models.tcpformer import (
    LOCAL_SCALE,
    CrossAttention,
    DualStream,
    LocalBranch,
    ProxyAttention,
    ProxyBlock,
    TCPFormer,
)


def forward(model: TCPFormer, x: Tensor) -> Tensor:
    """Lift clips as `model` does."""
    x = model.embed(x) + model.joint_position
    proxy = (model.proxy + model.proxy_position).expand(len(x), -1, -1, -1)
    for mix, exchange in zip(model.mixers, model.exchanges, strict=True):
        assert isinstance(mix, DualStream)
        assert isinstance(exchange, ProxyBlock)
        a, b = residuals(mix.joint_first, x), residuals(mix.time_first, x)
        w = mix.fusion(torch.cat([a, b], dim=-1)).softmax(dim=-1)
        x, proxy = proxy_block(exchange, w[..., 0:1] * a + w[..., 1:2] * b, proxy)
    return model.head(torch.tanh(model.features(model.norm(x))))


def proxy_block(block: ProxyBlock, x: Tensor, proxy: Tensor) -> tuple[Tensor, Tensor]:
    if block.local is not None:
        x = local(block.local, x)
    pose = block.norm_pose(x)
    a1, out = cross(block.pum, block.norm_proxy(proxy), pose)
    proxy = residual(block.pum.mlp, proxy + block.pum.scale.gain * out)
    a2, out = cross(block.pim, pose, block.norm_proxy(proxy))
    x = residual(block.pim.mlp, x + block.pim.scale.gain * out)
    x = residuals(block.self_attention, x)
    assert isinstance(block.pam, ProxyAttention)
    return pam(block.pam, x, a1, a2), proxy


def pam(module: ProxyAttention, x: Tensor, a1: Tensor, a2: Tensor) -> Tensor:
    q, k, v = (heads(y, module.heads) for y in module.qkv(module.norm(x)).chunk(3, dim=-1))
    w = torch.sigmoid(module.mix_logit)
    whole = w * softmax(q, k) + (1 - w) * (a2 @ a1)  # (b j h t t): formed
    x = x + module.scale.gain * module.proj(unheads(whole @ v))
    return residual(module.mlp, x)


def cross(module: CrossAttention, query: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
    q = heads(module.query(query), module.heads)
    k = heads(module.key(context), module.heads)
    v = heads(module.value(context), module.heads)
    a = softmax(q, k)
    return a, module.proj(unheads(a @ v))


def attention(module: Attention, x: Tensor) -> Tensor:
    if module.axis == "joint":
        x = x.transpose(1, 2)
    q, k, v = (heads(y, module.heads) for y in module.qkv(x).chunk(3, dim=-1))
    y = module.proj(unheads(softmax(q, k) @ v))
    return y.transpose(1, 2) if module.axis == "joint" else y


def residuals(blocks: nn.Sequential, x: Tensor) -> Tensor:
    for block in blocks:
        if isinstance(block, nn.Sequential):
            x = residuals(block, x)
        else:
            assert isinstance(block, Residual)
            x = residual(block, x)
    return x


def residual(module: Residual, x: Tensor) -> Tensor:
    y = module.norm(x)
    body = module.body
    return x + module.scale.gain * (attention(body, y) if isinstance(body, Attention) else body(y))


def local(module: LocalBranch, x: Tensor) -> Tensor:
    third = x.shape[1] // 3
    parts = []
    for i in range(3):
        y = x[:, i * third : (i + 1) * third]
        attend = module.attentions[i]
        assert isinstance(attend, Attention)
        y = y + LOCAL_SCALE * attention(attend, module.norms[i](y))
        parts.append(y + LOCAL_SCALE * module.mlps[i](module.norms[i + 3](y)))
    return torch.cat(parts, dim=1)


def heads(x: Tensor, n: int) -> Tensor:
    """(b t j c) -> (b j h t d)."""
    b, t, j, c = x.shape
    return x.reshape(b, t, j, n, c // n).permute(0, 2, 3, 1, 4)


def unheads(x: Tensor) -> Tensor:
    """(b j h t d) -> (b t j c)."""
    b, j, n, t, d = x.shape
    return x.permute(0, 3, 1, 2, 4).reshape(b, t, j, n * d)


def softmax(q: Tensor, k: Tensor) -> Tensor:
    return torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, dim=-1)
