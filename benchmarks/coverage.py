"""How much the 90 % region holds, joint group by joint group, of people lifted as users lift them.

usage: python benchmarks/coverage.py MOCAP.npz SPLIT [--weights W] [--subjects A B] [--every N]
           [--filmed N] [--fit]

Sequences of motion capture are seen by one camera of the open benchmark each, with exact and with
noisy 2D, and lifted without a height. Prints the share within the region for each group, and the
half-axes, in sigma, that would hold 90 % of all. --filmed N also prints the share for N motions of
these people as filmed: other proportions and cameras, parts unseen or out of the picture, all of
standard height. --fit prints the `DEFINITION_STD` of each group with which the region holds 90 %,
each person and each kind of 2D counting the same.
"""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Shaped
from scipy.optimize import bisect

from tcpformer.datasets.mocap import load_mocap, read_mocap
from tcpformer.datasets.synthetic.as_filmed import generate_filmed_motions
from tcpformer.datasets.synthetic.benchmark_like import generate_benchmark_motions
from tcpformer.datasets.synthetic.motions import SyntheticMotion
from tcpformer.lifting.lifter import Lifter
from tcpformer.lifting.uncertainty import (
    DEFINITION_STD,
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
SEED, MAX_FRAMES, FRAME_STEP = 101, 400, 3
"""Of the cameras and errors; frames of a sequence; every third counts, since neighbors have similar
errors."""


MOST_STD = 0.1
"""Metres that a fitted `DEFINITION_STD` may have."""


class Residuals(NamedTuple):
    """Errors and sigma of the joints but the pelvis, and whose they are."""

    error: Float[np.ndarray, "t j 3"]
    sigma: Float[np.ndarray, "t j 3"]
    person: Shaped[np.ndarray, " t"]


def measure(
    lifter: Lifter, motions: Iterator[SyntheticMotion], subjects: Iterable[str]
) -> Residuals:
    """Lift motions of these people without a height."""
    parts = []
    for subject, motion in zip(subjects, motions, strict=True):
        lifted = lifter(motion.detected, focal=motion.detected.focal)
        error, sigma = joint_errors_and_sigma(lifted, motion.truth[:, BODY])
        person = np.full(len(error), subject)
        parts.append([x[::FRAME_STEP] for x in (error, sigma, person)])
    return Residuals(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def columns_of(group: str) -> list[int]:
    """Return the places of a group's joints among all but the pelvis."""
    return [joint - 1 for joint in H36M.indices(*GROUPS[group])]


def fit_definition(kinds: list[Residuals], group: str, region_scale: float) -> float:
    """Return the `DEFINITION_STD` with which a group's region holds its share of each person."""
    columns = columns_of(group)
    parts = []
    for kind in kinds:
        variance = np.maximum(kind.sigma[:, columns] ** 2 - DEFINITION_STD**2, 0)
        squares = kind.error[:, columns] ** 2
        parts += [(squares[kind.person == p], variance[kind.person == p]) for p in set(kind.person)]

    def missing(std: float) -> float:
        held = [((e / (v + std**2)).sum(axis=-1) < region_scale**2).mean() for e, v in parts]
        return float(np.mean(held)) - REGION_SHARE

    if missing(1e-6) > 0:
        return 0.0
    root: Any = bisect(missing, 1e-6, MOST_STD, xtol=1e-5)
    return float(root)


def print_shares(kind: str, found: Residuals, region_scale: float) -> Float[np.ndarray, "t j"]:
    """Print the share in the region, and return the errors in sigma."""
    distance = sigma_distance(found.error, found.sigma)
    whole = coverage(found.error, found.sigma, region_scale)
    print(f"{kind}: off by {whole['mean_error']:.1f} mm, in the region {whole['region']:.1f} %")
    for group in GROUPS:
        inside = (distance[:, columns_of(group)] < region_scale).mean()
        print(f"  {group}: {100 * inside:.0f} %", flush=True)
    return distance


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("mocap")
    parser.add_argument("split")
    parser.add_argument("--weights", default="default")
    parser.add_argument("--subjects", nargs="*")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--filmed", type=int, default=0)
    parser.add_argument("--fit", action="store_true")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    lifter, mocap = Lifter(args.weights, "cpu"), load_mocap(args.mocap, args.split)
    data = read_mocap(args.mocap, ("split", "joints", "subject"))
    subjects = data["subject"][np.isin(data["offsets"][:-1], mocap.starts)]
    if args.subjects:
        kept = np.isin(subjects, args.subjects)
        mocap = replace(mocap, starts=mocap.starts[kept], lengths=mocap.lengths[kept])
        subjects = subjects[kept]
    kinds, distances = [], []
    for kind in ("exact", "noisy"):
        motions = generate_benchmark_motions(
            mocap, noisy=kind == "noisy", max_frames=MAX_FRAMES, seed=SEED, every=args.every
        )
        kinds.append(measure(lifter, motions, subjects[:: args.every]))
        distances.append(print_shares(kind, kinds[-1], lifter.region_scale))
    if args.filmed:
        motions = generate_filmed_motions(mocap, count=args.filmed, seed=SEED)
        found = measure(lifter, motions, repeat("unknown", args.filmed))
        print_shares("as filmed", found, lifter.region_scale)
    needed = np.quantile(np.concatenate(distances), REGION_SHARE)
    print(f"half-axes: {lifter.region_scale:.2f} sigma; {needed:.2f} would hold 90 % of both")
    for group in GROUPS if args.fit else ():
        std = fit_definition(kinds, group, lifter.region_scale)
        print(f"{group}: definition {1000 * std:.0f} mm")


if __name__ == "__main__":
    main()
