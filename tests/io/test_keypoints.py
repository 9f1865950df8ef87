"""What all keypoint formats share: rate and size, ids, pixels."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import keypoint_file
from keypoint_files import (
    FPS,
    MMPOSE,
    SIZE,
    mmpose,
    openpose,
    people,
    read_motions,
    rtmlib,
    sports2d,
)
from motions import walk
from program_files import coco_results

from tcpformer.io import read_detections
from tcpformer.io.keypoints import RateAndSize, person_keypoints
from tcpformer.skeleton import COCO, HALPE26


@pytest.mark.parametrize(
    ("fps", "size", "missing"),
    [
        (None, None, "fps and size; give --fps and --size WIDTH HEIGHT"),
        (FPS, None, "size; give --size WIDTH HEIGHT"),
        (None, SIZE, "fps; give --fps"),
    ],
)
def test_resolve_names_what_is_missing(
    fps: float | None, size: tuple[int, int] | None, missing: str, tmp_path: Path
) -> None:
    path = mmpose(tmp_path / "a.json", people(COCO), MMPOSE)
    ours = keypoint_file(fps=None, size=None)(tmp_path)
    for each in (path, ours):
        with pytest.raises(ValueError, match=rf"has no {missing}, or the --video"):
            read_detections(each, fps=fps, size=size)


def test_resolve_prefers_the_file_then_the_user_then_the_fallback() -> None:
    path, fallback = Path("a"), (25.0, (64, 48))
    assert RateAndSize(30.1, SIZE, fallback).resolve(path, 30.0, None) == (30.0, SIZE)
    assert RateAndSize(30.1, None, fallback).resolve(path, None, [8.0, 6.0]) == (30.1, (8, 6))
    assert RateAndSize(fallback=fallback).resolve(path, None, None) == fallback


def _file_with_rate(kind: str, folder: Path) -> Path:
    """Write a file of 30 frames per second and, but for Sports2D, 1280 x 720 pixels."""
    if kind == "ours":
        return keypoint_file()(folder)
    two = people(HALPE26)
    if kind == "sports2d":
        return sports2d(folder / "out", two, HALPE26.joints)
    path = rtmlib(folder / "a.npz", two)
    np.savez(path, **np.load(path), fps=30, size=[1280, 720])
    return path


@pytest.mark.parametrize("kind", ["ours", "rtmlib", "sports2d"])
def test_resolve_refuses_what_contradicts_the_file(kind: str, tmp_path: Path) -> None:
    path = _file_with_rate(kind, tmp_path)
    for fps in (60.0, 0.0, -30.0, 25.0, float("nan")):
        with pytest.raises(ValueError, match=rf"has fps 30, but --fps is {fps:g}"):
            read_detections(path, fps=fps, size=SIZE)
    if kind != "sports2d":
        with pytest.raises(ValueError, match=r"has size 1280 x 720, but --size is 1280 x 721"):
            read_detections(path, size=(1280, 721))


@pytest.mark.parametrize("kind", ["ours", "rtmlib", "sports2d"])
def test_resolve_takes_a_rounded_rate_as_the_same(kind: str, tmp_path: Path) -> None:
    path = _file_with_rate(kind, tmp_path)
    for fps in (30.0, 29.97):
        assert read_detections(path, fps=fps, size=SIZE).fps == pytest.approx(30.0)


@pytest.mark.parametrize("fps", [0.0, -30.0, float("nan"), float("inf")])
def test_resolve_refuses_a_rate_that_is_not_positive(fps: float, tmp_path: Path) -> None:
    for path in (
        mmpose(tmp_path / "a.json", people(COCO), MMPOSE),
        keypoint_file(fps=None)(tmp_path),
    ):
        with pytest.raises(ValueError, match=rf"fps must be positive.* and {fps}"):
            read_detections(path, fps=fps, size=SIZE)


@pytest.mark.parametrize("size", [(0, 720), (-1280, 720)])
def test_resolve_refuses_a_size_that_is_not_positive(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="size and fps must be positive"):
        RateAndSize(FPS, size).resolve(Path("a"), None, None)


def test_motions_refuse_fractions_of_the_picture_of_every_program(tmp_path: Path) -> None:
    two = people(HALPE26) / [*SIZE, 1]
    ours = keypoint_file(xy=walk(40).xy / SIZE)
    for path in (
        mmpose(tmp_path / "b.json", two, HALPE26.joints),
        rtmlib(tmp_path / "b.npz", two),
        openpose(tmp_path / "json", two),
        sports2d(tmp_path / "trc", two, HALPE26.joints),
        ours(tmp_path),
    ):
        with pytest.raises(ValueError, match="fractions of the picture"):
            read_motions(path, fps=FPS, size=SIZE)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(None, None), (-1, None), ([-1], None), ([], None), (0, "0"), ([5], "5"), ("a", "a")],
)
def test_person_keypoints_reads_the_id(number: object, expected: str | None) -> None:
    assert person_keypoints(np.ones((3, 2)), np.ones(3), number).id == expected


def test_person_keypoints_clips_confidence_and_drops_what_is_not_finite() -> None:
    xy, score = [[1, 2, 9], [np.nan, 2, 9], [3, 4, 9], [5, 6, 9]], [1.5, 0.5, np.inf, -1.0]
    joints = person_keypoints(xy, score).joints
    np.testing.assert_array_equal(joints, [[1, 2, 1], [0, 0, 0], [0, 0, 0], [5, 6, 0]])


def test_detections_leave_out_ids_that_people_share(tmp_path: Path) -> None:
    two = people(COCO, 6)
    folder = coco_results(tmp_path / "a.json", two)
    content = json.loads(folder.read_text())
    for entry in content:
        entry["idx"] = 0
    folder.write_text(json.dumps(content))
    assert set(read_detections(folder, fps=FPS, size=SIZE).ids or ()) == {None}
    for i, entry in enumerate(content[2:]):
        entry["idx"] = i % 2
    folder.write_text(json.dumps(content))  # two share one in the first frame alone
    assert set(read_detections(folder, fps=FPS, size=SIZE).ids or ()) == {"0", "1"}
