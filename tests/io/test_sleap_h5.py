"""Analysis files and projects of SLEAP."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from keypoint_files import FPS, SIZE, check_two_people, people
from program_files import sleap_analysis, slp

from tcpformer.io.hdf5 import read_hdf5
from tcpformer.io.keypoints import RateAndSize
from tcpformer.io.sleap_h5 import is_sleap_analysis, is_slp, read_sleap_analysis, read_slp
from tcpformer.skeleton import COCO, HALPE26, Skeleton
from tcpformer.tracking.assemble import assemble_people

GIVEN = RateAndSize(FPS, SIZE)


def read_project(path: Path, given: RateAndSize = GIVEN):
    content = read_hdf5(path)
    assert is_slp(content)
    return read_slp(path, content, given)


both = pytest.mark.parametrize("skeleton", [COCO, HALPE26], ids=lambda s: s.name)


def read(path: Path):
    content = read_hdf5(path)
    assert is_sleap_analysis(content)
    return read_sleap_analysis(path, content, GIVEN)


@both
def test_read_sleap_analysis_gives_both_people(skeleton: Skeleton, tmp_path: Path) -> None:
    two = people(skeleton, 8)
    found = read(sleap_analysis(tmp_path / "a.h5", two, skeleton))
    assert set(found.ids or ()) == {"a", "b"}
    check_two_people(assemble_people(found), two, skeleton)


def test_read_sleap_analysis_without_tracks_and_scores(tmp_path: Path) -> None:
    two = people(COCO)
    two[1, 4:6], two[0, 3, 9, :2] = np.nan, np.nan
    path = sleap_analysis(tmp_path / "a.h5", two, COCO, tracks=())
    with h5py.File(path, "a") as file:
        del file["point_scores"]
    found = read(path)
    assert set(found.ids or (None,)) == {None}
    assert set(np.unique(found.confidence)) == {0.0, 1.0}
    people_found = assemble_people(found)
    assert np.flatnonzero(~people_found[1].valid).tolist() == [4, 5]


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("tracks", np.zeros((2, 17, 2, 20)), r"tracks of shape \(tracks, 2, 17 nodes, frames\)"),
        ("tracks", np.zeros(3), r"got \(3,\)"),
        ("point_scores", np.zeros((2, 20, 17)), r"point_scores of shape .* got \(2, 20, 17\)"),
        ("tracks", np.full((2, 2, 17, 20), np.nan), "no one is in any of its 20 frames"),
    ],
)
def test_read_sleap_analysis_refuses_other_shapes(
    name: str, array: np.ndarray, message: str, tmp_path: Path
) -> None:
    path = sleap_analysis(tmp_path / "a.h5", people(COCO), COCO)
    with h5py.File(path, "a") as file:
        del file[name]
        file[name] = array
    with pytest.raises(ValueError, match=rf"a\.h5: .*{message}"):
        read(path)


@both
@pytest.mark.parametrize("human", [False, True])
def test_read_slp_gives_both_people(skeleton: Skeleton, human: bool, tmp_path: Path) -> None:
    two = people(skeleton, 8)
    found = read_project(slp(tmp_path / "a.slp", two, skeleton, human=human), RateAndSize(FPS))
    assert set(found.ids or ()) == {"man", "woman"}
    if human:
        assert (found.confidence == 1).all()
    check_two_people(assemble_people(found), two, skeleton)


def test_read_slp_of_an_old_version_moves_the_origin(tmp_path: Path) -> None:
    two = people(COCO, 3)
    found = read_project(slp(tmp_path / "a.slp", two, COCO, version=1.0))
    np.testing.assert_allclose(found.xy[0], two[0, 0, :, :2] - 0.5)


def put(name: str, column: str, row: int, value: int) -> Callable[[h5py.File], None]:
    """Return a change of one number of a table."""

    def change(file: h5py.File) -> None:
        stored = file[name]
        assert isinstance(stored, h5py.Dataset)
        table = stored[:]
        table[column][row] = value
        stored[:] = table

    return change


def drop(name: str) -> Callable[[h5py.File], None]:
    return lambda file: file.__delitem__(name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("pred_points"), "expected a project of SLEAP; pred_points is missing"),
        (put("frames", "video", 3, 1), "expected one video, found 2"),
        (put("instances", "skeleton", 3, 1), "expected one skeleton, found 2"),
        (put("instances", "point_id_end", 3, 10**9), "expected 17 points of each instance"),
        (put("instances", "point_id_start", 3, 2**63), "expected 17 points of each instance"),
        (put("frames", "frame_idx", 19, 10**7), "the next of frame numbers is 10000000"),
        (put("frames", "instance_id_end", 19, 10**7), "instances 38 to 10000000, of 40 in all"),
    ],
)
def test_read_slp_refuses_damaged_projects(
    change: Callable[[h5py.File], None], message: str, tmp_path: Path
) -> None:
    path = slp(tmp_path / "a.slp", people(COCO), COCO)
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(ValueError, match=rf"a\.slp: .*{message}"):
        read_project(path)
