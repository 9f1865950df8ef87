"""Train a network of your own for some steps: python examples/new_model.py MOCAP.npz RUN_FOLDER."""

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
    width: int = 512


class FrameMLP(nn.Module):
    """An MLP over the joints of one frame."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.layers = nn.Sequential(nn.Linear(51, width), nn.GELU(), nn.Linear(width, 51))

    def forward(self, xyc: Float[Tensor, "b t 17 3"]) -> Float[Tensor, "b t 17 3"]:
        return self.layers(xyc.flatten(2)).unflatten(2, (17, 3))


MODELS["frame-mlp"] = Model(Config, FrameMLP)

if __name__ == "__main__":
    plan = TrainConfig(network=Config(), frame_step=(2, 6), steps=20)
    train(plan, sys.argv[1], sys.argv[2], HardwareConfig(device="cpu"), report=print)
