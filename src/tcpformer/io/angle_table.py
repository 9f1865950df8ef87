"""CSV of joint angles, and of strides: a line of names, then one of numbers a frame or stride."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..analysis.angles import ANGLES, Angles
from ..analysis.gait import Gait
from ..files import atomic_write

_STRIDE = ("time", "length", "width", "cadence", "speed", "double_support")
_STRIDE_SIGMA = ("time_sigma", "length_sigma", "width_sigma")


def write_angles(angles: Angles, path: str | Path) -> None:
    """Write time, angles and their sigma (degrees); a cell is empty where an angle is unknown.

    The columns are the same for every motion: ``time`` (seconds), the names of `ANGLES`, and these
    with ``_sigma``, if the motion has sigma.
    """
    sigma = () if angles.sigma is None else tuple(f"{name}_sigma" for name in ANGLES)
    table = angles.degrees if angles.sigma is None else np.hstack([angles.degrees, angles.sigma])
    rows = (
        [f"{time:.6f}", *("" if np.isnan(x) else f"{x:.3f}" for x in row)]
        for time, row in zip(angles.times.tolist(), table.tolist(), strict=True)
    )
    _write(path, ("time", *ANGLES, *sigma), rows)


def write_strides(gait: Gait, path: str | Path) -> None:
    """Write a line a stride: side, start, and its parameters with sigma, in s, m, steps/min, %."""
    rows = (
        [
            stride.side,
            f"{stride.start:.3f}",
            *(f"{getattr(stride, name):.4f}" for name in _STRIDE),
            *("" if (x := getattr(stride, name)) is None else f"{x:.4f}" for name in _STRIDE_SIGMA),
        ]
        for stride in gait.strides
    )
    _write(path, ("side", "start", *_STRIDE, *_STRIDE_SIGMA), rows)


def _write(path: str | Path, names: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    with atomic_write(path) as beside, beside.open("w", encoding="ascii", newline="") as file:
        csv.writer(file).writerows([names, *rows])
