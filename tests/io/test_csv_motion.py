"""Motion as CSV."""

import io
import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motions import walk
from round_trips import check_same, motions
from walk26 import walk26

from tcpformer.io import load, read_detections, save
from tcpformer.io.csv_motion import read_csv, write_csv
from tcpformer.motion import Motion3D


@settings(max_examples=8, deadline=None)
@given(st.tuples(motions(0), motions(3)))
def test_read_csv_inverts_write_csv(people: tuple[Motion3D, Motion3D]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        save(people, path)
        for read, wrote in zip(load(path), people, strict=True):
            check_same(read, wrote)


def test_write_csv_is_read_by_pandas(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    motion = walk26(40)
    save(motion, tmp_path / "a.csv")
    table = pandas.read_csv(tmp_path / "a.csv", comment="#")
    wide = table.pivot(index="frame", columns="joint", values=["x", "y", "z"])
    for i, axis in enumerate("xyz"):
        found = wide[axis][list(motion.skeleton.joints)].to_numpy()
        np.testing.assert_allclose(found, motion.xyz[..., i], atol=1e-6)
    np.testing.assert_allclose(table.groupby("frame").time.first(), motion.times, atol=1e-9)
    with (tmp_path / "a.csv").open() as file:
        assert json.loads(file.readline()[2:])["unit"] == "m"


def test_read_csv_reads_what_pandas_saved_again(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    motion = walk(5)
    save(motion, tmp_path / "a.csv")
    table = pandas.read_csv(tmp_path / "a.csv", comment="#").sample(frac=1, random_state=0)
    text = io.StringIO()
    table.assign(speed=1.0).to_csv(text, index=False)
    first = (tmp_path / "a.csv").read_text().splitlines()[0]
    (tmp_path / "b.csv").write_text(f"{first}\n{text.getvalue()}")
    check_same(load(tmp_path / "b.csv")[0], motion)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# {", "person", "whose first line begins with"),
        ('"version": 1', '"version": 9', "expected version 1"),
        ("0,0,0.0,Hip", "0,0,zero,Hip", r"line 3, column 3 \(time\): expected a number"),
        ("0,0,0.0,Hip", "0,0,0.0", "line 3: expected 18 cells"),
        ("# {", "# [", "whose first line begins"),
        ('{"format', '{"format"', "a.csv"),
    ],
)
def test_read_csv_refuses_damage(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "a.csv"
    write_csv([walk(2)], path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        load(path)


def test_write_csv_is_not_taken_for_keypoints(tmp_path: Path) -> None:
    save(walk(3), tmp_path / "a.csv")
    with pytest.raises(ValueError, match="a 3D motion that tcpformer wrote"):
        read_detections(tmp_path / "a.csv", fps=30.0, size=(1280, 720))


def test_write_csv_leaves_nothing_half_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="comes twice"):
        save([walk(3), replace(walk(3))], tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []
    write_csv([walk(3)], tmp_path / "a.csv")
    assert len(read_csv(tmp_path / "a.csv")) == 1
