"""Motion capture in one npz file: many sequences, one skeleton, world axes with z up."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from ..files import brief
from ..io.safe_npz import read_npz
from ..motion import LIMITS
from ..skeleton import BODY, BODY_26, GROUPS, H36M, stature

SPLITS = ("train", "val", "test")
HAS_GROUP = {"feet": "has_feet", "hands": "has_hands", "face": "has_head"}
"""Group of joints -> the key that tells, for each sequence, whether its rig has it. The columns of
"glitch" are in this order."""
MAX_TENTHS = 2**31
"""Tenths of millimetres of any coordinate: 214 km."""
MIN_FPS = 0.1
MIN_STATURE = 0.01
"""Metres of a body; below, its joints lie at one point."""


@dataclass(frozen=True)
class Mocap:
    """Sequences of one skeleton, concatenated.

    Attributes:
        xyz: Joints of Human3.6M or `BODY_26` in metres, NaN where feet, hands or face are not
            known; world axes, right-handed, z up, floor at 0.
        starts: Index of the first frame of each sequence.
        activity: Activity of each sequence; empty unless rare ones are to be drawn more often.
        limb_swap_prob: Share of the clips that get arms or legs of another motion.
        tilt_prob: Share of the clips in which people are tilted as a whole.
        blur_prob: Share of the clips whose confidence tells less of the error.
    """

    xyz: Float[np.ndarray, "n j 3"]
    starts: Int[np.ndarray, " s"]
    lengths: Int[np.ndarray, " s"]
    fps: float
    activity: tuple[str, ...] = ()
    limb_swap_prob: float = 0.0
    tilt_prob: float = 0.0
    blur_prob: float = 0.0

    def draw(self, count: int, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
        """Draw sequences with probability proportional to the square root of their length.

        With activities, each activity gets the square root of the probability it would have had.
        """
        chance = np.sqrt(self.lengths)
        if self.activity:
            _, which = np.unique(self.activity, return_inverse=True)
            chance = chance / np.sqrt(np.bincount(which, chance)[which])
        return rng.choice(len(chance), count, p=chance / chance.sum())


def parse_split(split: str) -> list[str]:
    """Return the names in a split such as "train+val"; raise ValueError if one is unknown."""
    names = split.split("+")
    if not set(names) <= set(SPLITS):
        raise ValueError(f"split must be made of {SPLITS} joined by '+', got {split!r}.")
    return names


def load_mocap(path: str | Path, split: str, *, by_activity: bool = False) -> Mocap:
    """Read the sequences of one split of a file that `tcpformer data mocap` wrote.

    Args:
        split: "train", "val", "test", or several joined by "+".
        by_activity: Read the activities, so that rare ones are drawn more often.

    Raises:
        ValueError: If a split is unknown or empty, or as `read_mocap`.
    """
    wanted = parse_split(split)
    data = read_mocap(path, ("split", "joints", *(["activity"] if by_activity else [])))
    xyz = data["relative"].astype(np.float32) * np.float32(1e-4)
    xyz += (data["root"][:, None] * 1e-4).astype(np.float32)
    for number, first in enumerate(data["offsets"][:-1]):
        known = find_known(data, number)
        xyz[first : first + len(known)][~known] = np.nan
    keep = np.isin(data["split"], wanted)
    if not keep.any():
        raise ValueError(f"{path}: no sequence belongs to {split!r}.")
    starts, lengths = data["offsets"][:-1][keep], np.diff(data["offsets"])[keep]
    activity = tuple(map(str, data["activity"][keep])) if by_activity else ()
    return Mocap(xyz, starts, lengths, float(data["fps"]), activity)


def read_mocap(path: str | Path, texts: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Read and check the arrays of the file, with texts for each sequence.

    Raises:
        ValueError: If a key is missing, shapes disagree, numbers are not positions in space, or
            joints are not Human3.6M's.
    """
    flags = (*HAS_GROUP.values(), "glitch")
    data = read_npz(path, ("relative", "root", "offsets", "fps"), texts, optional=flags)
    joints = tuple(map(str, data["joints"].flat))
    if joints not in (H36M.joints, BODY_26.joints):
        raise ValueError(
            f"{path}: expected the joints {H36M.joints}, or those of {BODY_26.name}, got "
            f"{brief(data['joints'])}."
        )
    n = len(data["relative"]) if data["relative"].ndim else 0
    check_shapes(path, data, {"relative": (n, len(joints), 3), "root": (n, 3), "fps": ()})
    check_offsets(path, data["offsets"], n)
    s = len(data["offsets"]) - 1
    per_sequence = [key for key in texts if key not in ("joints", "parents")]
    per_sequence += [key for key in HAS_GROUP.values() if key in data]
    check_shapes(path, data, dict.fromkeys(per_sequence, (s,)))
    if "glitch" in data:
        check_shapes(path, data, {"glitch": (n, len(GROUPS))})
    for key in ("relative", "root"):
        if not (np.abs(data[key], dtype=np.float64) < MAX_TENTHS).all():
            raise ValueError(f"{path}: {key} must be finite tenths of millimetres.")
    check_bodies(path, data["relative"][:, BODY].astype(np.float32), 1e4)
    if not MIN_FPS <= data["fps"] <= LIMITS.max_fps:
        raise ValueError(f"{path}: fps must be {MIN_FPS} to {LIMITS.max_fps:g}, got {data['fps']}.")
    return data


def find_known(data: Mapping[str, np.ndarray], number: int) -> Bool[np.ndarray, "t j"]:
    """Return which joints of a sequence or view are known: its rig has them, and they do not jump.

    Args:
        data: Arrays of `read_mocap` or `read_open_benchmark`.
        number: Number of the sequence or view.
    """
    part = slice(*data["offsets"][number : number + 2])
    relative = data["relative"][part]
    known = np.ones((len(relative), len(relative[0])), dtype=bool)
    if known.shape[1] == BODY.stop:
        return known
    for i, (group, key) in enumerate(HAS_GROUP.items()):
        known[:, GROUPS[group]] &= key not in data or bool(data[key][number])
        if "glitch" in data:
            known[:, GROUPS[group]] &= data["glitch"][part, i, None] == 0
    return known


def check_bodies(
    path: str | Path, xyz: Float[np.ndarray, "n 17 3"], per_metre: float = 1.0
) -> None:
    """Raise ValueError if the joints of a frame lie at one point, so that they have no scale."""
    flat = np.flatnonzero(~(stature(xyz) > MIN_STATURE * per_metre))
    if len(flat):
        raise ValueError(
            f"{path}: expected positions of a body, but in {len(flat)} of {len(xyz)} frames, the "
            f"first {flat[0]}, its joints lie at one point; leave these frames out."
        )


def check_shapes(
    path: str | Path, data: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Check the shapes of some arrays of a file; raise ValueError if one has another."""
    wrong = [key for key, shape in shapes.items() if data[key].shape != shape]
    if wrong:
        wanted, got = ({key: at[key] for key in wrong} for at in (shapes, _shapes(data)))
        raise ValueError(f"{path}: expected arrays of the shapes {wanted}, got {got}.")


def _shapes(data: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    return {key: array.shape for key, array in data.items()}


def check_offsets(path: str | Path, offsets: np.ndarray, total: int) -> None:
    """Check the first frames of the sequences and their end, which must be the ``total`` frames.

    Raises:
        ValueError: If they do not rise from 0 to ``total``, one frame a sequence at least.
    """
    whole = offsets.dtype.kind in "iu" and offsets.ndim == 1 and len(offsets) > 1
    rising = whole and bool((offsets[1:] > offsets[:-1]).all())
    if not rising or offsets[0] != 0 or offsets[-1] != total:
        raise ValueError(
            f"{path}: offsets must be whole numbers that rise from 0 to {total}, the number of "
            f"frames; got {brief(offsets)}."
        )
