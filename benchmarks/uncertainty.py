"""Calibration of sigma on the open benchmark: a table, and the reliability diagram of the docs.

usage: python benchmarks/uncertainty.py OPEN_BENCHMARK.npz PICTURE.png [--every 11] [--weights W]

Motion is lifted and post-processed as by `tcpformer lift`, at a height of 1.70 m. Left: the share
of errors within k sigma, against that of a Gaussian. Right: joints in ten groups by predicted
sigma; in each the half-width that holds 68.3 % of the errors.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.special import erf

from tcpformer import Lifter
from tcpformer.evaluation.open_benchmark import errors_and_sigma
from tcpformer.evaluation.report import LABELS
from tcpformer.files import atomic_write
from tcpformer.lifting.uncertainty import ONE_SIGMA_SHARE, coverage

KEYS = ("mean_error", "median_sigma", "within_x", "within_y", "within_z", "region")
COLOURS = {"x": "#247ccc", "y": "#3a9d6e", "z": "#ee7e1e"}
STYLES = {"clean": "-", "noisy": "--"}


def draw(found: dict[str, tuple[np.ndarray, np.ndarray]], path: Path) -> None:
    figure = Figure(figsize=(9.4, 4.5), layout="constrained", dpi=130)
    left, right = figure.subplots(1, 2)
    many = np.linspace(0, 3, 61)
    left.plot(100 * erf(many / 2**0.5), 100 * erf(many / 2**0.5), color="#999999", lw=1)
    for kind, (error, sigma) in found.items():
        for axis, (name, colour) in enumerate(COLOURS.items()):
            off = np.abs(error[..., axis] / sigma[..., axis]).ravel()
            share = [100 * (off < k).mean() for k in many]
            how = {"color": colour, "ls": STYLES[kind], "label": f"{name}, {kind}"}
            left.plot(100 * erf(many / 2**0.5), share, **how)
            predicted, true = groups(error[..., axis], sigma[..., axis])
            right.plot(1000 * predicted, 1000 * true, marker="o", ms=3, **how)
    ends = [8, 250]
    right.plot(ends, ends, color="#999999", lw=1)
    right.set(xscale="log", yscale="log", xlabel="predicted sigma, mm", xlim=ends, ylim=ends)
    right.set(ylabel="half-width that holds 68.3 % of the errors, mm")
    ticks = [10, 20, 50, 100, 200]
    for which in (right.xaxis, right.yaxis):
        which.set_ticks(ticks, [str(tick) for tick in ticks])
        which.set_ticks([], minor=True)
    left.axvline(100 * ONE_SIGMA_SHARE, color="#cccccc", lw=1)
    left.set(xlabel="within k sigma if Gaussian, %", ylabel="found within them, %")
    left.legend(frameon=False, fontsize=8)
    with atomic_write(path) as beside:
        figure.savefig(beside)


def groups(error: np.ndarray, sigma: np.ndarray, count: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Median sigma of each tenth by sigma, and the half-width that holds 68.3 % of its errors."""
    order = np.array_split(np.argsort(sigma.ravel()), count)
    parts = [(sigma.ravel()[rows], np.abs(error.ravel()[rows])) for rows in order]
    return (
        np.array([np.median(sigma) for sigma, _ in parts]),
        np.array([np.quantile(off, ONE_SIGMA_SHARE) for _, off in parts]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--every", type=int, default=11)
    parser.add_argument("--weights", default="default")
    options = parser.parse_args()
    torch.set_num_threads(1)
    lifter = Lifter(options.weights, "cpu")
    found = {
        kind: errors_and_sigma(lifter, options.data, noisy=kind == "noisy", view_step=options.every)
        for kind in ("clean", "noisy")
    }
    heads = ["2D", *(LABELS[key][0] for key in KEYS)]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for kind, (error, sigma) in found.items():
        row = coverage(error, sigma, lifter.region_scale)
        print(f"| {kind} | {' | '.join(f'{row[key]:.1f}' for key in KEYS)} |")
    draw(found, options.picture)
    print(options.picture)


if __name__ == "__main__":
    main()
