"""Lifters with tiny networks of any weights, and what they are given to see."""

from pathlib import Path

import numpy as np
import torch
from motions import FOCAL
from torch import nn

from tcpformer.lifting.lifter import Lifter
from tcpformer.models import Network
from tcpformer.models.checkpoint import save_model
from tcpformer.models.tcpformer import Config, TCPFormer
from tcpformer.motion import Motion2D, Motion3D
from tcpformer.weights import WeightsSpec

SPECS = {
    "ours": WeightsSpec(fps=30.0),
    "spaced": WeightsSpec(fps=30.0, frame_step=3),
    "h36m": WeightsSpec(normalization="screen", unit="screen", fps=30.0),
    "3dhp": WeightsSpec(skeleton="mpi-inf-3dhp", normalization="screen", fps=30.0),
}
FRAMES = 9


def network(frames: int = FRAMES, gain: float = 0.5, seed: int = 0, depth: int = 2) -> TCPFormer:
    """Random, and every branch open: what comes out of a frame depends on the whole clip."""
    torch.manual_seed(seed)
    model = TCPFormer(Config(frames=frames, depth=depth, width=16, heads=2, representation=16))
    for name, parameter in model.named_parameters():
        if name.endswith(".gain"):
            nn.init.constant_(parameter, gain)
    return model


def lifter(
    folder: Path,
    convention: WeightsSpec = SPECS["ours"],
    *,
    model: Network = None,
    flip: bool = True,
) -> Lifter:
    save_model(model or network(), folder, spec=convention)
    return Lifter(folder, "cpu", flip)


def seen(motion: Motion3D, *, focal: float | None = FOCAL) -> Motion2D:
    """The exact projection, as if a detector had given it."""
    return Motion2D(
        motion.xy, motion.confidence, motion.size, motion.fps, motion.skeleton, focal=focal
    )


def projected(camera_xyz: np.ndarray, motion: Motion3D) -> np.ndarray:
    return FOCAL * camera_xyz[..., :2] / camera_xyz[..., 2:] + np.array(motion.size) / 2
