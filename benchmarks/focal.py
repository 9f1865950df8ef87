"""How far the focal length can be told from the motion (`focal="motion"`), on the open benchmark.

usage: python benchmarks/focal.py OPEN_BENCHMARK.npz [--every 5] [--weights W]

Noisy 2D, the first 10 s of a view. "the true motion" does the same with what motion capture
measured: what nobody can do better.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from tcpformer import Lifter
from tcpformer.chain import Chain, repair
from tcpformer.focal import focal_of
from tcpformer.motion import Motion2D
from tcpformer.place import choose_focal
from tcpformer.skeleton import H36M


def rows(lifter: Lifter, data: Path, every: int) -> np.ndarray:
    """Of every view: logs of the focal length over the assumed one; in %, how sure that is.

    The true one, the one found, the one found in the true motion.
    """
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
        usual, true = choose_focal(None, None, size)[0], float(content["focal"][view])
        found, source = focal_of([said])
        exact = (content["relative"][part] + content["root"][part][:, None]) * 1e-4
        ways = exact[..., :2] / exact[..., 2:] * true + np.array(size) / 2
        real = replace(said, camera_xyz=exact, xy=ways, confidence=np.ones(ways.shape[:2]))
        sigma = float(source.split()[-2])
        logs = [np.log(each / usual) for each in (true, found, focal_of([real])[0])]
        result.append([*logs, sigma])
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
    print(f"{len(true)} views; error of the focal length, %; sigma said: {sigma.mean():.0f}")
    print("| | median | root mean square | correlation with the truth |\n|---|---|---|---|")
    for name, log in {"60 degrees": 0 * true, "found": found, "the true motion": best}.items():
        off = 100 * np.abs(np.expm1(log - true))
        same = f"{np.corrcoef(log, true)[0, 1]:.2f}" if log.any() else ""
        print(f"| {name} | {np.median(off):.1f} | {np.sqrt((off**2).mean()):.1f} | {same} |")


if __name__ == "__main__":
    main()
