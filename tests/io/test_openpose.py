"""Folders of OpenPose."""

from pathlib import Path

import numpy as np
import pytest
from keypoint_files import (
    FPS,
    MMPOSE,
    SIZE,
    check_two_people,
    mmpose,
    openpose,
    people,
    read_motions,
)

from tcpformer.io import read_detections
from tcpformer.skeleton import BODY25, COCO, HALPE26, Skeleton


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("skeleton", [BODY25, COCO, HALPE26], ids=lambda s: s.name)
def test_read_openpose_gives_both_people(skeleton: Skeleton, ids: bool, tmp_path: Path) -> None:
    two = people(skeleton)
    folder = openpose(tmp_path / "json", two, ids=ids)
    check_two_people(read_motions(folder, fps=FPS, size=SIZE), two, skeleton)


def test_read_openpose_gives_ids_where_the_files_have_them(tmp_path: Path) -> None:
    folder = openpose(tmp_path / "json", people(BODY25), ids=True)
    assert set(read_detections(folder, fps=FPS, size=SIZE).ids or ()) == {"5", "6"}
    folder = openpose(tmp_path / "without", people(BODY25))
    assert set(read_detections(folder, fps=FPS, size=SIZE).ids or ()) == {None}


def test_read_openpose_leaves_frames_empty_without_people_or_file(tmp_path: Path) -> None:
    two = people(BODY25)
    folder = openpose(tmp_path / "json", two)
    (folder / "clip_000000000004_keypoints.json").write_text('{"people": []}')
    (folder / "clip_000000000005_keypoints.json").unlink()
    for motion, true in zip(read_motions(folder, fps=FPS, size=SIZE), two, strict=True):
        assert np.flatnonzero(~motion.valid).tolist() == [4, 5]
        assert (motion.confidence[4:6] == 0).all()
        np.testing.assert_allclose(motion.xy[6:], true[6:, :, :2])


def test_read_openpose_refuses_files_of_mmpose(tmp_path: Path) -> None:
    mmpose(tmp_path / "1.json", people(COCO), MMPOSE)
    with pytest.raises(
        ValueError, match=r"1\.json: expected keys \['people'\], found keys \['meta_"
    ):
        read_detections(tmp_path, fps=FPS, size=SIZE)


def test_read_openpose_needs_a_frame_number(tmp_path: Path) -> None:
    (tmp_path / "clip_keypoints.json").write_text('{"people": []}')
    with pytest.raises(ValueError, match="expected the number of the frame in the name"):
        read_detections(tmp_path, fps=FPS, size=SIZE)
