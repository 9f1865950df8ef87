"""The verb `plot`."""

from pathlib import Path

import pytest
from commands import refused, run
from motions import walk

from tcpformer.io.npz import save_motion


def test_plot_draws_what_is_named(tmp_path: Path) -> None:
    save_motion(walk(20), tmp_path / "motion.npz")
    run("plot", tmp_path / "motion.npz", "--what", "knee, speed", "--out", tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert "knee flexion" in text
    assert "m/s" in text


def test_plot_refuses_another_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_motion(walk(20), tmp_path / "motion.npz")
    assert "cannot plot 'nose_hair'" in refused(
        capsys, "plot", tmp_path / "motion.npz", "--what", "nose_hair"
    )
