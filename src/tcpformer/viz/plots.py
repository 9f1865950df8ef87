"""Curves over time as PNG, SVG or PDF, drawn by matplotlib: angles, speeds, positions of joints.

Left is blue and right orange, as in every picture; a band is one sigma, a gap is unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ..analysis.angles import ANGLES, Angles, column, measure_angles
from ..files import atomic_write
from ..motion import Motion3D
from ..optional import missing_extra
from .figure import LEFT, MIDLINE, RIGHT, Colour

Series = Float[np.ndarray, " t"]
SUFFIXES = (".png", ".svg", ".pdf")
OVERVIEW = (
    *("pelvis_tilt", "pelvis_list", "pelvis_rotation"),
    *("trunk_flexion", "trunk_bending", "trunk_rotation"),
    *("hip_flexion", "hip_adduction", "hip_rotation"),
    *("knee_flexion", "ankle_dorsiflexion", "foot_progression"),
    *("shoulder_flexion", "shoulder_abduction", "shoulder_rotation"),
    *("shoulder_elevation", "elbow_flexion", "neck_flexion"),
)
"""Angles of the picture that goes along with a table of angles, three in a row as in a report."""
_SIDES = {"l": ("left", LEFT), "r": ("right", RIGHT)}
_AXES = {"x": (200.0, 60.0, 60.0), "y": (60.0, 140.0, 80.0), "z": (60.0, 80.0, 200.0)}


@dataclass(frozen=True)
class Curve:
    """Values over time, NaN where unknown, with one sigma if it is known."""

    label: str
    colour: Colour
    values: Series
    sigma: Series | None = None


@dataclass(frozen=True)
class Panel:
    """Curves that share a pair of axes."""

    title: str
    unit: str
    curves: tuple[Curve, ...]


def make_panels(motion: Motion3D, what: Sequence[str]) -> list[Panel]:
    """Return the panels of some words.

    Args:
        motion: A motion in metres.
        what: Of each an angle ("knee_flexion", "knee_flexion_l"), the beginning of several ("knee",
            "hip"), "speed" of the pelvis along the floor, or a joint ("LWrist"): its position.

    Raises:
        ValueError: If a word is none of these, or there is none.
    """
    if not what:
        raise ValueError("expected something to plot, such as knee,hip,speed; got nothing.")
    angles = measure_angles(motion)
    return [panel for word in what for panel in _panels_of(word, motion, angles)]


def _panels_of(word: str, motion: Motion3D, angles: Angles) -> list[Panel]:
    if word == "speed":
        return [Panel("speed of the pelvis", "m/s", (Curve("", MIDLINE, _speed(motion)),))]
    if word in motion.skeleton.index:
        xyz = np.where(motion.valid[:, None], motion.xyz[:, motion.skeleton.index[word]], np.nan)
        pairs = zip(_AXES.items(), xyz.T, strict=True)
        return [Panel(word, "m", tuple(Curve(k, colour, x) for (k, colour), x in pairs))]
    groups = {name[:-2] if name[-2:] in ("_l", "_r") else name: None for name in ANGLES}
    if word in ANGLES and word not in groups:
        return [angle_panel(angles, word[:-2], (word,))]
    found = [group for group in groups if group == word or group.startswith(word + "_")]
    if not found:
        raise ValueError(
            f"cannot plot {word!r}: expected speed, a joint of the motion such as LWrist, or an "
            f"angle or its first word: {', '.join(groups)}."
        )
    return [angle_panel(angles, group) for group in found]


def _speed(motion: Motion3D) -> Series:
    """Return the speed of the pelvis along the floor, NaN where the person was not seen."""
    if len(motion) < 2:
        return np.full(len(motion), np.nan)
    hip = motion.xyz[:, motion.skeleton.index["Hip"], :2]
    speed = np.linalg.norm(np.gradient(hip, motion.times, axis=0), axis=-1)
    return np.where(motion.valid, speed, np.nan)


def angle_panel(angles: Angles, group: str, names: Sequence[str] = ()) -> Panel:
    """Return the panel of an angle, both sides together, or of some of its columns."""
    names = names or [name for name in ANGLES if name in (group, f"{group}_l", f"{group}_r")]
    curves = []
    for name in names:
        sided = name[-2:] in ("_l", "_r")
        label, colour = _SIDES[name[-1]] if sided else ("", MIDLINE)
        sigma = None if angles.sigma is None else angles.sigma[:, column(name)]
        curves.append(Curve(label, colour, angles[name], sigma))
    return Panel(group.replace("_", " "), "degrees", tuple(curves))


def plot_angles(angles: Angles, path: str | Path) -> None:
    """Draw the angles of `OVERVIEW` as a picture; the suffix is one of `SUFFIXES`.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If the suffix is another.
    """
    save_panels([angle_panel(angles, group) for group in OVERVIEW], angles.times, path, columns=3)


def save_panels(
    panels: Sequence[Panel], times: Series, path: str | Path, *, columns: int = 1
) -> None:
    """Draw panels in rows of some columns; errors as `plot_angles`."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"expected a picture {' or '.join(SUFFIXES)}, got {path.name!r}.")
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_extra("a plot", "matplotlib", "plot") from error
    rows = -(-len(panels) // columns)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "tcpformer"}):
        figure = Figure(figsize=(9.0 if columns == 1 else 4.0 * columns, 2.3 * rows + 0.7))
        grid: Any = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
        for axes, panel in zip(grid, panels, strict=False):
            _draw(axes, panel, times)
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        for axes in grid[max(len(panels) - columns, 0) : len(panels)]:
            axes.set_xlabel("seconds")
            axes.tick_params(labelbottom=True)
        figure.tight_layout()
        with atomic_write(path) as beside:
            figure.savefig(beside, dpi=110)


def _draw(axes: Any, panel: Panel, times: Series) -> None:
    for curve in panel.curves:
        colour = tuple(c / 255 for c in curve.colour)
        axes.plot(times, curve.values, color=colour, lw=1.6, label=curve.label or None)
        if curve.sigma is not None:
            low, high = curve.values - curve.sigma, curve.values + curve.sigma
            axes.fill_between(times, low, high, color=colour, alpha=0.18, lw=0)
    if not any(np.isfinite(curve.values).any() for curve in panel.curves):
        axes.text(0.5, 0.5, "not known", transform=axes.transAxes, ha="center", color="0.5")
    elif any(curve.label for curve in panel.curves):
        axes.legend(loc="lower right", bbox_to_anchor=(1, 0.98), fontsize=8, frameon=False, ncols=3)
    axes.set_title(panel.title, loc="left", fontsize=10)
    axes.set_ylabel(panel.unit, fontsize=9)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(times[0], max(times[-1], times[0] + 1e-3))
