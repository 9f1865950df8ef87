"""What the proxy brings to packaged weights as they are: its parts switched off, no retraining.

    python -m research.proxy_share OPEN_BENCHMARK [--weights default] [--view-step 8]

Of a network with feet, hands and face the body's is measured. A network that was trained without
the proxy might do better than these: `research.ablations modules` trains such ones.
"""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
import tyro

from tcpformer.evaluation.open_benchmark import evaluate_open
from tcpformer.lifting.lifter import Lifter
from tcpformer.models import Network, body_of
from tcpformer.models.checkpoint import load_weights
from tcpformer.models.tcpformer import CrossAttention, ProxyAttention

Skip = Literal["nothing", "attention", "all"]
VARIANTS: dict[str, tuple[bool, Skip]] = {
    "as packaged": (False, "nothing"),
    "PAM: self-attention alone": (True, "nothing"),
    "PUM, PIM: no attention": (False, "attention"),
    "PUM, PIM left out": (False, "all"),
    "PAM alone, PUM, PIM left out": (True, "all"),
}
"""By name, the arguments ``pam`` and ``skip`` of `without_proxy`."""


@torch.no_grad()
def without_proxy(model: Network, *, pam: bool, skip: Skip) -> Network:
    """Return a copy in which parts of the proxy have no effect; their maps are still formed.

    Args:
        model: A network with PAM.
        pam: Set the weight of self-attention to 1, so that PAM does not attend by A2 A1.
        skip: Residual updates of PUM and PIM to skip: those by attention, or those by MLP too.

    Raises:
        ValueError: If the network has no PAM.
    """
    result = deepcopy(model)
    layers = [m for m in result.modules() if isinstance(m, ProxyAttention)]
    if not layers:
        raise ValueError(f"expected a network with PAM, got {model.config}.")
    for layer in layers if pam else []:
        layer.mix_logit.fill_(torch.inf)
    for layer in result.modules():
        if isinstance(layer, CrossAttention) and skip != "nothing":
            layer.scale.gain.zero_()
            if skip == "all":
                layer.mlp.scale.gain.zero_()
    return result


def measure(data: Path, /, *, weights: str = "default", view_step: int = 8) -> None:
    """Print N-MPJPE, in millimetres, of every variant with exact and with noisy 2D."""
    loaded = load_weights(weights)
    if loaded.spec is None:
        raise SystemExit(f"expected weights with a spec, got {weights}.")
    body, spec = body_of(loaded.model), replace(loaded.spec, skeleton="h36m")
    mix = [m.mix_logit.sigmoid().item() for m in body.modules() if isinstance(m, ProxyAttention)]
    print(f"weight of self-attention by layer: {', '.join(f'{w:.2f}' for w in mix)}")
    print("| proxy | exact | noisy |\n|---|---|---|")
    for name, (pam, skip) in VARIANTS.items():
        model = without_proxy(body, pam=pam, skip=skip)
        lifter = Lifter(replace(loaded, model=model, spec=spec), "cpu")
        errors = (
            evaluate_open(lifter, data, noisy=noisy, view_step=view_step).scores["n_mpjpe"]
            for noisy in (False, True)
        )
        print(f"| {name} | {' | '.join(f'{error:.2f}' for error in errors)} |", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    tyro.cli(measure, prog="python -m research.proxy_share", args=arguments)


if __name__ == "__main__":
    main()
