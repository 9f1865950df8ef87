"""Keypoints of other programs, written here as those programs write them."""

from pathlib import Path

import numpy as np
import pytest
from commands import keypoint_file, refused, run, tiny_weights, written
from keypoint_files import COUNT, FPS, MMPOSE, SIZE, mmpose, openpose, people, rng, rtmlib, sports2d
from motions import walk

from tcpformer.detections import JOINTS_BY_COUNT, match_skeleton
from tcpformer.io.keypoints import read_people
from tcpformer.skeleton import BODY25, COCO, H36M, HALPE26, KNOWN, Skeleton, conversion


def check(found: list, two: np.ndarray, skeleton: Skeleton) -> None:
    """Two motions, each of one of the two all the way."""
    assert [motion.person for motion in found] == [0, 1]
    for motion, true in zip(found, two, strict=True):
        assert motion.skeleton == skeleton
        assert (motion.size, motion.fps) == (SIZE, pytest.approx(FPS))
        assert motion.valid.all()
        np.testing.assert_allclose(motion.xy, true[..., :2], atol=1e-6)


# each program


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("skeleton", [BODY25, COCO, HALPE26], ids=lambda s: s.name)
def test_openpose(skeleton: Skeleton, ids: bool, tmp_path: Path) -> None:
    two = people(skeleton)
    folder = openpose(tmp_path / "json", two, ids=ids)
    check(read_people(folder, fps=FPS, size=SIZE), two, skeleton)


def test_openpose_with_nobody_in_some_frames(tmp_path: Path) -> None:
    two = people(BODY25)
    folder = openpose(tmp_path / "json", two)
    (folder / "clip_000000000004_keypoints.json").write_text('{"people": []}')
    (folder / "clip_000000000005_keypoints.json").unlink()
    for motion, true in zip(read_people(folder, fps=FPS, size=SIZE), two, strict=True):
        assert np.flatnonzero(~motion.valid).tolist() == [4, 5]
        assert (motion.confidence[4:6] == 0).all()
        np.testing.assert_allclose(motion.xy[6:], true[6:, :, :2])


@pytest.mark.parametrize("names", [MMPOSE, None], ids=["named", "by number"])
def test_mmpose(names: tuple[str, ...] | None, tmp_path: Path) -> None:
    two = people(COCO)
    check(read_people(mmpose(tmp_path / "a.json", two, names), fps=FPS, size=SIZE), two, COCO)


def test_names_count_and_not_places(tmp_path: Path) -> None:
    two, order = people(COCO), rng.permutation(17)
    names = tuple(MMPOSE[i] for i in order)
    found = read_people(mmpose(tmp_path / "a.json", two[:, :, order], names), fps=FPS, size=SIZE)
    check(found, two, COCO)


def test_wholebody_keeps_its_body(tmp_path: Path) -> None:
    two = people(COCO)
    face = np.full((2, COUNT, 116, 3), 5.0)
    whole = np.concatenate([two, face], axis=2)
    names = (*MMPOSE, *(f"face-{i}" for i in range(116)))
    for given in (names, None):
        path = mmpose(tmp_path / "a.json", whole, given)
        check(read_people(path, fps=FPS, size=SIZE), two, COCO)


@pytest.mark.parametrize("skeleton", [COCO, HALPE26], ids=lambda s: s.name)
def test_rtmlib(skeleton: Skeleton, tmp_path: Path) -> None:
    two = people(skeleton)
    check(read_people(rtmlib(tmp_path / "a.npz", two), fps=FPS, size=SIZE), two, skeleton)


def test_sports2d(tmp_path: Path) -> None:
    two = people(HALPE26)
    two[1, 3:6, 9, 2] = 0  # an elbow or wrist that was not seen
    names = HALPE26.joints
    found = read_people(sports2d(tmp_path / "out", two, names), size=SIZE)
    assert [m.skeleton for m in found] == [HALPE26, HALPE26]
    assert found[0].fps == pytest.approx(FPS)
    np.testing.assert_allclose(found[0].xy, two[0, ..., :2])
    assert np.argwhere(found[1].confidence == 0).tolist() == [[3, 9], [4, 9], [5, 9]]
    (one,) = read_people(tmp_path / "out/clip_Sports2D_px_person01.trc", size=SIZE)
    np.testing.assert_allclose(one.xy[0], two[1, 0, :, :2])


def test_our_own_npz_as_before(tmp_path: Path) -> None:
    (motion,) = read_people(keypoint_file()(tmp_path))
    assert motion.skeleton == H36M
    np.testing.assert_allclose(motion.xy, walk(40).xy)


# joints


@pytest.mark.parametrize("count", JOINTS_BY_COUNT)
def test_joints_without_names_are_known_by_their_number(count: int) -> None:
    skeleton, order = match_skeleton(None, count)
    assert len(order) == len(skeleton.joints) <= count
    assert [JOINTS_BY_COUNT[count][i] for i in order] == list(skeleton.joints)


def test_body25_becomes_human36m_as_halpe_does() -> None:
    body, halpe = people(BODY25)[0, 0, :, :2], people(HALPE26)[0, 0, :, :2]
    ours, theirs = conversion(BODY25, H36M) @ body, conversion(HALPE26, H36M) @ halpe
    same = [i for i, joint in enumerate(H36M.joints) if joint != "Head"]
    np.testing.assert_allclose(ours[same], theirs[same])
    assert ours[H36M.index["Head"], 1] < body[BODY25.index["LEar"], 1]
    assert BODY25 in KNOWN


# the command line


def test_people_of_a_file_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = openpose(tmp_path / "json", people(BODY25))
    weights, out = tiny_weights(tmp_path / "w"), tmp_path / "out"
    given = ("--fps", 30, "--size", 1280, 720, "--weights", weights, "--device", "cpu")
    run("lift", folder, *given, "--out", out)
    assert written(out) == [f"person_{i}/motion.{s}" for i in (0, 1) for s in ("bvh", "npz")]
    run("lift", folder, *given, "--out", tmp_path / "one", "--person", 1)
    assert written(tmp_path / "one") == ["person_1/motion.bvh", "person_1/motion.npz"]
    capsys.readouterr()
    said = refused(capsys, "lift", folder, *given, "--person", 7, "--out", tmp_path / "none")
    assert "'longest' or a number from 0 to 1" in said
    assert not (tmp_path / "none").exists()
    said = refused(capsys, "lift", folder, "--weights", weights)
    assert "--fps and --size" in said
