"""Motion capture files for tests: people walking."""

from pathlib import Path

import numpy as np
from motions import walk

from tcpformer.skeleton import BODY_26, H36M


def with_groups(xyz: np.ndarray) -> np.ndarray:
    """Add feet that point ahead, hands below the wrists and a face in front of the neck."""
    ahead, side = np.array([0.0, -0.15, 0.0]), np.array([0.07, 0.0, 0.0])
    offsets = [ahead, ahead, -0.3 * ahead, -0.3 * ahead, *([[0.0, 0.0, -0.09]] * 2)]
    offsets = np.array([*offsets, 0.8 * ahead, side, -side])
    return np.concatenate([xyz, xyz[:, BODY_26.parents[17:]] + offsets], axis=1)


def mocap_file(path: Path, *, groups: bool = False, **more: np.ndarray) -> Path:
    """Write three people walking: two for training, one for validation; at will of 26 joints."""
    walks = [walk(60 + 10 * i, fps=50.0, speed=1.0 + 0.2 * i).xyz for i in range(3)]
    xyz = np.concatenate(walks)
    skeleton = BODY_26 if groups else H36M
    xyz = with_groups(xyz) if groups else xyz
    np.savez(
        path,
        relative=np.round(1e4 * (xyz - xyz[:, :1])).astype(np.int16),
        root=np.round(1e4 * xyz[:, 0]).astype(np.int32),
        offsets=np.cumsum([0, *map(len, walks)]),
        split=np.array(["train", "train", "val"]),
        activity=np.array(["walk", "stroll", "walk"]),
        joints=np.array(skeleton.joints),
        fps=np.float32(50),
        **more,
    )
    return path
