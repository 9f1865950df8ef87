"""Annotations of COCO."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from keypoint_files import FPS, SIZE, check_two_people, people
from program_files import coco_annotations

from tcpformer.io.coco_annotations import is_coco_annotations, read_coco_annotations
from tcpformer.io.keypoints import RateAndSize
from tcpformer.skeleton import COCO, HALPE26, Skeleton
from tcpformer.tracking.assemble import assemble_people


def read(path: Path):
    return read_coco_annotations(path, json.loads(path.read_text()), RateAndSize(FPS))


def changed(path: Path, change: Callable[[dict], object]) -> Path:
    """Change the content of a file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


IMAGES = {
    "numbers in names": {},
    "names in folders": {"file_name": lambda t: f"take2/rgb_{t}_left.png"},
    "frame_id": {"frame_id": lambda t: t, "file_name": lambda t: f"{(7 * t) % 100}.jpg"},
    "ids alone": {"file_name": lambda _: None},
}


@pytest.mark.parametrize("skeleton", [COCO, HALPE26], ids=lambda s: s.name)
@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
def test_read_coco_annotations_gives_both_people(
    image: dict[str, Callable], skeleton: Skeleton, tmp_path: Path
) -> None:
    two = people(skeleton, 8)
    path = coco_annotations(tmp_path / "a.json", two, skeleton, **image)
    found = read(path)
    assert (found.fps, found.size) == (FPS, SIZE)
    check_two_people(assemble_people(found), two, skeleton)


def test_read_coco_annotations_goes_by_names_of_joints(tmp_path: Path) -> None:
    two = people(COCO, 4)
    path = coco_annotations(tmp_path / "a.json", two[:, :, ::-1], COCO)
    names = [f"{'left_' if n[0] == 'L' else 'right_'}{n[1:].lower()}" for n in COCO.joints[1:]]

    def rename(content: dict) -> None:
        content["categories"][0]["keypoints"] = [*names[::-1], "nose"]

    check_two_people(assemble_people(read(changed(path, rename))), two, COCO)


def test_read_coco_annotations_tracks_people_without_id(tmp_path: Path) -> None:
    two = people(COCO)

    def drop(content: dict) -> None:
        for entry in content["annotations"]:
            del entry["track_id"]

    path = changed(coco_annotations(tmp_path / "a.json", two, COCO), drop)
    check_two_people(assemble_people(read(path)), two, COCO)
    assert read(path).ids is None or set(read(path).ids or ()) == {None}


def test_read_coco_annotations_takes_ids_of_attributes(tmp_path: Path) -> None:
    def move(content: dict) -> None:
        for entry in content["annotations"]:
            entry["attributes"] = {"track_id": entry.pop("track_id"), "occluded": False}

    path = changed(coco_annotations(tmp_path / "a.json", people(COCO), COCO), move)
    assert set(read(path).ids or ()) == {"1", "2"}


def test_read_coco_annotations_leaves_pictures_without_people_empty(tmp_path: Path) -> None:
    two = people(COCO)
    two[:, 4:7] = np.nan
    found = assemble_people(read(coco_annotations(tmp_path / "a.json", two, COCO)))
    assert np.flatnonzero(~found[0].valid).tolist() == [4, 5, 6]
    assert len(found[0]) == 20


def test_read_coco_annotations_takes_visibility_as_confidence(tmp_path: Path) -> None:
    two = people(COCO, 3)
    two[..., 2] = 2
    two[:, :, 5, 2], two[:, :, 6, 2] = 1, 0
    found = read(coco_annotations(tmp_path / "a.json", two, COCO)).confidence
    assert np.unique(found[:, [4, 5, 6]], axis=0).tolist() == [[1.0, 0.5, 0.0]]


def test_read_coco_annotations_skips_crowds_and_boxes(tmp_path: Path) -> None:
    def add(content: dict) -> None:
        first = content["annotations"][0]
        content["annotations"] += [
            {**first, "iscrowd": 1},
            {"image_id": first["image_id"], "category_id": 3, "bbox": [0, 0, 9, 9]},
            {**first, "category_id": 3, "keypoints": []},
        ]

    path = coco_annotations(tmp_path / "a.json", people(COCO, 5), COCO)
    assert len(read(changed(path, add))) == 10


def each(place: str, i: int, **new: object) -> Callable[[dict], object]:
    """Return a change of one entry."""
    return lambda content: content[place][i].update(new)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (each("annotations", 3, image_id=7), r"annotations\[3\]: image_id 7 is the id of none"),
        (each("annotations", 3, keypoints=[1, 2]), r"annotations\[3\]\.keypoints: expected 3"),
        (each("annotations", 3, keypoints=[1, 2, 7] * 17), r"annotations\[3\]: .* got 7"),
        (each("annotations", 3, category_id=2), "expected keypoints of one category, found 2"),
        (each("annotations", 3, keypoints="x"), r"annotations\[3\]\.keypoints: expected a list"),
        (each("images", 3, width=640), r"pictures of one size, found \[\(1280, 720\), \(640"),
        (each("images", 3, id=100), r"images of different id"),
        (each("images", 3, file_name="frame_0001.png"), "differ only in the number"),
        (each("images", 3, file_name="frame_0001.jpg"), "are both number 1"),
        (each("images", 3, video_id=2), None),
        (each("images", 3, frame_id=2), r"images\[0\]: expected 'frame_id'"),
        (lambda content: content["images"][3].pop("file_name"), r"images\[3\]: expected 'file_n"),
        (lambda content: content.update(categories={"a": 1}), "categories: expected a list"),
        (lambda content: content.update(categories=[7]), r"categories\[0\]: expected an object"),
        (lambda content: [m.update(video_id=i % 2) for i, m in enumerate(content["images"])],
         "expected pictures of one video, found 2"),
        (lambda content: content.update(annotations=7), "annotations: expected a list, got 7"),
        (lambda content: content.update(annotations=[]), "no one is in any of its"),
    ],
)  # fmt: skip
def test_read_coco_annotations_names_the_entry_at_fault(
    change: Callable[[dict], object], message: str | None, tmp_path: Path
) -> None:
    path = changed(coco_annotations(tmp_path / "a.json", people(COCO), COCO), change)
    if message is None:
        read(path)
        return
    with pytest.raises(ValueError, match=rf"a\.json.*{message}"):
        read(path)


def test_is_coco_annotations_is_false_for_other_content() -> None:
    for content in ([], {}, {"images": []}, {"instance_info": []}, "images", None):
        assert not is_coco_annotations(content)
