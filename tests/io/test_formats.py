"""The table of formats, the readers of each suffix, and the cases that failed."""

import json
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
from paths import CASES, ROOT
from program_files import (
    coco_annotations,
    coco_results,
    deeplabcut_csv,
    deeplabcut_h5,
    mmpose_pictures,
    sleap,
    sleap_analysis,
    slp,
    yolo,
)

from tcpformer.io import read_detections
from tcpformer.io.formats import FOLDER_READERS, FORMATS, READERS
from tcpformer.io.keypoints import READABLE
from tcpformer.skeleton import COCO

WRITERS = {
    "openpose": lambda path, two: openpose(path, two),
    "mmpose.json": lambda path, two: mmpose(path, two, MMPOSE),
    "pictures": lambda path, two: mmpose_pictures(path, two),
    "coco.json": lambda path, two: coco_results(path, two),
    "annotations.json": lambda path, two: coco_annotations(path, two, COCO),
    "sleap.h5": lambda path, two: sleap_analysis(path, two, COCO),
    "sleap.slp": lambda path, two: slp(path, two, COCO),
    "sleap.csv": lambda path, two: sleap(path, two, COCO, ("a", "b")),
    "dlc.csv": lambda path, two: deeplabcut_csv(path, two, COCO),
    "dlc.h5": lambda path, two: deeplabcut_h5(path, two, COCO),
    "labels": lambda path, two: yolo(path, two),
}


def test_formats_are_those_with_readers() -> None:
    assert {each.suffix for each in FORMATS if not each.folder} == set(READERS)
    assert {each.suffix for each in FORMATS if each.folder} == set(FOLDER_READERS)


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: f"{each.program}{each.suffix}")
def test_formats_are_in_messages_and_documentation(each) -> None:
    words = each.program.removesuffix(", pictures").split(", ")
    assert each.program == "TCPFormer" or all(word in READABLE for word in words)
    page = (ROOT / "docs/formats-and-axes.md").read_text()
    row = (each.program, each.source, each.content, each.people, each.lacks)
    assert f"| {' | '.join(row)} |" in page
    assert each.example in page


@pytest.mark.parametrize("name", WRITERS)
def test_readers_go_by_content(name: str, tmp_path: Path) -> None:
    two = people(COCO, 6)
    path = WRITERS[name](tmp_path / name, two)
    if name != "openpose":  # whose joints of COCO are in another order
        check_two_people(read_motions(path, fps=FPS, size=SIZE), two, COCO)
    assert len(read_detections(path, fps=FPS, size=SIZE)) == 12


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "expected a table of SLEAP.* found an empty file"),
        ("a.csv", "frame,x,y\n", "with a column frame_idx.* found frame, x, y"),
        ("a.json", '{"people": []}', r"expected keys \['instance_info'\], found keys \['people'\]"),
        ("a.json", json.dumps({"images": [], "annotations": []}), r"no one is in any of its 0"),
        ("a.npy", "text", "not a whole array of numbers"),
        ("a.h5", "text", "not a whole HDF5 file"),
        ("a.slp", "text", "not a whole HDF5 file"),
        ("f/a_1.txt", "hello", r"a_1\.txt, line 1, column 1: expected a number, got 'hello'"),
        ("f/a_1.json", "[7]", r"a_1\.json\[0\]: expected keys .* found 7"),
        ("f/a_1.png", "", "should hold either OpenPose's .json, .* found neither"),
    ],
)
def test_readers_name_what_they_expected(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    source = path.parent if "/" in name else path
    with pytest.raises(ValueError, match=message):
        read_detections(source, fps=FPS, size=SIZE)


@pytest.mark.parametrize(("written", "named"), [(slp, "a.h5"), (sleap_analysis, "a.slp")])
def test_readers_of_hdf5_go_by_content(written, named: str, tmp_path: Path) -> None:
    two = people(COCO, 4)
    path = written(tmp_path / named, two, COCO)
    check_two_people(read_motions(path, fps=FPS, size=SIZE), two, COCO)


@pytest.mark.parametrize("other", ["notes.txt", "report.doc"])
def test_readers_name_the_pattern_of_pictures(other: str, tmp_path: Path) -> None:
    for name in ("1.jpg", "2.jpg", other):
        (tmp_path / name).write_text("hello")
    with pytest.raises(ValueError, match=r'give a pattern: ".*\*\.jpg" --fps'):
        read_detections(tmp_path, fps=FPS, size=SIZE)


@pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared")
@pytest.mark.parametrize(
    ("case", "valid", "start"),
    [
        ("02-openpose-missing-json/json", [(80, 65)], 10 / 30),
        ("02c-openpose-pictures/json", [(60, 60)], 0.0),
        ("02g-openpose-timestamps/ms", [(30, 30)], 0.0),
        ("03-alphapose/alphapose-results.json", [(60, 55), (60, 55)], 0.0),
        ("04-mmpose/predictions", [(60, 55), (60, 55)], 0.0),
        ("04-mmpose/results_clip.json", [(60, 55), (60, 55)], 0.0),
        ("04-mmpose/inferencer_clip.json", [(60, 55), (60, 55)], 0.0),
        ("10-csv/sleap.csv", [(60, 60)], 0.0),
    ],
)
def test_readers_read_the_cases(case: str, valid: list[tuple[int, int]], start: float) -> None:
    found = read_motions(CASES / case, fps=FPS, size=SIZE)
    assert [(len(motion), int(motion.valid.sum())) for motion in found] == valid
    assert found[0].times[0] == pytest.approx(start)
    assert np.diff(found[0].times).mean() == pytest.approx(1 / 30, rel=1e-3)


@pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared")
@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("06-trc/mm.trc", r"column Z1 \(Nose\)"),
        ("15-size/kp1920.npz", "size is 1280 x 720.* picture of at least 1571 x 783"),
    ],
)
def test_readers_refuse_the_cases(case: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_detections(CASES / case, fps=FPS, size=SIZE)
