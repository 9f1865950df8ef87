"""Tables and figure of the results of `model.py`."""

from pathlib import Path
from typing import Any

from model import LAYERS, PRODUCTS, ROWS, gflop

from tcpformer.models.tcpformer import Config

CURVES = {"a": "C3", "b": "C0", "c": "C1"}


def tables(found: dict[str, Any]) -> str:
    """Return every table as Markdown."""
    parts = []
    if "table" in found:
        parts.append(_rows(found["table"]))
    if "growth" in found:
        parts.append(_growth(found["growth"]))
    if "memory" in found:
        parts.append(_memory(found["memory"]))
    return "\n".join(parts)


def _rows(table: dict[str, Any]) -> str:
    limits, work = table["limits"], sum(gflop(243, 1, Config()))
    best = {"float32": max(limits["mm"], limits["onednn"]), "bfloat16": limits["mm16"]}
    lines = [f"{table['machine']}\n"]
    lines += [f"- matrix product, {PRODUCTS[k]}: {v:.0f} GFLOP/s" for k, v in limits.items()]
    allowed = 3.9 * 290 / best["float32"]
    lines.append(f"- (a) may take 3.9 s x 290 / {best['float32']:.0f} = {allowed:.2f} s\n")
    lines.append("| | s | faster than (a) | of the limit | peak MB | largest difference from (a) |")
    lines.append("|---|---|---|---|---|---|")
    for row, r in table["rows"].items():
        if row not in ROWS:  # of an older version
            continue
        name = ROWS[row]
        share = 100 * work / best[name.split(", ")[-1]] / r["seconds"]
        lines.append(
            f"| ({row[0]}) {name} | {r['seconds']:.2f} | {r['faster']:.1f} | {share:.0f} % | "
            f"{r['peak']:.0f} | {r['difference']:.0e} |"
        )
    return "\n".join([*lines, ""])


def _growth(growth: list[dict[str, Any]]) -> str:
    at = {(r["row"], r["frames"], r["batch"]): r["seconds"] for r in growth}
    lines = [
        f"ms per clip, {LAYERS} of 16 layers:\n",
        "| T | clips | " + " | ".join(ROWS[r] for r in CURVES) + " |",
    ]
    lines.append("|---" * (2 + len(CURVES)) + "|")
    for frames, batch in sorted({key[1:] for key in at}):
        cells = [at.get((row, frames, batch)) for row in CURVES]
        shown = ["" if s is None else f"{1000 * s / batch:.0f}" for s in cells]
        lines.append(f"| {frames} | {batch} | " + " | ".join(shown) + " |")
    return "\n".join([*lines, ""])


def _memory(memory: list[dict[str, Any]]) -> str:
    at = {(r["row"], r["frames"]): r["peak"] for r in memory}
    lines = ["MB above the weights:\n", "| T | " + " | ".join(ROWS[r] for r in CURVES) + " |"]
    lines.append("|---" * (1 + len(CURVES)) + "|")
    for frames in sorted({key[1] for key in at}):
        cells = [at.get((row, frames)) for row in CURVES]
        shown = ["" if peak is None else f"{peak:.0f}" for peak in cells]
        lines.append(f"| {frames} | " + " | ".join(shown) + " |")
    return "\n".join([*lines, ""])


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw time of every row, time against length, memory against length."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    if "table" in found:
        rows = {row: r for row, r in found["table"]["rows"].items() if row in ROWS}
        colors = [CURVES.get(row, "0.75") for row in rows]
        seconds = [r["seconds"] for r in rows.values()]
        bars = left.barh([ROWS[row] for row in rows], seconds, color=colors)
        left.bar_label(bars, [f"{s:.2f}" for s in seconds], padding=3)
        left.set(xlabel="seconds", title="One clip of 243 frames", xmargin=0.15)
        left.invert_yaxis()
    for axes, part, key, title in (
        (middle, "growth", "seconds", f"Time of one clip, {LAYERS} of 16 layers, seconds"),
        (right, "memory", "peak", "Peak memory above the weights, MB"),
    ):
        for row, color in CURVES.items():
            points = [
                (r["frames"], r[key])
                for r in found.get(part, [])
                if r["row"] == row and r["batch"] == 1
            ]
            if points:
                axes.plot(*zip(*points, strict=True), "o-", color=color, label=ROWS[row])
        axes.set(xscale="log", yscale="log", xlabel="frames of the clip", title=title)
        ticks = sorted({r["frames"] for r in found.get(part, [])})
        axes.set_xticks(ticks, [str(t) for t in ticks])
        axes.minorticks_off()
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=90)
    plt.close(figure)
