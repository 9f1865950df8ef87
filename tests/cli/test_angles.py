"""The verb `angles`: its files, and what it says of what is not known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import refused, run, written
from motions import walk
from walk26 import walk26

from tcpformer.io import save
from tcpformer.io.npz import save_motion


def test_angles_writes_tables_and_strides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_motion(walk26(100), tmp_path / "motion.npz")
    run("angles", tmp_path / "motion.npz", "--out", tmp_path / "new")
    assert written(tmp_path / "new") == ["angles.csv", "angles.mot", "strides.csv"]
    assert "stride length, m" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".json", ".csv", ".glb"])
def test_angles_reads_every_format_that_keeps_a_motion(suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"motion{suffix}"
    save(walk26(100), source)
    run("angles", source, "--out", tmp_path / "new")
    assert written(tmp_path / "new") == ["angles.csv", "angles.mot", "strides.csv"]


def test_angles_refuses_several_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = tmp_path / "both.json"
    save([walk26(50), replace(walk26(50), person=1)], both)
    assert "expected the motion of one person, got 2" in refused(capsys, "angles", both)
    assert written(tmp_path) == ["both.json"]


def test_angles_names_what_17_joints_do_not_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_motion(walk(40), tmp_path / "motion.npz")
    run("angles", tmp_path / "motion.npz")
    printed = capsys.readouterr().out
    assert "not known in any frame: neck_rotation, ankle_dorsiflexion_l" in printed
    assert "no strides: heels and toes were not detected" in printed
    assert written(tmp_path) == ["angles.csv", "angles.mot", "motion.npz"]


def test_angles_refuses_a_motion_without_anything_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    motion = walk(10)
    save_motion(replace(motion, valid=np.zeros(10, dtype=bool)), tmp_path / "motion.npz")
    assert "no angle is known" in refused(capsys, "angles", tmp_path / "motion.npz")
    assert written(tmp_path) == ["motion.npz"]
