"""What is given besides keypoints of other programs, and what is refused of either."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import keypoint_file
from keypoint_files import FPS, MMPOSE, SIZE, mmpose, openpose, people, rtmlib, sports2d
from motions import walk

from tcpformer.io.keypoints import read_people
from tcpformer.io.npz import save_motion
from tcpformer.skeleton import COCO, HALPE26


def test_rate_and_size_must_be_told(tmp_path: Path) -> None:
    path = mmpose(tmp_path / "a.json", people(COCO), MMPOSE)
    ours = keypoint_file(fps=None, size=None)(tmp_path)
    both = "fps and size; say it with --fps and --size WIDTH HEIGHT"
    for fps, size, words in (
        (None, None, both),
        (FPS, None, "size; say it with --size WIDTH HEIGHT"),
        (None, SIZE, "fps; say it with --fps"),
    ):
        for each in (path, ours):
            with pytest.raises(ValueError, match=rf"does not tell {words}, or give the --video"):
                read_people(each, fps=fps, size=size)


@pytest.mark.parametrize("missing", [("fps",), ("size",), ("fps", "size")])
def test_our_own_npz_is_completed_by_what_is_given(
    missing: tuple[str, ...], tmp_path: Path
) -> None:
    path = keypoint_file(**dict.fromkeys(missing))(tmp_path)
    (motion,) = read_people(path, fps=FPS, size=SIZE)
    assert (motion.fps, motion.size) == (FPS, SIZE)
    np.testing.assert_allclose(motion.xy, walk(40).xy)


def test_times_tell_the_rate(tmp_path: Path) -> None:
    path = keypoint_file(fps=None, times=np.arange(40) / 50)(tmp_path)
    assert read_people(path)[0].fps == pytest.approx(50)
    with pytest.raises(ValueError, match="tells fps 50"):
        read_people(path, fps=25.0)


def _telling(kind: str, folder: Path) -> Path:
    """A file that tells 30 frames per second and, but for Sports2D, 1280 x 720 pixels."""
    if kind == "ours":
        return keypoint_file()(folder)
    two = people(HALPE26)
    if kind == "sports2d":
        return sports2d(folder / "out", two, HALPE26.joints)
    path = rtmlib(folder / "a.npz", two)
    np.savez(path, **np.load(path), fps=30, size=[1280, 720])
    return path


@pytest.mark.parametrize("kind", ["ours", "rtmlib", "sports2d"])
def test_what_contradicts_a_file_is_refused(kind: str, tmp_path: Path) -> None:
    path = _telling(kind, tmp_path)
    for fps in (60.0, 0.0, -30.0, 25.0, float("nan")):
        with pytest.raises(ValueError, match=rf"tells fps 30, but --fps says {fps:g}"):
            read_people(path, fps=fps, size=SIZE)
    for fps in (30.0, 29.97):  # as a video has it that a file says to have 30
        motions = read_people(path, fps=fps, size=SIZE)
        assert [motion.fps for motion in motions] == pytest.approx([30.0] * len(motions))
    if kind != "sports2d":
        with pytest.raises(ValueError, match=r"tells size 1280 x 720, but --size .* 1280 x 721"):
            read_people(path, size=(1280, 721))


@pytest.mark.parametrize("fps", [0.0, -30.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(fps: float, tmp_path: Path) -> None:
    for path in (
        mmpose(tmp_path / "a.json", people(COCO), MMPOSE),
        keypoint_file(fps=None)(tmp_path),
    ):
        with pytest.raises(ValueError, match=rf"fps must be positive.* and {fps}"):
            read_people(path, fps=fps, size=SIZE)
    for size in ((0, 720), (-1280, 720)):
        with pytest.raises(ValueError, match="size and fps must be positive"):
            read_people(tmp_path / "a.json", fps=FPS, size=size)


def test_our_own_npz_holds_one_person(tmp_path: Path) -> None:
    path = keypoint_file()(tmp_path)
    for person in ("all", "largest", "longest", "0", 0):
        assert [motion.person for motion in read_people(path, person=person)] == [0]
    for person in ("foo", "7", 7, "-1", ""):
        with pytest.raises(ValueError, match=rf"holds one person: .* got {person!r}"):
            read_people(path, person=person)


def test_shares_of_the_picture_are_refused_of_every_program(tmp_path: Path) -> None:
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
            read_people(path, fps=FPS, size=SIZE)


def test_a_motion_as_keypoints_keeps_the_source_of_its_focal_length(tmp_path: Path) -> None:
    path, said = tmp_path / "motion.npz", "assumed: 60 degrees across the longer side"
    save_motion(replace(walk(40), provenance={"focal": said}), path)
    assert read_people(path)[0].focal_source == said


@pytest.mark.parametrize("kind", ["ours", "rtmlib", "mmpose", "trc", "json", "trcs"])
def test_suffixes_may_have_capital_letters(kind: str, tmp_path: Path) -> None:
    two = people(HALPE26)
    path = {
        "ours": lambda: keypoint_file()(tmp_path),
        "rtmlib": lambda: rtmlib(tmp_path / "b.npz", two),
        "mmpose": lambda: mmpose(tmp_path / "b.json", two, HALPE26.joints),
        "trc": lambda: (
            sports2d(tmp_path / "a", two, HALPE26.joints) / "clip_Sports2D_px_person00.trc"
        ),
        "json": lambda: openpose(tmp_path / "b", two),
        "trcs": lambda: sports2d(tmp_path / "b", two, HALPE26.joints),
    }[kind]()
    expected = read_people(path, fps=FPS, size=SIZE)
    for file in list(path.iterdir()) if path.is_dir() else [path]:
        capital = file.rename(file.with_suffix(file.suffix.upper()))
        path = path if path.is_dir() else capital
    found = read_people(path, fps=FPS, size=SIZE)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.xy, other.xy)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "[1, 2", "not as OpenPose"),
        ("a.json", "\udcff", "not as OpenPose"),
        ("a.json", "[]", "nobody is in any of its 0 frames"),
        ("a.json", '[{"instances": []}]', "nobody is in any of its 1 frames"),
        ("a.json", "7", r"expected keys \['instance_info'\], found 7"),
        ("a.json", "[7]", r"expected keys \['instances'\], found 7"),
        (
            "a.json",
            '{"some": "thing"}',
            r"found keys \['some'\].*OpenPose.*MMPose.*rtmlib.*our own",
        ),
        (
            "a.json",
            '[{"frame_id": 0, "instances": [{"keypoints": [[1, 2]]}]}]',
            r"expected keys \['keypoints', 'keypoint_scores'\], found keys \['keypoints'\]",
        ),
        (  # COCO's results
            "a.json",
            '[{"image_id": 1, "category_id": 1, "keypoints": [1, 2, 1], "score": 1}]',
            r"found keys \['image_id', 'category_id', 'keypoints', 'score'\]",
        ),
        (  # COCO's annotations
            "a.json",
            '{"images": [], "annotations": [], "categories": []}',
            r"found keys \['images', 'annotations', 'categories'\]",
        ),
        (  # a frame of OpenPose
            "a.json",
            '{"version": 1.3, "people": []}',
            r"found keys \['version', 'people'\].*a folder of OpenPose's \.json, one a frame",
        ),
        ("a.trc", "nothing\n", "not as OpenPose"),
        ("a.csv", "x,y", "expected a folder or one of"),
    ],
)
def test_files_that_are_none_are_refused(name: str, text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ValueError, match=words):
        read_people(tmp_path / name, fps=FPS, size=SIZE)


def test_strange_folders_and_numbers_of_joints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found neither"):
        read_people(tmp_path, fps=FPS, size=SIZE)
    (tmp_path / "of_mmpose").mkdir()
    mmpose(tmp_path / "of_mmpose/1.json", people(COCO), MMPOSE)
    with pytest.raises(
        ValueError, match=r"1\.json: expected keys \['people'\], found keys \['meta_"
    ):
        read_people(tmp_path / "of_mmpose", fps=FPS, size=SIZE)
    with pytest.raises(FileNotFoundError):
        read_people(tmp_path / "none.json")
    path = mmpose(tmp_path / "a.json", people(COCO)[:, :, :16], None)
    with pytest.raises(ValueError, match="no joint names, got 16"):
        read_people(path, fps=FPS, size=SIZE)
