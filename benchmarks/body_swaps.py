"""Whole-body left/right swaps that are put right, on synthetic clips with detector errors.

usage: python benchmarks/body_swaps.py MOCAP.npz [--clips 80] [--split val]

Motion capture as a phone films it, the packaged detector's errors, and a stretch of 0 to 50 % of
the clip in which every left joint is named right. A clip lasts up to 8 s.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from functools import partial

import numpy as np

from tcpformer import Lifter
from tcpformer.datasets.mocap import load_mocap
from tcpformer.datasets.synthetic import as_filmed
from tcpformer.lifting.body_swaps import fix_body_swaps, swap_sides
from tcpformer.motion import assumed_focal

SHARES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.5)
SEED, SECONDS, SHORTEST, LEAST_SEEN = 5, 8.0, 30, 0.7


def main() -> None:
    arguments = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    arguments.add_argument("data")
    arguments.add_argument("--clips", type=int, default=80)
    arguments.add_argument("--split", default="val")
    args = arguments.parse_args()
    as_filmed.MOTION_SECONDS = SECONDS
    lifter = Lifter("fast", "cpu", flip=False)
    counts = {share: np.zeros(5, dtype=int) for share in SHARES}
    mocap = load_mocap(args.data, args.split)
    made = as_filmed.generate_filmed_motions(mocap, count=args.clips, seed=SEED)
    for number, motion in enumerate(each.detected for each in made):
        seen = (motion.confidence.max(axis=1) > 0).mean()
        if len(motion) < SHORTEST or seen < LEAST_SEEN:
            continue
        rng = np.random.default_rng(number)
        share = float(rng.choice(SHARES))
        length = round(share * len(motion))
        first = rng.integers(0, len(motion) - length + 1) if length else 0
        swapped = np.zeros(len(motion), dtype=bool)
        swapped[first : first + length] = True
        focal = motion.focal or assumed_focal(motion.size)
        lift = partial(lifter._run_on_body, focal=focal)
        found = fix_body_swaps(swap_sides(motion, swapped), lift, focal).swapped
        right, wrong = found & swapped, found & ~swapped
        counts[share] += [1, right.sum(), swapped.sum(), wrong.sum(), (~swapped).sum()]
    print("| share of the clip swapped | clips | swapped frames put right, % | others swapped, % |")
    print("|---|---|---|---|")
    for share, (clips, right, swapped, wrong, others) in counts.items():
        done = f"{100 * right / swapped:.1f}" if swapped else ""
        print(f"| {100 * share:g} % | {clips} | {done} | {100 * wrong / max(others, 1):.2f} |")


if __name__ == "__main__":
    main()
