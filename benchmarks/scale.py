"""How tall people come out when a camera's height or a bone is known, on the open benchmark.

usage: python benchmarks/scale.py OPEN_BENCHMARK.npz [--every 10] [--weights W]

Error of the stature, %, one view one vote; noisy 2D, the first 10 s, the focal length known. The
true floor is where the lower ankle of the motion capture is lowest (but for 5 % of the frames).
"""

from pathlib import Path

import numpy as np
from open_views import parser, views

from tcpformer import Lifter
from tcpformer.skeleton import ANKLE_HEIGHT, FEET, H36M, stature
from tcpformer.world.scale import Scale, apply_scale, median_height

BONES = (("RKnee", "RAnkle"), ("RHip", "RKnee"), ("RElbow", "RWrist"))


def errors(lifter: Lifter, data: Path, every: int) -> dict[str, list[float]]:
    """For each thing that may be known, the error of every view."""
    off: dict[str, list[float]] = {}
    for view in views(data, every, seconds=10):
        lifted, true = lifter(view.seen), view.relative
        height = float(np.median(stature(true)))
        camera = true + view.root[:, None]
        feet = (camera[:, FEET] @ view.up).min(axis=1)
        above = ANKLE_HEIGHT * height - float(np.quantile(feet, 0.05))
        known = {"nothing (1.70 m)": Scale(), "camera height": Scale(camera_height=above)}
        for a, b in BONES:
            span = true[:, H36M.index[a]] - true[:, H36M.index[b]]
            length = float(np.median(np.linalg.norm(span, axis=-1)))
            known[f"{a}-{b}"] = Scale(bone_length=(a, b, length))
        for name, scale in known.items():
            try:
                found = median_height(apply_scale([lifted], scale)[0])
            except ValueError:
                found = np.nan
            off.setdefault(name, []).append(100 * abs(found / height - 1))
    return off


def main() -> None:
    arguments = parser(__doc__, every=10)
    args = arguments.parse_args()
    off = errors(Lifter(args.weights, "cpu"), args.data, args.every)
    print("| known | views | refused | median error, % | 90 % within, % |\n|---|---|---|---|---|")
    for name, values in off.items():
        kept = np.array(values)[np.isfinite(values)]
        print(
            f"| {name} | {len(values)} | {len(values) - len(kept)} | {np.median(kept):.1f} | ",
            end="",
        )
        print(f"{np.quantile(kept, 0.9):.1f} |")


if __name__ == "__main__":
    main()
