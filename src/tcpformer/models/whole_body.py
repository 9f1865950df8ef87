"""Feet, hands and face beside the body: two networks in one, ours and not of any paper.

The first lifts the 17 joints of the body; its answer stays what it is, to the bit. The second, a
small `PoseTransformer` of all joints, tells where each of the others lies from the joint that it
hangs on: heel and ball of the foot from the ankle, knuckles from the wrist, nose and ears from the
base of the skull. So a source without feet, hands or face is lifted as well as before.

Axes: b batch, t frame, j joint, k joint of the body, r and q channels of the representations.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..checks import check_values
from . import hybrid, pose_transformer, tcpformer
from .layers import JOINTS, check_clips

SMALLEST_SIGMA = 0.01
"""Metres that a joint of feet, hands or face may at least be off from the joint it hangs on."""
_BODIES: dict[str, tuple[type[Any], type[nn.Module]]] = {
    "hybrid": (hybrid.Config, hybrid.HybridTCPFormer),
    "tcpformer": (tcpformer.Config, tcpformer.TCPFormer),
    "pose-transformer": (pose_transformer.Config, pose_transformer.PoseTransformer),
}
Features = tuple[Float[Tensor, "b t k r"], Float[Tensor, "b t j q"]]
"""The representations of the two networks."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The two networks. Every field changes the output."""

    body: Any = field(default_factory=lambda: hybrid.Config(frames=27))
    """Config of the network of 17 joints."""
    more: Any = field(default_factory=lambda: pose_transformer.Config(joints=26))
    """Config of the `PoseTransformer` of all joints."""
    body_model: str = "hybrid"
    """Name of the first network: "hybrid", "tcpformer" or "pose-transformer"."""
    hang_on: tuple[int, ...] = (6, 3, 6, 3, 13, 16, 9, 9, 9)
    """For each joint beyond the body's, the one of the body that it hangs on."""

    def __post_init__(self) -> None:
        if self.body_model not in _BODIES:
            raise ValueError(f"body_model must be one of {list(_BODIES)}, got {self.body_model!r}.")
        kinds = {"body": _BODIES[self.body_model][0], "more": pose_transformer.Config}
        for name, kind in kinds.items():
            value = getattr(self, name)
            if isinstance(value, Mapping):  # as a file has it
                check_values(kind, value)
                object.__setattr__(self, name, kind(**value))
            elif not isinstance(value, kind):
                raise ValueError(f"{name} must be a {kind.__qualname__}, got {value!r}.")
        if (self.body.joints, self.body.frames) != (JOINTS, self.more.frames):
            raise ValueError(
                f"expected a body of {JOINTS} joints and {self.more.frames} frames, got "
                f"{self.body.joints} and {self.body.frames}."
            )
        joints = range(JOINTS)
        if self.more.joints != JOINTS + len(self.hang_on) or not set(self.hang_on) <= {*joints}:
            raise ValueError(
                f"hang_on must name a joint below {JOINTS} for each joint that `more` adds, got "
                f"{self.hang_on} for {self.more.joints} joints."
            )

    @property
    def frames(self) -> int:
        """Clip length."""
        return self.more.frames

    @property
    def joints(self) -> int:
        """Joints of a pose."""
        return self.more.joints

    @property
    def uncertainty(self) -> bool:
        """Whether both networks have an `UncertaintyHead`."""
        return self.more.uncertainty and getattr(self.body, "uncertainty", False)


class WholeBody(nn.Module):
    """The whole network: 2D joints with confidence in, root-relative 3D joints out."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.body: Any = _BODIES[config.body_model][1](config.body)
        self.more: Any = pose_transformer.PoseTransformer(config.more)

    @property
    def uncertainty(self) -> "WholeBodyUncertainty | None":
        """The heads of both networks as one."""
        return WholeBodyUncertainty(self) if self.config.uncertainty else None

    def forward(self, xyc: Float[Tensor, "b t j 3"]) -> Float[Tensor, "b t j 3"]:
        """Lift clips of exactly `config.frames` frames of normalized x, y and confidence."""
        return self.head(self.represent(xyc))

    def represent(self, xyc: Float[Tensor, "b t j 3"]) -> Features:
        """Compute the features of every joint in every frame that the heads read."""
        check_clips(xyc, self.config.frames, joints=self.config.joints)
        return self.body.represent(xyc[:, :, :JOINTS]), self.more.represent(xyc)

    def head(self, features: Features) -> Float[Tensor, "b t j 3"]:
        """Compute the pose from the features of both networks."""
        body, more = self.body.head(features[0]), self.more.head(features[1])
        hang_on = list(self.config.hang_on)
        return torch.cat([body, body[:, :, hang_on] + more[:, :, JOINTS:] - more[:, :, hang_on]], 2)


class WholeBodyUncertainty:
    """The uncertainty of all joints from the heads of both networks.

    The variance of a joint is that of the joint it hangs on, and what the second network takes its
    own answers for the two to differ in variance.
    """

    def __init__(self, network: WholeBody) -> None:
        self.network = network
        body, more = network.body.uncertainty, network.more.uncertainty
        self.region_scale, self.time_constant = body.region_scale, body.time_constant
        self.prior_std = torch.cat([body.prior_std, more.prior_std[JOINTS:]])

    def __call__(
        self, features: Features, xyc: Float[Tensor, "b t j 3"]
    ) -> Float[Tensor, "b t j 3"]:
        """Compute log sigma of every joint along the axes of the network's output."""
        hang_on = list(self.network.config.hang_on)
        body = self.network.body.uncertainty(features[0], xyc[:, :, :JOINTS])
        more = (2 * self.network.more.uncertainty(features[1], xyc)).exp()
        added = (more[:, :, JOINTS:] - more[:, :, hang_on]).clamp(min=SMALLEST_SIGMA**2)
        return torch.cat([body, ((2 * body[:, :, hang_on]).exp() + added).log() / 2], dim=2)
