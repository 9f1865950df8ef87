"""CSV of angles and of strides."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from walk26 import body_of, seen_whole, walk26

from tcpformer.analysis.angles import ANGLES, measure_angles
from tcpformer.analysis.gait import measure_gait
from tcpformer.io.angle_table import write_angles, write_strides


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_write_angles_writes_numbers_and_leaves_unknown_cells_empty(tmp_path: Path) -> None:
    angles = measure_angles(body_of(walk26(20)))
    write_angles(angles, tmp_path / "a.csv")
    table = rows(tmp_path / "a.csv")
    assert list(table[0]) == ["time", *ANGLES]
    assert [float(row["time"]) for row in table] == pytest.approx(angles.times, abs=1e-6)
    knee = [float(row["knee_flexion_l"]) for row in table]
    assert knee == pytest.approx(angles["knee_flexion_l"], abs=5e-4)
    assert {row["ankle_dorsiflexion_r"] for row in table} == {""}


def test_write_angles_writes_sigma_beside_the_angles(tmp_path: Path) -> None:
    motion = walk26(8)
    angles = measure_angles(replace(motion, sigma=np.full(motion.xyz.shape, 0.01)))
    write_angles(angles, tmp_path / "a.csv")
    table = rows(tmp_path / "a.csv")
    assert list(table[0])[1 + len(ANGLES) :] == [f"{name}_sigma" for name in ANGLES]
    assert 0 < float(table[0]["knee_flexion_l_sigma"]) < 10


def test_write_strides_writes_a_line_a_stride(tmp_path: Path) -> None:
    gait = measure_gait(seen_whole(walk26(120)))
    write_strides(gait, tmp_path / "s.csv")
    table = rows(tmp_path / "s.csv")
    assert len(table) == len(gait.strides) > 2
    assert [float(row["length"]) for row in table] == pytest.approx(
        [stride.length for stride in gait.strides], abs=1e-4
    )
    assert {row["time_sigma"] for row in table} == {""}
