"""Error of the focal length estimated from motion (`focal="motion"`), on the open benchmark.

usage: python benchmarks/focal.py OPEN_BENCHMARK.npz [--every 5] [--weights W]

Noisy 2D, the first 10 s of a view. "the true motion" is estimated from motion capture instead of
lifted motion: a bound.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from open_views import parser, views

from tcpformer import Lifter
from tcpformer.motion import assumed_focal
from tcpformer.postprocess.stages import PostprocessConfig, clean_keypoints
from tcpformer.world.camera import estimate_focal


def rows(lifter: Lifter, data: Path, every: int) -> np.ndarray:
    """Return, per view, logs of focal lengths over the assumed one, and sigma of the estimate.

    True focal length, the estimate, the estimate from the true motion.
    """
    result = []
    for view in views(data, every, seconds=10):
        size, true = view.seen.size, view.seen.focal
        assert true is not None  # the benchmark gives it
        motion = lifter(
            clean_keypoints(replace(view.seen, focal=None), PostprocessConfig()), postprocess=None
        )
        found, sigma = estimate_focal([motion])
        exact = view.relative + view.root[:, None]
        xy = exact[..., :2] / exact[..., 2:] * true + np.array(size) / 2
        real = replace(motion, camera_xyz=exact, xy=xy, confidence=np.ones(xy.shape[:2]))
        best, _ = estimate_focal([real])
        result.append([*np.log(np.array([true, found, best]) / assumed_focal(size)), sigma])
    return np.array(result)


def main() -> None:
    arguments = parser(__doc__, every=5)
    args = arguments.parse_args()
    true, found, best, sigma = rows(
        Lifter(args.weights, "cpu", flip=False, joints=17), args.data, args.every
    ).T
    print(f"{len(true)} views; error of the focal length, %; sigma: {100 * sigma.mean():.0f}")
    print("| focal length | median error, % | root mean square | correlation with the truth |")
    print("|---|---|---|---|")
    for name, log in {"60 degrees": 0 * true, "found": found, "the true motion": best}.items():
        off = 100 * np.abs(np.expm1(log - true))
        same = f"{np.corrcoef(log, true)[0, 1]:.2f}" if log.any() else ""
        print(f"| {name} | {np.median(off):.1f} | {np.sqrt((off**2).mean()):.1f} | {same} |")


if __name__ == "__main__":
    main()
