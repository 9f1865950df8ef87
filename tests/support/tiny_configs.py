"""Tiny sizes of every network."""

from typing import Any

TINY: dict[str, dict[str, Any]] = {
    "tcpformer": {"frames": 9, "depth": 1, "width": 8, "heads": 2, "representation": 8},
    "hybrid": {
        "frames": 9, "depth": 1, "width": 8, "heads": 2, "representation": 8, "pose_layers": 1,
    },
    "poseformerv2": {
        "frames": 9, "kept_frames": 3, "kept_coefficients": 1, "depth": 1, "width": 4, "heads": 2,
    },
    "strided-transformer": {
        "frames": 9, "strides": (3, 3), "depth": 1, "width": 8, "hidden": 8, "heads": 2,
    },
    "pose-transformer": {
        "frames": 9, "layers": 1, "width": 8, "heads": 2, "channels": 4, "representation": 8,
    },
}  # fmt: skip
_POSES = TINY["pose-transformer"]
TINY["whole-body"] = {
    "body": _POSES, "body_model": "pose-transformer", "more": {**_POSES, "joints": 26},
}  # fmt: skip
