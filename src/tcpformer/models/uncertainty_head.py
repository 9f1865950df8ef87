"""A second head, ours and no paper's: how far off each joint may be.

It reads what the first head reads, so the pose is the same with it and without. It is fitted to a
network that is trained already, and calibrated by what whole motions miss (`calibrate.py`).

Axes: b clip, t frame, j joint, r channel of the representation, i input.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

HIDDEN = 32
CALM = 0.003
"""Of the second difference of the input: below this it is not told from rest."""


class UncertaintyHead(nn.Module):
    """The log of one standard deviation per joint and axis, in metres of a person of 1.70 m.

    The axes are those that the network answers in. Beside the map it keeps what calibration found
    of whole motions, for the one who lifts:

    reach: Of so many standard deviations are the half-axes of the ellipsoid that holds a joint nine
        times out of ten.
    wander: Per joint, metres that it may be off where nobody was seen for long.
    memory: Seconds after which 63 % of that variance is reached.
    """

    reach: Tensor
    wander: Tensor
    memory: Tensor

    def __init__(self, representation: int, joints: int) -> None:
        super().__init__()
        self.expand = nn.Linear(2 * (representation + 3), HIDDEN)
        self.contract = nn.Linear(HIDDEN, 3)
        self.register_buffer("reach", torch.tensor(2.5))
        self.register_buffer("wander", torch.zeros(joints))
        self.register_buffer("memory", torch.tensor(1.0))
        nn.init.zeros_(self.contract.weight)
        nn.init.constant_(self.contract.bias, -3.0)

    def forward(
        self, features: Float[Tensor, "b t j r"], xyc: Float[Tensor, "b t j 3"]
    ) -> Float[Tensor, "b t j 3"]:
        """Read the representation of clips, and the clips."""
        return self.read(inputs(features, xyc))

    def read(self, x: Float[Tensor, "*batch i"]) -> Float[Tensor, "*batch 3"]:
        """The map itself, of what `inputs` gives."""
        return self.contract(F.gelu(self.expand(x)))


def inputs(
    features: Float[Tensor, "b t j r"], xyc: Float[Tensor, "b t j 3"]
) -> Float[Tensor, "b t j i"]:
    """What the second head reads: of a joint, and the mean of the same over the clip.

    Beside the representation, how surely the joint was seen, whether at all, and how unevenly it
    moves in the picture: the network knows nothing of the order of frames, so not of trembling.
    """
    confidence = xyc[..., 2:]
    bend = xyc[:, 2:, :, :2] - 2 * xyc[:, 1:-1, :, :2] + xyc[:, :-2, :, :2]
    bend = F.pad(bend.norm(dim=-1, keepdim=True), (0, 0, 0, 0, 1, 1))[:, : xyc.shape[1]]
    own = [features, confidence, (confidence == 0).to(features.dtype), (bend + CALM).log()]
    of_joint = torch.cat(own, dim=-1)
    return torch.cat([of_joint, of_joint.mean(dim=(1, 2), keepdim=True).expand_as(of_joint)], -1)


class WithUncertainty(nn.Module):
    """A network, as it is or frozen, that answers with six channels: the pose, and `Spread`."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.config = network.config

    def forward(self, xyc: Float[Tensor, "b t j 3"]) -> Float[Tensor, "b t j 6"]:
        features = self.network.represent(xyc)
        return torch.cat([self.network.head(features), self.network.spread(features, xyc)], -1)
