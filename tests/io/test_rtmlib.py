"""Stacked results of rtmlib."""

from pathlib import Path

import numpy as np
import pytest
from keypoint_files import FPS, SIZE, check_two_people, people, read_motions, rtmlib

from tcpformer.io import read_detections
from tcpformer.io.rtmlib import is_rtmlib
from tcpformer.skeleton import COCO, HALPE26, Skeleton


@pytest.mark.parametrize("skeleton", [COCO, HALPE26], ids=lambda s: s.name)
def test_read_rtmlib_gives_both_people(skeleton: Skeleton, tmp_path: Path) -> None:
    two = people(skeleton)
    path = rtmlib(tmp_path / "a.npz", two)
    check_two_people(read_motions(path, fps=FPS, size=SIZE), two, skeleton)


def test_read_rtmlib_takes_nan_as_unseen(tmp_path: Path) -> None:
    two = people(COCO)
    two[:, 3] = np.nan
    found = read_motions(rtmlib(tmp_path / "a.npz", two), fps=FPS, size=SIZE)
    assert [np.flatnonzero(~motion.valid).tolist() for motion in found] == [[3], [3]]


def test_read_rtmlib_refuses_shapes_that_disagree(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", keypoints=np.zeros((5, 2, 17, 2)), scores=np.zeros((5, 2, 16)))
    with pytest.raises(ValueError, match=r"expected keypoints \(t, n, k, 2\) and scores"):
        read_detections(tmp_path / "a.npz", fps=FPS, size=SIZE)


def test_is_rtmlib_is_false_for_other_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", xy=np.zeros((5, 17, 2)))
    assert not is_rtmlib(tmp_path / "a.npz")
    assert is_rtmlib(rtmlib(tmp_path / "b.npz", people(COCO)))


def test_read_rtmlib_takes_one_person(tmp_path: Path) -> None:
    two = people(COCO, 6)
    np.savez(tmp_path / "a.npz", keypoints=two[0, ..., :2], scores=two[0, ..., 2])
    (found,) = read_motions(tmp_path / "a.npz", fps=FPS, size=SIZE)
    np.testing.assert_allclose(found.xy, two[0, ..., :2])


def test_read_rtmlib_names_the_way_out_of_arrays_of_objects(tmp_path: Path) -> None:
    frames = np.empty(2, dtype=object)
    frames[:] = [np.zeros((1, 17, 2)), np.zeros((2, 17, 2))]
    np.savez(tmp_path / "a.npz", keypoints=frames, scores=frames)
    with pytest.raises(
        ValueError, match=r"keypoints: it holds Python objects.* one shape, with NaN"
    ):
        read_detections(tmp_path / "a.npz", fps=FPS, size=SIZE)
