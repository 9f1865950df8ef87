"""Read and write npz files: 2D keypoints (`load_keypoints`) and 3D motion (`save_motion`)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..detections import Detections
from ..files import atomic_write, read_npz
from ..motion import CAMERA_AXES, REGION_SCALE, WORLD_AXES, Motion2D, Motion3D, check_size_and_rate
from ..skeleton import identify
from .keypoints import RateAndSize, mean_rate, stored_rate_and_size

_BY_JOINT = ("xyz", "camera_xyz", "xy", "confidence")
_BY_FRAME = ("valid", "times")
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
    given = {k: np.asarray(v) for k, v in (("fps", fps), ("size", size)) if v is not None}
    needed = [key for key in ("fps", "size") if key not in given]
    numbers, texts, maybe = ("xy", "confidence", *needed), ("joints",), ("times", "focal")
    data = given | read_npz(path, numbers, texts, maybe, ("provenance", "focal_source"))
    xy, confidence, k = data["xy"], data["confidence"], data["joints"].size
    if xy.ndim != 3 or xy.shape[1:] != (k, 2) or confidence.shape != xy.shape[:2]:
        raise ValueError(
            f"{path}: expected xy (t, {k}, 2) and confidence (t, {k}) for {k} joint names, got "
            f"{xy.shape} and {confidence.shape}."
        )
    check_size_and_rate(data["size"], data["fps"])
    skeleton, order = identify([str(joint) for joint in data["joints"].flat])
    return Motion2D(
        xy=xy[:, order].astype(np.float64),
        confidence=confidence[:, order].astype(np.float64),
        size=(int(data["size"][0]), int(data["size"][1])),
        fps=float(data["fps"]),
        skeleton=skeleton,
        focal=float(data["focal"]) if "focal" in data else None,
        focal_source=_provenance(path, data).get("focal", f"given in {path}"),
        **({"times": data["times"]} if "times" in data else {}),  # type: ignore[arg-type]
    )


def read_keypoints_npz(path: Path, given: RateAndSize) -> Detections:
    """Read the file of `load_keypoints` as person 0; its times show the rate, too."""
    data = read_npz(path, ("xy", "confidence"), ("joints",), optional=("fps", "size", "times"))
    fps, size = stored_rate_and_size(data)
    if fps is None and "times" in data:
        fps = mean_rate(data["times"].ravel().tolist())
    fps, size = given.resolve(path, fps, size)
    motion = load_keypoints(path, fps=fps, size=size)
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
    )


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
    with atomic_write(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_motion(path: str | Path) -> Motion3D:
    """Read a motion that `save_motion` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not such a file.
    """
    numbers, texts = (*_BY_JOINT, *_BY_FRAME, "fps", "size", "focal"), ("joints", "unit")
    maybe = ("sigma", "region_scale", "reach", "person")
    data = read_npz(path, numbers, texts, maybe, ("provenance", *_LEGACY))
    if str(data["unit"]) != "m":
        raise ValueError(f"{path}: expected metres, got unit {str(data['unit'])!r}.")
    k = data["joints"].size
    by_joint = (*_BY_JOINT, *(("sigma",) if "sigma" in data else ()))
    if any(data[key].ndim < 2 or data[key].shape[1] != k for key in by_joint):
        raise ValueError(f"{path}: expected {k} joints in axis 1 of {by_joint}.")
    skeleton, order = identify([str(joint) for joint in data["joints"].flat])
    fields: dict[str, Any] = {key: data[key] for key in _BY_FRAME}
    fields |= {key: data[key][:, order] for key in by_joint}
    return Motion3D(
        **fields,
        fps=float(data["fps"]),
        skeleton=skeleton,
        size=(int(data["size"][0]), int(data["size"][1])),
        focal=float(data["focal"]),
        person=int(data.get("person", 0)),
        provenance=_provenance(path, data),
        region_scale=float(data.get("region_scale", data.get("reach", REGION_SCALE))),
    )


def _provenance(path: str | Path, data: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Return the provenance in a file of this version or an older one."""
    if "provenance" not in data:
        old = {new: str(data[key]) for key, new in _LEGACY.items() if key in data}
        return {key: text for key, text in old.items() if text}
    try:
        provenance = json.loads(str(data["provenance"]))
    except ValueError as error:
        raise ValueError(f"{path}: provenance is not JSON ({error}).") from error
    if not isinstance(provenance, dict) or not all(isinstance(v, str) for v in provenance.values()):
        raise ValueError(f"{path}: expected provenance as a JSON object of texts.")
    return provenance
