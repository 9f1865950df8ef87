"""Motion capture files for tests: people walking."""

from pathlib import Path

import numpy as np
from motions import walk

from tcpformer.skeleton import H36M


def mocap_file(path: Path) -> Path:
    """Write three people walking: two for training, one for validation."""
    walks = [walk(60 + 10 * i, fps=50.0, speed=1.0 + 0.2 * i).xyz for i in range(3)]
    xyz = np.concatenate(walks)
    np.savez(
        path,
        relative=np.round(1e4 * (xyz - xyz[:, :1])).astype(np.int16),
        root=np.round(1e4 * xyz[:, 0]).astype(np.int32),
        offsets=np.cumsum([0, *map(len, walks)]),
        split=np.array(["train", "train", "val"]),
        activity=np.array(["walk", "stroll", "walk"]),
        joints=np.array(H36M.joints),
        fps=np.float32(50),
    )
    return path
