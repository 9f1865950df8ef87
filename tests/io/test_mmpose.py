"""Predictions of MMPose."""

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
)

from tcpformer.io import read_detections
from tcpformer.skeleton import COCO


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
def test_read_mmpose_takes_the_body_of_wholebody(named: bool, tmp_path: Path) -> None:
    two = people(COCO)
    whole = np.concatenate([two, np.full((2, COUNT, 116, 3), 5.0)], axis=2)
    names = (*MMPOSE, *(f"face-{i}" for i in range(116))) if named else None
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
        (  # COCO's annotations
            '{"images": [], "annotations": [], "categories": []}',
            r"found keys \['images', 'annotations', 'categories'\]",
        ),
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
