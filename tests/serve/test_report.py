"""The report: one line a file, whatever was killed or runs beside."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from motions import walk

from tcpformer.serve import report as reports
from tcpformer.serve.report import (
    Line,
    append,
    describe_motions,
    leave_one_line_a_file,
    lines_of_parts,
    read_lines,
)


def line(file: str, state: str = "done", **more: object) -> Line:
    return Line(file=file, source=f"{file}.mp4", state=state, **more)  # type: ignore[arg-type]


def test_report_keeps_the_last_line_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    for each in (line("b", "failed", error="no"), line("a"), line("b")):
        append(path, each)
    leave_one_line_a_file(path)
    found = [json.loads(text) for text in path.read_text().splitlines()]
    assert [(each["file"], each["state"]) for each in found] == [("a", "done"), ("b", "done")]
    assert [each.name for each in tmp_path.iterdir()] == ["report.jsonl"]


def test_append_begins_a_line_after_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    append(path, line("a"))
    with path.open("a") as file:
        file.write('{"file": "b", "sta')
    append(path, line("c"))
    assert list(read_lines(path)) == ["a", "c"]


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", '{"file": 3}', "[" * 5000, "\0"])
def test_read_lines_skips_what_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.jsonl"
    path.write_text(f"{text}\n")
    assert read_lines(path) == {}
    assert read_lines(tmp_path / "missing") == {}


def test_append_by_several_at_once_loses_no_line(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"

    def write(number: int) -> None:
        for i in range(20):
            append(path, line(f"{number}-{i}"))
            if i % 5 == 0:
                leave_one_line_a_file(path)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(read_lines(path)) == 80


def test_append_gives_up_a_lock_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "_PATIENCE", 0.0)
    with reports._locked(tmp_path), pytest.raises(OSError, match=r"keeps .* locked"):
        append(tmp_path / "report.jsonl", line("a"))


def test_lines_of_parts_are_those_of_lifted_files(tmp_path: Path) -> None:
    append(tmp_path / "report-1-of-2.jsonl", line("a", seconds=1.0))
    append(tmp_path / "report-2-of-2.jsonl", line("b"))
    append(tmp_path / "report-2-of-2.jsonl", line("c", "failed"))
    append(tmp_path / "report.jsonl", line("a", seconds=2.0))
    found = lines_of_parts(tmp_path / "report.jsonl")
    assert sorted(found) == ["a", "b"]
    assert json.loads(found["a"])["seconds"] == 2


def test_describe_motions_of_people() -> None:
    found = describe_motions([walk(40), walk(3)])
    assert (found["frames"], found["people"]) == (40, 2)
    assert found["duration"] == pytest.approx(40 / walk(40).fps, abs=1e-3)
    assert set(found["quality"]) == {"0"}
    assert json.loads(json.dumps(found)) == found
    assert describe_motions([])["people"] == 0
    assert np.isfinite(found["quality"]["0"]["seconds"])
