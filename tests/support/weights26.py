"""A small network of any weights that lifts feet, hands and face too."""

from pathlib import Path

import torch

from tcpformer.models.checkpoint import save_model
from tcpformer.models.pose_transformer import Config, PoseTransformer
from tcpformer.weights import WeightsSpec


def save_weights26(folder: Path) -> Path:
    """Save weights of `BODY_26` that predict uncertainty; return their folder."""
    torch.manual_seed(0)
    network = PoseTransformer(
        Config(
            frames=9, layers=1, width=16, heads=2, channels=8, representation=16,
            uncertainty=True, joints=26,
        )
    )  # fmt: skip
    assert network.uncertainty is not None
    network.uncertainty.prior_std.fill_(0.2)
    save_model(network, folder, spec=WeightsSpec(skeleton="body26", fps=30.0))
    return folder
