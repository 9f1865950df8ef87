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


def test_read_openpose_takes_the_older_key(tmp_path: Path) -> None:
    two = people(BODY25, 4)
    folder = openpose(tmp_path / "json", two)
    for file in folder.iterdir():
        file.write_text(file.read_text().replace("pose_keypoints_2d", "pose_keypoints"))
    check_two_people(read_motions(folder, fps=FPS, size=SIZE), two, BODY25)


@pytest.mark.parametrize("first", [10, 1, 0])
def test_read_openpose_keeps_the_numbers_of_frames(first: int, tmp_path: Path) -> None:
    folder = openpose(tmp_path / "json", people(BODY25, 4))
    for i in range(3, -1, -1):
        old = folder / f"clip_{i:012d}_keypoints.json"
        old.rename(folder / f"clip_{i + first:012d}_keypoints.json")
    found = read_detections(folder, fps=FPS, size=SIZE)
    assert found.first == first
    np.testing.assert_allclose(found.times, (first + np.arange(4)) / FPS)


@pytest.mark.parametrize("pattern", ["IMG_{}_v2_keypoints", "take2-{:05d}-1080p", "{}_60fps"])
def test_read_openpose_takes_the_number_that_varies(pattern: str, tmp_path: Path) -> None:
    two = people(BODY25, 12)
    folder = openpose(tmp_path / "json", two)
    for i in range(12):
        old = folder / f"clip_{i:012d}_keypoints.json"
        old.rename(folder / f"{pattern.format(i)}.json")
    check_two_people(read_motions(folder, fps=FPS, size=SIZE), two, BODY25)


def test_read_openpose_takes_time_stamps_as_times(tmp_path: Path) -> None:
    folder = openpose(tmp_path / "json", people(BODY25, 12))
    stamps = 1617183612345 + np.rint(1000 / 30 * np.arange(12)).astype(int)
    for i, stamp in enumerate(stamps.tolist()):
        (folder / f"clip_{i:012d}_keypoints.json").rename(folder / f"{stamp}_keypoints.json")
    found = read_detections(folder, size=SIZE)
    assert found.fps == pytest.approx(30, rel=0.01)
    np.testing.assert_allclose(found.times, np.arange(12) / 30, atol=1e-3)
    assert found.first is None
