"""Labels of YOLO pose."""

from pathlib import Path

import numpy as np
import pytest
from keypoint_files import FPS, SIZE, check_two_people, people
from program_files import yolo

from tcpformer.io.keypoints import RateAndSize
from tcpformer.io.yolo import read_yolo
from tcpformer.skeleton import COCO, HALPE26, Skeleton
from tcpformer.tracking.assemble import assemble_people

GIVEN = RateAndSize(FPS, SIZE)


@pytest.mark.parametrize(
    ("skeleton", "confidence", "ids"),
    [(COCO, True, True), (COCO, False, True), (HALPE26, True, False), (HALPE26, False, False)],
)
def test_read_yolo_gives_both_people(
    skeleton: Skeleton, confidence: bool, ids: bool, tmp_path: Path
) -> None:
    two = people(skeleton, 8)
    folder = yolo(tmp_path / "labels", two, ids=ids, confidence=confidence)
    found = read_yolo(folder, GIVEN)
    assert set(found.ids or ()) == ({"1", "2"} if ids else {None})
    check_two_people(assemble_people(found), two, skeleton)


def test_read_yolo_leaves_frames_without_file_empty(tmp_path: Path) -> None:
    two = people(COCO)
    two[:, 3:6] = np.nan
    folder = yolo(tmp_path / "labels", two)
    (folder / "classes.txt").write_text("person\n")
    (folder / "clip_5.txt").write_text("")
    found = assemble_people(read_yolo(folder, GIVEN))
    assert [np.flatnonzero(~motion.valid).tolist() for motion in found] == [[3, 4, 5]] * 2


def test_read_yolo_takes_joints_without_visibility(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    for i, joints in enumerate(people(COCO)[0]):
        numbers = (joints[:, :2] / SIZE).ravel()
        numbers[:2] = 0
        (folder / f"{i}.txt").write_text(f"0 0.5 0.5 0.1 0.1 {' '.join(map(str, numbers))}\n")
    found = read_yolo(folder, GIVEN)
    assert (found.confidence[:, 1:] == 1).all()
    assert (found.confidence[:, 0] == 0).all()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 x", r"clip_2\.txt, line 3, column 4: expected a number, got 'x'"),
        ("0 0.5 0.5", r"clip_2\.txt, line 3: expected 58 numbers, as in the other lines, got 3"),
        ("3" + " 0.5" * 57, r"clip_2\.txt, line 3: expected class 0, a person, got 3"),
    ],
)
def test_read_yolo_names_the_line_at_fault(line: str, message: str, tmp_path: Path) -> None:
    folder = yolo(tmp_path / "labels", people(COCO))
    with (folder / "clip_2.txt").open("a") as stream:
        stream.write(line)
    with pytest.raises(ValueError, match=message):
        read_yolo(folder, GIVEN)


def test_read_yolo_refuses_boxes_alone(tmp_path: Path) -> None:
    (tmp_path / "a_1.txt").write_text("0 0.5 0.5 0.1 0.2\n")
    with pytest.raises(ValueError, match=r"expected lines of class, box and 17, .* got 5 numbers"):
        read_yolo(tmp_path, GIVEN)
