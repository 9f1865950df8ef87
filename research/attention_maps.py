"""Looks into PAM: which frame attends to which, by itself and by way of the proxy.

The network never forms these maps; here they are formed from the factors of one real forward pass.
"""

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from tcpformer.models import Network
from tcpformer.models.layers import AttentionMap
from tcpformer.models.tcpformer import ProxyAttention


@dataclass(frozen=True)
class LayerMaps:
    """The maps of one layer. Row i says what frame i attends to, and sums to 1.

    They are formed when asked for: at 243 frames one map of one clip takes 32 MB.
    """

    own: AttentionMap
    a1: AttentionMap
    a2: AttentionMap
    weight: float
    """Of self-attention in the mix."""
    clips: int

    @property
    def self_attention(self) -> Float[Tensor, "b j h t t"]:
        """softmax(q k^T)."""
        return self._by_clip(self.own.matrix())

    @property
    def proxy(self) -> Float[Tensor, "b j h t t"]:
        """A2 A1: from a frame to the proxy (PIM), and on to the frames that updated it (PUM)."""
        return self._by_clip(self.a2.matrix() @ self.a1.matrix())

    @property
    def mix(self) -> Float[Tensor, "b j h t t"]:
        """What PAM attends by."""
        return self.weight * self.self_attention + (1 - self.weight) * self.proxy

    def averaged(self, joint: int | None = None) -> Float[np.ndarray, "3 t t"]:
        """Self-attention, proxy and mix, averaged over clips and heads.

        Args:
            joint: One joint's index; None averages over all.
        """
        picked = slice(None) if joint is None else slice(joint, joint + 1)
        maps = (self.self_attention, self.proxy, self.mix)
        return torch.stack([m[:, picked].mean(dim=(0, 1, 2)) for m in maps]).cpu().numpy()

    def _by_clip(self, m: Float[Tensor, "n h t t"]) -> Float[Tensor, "b j h t t"]:
        return rearrange(m, "(b j) h q k -> b j h q k", b=self.clips)


@torch.no_grad()
def attention_maps(model: Network, x: Float[Tensor, "b t j 3"]) -> list[LayerMaps]:
    """Run the network and keep what PAM attends to, layer by layer.

    Args:
        model: With all its modules; on the device of ``x``.
        x: Normalised clips, as the network takes them.

    Raises:
        ValueError: If the network has no PAM.
    """
    layers = [m for m in model.modules() if isinstance(m, ProxyAttention)]
    if not layers:
        raise ValueError(f"expected a network with PAM, which has these maps, got {model.config}.")
    found: list[LayerMaps] = []

    def keep(pam: ProxyAttention, given: tuple[Tensor, AttentionMap, AttentionMap]) -> None:
        pose, a1, a2 = given
        q, k, _ = rearrange(
            pam.qkv(pam.norm(pose)), "b t j (n h d) -> n (b j) h t d", n=3, h=pam.heads
        )
        weight = pam.mix_logit.sigmoid().item()
        found.append(LayerMaps(AttentionMap(q, k), a1, a2, weight, clips=len(pose)))

    with ExitStack() as hooks:
        for pam in layers:
            hooks.callback(pam.register_forward_pre_hook(keep).remove)
        model(x)
    return found
