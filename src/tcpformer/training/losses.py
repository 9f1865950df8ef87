"""Training losses. Tensors are (b, t, j, 3), root-relative; each loss is one number.

Axes: b batch, t frame, j joint.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..models import inputs_of, supervised_outputs
from .config import TrainConfig

Pose = Float[Tensor, "b t j 3"]
Loss = Float[Tensor, ""]


def position_loss(pred: Pose, true: Pose) -> Loss:
    """Compute the mean distance of joints (MPJPE)."""
    return (pred - true).norm(dim=-1).mean()


def scaled_position_loss(pred: Pose, true: Pose) -> Loss:
    """Compute MPJPE after the best scale of every frame (N-MPJPE, Rhodin et al., CVPR 2018)."""
    scale = (pred * true).sum(dim=(-2, -1)) / (pred * pred).sum(dim=(-2, -1)).clamp(min=1e-9)
    return position_loss(pred * scale[..., None, None], true)


def velocity_loss(pred: Pose, true: Pose) -> Loss:
    """Compute the mean distance of steps from frame to frame; 0 for a single frame."""
    if pred.shape[1] < 2:
        return pred.new_zeros(())
    return position_loss(pred.diff(dim=1), true.diff(dim=1))


class Objective(nn.Module):
    """A network and its loss in one module, so that processes share one forward pass."""

    def __init__(self, network: nn.Module, config: TrainConfig) -> None:
        super().__init__()
        self.network = network
        self.config = config

    def forward(self, xyc: Pose, flat: Pose, true: Pose) -> Loss:
        """Compute the loss of a batch; a network that lifts one frame lifts the center one.

        Other networks' loss is of all frames, or of `TrainConfig.last_frames`. The network's
        output for ``xyc`` is added to the flat pose.
        """
        total = xyc.new_zeros(())
        for output in supervised_outputs(self.network, xyc[..., : inputs_of(self.network)]):
            center = slice(xyc.shape[1] // 2, xyc.shape[1] // 2 + 1)
            frames = center if output.shape[1] == 1 else slice(None)
            pred, target = flat[:, frames] + output.float(), true[:, frames]
            pred, target = (
                pred[:, -self.config.last_frames :],
                target[:, -self.config.last_frames :],
            )
            target = torch.where(target.isnan(), pred.detach(), target)  # unknown joints
            total = total + position_loss(pred, target)
            if self.config.n_mpjpe_weight:
                total = total + self.config.n_mpjpe_weight * scaled_position_loss(pred, target)
            if self.config.velocity_weight:
                total = total + self.config.velocity_weight * velocity_loss(pred, target)
        return total
