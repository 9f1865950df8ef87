"""MOT, OpenSim's table of coordinates over time: degrees, metres, y up, tabs between columns.

OpenSim wants a number in every cell. An angle that is never known has no column; between frames in
which it is known it is interpolated, and the header names these frames.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from ..analysis.angles import Angles
from ..files import atomic_write, brief

Series = Float[np.ndarray, " t"]

_PELVIS = ("pelvis_tilt", "pelvis_list", "pelvis_rotation")
_BY_SIDE = {
    "hip_flexion": ("hip_flexion", 1),
    "hip_adduction": ("hip_adduction", 1),
    "hip_rotation": ("hip_rotation", 1),
    "knee_flexion": ("knee_angle", 1),
    "ankle_dorsiflexion": ("ankle_angle", 1),
    "shoulder_flexion": ("arm_flex", 1),
    "shoulder_abduction": ("arm_add", -1),
    "shoulder_rotation": ("arm_rot", 1),
    "elbow_flexion": ("elbow_flex", 1),
}
COORDINATES = {
    **{
        f"{angle}_{side}": (f"{name}_{side}", sign)
        for side in "rl"
        for angle, (name, sign) in _BY_SIDE.items()
    },
    "trunk_flexion": ("lumbar_extension", -1),
    "trunk_bending": ("lumbar_bending", 1),
    "trunk_rotation": ("lumbar_rotation", 1),
}
"""Angle -> OpenSim's coordinate, as Rajagopal et al. (2016) name them, and its sign."""
_UNITS = (
    "Units are S.I. units (second, meters, Newtons, ...)",
    "If the header above contains a line with 'inDegrees', this indicates whether rotational "
    "values are in degrees (yes) or radians (no).",
)
_MAX_SHOWN = 80
"""Characters of a line that an error shows."""


@dataclass(frozen=True)
class Coordinates:
    """Columns of a MOT file: degrees, and metres of those that end in _tx, _ty, _tz."""

    times: Series
    values: dict[str, Series]


def write_mot(angles: Angles, path: str | Path) -> None:
    """Write the angles that OpenSim has coordinates for, and the path of the pelvis.

    Raises:
        ValueError: If no frame shows the pelvis.
        OSError: If the folder does not exist or cannot be written.
    """
    columns, notes = {}, []
    for name, values in _coordinates(angles).items():
        known = np.isfinite(values)
        if not known.any():
            continue
        columns[name] = np.interp(angles.times, angles.times[known], values[known])
        if not known.all():
            notes.append(f"{name} is interpolated in frames {_runs(~known)}")
    if _PELVIS[0] not in columns:
        raise ValueError("a MOT file needs the pelvis in some frame, but none shows both hips.")
    header = [
        *("Coordinates", "version=1", f"nRows={len(angles)}", f"nColumns={len(columns) + 1}"),
        *("inDegrees=yes", "", *_UNITS, "", *notes, "endheader"),
    ]
    table = np.stack([angles.times, *columns.values()], axis=1)
    with atomic_write(path) as beside, beside.open("w", encoding="ascii", newline="\n") as file:
        file.write("\n".join(header) + "\n" + "\t".join(["time", *columns]) + "\n")
        np.savetxt(file, table, "%.8f", "\t")


def _coordinates(angles: Angles) -> dict[str, Series]:
    tilt, sideways, turn = (angles[name] for name in _PELVIS)
    seen = np.isfinite(tilt + sideways + turn)
    pelvis = np.full((len(angles), 3), np.nan)
    if seen.any():
        order = np.stack([turn, sideways, -tilt], axis=1)[seen]
        turns = Rotation.from_euler("YXZ", order, degrees=True).as_euler("ZXY", degrees=True)
        pelvis[seen] = np.unwrap(turns, period=360, axis=0)
    x, y, z = angles.pelvis.T
    return {
        **dict(zip(_PELVIS, pelvis.T, strict=True)),
        **{"pelvis_tx": x, "pelvis_ty": z, "pelvis_tz": -y},
        **{name: sign * angles[angle] for angle, (name, sign) in COORDINATES.items()},
    }


def _runs(frames: Bool[np.ndarray, " t"]) -> str:
    """Return which frames are true, as "0-3, 7"."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], frames, [False]])))
    pairs = zip(edges[::2], edges[1::2] - 1, strict=True)
    return ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in pairs)


def read_mot(path: str | Path) -> Coordinates:
    """Read a MOT file of degrees, as `write_mot` and OpenSim write it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no table of coordinates in degrees.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected OpenSim's MOT as text, but {brief(error)}.") from error
    if "endheader" not in lines:
        raise ValueError(f"{path}: expected OpenSim's MOT with a line endheader, found none.")
    end = lines.index("endheader")
    if "inDegrees=yes" not in (line.replace(" ", "") for line in lines[:end]):
        raise ValueError(f"{path}: expected a line inDegrees=yes above endheader, found none.")
    names, *rows = [line.split() for line in lines[end + 1 :] if line.strip()] or [[]]
    if names[:1] != ["time"] or not rows:
        raise ValueError(
            f"{path}: expected a column time and rows below it, got {brief(names[:3])}."
        )
    table = np.empty((len(rows), len(names)))
    for i, row in enumerate(rows):
        try:
            table[i] = list(map(float, row)) if len(row) == len(names) else np.array(())
        except ValueError as error:
            raise ValueError(
                f"{path}, row {i + 1} below the names: expected {len(names)} numbers, got "
                f"{' '.join(row)[:_MAX_SHOWN]!r}."
            ) from error
    return Coordinates(table[:, 0], dict(zip(names[1:], table.T[1:], strict=True)))
