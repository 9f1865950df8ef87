"""Feet, hands and face beside the body: two networks in one, ours and not of any paper.

The first lifts the 17 joints of the body. The second, a small `PoseTransformer` of all joints,
reads the 2D and the answer of the first. It tells where each of the others lies from the joint that
it hangs on: heel and ball of the foot from the ankle, knuckles from the wrist, nose and ears from
the base of the skull. A correction of all joints reads the features of both: the second is cheap,
so it can see more motion in training, and other people than the first.

Axes: b batch, t frame, j joint, r channel of the representation.
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
from .pose_transformer import PoseTransformer
from .uncertainty_head import UncertaintyHead

HIDDEN = 128
"""Channels of the correction between its two maps."""
FIRST_SHARE = 2.0
"""Logit of the share of the correction that counts, in a new network."""
_BODIES: dict[str, tuple[type[Any], type[nn.Module]]] = {
    "hybrid": (hybrid.Config, hybrid.HybridTCPFormer),
    "tcpformer": (tcpformer.Config, tcpformer.TCPFormer),
    "pose-transformer": (pose_transformer.Config, PoseTransformer),
}


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
    uncertainty: bool = False
    """Whether there is an `UncertaintyHead`; the pose stays the same."""

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
        if self.more.uncertainty or getattr(self.body, "uncertainty", False):
            raise ValueError("expected body and more with uncertainty=False; the whole has a head.")
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


class WholeBody(nn.Module):
    """The whole network: 2D joints with confidence in, root-relative 3D joints out."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.body: Any = _BODIES[config.body_model][1](config.body)
        self.more: Any = PoseTransformer(config.more, given=3 * JOINTS)
        self.of_body, self.of_more = self.body.head.in_features, config.more.representation
        features = self.of_body + self.of_more
        last = nn.Linear(HIDDEN, 3, bias=False)
        nn.init.zeros_(last.weight)
        self.correct = nn.Sequential(nn.Linear(features, HIDDEN), nn.GELU(), last)
        self.share = nn.Linear(features, 1)
        nn.init.zeros_(self.share.weight)
        nn.init.constant_(self.share.bias, FIRST_SHARE)
        self.uncertainty = UncertaintyHead(features, config.joints) if config.uncertainty else None

    def forward(self, xyc: Float[Tensor, "b t j 3"]) -> Float[Tensor, "b t j 3"]:
        """Lift clips of exactly `config.frames` frames of normalized x, y and confidence."""
        return self.head(self.represent(xyc))

    def represent(self, xyc: Float[Tensor, "b t j 3"]) -> Float[Tensor, "b t j r"]:
        """Compute the features of every joint in every frame, in (-1, 1), that the heads read.

        They are those of both networks; the first has none for a joint beyond its own, which gets
        those of the joint it hangs on.
        """
        check_clips(xyc, self.config.frames, joints=self.config.joints)
        body = self.body.represent(xyc[:, :, :JOINTS])
        more = self.more.represent(xyc, self.body.head(body).flatten(2))
        return torch.cat([body[:, :, self._hangs_on], more], dim=-1)

    def head(self, features: Float[Tensor, "b t j r"]) -> Float[Tensor, "b t j 3"]:
        """Compute the pose: the first network's, what hangs on it, and the correction.

        Of the correction of the body a share counts, 0 to 1, which is one for a clip and follows
        from the mean of its features; what hangs on the body is corrected as a whole.
        """
        of_body, of_more = features.split([self.of_body, self.of_more], dim=-1)
        share = self.share(features.mean(dim=(1, 2), keepdim=True)).sigmoid()
        correction = self.correct(features)
        more = self.more.head(of_more) + correction
        hung = more - more[:, :, self._hangs_on]  # 0 for the joints of the body
        return self.body.head(of_body) + share * correction[:, :, self._hangs_on] + hung

    @property
    def _hangs_on(self) -> list[int]:
        return [*range(JOINTS), *self.config.hang_on]
