"""How far the gravity that is found in motions is from the true one, on the open benchmark.

usage: python benchmarks/gravity.py OPEN_BENCHMARK.npz [--every 20] [--clean] [--weights W]

Beside it the error of taking every camera to be level. Degrees, one view one vote.
"""

import argparse
from pathlib import Path

import numpy as np

from tcpformer import Lifter
from tcpformer.ground import LEVEL, ground_of
from tcpformer.motion import Motion2D
from tcpformer.skeleton import H36M


def angles(lifter: Lifter, data: Path, *, every: int, clean: bool) -> np.ndarray:
    """For every view, degrees from the true gravity to what is found, and to the level camera's."""
    with np.load(data) as file:
        content = dict(file)
    rows = []
    for view in range(0, len(content["offsets"]) - 1, every):
        part = slice(*content["offsets"][view : view + 2])
        xy = content["xy" if clean else "noisy_xy"][part] / 10.0
        sure = np.ones(xy.shape[:2]) if clean else content["confidence"][part] / 255.0
        width, height = content["size"][view]
        size, fps = (int(width), int(height)), float(content["fps"])
        seen = Motion2D(xy, sure, size, fps, H36M, focal=float(content["focal"][view]))
        true = content["rotation"][view][:, 2]
        found = ground_of(lifter(seen)).up
        rows.append([np.degrees(np.arccos(np.clip(up @ true, -1, 1))) for up in (found, LEVEL)])
    return np.array(rows)


def main() -> None:
    bar = argparse.ArgumentParser(description=__doc__)
    bar.add_argument("data", type=Path)
    bar.add_argument("--every", type=int, default=20)
    bar.add_argument("--clean", action="store_true")
    bar.add_argument("--weights", default="default")
    args = bar.parse_args()
    rows = angles(Lifter(args.weights, "cpu"), args.data, every=args.every, clean=args.clean)
    print(f"{len(rows)} views, {'exact' if args.clean else 'noisy'} 2D, degrees")
    print("| | median | mean | 90 % within |\n|---|---|---|---|")
    for name, column in zip(("found", "camera taken to be level"), rows.T, strict=True):
        print(f"| {name} | {np.median(column):.1f} | {column.mean():.1f} | ", end="")
        print(f"{np.quantile(column, 0.9):.1f} |")


if __name__ == "__main__":
    main()
