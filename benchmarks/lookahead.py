"""Errors of weights for live use over their look-ahead, beside those of weights that know all.

    python benchmarks/lookahead.py open_benchmark.npz --view-step 8

Every frame is lifted from what is known some frames of 20 ms later, without post-processing;
"filtered" is with the filter of `LiveLifter`.
Ratios are to the packaged `fast`, which knows the whole clip.
"""

import argparse
from pathlib import Path

import numpy as np

from tcpformer import Lifter, Motion2D
from tcpformer.evaluation.open_benchmark import evaluate_open
from tcpformer.filtering.gh_filter import GhFilter
from tcpformer.filtering.one_euro import apply_live
from tcpformer.serve.live import LIVE

SCORES = {"n_mpjpe": "N-MPJPE, mm", "mpjve": "MPJVE, mm/s", "acceleration_error": "accel., mm/s2"}


class FilteredLifter(Lifter):
    """Filters what it predicts as `LiveLifter` does."""

    def predict_rigid(self, motion: Motion2D, *, height: float, focal: float) -> np.ndarray:
        pose = super().predict_rigid(motion, height=height, focal=focal)
        return apply_live(pose, motion.times, GhFilter(LIVE.pose_cutoff, LIVE.pose_beta))


def score(lifter: Lifter, data: Path, view_step: int) -> dict[str, dict[str, float]]:
    """Return the scores on exact and on noisy 2D."""
    return {
        name: evaluate_open(lifter, data, noisy=noisy, view_step=view_step).scores
        for name, noisy in (("exact", False), ("noisy", True))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--view-step", type=int, default=8)
    parser.add_argument("--lookaheads", type=int, nargs="+", default=[0, 4, 10])
    parser.add_argument("--weights", default="live")
    args = parser.parse_args()
    whole = score(Lifter("fast", "cpu", flip=False), args.data, args.view_step)
    titles = [f"{title} {kind}" for kind in whole for title in SCORES.values()]
    print(f"| frames known later | {' | '.join(titles)} |\n|---|{'---|' * len(titles)}")
    for frames in args.lookaheads:
        for kind, name in ((Lifter, f"{frames}"), (FilteredLifter, f"{frames}, filtered")):
            lifter = kind(args.weights, "cpu", flip=False, lookahead=frames)
            print_row(name, score(lifter, args.data, args.view_step), whole)
    print_row("all (`fast`)", whole, whole)


def print_row(
    name: str, scores: dict[str, dict[str, float]], whole: dict[str, dict[str, float]]
) -> None:
    cells = [
        f"{scores[kind][key]:.4g} ({scores[kind][key] / whole[kind][key]:.2f})"
        for kind in whole
        for key in SCORES
    ]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
