"""Time the packaged weights: each lifts the same minute of a walk, in turns.

usage: python benchmarks/sizes.py [--rounds 5] [--threads 1]

With flip averaging, without post-processing: normalization, windows, the network, and the way back.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from lifters import seen
from motions import walk

from tcpformer import Lifter
from tcpformer.models.checkpoint import load_model
from tcpformer.runtime.graph import set_graph_threads
from tcpformer.weights import packaged_names

FRAMES, FPS = 1800, 30.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    set_graph_threads(args.threads)
    motion = seen(walk(FRAMES, FPS, speed=0.0))
    lifters = {name: Lifter(name, "cpu") for name in packaged_names()}
    times: dict[str, list[float]] = {name: [] for name in lifters}
    for round_ in range(args.rounds + 1):
        for name, lifter in lifters.items():
            start = time.perf_counter()
            lifter(motion, postprocess=None)
            if round_:  # the first warms up
                times[name].append(time.perf_counter() - start)
    reference = statistics.median(times["default"])
    print("| weights | parameters | ms a frame | of default's |\n|---|---|---|---|")
    for name, seconds in times.items():
        count = sum(p.numel() for p in load_model(name).parameters())
        median = statistics.median(seconds)
        print(f"| {name} | {count:,} | {1000 * median / FRAMES:.2f} | {median / reference:.2f} |")


if __name__ == "__main__":
    main()
