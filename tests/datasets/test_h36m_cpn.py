"""Human3.6M, CPN: cameras, joints and pixels as in VideoPose3D."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from synthetic import CAMERAS, PIXELS_APART, cpn_folder

from tcpformer.datasets.h36m_cpn import (
    FILE_2D,
    FILE_3D,
    RAW_JOINTS,
    SUBJECTS,
    Camera,
    load_cameras,
    load_h36m_cpn,
    load_h36m_cpn_actions,
)
from tcpformer.datasets.h36m_sh import SIZES
from tcpformer.skeleton import H36M_NOSE

TAKES = {
    "S9": {"Walking": 12, "Walking 1": 20, "Directions": 9},
    "S11": {"Directions": 50, "Directions 1": 5, "Walking": 31},
}
SCORED = (12, 20, 9, 5, 31)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return cpn_folder(tmp_path / "h36m", TAKES)


def numbered(xy: np.ndarray) -> np.ndarray:
    return np.rint(xy[:, 0, 1] / PIXELS_APART).astype(int)


def test_project_equals_opencv_up_to_tangential_distortion() -> None:
    for subject in ("S1", "S9", "S11"):
        for camera in load_cameras(subject):
            world = np.random.default_rng(0).uniform(-0.8, 0.8, (50, 3)) + np.array([0, 0, 1])
            k1, k2, p1, p2, k3 = camera.distortion
            matrix = np.array(
                [
                    [camera.focal[0], 0, camera.center[0]],
                    [0, camera.focal[1], camera.center[1]],
                    [0, 0, 1],
                ]
            )
            turn, _ = cv2.Rodrigues(camera.rotation)
            for tangential, close in (((p1, p2), 0.5), ((0.0, 0.0), 1e-6)):
                lens = np.array([k1, k2, *tangential, k3])
                theirs, _ = cv2.projectPoints(world, turn, camera.translation, matrix, lens)
                same = Camera(
                    camera.size, camera.rotation, camera.translation, camera.focal, camera.center,
                    lens,
                )  # fmt: skip
                ours = same.project(same.to_camera(world))
                np.testing.assert_allclose(ours, theirs[:, 0], atol=close)


@pytest.mark.parametrize("subject", [s for split in SUBJECTS.values() for s in split])
def test_load_cameras_look_at_the_middle(subject: str) -> None:
    for camera in load_cameras(subject):
        np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-6)
        middle = camera.to_camera(np.array([0.0, 0.0, 1.0]))
        assert 3 < middle[2] < 7
        seen = camera.project(middle)
        assert ((seen > 250) & (seen < 750)).all()
        standing = -camera.rotation.T @ camera.translation
        assert 1 < standing[2] < 2
        up = camera.to_camera(np.array([0.0, 0.0, 1.5]))
        assert camera.project(up)[1] < seen[1] - 50, "y points down"


def test_load_cameras_refuses_unknown_subjects() -> None:
    with pytest.raises(ValueError, match="subject must be one of"):
        load_cameras("S12")


def test_load_h36m_cpn_has_the_order_of_the_protocol(folder: Path) -> None:
    dataset, actions = load_h36m_cpn_actions(folder, "test")
    assert tuple(SIZES) == CAMERAS
    dropped = [i for i, name in enumerate(RAW_JOINTS) if not name]
    assert dropped == [4, 5, 9, 10, 11, 16, *range(20, 25), *range(28, 32)]
    assert tuple(name for name in RAW_JOINTS if name) == H36M_NOSE.joints
    assert dataset.lengths.tolist() == [n for n in SCORED for _ in range(4)]
    assert dataset.starts.tolist() == [0, *np.cumsum(dataset.lengths)[:-1].tolist()]
    assert dataset.sizes.tolist()[:4] == [[1000, 1002], [1000, 1000], [1000, 1000], [1000, 1002]]
    assert dataset.subjects == ("S9",) * 12 + ("S11",) * 8
    assert actions[::4] == ("Walking", "Walking", "Directions", "Directions", "Walking")
    assert (dataset.confidence == 1).all()
    assert (dataset.units == 1).all()


def test_load_h36m_cpn_has_camera_axes(folder: Path) -> None:
    dataset = load_h36m_cpn(folder, "test")
    with np.load(folder / FILE_3D, allow_pickle=True) as file:
        world = file["positions_3d"].item()["S9"]["Walking"]
    for i, camera in enumerate(load_cameras("S9")):
        hip, head = dataset.xyz[12 * i + 3, [0, 10]].astype(float)
        back = camera.rotation.T @ (head - camera.translation)
        np.testing.assert_allclose(back, world[3, 15], atol=1e-5)
        assert np.linalg.norm(head - hip) == pytest.approx(
            np.linalg.norm(world[3, 15] - world[3, 0]), abs=1e-5
        )


def test_load_h36m_cpn_cuts_detections(folder: Path) -> None:
    dataset = load_h36m_cpn(folder, "test")
    np.testing.assert_array_equal(numbered(dataset.xy[:48]), np.arange(48))


def test_load_h36m_cpn_projects_ground_truth(folder: Path) -> None:
    (folder / FILE_2D).unlink()
    dataset = load_h36m_cpn(folder, "test", ground_truth=True)
    camera = load_cameras("S9")[1]
    wanted = camera.project(dataset.xyz[12:24].astype(float))
    np.testing.assert_allclose(dataset.xy[12:24], wanted, atol=1e-2)
    with pytest.raises(FileNotFoundError, match=FILE_2D):
        load_h36m_cpn(folder, "test")


def test_load_h36m_cpn_refuses_broken_files(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"subjects \['S1', 'S5'.* are missing"):
        load_h36m_cpn(folder, "train")
    with pytest.raises(FileNotFoundError, match=FILE_3D):
        load_h36m_cpn(tmp_path, "test")
    with np.load(folder / FILE_2D, allow_pickle=True) as file:
        detected = file["positions_2d"].item()
    walking = detected["S9"].pop("Walking")
    spoilt = {
        "the 2D file lacks it": None,
        "2D of four cameras": walking[:3],
        "2D of 12 frames or more": [xy[:11] for xy in walking],
        r"2D of \(frames, 17, 2\)": [xy[:, :16] for xy in walking],
        "finite 2D": [xy * np.nan for xy in walking],
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
    with pytest.raises(ValueError, match=r"h36m: S9 'Walking': .*3D of \(frames, 32, 3\)"):
        load_h36m_cpn(folder, "test")


def test_load_h36m_cpn_refuses_takes_without_text_names(folder: Path) -> None:
    worlds = {s: {3: np.zeros((5, 32, 3))} for s in TAKES}
    np.savez(folder / FILE_3D, positions_3d=np.array(worlds, dtype=object))
    with pytest.raises(ValueError, match=f"{FILE_3D}: expected texts as names of takes"):
        load_h36m_cpn(folder, "test")
