"""Results of an evaluation: tables beside published figures, and their files."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..optional import missing_extra
from ..result_folder import replace_together

Row = dict[str, float]
"""Score -> value, by the keys of `LABELS`; millimetres, seconds and percent."""

UNSCALED = "No scale is fitted to the truth before MPJVE or an acceleration error."
"""Note of every report that has one of them."""
LABELS = {
    "frames": ("frames", 0),
    "mpjpe": ("MPJPE", 1),
    "n_mpjpe": ("N-MPJPE", 1),
    "p_mpjpe": ("P-MPJPE", 1),
    "p_mpjpe_published": ("P-MPJPE of TCPFormer", 1),
    "mpjve": ("MPJVE mm/s", 0),
    "acceleration_error": ("acc. err. mm/s²", 0),
    "acceleration_error_released": ("acc. err. as released", 2),
    "pck": ("PCK@150 %", 1),
    "auc": ("AUC %", 1),
    "bone_deviation": ("bone dev.", 1),
    "jitter": ("jitter mm/s³", 0),
    "feet": ("feet", 1),
    "n_feet": ("feet, scaled", 1),
    "hands": ("hands", 1),
    "n_hands": ("hands, scaled", 1),
    "head_yaw": ("head yaw °", 1),
    "head_pitch": ("head pitch °", 1),
    "mean_error": ("mean error mm", 1),
    "median_sigma": ("median sigma mm", 1),
    "within_x": ("within 1 sigma: x %", 1),
    "within_y": ("y %", 1),
    "within_z": ("z %", 1),
    "region": ("in the 90 % region", 1),
}
"""Score -> heading in tables, and decimals. Millimetres unless a unit is given."""


@dataclass(frozen=True)
class Report:
    """Scores over all, by action, sequence or joint, and published figures.

    Attributes:
        title: What was scored, by which protocol, with which options.
        scores: Scores over all.
        tables: Kind of rows ("action", "sequence", "joint", ...) -> row -> its scores.
        published: System -> its published figures for this protocol.
        notes: What a reader must know before comparing.
    """

    title: str
    scores: Row
    tables: dict[str, dict[str, Row]]
    published: dict[str, Row]
    notes: tuple[str, ...] = ()

    def table(self) -> str:
        """Return everything as Markdown."""
        parts = [self.title]
        for kind, rows in self.tables.items():
            parts.append(_markdown(kind, rows | {"all": self.scores}, _columns(rows)))
        if self.published or not self.tables:
            ours = {"this one": self.scores}
            parts.append(_markdown("system", ours | self.published, _columns(ours)))
        parts.append("\n".join(f"- {note}" for note in self.notes))
        return "\n\n".join(part for part in parts if part)


def write_reports(reports: Mapping[str, Report], folder: str | Path) -> list[Path]:
    """Write report.json, a CSV per table and report.png into a folder, and return their paths.

    All take their places together.

    Args:
        reports: Name -> report; the name of a single one is left out of keys and files.
        folder: Created if missing.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    folder = Path(folder)
    with replace_together(folder) as run:
        names = [path.name for path in _write_all(reports, run.new)]
    return [folder / name for name in names]


def _write_all(reports: Mapping[str, Report], folder: Path) -> list[Path]:
    written = [_write_picture(reports, folder / "report.png"), folder / "report.json"]
    content = {
        name: {**report.scores, **{k: v for k, v in vars(report).items() if k != "scores"}}
        for name, report in reports.items()
    }
    alone = next(iter(content.values())) if len(content) == 1 else content
    (folder / "report.json").write_text(json.dumps(alone, indent=1) + "\n")
    for name, report in reports.items():
        for kind, rows in report.tables.items():
            path = folder / (f"{kind}.csv" if len(reports) == 1 else f"{name}_{kind}.csv")
            with path.open("w", newline="") as stream:
                all_rows = rows | {"all": report.scores}
                writer = csv.DictWriter(stream, [kind, *_columns(all_rows)])
                writer.writeheader()
                writer.writerows({kind: row, **scores} for row, scores in all_rows.items())
            written.append(path)
    return written


def _columns(rows: Mapping[str, Row]) -> list[str]:
    return [key for key in LABELS if any(key in row for row in rows.values())]


def _markdown(kind: str, rows: Mapping[str, Row], columns: list[str]) -> str:
    head = f"| {' | '.join([kind, *(LABELS[c][0] for c in columns)])} |"
    lines = [head, "|---" * (len(columns) + 1) + "|"]
    for name, row in rows.items():
        cells = [f"{row[c]:.{LABELS[c][1]}f}" if c in row else "" for c in columns]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def first_published(figures: Mapping[int, Row], frames: int) -> dict[str, Row]:
    """Return the figures of TCPFormer by length of clip, those of ``frames`` first."""
    own_first = sorted(figures, key=lambda t: (t != frames, t))
    return {f"TCPFormer, {t} frames": figures[t] for t in own_first}


def _write_picture(reports: Mapping[str, Report], path: Path) -> Path:
    """Draw bars of MPJPE and P-MPJPE by row of each report's first table, worst on top."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_extra("The picture of a report", "matplotlib", "research") from error
    figure = Figure(figsize=(6 * len(reports), 5), layout="constrained")
    panels = figure.subplots(1, len(reports), squeeze=False)[0]
    for axes, (name, report) in zip(panels, reports.items(), strict=True):
        kind, rows = next(iter(report.tables.items()), ("system", {"this one": report.scores}))
        order = sorted(rows, key=lambda row: rows[row].get("mpjpe", 0.0))
        ticks = range(len(order))
        for offset, key in ((0.2, "mpjpe"), (-0.2, "p_mpjpe")):
            if key in report.scores:
                values = [rows[row].get(key, 0.0) for row in order]
                axes.barh([i + offset for i in ticks], values, 0.4, label=LABELS[key][0])
        axes.set(yticks=ticks, yticklabels=order, xlabel="mm", title=f"{name}, by {kind}")
        for who, row in report.published.items():
            if "mpjpe" in row:
                axes.axvline(row["mpjpe"], color="grey", linestyle=":", label=f"{who}, published")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, frameon=False)
    figure.savefig(path, dpi=120)
    return path
