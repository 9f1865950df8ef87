"""Cleaning of captured motion: unit, limbs, glitches, rate, axes, floor.

All is decided by the 17 joints of Human3.6M, the first of the 26 of `BODY_26`.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from ...skeleton import BODY, H36M, stature

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254, "inch/0.45": 0.0254 / 0.45}
"""Metres; the last is the unit of CMU, which its BVH conversions kept."""

Motion = Float[np.ndarray, "_ j 3"]


@dataclass(frozen=True)
class CleaningConfig:
    """Limits of what training data may contain."""

    stature: tuple[float, float] = (1.2, 2.2)
    """Metres; narrow enough that no figure is human in two of the units."""
    bone_change: float = 0.05
    """Share of its length by which a limb may vary (5th to 95th percentile)."""
    max_speed: float = 25.0
    """m/s of any joint: a hand that throws reaches 20."""
    max_hip_speed: float = 12.0
    """m/s: that of the fastest sprinter."""
    max_acceleration: float = 1500.0
    """m/s^2: the CMU set reaches 700; 6 cm off in one frame of 120 per second makes 1700."""
    min_seconds: float = 0.5
    """Length of the shortest piece that is kept."""
    upright: float = 0.5
    """Mean cosine between trunk and up axis, below which the up axis is not clear."""
    floor: tuple[float, float] = (-0.1, 0.3)
    """Metres: height range of the lowest joint, an ankle, if the floor is at 0."""
    ankle: float = 0.07
    """Metres from the floor to the ankle joint."""


CONFIG = CleaningConfig()


def find_unit(xyz: Motion, config: CleaningConfig = CONFIG) -> str:
    """Return which of `UNITS` makes the figure as tall as people are; ValueError if none does."""
    height, (low, high) = float(np.median(stature(xyz[:, BODY]))), config.stature
    for unit, metres in UNITS.items():
        if low <= height * metres <= high:
            return unit
    names = ", ".join(UNITS)
    raise ValueError(
        f"wrong scale: stature {height:.4g}, human ({low} to {high} m) in none of {names}"
    )


def check_limbs(xyz: Motion, config: CleaningConfig = CONFIG) -> None:
    """Raise ValueError if an arm or a leg does not keep its length."""
    ends = ("Knee", "Ankle", "Elbow", "Wrist")
    limbs = [i for i, joint in enumerate(H36M.joints) if joint[1:] in ends]
    length = np.linalg.norm(xyz[:, limbs] - xyz[:, [H36M.parents[i] for i in limbs]], axis=-1)
    low, usual, high = np.percentile(length, (5, 50, 95), axis=0)
    change = (high - low) / np.maximum(usual, 1e-9)
    if change.max() > config.bone_change:
        worst = H36M.joints[limbs[int(change.argmax())]]
        raise ValueError(
            f"bone lengths vary: {worst} by {change.max():.0%} (at most {config.bone_change:.0%})"
        )


def split_at_glitches(xyz: Motion, fps: float, config: CleaningConfig = CONFIG) -> list[Motion]:
    """Return the pieces (metres) between frames with impossible speed or acceleration."""
    body = xyz[:, BODY]
    speed = np.linalg.norm(np.diff(body, axis=0), axis=-1) * fps
    broken = (speed.max(axis=1) > config.max_speed) | (speed[:, H36M.root] > config.max_hip_speed)
    change = np.linalg.norm(np.diff(body, 2, axis=0), axis=-1).max(axis=1)
    hard = (change * fps**2 > config.max_acceleration) & ~(broken[:-1] | broken[1:])
    broken[:-1] |= hard
    broken[1:] |= hard
    edges = [0, *(np.flatnonzero(broken) + 1), len(xyz)]
    shortest = max(config.min_seconds * fps, 4)
    return [xyz[a:b] for a, b in pairwise(edges) if b - a >= shortest]


def resample(xyz: Motion, fps: float, wanted: float) -> Motion:
    """Resample a motion to another frame rate by cubic splines."""
    times = np.arange(int((len(xyz) - 1) * wanted / fps + 1e-6) + 1) / wanted
    return CubicSpline(np.arange(len(xyz)) / fps, xyz)(times)


def trunk_directions(xyz: Motion) -> Float[np.ndarray, "_ 3"]:
    """Return the unit vectors from the hip to the thorax."""
    trunk = xyz[:, H36M.index["Thorax"]] - xyz[:, H36M.index["Hip"]]
    return trunk / np.linalg.norm(trunk, axis=-1, keepdims=True)


def find_up_axis(pieces: list[Motion], config: CleaningConfig = CONFIG) -> str:
    """Return the axis along which trunks point on average, such as "+y"; ValueError if unclear."""
    mean = np.concatenate([trunk_directions(piece) for piece in pieces]).mean(axis=0)
    axis = int(np.abs(mean).argmax())
    if abs(mean[axis]) < config.upright:
        raise ValueError(
            f"no up axis: trunks point along {np.round(mean, 2)} on average, nowhere more than "
            f"{config.upright}; put the files into a folder with upright motion of the same origin"
        )
    return "-+"[int(mean[axis] > 0)] + "xyz"[axis]


def rotate_z_up(xyz: Float[np.ndarray, "*batch 3"], up: str) -> Float[np.ndarray, "*batch 3"]:
    """Rotate the world so that an axis, such as "+y", becomes z, by the smallest rotation."""
    axis = np.eye(3)["xyz".index(up[1])] * (1 if up[0] == "+" else -1)
    about = np.cross(axis, [0, 0, 1]) if up[1] != "z" else np.array([1.0, 0, 0])
    angle = {"+z": 0.0, "-z": np.pi}.get(up, np.pi / 2)
    return xyz @ Rotation.from_rotvec(angle * about).as_matrix().round().T


def find_floor_shift(xyz: Motion, config: CleaningConfig = CONFIG) -> float:
    """Return the height by which to raise a motion (z up) to stand on z = 0; 0 if it does."""
    lowest = float(np.percentile(xyz[:, BODY, 2].min(axis=1), 1))
    low, high = config.floor
    return 0.0 if low <= lowest <= high else config.ankle - lowest
