"""Calibration files: one camera in every format, several cameras, and what is refused."""

import json
from pathlib import Path

import pytest
from scipy.spatial.transform import Rotation

from tcpformer.io.calibration import read_calibration
from tcpformer.lens import Lens

POSE2SIM = """
[cam_01]
name = "cam_01"
size = [ 1280.0, 720.0]
matrix = [ [ 1000.0, 0.0, 650.0], [ 0.0, 990.0, 350.0], [ 0.0, 0.0, 1.0]]
distortions = [ -0.3, 0.1, 0.001, -0.002]
rotation = [ 1.3, 0.1, -0.1]
translation = [ 0.0, 1.0, 4.0]
fisheye = false

[metadata]
adjusted = false
error = 0.0
"""
SECOND = POSE2SIM.split("[metadata]")[0].replace("cam_01", "cam_02").replace("1000.0", "1100.0")
CAMERA = {
    "K": [[1000, 0, 650], [0, 990, 350], [0, 0, 1]],
    "distortion": [-0.3, 0.1, 0.001, -0.002],
    "size": [1280, 720],
}
EXPECTED = ((1000.0, 990.0), (650.0, 350.0), (1280, 720), (-0.3, 0.1, 0.001, -0.002))


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def numbers_of(lens: Lens) -> tuple[object, ...]:
    return lens.focal, lens.center, lens.size, lens.distortion


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Calib.toml", POSE2SIM),
        ("camera.json", json.dumps(CAMERA)),
        ("listed.json", json.dumps({"cameras": [CAMERA]})),
        (
            "opencv.json",
            json.dumps(
                {
                    "camera_matrix": CAMERA["K"],
                    "dist_coeffs": [CAMERA["distortion"]],
                    "width": 1280,
                    "height": 720,
                }
            ),
        ),
        (
            "cameras.txt",
            "# Camera list\n\n1 OPENCV 1280 720 1000 990 650 350 -0.3 0.1 0.001 -0.002\n",
        ),
    ],
)
def test_read_calibration_reads_every_format(tmp_path: Path, name: str, text: str) -> None:
    assert numbers_of(read_calibration(write(tmp_path, name, text))) == EXPECTED


@pytest.mark.parametrize(
    ("line", "focal", "distortion", "fisheye"),
    [
        ("SIMPLE_PINHOLE 64 48 50 32 24", (50.0, 50.0), (), False),
        ("PINHOLE 64 48 50 51 32 24", (50.0, 51.0), (), False),
        ("SIMPLE_RADIAL 64 48 50 32 24 0.1", (50.0, 50.0), (0.1,), False),
        ("RADIAL 64 48 50 32 24 0.1 0.2", (50.0, 50.0), (0.1, 0.2), False),
        ("OPENCV_FISHEYE 64 48 50 51 32 24 1 2 3 4", (50.0, 51.0), (1.0, 2.0, 3.0, 4.0), True),
        (
            "FULL_OPENCV 64 48 50 51 32 24 1 2 3 4 5 6 7 8",
            (50.0, 51.0),
            (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0),
            False,
        ),
    ],
)
def test_read_calibration_knows_colmap_models(
    tmp_path: Path,
    line: str,
    focal: tuple[float, float],
    distortion: tuple[float, ...],
    fisheye: bool,
) -> None:
    lens = read_calibration(write(tmp_path, "cameras.txt", f"7 {line}\n"))
    assert (lens.focal, lens.distortion, lens.fisheye) == (focal, distortion, fisheye)
    assert lens.center == (32.0, 24.0)


def test_read_calibration_takes_the_camera_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, "Calib.toml", POSE2SIM + SECOND)
    assert read_calibration(path, "cam_02").focal == (1100.0, 990.0)
    assert "cam_02" in read_calibration(path, "cam_02").source


@pytest.mark.parametrize("name", [None, "cam_03"])
def test_read_calibration_never_guesses_the_camera(tmp_path: Path, name: str | None) -> None:
    path = write(tmp_path, "Calib.toml", POSE2SIM + SECOND)
    with pytest.raises(ValueError, match="one of cam_01, cam_02 with --camera-name"):
        read_calibration(path, name)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.toml", "[cam", "not a camera calibration"),
        ("c.json", "[" * 100_000, "not a camera calibration"),
        ("c.json", "{}", "found no camera"),
        ("c.json", "3", "found no camera"),
        ("c.json", json.dumps({**CAMERA, "size": None}), "expected size"),
        ("c.json", json.dumps({**CAMERA, "size": [1280.5, 720]}), "whole pixels"),
        ("c.json", json.dumps({**CAMERA, "size": [1e308, 720]}), "must be finite, below 1e.09"),
        ("c.json", json.dumps({**CAMERA, "K": [[1, 2], [3, 4]]}), "expected matrix"),
        ("c.json", json.dumps({**CAMERA, "K": "many"}), "expected matrix"),
        ("c.json", json.dumps({**CAMERA, "distortion": [1, "x"]}), "expected distortion"),
        ("c.json", '{"K": [[NaN, 0, 1], [0, 1, 1], [0, 0, 1]], "size": [2, 2]}', "matrix"),
        ("c.json", json.dumps({**CAMERA, "K": [[9, 1, 5], [0, 9, 5], [0, 0, 1]]}), "fx, 0, cx"),
        ("c.txt", "1 LENS 2 2 3\n", "line 1: expected CAMERA_ID"),
        ("c.txt", "1 PINHOLE 2 2 3\n", "line 1: PINHOLE needs 4 numbers"),
        ("c.txt", "1 PINHOLE 2 2 3 4 5 x\n", "not a camera calibration"),
        ("c.txt", "", "found no camera"),
        ("c.yaml", "K: 3", "expected a calibration as .toml, .json"),
    ],
)
def test_read_calibration_refuses_with_one_sentence(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        read_calibration(write(tmp_path, name, text))
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_read_calibration_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_calibration(tmp_path / "missing.toml")


@pytest.mark.parametrize("other", [{}, {"other": CAMERA}])
def test_read_calibration_refuses_a_long_name(tmp_path: Path, other: dict[str, object]) -> None:
    content = {"cam": {**CAMERA, "name": [0] * 1000}, **other}
    path = write(tmp_path, "a.json", json.dumps(content))
    with pytest.raises(ValueError, match=r"a\.json: .*name of up to 200 characters") as found:
        read_calibration(path)
    assert len(str(found.value)) < 400 + len(str(path))


def test_read_calibration_shows_few_of_many_names(tmp_path: Path) -> None:
    path = write(tmp_path, "a.json", json.dumps({f"camera {i}": CAMERA for i in range(999)}))
    with pytest.raises(ValueError, match="holds several cameras; choose one of camera 0") as found:
        read_calibration(path)
    assert len(str(found.value)) < 400 + len(str(path))


MATRIX = Rotation.from_rotvec([1.3, 0.1, -0.1]).as_matrix()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rotation", [1.3, 0.1, -0.1]),
        ("rvec", [[1.3], [0.1], [-0.1]]),
        ("R", MATRIX.tolist()),
        ("rotation_matrix", MATRIX.round(5).tolist()),
    ],
)
def test_read_calibration_reads_the_rotation_of_the_camera(
    tmp_path: Path, key: str, value: object
) -> None:
    lens = read_calibration(write(tmp_path, "a.json", json.dumps({**CAMERA, key: value})))
    assert lens.rotation == pytest.approx((1.3, 0.1, -0.1), abs=1e-4)


def test_read_calibration_needs_no_rotation(tmp_path: Path) -> None:
    assert read_calibration(write(tmp_path, "a.json", json.dumps(CAMERA))).rotation is None
    found = read_calibration(write(tmp_path, "a.toml", POSE2SIM)).rotation
    assert found == (1.3, 0.1, -0.1)


@pytest.mark.parametrize(
    "value", [[1, 2], [[1, 0, 0], [0, 1, 0], [0, 0, -1]], [[1, 1, 0], [0, 1, 0], [0, 0, 1]], "x"]
)
def test_read_calibration_refuses_other_rotations(tmp_path: Path, value: object) -> None:
    path = write(tmp_path, "a.json", json.dumps({**CAMERA, "rotation": value}))
    with pytest.raises(ValueError, match=r"a\.json, camera camera: expected rotation as"):
        read_calibration(path)
