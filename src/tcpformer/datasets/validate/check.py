"""Checks of own data for common mistakes, with the most probable cause of each.

A sequence is compared with what people are (bones, knees, speed), and its 2D with its 3D. As one
mistake can look like several, plain checks run first, and a check that would be misled is skipped.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np

from ...lifting.normalize import to_rays
from ...skeleton import H36M, STANDARD_HEIGHT, stature
from ..custom import (
    MAX_NUMBER,
    Sequence,
    estimate_focal,
    has_position,
    read_sequence,
    sequence_files,
)
from .agreement import Pose, Rays, find_lag, joint_distances, match_joints, reprojection_error
from .anatomy import implausibility, joint_orders, mean_knee_bend
from .tempo import log_speed_ratio, speed_ratio_limit

Fault = Literal[
    "unreadable", "not finite", "frozen", "normalized pixels", "joint order", "unit",
    "left and right", "mirrored axis", "time shift", "mismatch", "frame rate",
]  # fmt: skip
ADVICE: dict[Fault, str] = {
    "unreadable": "write the file again with `save_sequence`",
    "not finite": "remove the frames, or give unseen joints confidence 0 and any position",
    "frozen": "remove frames in which nothing was tracked; do not repeat frames to raise the rate",
    "normalized pixels": "give pixels, origin top-left; networks' normalization is done here",
    "joint order": "name the joints in the order in which the arrays hold them",
    "unit": "convert to metres",
    "left and right": "exchange them: left is the person's own",
    "mirrored axis": "in the image x is right and y down; in space also, and z forward",
    "time shift": "cut the beginning of one so that both start together",
    "mismatch": "check that xyz is in camera axes, of this camera and this person",
    "frame rate": "give the rate of the frames in the file, not that of the source video",
}
UNITS = {"millimetres": 1e-3, "centimetres": 1e-2, "inches": 0.0254, "feet": 0.3048}
SIGNS = {"x": np.array([-1, 1]), "y": np.array([1, -1]), "x and y": np.array([-1, -1])}
"""Axes that may be inverted, and what that makes of an image."""
Certainty = Literal["certain", "likely"]


@dataclass(frozen=True)
class CheckConfig:
    """Thresholds of the checks; benchmarks/validator.py measures what they find and miss."""

    min_pixels: float = 4.0
    """Largest |xy| in pixels that is too small for a person; normalized coordinates reach 2."""
    frozen: float = 0.2
    """Share of frames that equal the one before, more than anyone who holds still."""
    stature: tuple[float, float] = (0.8, 2.4)
    """Metres, from a toddler to the tallest adult."""
    usual_stature: float = 1.6
    """Metres; the unit is the one that brings the stature nearest to this."""
    order_gain: float = 1.5
    """Implausibility by which another order of joints must be better: 4.5 times as likely."""
    no_person: float = 25.0
    """Implausibility of what is no person: motion capture stays below 16."""
    better: float = 0.6
    """Share of the error that another interpretation may leave; exchanged sides leave up to 0.4."""
    exchanged: float = 0.03
    """Metres by which exchanged joints must fit better: more than a detector's own offsets."""
    mismatch: float = 0.12
    """Metres of error above which 2D and 3D are not the same motion; detectors reach 0.065."""
    straight_knee: float = 0.03
    """Mean sine of the knees below which they count as straight; motion capture has 0.2 or more."""
    max_lag: float = 0.3
    """Seconds by which 2D and 3D are shifted against each other."""
    lag_gain: float = 0.85
    """Share of the error that the best shift may leave; if there is none, detectors leave 0.9."""
    exact: float = 0.0005
    """Metres of error below which 2D is the projection of 3D, and no shift is tried."""
    spread_frames: int = 30
    """Frames that are examined, spread over the sequence."""
    run_frames: int = 150
    """Consecutive frames that are examined for shifts."""


@dataclass(frozen=True)
class Finding:
    """One mistake in one sequence: the name of its file, and what was measured, in words."""

    sequence: str
    fault: Fault
    detail: str
    certainty: Certainty
    """"certain" if nothing else explains what was measured."""
    measured: str

    @property
    def advice(self) -> str:
        """How to correct it."""
        return ADVICE[self.fault]


@dataclass(frozen=True)
class CheckReport:
    """Number of sequences in a folder, and their findings, the most probable cause first."""

    sequences: int
    findings: list[Finding] = field(default_factory=list)

    def table(self) -> str:
        """Return the findings as Markdown."""
        if not self.findings:
            return f"{self.sequences} sequences, nothing found."
        rows = [
            f"| {f.sequence} | {f.fault}: {f.detail} | {f.certainty} | {f.measured} | {f.advice} |"
            for f in self.findings
        ]
        bad = len({f.sequence for f in self.findings})
        head = "| sequence | fault | certainty | measured | what to do |\n|---|---|---|---|---|"
        return "\n".join([f"{self.sequences} sequences, {bad} with faults.", "", head, *rows])


def check_folder(path: str | Path) -> CheckReport:
    """Check every sequence of a folder; ValueError if it holds no npz file."""
    files = sequence_files(path)
    findings: dict[str, list[Finding]] = {}
    ratios: dict[float, dict[str, float]] = defaultdict(dict)
    for file in files:
        name = file.relative_to(path).as_posix()
        try:
            sequence = read_sequence(file)
        except ValueError as error:
            text = str(error).removeprefix(f"{file}: ")
            findings[name] = [Finding(name, "unreadable", "no such format", "certain", text)]
            continue
        found = [replace(finding, sequence=name) for finding in check_sequence(sequence)]
        findings[name] = found
        # Joints that are no person, or do not move, have no speed.
        if not {f.fault for f in found} & {"not finite", "frozen", "joint order"}:
            ratio = log_speed_ratio(sequence.to_h36m(sequence.xyz), sequence.fps)
            if ratio is not None:
                ratios[sequence.fps][name] = ratio
    for fps, group in ratios.items():
        for finding in _check_rates(fps, group):
            findings[finding.sequence].append(finding)
    return CheckReport(len(files), list(chain.from_iterable(findings.values())))


def _check_rates(fps: float, ratios: dict[str, float]) -> Iterator[Finding]:
    """Yield wrong frame rates among sequences that state the same one.

    A folder usually has one rate: its sequences together show what no single one can.
    """
    mean = float(np.mean(list(ratios.values())))
    all_wrong = abs(mean) > speed_ratio_limit(len(ratios))
    for name, ratio in ratios.items():
        count, value = (len(ratios), mean) if all_wrong else (1, ratio)
        limit, times = speed_ratio_limit(count), np.exp(value)
        if abs(value) > limit:
            whole = f"({count} sequence{'s' * (count > 1)})"
            text = f"people seem to move {times:.1f} times as fast as they do {whole}"
            detail = f"not {fps:g}, more like {fps / times:.0f}"
            certain = abs(value) > 2 * limit
            yield _finding("frame rate", detail, text, certain=certain, sequence=name)


def check_sequence(sequence: Sequence, config: CheckConfig = CheckConfig()) -> list[Finding]:
    """Check all but the frame rate, which needs other sequences; the findings name no file."""
    found = list(_check_numbers(sequence, config))
    if any(finding.fault == "not finite" for finding in found):
        return found
    xyz = sequence.to_h36m(sequence.xyz)
    few = _spread_frames(len(xyz), config)
    order = list(_check_order(xyz[few], config))
    found += order or list(_check_unit(xyz[few], config))
    # The positions of unseen joints mean nothing.
    seen = (np.asarray(sequence.confidence) > 0).all(axis=1)
    if order or not seen.any() or any(f.fault == "normalized pixels" for f in found):
        return found
    rays = to_rays(sequence.to_h36m(sequence.xy), sequence.size, estimate_focal(sequence))[seen]
    scale = STANDARD_HEIGHT / max(float(np.median(stature(xyz[few]))), 1e-9)
    pose = (xyz - xyz[:, H36M.root, None])[seen] * scale
    behind = has_position(sequence) and float(np.median(xyz[:, H36M.root, 2])) < 0
    max_lag = min(round(config.max_lag * sequence.fps), len(pose) // 4)
    return found + list(_check_agreement(pose, rays, max_lag, config, behind=behind))


def _spread_frames(frames: int, config: CheckConfig) -> np.ndarray:
    return np.unique(np.linspace(0, frames - 1, config.spread_frames).astype(int))


def _finding(
    fault: Fault, detail: str, measured: str, *, certain: bool, sequence: str = ""
) -> Finding:
    return Finding(sequence, fault, detail, "certain" if certain else "likely", measured)


def _check_numbers(sequence: Sequence, config: CheckConfig) -> Iterator[Finding]:
    """Yield what shows without knowing that this is a person."""
    for name in ("xy", "xyz", "confidence"):
        numbers = np.abs(getattr(sequence, name).reshape(len(sequence), -1))
        bad = ~(numbers < MAX_NUMBER).all(axis=1)  # NaN too
        if bad.any():
            text = f"in {bad.sum()} of {len(bad)} frames, the first is {int(bad.argmax())}"
            yield _finding("not finite", name, text, certain=True)
            return
    for name in ("xy", "xyz"):
        same = (np.diff(getattr(sequence, name), axis=0) == 0).all(axis=(1, 2))
        share = float(same.mean()) if len(same) else 0.0
        if share > config.frozen:
            text = f"{100 * share:.0f} % of the frames equal the one before"
            yield _finding("frozen", name, text, certain=share > 2 * config.frozen)
            break
    if np.abs(sequence.xy).max() < config.min_pixels:
        low, high = sequence.xy.min(), sequence.xy.max()
        text = f"xy from {low:.2f} to {high:.2f} in an image of {sequence.size}"
        kind = "0 to 1" if low >= 0 else "-1 to 1"
        yield _finding("normalized pixels", kind, text, certain=True)


def _check_order(xyz: Pose, config: CheckConfig) -> Iterator[Finding]:
    """Yield joints that make a person only in another order."""
    names, maps = joint_orders()
    now = float(implausibility(xyz))
    others = implausibility(maps[:, None] @ xyz)
    best = int(np.argmin(others))
    gain = now - float(others[best])
    text, certain = f"implausibility of the body {now:.1f}", gain > 2 * config.order_gain
    if gain > config.order_gain and others[best] < config.no_person:
        text += f", in that order {others[best]:.1f}"
        yield _finding("joint order", names[best], text, certain=certain)
    elif now > config.no_person:
        text += "; people stay below 16"
        yield _finding("joint order", "unknown", text, certain=now > 2 * config.no_person)


def _check_unit(xyz: Pose, config: CheckConfig) -> Iterator[Finding]:
    """Yield a stature that is impossible in metres."""
    (low, high), height = config.stature, float(np.median(stature(xyz)))
    if not low <= height <= high:
        scale = max(height, 1e-9) / config.usual_stature
        unit = min(UNITS, key=lambda name: abs(np.log(scale * UNITS[name])))
        fits = low <= height * UNITS[unit] <= high
        text = f"the bones make a person {height:.3g} m tall"
        yield _finding("unit", unit if fits else "unknown", text, certain=fits)


def _check_agreement(
    pose: Pose, rays: Rays, max_lag: int, config: CheckConfig, *, behind: bool
) -> Iterator[Finding]:
    """Yield disagreements of 2D and 3D, or a body that is its own mirror image.

    The pose is root-relative, of a person of standard height; ``max_lag`` is in frames, and
    ``behind`` tells that the 3D lies behind the camera.
    """
    few = _spread_frames(len(pose), config)
    some, some_rays = pose[few], rays[few]
    bend = mean_knee_bend(some)
    turned = bend < -config.straight_knee
    now = reprojection_error(some, some_rays)
    name, then = _reinterpret(some, some_rays, now, config)
    run = slice(config.run_frames)
    lag, share = find_lag(pose[run], rays[run], max_lag) if now > config.exact else (0, 1.0)
    text = f"{1000 * now:.0f} mm apart, interpreted so {1000 * min(then, share * now):.0f}"
    certain = then < config.better**2 * now
    if lag and share < config.lag_gain and share * now < then:
        yield _finding("time shift", f"2D {lag} frames late", text, certain=False)
    elif name in SIGNS:
        detail = _find_axes(name, some, some_rays, turned=turned)
        yield _finding("mirrored axis", detail, text, certain=certain)
    elif name == "sides":
        yield _finding("left and right", "in 3D" if turned else "in 2D", text, certain=certain)
    elif name:
        yield _finding("joint order", f"2D: {name}", text, certain=certain)
    elif now > config.mismatch:
        yield _finding("mismatch", "2D and 3D", f"{1000 * now:.0f} mm apart", certain=False)
    elif turned:
        deep = reprojection_error(some * np.array([1, 1, -1]), some_rays)
        text = f"knees bend backwards (mean sine {bend:.2f})"
        if behind or deep < now:
            yield _finding("mirrored axis", "z in xyz", text, certain=behind)
        else:
            yield _finding("left and right", "in 2D and 3D", text, certain=deep > 1.5 * now)


def _find_axes(name: str, pose: Pose, rays: Rays, *, turned: bool) -> str:
    """Return whether the image is mirrored, the body is, or the body is rotated by two axes."""
    if turned or name == "x and y":
        return f"{name} in xyz"
    rays = rays * SIGNS[name]
    deep = reprojection_error(pose * np.array([1, 1, -1]), rays)
    return f"{name} and z in xyz" if deep < reprojection_error(pose, rays) else f"{name} in xy"


def _reinterpret(pose: Pose, rays: Rays, now: float, config: CheckConfig) -> tuple[str, float]:
    """Return the interpretation of the 2D that fits best, and its error; "" if none is better."""
    errors = {name: reprojection_error(pose, rays * sign) for name, sign in SIGNS.items()}
    errors["sides"] = reprojection_error(pose, rays[:, list(H36M.mirror)])
    for order, matrix in zip(*joint_orders(), strict=True):
        if not order.endswith("exchanged"):
            errors[order] = reprojection_error(pose, matrix @ rays)
    name = min(errors, key=errors.__getitem__)
    if errors[name] < config.better * now:
        return name, errors[name]
    order = match_joints(pose, rays)
    moved = np.flatnonzero(order != np.arange(len(order)))
    if not len(moved):  # the means below would be of nothing
        return "", now
    before = joint_distances(pose, rays)[moved, moved].mean()
    after = joint_distances(pose, rays[:, order])[moved, moved].mean()
    if after < config.better * before and before - after > config.exchanged:
        joints = ", ".join(H36M.joints[i] for i in moved)
        return f"{joints} exchanged", reprojection_error(pose, rays[:, order])
    return "", now
