"""Tables of DeepLabCut, as text and as HDF5."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from keypoint_files import FPS, SIZE, check_two_people, people
from program_files import deeplabcut_csv, deeplabcut_fixed_h5, deeplabcut_h5

from tcpformer.io.csv_tables import read_rows
from tcpformer.io.deeplabcut import is_deeplabcut, read_deeplabcut_csv, read_deeplabcut_h5
from tcpformer.io.hdf5 import read_hdf5
from tcpformer.io.keypoints import RateAndSize
from tcpformer.skeleton import COCO, HALPE26, Skeleton
from tcpformer.tracking.assemble import assemble_people

GIVEN = RateAndSize(FPS, SIZE)
WRITERS = {
    "a.csv": deeplabcut_csv,
    "table.h5": deeplabcut_h5,
    "fixed.h5": deeplabcut_fixed_h5,
}


def read(path: Path):
    if path.suffix == ".h5":
        return read_deeplabcut_h5(path, read_hdf5(path), GIVEN)
    rows = read_rows(path)
    header = next(rows)
    assert is_deeplabcut(header)
    return read_deeplabcut_csv(path, header, rows, GIVEN)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("skeleton", [COCO, HALPE26], ids=lambda s: s.name)
def test_read_deeplabcut_gives_every_individual(
    skeleton: Skeleton, name: str, tmp_path: Path
) -> None:
    two = people(skeleton, 8)
    check_two_people(
        assemble_people(read(WRITERS[name](tmp_path / name, two, skeleton))), two, skeleton
    )
    one = assemble_people(read(WRITERS[name](tmp_path / name, two[:1], skeleton)))
    assert len(one) == 1
    np.testing.assert_allclose(one[0].xy, two[0, :, :, :2], atol=1e-6)


@pytest.mark.parametrize("name", WRITERS)
def test_read_deeplabcut_leaves_out_individuals_who_are_not_there(
    name: str, tmp_path: Path
) -> None:
    two = people(COCO)
    two[1, 5:8] = np.nan
    found = assemble_people(read(WRITERS[name](tmp_path / name, two, COCO)))
    assert np.flatnonzero(~found[1].valid).tolist() == [5, 6, 7]


def test_read_deeplabcut_csv_takes_labelled_pictures(tmp_path: Path) -> None:
    path = deeplabcut_csv(tmp_path / "a.csv", people(COCO)[:1], COCO)
    lines = [line.split(",") for line in path.read_text().splitlines()]
    kept = [i for i, coord in enumerate(lines[2]) if coord != "likelihood"]
    lines = [[line[i] for i in kept] for line in lines]
    for line in lines[3:]:
        line[0] = f"labeled-data/clip1/img{int(line[0]) + 30:04d}.png"
    path.write_text("\n".join(map(",".join, lines)))
    found = read(path)
    assert (found.confidence == 1).all()
    assert len(found) == 20


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\n3,", "\nthree,", r"line 8, column 1 \(frame\): expected the number of a frame"),
        ("\n3,", "\n3,a", r"line 8, column 2 \(Nose x\): expected a number, got 'a"),
        ("bodyparts,", "parts,", r"expected the rows scorer, individuals, bodyparts, coords"),
        (",likelihood", ",score", r"expected coords x, y, likelihood, got 'score'"),
    ],
)
def test_read_deeplabcut_csv_names_what_is_at_fault(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    path = deeplabcut_csv(tmp_path / "a.csv", people(COCO), COCO)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=rf"a\.csv.*{message}"):
        read(path)


class _Runs:
    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (pickle.dumps(_Runs(), 0), r"it calls .*mkdir, which is refused"),
        (pickle.dumps([("a", "x")], 0), r"expected column names of scorer"),
        (pickle.dumps(7, 0), r"expected column names of scorer.*got 7"),
        (b"not a pickle", "not a pickle of arrays"),
    ],
)
def test_read_deeplabcut_h5_runs_nothing(
    pickled: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = deeplabcut_h5(tmp_path / "a.h5", people(COCO), COCO, pickled=pickled)
    with pytest.raises(ValueError, match=message):
        read(path)
    assert not (tmp_path / "ran").exists()


def test_read_deeplabcut_h5_refuses_other_files(tmp_path: Path) -> None:
    import h5py

    (tmp_path / "a.h5").write_bytes(b"text")
    with pytest.raises(ValueError, match=r"a\.h5: not a whole HDF5 file"):
        read(tmp_path / "a.h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_group("tracks")["x"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"b\.h5: expected a data frame .*found \['x'\]"):
        read(tmp_path / "b.h5")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"expected one data frame of DeepLabCut, found 0"):
        read(tmp_path / "c.h5")
