"""A network of one's own. In a package its classes go into models/, and its line into MODELS there.

Here all is in one file that runs as it is: python examples/new_model.py MOCAP.npz RUN_FOLDER trains
it for a few steps.
"""

import sys
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from tcpformer.models import MODELS, Model
from tcpformer.training.config import TrainConfig
from tcpformer.training.hardware import HardwareConfig
from tcpformer.training.train import train


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that shapes the network."""

    frames: int = 27
    width: int = 32
    depth: int = 2


class TimeMixer(nn.Module):
    """An MLP over the joints of a frame, then one over the frames of a joint, and so on."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        c, t = 17 * config.width, config.frames
        self.embed = nn.Linear(17 * 3, c)
        self.joints = nn.ModuleList(mlp(c) for _ in range(config.depth))
        self.times = nn.ModuleList(mlp(t) for _ in range(config.depth))
        self.head = nn.Linear(c, 17 * 3)

    def forward(self, xyc: Float[Tensor, "b t 17 3"]) -> Float[Tensor, "b t 17 3"]:
        x = self.embed(xyc.flatten(2))
        for joints, times in zip(self.joints, self.times, strict=True):
            x = x + joints(x)
            x = x + times(x.transpose(1, 2)).transpose(1, 2)
        return self.head(x).unflatten(2, (17, 3))


def mlp(width: int) -> nn.Sequential:
    """Normalise, widen, narrow."""
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
    )


MODELS["time-mixer"] = Model(Config, TimeMixer)

if __name__ == "__main__":
    plan = TrainConfig(network=Config(), spacing=(2, 6), steps=20)
    train(plan, sys.argv[1], sys.argv[2], HardwareConfig(device="cpu"), report=print)
