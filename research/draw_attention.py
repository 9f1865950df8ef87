"""Attention maps as a picture: a row per layer; self-attention, the way by the proxy, their mix."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from tcpformer.files import atomic_write
from tcpformer.optional import missing_extra

_COLUMNS = ("Self-attention", "Proxy, $A_2 A_1$", "Mix")
_COLOURS = "viridis"


def draw_attention(maps: Mapping[int, Float[np.ndarray, "3 t t"]], path: str | Path) -> None:
    """Write the maps of some layers as a PNG.

    One colour means one weight within a row of the picture, so that the mix shows which of its two
    parents it takes after.

    Args:
        maps: By layer, counted from 1, from top to bottom: self-attention, proxy map and mix. Row i
            of a map is what frame i attends to.
        path: Where; replaced if there.

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
    grid = figure.subplots(len(maps), len(_COLUMNS), sharex=True, sharey=True, squeeze=False)
    for axes, (layer, three) in zip(grid, maps.items(), strict=True):
        show = {"cmap": _COLOURS, "vmin": 0.0, "vmax": float(three.max())}
        images = [ax.imshow(weights, **show) for ax, weights in zip(axes, three, strict=True)]
        axes[0].set_ylabel(f"Layer {layer}\nasking frame")
        figure.colorbar(images[-1], ax=axes, label="weight", shrink=0.9, pad=0.015)
    for ax, title in zip(grid[0], _COLUMNS, strict=True):
        ax.set_title(title)
    for ax in grid[-1]:
        ax.set_xlabel("frame attended to")
        ax.locator_params(nbins=6, integer=True)  # of all: the axes are shared
    with atomic_write(path) as beside:
        figure.savefig(beside, format="png")
