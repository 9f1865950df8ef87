"""The tables of the documents: all that are asked for are made, and nothing else changes."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from paths import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture(scope="module")
def refresh() -> ModuleType:
    spec = importlib.util.spec_from_file_location("refresh_docs", ROOT / "tools/refresh_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_table_asked_for_is_made_and_every_one_made_is_asked_for(refresh: ModuleType) -> None:
    asked = [x for page in PAGES for x in re.findall(r"<!-- table: (.*?) -->", page.read_text())]
    assert set(asked) == set(refresh.TABLES)
    for page in PAGES:
        text = page.read_text()
        assert text.count("<!-- table: ") == text.count("<!-- end -->")
        assert len(refresh._MARKED.findall(text)) == text.count("<!-- table: ")


def test_what_is_made_is_measured_by_a_command(refresh: ModuleType, tmp_path: Path) -> None:
    known = refresh.commands(tmp_path / "open.npz", tmp_path)
    for make in refresh.TABLES.values():
        with pytest.raises(FileNotFoundError) as missing:
            make(tmp_path)
        assert Path(missing.value.filename).stem in known


def test_only_tables_that_were_measured_change(refresh: ModuleType, tmp_path: Path) -> None:
    block = "<!-- table: {} -->\n\n| old |\n\n<!-- end -->\n"
    page = "One\n" + block.format("cost") + "two\n" + block.format("worst")
    assert refresh.filled(page, tmp_path) == page
    (tmp_path / "cost.txt").write_text("said before\n| a | b |\n|---|---|\n| 1 | 2 |\nand after\n")
    new = refresh.filled(page, tmp_path)
    assert new == page.replace("| old |", "| a | b |\n|---|---|\n| 1 | 2 |", 1)
    assert refresh.filled(new, tmp_path) == new
    with pytest.raises(ValueError, match="no table 'speed'"):
        refresh.filled(page.replace("cost", "speed"), tmp_path)


def test_rows_over_all_and_of_the_chain(refresh: ModuleType, tmp_path: Path) -> None:
    head = "| activity | frames | MPJPE | N-MPJPE | P-MPJPE | MPJVE mm/s | acc. err. mm/s² | PCK |"
    rows = ["9 | 40 | 41 | 42 | 43 | 44 | 45", "9 | 50 | 51 | 52 | 53 | 54 | 55"]

    def printed(rows: list[str]) -> str:
        return "\n".join(f"kind\n{head}\n|---|\n| walk | 1 |\n| all | {row} |\n" for row in rows)

    (tmp_path / "open.txt").write_text(printed(rows))
    every = [f"| exact | {rows[0]} |", f"| noisy | {rows[1]} |"]
    assert refresh.over_all("open")(tmp_path)[2:] == every
    (tmp_path / "raw.txt").write_text(printed(rows))
    (tmp_path / "finished.txt").write_text(printed(rows[::-1]))
    assert refresh.chain(tmp_path)[2:] == [
        "| exact | no | 40 | 41 | 42 | 43 | 44 |",
        "| exact | yes | 50 | 51 | 52 | 53 | 54 |",
        "| noisy | no | 50 | 51 | 52 | 53 | 54 |",
        "| noisy | yes | 40 | 41 | 42 | 43 | 44 |",
    ]
