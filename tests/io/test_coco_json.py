"""Results of COCO and AlphaPose."""

import json
from pathlib import Path

import numpy as np
import pytest
from keypoint_files import FPS, SIZE, check_two_people, people, whole_body
from program_files import coco_results

from tcpformer.io.coco_json import is_coco_results, read_coco_results
from tcpformer.io.keypoints import RateAndSize
from tcpformer.skeleton import COCO, HALPE26, HALPE136, Skeleton
from tcpformer.tracking.assemble import assemble_people

GIVEN = RateAndSize(FPS, SIZE)


def read(path: Path):
    return read_coco_results(path, json.loads(path.read_text()), GIVEN)


@pytest.mark.parametrize(
    ("skeleton", "ids", "name"),
    [
        (COCO, True, ""),
        (COCO, False, "{}.jpg"),
        (HALPE26, True, "frames/clip_{:05d}.png"),
        (HALPE26, False, "take2_{:03d}_rgb.jpg"),
    ],
)
def test_read_coco_results_gives_both_people(
    skeleton: Skeleton, ids: bool, name: str, tmp_path: Path
) -> None:
    two = people(skeleton, 8)
    path = coco_results(tmp_path / "a.json", two, name=name, ids=ids)
    check_two_people(assemble_people(read(path)), two, skeleton)


def test_read_coco_results_takes_body_and_hands_of_halpe_136(tmp_path: Path) -> None:
    two = people(HALPE136, 4)
    whole = whole_body(two, 136)
    found = assemble_people(read(coco_results(tmp_path / "a.json", whole, name="{}.jpg")))
    check_two_people(found, two, HALPE136)


def test_read_coco_results_leaves_frames_empty_that_the_file_lacks(tmp_path: Path) -> None:
    two = people(COCO)
    two[:, 4:7] = np.nan
    two[1, 10] = np.nan
    found = assemble_people(read(coco_results(tmp_path / "a.json", two, name="{}.jpg")))
    assert [len(motion) for motion in found] == [20, 20]
    assert np.flatnonzero(~found[0].valid).tolist() == [4, 5, 6]
    assert np.flatnonzero(~found[1].valid).tolist() == [4, 5, 6, 10]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": [1, 2]}, r"entry 1, keypoints: expected 3 numbers for each joint, got 2"),
        ({"keypoints": [1, 2, "x"]}, r"entry 1, keypoints: expected a list of numbers, got \[1, 2"),
        ({"keypoints": None}, r"entry 1, keypoints: expected a list of numbers, got None"),
        ({"image_id": -3}, r"entry 1, image_id: expected the number of a frame.*got -3"),
        ({"image_id": None}, r"entry 1, image_id: expected the number of a frame.*got None"),
        ({"image_id": 10**12}, r"the next of image_id is 1000000000000"),
        ({"image_id": 1e400}, r"entry 1, image_id: .*got inf"),
    ],
)
def test_read_coco_results_names_the_entry_at_fault(
    change: dict[str, object], message: str, tmp_path: Path
) -> None:
    path = coco_results(tmp_path / "a.json", people(COCO))
    content = json.loads(path.read_text())
    content[1] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"a\.json.*{message}"):
        read(path)


def test_is_coco_results_is_false_for_other_content() -> None:
    for content in ([], {}, [{"frame_id": 0}], {"annotations": []}, [1], "image_id", None):
        assert not is_coco_results(content)
