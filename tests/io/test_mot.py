"""MOT: what OpenSim reads, back to the same numbers."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from walk26 import masked, walk26

from tcpformer.analysis.angles import ANGLES, measure_angles
from tcpformer.io.mot import COORDINATES, read_mot, write_mot
from tcpformer.skeleton import BODY_26


def test_write_mot_returns_the_angles_under_opensims_names(tmp_path: Path) -> None:
    angles = measure_angles(walk26(60))
    write_mot(angles, tmp_path / "a.mot")
    found = read_mot(tmp_path / "a.mot")
    assert found.times == pytest.approx(angles.times, abs=1e-6)
    compared = 0
    for angle, (name, sign) in COORDINATES.items():
        known = np.isfinite(angles[angle])
        assert (name in found.values) == known.any()
        if known.any():
            compared += 1
            assert found.values[name][known] == pytest.approx(sign * angles[angle][known], abs=1e-6)
    assert compared >= 16


def test_write_mot_turns_the_pelvis_in_opensims_order(tmp_path: Path) -> None:
    """The same rotation: about z, x, y instead of y, x, z; and the place with y up."""
    angles = measure_angles(walk26(30))
    write_mot(angles, tmp_path / "a.mot")
    found = read_mot(tmp_path / "a.mot").values
    names = ("pelvis_tilt", "pelvis_list", "pelvis_rotation")
    theirs = Rotation.from_euler("ZXY", np.stack([found[n] for n in names], axis=1), degrees=True)
    order = [angles["pelvis_rotation"], angles["pelvis_list"], -angles["pelvis_tilt"]]
    ours = Rotation.from_euler("YXZ", np.stack(order, axis=1), degrees=True)
    assert (theirs.inv() * ours).magnitude() == pytest.approx(0, abs=1e-6)
    assert found["pelvis_ty"] == pytest.approx(angles.pelvis[:, 2], abs=1e-6)
    assert found["pelvis_tz"] == pytest.approx(-angles.pelvis[:, 1], abs=1e-6)


def test_write_mot_has_the_header_of_opensim(tmp_path: Path) -> None:
    write_mot(measure_angles(walk26(12)), tmp_path / "a.mot")
    lines = (tmp_path / "a.mot").read_text().splitlines()
    assert lines[:2] == ["Coordinates", "version=1"]
    end = lines.index("endheader")
    names = lines[end + 1].split("\t")
    assert {"nRows=12", f"nColumns={len(names)}", "inDegrees=yes"} <= set(lines[:end])
    assert names[0] == "time"
    assert all(len(line.split("\t")) == len(names) for line in lines[end + 2 :])


def test_write_mot_bridges_gaps_and_names_them(tmp_path: Path) -> None:
    motion = walk26(20)
    confidence = motion.confidence.copy()
    confidence[5:9, BODY_26.index["LAnkle"]] = 0
    angles = measure_angles(replace(motion, confidence=confidence))
    write_mot(angles, tmp_path / "a.mot")
    text = (tmp_path / "a.mot").read_text()
    assert "knee_angle_l is interpolated in frames 5-8\n" in text
    assert not re.search("nan", text, re.IGNORECASE)
    knee, at = read_mot(tmp_path / "a.mot").values["knee_angle_l"], angles["knee_flexion_l"]
    assert knee[5:9] == pytest.approx(np.linspace(at[4], at[9], 6)[1:5], abs=1e-6)


def test_write_mot_has_no_column_of_what_is_never_known(tmp_path: Path) -> None:
    motion = masked(walk26(20), [BODY_26.index["RAnkle"]])
    write_mot(measure_angles(motion), tmp_path / "a.mot")
    found = read_mot(tmp_path / "a.mot").values
    assert "knee_angle_l" in found
    assert not {"knee_angle_r", "ankle_angle_r"} & set(found)


def test_write_mot_refuses_a_motion_without_pelvis(tmp_path: Path) -> None:
    angles = measure_angles(walk26(5))
    empty = replace(angles, degrees=np.full((5, len(ANGLES)), np.nan), pelvis=angles.pelvis)
    with pytest.raises(ValueError, match="none shows both hips"):
        write_mot(empty, tmp_path / "a.mot")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Coordinates\ntime\tx\n", "line endheader, found none"),
        ("inDegrees=no\nendheader\ntime\tx\n0\t1\n", "inDegrees=yes above endheader, found none"),
        ("inDegrees=yes\nendheader\nframe\tx\n0\t1\n", "column time and rows"),
        ("inDegrees=yes\nendheader\ntime\tx\n", "column time and rows"),
        (
            "inDegrees=yes\nendheader\ntime\tx\n0\t1\n1\n",
            "row 2 below the names: expected 2 numbers",
        ),
        ("inDegrees=yes\nendheader\ntime\tx\n0\ta\n", "row 1 below .* got '0 a'"),
        ("inDegrees=yes\nendheader\ntime\tü\n", "expected OpenSim's MOT as text"),
    ],
)
def test_read_mot_refuses_another_table(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.mot").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_mot(tmp_path / "a.mot")
