"""Analysis tables of SLEAP."""

from pathlib import Path

import numpy as np
import pytest
from keypoint_files import FPS, SIZE, check_two_people, people
from program_files import sleap

from tcpformer.io.csv_tables import read_rows
from tcpformer.io.keypoints import RateAndSize
from tcpformer.io.sleap import is_sleap, read_sleap
from tcpformer.skeleton import COCO, HALPE26, Skeleton
from tcpformer.tracking.assemble import assemble_people


def read(path: Path):
    rows = read_rows(path)
    return read_sleap(path, next(rows), rows, RateAndSize(FPS, SIZE))


@pytest.mark.parametrize("tracks", [("track_0", "track_1"), ("", "")])
@pytest.mark.parametrize("skeleton", [COCO, HALPE26], ids=lambda s: s.name)
def test_read_sleap_gives_both_people(
    skeleton: Skeleton, tracks: tuple[str, str], tmp_path: Path
) -> None:
    two = people(skeleton, 8)
    path = sleap(tmp_path / "a.csv", two, skeleton, tracks)
    check_two_people(assemble_people(read(path)), two, skeleton)


def test_read_sleap_takes_empty_cells_as_unseen(tmp_path: Path) -> None:
    two = people(COCO)
    two[0, 3, 9:11], two[:, 7] = np.nan, np.nan
    found = assemble_people(read(sleap(tmp_path / "a.csv", two, COCO, ("a", "b"))))
    assert np.flatnonzero(found[0].confidence[3] == 0).tolist() == [9, 10]
    assert np.flatnonzero(~found[1].valid).tolist() == [7]


def test_read_sleap_takes_joints_without_scores(tmp_path: Path) -> None:
    path = sleap(tmp_path / "a.csv", people(COCO), COCO, ("a", "b"))
    text = path.read_text().replace(".score", ".other")
    path.write_text(text)
    assert (read(path).confidence == 1).all()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("b,3,", "b,three,", r"line 25, column 2 \(frame_idx\): .*number of a frame.*'three'"),
        ("b,3,", "b,2.5,", r"line 25, column 2 \(frame_idx\): .*got '2\.5'"),
        ("b,3,", "b,-1,", r"line 25, column 2 \(frame_idx\): .*got '-1'"),
        ("b,3,0.9,", "b,3,0.9,9;9", r"line 25, column 4 \(Nose\.x\): expected a number, got '9;9"),
        ("b,3,0.9,", "b,3,", r"line 25: expected 54 cells.* got 53"),
        ("Nose.y", "Nose.Y", r"line 1: expected columns such as .*; Nose\.y is missing"),
    ],
)
def test_read_sleap_names_the_cell_at_fault(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    path = sleap(tmp_path / "a.csv", people(COCO), COCO, ("a", "b"))
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=rf"a\.csv, {message}"):
        read(path)


def test_is_sleap_goes_by_the_column_of_the_frame(tmp_path: Path) -> None:
    for text, expected in (("track,frame_idx,a.x", True), ("frame,x,y", False)):
        (tmp_path / "a.csv").write_text(text)
        assert is_sleap(next(read_rows(tmp_path / "a.csv"))) is expected
