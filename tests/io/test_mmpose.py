"""Predictions of MMPose."""

import json
from pathlib import Path

import numpy as np
import pytest
from keypoint_files import (
    COUNT,
    FPS,
    MMPOSE,
    SIZE,
    check_two_people,
    mmpose,
    people,
    read_motions,
    rng,
    whole_body,
)
from program_files import mmpose_pictures

from tcpformer.io import read_detections
from tcpformer.skeleton import COCO, WHOLEBODY, match_skeleton


@pytest.mark.parametrize("names", [MMPOSE, None], ids=["named", "by number"])
def test_read_mmpose_gives_both_people(names: tuple[str, ...] | None, tmp_path: Path) -> None:
    two = people(COCO)
    path = mmpose(tmp_path / "a.json", two, names)
    check_two_people(read_motions(path, fps=FPS, size=SIZE), two, COCO)


def test_read_mmpose_goes_by_names_not_by_order(tmp_path: Path) -> None:
    two, order = people(COCO), rng.permutation(17)
    names = tuple(MMPOSE[i] for i in order)
    path = mmpose(tmp_path / "a.json", two[:, :, order], names)
    check_two_people(read_motions(path, fps=FPS, size=SIZE), two, COCO)


@pytest.mark.parametrize("named", [True, False])
def test_read_mmpose_takes_body_feet_and_hands_of_wholebody(named: bool, tmp_path: Path) -> None:
    two = people(WHOLEBODY)
    names = [f"face-{i}" for i in range(133)]
    for joint, column in zip(WHOLEBODY.joints, match_skeleton(None, 133)[1], strict=True):
        names[column] = joint
    path = mmpose(tmp_path / "a.json", whole_body(two, 133), tuple(names) if named else None)
    check_two_people(read_motions(path, fps=FPS, size=SIZE), two, WHOLEBODY)


def test_read_mmpose_takes_the_body_where_feet_have_no_names(tmp_path: Path) -> None:
    two = people(COCO)
    whole = np.concatenate([two, np.full((2, COUNT, 116, 3), 5.0)], axis=2)
    names = (*MMPOSE, *(f"face-{i}" for i in range(116)))
    path = mmpose(tmp_path / "a.json", whole, names)
    check_two_people(read_motions(path, fps=FPS, size=SIZE), two, COCO)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2", "not JSON"),
        ("\udcff", "not JSON"),
        ("[]", "no one is in any of its 0 frames"),
        ('[{"instances": []}]', "no one is in any of its 1 frames"),
        ("7", r"expected keys \['instance_info'\], found 7"),
        ("[7]", r"expected keys \['instances'\], found 7"),
        ('{"some": "thing"}', r"found keys \['some'\].*OpenPose.*MMPose.*rtmlib.*our own"),
        (
            '[{"frame_id": 0, "instances": [{"keypoints": [[1, 2]]}]}]',
            r"expected keys \['keypoints', 'keypoint_scores'\], found keys \['keypoints'\]",
        ),
        ('{"images": [], "annotations": [], "categories": []}', "no one is in any of its 0 frames"),
        (  # a frame of OpenPose
            '{"version": 1.3, "people": []}',
            r"found keys \['version', 'people'\].*a folder of OpenPose's \.json, one a frame",
        ),
    ],
)
def test_read_mmpose_refuses_other_content(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ValueError, match=message):
        read_detections(path, fps=FPS, size=SIZE)


def test_read_mmpose_refuses_an_unknown_count_of_joints(tmp_path: Path) -> None:
    path = mmpose(tmp_path / "a.json", people(COCO)[:, :, :16], None)
    with pytest.raises(ValueError, match="no joint names, got 16"):
        read_detections(path, fps=FPS, size=SIZE)


@pytest.mark.parametrize("name", ["{:06d}", "IMG_{}_v2", "frame{:03d}.rgb"])
def test_read_mmpose_pictures_gives_both_people(name: str, tmp_path: Path) -> None:
    two = people(COCO, 8)
    folder = mmpose_pictures(tmp_path / "predictions", two, name)
    check_two_people(read_motions(folder, fps=FPS, size=SIZE), two, COCO)


def test_read_mmpose_pictures_names_file_and_place(tmp_path: Path) -> None:
    folder = mmpose_pictures(tmp_path / "predictions", people(COCO, 4))
    (folder / "000002.json").write_text('[{"keypoints": [[1, 2]]}]')
    with pytest.raises(ValueError, match=r"000002\.json\[0\]: expected keys .*keypoint_scores"):
        read_detections(folder, fps=FPS, size=SIZE)


@pytest.mark.parametrize(
    ("named", "lowest", "first"),
    [(True, 1, 0), (True, 10, 9), (True, 0, 0), (False, 0, 0), (False, 1, 0), (False, 10, 10)],
)
def test_read_mmpose_keeps_the_numbers_of_frames(
    named: bool, lowest: int, first: int, tmp_path: Path
) -> None:
    path = mmpose(tmp_path / "a.json", people(COCO, 4), MMPOSE if named else None)
    content = json.loads(path.read_text())
    for i, frame in enumerate(content["instance_info"] if named else content):
        frame["frame_id"] = lowest + i
    path.write_text(json.dumps(content))
    found = read_detections(path, fps=FPS, size=SIZE)
    assert found.first == first
    np.testing.assert_allclose(found.times, (first + np.arange(4)) / FPS)
