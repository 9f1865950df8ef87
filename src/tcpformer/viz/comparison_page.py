"""The report of a comparison: one HTML file with its pictures inside, that needs no network."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from ..analysis.angles import column
from ..analysis.compare import Comparison, Moment
from ..files import atomic_write
from .figure import strokes
from .stills import to_data_address

Series = Float[np.ndarray, " t"]
Stills = Mapping[str, Sequence[UInt8[np.ndarray, "h w 3"] | None]]
"""By "A" and "B": the person in each of the moments, or None."""

COLOURS = {"A": "#2f6db3", "B": "#d4661f"}
_MARK = "#b3261e"
_CURVE = (900, 170)
"""Pixels of a curve."""
_MARGIN = (46, 10, 14, 24)
"""Pixels left, right, above and below the axes of a curve."""
_FIGURE = (200, 260)
"""Pixels of a figure."""
_RADIUS = 1.3
"""Metres from the middle of a figure to its edge, upward."""
_SHOWN_ANGLES = 6
_CLEAR = 2.0
"""Sigma beyond which a difference counts."""
_MAX_POINTS = 1200
"""Points of a curve, which bounds the size of the file."""
_WORDS = (("forward", "back"), ("higher", "lower"), ("to the right", "to the left"))
_TIME = {
    "dtw": "dynamic time warping",
    "part": "dynamic time warping, B as a part of A",
    "events": "strikes of the feet",
    "none": "none",
}
_SPACE = {
    "heading": "pelvis and heading in each frame",
    "torso": "torso in each frame",
    "full": "all joints in each frame, with their size (Procrustes)",
}
_STYLE = """
:root{color-scheme:light dark;
--ink:#1c1f24;--dim:#5b626d;--line:#d8dbe0;--paper:#fff;--card:#f6f7f9}
@media(prefers-color-scheme:dark){
:root{--ink:#e8eaed;--dim:#a2a9b4;--line:#3a3f47;--paper:#16181c;--card:#1f2227}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:980px;margin:0 auto;padding:20px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:32px 0 8px}p{margin:4px 0}
.dim{color:var(--dim)}.a{color:#2f6db3;font-weight:600}.b{color:#d4661f;font-weight:600}
svg{max-width:100%;height:auto;display:block}
svg text{fill:var(--dim);font:11px system-ui,sans-serif}
table{border-collapse:collapse;width:100%}td,th{padding:3px 10px;text-align:right;
border-bottom:1px solid var(--line)}td:first-child,th:first-child{text-align:left}
.moments{display:flex;flex-wrap:wrap;gap:14px}.moment{background:var(--card);border-radius:8px;
padding:10px 14px;flex:1 1 420px;max-width:460px}.pair{display:flex;gap:8px}.pair figure{margin:0}
.pair img{max-width:100%;border-radius:6px;display:block}figcaption{color:var(--dim);font-size:12px}
"""


def write_comparison(
    comparison: Comparison,
    path: str | Path,
    names: tuple[str, str] = ("A", "B"),
    stills: Stills | None = None,
) -> None:
    """Write the report.

    Args:
        comparison: What was found.
        path: The HTML file.
        names: Are shown for the two motions.
        stills: Pictures of the moments, of `cut_stills`.
    """
    with atomic_write(path) as beside:
        beside.write_text("\n".join(_page(comparison, names, stills or {})), encoding="utf-8")


def describe_moment(moment: Moment, comparison: Comparison) -> str:
    """Return one sentence: where the joint of B is, seen from A's body, and the angle."""
    parts = [
        f"{abs(100 * x):.0f} cm {words[0] if x > 0 else words[1]}"
        for x, words in zip(moment.offset, _WORDS, strict=True)
        if abs(x) >= 0.02
    ]
    text = f"{_joint(moment.joint)} {', '.join(parts) or 'less than 2 cm away'}"
    if moment.angle is None:
        return text
    at = column(moment.angle)
    a, b = (x[moment.frame, at] for x in (comparison.angles_a, comparison.angles_b))
    return f"{text}; {_angle(moment.angle)} {b:.0f} instead of {a:.0f} degrees"


def _joint(name: str) -> str:
    side = {"L": "left ", "R": "right "}.get(name[0], "") if name[1:2].isupper() else ""
    return side + (name[1:] if side else name).lower()


def _angle(name: str) -> str:
    side = {"_l": "left ", "_r": "right "}.get(name[-2:], "")
    return side + (name[:-2] if side else name).replace("_", " ")


def _page(found: Comparison, names: tuple[str, str], stills: Stills) -> Iterable[str]:
    a, b = map(escape, names)
    yield '<!doctype html><html lang="en"><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield f"<title>{b} compared with {a}</title><style>{_STYLE}</style>"
    yield '<h1><span class="b">B</span> compared with <span class="a">A</span></h1>'
    yield f'<p class="dim"><span class="a">A</span> {a}<br><span class="b">B</span> {b}</p>'
    mean = found.mean_distance
    yield (
        f"<p>Mean distance of the joints <b>{100 * np.nanmean(mean):.1f} cm</b>, at most "
        f"{100 * np.nanmax(mean):.1f} cm. B moves at {found.tempo:.2f} times the speed of A. B was "
        f"scaled by {found.scale:.2f} to A's body height.</p>"
    )
    yield (
        f'<p class="dim">Aligned in time by {_TIME[found.config.time]}, in space by '
        f"{_SPACE[found.config.space]}. Seconds are those of A.</p>"
    )
    yield "<h2>Mean distance of the joints, cm</h2>"
    marks = [found.times[moment.frame] for moment in found.moments]
    yield _curves(found.times, {"B": 100 * mean}, marks, from_zero=True)
    yield '<h2>Where they differ most</h2><div class="moments">'
    for i, moment in enumerate(found.moments):
        pictures = {n: still for n, some in stills.items() if (still := some[i]) is not None}
        yield _moment(i + 1, moment, found, pictures)
    yield "</div><h2>Joints, cm</h2>"
    yield _table(
        ("joint", "mean", "largest"),
        ((_joint(n), f"{100 * m:.1f}", f"{100 * x:.1f}") for n, m, x in found.joint_rows()),
    )
    yield from _angles(found, marks)
    yield "<h2>Time of B less time of A, seconds</h2>"
    lag = found.times_b - found.times
    yield _curves(found.times, {"B": lag - lag[np.isfinite(lag)][0]}, marks)


def _angles(found: Comparison, marks: Sequence[float]) -> Iterable[str]:
    yield "<h2>Angles, degrees (B less A)</h2>"
    rows = found.angle_rows()
    yield _table(
        ("angle", "mean", "RMS", "largest", "its sigma", "clear"),
        (
            (_angle(n), f"{m:+.1f}", f"{r:.1f}", f"{x:+.1f}", *_certainty(x, s))
            for n, m, r, x, s in rows
        ),
    )
    yield '<p class="dim">Clear: the largest difference exceeds two sigma.</p>'
    for name, *_ in rows[:_SHOWN_ANGLES]:
        yield f"<h2>{_angle(name).capitalize()}, degrees</h2>"
        at = column(name)
        yield _curves(found.times, {"A": found.angles_a[:, at], "B": found.angles_b[:, at]}, marks)


def _certainty(largest: float, sigma: float | None) -> tuple[str, str]:
    if sigma is None:
        return "", ""
    return f"{sigma:.1f}", "yes" if abs(largest) > _CLEAR * sigma else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["".join(f"<th>{cell}</th>" for cell in head)]
    lines += ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _curves(
    times: Series, curves: dict[str, Series], marks: Sequence[float], *, from_zero: bool = False
) -> str:
    """Draw curves of A and B over time as SVG; marks are the times of moments."""
    (width, height), (left, right, top, bottom) = _CURVE, _MARGIN
    known = np.concatenate([x[np.isfinite(x)] for x in curves.values()])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    low = 0.0 if from_zero else low
    high = max(high, low + 1e-3)
    start, stop = float(times[0]), max(float(times[-1]), float(times[0]) + 1e-3)

    def x(t: float | Series) -> float | Series:
        return left + (t - start) / (stop - start) * (width - left - right)

    def y(v: float | Series) -> float | Series:
        return height - bottom - (v - low) / (high - low) * (height - top - bottom)

    parts = [f'<svg viewBox="0 0 {width} {height}" role="img">']
    for tick in _ticks(low, high):
        parts.append(f'<path d="M{left} {y(tick):.1f}H{width - right}" stroke="var(--line)"/>')
        parts.append(
            f'<text x="{left - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    for tick in _ticks(start, stop):
        parts.append(
            f'<text x="{x(tick):.1f}" y="{height - 6}" text-anchor="middle">{tick:g}</text>'
        )
    parts += [_mark(number, float(x(mark))) for number, mark in enumerate(marks, 1)]
    step = -(-len(times) // _MAX_POINTS)
    for name, values in curves.items():
        line = _path(np.asarray(x(times[::step])), np.asarray(y(values[::step])))
        parts.append(f'<path d="{line}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>')
    return "".join([*parts, "</svg>"])


def _mark(number: int, x: float) -> str:
    bottom, top = _CURVE[1] - _MARGIN[3], _MARGIN[2]
    return (
        f'<path d="M{x:.1f} {top}V{bottom}" stroke="{_MARK}" stroke-dasharray="3 3"/>'
        f'<text x="{x:.1f}" y="{top - 3}" text-anchor="middle">{number}</text>'
    )


def _ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers between two."""
    rough = (high - low) / 5
    unit = 10.0 ** np.floor(np.log10(rough))
    step = min((k * unit for k in (1, 2, 5, 10)), key=lambda each: abs(each - rough))
    return [round(k * step, 10) for k in range(int(np.ceil(low / step)), int(high // step) + 1)]


def _path(x: Series, y: Series) -> str:
    """Return the SVG path through points; it is broken where one is NaN."""
    words, down = [], False
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        seen = np.isfinite(b)
        if seen:
            words.append(f"{'L' if down else 'M'}{a:.1f} {b:.1f}")
        down = bool(seen)
    return "".join(words)


def _moment(
    number: int, moment: Moment, found: Comparison, pictures: Mapping[str, np.ndarray]
) -> str:
    shown = "".join(
        f'<figure><img alt="{name}" src="{to_data_address(picture)}">'
        f'<figcaption class="{name.lower()}">{name}</figcaption></figure>'
        for name, picture in pictures.items()
    )
    shown = f'<div class="pair">{shown}</div>' if shown else ""
    figures = "".join(_figure(found, moment, view) for view in ("front", "side"))
    return (
        f'<div class="moment"><b>{number}. {found.times[moment.frame]:.2f} s</b> (B '
        f"{found.times_b[moment.frame]:.2f} s): {100 * moment.distance:.1f} cm{shown}"
        f'<div class="pair">{figures}</div><p>{escape(describe_moment(moment, found))}.</p></div>'
    )


def _figure(found: Comparison, moment: Moment, view: str) -> str:
    """Draw both poses as SVG, from the front of A or from its right; the worst joint has a ring."""
    width, height = _FIGURE
    scale = height / 2 / _RADIUS

    def flat(pose: Float[np.ndarray, "j 3"]) -> Float[np.ndarray, "j 2"]:
        across = -pose[:, 2] if view == "front" else pose[:, 0]
        return np.stack([width / 2 + scale * across, height / 2 - scale * pose[:, 1]], axis=1)

    parts = [f'<svg viewBox="0 0 {width} {height}" role="img">']
    parts.append(
        f'<text x="6" y="{height - 4}">from the {"front" if view == "front" else "right"}</text>'
    )
    seen = np.isfinite(found.distance[moment.frame])
    for name, pose in (("A", found.pose_a), ("B", found.pose_b)):
        at = flat(pose[moment.frame])
        for i, j in strokes(found.skeleton):
            (a, b), (c, d) = at[i].tolist(), at[j].tolist()
            pale = "" if seen[i] and seen[j] else ' opacity="0.25"'
            parts.append(
                f'<path d="M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" stroke="{COLOURS[name]}" '
                f'stroke-width="5" stroke-linecap="round"{pale}/>'
            )
    x, y = flat(found.pose_b[moment.frame])[found.skeleton.index[moment.joint]].tolist()
    parts.append(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="10" fill="none" stroke="{_MARK}" stroke-width="2"/>'
    )
    return "".join([*parts, "</svg>"])
