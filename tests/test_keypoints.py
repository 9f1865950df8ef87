"""Keypoints of other programs, written here as those programs write them."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import keypoint_file, refused, run, tiny_weights, written
from motions import walk

from tcpformer.keypoints import read_people
from tcpformer.people import BY_COUNT, known
from tcpformer.skeleton import BODY25, COCO, H36M, HALPE26, KNOWN, Skeleton, conversion

FPS, SIZE = 30.0, (1280, 720)
rng = np.random.default_rng(0)
COUNT = 20


def people(skeleton: Skeleton, count: int = COUNT) -> np.ndarray:
    """Two people (2, t, k, 3) who walk past each other."""
    figure = {
        "Nose": (0, -80), "LEye": (3, -84), "REye": (-3, -84), "LEar": (7, -82), "REar": (-7, -82),
        "Neck": (0, -58), "Head": (0, -95), "Hip": (0, 0),
        "LShoulder": (18, -55), "LElbow": (26, -25), "LWrist": (28, 5),
        "LHip": (10, 0), "LKnee": (11, 42), "LAnkle": (12, 85), "LHeel": (10, 90),
        "LBigToe": (14, 92), "LSmallToe": (17, 92),
    }  # fmt: skip
    for name, (x, y) in dict(figure).items():
        if name[0] == "L":
            figure["R" + name[1:]] = (-x, y)
    body = np.array([figure[joint] for joint in skeleton.joints], float)
    t = np.arange(count)[:, None, None]
    left = body + [300, 350] + t * [12, 0]
    right = 0.8 * body + [620, 300] - t * [12, 0]
    xy = np.stack([left, right])
    return np.concatenate([xy, np.full((*xy.shape[:-1], 1), 0.9)], axis=-1)


def openpose(folder: Path, two: np.ndarray, *, ids: bool = False) -> Path:
    folder.mkdir()
    for frame in range(two.shape[1]):
        order = rng.permutation(2)
        content = [
            {
                "person_id": [int(i) + 5 if ids else -1],
                "pose_keypoints_2d": two[i, frame].ravel().tolist(),
                "face_keypoints_2d": [],
            }
            for i in order
        ]
        name = f"clip_{frame:012d}_keypoints.json"
        (folder / name).write_text(json.dumps({"version": 1.3, "people": content}))
    return folder


def mmpose(path: Path, two: np.ndarray, names: tuple[str, ...] | None) -> Path:
    frames = [
        {
            "frame_id": frame + 1,
            "instances": [
                {
                    "keypoints": two[i, frame, :, :2].tolist(),
                    "keypoint_scores": two[i, frame, :, 2].tolist(),
                    "bbox": [[0, 0, 1, 1]],
                    "bbox_score": 0.9,
                }
                for i in rng.permutation(2)
            ],
        }
        for frame in range(two.shape[1])
    ]
    content: object = frames
    if names is not None:
        numbered = {str(i): name for i, name in enumerate(names)}
        content = {"meta_info": {"keypoint_id2name": numbered}, "instance_info": frames}
    path.write_text(json.dumps(content))
    return path


def rtmlib(path: Path, two: np.ndarray) -> Path:
    shuffled = np.stack([two[rng.permutation(2), t] for t in range(two.shape[1])])
    np.savez(path, keypoints=shuffled[..., :2], scores=shuffled[..., 2])
    return path


def sports2d(folder: Path, two: np.ndarray, names: tuple[str, ...]) -> Path:
    folder.mkdir()
    for i, one in enumerate(two):
        path = folder / f"clip_Sports2D_px_person{i:02d}.trc"
        k = range(1, len(names) + 1)
        head = [
            f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
            "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\t"
            "OrigDataStartFrame\tOrigNumFrames",
            f"{FPS}\t{FPS}\t{len(one)}\t{len(names)}\tpx\t{FPS}\t0\t{len(one)}",
            "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
            "\t\t" + "\t".join(f"X{j}\tY{j}\tZ{j}" for j in k),
        ]
        rows = []
        for frame, joints in enumerate(one):
            cells = [f"{x}\t{y}\t0.0" if c else "\t\t" for x, y, c in joints.tolist()]
            rows.append(f"{frame + 1}\t{frame / FPS}\t" + "\t".join(cells))
        path.write_text("\n".join([*head, *rows]) + "\n")
        (folder / f"clip_Sports2D_m_person{i:02d}.trc").write_text("metres, not read\n")
    return folder


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


MMPOSE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder",
          "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip",
          "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle")  # fmt: skip


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


@pytest.mark.parametrize("count", BY_COUNT)
def test_joints_without_names_are_known_by_their_number(count: int) -> None:
    skeleton, order = known(None, count)
    assert len(order) == len(skeleton.joints) <= count
    assert [BY_COUNT[count][i] for i in order] == list(skeleton.joints)


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
