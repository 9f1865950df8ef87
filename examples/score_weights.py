"""Score weights of your own on the open benchmark, on exact 2D and with a detector's errors.

usage: python examples/score_weights.py RUN_FOLDER/weights open_benchmark.npz
"""

import sys

from tcpformer import Lifter
from tcpformer.evaluation.open_benchmark import evaluate_open


def main(weights: str, benchmark: str) -> None:
    lifter = Lifter(weights)
    for noisy in (False, True):
        print(evaluate_open(lifter, benchmark, noisy=noisy).table(), "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(f"usage: python {sys.argv[0]} WEIGHTS OPEN_BENCHMARK.npz")
    main(*sys.argv[1:])
