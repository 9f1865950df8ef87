"""COCO's annotations: one .json of pictures, the people in each, and the names of their joints.

``{"images": [{"id": 7, "file_name": "frame_0001.jpg", "width": 1280, "height": 720}],
"annotations": [{"image_id": 7, "category_id": 1, "keypoints": [x, y, v, ...], "track_id": 3}],
"categories": [{"id": 1, "name": "person", "keypoints": ["nose", ...]}]}``

``v`` is 0 for a joint that is not labelled, 1 for a hidden one and 2 for a visible one; some
programs write a confidence from 0 to 1. Pictures are ordered by ``frame_id``, else by the number
in the file name, else by id.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ..detections import Detections
from ..files import brief
from .frame_numbers import FrameNumbers, number_ids, number_names
from .json_values import get_field, get_index, get_list, get_numbers
from .keypoints import KeypointRecord, PersonKeypoints, RateAndSize, person_keypoints

_PERSON_KEYS = ("track_id", "person_id")
_VIDEO_KEYS = ("video_id", "vid_id")
_HIDDEN = 0.5
"""Confidence of a joint that is labelled, but hidden."""


def is_coco_annotations(content: Any) -> bool:
    """Return whether a .json holds annotations of COCO."""
    return isinstance(content, dict) and {"images", "annotations"} <= set(content)


def read_coco_annotations(path: Path, content: Any, given: RateAndSize) -> Detections:
    """Read annotations, which hold no rate, of the pictures of one video."""
    images = get_list(f"{path}: images", content["images"])
    ids = [get_field(f"{path}: images[{i}]", image, "id") for i, image in enumerate(images)]
    numbers = _number_images(path, images, ids, given)
    people: list[list[PersonKeypoints]] = [[] for _ in images]
    place_of = {str(image): i for i, image in enumerate(ids)}
    categories = set()
    for i, entry in enumerate(get_list(f"{path}: annotations", content["annotations"])):
        place = f"{path}: annotations[{i}]"
        image = str(get_field(place, entry, "image_id"))
        if image not in place_of:
            raise ValueError(f"{place}: image_id {image} is the id of none of the images.")
        if entry.get("keypoints") and not entry.get("iscrowd"):
            people[place_of[image]].append(_read_person(place, entry))
            categories.add(str(entry.get("category_id")))
    names = _joint_names(path, content, categories)
    record = KeypointRecord.numbered(numbers, people, names)
    size = _common_size(path, images)
    return KeypointRecord(
        record.frames, names, record.fps, size, record.times, record.first
    ).detections(path, given)


def _read_person(place: str, entry: dict[str, Any]) -> PersonKeypoints:
    joints = get_numbers(f"{place}.keypoints", entry["keypoints"], 3)
    attributes = entry.get("attributes")
    known = {**(attributes if isinstance(attributes, dict) else {}), **entry}
    person = next((known[key] for key in _PERSON_KEYS if key in known), None)
    return person_keypoints(joints[:, :2], _confidence(place, joints[:, 2]), person, place)


def _confidence(place: str, value: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """Return confidence from COCO's visibility, or from confidence itself."""
    if (value == 2).any() and np.isin(value, (0, 1, 2)).all():
        return np.select([value == 2, value == 1], [1.0, _HIDDEN], 0.0)
    if not ((value >= 0) & (value <= 1)).all():
        raise ValueError(
            f"{place}: expected a visibility 0, 1 or 2 of each joint, or a confidence from 0 to 1, "
            f"got {value[~((value >= 0) & (value <= 1))][0]:g}."
        )
    return value


def _number_images(
    path: Path, images: list[Any], ids: list[Any], given: RateAndSize
) -> FrameNumbers:
    """Return the frame of each picture."""
    videos = {str(image[key]) for image in images for key in _VIDEO_KEYS if key in image}
    if len(videos) > 1:
        raise ValueError(
            f"{path}: expected pictures of one video, found {len(videos)}; keep one in a file."
        )
    if len({str(each) for each in ids}) < len(ids):
        raise ValueError(f"{path}: expected images of different id; some are repeated.")
    places = [f"{path}: images[{i}]" for i in range(len(images))]
    for key in ("frame_id", "file_name"):
        if not any(image.get(key) is not None for image in images):
            continue
        values = [get_field(p, image, key) for p, image in zip(places, images, strict=True)]
        if key == "file_name" and len(images) > 1:
            return number_names(list(map(str, values)), path, fps=given.fps)
        if key == "frame_id":
            frames = [get_index(f"{p}.frame_id", x) for p, x in zip(places, values, strict=True)]
            return number_ids(frames, path, what="frame_id")
    return number_ids([get_index(f"{p}.id", x) for p, x in zip(places, ids, strict=True)], path)


def _common_size(path: Path, images: list[Any]) -> tuple[Any, Any] | None:
    """Return width and height of the pictures; None where they are not stated."""
    sizes = {
        (image["width"], image["height"]) for image in images if {"width", "height"} <= set(image)
    }
    if len(sizes) > 1:
        raise ValueError(
            f"{path}: expected pictures of one size, found "
            f"{brief(sorted(sizes, key=str)[:3])}; keep one video in a file."
        )
    return next(iter(sizes), None)


def _joint_names(path: Path, content: dict[str, Any], used: set[str]) -> list[str] | None:
    """Return the names of the joints of the only category that is used; None without names."""
    if len(used) > 1:
        raise ValueError(
            f"{path}: expected keypoints of one category, found {len(used)}; keep that of people."
        )
    categories = get_list(f"{path}: categories", content.get("categories") or [])
    for i, category in enumerate(categories):
        place = f"{path}: categories[{i}]"
        if str(get_field(place, category, "id")) in used and category.get("keypoints"):
            return list(map(str, get_list(f"{place}.keypoints", category["keypoints"])))
    return None
