"""A figure that stands still, seen by a small camera: for tests of pictures."""

import numpy as np

from tcpformer.motion import Motion3D
from tcpformer.skeleton import H36M

SIZE = (160, 120)
FOCAL = 170.0
# Human3.6M order, standing, facing the camera: x right (the person's left), y away, z up.
STANDING = np.array(
    [
        (0, 0, 0.95), (-0.13, 0, 0.95), (-0.14, 0, 0.5), (-0.15, 0, 0.06),
        (0.13, 0, 0.95), (0.14, 0, 0.5), (0.15, 0, 0.06),
        (0, 0, 1.2), (0, 0, 1.45), (0, 0, 1.6), (0, 0, 1.72),
        (0.18, 0, 1.42), (0.4, 0, 1.3), (0.6, 0, 1.3),
        (-0.18, 0, 1.42), (-0.4, 0, 1.3), (-0.6, 0, 1.3),
    ]
)  # fmt: skip


def motion(length: int = 6, x: float = 0.0, depth: float = 4.0) -> Motion3D:
    xyz = np.repeat(STANDING[None] + [x, depth, 0], length, axis=0)
    camera = np.stack([xyz[..., 0], 1.0 - xyz[..., 2], xyz[..., 1]], axis=-1)
    return Motion3D(
        xyz=xyz,
        camera_xyz=camera,
        xy=FOCAL * camera[..., :2] / camera[..., 2:] + np.array(SIZE) / 2,
        confidence=np.full((length, 17), 0.9),
        valid=np.ones(length, dtype=bool),
        times=np.arange(length) / 25,
        fps=25.0,
        skeleton=H36M,
        size=SIZE,
        focal=FOCAL,
        provenance={"weights": "none", "focal": "made up", "scale": "made up"},
    )
