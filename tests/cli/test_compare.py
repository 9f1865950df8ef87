"""The verb `compare`: the report, and what it prints."""

from pathlib import Path

import pytest
from commands import refused, run
from motions import kick, motion3d

from tcpformer.io.npz import save_motion


def test_compare_writes_a_report_and_prints_the_moments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    still = motion3d(kick().xyz[:1].repeat(60, axis=0))
    for name, motion in (("a", still), ("b", kick())):
        save_motion(motion, tmp_path / f"{name}.npz")
    run(
        *("compare", tmp_path / "a.npz", tmp_path / "b.npz"),
        "--out",
        tmp_path / "c.html",
        "--time",
        "none",
    )
    printed = capsys.readouterr().out
    assert printed.startswith(str(tmp_path / "c.html"))
    assert "mean distance of the joints" in printed
    assert "right ankle" in printed
    assert (tmp_path / "c.html").read_text().startswith("<!doctype html>")


def test_compare_refuses_less_than_one_moment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = refused(capsys, "compare", tmp_path / "a.npz", tmp_path / "b.npz", "--moments", "0")
    assert "moments must be at least 1, got 0" in text
