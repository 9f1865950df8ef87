"""Feet, hands and face in a file of their own, beside motion capture of 17 joints."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..io.safe_npz import read_npz
from ..skeleton import BODY, BODY_26, GROUPS
from .mocap import HAS_GROUP, check_shapes


def add_points(
    data: Mapping[str, np.ndarray], source: str | Path, extra: str | Path
) -> dict[str, np.ndarray]:
    """Return the arrays of motion capture with 26 joints, and the flags of what rigs lack.

    Args:
        data: Arrays of 17 joints, of `read_mocap`, with names.
        source: Their file.
        extra: The file of the other points, in the same order: keys `extra`, `points`, `offsets`,
            `name`, `has_feet`, `has_hands`, `has_head` and `glitch`.

    Raises:
        ValueError: If the files are not of the same sequences, or a joint is missing.
    """
    if data["relative"].shape[1] != BODY.stop:
        raise ValueError(f"{source}: it has feet, hands and face already; leave {extra} out.")
    flags = (*HAS_GROUP.values(), "glitch")
    more = read_npz(extra, ("extra", "offsets", *flags), ("points", "name"))
    points = list(map(str, more["points"].flat))
    n, s = len(data["relative"]), len(data["name"])
    shapes = {"extra": (n, len(points), 3), "glitch": (n, len(GROUPS)), "name": (s,)}
    check_shapes(extra, more, {**shapes, **dict.fromkeys(HAS_GROUP.values(), (s,))})
    same = np.array_equal(more["offsets"], data["offsets"])
    if not same or not np.array_equal(more["name"], data["name"]):
        raise ValueError(
            f"{extra}: expected the sequences of {source}, in the same order, got others."
        )
    missing = [joint for joint in BODY_26.joints[BODY.stop :] if joint not in points]
    if missing:
        raise ValueError(f"{extra}: the points {missing} are missing; found {points}.")
    columns = [points.index(joint) for joint in BODY_26.joints[BODY.stop :]]
    return {
        **data,
        "relative": np.concatenate([data["relative"], more["extra"][:, columns]], axis=1),
        "joints": np.array(BODY_26.joints),
        "parents": np.array(BODY_26.parents, dtype=np.int8),
        **{key: more[key] for key in flags},
    }


def read_floor(extra: str | Path) -> Float[np.ndarray, " s"]:
    """Read the height of the floor of each sequence, in metres, from the file of the other points.

    Raises:
        ValueError: If the file has none, or one is not finite.
    """
    floor = read_npz(extra, ("floor_z",))["floor_z"]
    if floor.ndim != 1 or not np.isfinite(floor).all():
        raise ValueError(f"{extra}: floor_z must be one finite height for each sequence.")
    return floor.astype(float)
