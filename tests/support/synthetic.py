"""Made-up files in the formats of Human3.6M, and networks that know the truth."""

import pickle
from pathlib import Path

import numpy as np
import torch

from tcpformer.datasets.h36m_cpn import FILE_2D, FILE_3D
from tcpformer.models import strided_transformer, tcpformer
from tcpformer.skeleton import H36M_NOSE

WIDTH = 1000
PIXELS_APART = 4
CAMERAS = ("54138969", "55011271", "58860488", "60457274")
Video = tuple[str, str, int]
"""Source, action, frames."""


# SH


def sh_split(videos: list[Video], seed: int = 0) -> dict[str, object]:
    """Return one split of the SH file. The 2D is exact and the confidence is the true relative
    depth in half image widths, so that a network can know the truth from its input."""
    rng = np.random.default_rng(seed)
    names = [(s, CAMERAS[int(s[-2:]) - 1], a) for s, a, length in videos for _ in range(length)]
    xyz = rng.uniform(200, 800, (len(names), 17, 3)).astype(np.float32)
    factor = rng.uniform(3, 6, len(names)).astype(np.float32)
    depth = xyz[..., 2] - xyz[:, :1, 2]
    return {
        "joint_2d": xyz[..., :2].copy(),
        "confidence": (2 / WIDTH * depth).astype(np.float32),
        "joint3d_image": xyz,
        "camera_name": [camera for _, camera, _ in names],
        "source": [source for source, _, _ in names],
        "action": [action for _, _, action in names],
        "2.5d_factor": factor,
        "joints_2.5d_image": xyz * factor[:, None, None],
    }


def sh_file(path: Path, test: list[Video], train: list[Video] | None = None) -> Path:
    train = train or [("s_01_act_02_subact_01_ca_01", "Directions", 12)]
    content = {"train": sh_split(train, 1), "test": sh_split(test)}
    path.write_bytes(pickle.dumps(content))
    return path


# CPN


def cpn_folder(folder: Path, takes: dict[str, dict[str, int]], seed: int = 0) -> Path:
    """Write subject -> take -> frames. A "detected" frame holds its own number, counted over file
    and cameras, as a quarter of y; x is at the right edge, which tells a mirror image."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    positions = {
        subject: {
            take: rng.uniform(-0.5, 1.5, (n, 32, 3)).astype(np.float32)
            for take, n in lengths.items()
        }
        for subject, lengths in takes.items()
    }
    detected, number = {}, 0
    for subject, lengths in takes.items():
        detected[subject] = {}
        for take, n in lengths.items():
            views = []
            for _ in range(4):
                # The detections go on for a while after the motion capture.
                xy = np.full((n + 3, 17, 2), WIDTH, dtype=np.float32)
                xy[..., 1] = PIXELS_APART * (number + np.arange(n + 3)[:, None])
                number += n
                views.append(xy)
            detected[subject][take] = views
    meta = {"num_joints": 17, "keypoints_symmetry": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]}
    np.savez_compressed(folder / FILE_3D, positions_3d=np.array(positions, dtype=object))
    np.savez_compressed(
        folder / FILE_2D,
        positions_2d=np.array(detected, dtype=object),
        metadata=np.array(meta, dtype=object),
    )
    return folder


def numbers(x: torch.Tensor) -> torch.Tensor:
    """Return the numbers of the frames of a CPN file in a network's input."""
    # Some images are two pixels higher than wide, which moves their middle by one.
    return ((x[:, :, 0, 1] + 1) * (WIDTH / 2 / PIXELS_APART)).round().long()


# Networks


class Reads(tcpformer.TCPFormer):
    """Returns its input, root-relative."""

    def __init__(self, frames: int = 9) -> None:
        config = tcpformer.Config(frames=frames, depth=1, width=8, heads=1, representation=8)
        super().__init__(config)

    def forward(self, xyc: torch.Tensor, *, skip_local: bool = False) -> torch.Tensor:
        return xyc - xyc[:, :, :1]


class ReadsCenter(strided_transformer.StridedTransformer):
    """Returns the center frame of its input, root-relative."""

    def __init__(self, frames: int = 9) -> None:
        config = strided_transformer.Config(
            frames=frames, strides=(frames,), width=8, hidden=8, depth=1, heads=1, inputs=3
        )
        super().__init__(config)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        center = x[:, x.shape[1] // 2, None]
        return center - center[:, :, :1]


class Knows(Reads):
    """Returns the row of a table for every frame of a CPN file; mirrored for mirror images."""

    def __init__(self, table: np.ndarray, frames: int = 9) -> None:
        super().__init__(frames)
        self.table = torch.from_numpy(table.astype(np.float32))

    def forward(self, xyc: torch.Tensor, *, skip_local: bool = False) -> torch.Tensor:
        rows = self.table[numbers(xyc)]
        mirrored = rows[:, :, list(H36M_NOSE.mirror)] * torch.tensor([-1.0, 1.0, 1.0])
        return torch.where(xyc[..., :1, :1] > 0, rows, mirrored)


class KnowsCenter(ReadsCenter):
    """Returns the row of a table for the center frame."""

    def __init__(self, table: np.ndarray, frames: int = 9) -> None:
        super().__init__(frames)
        self.knows = Knows(table, frames)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.knows(x[:, x.shape[1] // 2, None])
