"""How much the 90 % region holds, joint group by joint group, of people lifted as users lift them.

usage: python benchmarks/coverage.py MOCAP.npz SPLIT [--weights W] [--subjects A B] [--every N]

Sequences of motion capture are seen by one camera of the open benchmark each, with exact and with
noisy 2D, and lifted without a height. Prints the share within the region for each group, and the
half-axes, in sigma, that would hold 90 % of all.
"""

import argparse
from dataclasses import replace

import numpy as np
import torch

from tcpformer.datasets.mocap import load_mocap, read_mocap
from tcpformer.datasets.synthetic.benchmark_like import generate_benchmark_motions
from tcpformer.lifting.lifter import Lifter
from tcpformer.lifting.uncertainty import (
    REGION_SHARE,
    coverage,
    joint_errors_and_sigma,
    sigma_distance,
)
from tcpformer.skeleton import BODY, H36M

GROUPS = {
    "hips": ("LHip", "RHip"),
    "knees": ("LKnee", "RKnee"),
    "ankles": ("LAnkle", "RAnkle"),
    "trunk": ("Spine", "Thorax"),
    "head": ("Neck", "Head"),
    "shoulders": ("LShoulder", "RShoulder"),
    "elbows": ("LElbow", "RElbow"),
    "wrists": ("LWrist", "RWrist"),
}
MAX_FRAMES, FRAME_STEP = 400, 3
"""Frames of a sequence; every third counts, since neighbors have similar errors."""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("mocap")
    parser.add_argument("split")
    parser.add_argument("--weights", default="default")
    parser.add_argument("--subjects", nargs="*")
    parser.add_argument("--every", type=int, default=1)
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    lifter, mocap = Lifter(args.weights, "cpu"), load_mocap(args.mocap, args.split)
    if args.subjects:
        data = read_mocap(args.mocap, ("split", "joints", "subject"))
        kept = np.isin(data["subject"], args.subjects)[np.isin(data["offsets"][:-1], mocap.starts)]
        mocap = replace(mocap, starts=mocap.starts[kept], lengths=mocap.lengths[kept])
    distances = []
    for kind in ("exact", "noisy"):
        motions = generate_benchmark_motions(
            mocap, noisy=kind == "noisy", max_frames=MAX_FRAMES, seed=101, every=args.every
        )
        parts = []
        for motion in motions:
            lifted = lifter(motion.detected, focal=motion.detected.focal)
            found = joint_errors_and_sigma(lifted, motion.truth[:, BODY])
            parts.append([x[::FRAME_STEP] for x in found])
        error, sigma = (np.concatenate(column) for column in zip(*parts, strict=True))
        distances.append(sigma_distance(error, sigma))
        whole = coverage(error, sigma, lifter.region_scale)
        print(f"{kind}: off by {whole['mean_error']:.1f} mm, in the region {whole['region']:.1f} %")
        for group, names in GROUPS.items():
            columns = [joint - 1 for joint in H36M.indices(*names)]  # the pelvis is left out
            inside = (distances[-1][:, columns] < lifter.region_scale).mean()
            print(f"  {group}: {100 * inside:.0f} %")
    needed = np.quantile(np.concatenate(distances), REGION_SHARE)
    print(f"half-axes: {lifter.region_scale:.2f} sigma; {needed:.2f} would hold 90 % of both")


if __name__ == "__main__":
    main()
