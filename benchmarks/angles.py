"""Errors of joint angles, and how often one sigma covers them, on the open benchmark.

python benchmarks/angles.py open_benchmark_2.npz --every 10

The 2D joints are noisy; the truth is measured by the same definitions. An offset is what is
constant in a view. With --noise, white noise on the motion capture instead, of 10 and 20 mm on
every coordinate: RMS of the angles from joints as they are, and from joints filtered at 6 Hz.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from open_views import View, parser, views

from tcpformer.analysis.angles import ANGLES, measure_angles
from tcpformer.lifting.lifter import Lifter
from tcpformer.motion import Motion2D, Motion3D, assumed_focal
from tcpformer.skeleton import body_skeleton
from tcpformer.world.ground import Ground


def true_motion(view: View, lifted: Motion3D) -> Motion3D:
    """Return the truth as the lifted motion has its frames, with true gravity."""
    camera = view.relative + view.root[:, None]
    known = slice(camera.shape[1])  # the first version of the benchmark has 17 joints
    return replace(
        lifted,
        xy=lifted.xy[:, known],
        confidence=lifted.confidence[:, known],
        skeleton=body_skeleton(camera.shape[1]),
        camera_xyz=camera,
        xyz=Ground(view.up, 0.0, "true").to_world(camera),
        sigma=None,
        ground_sigma=None,
        provenance={"postprocess": "none"},
    )


def score_noise(data: Path, every: int) -> None:
    """Print RMS of knee, hip, elbow and ankle, without and with the filter, at two noises."""
    rng, rows = np.random.default_rng(0), {mm: ([], []) for mm in (10, 20)}
    for view in views(data, every, seconds=8.0):
        true = true_motion(view, blank_motion(view.seen))
        wanted = measure_angles(true).degrees
        for mm, pair in rows.items():
            noisy = true.xyz + rng.normal(0, mm / 1000, true.xyz.shape)
            for errors, provenance in zip(pair, ({"postprocess": "none"}, {}), strict=True):
                found = measure_angles(replace(true, xyz=noisy, provenance=provenance))
                errors.append((found.degrees - wanted + 180) % 360 - 180)
    print("| angle | noise, mm | RMS, degrees | RMS, filtered |\n|---|---|---|---|")
    for name in ("hip_flexion_l", "knee_flexion_l", "ankle_dorsiflexion_l", "elbow_flexion_l"):
        for mm, pair in rows.items():
            at = [np.concatenate(errors)[:, ANGLES.index(name)] for errors in pair]
            raw, smooth = (np.sqrt(np.nanmean(x**2)) for x in at)
            print(f"| {name[:-2]} | {mm} | {raw:.1f} | {smooth:.1f} |")


def blank_motion(seen: Motion2D) -> Motion3D:
    """Return a motion of the frames of a 2D motion, all joints at the origin."""
    xyz = np.zeros((*seen.xy.shape[:2], 3))
    return Motion3D(
        xyz=xyz,
        camera_xyz=xyz,
        xy=seen.xy,
        confidence=seen.confidence,
        valid=seen.valid,
        times=seen.times,
        fps=seen.fps,
        skeleton=seen.skeleton,
        size=seen.size,
        focal=seen.focal or assumed_focal(seen.size),
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
    arguments = parser(__doc__, 10)
    arguments.add_argument("--noise", action="store_true", help="add noise, and lift nothing")
    options = arguments.parse_args()
    if options.noise:
        score_noise(options.data, options.every)
        return
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
