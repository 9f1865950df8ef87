"""TRC, OpenSim's table of markers: written in metres, read in pixels.

`write_trc` is for OpenSim and Pose2Sim. `read_trc` reads what Sports2D calls
<video>_px_person<nn>.trc, with pixels instead of metres. Its header has the unit "m" for pixels,
too; markers in space show by their Z, or by their unit mm.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..detections import Detections
from ..files import atomic_write
from ..motion import Motion3D
from .csv_tables import Row, parse_numbers
from .keypoints import (
    KeypointRecord,
    PersonKeypoints,
    RateAndSize,
    files_in,
    mean_rate,
    person_keypoints,
)
from .opensim_markers import place_markers
from .rig import to_y_up

_LENGTHS = ("mm", "cm")
_MAX_METRES = 20.0
"""Coordinates that are pixels reach further."""
_UNEVEN = 0.05
"""Share of the interval by which even times may differ: they are rounded to milliseconds."""
_MIN_CELLS = 1_000_000
"""Cells that a table may have beyond its characters."""


def read_trc(path: Path, given: RateAndSize) -> Detections:
    """Read a table of Sports2D, or a folder with one a person; they hold no size.

    If names in the folder contain ``_px_``, only these tables are read.
    """
    files = files_in(path, ".trc") if path.is_dir() else [path]
    files = [file for file in files if "_px_" in file.name.lower()] or files
    tables = [_read_table(file) for file in files]
    names, times = tables[0][:2]
    if any(other != names or len(at) != len(times) for other, at, _ in tables):
        raise ValueError(f"{path}: the people have different joints or numbers of frames.")
    frames: list[list[PersonKeypoints]] = [[] for _ in times]
    for file, (_, _, xy) in zip(files, tables, strict=True):
        visible = np.isfinite(xy).all(axis=-1) & (xy != 0).any(axis=-1)
        for frame in np.flatnonzero(visible.any(axis=1)):
            frames[frame].append(person_keypoints(xy[frame], visible[frame], file.stem))
    rate = mean_rate(times)
    record = KeypointRecord(
        frames, names, fps=rate, times=times, first=_first_frame(np.array(times), rate)
    )
    return record.detections(path, given)


def _first_frame(times: Float[np.ndarray, " t"], rate: float | None) -> int | None:
    """Return the number of the frame of even times, those of frames at a rate."""
    if rate is None or times[0] < 0 or not np.allclose(np.diff(times) * rate, 1, atol=_UNEVEN):
        return None
    return round(times[0] * rate)


def _read_table(file: Path) -> tuple[list[str], list[float], Float[np.ndarray, "t k 2"]]:
    """Read joint names, times in seconds, and pixels of a table; empty cells become NaN."""
    text = file.read_text("utf-8")
    lines = text.splitlines()
    names = lines[3].rstrip("\t").split("\t")[2::3]
    labels = ["Frame#", "Time"]
    labels += [f"{axis}{i} of {name}" for i, name in enumerate(names, 1) for axis in "XYZ"]
    body = [(i, line) for i, line in enumerate(lines[5:], 6) if line.strip()]
    width = 2 + 3 * len(names)
    if not body or len(body) * width > _MIN_CELLS + len(text):
        raise ValueError(
            f"{file}: expected rows of {width} cells for {len(names)} markers from line 6 on, got "
            f"{len(body)} rows in {len(text)} characters."
        )
    numbers = np.full((len(body), width), np.nan)
    for row, (i, line) in enumerate(body):
        cells = [cell.strip() for cell in line.split("\t")[:width]]
        numbers[row, : len(cells)] = parse_numbers(file, Row(i, cells), range(len(cells)), labels)
    xyz = numbers[:, 2:].reshape(len(body), -1, 3)
    _check_pixels(file, lines[:5], names, xyz)
    return names, numbers[:, 1].tolist(), xyz[..., :2]


def _check_pixels(
    file: Path, header: list[str], names: list[str], xyz: Float[np.ndarray, "t k 3"]
) -> None:
    """Raise ValueError if the markers of a table are in space, or in metres."""
    deep = np.argwhere(np.isfinite(xyz[..., 2]) & (xyz[..., 2] != 0))
    unit = dict(zip(header[1].split("\t"), header[2].split("\t"), strict=False)).get("Units", "")
    if len(deep):
        frame, joint = deep[0]
        found = f"column Z{joint + 1} ({names[joint]}) has {xyz[frame, joint, 2]:g}"
    elif unit.strip().lower() in _LENGTHS:
        found = f"its Units are {unit.strip()}"
    elif "_m_person" in file.name.lower():
        found = "its name has _m_"
    elif unit.strip().lower() == "m" and np.nanmax(np.abs(xyz), initial=0) < _MAX_METRES:
        found = f"its Units are m, and no coordinate is beyond {np.nanmax(np.abs(xyz)):.3g}"
    else:
        return
    raise ValueError(
        f"{file}: expected joints in pixels of the picture, with 0 in every column Z, but {found}: "
        "these are markers in space. Sports2D writes pixels into the file with _px_ in its name."
    )


def write_trc(motion: Motion3D, path: str | Path) -> None:
    """Write a motion as markers for OpenSim, with the names of Pose2Sim and Sports2D, in metres.

    Axes: x right, y up, z towards the camera. Times are those of the video, frames count from 1. No
    cell is empty: frames that do not show the person hold the bridged motion.

    Raises:
        ValueError: If the motion has no hips or shoulders, or no frames.
        OSError: If the folder does not exist or cannot be written.
    """
    if len(motion) == 0:
        raise ValueError("TRC needs at least one frame, got none.")
    names, xyz = place_markers(motion)
    count, rate = len(motion), f"{motion.fps:.10g}"
    values = (rate, rate, count, len(names), "m", rate, 1, count)
    axes = "\t".join(f"X{i}\tY{i}\tZ{i}" for i in range(1, len(names) + 1))
    lines = (
        f"PathFileType\t4\t(X/Y/Z)\t{Path(path).name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\t"
        "OrigNumFrames",
        "\t".join(map(str, values)),
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        f"\t\t{axes}",
        "",
    )
    numbers = to_y_up(xyz).reshape(count, -1).round(6) + 0.0  # not -0.0
    rows = np.column_stack([np.arange(1, count + 1), motion.times, numbers])
    formats = ["%d", "%.7f", *["%.6f"] * numbers.shape[1]]
    with atomic_write(path) as beside, beside.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
        np.savetxt(file, rows, fmt=formats, delimiter="\t")
