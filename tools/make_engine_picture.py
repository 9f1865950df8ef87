"""Draw people of the data engine: as captured, with limbs of another motion, and tilted.

usage: python tools/make_engine_picture.py mocap_cmu.npz [docs/engine_people.png]
"""

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from tcpformer.datasets.synthetic.benchmark_like import generate_benchmark_clips

from tcpformer.datasets.mocap import load_mocap
from tcpformer.skeleton import H36M
from tcpformer.viz.scene import View, draw_3d

SIDE, EACH, SEED = 230, 4, 3
ROWS = ({}, {"grafts": 1.0}, {"tilts": 1.0})
TO_WORLD = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Camera axes (x right, y down, z forward) to the picture's world: x right, y away, z up."""


def person(pose: np.ndarray) -> np.ndarray:
    xyz = pose @ TO_WORLD.T
    xyz[:, 2] -= xyz[:, 2].min()
    low, high = xyz.min(axis=0), xyz.max(axis=0)
    middle = tuple(((low + high) / 2).tolist())
    return draw_3d(xyz, View(middle, 1.1, 0.0, 5.0), (SIDE, SIDE), H36M)


def main() -> None:
    target = Path(sys.argv[2] if len(sys.argv) > 2 else "docs/engine_people.png")
    mocap = load_mocap(sys.argv[1], "train", by_activity=True)
    rows = []
    for changes in ROWS:
        how = {"frames": 9, "batch": EACH, "frame_step": (3, 6), "seed": SEED}
        batch = next(generate_benchmark_clips(replace(mocap, **changes), **how))
        rows.append(np.hstack([person(clip[4]) for clip in batch.xyz]))
    cv2.imwrite(str(target), np.vstack(rows)[..., ::-1])


if __name__ == "__main__":
    main()
