"""Finds in one's own data the mistakes that people make, and names the most probable cause.

What the numbers of a sequence ought to be follows from what people are: their bones, their knees,
their pace; and from 2D and 3D being the same motion. One mistake can look like several: the checks
run from the plainest to the subtlest, and one that a mistake found before would mislead is left
out.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from ...lifting.normalize import to_rays
from ...skeleton import H36M, STANDARD_HEIGHT, stature
from ..custom import Sequence, focal_of, is_placed, read_sequence, sequence_files
from .agreement import MIRROR, assignment, best_lag, distances, misfit
from .anatomy import knee_bend, orders, strangeness
from .tempo import haste, limit

Fault = Literal[
    "unreadable", "not finite", "frozen", "normalised pixels", "joint order", "unit",
    "left and right", "mirrored axis", "time shift", "mismatch", "frame rate",
]  # fmt: skip
ADVICE: dict[Fault, str] = {
    "unreadable": "write the file again with `save_sequence`",
    "not finite": "leave the frames out, or give unseen joints confidence 0 and any place",
    "frozen": "leave out frames in which nothing was tracked; repeat none to reach a higher rate",
    "normalised pixels": "give pixels, origin top-left; networks' normalisation is done here",
    "joint order": "name the joints in the order in which the arrays hold them",
    "unit": "convert to metres",
    "left and right": "exchange them: left is the person's own",
    "mirrored axis": "in pictures x is right and y down; in space also, and z forward",
    "time shift": "cut the beginning of one so that both start together",
    "mismatch": "see that xyz is in camera axes, of this camera and this person",
    "frame rate": "give the rate of the frames in the file, not that of the video they are from",
}

TINY = 4.0
"""Pixels. No person is as small as this; normalised coordinates reach 1, rays and halves 2."""
STILL = 0.2
"""Share of frames that equal the one before, beyond chance even for somebody who sleeps."""
HEIGHTS = (0.8, 2.4)
"""Metres from a toddler to the tallest; the unit is what brings a stature nearest to 1.6."""
UNITS = {"millimetres": 1e-3, "centimetres": 1e-2, "inches": 0.0254, "feet": 0.3048}
BETTER_BODY = 1.5
"""By this much another order of joints must be less strange: 4.5 times the chance."""
NOBODY = 25.0
"""Strangeness of no person: motion capture stays below 16, whatever people do."""
BETTER = 0.6
"""Another reading must leave at most this share of the misfit; exchanged sides leave at most 0.4
even with a detector's errors."""
EXCHANGED = 0.03
"""Metres by which the joints that moved must fit better: above a detector's own offsets."""
ALIKE = 0.12
"""Metres of misfit above which 2D and 3D are not the same motion; detectors' errors reach 0.065."""
BENT = 0.03
"""Mean sine of the knees below which they count as straight; in motion capture at least 0.2."""
LAG, SHIFTED = 0.3, 0.85
"""Seconds up to which 2D and 3D are tried against each other, and the share of the misfit that the
best of it must leave at most; where nothing is shifted, a detector's errors leave 0.9."""
EXACT = 0.0005
"""Metres of misfit below which 2D is the projection of 3D, and nothing is tried."""
SIGNS = {"x": np.array([-1, 1]), "y": np.array([1, -1]), "x and y": np.array([-1, -1])}
"""Axes that may point the other way, and what that makes of a picture."""
FRAMES, LONG = 30, 150
"""Frames looked at, spread over the sequence; and in a row, where time matters."""


@dataclass(frozen=True)
class Finding:
    """One mistake in one sequence.

    Attributes:
        sequence: Name of the file within the folder.
        fault: What it is.
        detail: Which one of its kind.
        sure: "certain" where what was measured can be nothing else, else "likely".
        measured: What was measured, in words.
    """

    sequence: str
    fault: Fault
    detail: str
    sure: Literal["certain", "likely"]
    measured: str

    @property
    def advice(self) -> str:
        """What to do about it."""
        return ADVICE[self.fault]


@dataclass(frozen=True)
class Check:
    """What was found in a folder.

    Attributes:
        sequences: Sequences looked at.
        findings: The mistakes, in the order of the sequences, the most probable cause first.
    """

    sequences: int
    findings: list[Finding] = field(default_factory=list)

    def table(self) -> str:
        """The findings as Markdown."""
        if not self.findings:
            return f"{self.sequences} sequences, nothing found."
        rows = [
            f"| {f.sequence} | {f.fault}: {f.detail} | {f.sure} | {f.measured} | {f.advice} |"
            for f in self.findings
        ]
        bad = len({f.sequence for f in self.findings})
        head = "| sequence | fault | how sure | measured | what to do |\n|---|---|---|---|---|"
        return "\n".join([f"{self.sequences} sequences, {bad} with faults.", "", head, *rows])


def check_folder(path: str | Path) -> Check:
    """Look for mistakes in every sequence of a folder.

    Raises:
        ValueError: If it holds no npz file.
    """
    files = sequence_files(path)
    findings: dict[str, list[Finding]] = {}
    paces: dict[float, dict[str, float]] = defaultdict(dict)
    for file in files:
        name = file.relative_to(path).as_posix()
        try:
            sequence = read_sequence(file)
        except ValueError as error:
            text = str(error).removeprefix(f"{file}: ")
            findings[name] = [Finding(name, "unreadable", "no such format", "certain", text)]
            continue
        found = [replace(finding, sequence=name) for finding in examine(sequence)]
        findings[name] = found
        pace = None if _hides_pace(found) else haste(sequence.to_h36m(sequence.xyz), sequence.fps)
        if pace is not None:
            paces[sequence.fps][name] = pace
    for fps, group in paces.items():
        for finding in _rates(fps, group):
            findings[finding.sequence].append(finding)
    return Check(len(files), [finding for found in findings.values() for finding in found])


def _hides_pace(findings: list[Finding]) -> bool:
    """How fast people move cannot be seen of what is no person or does not move."""
    return any(f.fault in ("not finite", "frozen", "joint order") for f in findings)


def _rates(fps: float, paces: dict[str, float]) -> Iterator[Finding]:
    """Wrong frame rates among sequences that claim the same one.

    A rate is set once for a folder, as a rule: what no single sequence can tell, all can together.
    """
    mean = float(np.mean(list(paces.values())))
    every = abs(mean) > limit(len(paces))
    for name, pace in paces.items():
        if not every and abs(pace) <= limit(1):
            continue
        tellers, value = (len(paces), mean) if every else (1, pace)
        sure = "certain" if abs(value) > 2 * limit(tellers) else "likely"
        measured = (
            f"people seem to move {np.exp(value):.1f} times as fast as they do "
            f"({tellers} sequence{'s' * (tellers > 1)})"
        )
        detail = f"not {fps:g}, more like {fps / np.exp(value):.0f}"
        yield Finding(name, "frame rate", detail, sure, measured)


def examine(sequence: Sequence) -> list[Finding]:
    """All but the frame rate, which needs company; the findings name no file."""
    found = list(_numbers(sequence))
    if any(finding.fault == "not finite" for finding in found):
        return found
    xyz = sequence.to_h36m(sequence.xyz)
    few = _spread(len(xyz))
    order = list(_order(xyz[few]))
    found += order or list(_unit(xyz[few]))
    # Joints that were not seen lie anywhere.
    seen = (np.asarray(sequence.confidence) > 0).all(axis=1)
    if order or not seen.any() or any(f.fault == "normalised pixels" for f in found):
        return found
    rays = to_rays(sequence.to_h36m(sequence.xy), sequence.size, focal_of(sequence))[seen]
    scale = STANDARD_HEIGHT / max(float(np.median(stature(xyz[few]))), 1e-9)
    pose = (xyz - xyz[:, H36M.root, None])[seen] * scale
    behind = is_placed(sequence) and float(np.median(xyz[:, H36M.root, 2])) < 0
    most = min(round(LAG * sequence.fps), len(pose) // 4)
    return found + list(_match(pose, rays, most, behind=behind))


def _spread(frames: int) -> np.ndarray:
    return np.unique(np.linspace(0, frames - 1, FRAMES).astype(int))


def _finding(fault: Fault, detail: str, measured: str, *, certain: bool) -> Finding:
    return Finding("", fault, detail, "certain" if certain else "likely", measured)


def _numbers(sequence: Sequence) -> Iterator[Finding]:
    """What shows without knowing that this is a person."""
    for name in ("xy", "xyz", "confidence"):
        bad = ~np.isfinite(getattr(sequence, name).reshape(len(sequence), -1)).all(axis=1)
        if bad.any():
            text = f"in {bad.sum()} of {len(bad)} frames, the first is {int(bad.argmax())}"
            yield _finding("not finite", name, text, certain=True)
            return
    for name in ("xy", "xyz"):
        same = (np.diff(getattr(sequence, name), axis=0) == 0).all(axis=(1, 2))
        share = float(same.mean()) if len(same) else 0.0
        if share > STILL:
            text = f"{100 * share:.0f} % of the frames equal the one before"
            yield _finding("frozen", name, text, certain=share > 2 * STILL)
            break
    if np.abs(sequence.xy).max() < TINY:
        low, high = sequence.xy.min(), sequence.xy.max()
        kind = "0 to 1" if low >= 0 else "-1 to 1"
        text = f"xy from {low:.2f} to {high:.2f} in a picture of {sequence.size}"
        yield _finding("normalised pixels", kind, text, certain=True)


def _order(xyz: Float[np.ndarray, "t 17 3"]) -> Iterator[Finding]:
    """Joints that make a person only in another order."""
    names, maps = orders()
    now = float(strangeness(xyz))
    others = strangeness(maps[:, None] @ xyz)
    best = int(np.argmin(others))
    gain = now - float(others[best])
    if gain > BETTER_BODY and (others[best] < NOBODY):
        text = f"strangeness of the body {now:.1f}, read so {others[best]:.1f}"
        yield _finding("joint order", names[best], text, certain=gain > 2 * BETTER_BODY)
    elif now > NOBODY:
        text = f"strangeness of the body {now:.1f}; people stay below 16"
        yield _finding("joint order", "unknown", text, certain=now > 2 * NOBODY)


def _unit(xyz: Float[np.ndarray, "t 17 3"]) -> Iterator[Finding]:
    """A stature that is nobody's in metres."""
    height = float(np.median(stature(xyz)))
    if HEIGHTS[0] <= height <= HEIGHTS[1]:
        return
    unit = min(UNITS, key=lambda name: abs(np.log(max(height, 1e-9) * UNITS[name] / 1.6)))
    fits = HEIGHTS[0] <= height * UNITS[unit] <= HEIGHTS[1]
    text = f"the bones make a person {height:.3g} m tall"
    yield _finding("unit", unit if fits else "unknown", text, certain=fits)


def _match(
    pose: Float[np.ndarray, "t 17 3"],
    rays: Float[np.ndarray, "t 17 2"],
    most: int,
    *,
    behind: bool,
) -> Iterator[Finding]:
    """2D against 3D, and a body against its mirror image."""
    few = _spread(len(pose))
    still, still_rays = pose[few], rays[few]
    bend = knee_bend(still)
    turned = bend < -BENT
    now = misfit(still, still_rays)
    name, then = _other_reading(still, still_rays, now)
    lag, share = best_lag(pose[:LONG], rays[:LONG], most) if now > EXACT else (0, 1.0)
    text = f"{1000 * now:.0f} mm apart, read so {1000 * min(then, share * now):.0f}"
    if lag and share < SHIFTED and share * now < then:
        yield _finding("time shift", f"2D {lag} frames late", text, certain=False)
    elif name in SIGNS:
        detail = _which_axes(name, still, still_rays, turned=turned)
        yield _finding("mirrored axis", detail, text, certain=then < BETTER**2 * now)
    elif name == "sides":
        detail = "in 3D" if turned else "in 2D"
        yield _finding("left and right", detail, text, certain=then < BETTER**2 * now)
    elif name:
        yield _finding("joint order", f"2D: {name}", text, certain=then < BETTER**2 * now)
    elif now > ALIKE:
        yield _finding("mismatch", "2D and 3D", f"{1000 * now:.0f} mm apart", certain=False)
    elif turned:
        deep = misfit(still * np.array([1, 1, -1]), still_rays)
        text = f"knees bend backwards (mean sine {bend:.2f})"
        if behind or deep < now:
            yield _finding("mirrored axis", "z in xyz", text, certain=behind)
        else:
            yield _finding("left and right", "in 2D and 3D", text, certain=deep > 1.5 * now)


def _which_axes(
    name: str,
    pose: Float[np.ndarray, "t 17 3"],
    rays: Float[np.ndarray, "t 17 2"],
    *,
    turned: bool,
) -> str:
    """Whether the picture is mirrored, the body is, or the body is turned by two axes."""
    if turned or name == "x and y":
        return f"{name} in xyz"
    sign = SIGNS[name]
    turn = misfit(pose * np.array([1, 1, -1]), rays * sign) < misfit(pose, rays * sign)
    return f"{name} and z in xyz" if turn else f"{name} in xy"


def _other_reading(
    pose: Float[np.ndarray, "t 17 3"], rays: Float[np.ndarray, "t 17 2"], now: float
) -> tuple[str, float]:
    """What the 2D fits best if read otherwise, and that misfit; no name if as it is."""
    readings = {name: misfit(pose, rays * sign) for name, sign in SIGNS.items()}
    readings["sides"] = misfit(pose, rays[:, MIRROR])
    for order, matrix in zip(*orders(), strict=True):
        if not order.endswith("exchanged"):
            readings[order] = misfit(pose, matrix @ rays)
    name = min(readings, key=lambda key: readings[key])
    if readings[name] < BETTER * now:
        return name, readings[name]
    order = assignment(pose, rays)
    moved = np.flatnonzero(order != np.arange(len(order)))
    if not len(moved):
        return "", now
    before = distances(pose, rays)[moved, moved].mean()
    after = distances(pose, rays[:, order])[moved, moved].mean()
    if after < BETTER * before and before - after > EXCHANGED:
        joints = ", ".join(H36M.joints[i] for i in moved)
        return f"{joints} exchanged", misfit(pose, rays[:, order])
    return "", now
