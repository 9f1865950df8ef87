"""Human3.6M, CPN: cameras, joints and pixels as VideoPose3D has them, and its way to average."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from synthetic import CAMERAS, PIXELS_APART, Knows, KnowsCentre, ReadsCentre, cpn_folder

from tcpformer.datasets.h36m_cpn import (
    FILE_2D,
    FILE_3D,
    RAW_JOINTS,
    SUBJECTS,
    Camera,
    cameras,
    load_h36m_cpn,
    load_h36m_cpn_actions,
)
from tcpformer.datasets.h36m_sh import SIZES
from tcpformer.evaluation.h36m_cpn import covering_clip_indices, evaluate_h36m_cpn
from tcpformer.skeleton import H36M_NOSE

TAKES = {
    "S9": {"Walking": 12, "Walking 1": 20, "Directions": 9},
    "S11": {"Directions": 50, "Directions 1": 5, "Walking": 31},
}
SCORED = (12, 20, 9, 5, 31)
NETWORKS: dict[str, Callable[..., Knows | KnowsCentre]] = {"all": Knows, "centre": KnowsCentre}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return cpn_folder(tmp_path / "h36m", TAKES)


def numbered(xy: np.ndarray) -> np.ndarray:
    return np.rint(xy[:, 0, 1] / PIXELS_APART).astype(int)


def truth(folder: Path) -> np.ndarray:
    """Root-relative metres, by the number that the 2D of each frame says."""
    footage = load_h36m_cpn(folder, "test")
    numbers = numbered(footage.xy)
    table = np.zeros((numbers.max() + 1, 17, 3))
    table[numbers] = footage.xyz - footage.xyz[:, :1]
    return table


# Cameras


def test_a_camera_is_opencvs_but_for_half_of_the_tangential_distortion() -> None:
    for subject in ("S1", "S9", "S11"):
        for camera in cameras(subject):
            world = np.random.default_rng(0).uniform(-0.8, 0.8, (50, 3)) + np.array([0, 0, 1])
            k1, k2, p1, p2, k3 = camera.distortion
            matrix = np.array(
                [
                    [camera.focal[0], 0, camera.centre[0]],
                    [0, camera.focal[1], camera.centre[1]],
                    [0, 0, 1],
                ]
            )
            turn, _ = cv2.Rodrigues(camera.rotation)
            for tangential, close in (((p1, p2), 0.5), ((0.0, 0.0), 1e-6)):
                lens = np.array([k1, k2, *tangential, k3])
                theirs, _ = cv2.projectPoints(world, turn, camera.translation, matrix, lens)
                same = Camera(
                    camera.size, camera.rotation, camera.translation, camera.focal, camera.centre,
                    lens,
                )  # fmt: skip
                ours = same.project(same.place(world))
                np.testing.assert_allclose(ours, theirs[:, 0], atol=close)


@pytest.mark.parametrize("subject", [s for split in SUBJECTS.values() for s in split])
def test_cameras_stand_around_and_look_at_the_middle(subject: str) -> None:
    for camera in cameras(subject):
        np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-6)
        middle = camera.place(np.array([0.0, 0.0, 1.0]))
        assert 3 < middle[2] < 7
        seen = camera.project(middle)
        assert ((seen > 250) & (seen < 750)).all()
        standing = -camera.rotation.T @ camera.translation
        assert 1 < standing[2] < 2
        up = camera.place(np.array([0.0, 0.0, 1.5]))
        assert camera.project(up)[1] < seen[1] - 50, "y points down"


def test_unknown_subjects_have_no_cameras() -> None:
    with pytest.raises(ValueError, match="subject must be one of"):
        cameras("S12")


# The files


def test_joints_and_cameras_as_the_protocol_orders_them(folder: Path) -> None:
    footage, actions = load_h36m_cpn_actions(folder, "test")
    assert tuple(SIZES) == CAMERAS
    dropped = [i for i, name in enumerate(RAW_JOINTS) if not name]
    assert dropped == [4, 5, 9, 10, 11, 16, *range(20, 25), *range(28, 32)]
    assert tuple(name for name in RAW_JOINTS if name) == H36M_NOSE.joints
    assert footage.lengths.tolist() == [n for n in SCORED for _ in range(4)]
    assert footage.starts.tolist() == [0, *np.cumsum(footage.lengths)[:-1].tolist()]
    assert footage.sizes.tolist()[:4] == [[1000, 1002], [1000, 1000], [1000, 1000], [1000, 1002]]
    assert footage.subjects == ("S9",) * 12 + ("S11",) * 8
    assert actions[::4] == ("Walking", "Walking", "Directions", "Directions", "Walking")
    assert (footage.confidence == 1).all()
    assert (footage.units == 1).all()


def test_the_truth_is_in_the_axes_of_each_camera(folder: Path) -> None:
    footage = load_h36m_cpn(folder, "test")
    with np.load(folder / FILE_3D, allow_pickle=True) as file:
        world = file["positions_3d"].item()["S9"]["Walking"]
    for i, camera in enumerate(cameras("S9")):
        hip, head = footage.xyz[12 * i + 3, [0, 10]].astype(float)
        back = camera.rotation.T @ (head - camera.translation)
        np.testing.assert_allclose(back, world[3, 15], atol=1e-5)
        assert np.linalg.norm(head - hip) == pytest.approx(
            np.linalg.norm(world[3, 15] - world[3, 0]), abs=1e-5
        )


def test_detections_are_cut_to_the_motion_capture(folder: Path) -> None:
    footage = load_h36m_cpn(folder, "test")
    np.testing.assert_array_equal(numbered(footage.xy[:48]), np.arange(48))


def test_ground_truth_is_projected_and_needs_no_detections(folder: Path) -> None:
    (folder / FILE_2D).unlink()
    footage = load_h36m_cpn(folder, "test", ground_truth=True)
    camera = cameras("S9")[1]
    wanted = camera.project(footage.xyz[12:24].astype(float))
    np.testing.assert_allclose(footage.xy[12:24], wanted, atol=1e-2)
    with pytest.raises(FileNotFoundError, match=FILE_2D):
        load_h36m_cpn(folder, "test")


def test_what_is_not_there_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"subjects \['S1', 'S5'.* are missing"):
        load_h36m_cpn(folder, "train")
    with pytest.raises(FileNotFoundError, match=FILE_3D):
        load_h36m_cpn(tmp_path, "test")
    with np.load(folder / FILE_2D, allow_pickle=True) as file:
        detected = file["positions_2d"].item()
    walking = detected["S9"].pop("Walking")
    spoilt = {
        "no 2D of it": None,
        "2D of four cameras": walking[:3],
        r"\(12 or more, 17, 2\)": [xy[:11] for xy in walking],
    }
    for message, views in spoilt.items():
        detected["S9"] |= {"Walking": views} if views else {}
        np.savez(folder / FILE_2D, positions_2d=np.array(detected, dtype=object))
        with pytest.raises(ValueError, match=f"S9 'Walking': .*{message}"):
            load_h36m_cpn(folder, "test")
    np.savez(folder / FILE_3D, positions_3d=np.zeros(3))
    with pytest.raises(ValueError, match="must be a dict"):
        load_h36m_cpn(folder, "test")
    worlds = {s: {"Walking": np.zeros((5, 17, 3))} for s in TAKES}
    np.savez(folder / FILE_3D, positions_3d=np.array(worlds, dtype=object))
    with pytest.raises(ValueError, match=r"3D of \(frames, 32, 3\)"):
        load_h36m_cpn(folder, "test")


# The protocol


@pytest.mark.parametrize("length", [1, 5, 9, 10, 18, 31])
def test_every_frame_is_in_a_clip(length: int) -> None:
    clips = covering_clip_indices(length, 9)
    assert clips.shape == (max(-(-length // 9), 1), 9)
    assert set(clips.ravel().tolist()) == set(range(length))
    assert clips[-1, -1] == length - 1
    np.testing.assert_array_equal(clips[:-1].ravel(), np.arange(clips[:-1].size))


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("kind", NETWORKS)
def test_the_truth_scores_nothing(folder: Path, kind: str, flip: bool) -> None:
    report = evaluate_h36m_cpn(NETWORKS[kind](truth(folder)), folder, flip=flip)
    for score in ("mpjpe", "p_mpjpe", "n_mpjpe"):
        assert report.scores[score] == pytest.approx(0, abs=1e-3)
    assert report.scores["frames"] == 4 * sum(SCORED)
    assert list(report.tables["action"]) == ["Directions", "Walking"]


@pytest.mark.parametrize("kind", NETWORKS)
def test_an_offset_gives_its_length(folder: Path, kind: str) -> None:
    table = truth(folder) + np.array([0.03, 0, 0.04])
    scores = evaluate_h36m_cpn(NETWORKS[kind](table), folder, flip=False).scores
    assert scores["mpjpe"] == pytest.approx(50, abs=1e-3)
    assert scores["p_mpjpe"] == pytest.approx(0, abs=1e-3)
    assert scores["mpjve"] == pytest.approx(0, abs=0.05)
    joints = evaluate_h36m_cpn(NETWORKS[kind](table), folder, flip=False).tables["joint"]
    assert all(row["mpjpe"] == pytest.approx(50, abs=1e-3) for row in joints.values())


def test_a_wrong_scale_is_an_error_of_protocol_1_only(folder: Path) -> None:
    table = truth(folder)
    scores = evaluate_h36m_cpn(Knows(1.1 * table), folder).scores
    assert scores["mpjpe"] > 10
    assert scores["n_mpjpe"] == pytest.approx(0, abs=1e-3)
    assert scores["p_mpjpe"] == pytest.approx(0, abs=1e-3)


def test_trembling_has_a_speed_and_an_acceleration(folder: Path) -> None:
    table = truth(folder)
    trembling = 0.001 * (np.arange(len(table)) % 2)[:, None, None] * [1.0, 0, 0]
    scores = evaluate_h36m_cpn(Knows(table + trembling), folder, flip=False).scores
    assert scores["mpjve"] == pytest.approx(1 * 50, rel=1e-2)
    assert scores["acceleration_error"] == pytest.approx(2 * 50**2, rel=1e-2)


def test_actions_weigh_the_same_and_their_frames_within_them(folder: Path) -> None:
    """Each take is off by its own length in frames, in millimetres."""
    footage = load_h36m_cpn(folder, "test")
    off = np.concatenate([np.full(n, n / 1000) for n in footage.lengths])
    table = truth(folder)
    table[numbered(footage.xy)] += off[:, None, None] * [1.0, 0, 0]
    report = evaluate_h36m_cpn(Knows(table), folder, flip=False)
    directions = (9 * 9 + 5 * 5) / (9 + 5)
    walking = (12 * 12 + 20 * 20 + 31 * 31) / (12 + 20 + 31)
    rows = report.tables["action"]
    assert rows["Directions"]["mpjpe"] == pytest.approx(directions, abs=1e-3)
    assert rows["Walking"]["mpjpe"] == pytest.approx(walking, abs=1e-3)
    assert report.scores["mpjpe"] == pytest.approx((directions + walking) / 2, abs=1e-3)


def test_two_channels_are_enough_and_ground_truth_is_said(folder: Path) -> None:
    class Flat(ReadsCentre):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert x.abs().max() < 1.5
            return torch.zeros(len(x), 1, 17, 3)

    report = evaluate_h36m_cpn(Flat(), folder, ground_truth=True)
    assert "true 2D" in report.title
    assert not report.published
    assert any("one frame a pass" in note for note in report.notes)
