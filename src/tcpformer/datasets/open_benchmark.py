"""The open benchmark: motion capture filmed by fixed cameras and a noisy detector.

Version 1 has the 17 joints of Human3.6M. Version 2 has the 26 of `BODY_26`: the same views, the 17
equal to the bit, and feet, hands and face beside them, whose errors come from a generator of their
own.

Everything here is frozen: the order of random draws is part of the version, and the same motion
capture gives the same file to the bit. `synthetic` draws views of the same kind for training; it
may change, only the random process is shared.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int16
from numpy.random import Generator, default_rng

from ..files import atomic_write, brief
from ..io.safe_npz import read_npz
from ..motion import LIMITS
from ..skeleton import BODY, BODY_26, GROUPS, H36M
from .mocap import HAS_GROUP, check_offsets, check_shapes, find_known, read_mocap
from .mocap_extra import add_points
from .synthetic.random_processes import autoregressive

MORE_JOINTS = 26
"""Number that the generator of feet, hands and face is seeded with, beside those of the view."""
_FLAGS = (*HAS_GROUP.values(), "glitch")
_NUMBERS = ("xy", "noisy_xy", "confidence", "relative", "offsets", "size", "focal", "fps")
_HIP, _THORAX = H36M.index["Hip"], H36M.index["Thorax"]
_LEG = H36M.indices("LHip", "LKnee", "LAnkle")
_ARM = H36M.indices("LShoulder", "LElbow", "LWrist")
_EXCHANGED = {"LHip": BODY_26.indices("LToe", "LHeel"), "LShoulder": BODY_26.indices("LHand")}
"""What is exchanged with a leg or an arm, by its first joint."""

Path3D = Float[np.ndarray, "t j 3"]
Path2D = Float[np.ndarray, "t j 2"]
Known = Bool[np.ndarray, "t j"]


def make_open_benchmark(  # noqa: PLR0913 - options by keyword
    source: str | Path,
    target: str | Path,
    *,
    extra: str | Path | None = None,
    split: str = "test",
    subjects: Sequence[str] = (),
    cameras: int = 2,
    seed: int = 2026,
) -> None:
    """Generate views of every sequence of a split, or of some subjects, and write the benchmark.

    Args:
        source: Motion capture, as `tcpformer data mocap` writes it, with activities: of 17 joints
            it gives version 1, of 26 version 2.
        target: The npz to write.
        extra: Feet, hands and face of a source of 17 joints, which give version 2; the floor stays
            where it is.
        subjects: Names of subjects, whose sequences are taken instead of those of ``split``.
        cameras: Views of each sequence.
        seed: Randomness depends on it and on the numbers of the sequence and the camera alone.

    Raises:
        ValueError: If the source is no motion capture of 17 or 26 joints, ``extra`` is not of the
            same sequences, or the split is empty or a subject is not in it.
    """
    texts = ("split", "name", "subject", "activity", "joints", "parents")
    data = read_mocap(source, texts)
    skeleton = BODY_26 if data["relative"].shape[1] == len(BODY_26.joints) else H36M
    if tuple(data["parents"].flat) != skeleton.parents:
        raise ValueError(
            f"{source}: expected the parents {skeleton.parents} of {skeleton.name}'s joints."
        )
    if extra is not None:
        data = add_points(data, source, extra)
    column, names = ("subject", subjects) if subjects else ("split", [split])
    for name in names:
        if name not in data[column]:
            found = brief(sorted({str(name) for name in data[column]}))
            raise ValueError(f"{source}: no sequence belongs to {name!r}; found {found}.")
    chosen = np.flatnonzero(np.isin(data[column], names))
    views = []
    for s in chosen:
        part = slice(*data["offsets"][s : s + 2])
        path = (data["relative"][part].astype(float) + data["root"][part, None]) * 1e-4
        for c in range(cameras):
            more = default_rng([seed, int(s), c, MORE_JOINTS])
            view = simulate_view(path, default_rng([seed, int(s), c]), more)
            if path.shape[1] > BODY.stop:
                _forget(view, find_known(data, int(s)))
            labels = {key: data[key][s] for key in ("subject", "activity")}
            flags = {key: data[key][s] for key in HAS_GROUP.values() if key in data}
            flags |= {"glitch": data["glitch"][part]} if "glitch" in data else {}
            views.append({**view, "name": f"{data['name'][s]}/{c}", **labels, **flags})
    _write(views, data, target)


def read_open_benchmark(path: str | Path) -> dict[str, np.ndarray]:
    """Read and check the arrays of the benchmark, of either version.

    Raises:
        ValueError: If a key is missing, shapes disagree, a number is not finite, a size, rate or
            focal length not positive, or joints are not Human3.6M's or those of `BODY_26`.
    """
    data = read_npz(path, _NUMBERS, ("joints", "activity"), optional=(*_FLAGS, "rotation"))
    joints = tuple(map(str, data["joints"].flat))
    if joints not in (H36M.joints, BODY_26.joints):
        raise ValueError(
            f"{path}: expected the joints {H36M.joints}, or those of {BODY_26.name}, got "
            f"{brief(data['joints'])}."
        )
    n, j = len(data["xy"]) if data["xy"].ndim else 0, len(joints)
    pixels = dict.fromkeys(("xy", "noisy_xy"), (n, j, 2))
    check_shapes(path, data, {**pixels, "confidence": (n, j), "relative": (n, j, 3)})
    check_offsets(path, data["offsets"], n)
    v = len(data["offsets"]) - 1
    check_shapes(path, data, {"size": (v, 2), "focal": (v,), "activity": (v,), "fps": ()})
    flags = {**dict.fromkeys(HAS_GROUP.values(), (v,)), "glitch": (n, len(GROUPS))}
    check_shapes(path, data, {key: shape for key, shape in flags.items() if key in data})
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


def simulate_view(path: Path3D, rng: Generator, more: Generator | None = None) -> dict[str, Any]:
    """Return one view of a sequence (world metres, z up): the arrays of the file by their keys.

    The camera is a fixed pinhole; its principal point is the center of the picture.

    Args:
        path: 17 joints, or 26.
        rng: Draws the camera, and the errors of the first 17 joints.
        more: Draws those of feet, hands and face.
    """
    size, focal, rotation, center, distance = _sample_camera(path[:, BODY], rng)
    parts = [path[:, BODY], path[:, BODY.stop :]]  # apart, so that the 17 are equal to the bit
    camera = [(part - center) @ rotation.T + np.array([0, 0, distance]) for part in parts]
    xyz = np.concatenate(camera, axis=1)
    xy = xyz[..., :2] / xyz[..., 2:] * focal + np.array(size) / 2
    noisy, confidence, swaps = _add_noise(xy[:, BODY], rng)
    if path.shape[1] > BODY.stop:
        if more is None:
            raise ValueError("26 joints need the generator `more`.")
        others = _add_noise_to_more(xy, swaps, more)
        noisy = np.concatenate([noisy, others[0]], axis=1)
        confidence = np.concatenate([confidence, others[1]], axis=1)
    return {
        "xy": _tenths(xy),
        "noisy_xy": _tenths(noisy),
        "confidence": np.round(confidence * 255).astype(np.uint8),
        "relative": np.round((xyz - xyz[:, :1]) * 1e4).astype(np.int16),
        "root": np.round(xyz[:, 0] * 1e4).astype(np.int32),
        **{"size": size, "focal": focal, "rotation": rotation},
    }


def _forget(view: dict[str, Any], known: Known) -> None:
    """Set joints that are not known to 0, confidence too."""
    for key in ("xy", "noisy_xy", "confidence", "relative"):
        view[key][~known] = 0


def _write(views: list[dict[str, Any]], data: Mapping[str, np.ndarray], target: str | Path) -> None:
    columns = {key: [view[key] for view in views] for key in views[0]}
    frames = ("xy", "noisy_xy", "confidence", "relative", "root", "glitch")
    arrays: dict[str, Any] = {
        **{key: (np.concatenate if key in frames else np.array)(x) for key, x in columns.items()},
        "offsets": np.cumsum([0, *map(len, columns["xy"])]),
        "fps": np.float32(data["fps"]),
        **{key: data[key] for key in ("joints", "parents")},
    }
    version = "1" if len(data["joints"]) == BODY.stop else "2"
    with atomic_write(target) as beside:
        np.savez_compressed(beside, **arrays, version=version)


def _sample_camera(
    path: Path3D, rng: Generator
) -> tuple[tuple[int, int], float, Float[np.ndarray, "3 3"], Float[np.ndarray, "3"], float]:
    """Return a camera's size, focal length and rotation, the middle of the path, and its distance.

    The whole path is in view.
    """
    size = (1920, 1080) if rng.random() < 0.7 else (1080, 1920)
    focal = max(size) / (2 * np.tan(np.radians(rng.uniform(45, 75)) / 2))
    yaw, pitch = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(-5, 35))
    rotation = _rotation(yaw, pitch, np.radians(rng.normal(0, 2)))
    center = path.reshape(-1, 3).mean(0)
    local = (path - center) @ rotation.T
    fill = rng.uniform(0.6, 0.95) / 2
    reach = np.maximum(*(np.abs(local[..., i]) / (fill * size[i]) for i in range(2))) * focal
    near = local[..., 2]
    distance = max(2.5, float((reach - near).max()), float(1.2 - near.min()))
    return size, focal, rotation, center, distance


def _rotation(yaw: float, pitch: float, roll: float) -> Float[np.ndarray, "3 3"]:
    """Return the rotation from world to camera; rows are the camera's right, down and forward."""
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([right * c + down * s, down * c - right * s, forward])


def _add_noise(
    xy: Path2D, rng: Generator
) -> tuple[Path2D, Float[np.ndarray, "t j"], list[tuple[slice, list[int]]]]:
    """Return the 17 joints as a noisy detector sees them, its confidence, and what it exchanged.

    In units of the torso: a constant offset, slow noise, a little white noise, jumps of single
    joints, and legs or arms whose sides are exchanged for a while. Confidence falls with the error.
    """
    torso = _measure_torso(xy)
    out = xy + torso * _draw_errors(len(xy), BODY.stop, rng)
    swaps = []
    for _ in range(rng.poisson(len(xy) * 0.0008)):
        first, frames = rng.integers(len(xy)), rng.integers(3, 13)
        swaps.append((slice(first, first + frames), _LEG if rng.random() < 0.6 else _ARM))
    for part, left in swaps:
        _exchange(out[part], left, [H36M.mirror[i] for i in left])
    return out, _confidence(out - xy, torso, rng), swaps


def _add_noise_to_more(
    xy: Path2D, swaps: list[tuple[slice, list[int]]], rng: Generator
) -> tuple[Float[np.ndarray, "t k 2"], Float[np.ndarray, "t k"]]:
    """Return feet, hands and face of 26 joints as the detector sees them, and its confidence.

    Errors are as those of the 17 joints. Feet are exchanged with their legs, hands with their arms.
    """
    torso, first = _measure_torso(xy), BODY.stop
    exact = xy[:, first:]
    out = exact + torso * _draw_errors(len(xy), exact.shape[1], rng)
    for part, limb in swaps:
        left = _EXCHANGED[H36M.joints[limb[0]]]
        right = [BODY_26.mirror[i] - first for i in left]
        _exchange(out[part], [i - first for i in left], right)
    return out, _confidence(out - exact, torso, rng)


def _measure_torso(xy: Path2D) -> float:
    return float(np.linalg.norm(xy[:, _THORAX] - xy[:, _HIP], axis=-1).mean() + 1e-6)


def _draw_errors(t: int, joints: int, rng: Generator) -> Float[np.ndarray, "{t} {joints} 2"]:
    """Return errors in torsos: offsets, slow and white noise, and jumps."""
    spread = 0.6 + rng.gamma(2.0, 0.35, (1, joints, 1))
    offset = rng.normal(0, 0.035, (1, joints, 2))
    slow = autoregressive(np.array([0.97]), (t, joints, 2), rng, np.float64)[0]
    error = offset + spread * (0.035 * slow + 0.003 * rng.normal(0, 1, (t, joints, 2)))
    for _ in range(rng.poisson(t * joints * 0.002)):
        first, joint, frames = rng.integers(t), rng.integers(joints), rng.integers(2, 9)
        error[first : first + frames, joint] += rng.normal(0, 0.35, 2)
    return error


def _exchange(xy: Path2D, left: list[int], right: list[int]) -> None:
    xy[:, left + right] = xy[:, right + left]


def _confidence(error: Path2D, torso: float, rng: Generator) -> Float[np.ndarray, "t j"]:
    wrong = np.linalg.norm(error, axis=-1) / torso
    return np.clip(np.exp(-wrong / 0.25) + rng.normal(0, 0.05, wrong.shape), 0.01, 1.0)


def _tenths(xy: Path2D) -> Int16[np.ndarray, "t j 2"]:
    """Return tenths of pixels, clipped to 16 bits."""
    return np.clip(np.round(xy * 10), -32768, 32767).astype(np.int16)
