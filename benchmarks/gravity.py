"""How far the gravity that is found in motions is from the true one, on the open benchmark.

usage: python benchmarks/gravity.py OPEN_BENCHMARK.npz [--every 20] [--clean] [--weights W]

Beside it the error of taking every camera to be level. Degrees, one view one vote.
"""

from pathlib import Path

import numpy as np
from open_views import parser, views

from tcpformer import Lifter
from tcpformer.world.ground import ground_of
from tcpformer.world.posture import LEVEL_UP


def angles(lifter: Lifter, data: Path, *, every: int, clean: bool) -> np.ndarray:
    """For every view, degrees from the true gravity to what is found, and to the level camera's."""
    rows = []
    for view in views(data, every, clean=clean):
        found = ground_of(lifter(view.seen)).up
        cosines = np.array([found, LEVEL_UP]) @ view.up
        rows.append(np.degrees(np.arccos(np.clip(cosines, -1, 1))))
    return np.array(rows)


def main() -> None:
    arguments = parser(__doc__, every=20)
    arguments.add_argument("--clean", action="store_true")
    args = arguments.parse_args()
    rows = angles(Lifter(args.weights, "cpu"), args.data, every=args.every, clean=args.clean)
    print(f"{len(rows)} views, {'exact' if args.clean else 'noisy'} 2D, degrees")
    print("| up | median, degrees | mean | 90 % within |\n|---|---|---|---|")
    for name, column in zip(("found", "camera taken to be level"), rows.T, strict=True):
        print(f"| {name} | {np.median(column):.1f} | {column.mean():.1f} | ", end="")
        print(f"{np.quantile(column, 0.9):.1f} |")


if __name__ == "__main__":
    main()
