"""Read and write npz files: 2D keypoints (`load_keypoints`) and 3D motion (`save_motion`)."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import as_path
from ..detections import Detections
from ..files import atomic_write, brief
from ..motion import (
    CAMERA_AXES,
    REGION_SCALE,
    WORLD_AXES,
    Motion2D,
    Motion3D,
    as_floats,
    check_size_and_rate,
)
from ..skeleton import identify
from .keypoints import RateAndSize, mean_rate, stored_rate_and_size
from .safe_npz import read_npz

_BY_JOINT = ("xyz", "camera_xyz", "xy", "confidence")
_BY_FRAME = ("valid", "times")
_MAX_JOINTS, _MAX_NAME, _MAX_TEXT = 1000, 1000, 1_000_000  # names, bytes of each, bytes
_SHOWN = 1000
"""Characters of an error, which may quote the file."""
_LEGACY = {
    "weights": "weights",
    "focal_source": "focal",
    "scale_source": "scale",
    "ground_source": "ground",
    "chain": "postprocess",
}
"""Keys of motion.npz before version 0.2, and the key of the provenance that each became."""


def load_keypoints(
    path: str | Path, *, fps: float | None = None, size: tuple[int, int] | None = None
) -> Motion2D:
    """Read 2D keypoints of one person from an npz file; a motion.npz is one too.

    Keys: ``xy`` (t, k, 2) pixels, ``confidence`` (t, k), ``joints`` (k,) names in any order,
    ``fps``, ``size`` (width, height); and, if known, ``times`` (t,) seconds, ``focal`` pixels and
    ``focal_source``, in words. The joints must make up one of the known skeletons.

    Args:
        fps: Frames per second, instead of those in the file.
        size: Image (width, height) in pixels, instead of that in the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no npz, a key is missing, or the content is not a motion.
    """
    path = as_path("path", path)
    return _parse_keypoints(path, _read_arrays(path), fps=fps, size=size)


def read_keypoints_npz(path: Path, given: RateAndSize) -> Detections:
    """Read the file of `load_keypoints` as person 0; its times show the rate, too."""
    data = _read_arrays(path)
    fps, size = stored_rate_and_size(data)
    if fps is None and "times" in data:
        fps = mean_rate(data["times"].ravel().tolist())
    fps, size = given.resolve(path, fps, size)
    motion = _parse_keypoints(path, data, fps=fps, size=size)
    return Detections(
        xy=motion.xy,
        confidence=motion.confidence,
        frame=np.arange(len(motion)),
        times=motion.times,
        size=motion.size,
        fps=motion.fps,
        skeleton=motion.skeleton,
        ids=("0",) * len(motion),
        tracked=True,
        focal=motion.focal,
        focal_source=motion.focal_source,
        first=None if "times" in data else 0,
    )


def _read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    maybe, texts = ("fps", "size", "times", "focal"), ("provenance", "focal_source")
    return read_npz(path, ("xy", "confidence"), ("joints",), maybe, texts)


def _parse_keypoints(
    path: str | Path,
    data: Mapping[str, np.ndarray],
    *,
    fps: float | None,
    size: tuple[int, int] | None,
) -> Motion2D:
    """Make a motion of the arrays in a file; errors name the file."""
    given = {k: np.asarray(v) for k, v in (("fps", fps), ("size", size)) if v is not None}
    data = {**data, **given}
    if missing := [key for key in ("fps", "size") if key not in data]:
        raise ValueError(f"{path}: keys {missing} are missing; found {brief(list(data))}.")
    xy, confidence, k = data["xy"], data["confidence"], data["joints"].size
    if xy.ndim != 3 or xy.shape[1:] != (k, 2) or confidence.shape != xy.shape[:2]:
        raise ValueError(
            f"{path}: expected xy (t, {k}, 2) and confidence (t, {k}) for {k} joint names, got "
            f"{xy.shape} and {confidence.shape}."
        )
    with _named(path):
        check_size_and_rate(data["size"], data["fps"])
        skeleton, order = identify(_joint_names(data))
        return Motion2D(
            xy=xy[:, order].astype(np.float64, copy=False),
            confidence=confidence[:, order].astype(np.float64, copy=False),
            size=(int(data["size"][0]), int(data["size"][1])),
            fps=float(data["fps"]),
            skeleton=skeleton,
            focal=_number(data, "focal") if "focal" in data else None,
            focal_source=_provenance(data).get("focal", f"given in {path}"),
            **({"times": data["times"]} if "times" in data else {}),  # type: ignore[arg-type]
        )


@contextmanager
def _named(path: str | Path) -> Iterator[None]:
    """Put the name of the file in front of an error."""
    try:
        yield
    except (ValueError, OverflowError) as error:  # overflow: an infinite whole number
        raise ValueError(f"{path}: {brief(error, _SHOWN)}") from error


def _number(data: Mapping[str, np.ndarray], key: str) -> float:
    if data[key].ndim:
        raise ValueError(f"{key} must be one number, got an array of shape {data[key].shape}.")
    return float(data[key])


def _text(data: Mapping[str, np.ndarray], key: str) -> str:
    if data[key].ndim or data[key].dtype.kind not in "US" or data[key].itemsize > _MAX_TEXT:
        raise ValueError(
            f"{key} must be one text of at most {_MAX_TEXT} bytes, got {data[key].dtype} of shape "
            f"{data[key].shape}."
        )
    return str(data[key])


def _joint_names(data: Mapping[str, np.ndarray]) -> list[str]:
    names = data["joints"]
    if names.dtype.kind not in "US" or names.size > _MAX_JOINTS or names.itemsize > _MAX_NAME:
        raise ValueError(
            f"joints must be at most {_MAX_JOINTS} short names, got {names.dtype} of shape "
            f"{names.shape}."
        )
    return [str(name) for name in names.flat]


def save_motion(motion: Motion3D, path: str | Path) -> None:
    """Write a motion as npz, readable without pickle; `load_motion` is the inverse."""
    arrays = {key: getattr(motion, key) for key in (*_BY_JOINT, *_BY_FRAME)}
    arrays |= {
        "fps": np.float64(motion.fps),
        "joints": np.array(motion.skeleton.joints),
        "unit": np.array("m"),
        "axes": np.array(f"xyz: world, {WORLD_AXES}; camera_xyz: camera, {CAMERA_AXES}"),
        "size": np.array(motion.size),
        "focal": np.float64(motion.focal),
        "person": np.int64(motion.person),
        "provenance": np.array(json.dumps(dict(motion.provenance), ensure_ascii=False)),
    }
    if motion.sigma is not None:
        arrays |= {"sigma": motion.sigma, "region_scale": np.float64(motion.region_scale)}
    if motion.ground_sigma is not None:
        arrays["ground_sigma"] = np.array(motion.ground_sigma, dtype=float)
    with atomic_write(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_motion(path: str | Path) -> Motion3D:
    """Read a motion that `save_motion` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not such a file.
    """
    path = as_path("path", path)
    numbers, texts = (*_BY_JOINT, *_BY_FRAME, "fps", "size", "focal"), ("joints", "unit")
    maybe = ("sigma", "region_scale", "reach", "person", "ground_sigma")
    data = read_npz(path, numbers, texts, maybe, ("provenance", *_LEGACY))
    with _named(path):
        return _parse_motion(data)


def _parse_motion(data: Mapping[str, np.ndarray]) -> Motion3D:
    if (unit := _text(data, "unit")) != "m":
        raise ValueError(f"expected metres, got unit {unit!r}.")
    k = data["joints"].size
    by_joint = (*_BY_JOINT, *(("sigma",) if "sigma" in data else ()))
    if any(data[key].ndim < 2 or data[key].shape[1] != k for key in by_joint):
        raise ValueError(f"expected {k} joints in axis 1 of {by_joint}.")
    skeleton, order = identify(_joint_names(data))
    check_size_and_rate(data["size"], data["fps"])
    fields: dict[str, Any] = {
        key: as_floats(key, data[key], single=True)[:, order] for key in by_joint
    }
    scale = "region_scale" if "region_scale" in data else "reach"
    return Motion3D(
        **fields,
        valid=data["valid"],
        times=as_floats("times", data["times"]),
        fps=_number(data, "fps"),
        skeleton=skeleton,
        size=(int(data["size"][0]), int(data["size"][1])),
        focal=_number(data, "focal"),
        person=int(_number(data, "person")) if "person" in data else 0,
        provenance=_provenance(data),
        region_scale=_number(data, scale) if scale in data else REGION_SCALE,
        ground_sigma=_ground_sigma(data),
    )


def _ground_sigma(data: Mapping[str, np.ndarray]) -> tuple[float, float, float] | None:
    if "ground_sigma" not in data:
        return None
    if data["ground_sigma"].shape != (3,):
        raise ValueError(f"expected three numbers in ground_sigma, got {data['ground_sigma']}.")
    tilt, roll, floor = map(float, data["ground_sigma"])
    return tilt, roll, floor


def _provenance(data: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Return the provenance in a file of this version or an older one."""
    if "provenance" not in data:
        old = {new: _text(data, key) for key, new in _LEGACY.items() if key in data}
        return {key: text for key, text in old.items() if text}
    try:
        provenance = json.loads(_text(data, "provenance"))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"provenance is not JSON ({brief(error)}).") from error
    if not isinstance(provenance, dict) or not all(isinstance(v, str) for v in provenance.values()):
        raise ValueError("expected provenance as a JSON object of texts.")
    return provenance
