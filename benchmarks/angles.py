"""Errors of joint angles, and how often one sigma covers them, on the open benchmark.

python benchmarks/angles.py open_benchmark_2.npz --every 5

The 2D joints are noisy; the truth is measured by the same definitions. An offset is what is
constant in a view.
"""

from dataclasses import replace

import numpy as np
from open_views import View, parser, views

from tcpformer.analysis.angles import ANGLES, measure_angles
from tcpformer.lifting.lifter import Lifter
from tcpformer.motion import Motion3D
from tcpformer.world.ground import Ground


def true_motion(view: View, lifted: Motion3D) -> Motion3D:
    """Return the truth as the lifted motion has its frames, with true gravity."""
    camera = view.relative + view.root[:, None]
    return replace(
        lifted,
        camera_xyz=camera,
        xyz=Ground(view.up, 0.0, "true").to_world(camera),
        sigma=None,
        ground_sigma=None,
        provenance={"postprocess": "none"},
    )


def print_row(name: str, error: list[np.ndarray], sigma: list[np.ndarray]) -> None:
    """Print median error, RMS, RMS without offsets, and the share within one and two sigma."""
    seen = [e[np.isfinite(e)] for e in error]
    whole = np.concatenate(seen)
    if not len(whole):
        print(f"| {name} | | | | | |")
        return
    rest = np.concatenate([e - np.median(e) for e in seen if len(e)])
    score = np.abs(np.concatenate(error) / np.concatenate(sigma))
    score = score[np.isfinite(score)]
    rms, after = (np.sqrt(np.mean(x**2)) for x in (whole, rest))
    print(
        f"| {name} | {np.median(np.abs(whole)):.1f} | {rms:.1f} | {after:.1f} | "
        f"{100 * (score < 1).mean():.0f} | {100 * (score < 2).mean():.0f} |"
    )


def main() -> None:
    """Print the table."""
    options = parser(__doc__, 5).parse_args()
    lifter = Lifter(options.weights, "cpu")
    errors, sigmas = [], []
    for view in views(options.data, options.every, seconds=8.0):
        lifted = lifter(view.seen)
        found, true = measure_angles(lifted), measure_angles(true_motion(view, lifted))
        errors.append((found.degrees - true.degrees + 180) % 360 - 180)
        sigmas.append(np.full_like(found.degrees, np.nan) if found.sigma is None else found.sigma)
    print("| angle | median, degrees | RMS | RMS without offset | in 1 sigma, % | in 2 sigma, % |")
    print("|---|---|---|---|---|---|")
    groups = {name[:-2] if name[-2:] in ("_l", "_r") else name: None for name in ANGLES}
    for group in groups:
        names = (group, f"{group}_l", f"{group}_r")
        at = [i for i, name in enumerate(ANGLES) if name in names]
        print_row(
            group, [e[:, i] for e in errors for i in at], [s[:, i] for s in sigmas for i in at]
        )


if __name__ == "__main__":
    main()
