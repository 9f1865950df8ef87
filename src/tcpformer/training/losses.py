"""What training minimises. Tensors are (b, t, j, 3), root-relative; each loss is one number."""

from jaxtyping import Float
from torch import Tensor


def position_loss(
    pred: Float[Tensor, "b t j 3"], true: Float[Tensor, "b t j 3"]
) -> Float[Tensor, ""]:
    """Mean distance between joints (MPJPE)."""
    return (pred - true).norm(dim=-1).mean()


def scaled_position_loss(
    pred: Float[Tensor, "b t j 3"], true: Float[Tensor, "b t j 3"]
) -> Float[Tensor, ""]:
    """Mean distance after the best scale of every frame (N-MPJPE of Rhodin et al., CVPR 2018)."""
    scale = (pred * true).sum(dim=(-2, -1)) / (pred * pred).sum(dim=(-2, -1)).clamp(min=1e-9)
    return position_loss(pred * scale[..., None, None], true)


def velocity_loss(
    pred: Float[Tensor, "b t j 3"], true: Float[Tensor, "b t j 3"]
) -> Float[Tensor, ""]:
    """Mean distance between steps from frame to frame; 0 for a single frame."""
    if pred.shape[1] < 2:
        return pred.new_zeros(())
    return position_loss(pred.diff(dim=1), true.diff(dim=1))
