"""How far the focal length can be told from the motion (`focal="motion"`), on the open benchmark.

usage: python benchmarks/focal.py OPEN_BENCHMARK.npz [--every 5] [--weights W]

Noisy 2D, the first 10 s of a view. "the true motion" does the same with what motion capture
measured: what nobody can do better.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from open_views import views

from tcpformer import Lifter
from tcpformer.postprocess.steps import PostprocessConfig, clean_keypoints
from tcpformer.world.camera import choose_focal, estimate_focal


def rows(lifter: Lifter, data: Path, every: int) -> np.ndarray:
    """Of every view: logs of the focal length over the assumed one; and sigma of the one found.

    The true one, the one found, the one found in the true motion.
    """
    result = []
    for view in views(data, every, seconds=10):
        size, true = view.seen.size, view.seen.focal
        usual, _ = choose_focal(None, None, size)
        said = lifter(
            clean_keypoints(replace(view.seen, focal=None), PostprocessConfig()), chain=None
        )
        found, sigma = estimate_focal([said])
        exact = view.relative + view.root[:, None]
        xy = exact[..., :2] / exact[..., 2:] * true + np.array(size) / 2
        real = replace(said, camera_xyz=exact, xy=xy, confidence=np.ones(xy.shape[:2]))
        best, _ = estimate_focal([real])
        result.append([*np.log(np.array([true, found, best]) / usual), sigma])
    return np.array(result)


def main() -> None:
    bar = argparse.ArgumentParser(description=__doc__)
    bar.add_argument("data", type=Path)
    bar.add_argument("--every", type=int, default=5)
    bar.add_argument("--weights", default="default")
    args = bar.parse_args()
    true, found, best, sigma = rows(
        Lifter(args.weights, "cpu", flip=False), args.data, args.every
    ).T
    print(f"{len(true)} views; error of the focal length, %; sigma said: {100 * sigma.mean():.0f}")
    print("| focal length | median error, % | root mean square | correlation with the truth |")
    print("|---|---|---|---|")
    for name, log in {"60 degrees": 0 * true, "found": found, "the true motion": best}.items():
        off = 100 * np.abs(np.expm1(log - true))
        same = f"{np.corrcoef(log, true)[0, 1]:.2f}" if log.any() else ""
        print(f"| {name} | {np.median(off):.1f} | {np.sqrt((off**2).mean()):.1f} | {same} |")


if __name__ == "__main__":
    main()
