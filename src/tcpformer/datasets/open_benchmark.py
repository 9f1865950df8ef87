"""The open benchmark, version 1: motion capture filmed by fixed cameras and a noisy detector.

Everything here is frozen: the order of random draws is part of the version, and the same motion
capture gives the same file to the bit. `synthetic` draws views of the same kind for training; it
may change, only the random process is shared.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int16
from numpy.random import Generator, default_rng

from ..files import atomic_write
from ..io.mocap_capture import brief
from ..io.safe_npz import read_npz
from ..motion import LIMITS
from ..skeleton import H36M
from .mocap import check_offsets, check_shapes, read_mocap
from .synthetic.random_processes import autoregressive

VERSION = "1"
_NUMBERS = ("xy", "noisy_xy", "confidence", "relative", "offsets", "size", "focal", "fps")
_HIP, _THORAX = H36M.index["Hip"], H36M.index["Thorax"]
_LEG = H36M.indices("LHip", "LKnee", "LAnkle")
_ARM = H36M.indices("LShoulder", "LElbow", "LWrist")

Path3D = Float[np.ndarray, "t 17 3"]
Path2D = Float[np.ndarray, "t 17 2"]


def make_open_benchmark(
    source: str | Path,
    target: str | Path,
    *,
    split: str = "test",
    cameras: int = 2,
    seed: int = 2026,
) -> None:
    """Generate views of every sequence of a split and write the benchmark.

    Args:
        source: Motion capture, as `tcpformer data mocap` writes it, with activities.
        target: The npz to write.
        cameras: Views of each sequence.
        seed: Randomness depends on it and on the numbers of the sequence and the camera alone.

    Raises:
        ValueError: If the source is no motion capture of 17 joints, or the split is empty.
    """
    texts = ("split", "name", "subject", "activity", "joints", "parents")
    data = read_mocap(source, texts)
    if tuple(data["parents"].flat) != H36M.parents:
        raise ValueError(f"{source}: expected the parents {H36M.parents} of Human3.6M's joints.")
    chosen = np.flatnonzero(data["split"] == split)
    if len(chosen) == 0:
        found = brief(sorted({str(name) for name in data["split"]}))
        raise ValueError(f"{source}: no sequence belongs to {split!r}; found {found}.")
    views = []
    for s in chosen:
        part = slice(*data["offsets"][s : s + 2])
        path = (data["relative"][part].astype(float) + data["root"][part, None]) * 1e-4
        for c in range(cameras):
            view = simulate_view(path, default_rng([seed, int(s), c]))
            labels = {key: data[key][s] for key in ("subject", "activity")}
            views.append({**view, "name": f"{data['name'][s]}/{c}", **labels})
    _write(views, data, target)


def read_open_benchmark(path: str | Path) -> dict[str, np.ndarray]:
    """Read and check the arrays of the benchmark.

    Raises:
        ValueError: If a key is missing, shapes disagree, a number is not finite, a size, rate or
            focal length not positive, or joints are not Human3.6M's.
    """
    data = read_npz(path, _NUMBERS, ("joints", "activity"))
    if tuple(map(str, data["joints"].flat)) != H36M.joints:
        raise ValueError(f"{path}: expected the joints {H36M.joints}, got {brief(data['joints'])}.")
    n = len(data["xy"]) if data["xy"].ndim else 0
    pixels = dict.fromkeys(("xy", "noisy_xy"), (n, 17, 2))
    check_shapes(path, data, {**pixels, "confidence": (n, 17), "relative": (n, 17, 3)})
    check_offsets(path, data["offsets"], n)
    v = len(data["offsets"]) - 1
    check_shapes(path, data, {"size": (v, 2), "focal": (v,), "activity": (v,), "fps": ()})
    for key in _NUMBERS:
        if not np.isfinite(data[key]).all():
            raise ValueError(f"{path}: {key} must be finite.")
    for key in ("size", "focal", "fps"):
        if not (data[key] > 0).all():
            raise ValueError(f"{path}: {key} must be positive.")
    low, high = LIMITS.focal
    if not ((data["focal"] >= low) & (data["focal"] <= high)).all():
        raise ValueError(f"{path}: expected focal lengths of {low:g} to {high:g} pixels.")
    if not ((data["confidence"] >= 0) & (data["confidence"] <= 255)).all():
        raise ValueError(f"{path}: confidence must lie in 0 to 255.")
    return data


def simulate_view(path: Path3D, rng: Generator) -> dict[str, Any]:
    """Return one view of a sequence (world metres, z up): the arrays of the file by their keys.

    The camera is a fixed pinhole; its principal point is the center of the picture.
    """
    size, focal, rotation, xyz = _sample_camera(path, rng)
    xy = xyz[..., :2] / xyz[..., 2:] * focal + np.array(size) / 2
    noisy, confidence = _add_noise(xy, rng)
    return {
        "xy": _tenths(xy),
        "noisy_xy": _tenths(noisy),
        "confidence": np.round(confidence * 255).astype(np.uint8),
        "relative": np.round((xyz - xyz[:, :1]) * 1e4).astype(np.int16),
        "root": np.round(xyz[:, 0] * 1e4).astype(np.int32),
        **{"size": size, "focal": focal, "rotation": rotation},
    }


def _write(views: list[dict[str, Any]], data: Mapping[str, np.ndarray], target: str | Path) -> None:
    columns = {key: [view[key] for view in views] for key in views[0]}
    frames = ("xy", "noisy_xy", "confidence", "relative", "root")
    arrays: dict[str, Any] = {
        **{key: (np.concatenate if key in frames else np.array)(x) for key, x in columns.items()},
        "offsets": np.cumsum([0, *map(len, columns["xy"])]),
        "fps": np.float32(data["fps"]),
        **{key: data[key] for key in ("joints", "parents")},
    }
    with atomic_write(target) as beside:
        np.savez_compressed(beside, **arrays, version=VERSION)


def _sample_camera(
    path: Path3D, rng: Generator
) -> tuple[tuple[int, int], float, Float[np.ndarray, "3 3"], Path3D]:
    """Return a camera's size, focal length and rotation, and the path, all in view, in its axes."""
    size = (1920, 1080) if rng.random() < 0.7 else (1080, 1920)
    focal = max(size) / (2 * np.tan(np.radians(rng.uniform(45, 75)) / 2))
    yaw, pitch = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(-5, 35))
    rotation = _rotation(yaw, pitch, np.radians(rng.normal(0, 2)))
    local = (path - path.reshape(-1, 3).mean(0)) @ rotation.T
    fill = rng.uniform(0.6, 0.95) / 2
    reach = np.maximum(*(np.abs(local[..., i]) / (fill * size[i]) for i in range(2))) * focal
    near = local[..., 2]
    distance = max(2.5, float((reach - near).max()), float(1.2 - near.min()))
    return size, focal, rotation, local + np.array([0, 0, distance])


def _rotation(yaw: float, pitch: float, roll: float) -> Float[np.ndarray, "3 3"]:
    """Return the rotation from world to camera; rows are the camera's right, down and forward."""
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([right * c + down * s, down * c - right * s, forward])


def _add_noise(xy: Path2D, rng: Generator) -> tuple[Path2D, Float[np.ndarray, "t 17"]]:
    """Return the joints as a noisy detector sees them, and its confidence.

    In units of the torso: a constant offset, slow noise, a little white noise, jumps of single
    joints, and legs or arms whose sides are exchanged for a while. Confidence falls with the error.
    """
    t = len(xy)
    torso = np.linalg.norm(xy[:, _THORAX] - xy[:, _HIP], axis=-1).mean() + 1e-6
    spread = 0.6 + rng.gamma(2.0, 0.35, (1, 17, 1))
    offset = rng.normal(0, 0.035, (1, 17, 2))
    slow = autoregressive(np.array([0.97]), (t, 17, 2), rng, np.float64)[0]
    error = offset + spread * (0.035 * slow + 0.003 * rng.normal(0, 1, (t, 17, 2)))
    for _ in range(rng.poisson(t * 17 * 0.002)):
        first, joint, frames = rng.integers(t), rng.integers(17), rng.integers(2, 9)
        error[first : first + frames, joint] += rng.normal(0, 0.35, 2)
    out = xy + torso * error
    for _ in range(rng.poisson(t * 0.0008)):
        first, frames = rng.integers(t), rng.integers(3, 13)
        left = _LEG if rng.random() < 0.6 else _ARM
        right = [H36M.mirror[i] for i in left]
        swapped = out[first : first + frames]
        swapped[:, left + right] = swapped[:, right + left]
    wrong = np.linalg.norm(out - xy, axis=-1) / torso
    confidence = np.exp(-wrong / 0.25) + rng.normal(0, 0.05, wrong.shape)
    return out, np.clip(confidence, 0.01, 1.0)


def _tenths(xy: Path2D) -> Int16[np.ndarray, "t 17 2"]:
    """Return tenths of pixels, clipped to 16 bits."""
    return np.clip(np.round(xy * 10), -32768, 32767).astype(np.int16)
