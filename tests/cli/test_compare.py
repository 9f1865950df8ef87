"""The verb `compare`: the report, and what it prints."""

from pathlib import Path

import numpy as np
import pytest
from commands import refused, run
from motions import kick, motion3d

from tcpformer.io.npz import save_motion
from tcpformer.io.video import Frame, write_video
from tcpformer.motion import Motion3D


def save_two(folder: Path) -> Motion3D:
    """Save and return a person who stands, as a.npz, and save one who kicks, as b.npz."""
    still = motion3d(kick().xyz[:1].repeat(60, axis=0))
    for name, motion in (("a", still), ("b", kick())):
        save_motion(motion, folder / f"{name}.npz")
    return still


def test_compare_writes_a_report_and_prints_the_moments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_two(tmp_path)
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


def test_compare_shows_the_moments_in_the_video(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    still = save_two(tmp_path)
    frames = (
        Frame(i, float(t), np.full((still.size[1], still.size[0], 3), 90, np.uint8))
        for i, t in enumerate(still.times)
    )
    write_video(tmp_path / "a.mp4", frames, still.fps)
    line = ["compare", tmp_path / "a.npz", tmp_path / "b.npz", "--time", "none"]
    run(*line, "--out", tmp_path / "c.html", "--video-a", tmp_path / "a.mp4")
    page = (tmp_path / "c.html").read_text()
    moments = page.count('class="moment"')
    assert page.count('<img alt="A" src="data:image/jpeg') == moments > 0
    assert '<img alt="B"' not in page
    small = (Frame(i, i / 30, np.zeros((48, 64, 3), np.uint8)) for i in range(5))
    write_video(tmp_path / "small.mp4", small, 30.0)
    text = refused(capsys, *line, "--video-b", tmp_path / "small.mp4")
    assert "small.mp4 has pictures of 64 x 48 pixels" in text
