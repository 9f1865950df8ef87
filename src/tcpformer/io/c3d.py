"""C3D, which programs for motion capture and biomechanics read (Vicon, Mokka, Visual3D, ...)."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ..files import atomic_write
from ..filtering.resample import resample_evenly
from ..motion import Motion3D
from .motion_events import FootEvent, find_events
from .motion_table import describe

log = logging.getLogger(__name__)

MAX_FRAMES = 65_535
"""Of a file: it counts them in two bytes."""
MAX_POINTS = 255
"""Of a file: some programs read no more labels."""
_Even = tuple[Float[np.ndarray, "t k 3"], Bool[np.ndarray, "t k"], float]
_ICONS = {"foot strike": 1, "foot off": 2}
_MAX_TEXT = 127
"""Characters of a text."""


def write_c3d(motions: Sequence[Motion3D], path: str | Path) -> None:
    """Write people as points of a C3D file, in millimetres, with their footfalls as events.

    Axes are those of the world: x right, y away from the camera, z up. Points have the names of the
    joints; of several people, with P<number>: before them. In frames that do not show the person,
    points are invalid: at 0, with the residual -1.

    A C3D file has one rate. If times are uneven, joints are resampled at the usual rate. A motion
    of more than `MAX_FRAMES` is written into several files: walk.c3d, walk_2.c3d, ...; the text
    "start" in the group TCPFORMER is the time of each one's first frame.

    Raises:
        ValueError: If there are more points than a file holds, or people have different frames.
        OSError: If the folder does not exist or cannot be written.
    """
    path = Path(path)
    points = sum(len(motion.skeleton.joints) for motion in motions)
    if points > MAX_POINTS:
        raise ValueError(
            f"{path.name}: a C3D file holds at most {MAX_POINTS} points, got {points}; save fewer "
            "people into a file."
        )
    first = motions[0]
    if len(first) == 0:
        raise ValueError("C3D needs at least one frame, got none.")
    if any(not np.array_equal(m.times, first.times) or m.fps != first.fps for m in motions):
        raise ValueError("people in a C3D file need the same frames; save each into its own file.")
    xyz, seen, rate = _even(motions)
    if len(xyz) > MAX_FRAMES:
        log.info("%s: C3D holds %d frames; the rest is in files beside it", path.name, MAX_FRAMES)
    for part, start in enumerate(range(0, len(xyz), MAX_FRAMES), 1):
        frames = slice(start, start + MAX_FRAMES)
        name = path if part == 1 else path.with_stem(f"{path.stem}_{part}")
        offset = float(first.times[0]) + start / rate
        _write_part(motions, name, (xyz[frames], seen[frames], rate), offset)


def _write_part(motions: Sequence[Motion3D], path: Path, even: _Even, start: float) -> None:
    """Write joints at even times, the first of which is ``start``."""
    import ezc3d

    xyz, seen, rate = even
    labels = [
        f"{prefix}{name}"
        for motion, prefix in zip(motions, _prefixes(motions), strict=True)
        for name in motion.skeleton.joints
    ]
    content = ezc3d.c3d()
    points = np.ones((4, *xyz.shape[1::-1]))
    points[:3] = 1000 * xyz.transpose(2, 1, 0)
    content["data"]["points"] = points
    content["data"]["meta_points"] = {
        "residuals": np.where(seen, 0.0, -1.0).T[None],
        "camera_masks": np.zeros((7, *seen.T.shape), dtype=bool),
    }
    point = {
        "RATE": [rate],
        "LABELS": labels,
        "DESCRIPTIONS": labels,
        "UNITS": ["mm"],
        "X_SCREEN": ["+X"],
        "Y_SCREEN": ["+Z"],
    }
    groups = {"POINT": point, **_subjects(motions)}
    groups |= _events(motions, start, len(xyz) / rate) | _description(motions, start)
    for group, parameters in groups.items():
        for name, value in parameters.items():
            content.add_parameter(group, name, value)
    with TemporaryDirectory() as folder, atomic_write(path) as beside:
        whole = Path(folder) / "a.c3d"  # ezc3d appends .c3d to every other suffix, .C3D too
        content.write(str(whole))
        if whole.stat().st_size < 4 * points.size:  # it does not tell when a disk is full
            raise OSError(f"cannot write {whole}: it was cut off; is the disk full?")
        shutil.copyfile(whole, beside)


def _even(motions: Sequence[Motion3D]) -> _Even:
    """Return joints of all people at even times, which of them were seen, and the rate."""
    first = motions[0]
    xyz = np.concatenate([motion.xyz for motion in motions], axis=1)
    seen = np.concatenate(
        [np.tile(m.valid[:, None], (1, len(m.skeleton.joints))) for m in motions], axis=1
    )
    even, rate = resample_evenly(xyz, first.times, first.fps)
    if even is xyz:
        return xyz, seen, rate
    at = first.times[0] + np.arange(len(even)) / rate
    nearest = np.rint(np.interp(at, first.times, np.arange(len(first)))).astype(int)
    return even, seen[nearest], rate


def _prefixes(motions: Sequence[Motion3D]) -> list[str]:
    return [""] if len(motions) == 1 else [f"P{motion.person}:" for motion in motions]


def _subjects(motions: Sequence[Motion3D]) -> dict[str, dict[str, Any]]:
    names = [f"person {motion.person}" for motion in motions]
    content = {
        "USED": [len(motions)],
        "NAMES": names,
        "IS_STATIC": [0] * len(motions),
        "USES_PREFIXES": [int(len(motions) > 1)] * len(motions),
        "LABEL_PREFIXES": _prefixes(motions),
    }
    return {"SUBJECTS": content}


def _events(motions: Sequence[Motion3D], start: float, seconds: float) -> dict[str, dict[str, Any]]:
    """Return the group of the events of a file; their times are since its first frame."""
    every: list[tuple[FootEvent, Motion3D]] = [(e, m) for m in motions for e in find_events(m)]
    found = [each for each in every if start <= each[0].time < start + seconds]
    found.sort(key=lambda each: each[0])
    if not found:
        return {}
    seconds_in = np.array([event.time - start for event, _ in found])
    content = {
        "USED": [len(found)],
        "CONTEXTS": [event.side.capitalize() for event, _ in found],
        "LABELS": [event.name.title() for event, _ in found],
        "SUBJECTS": [f"person {motion.person}" for _, motion in found],
        "DESCRIPTIONS": [""] * len(found),
        "TIMES": np.stack([seconds_in // 60, seconds_in % 60]),
        "ICON_IDS": [_ICONS[event.name] for event, _ in found],
        "GENERIC_FLAGS": [0] * len(found),
    }
    return {"EVENT": _in_pieces(content)}


def _description(motions: Sequence[Motion3D], start: float) -> dict[str, dict[str, Any]]:
    """Return where the motion comes from, in a group of our own: a text for each person."""
    result: dict[str, Any] = {"SOFTWARE": [describe(motions)["software"]]}
    for motion in motions:
        texts = {"unit": "mm", "fps": f"{motion.fps:.10g}", "start": f"{start:.10g}"}
        texts |= motion.provenance
        lines = [f"{key}: {text}"[:_MAX_TEXT] for key, text in texts.items()]
        result[f"PERSON_{motion.person}"] = lines
    return {"TCPFORMER": result}


def _in_pieces(content: dict[str, Any]) -> dict[str, Any]:
    """Cut lists of more than 255 entries, which C3D does not hold: NAME, NAME2, NAME3, ..."""
    result: dict[str, Any] = {}
    for name, value in content.items():
        count = np.shape(value)[-1]
        for piece, at in enumerate(range(0, count, MAX_POINTS), 1):
            part = slice(at, at + MAX_POINTS)
            cut = value[..., part] if isinstance(value, np.ndarray) else value[part]
            result[name if piece == 1 else f"{name}{piece}"] = cut
    return result
