"""A second head, ours and not of any paper: the standard deviation of every joint's position.

It reads what the pose head reads, so the pose does not depend on it. It is fitted to a trained
network and calibrated on whole motions by `training.calibrate`.

Axes: b clip, t frame, j joint, r channel of the representation, i input.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

HIDDEN = 32
RESTING_BEND = 0.003
"""Offset of the log of the input's second difference, in input units: smaller ones count as
rest."""
BESIDE = 3
"""Inputs of a joint beside its representation: see `uncertainty_inputs`."""


class UncertaintyHead(nn.Module):
    """Log of one standard deviation per joint and axis, in metres for a person of 1.70 m.

    The axes are those of the network's output. The buffers hold what calibration measured:

    region_scale: Half-axes, in standard deviations, of the ellipsoid that holds a joint with
        probability 0.9.
    prior_std: Standard deviation per joint, in metres, long after the person was last seen.
    time_constant: Seconds unseen after which 63 % of that variance is reached.
    """

    region_scale: Tensor
    prior_std: Tensor
    time_constant: Tensor

    def __init__(self, representation: int, joints: int) -> None:
        super().__init__()
        self.expand = nn.Linear(2 * (representation + BESIDE), HIDDEN)
        self.contract = nn.Linear(HIDDEN, 3)
        self.register_buffer("region_scale", torch.tensor(2.5))
        self.register_buffer("prior_std", torch.zeros(joints))
        self.register_buffer("time_constant", torch.tensor(1.0))
        nn.init.zeros_(self.contract.weight)
        nn.init.constant_(self.contract.bias, -3.0)

    def forward(
        self, features: Float[Tensor, "b t j r"], xyc: Float[Tensor, "b t j 3"]
    ) -> Float[Tensor, "b t j 3"]:
        """Compute log sigma from the representation of clips, and the clips."""
        return self.log_sigma(uncertainty_inputs(features, xyc))

    def log_sigma(self, x: Float[Tensor, "*batch i"]) -> Float[Tensor, "*batch 3"]:
        """Compute log sigma from `uncertainty_inputs`."""
        return self.contract(F.gelu(self.expand(x)))


def uncertainty_inputs(
    features: Float[Tensor, "b t j r"], xyc: Float[Tensor, "b t j 3"]
) -> Float[Tensor, "b t j i"]:
    """Return the inputs of the head: those of each joint, and their mean over the clip.

    Beside the representation: the confidence, whether it is 0, and the log of the second difference
    in time, because the paper's network ignores the order of frames and so cannot see jitter.
    """
    confidence = xyc[..., 2:]
    bend = xyc[:, 2:, :, :2] - 2 * xyc[:, 1:-1, :, :2] + xyc[:, :-2, :, :2]
    bend = F.pad(bend.norm(dim=-1, keepdim=True), (0, 0, 0, 0, 1, 1))[:, : xyc.shape[1]]
    own = [features, confidence, (confidence == 0).to(features.dtype), (bend + RESTING_BEND).log()]
    of_joint = torch.cat(own, dim=-1)
    return torch.cat([of_joint, of_joint.mean(dim=(1, 2), keepdim=True).expand_as(of_joint)], -1)


class WithUncertainty(nn.Module):
    """A network that answers with six channels: the pose, and log sigma of its `uncertainty`."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.config = network.config

    def forward(self, xyc: Float[Tensor, "b t j 3"]) -> Float[Tensor, "b t j 6"]:
        features = self.network.represent(xyc)
        log_sigma = self.network.uncertainty(features, xyc)
        return torch.cat([self.network.head(features), log_sigma], -1)
