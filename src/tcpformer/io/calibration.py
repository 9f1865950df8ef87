"""Camera calibrations: TOML of Pose2Sim and Anipose, COLMAP's cameras.txt, and JSON.

```toml
[cam_01]
name = "cam_01"
size = [1920.0, 1080.0]
matrix = [[1200.0, 0.0, 960.0], [0.0, 1200.0, 540.0], [0.0, 0.0, 1.0]]
distortions = [-0.1, 0.01, 0.0, 0.0]
rotation = [1.57, 0.0, 0.0]
fisheye = false
```

A camera in JSON has ``K`` (3 x 3), ``distortion`` (OpenCV's coefficients) and ``size``, under any
of the names of `_KEYS`; a file may hold one camera, or a mapping or list of several. The rotation
from the world to the camera, a vector (Rodrigues) or a matrix, is optional.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..files import brief
from ..lens import Lens

_KEYS = {
    "matrix": ("matrix", "K", "camera_matrix", "intrinsics", "intrinsic", "mtx"),
    "distortion": (
        *("distortions", "distortion", "dist", "dist_coeffs", "distortion_coefficients"),
        "distCoeffs",
    ),
    "size": ("size", "image_size", "resolution", "img_size"),
    "rotation": ("rotation", "R", "rvec", "rotation_vector", "rotation_matrix"),
}
_COLMAP: dict[str, tuple[str, ...]] = {
    "SIMPLE_PINHOLE": ("f", "cx", "cy"),
    "PINHOLE": ("fx", "fy", "cx", "cy"),
    "SIMPLE_RADIAL": ("f", "cx", "cy", "k1"),
    "RADIAL": ("f", "cx", "cy", "k1", "k2"),
    "OPENCV": ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2"),
    "OPENCV_FISHEYE": ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4"),
    "FULL_OPENCV": ("fx", "fy", "cx", "cy", *("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")),
}
"""Parameters of COLMAP's camera models, in their order (colmap.github.io/cameras.html)."""
_MAX_BYTES = 10_000_000
_ORTHONORMAL = 1e-3
"""Error of the products of rows of a rotation matrix, at most: files round them."""
_MAX_NAME = 200
"""Characters of a camera's name."""


def read_calibration(path: str | Path, name: str | None = None) -> Lens:
    """Read the intrinsic calibration of a camera.

    Args:
        path: A .toml, a .json, or COLMAP's cameras.txt.
        name: Camera to take from a file with several; COLMAP's are named by their number.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not such a file, a number is missing or impossible, or it holds
            several cameras and ``name`` is none of theirs.
    """
    path = Path(path)
    readers = {".toml": _read_toml, ".json": _read_json, ".txt": _read_colmap}
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    if path.suffix.lower() not in readers:
        raise ValueError(
            f"{path}: expected a calibration as .toml, .json or COLMAP's cameras.txt, got "
            f"{path.suffix or 'no suffix'!r}."
        )
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path}: expected a calibration of at most {_MAX_BYTES // 10**6} MB.")
    try:
        cameras = readers[path.suffix.lower()](path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a camera calibration ({brief(error)}).") from error
    chosen = _choose(path, cameras, name)
    return _to_lens(path, chosen, cameras[chosen])


def _choose(path: Path, cameras: Mapping[str, Any], name: str | None) -> str:
    if not cameras:
        raise ValueError(
            f"{path}: found no camera; expected its matrix under one of {_KEYS['matrix']}."
        )
    if name is None and len(cameras) == 1:
        return next(iter(cameras))
    if name is None or name not in cameras:
        what = f"no camera {name!r}" if name else "several cameras"
        raise ValueError(
            f"{path} holds {what}; choose one of {brief(', '.join(cameras))} with --camera-name."
        )
    return name


def _read_toml(text: str) -> dict[str, Any]:
    return _cameras(tomllib.loads(text))


def _read_json(text: str) -> dict[str, Any]:
    return _cameras(json.loads(text))


def _cameras(content: Any) -> dict[str, Any]:
    """Return the cameras in a tree by name: its own, those it maps to, or those it lists."""
    if _find(content, "matrix") is not None:
        return {_name_of(content, "camera"): content}
    if isinstance(content, Mapping) and isinstance(content.get("cameras"), Mapping | list):
        content = content["cameras"]
    if isinstance(content, list):
        content = {str(i): each for i, each in enumerate(content)}
    if not isinstance(content, Mapping):
        return {}
    found = {key: each for key, each in content.items() if _find(each, "matrix") is not None}
    return {_name_of(each, key): each for key, each in found.items()}


def _name_of(camera: Mapping[str, Any], default: str) -> str:
    name = str(camera.get("name", default))
    if len(name) > _MAX_NAME:
        raise ValueError(f"expected a camera's name of up to {_MAX_NAME} characters, got {name}")
    return name


def _find(camera: Any, what: str) -> Any:
    """Return the value of a camera under any of its names; None if it has none."""
    if not isinstance(camera, Mapping):
        return None
    return next((camera[key] for key in _KEYS[what] if camera.get(key) is not None), None)


def _read_colmap(text: str) -> dict[str, Any]:
    """Return the cameras of COLMAP's lines CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]."""
    cameras: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) < 4 or words[1] not in _COLMAP:
            raise ValueError(
                f"line {number}: expected CAMERA_ID MODEL WIDTH HEIGHT and the numbers of one of "
                f"{', '.join(_COLMAP)}"
            )
        names = _COLMAP[words[1]]
        if len(words) != 4 + len(names):
            raise ValueError(
                f"line {number}: {words[1]} needs {len(names)} numbers ({' '.join(names)}), got "
                f"{len(words) - 4}"
            )
        values = dict(zip(names, map(float, words[4:]), strict=True))
        fx, fy = (values.get(key, values.get("f")) for key in ("fx", "fy"))
        cameras[words[0]] = {
            "matrix": [[fx, 0, values["cx"]], [0, fy, values["cy"]], [0, 0, 1]],
            "distortions": [value for key, value in values.items() if key[0] in "kp"],
            "size": [float(words[2]), float(words[3])],
            "fisheye": words[1] == "OPENCV_FISHEYE",
        }
    return cameras


def _to_lens(path: Path, name: str, camera: Mapping[str, Any]) -> Lens:
    size = _find(camera, "size")
    if size is None and {"width", "height"} <= set(camera):
        size = [camera["width"], camera["height"]]
    matrix = _numbers(path, name, "matrix", _find(camera, "matrix"), (3, 3))
    width, height = _numbers(path, name, "size", size, (2,)).tolist()
    if matrix[0, 1] or matrix[1, 0] or matrix[2].tolist() != [0, 0, 1]:
        raise ValueError(
            f"{path}, camera {name}: expected a matrix [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], got "
            f"{matrix.tolist()}."
        )
    if width % 1 or height % 1:
        raise ValueError(
            f"{path}, camera {name}: expected a size in whole pixels, got {brief(size)}."
        )
    distortion = _find(camera, "distortion")
    flat = _numbers(path, name, "distortion", [] if distortion is None else distortion, None)
    return Lens(
        focal=(float(matrix[0, 0]), float(matrix[1, 1])),
        center=(float(matrix[0, 2]), float(matrix[1, 2])),
        size=(int(width), int(height)),
        distortion=tuple(flat.ravel().tolist()),
        fisheye=camera.get("fisheye") is True,
        source=f"{path.name}, camera {name}",
        rotation=_read_rotation(path, name, _find(camera, "rotation")),
    )


def _read_rotation(path: Path, name: str, value: Any) -> tuple[float, float, float] | None:
    """Return a Rodrigues vector from one, or from a rotation matrix; None if there is neither."""
    if value is None:
        return None
    turn = _numbers(path, name, "rotation", value, None)
    if turn.shape == (3, 3) and np.allclose(turn @ turn.T, np.eye(3), atol=_ORTHONORMAL):
        turn = cv2.Rodrigues(turn)[0] if np.linalg.det(turn) > 0 else turn
    if turn.size != 3:
        raise ValueError(
            f"{path}, camera {name}: expected rotation as a Rodrigues vector of 3 numbers or a "
            f"rotation matrix, got {str(value)[:60]}."
        )
    x, y, z = turn.ravel().tolist()
    return x, y, z


def _numbers(
    path: Path, name: str, what: str, value: Any, shape: tuple[int, ...] | None
) -> np.ndarray:
    """Return numbers of a camera in a shape (None: any); raise ValueError if they are not these."""
    try:
        numbers = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.array(np.nan)
    if not np.isfinite(numbers).all() or (shape is not None and numbers.shape != shape):
        form = "numbers" if shape is None else f"numbers of shape {shape}"
        raise ValueError(
            f"{path}, camera {name}: expected {what} as finite {form}, under one of {_KEYS[what]}, "
            f"got {brief(value, 60)}."
        )
    return numbers
