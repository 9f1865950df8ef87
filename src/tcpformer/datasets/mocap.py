"""Motion capture in one npz file: many sequences, one skeleton, world axes with z up."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ..files import read_npz
from ..skeleton import H36M

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Mocap:
    """Sequences of one skeleton, concatenated.

    Attributes:
        xyz: Joints in metres; world axes, right-handed, z up, floor at 0.
        starts: Index of the first frame of each sequence.
        activity: Activity of each sequence; empty unless rare ones are to be drawn more often.
        limb_swap_prob: Share of the clips that get arms or legs of another motion.
        tilt_prob: Share of the clips in which people are tilted as a whole.
    """

    xyz: Float[np.ndarray, "n 17 3"]
    starts: Int[np.ndarray, " s"]
    lengths: Int[np.ndarray, " s"]
    fps: float
    activity: tuple[str, ...] = ()
    limb_swap_prob: float = 0.0
    tilt_prob: float = 0.0

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
        ValueError: If a split is unknown or empty, a key is missing, or joints are not Human3.6M's.
    """
    wanted = parse_split(split)
    texts = ("split", "joints", *(["activity"] if by_activity else []))
    data = read_npz(path, ("relative", "root", "offsets", "fps"), texts)
    if tuple(data["joints"]) != H36M.joints:
        raise ValueError(f"{path}: expected the joints {H36M.joints}, got {data['joints']}.")
    xyz = data["relative"].astype(np.float32) * np.float32(1e-4)
    xyz += (data["root"][:, None] * 1e-4).astype(np.float32)
    keep = np.isin(data["split"], wanted)
    if not keep.any():
        raise ValueError(f"{path}: no sequence belongs to {split!r}.")
    starts, lengths = data["offsets"][:-1][keep], np.diff(data["offsets"])[keep]
    activity = tuple(map(str, data["activity"][keep])) if by_activity else ()
    return Mocap(xyz, starts, lengths, float(data["fps"]), activity)
