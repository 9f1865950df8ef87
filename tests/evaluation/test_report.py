"""Reports: tables, JSON, CSV and picture."""

import csv
import json
from pathlib import Path

import pytest

from tcpformer.evaluation.report import LABELS, Report, write_reports

ROWS = {
    "walk": {"frames": 20.0, "mpjpe": 40.04, "p_mpjpe": 30.0},
    "run": {"frames": 10.0, "mpjpe": 55.06, "p_mpjpe": 41.0},
}
ALL = {"frames": 30.0, "mpjpe": 45.05, "p_mpjpe": 33.7, "auc": 61.2}


def report(**changes: object) -> Report:
    content: dict[str, object] = {
        "title": "a protocol",
        "scores": ALL,
        "tables": {"action": ROWS},
        "published": {"TCPFormer, T=81": {"mpjpe": 40.5}},
        "notes": ("Not comparable with another.",),
    }
    return Report(**(content | changes))  # pyright: ignore[reportArgumentType]


def test_table_shows_rows_all_and_published() -> None:
    title, by_action, systems, note = report().table().split("\n\n")
    assert title == "a protocol"
    assert by_action.split("\n") == [
        "| action | frames | MPJPE | P-MPJPE |",
        "|---|---|---|---|",
        "| walk | 20 | 40.0 | 30.0 |",
        "| run | 10 | 55.1 | 41.0 |",
        "| all | 30 | 45.0 | 33.7 |",
    ]
    assert systems.split("\n") == [
        "| system | frames | MPJPE | P-MPJPE | AUC % |",
        "|---|---|---|---|---|",
        "| this one | 30 | 45.0 | 33.7 | 61.2 |",
        "| TCPFormer, T=81 |  | 40.5 |  |  |",
    ]
    assert note == "- Not comparable with another."


def test_write_reports_json(tmp_path: Path) -> None:
    written = write_reports({"h36m-sh": report()}, tmp_path / "out")
    content = json.loads((tmp_path / "out/report.json").read_text())
    assert {key: content[key] for key in ALL} == ALL
    assert content["tables"] == {"action": ROWS}
    assert content["published"] == {"TCPFormer, T=81": {"mpjpe": 40.5}}
    assert {path.name for path in written} == {"report.json", "report.png", "action.csv"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {p.name for p in written}


def test_write_reports_of_several(tmp_path: Path) -> None:
    write_reports({"clean": report(), "noisy": report(scores={"mpjpe": 60.0})}, tmp_path)
    content = json.loads((tmp_path / "report.json").read_text())
    assert (content["clean"]["mpjpe"], content["noisy"]["mpjpe"]) == (45.05, 60.0)
    assert (tmp_path / "noisy_action.csv").exists()


def test_write_reports_csv_has_every_digit(tmp_path: Path) -> None:
    write_reports({"open": report()}, tmp_path)
    with (tmp_path / "action.csv").open() as stream:
        rows = {row["action"]: row for row in csv.DictReader(stream)}
    assert float(rows["walk"]["mpjpe"]) == 40.04
    assert set(rows) == {"walk", "run", "all"}


def test_write_reports_draws_a_png(tmp_path: Path) -> None:
    write_reports({"open": report(tables={})}, tmp_path)
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


def test_labels_cover_all_scores() -> None:
    from tcpformer.evaluation.open_benchmark import SCORES

    assert set(SCORES) <= set(LABELS)


def test_write_reports_refuses_a_file_as_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write_reports({"open": report()}, tmp_path / "file")
