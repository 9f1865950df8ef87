"""Attention maps of PAM: which frame attends to which, directly and through the proxy.

    python -m research.attention_maps VIDEO_OR_KEYPOINTS [--out attention.png] [--joint LWrist]

The network never forms these maps; here they are formed from the factors of one forward pass.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from tcpformer.files import atomic_write
from tcpformer.lifting.lifter import Lifter
from tcpformer.models import Network
from tcpformer.models.hybrid import HybridTCPFormer
from tcpformer.models.layers import AttentionMap
from tcpformer.models.tcpformer import ProxyAttention, TCPFormer
from tcpformer.optional import missing_extra
from tcpformer.pipeline import read_source
from tcpformer.world.camera import choose_focal

_TITLES = ("Self-attention", "Proxy, $A_2 A_1$", "Mix")


@dataclass(frozen=True)
class LayerMaps:
    """The maps of one layer. Row i is what frame i attends to, and sums to 1.

    They are formed on access: at 243 frames one map of one clip takes 32 MB.
    """

    own: AttentionMap
    a1: AttentionMap
    a2: AttentionMap
    weight: float
    """Weight of self-attention in the mix."""
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
        """What PAM attends by: w self-attention + (1 - w) proxy."""
        return self.weight * self.self_attention + (1 - self.weight) * self.proxy

    def averaged(self, joint: int | None = None) -> Float[np.ndarray, "3 t t"]:
        """Average self-attention, proxy and mix over clips and heads, and over joints or one."""
        picked = slice(None) if joint is None else slice(joint, joint + 1)
        maps = (self.self_attention, self.proxy, self.mix)
        return torch.stack([m[:, picked].mean(dim=(0, 1, 2)) for m in maps]).cpu().numpy()

    def _by_clip(self, m: Float[Tensor, "n h t t"]) -> Float[Tensor, "b j h t t"]:
        return rearrange(m, "(b j) h q k -> b j h q k", b=self.clips)


@torch.no_grad()
def attention_maps(model: Network, x: Float[Tensor, "b t j 3"]) -> list[LayerMaps]:
    """Run a network on normalized clips of its device, and return the maps of PAM by layer.

    Raises:
        ValueError: If the network has no PAM.
    """
    layers = [m for m in model.modules() if isinstance(m, ProxyAttention)]
    if not layers:
        raise ValueError(f"expected a network with PAM, which has these maps, got {model.config}.")
    found: list[LayerMaps] = []

    def collect(pam: ProxyAttention, given: tuple[Tensor, AttentionMap, AttentionMap]) -> None:
        pose, a1, a2 = given
        q, k, _ = rearrange(
            pam.qkv(pam.norm(pose)), "b t j (n h d) -> n (b j) h t d", n=3, h=pam.heads
        )
        weight = pam.mix_logit.sigmoid().item()
        found.append(LayerMaps(AttentionMap(q, k), a1, a2, weight, clips=len(pose)))

    with ExitStack() as hooks:
        for pam in layers:
            hooks.callback(pam.register_forward_pre_hook(collect).remove)
        model(x)
    return found


def draw_attention(maps: Mapping[int, Float[np.ndarray, "3 t t"]], path: str | Path) -> None:
    """Write the maps of some layers as a PNG, with one color scale for each row of the picture.

    ``maps`` is layer, counted from 1 -> self-attention, proxy map and mix.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If there are no maps.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_extra("Drawing attention", "matplotlib", "research") from error
    if not maps:
        raise ValueError("expected the maps of at least one layer, got none.")
    figure = Figure(figsize=(8.4, 0.6 + 2.55 * len(maps)), layout="constrained", dpi=160)
    grid = figure.subplots(len(maps), len(_TITLES), sharex=True, sharey=True, squeeze=False)
    for axes, (layer, three) in zip(grid, maps.items(), strict=True):
        show = {"cmap": "viridis", "vmin": 0.0, "vmax": float(three.max())}
        images = [ax.imshow(weights, **show) for ax, weights in zip(axes, three, strict=True)]
        axes[0].set_ylabel(f"Layer {layer}\nattending frame")
        figure.colorbar(images[-1], ax=axes, label="weight", shrink=0.9, pad=0.015)
    for ax, title in zip(grid[0], _TITLES, strict=True):
        ax.set_title(title)
    for ax in grid[-1]:
        ax.set_xlabel("frame attended to")
        ax.locator_params(nbins=6, integer=True)  # of all: the axes are shared
    with atomic_write(path) as beside:
        figure.savefig(beside, format="png")


def run(
    source: tyro.conf.Positional[Path],
    *,
    out: Path = Path("attention.png"),
    weights: str = "default",
    layers: tuple[int, ...] = (),
    joint: str | None = None,
    start: float = 0.0,
) -> None:
    """Draw which frames attend to which: self-attention, through the proxy, and their mix.

    Args:
        source: A video, or an .npz of keypoints.
        out: The PNG to write.
        weights: A packaged name, or a folder.
        layers: Counted from 1; by default the first, the middle and the last.
        joint: One joint by name; by default the mean over all.
        start: Second of the motion at which the clip starts.

    Raises:
        ValueError: If the network has no proxy, or no such layer or joint.
    """
    lifter = Lifter(weights, device="cpu")
    if not isinstance(lifter.model, TCPFormer | HybridTCPFormer):
        raise ValueError(f"expected weights of a TCPFormer, got {lifter.name}.")
    if joint is not None and joint not in lifter.skeleton.index:
        raise ValueError(f"joint must be one of {lifter.skeleton.joints}, got {joint!r}.")
    depth = lifter.model.config.depth
    chosen = layers or tuple(sorted({1, (depth + 1) // 2, depth}))
    if not set(chosen) <= set(range(1, depth + 1)):
        raise ValueError(f"layers must be from 1 to {depth}, got {chosen}.")
    person = read_source(source)[0]
    focal, _ = choose_focal(None, person.focal, person.size)
    maps = attention_maps(
        lifter.model, torch.from_numpy(lifter.network_input(person, focal, start)[None])
    )
    index = None if joint is None else lifter.skeleton.index[joint]
    draw_attention({i: maps[i - 1].averaged(index) for i in chosen}, out)
    print(out)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    tyro.cli(run, prog="python -m research.attention_maps", args=arguments)


if __name__ == "__main__":
    main()
