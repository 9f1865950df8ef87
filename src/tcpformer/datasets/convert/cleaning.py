"""From a captured figure of unknown unit and axes to pieces of motion that training can trust.

Everything works on the 17 joints of Human3.6M.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from ...skeleton import H36M, stature

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254, "inch/0.45": 0.0254 / 0.45}
"""Metres; the last is CMU's own unit, which its BVH conversions kept."""
STATURE = (1.2, 2.2)
"""Metres; so narrow that no figure is human in two of the units."""
LOOSEST = 0.05
"""By how much of its length a limb may change."""
FASTEST = 25.0
"""m/s of any joint: a hand that throws reaches 20. What is faster has jumped."""
FASTEST_HIP = 12.0
"""m/s: nobody runs faster."""
HARDEST = 1500.0
"""m/s^2: the CMU set reaches 700. A joint that is 6 cm off in one frame of 120 per second, 1700."""
SHORTEST = 0.5
"""Seconds of the shortest piece that is kept."""
UPRIGHT = 0.5
"""Mean cosine between trunk and up axis, below which the up axis is not clear."""
FLOOR = (-0.1, 0.3)
"""Metres: where the lowest joint, an ankle, may be if the floor is at 0."""
ANKLE = 0.07
"""Metres from the floor to the ankle joint."""
_LIMBS = [
    i for i, joint in enumerate(H36M.joints) if joint[1:] in ("Knee", "Ankle", "Elbow", "Wrist")
]

Motion = Float[np.ndarray, "_ 17 3"]


def human_unit(xyz: Motion) -> str:
    """The one of `UNITS` in which the figure is as tall as people are.

    Raises:
        ValueError: If there is none.
    """
    height = float(np.median(stature(xyz)))
    for unit, metres in UNITS.items():
        if STATURE[0] <= height * metres <= STATURE[1]:
            return unit
    raise ValueError(
        f"wrong scale: stature {height:.4g}, human ({STATURE[0]} to {STATURE[1]} m) in none of "
        f"{', '.join(UNITS)}"
    )


def check_limbs(xyz: Motion) -> None:
    """Refuse a figure whose arms or legs change their length.

    Raises:
        ValueError: If one does.
    """
    parents = [H36M.parents[joint] for joint in _LIMBS]
    length = np.linalg.norm(xyz[:, _LIMBS] - xyz[:, parents], axis=-1)
    low, usual, high = np.percentile(length, (5, 50, 95), axis=0)
    change = (high - low) / np.maximum(usual, 1e-9)
    if change.max() > LOOSEST:
        worst = H36M.joints[_LIMBS[int(change.argmax())]]
        raise ValueError(
            f"bone lengths vary: {worst} by {change.max():.0%} (at most {LOOSEST:.0%})"
        )


def cut(xyz: Motion, fps: float) -> list[Motion]:
    """The pieces between glitches: frames at which somebody moves as nobody can; metres."""
    speed = np.linalg.norm(np.diff(xyz, axis=0), axis=-1) * fps
    broken = (speed.max(axis=1) > FASTEST) | (speed[:, H36M.root] > FASTEST_HIP)
    hard = np.linalg.norm(np.diff(xyz, 2, axis=0), axis=-1).max(axis=1) * fps**2 > HARDEST
    hard &= ~(broken[:-1] | broken[1:])
    broken[:-1] |= hard
    broken[1:] |= hard
    edges = [0, *(np.flatnonzero(broken) + 1), len(xyz)]
    return [xyz[a:b] for a, b in pairwise(edges) if b - a >= max(SHORTEST * fps, 4)]


def resampled(xyz: Motion, fps: float, wanted: float) -> Motion:
    """The motion at another rate, by cubic splines through every joint's path."""
    times = np.arange(int((len(xyz) - 1) * wanted / fps + 1e-6) + 1) / wanted
    return CubicSpline(np.arange(len(xyz)) / fps, xyz)(times)


def up_axis(pieces: list[Motion]) -> str:
    """The axis along which people's trunks point most of the time, as "+y".

    Raises:
        ValueError: If they do not agree on one.
    """
    trunk = np.concatenate([x[:, H36M.index["Thorax"]] - x[:, H36M.index["Hip"]] for x in pieces])
    mean = (trunk / np.linalg.norm(trunk, axis=-1, keepdims=True)).mean(axis=0)
    axis = int(np.abs(mean).argmax())
    if abs(mean[axis]) < UPRIGHT:
        raise ValueError(
            f"no up axis: trunks point along {np.round(mean, 2)} on average, nowhere more than "
            f"{UPRIGHT}; put the files into a folder with upright motion of the same origin"
        )
    return "-+"[int(mean[axis] > 0)] + "xyz"[axis]


def z_up(xyz: Float[np.ndarray, "*batch 3"], up: str) -> Float[np.ndarray, "*batch 3"]:
    """Turn the world so that an axis, such as "+y", becomes z: by the shortest way."""
    axis = np.eye(3)["xyz".index(up[1])] * (1 if up[0] == "+" else -1)
    about = np.cross(axis, [0, 0, 1]) if up[1] != "z" else np.array([1.0, 0, 0])
    angle = {"+z": 0.0, "-z": np.pi}.get(up, np.pi / 2)
    return xyz @ Rotation.from_rotvec(angle * about).as_matrix().round().T


def floor_shift(xyz: Motion) -> float:
    """How far a motion with z up must be raised to stand on z = 0; 0 if its floor is there."""
    lowest = float(np.percentile(xyz[..., 2].min(axis=1), 1))
    return 0.0 if FLOOR[0] <= lowest <= FLOOR[1] else ANKLE - lowest
