"""Attention as it is run, not trained: by what is fastest for the shape; of `frozen.py`.

Axes: t frame, b clip, j joint, c channel, h head, d channel of a head; n rows, q asking, k asked.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ..models.layers import FEW, Axis, turned

SCORES = 2**20
"""Scores that exist at once where bfloat16 forms them: 2 MB, about what stays in the cache."""
LEAST = 1e-30
"""Sums of exponentials below this, or above its inverse, are near the limits of the numbers."""


def split(x: Float[Tensor, "t b j c"], n: int, heads: int, axis: Axis) -> list[Tensor]:
    """Each of n parts as (rows, h, columns, d): views."""
    t, b, j, _ = x.shape
    rows, columns = (b * j, t) if axis == "time" else (t * b, j)
    if axis == "time":
        return list(x.view(columns, rows, n, heads, -1).permute(2, 1, 3, 0, 4).unbind())
    return list(x.view(rows, columns, n, heads, -1).permute(2, 0, 3, 1, 4).unbind())


def attend(
    qkv: Float[Tensor, "t b j i"], heads: int, axis: Axis, *, rotary: bool = False
) -> Float[Tensor, "t b j c"]:
    """Attention of all tokens along one axis; q is scaled already."""
    q, k, v = split(qkv, 3, heads, axis)
    if rotary:
        q, k = turned(q), turned(k)
    y = attention(q, k, v)
    if axis == "time":
        return merged(y, qkv)
    return y.transpose(1, 2).reshape(*qkv.shape[:3], -1)


def merged(y: Float[Tensor, "n h t d"], like: Tensor) -> Float[Tensor, "t b j c"]:
    """The heads of attention over time, side by side again."""
    return y.permute(2, 0, 1, 3).reshape(*like.shape[:3], -1)


def attention(
    q: Float[Tensor, "n h q d"], k: Float[Tensor, "n h k d"], v: Float[Tensor, "n h k d"]
) -> Float[Tensor, "n h q d"]:
    """softmax(q k^T) v, by what is fastest for the shape."""
    if q.device.type == "cpu":
        if q.shape[2] * k.shape[2] <= FEW:
            return (q @ k.transpose(-1, -2)).softmax(dim=-1) @ v
        if q.dtype == torch.bfloat16 and q.shape[2] * k.shape[2] <= SCORES:
            y = in_pieces(q, k, v)
            if y is not None:
                return y
    return F.scaled_dot_product_attention(q, k, v, scale=1.0)


def in_pieces(
    q: Float[Tensor, "n h q d"], k: Float[Tensor, "n h k d"], v: Float[Tensor, "n h k d"]
) -> Float[Tensor, "n h q d"] | None:
    """Attention, a few heads at a time, so that their scores stay in the cache.

    The largest score of a row is not subtracted first: None if an exponential left its limits.
    """
    shape, (d, rows) = q.shape, (q.shape[-1], q.shape[0] * q.shape[1])
    q, k, v = (part.reshape(rows, -1, d) for part in (q, k, v))
    y, total = torch.empty_like(q), torch.empty_like(q[..., :1])
    step = SCORES // (q.shape[1] * k.shape[1])
    for i in range(0, rows, step):
        some = slice(i, i + step)
        scores = torch.bmm(q[some], k[some].transpose(-1, -2)).exp_()
        torch.sum(scores, dim=-1, keepdim=True, out=total[some])
        torch.bmm(scores, v[some], out=y[some])
    least, most = total.aminmax()
    if not (least > LEAST and most < 1 / LEAST):
        return None
    return y.div_(total).view(shape)
