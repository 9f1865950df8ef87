"""How far the focal length can be told from the motion: an experiment that is not in the package.

usage: python benchmarks/focal.py OPEN_BENCHMARK.npz [--every 5] [--weights W]

A wrong focal length stretches the way of the pelvis in depth, but not the steps relative to it: the
lower foot then slides. Of focal lengths from 35 to 85 degrees across the longer side, the one at
which it slides least, drawn to 60 degrees by 20 % (one sigma). Noisy 2D, the first 10 s of a view.
"the true motion" does the same with what motion capture measured: what nobody can do better.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tcpformer import Lifter
from tcpformer.chain import Chain, repair
from tcpformer.filters import butterworth
from tcpformer.ground import FEET
from tcpformer.motion import Motion2D
from tcpformer.normalize import to_rays
from tcpformer.place import choose_focal, root_path
from tcpformer.skeleton import H36M

ANGLES = np.linspace(85, 35, 101)
PRIOR = 0.2  # of the log of the focal length, one sigma
SLIDES = 0.3  # m/s
MOMENT = 0.3  # seconds after which a foot says something new


@dataclass(frozen=True)
class View:
    """A pose relative to the pelvis, its way at every focal length tried, and up; camera axes."""

    pose: np.ndarray
    ways: list[np.ndarray]
    up: np.ndarray
    times: np.ndarray


def told(view: View, off: np.ndarray) -> tuple[float, float]:
    """Mean and sigma of the log of the focal length over the assumed one.

    Args:
        view: What is seen.
        off: That log, for each of the ways.
    """
    feet = view.pose[:, FEET]
    low = np.argmin(feet @ view.up, axis=1)
    flat = butterworth(feet.reshape(len(feet), -1), view.times, 4.0).reshape(feet.shape)
    step = np.gradient(flat, view.times, axis=0)[np.arange(len(low)), low]
    cost = []
    for way in view.ways:
        slide = step + np.gradient(butterworth(way, view.times, 2.5), view.times, axis=0)
        slide = slide - (slide @ view.up)[:, None] * view.up
        size = (slide**2).sum(axis=1) / SLIDES**2
        cost.append((size / (1 + size)).sum() * np.diff(view.times).mean() / MOMENT)
    likely = -np.array(cost) - 0.5 * (off / PRIOR) ** 2
    share = np.exp(likely - likely.max())
    share = share / share.sum()
    mean = float(share @ off)
    return mean, float(np.sqrt(share @ (off - mean) ** 2))


def rows(lifter: Lifter, data: Path, every: int) -> np.ndarray:
    """Of every view: the true log, what is told of it and how sure, and what the truth tells."""
    with np.load(data) as file:
        content = dict(file)
    result = []
    for view in range(0, len(content["offsets"]) - 1, every):
        start, stop = content["offsets"][view : view + 2]
        part = slice(start, min(stop, start + round(10 * float(content["fps"]))))
        xy, sure = content["noisy_xy"][part] / 10.0, content["confidence"][part] / 255.0
        size = (int(content["size"][view][0]), int(content["size"][view][1]))
        seen = repair(Motion2D(xy, sure, size, float(content["fps"]), H36M), Chain())
        said = lifter(seen, chain=None)
        pose = said.camera_xyz - said.camera_xyz[:, :1]
        body = pose[:, H36M.index["Neck"]] - pose[:, FEET].mean(axis=1)
        up = np.median(body / np.linalg.norm(body, axis=1, keepdims=True), axis=0)
        focals = [max(size) / (2 * np.tan(np.radians(angle) / 2)) for angle in ANGLES]
        ways = [
            root_path(pose, to_rays(said.xy, size, focal), said.confidence, said.times)
            for focal in focals
        ]
        usual, true = choose_focal(None, None, size)[0], float(content["focal"][view])
        off = np.log(np.array(focals) / usual)
        found = told(View(pose, ways, up / np.linalg.norm(up), said.times), off)
        root = content["root"][part] * 1e-4
        ways = [root * [1, 1, focal / true] for focal in focals]
        real = View(
            content["relative"][part] * 1e-4, ways, content["rotation"][view][:, 2], said.times
        )
        result.append([np.log(true / usual), *found, told(real, off)[0]])
    return np.array(result)


def main() -> None:
    bar = argparse.ArgumentParser(description=__doc__)
    bar.add_argument("data", type=Path)
    bar.add_argument("--every", type=int, default=5)
    bar.add_argument("--weights", default="default")
    args = bar.parse_args()
    true, found, sigma, best = rows(
        Lifter(args.weights, "cpu", flip=False), args.data, args.every
    ).T
    print(f"{len(true)} views; error of the focal length, %; sigma said: {100 * sigma.mean():.0f}")
    print("| | median | root mean square | correlation with the truth |\n|---|---|---|---|")
    for name, log in {"60 degrees": 0 * true, "found": found, "the true motion": best}.items():
        off = 100 * np.abs(np.expm1(log - true))
        same = f"{np.corrcoef(log, true)[0, 1]:.2f}" if log.any() else ""
        print(f"| {name} | {np.median(off):.1f} | {np.sqrt((off**2).mean()):.1f} | {same} |")


if __name__ == "__main__":
    main()
