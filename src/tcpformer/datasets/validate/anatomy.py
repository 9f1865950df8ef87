"""What a body cannot be: how the joints of a motion, in any order, fail to make a person.

Scale, place and mirror image do not matter to `strangeness`; `knee_bend` is what tells a body from
its mirror image.
"""

from functools import cache
from itertools import combinations

import numpy as np
from jaxtyping import Float

from ...skeleton import COCO, H36M, MPI_INF_3DHP, conversion

_J = H36M.index
LENGTHS = {
    "Hip": (0.065, 0.3), "Knee": (0.25, 0.12), "Ankle": (0.255, 0.12), "Spine": (0.135, 0.2),
    "Thorax": (0.16, 0.2), "Neck": (0.075, 0.35), "Head": (0.065, 0.35), "Shoulder": (0.095, 0.3),
    "Elbow": (0.168, 0.12), "Wrist": (0.15, 0.15),
}  # fmt: skip
"""For the bone that ends in a joint: its length over the stature, and the spread of the logarithm.
Means of motion capture and of Human3.6M; hips, shoulders and neck are placed differently by
different data sets, and spread more."""
STEADY = 0.03
"""Relative change of a bone's length below which nothing is learnt: markers slip, fits wobble."""
ALONG = (("Hip", "Spine", "Thorax"), ("Spine", "Thorax", "Neck"), ("Thorax", "Neck", "Head"))
"""Runs of joints that do not fold back."""
ABREAST = (("Hip", "Knee"), ("Shoulder", "Elbow"), ("Hip", "Shoulder"))
"""Left to right points the same way, most of the time, at both of these."""
TURNED = 3.0
"""Penalty for a direction at right angles to where it belongs; twice that for the opposite."""
ODDEST = 8.0
"""No one bone counts more: four standard deviations."""


def strangeness(xyz: Float[np.ndarray, "*batch t 17 3"]) -> Float[np.ndarray, "*batch"]:
    """How unlike a person the joints are, as a penalty; about the negative logarithm of a chance.

    Bones keep their lengths, are as long as people's and alike on both sides; the trunk does not
    fold back; the sides do not cross.
    """
    lengths = np.stack([_norm(xyz[..., c, :] - xyz[..., p, :]) for p, c in H36M.bones], axis=-1)
    low, middle, high = np.percentile(lengths, (10, 50, 90), axis=-2)
    middle = np.maximum(middle, 1e-9)
    moving = np.log(1 + (high - low) / middle / STEADY).sum(axis=-1)
    usual = np.array([_of(LENGTHS, H36M.joints[c]) for _, c in H36M.bones])
    off = np.log(middle) - np.log(usual[:, 0])
    off = (off - np.median(off, axis=-1, keepdims=True)) / usual[:, 1]
    odd = np.minimum(off**2 / 2, ODDEST).sum(axis=-1)
    runs = [((a, b), (b, c)) for a, b, c in ALONG]
    runs += [(("L" + a, "R" + a), ("L" + b, "R" + b)) for a, b in ABREAST]
    turned = sum(1 - _cosine(xyz, one, two) for one, two in runs)
    return np.asarray(moving + odd + TURNED * turned)


def _norm(x: Float[np.ndarray, "*batch c"]) -> Float[np.ndarray, "*batch"]:
    return np.sqrt((x**2).sum(axis=-1))


def _of(table: dict[str, tuple[float, float]], joint: str) -> tuple[float, float]:
    return table[joint] if joint in table else table[joint[1:]]


def _cosine(
    xyz: Float[np.ndarray, "*batch t 17 3"], one: tuple[str, str], two: tuple[str, str]
) -> Float[np.ndarray, "*batch"]:
    """Mean cosine between two directions, each from a joint to another."""
    a, b = (xyz[..., _J[end], :] - xyz[..., _J[start], :] for start, end in (one, two))
    cosine = (a * b).sum(axis=-1) / np.maximum(_norm(a) * _norm(b), 1e-12)
    return np.asarray(cosine.mean(axis=-1))


@cache
def orders() -> tuple[tuple[str, ...], Float[np.ndarray, "k 17 17"]]:
    """Other ways to read 17 joints, in words, and the maps that bring them to the right order."""
    to_h36m = conversion(MPI_INF_3DHP, H36M)
    found = {
        f"in the order of {COCO.name}": conversion(COCO, H36M),
        f"in the order of {MPI_INF_3DHP.name}": to_h36m,
        f"as if of {MPI_INF_3DHP.name}": np.linalg.inv(to_h36m),
    }
    for i, j in combinations(range(len(H36M.joints)), 2):
        exchange = np.eye(len(H36M.joints))
        exchange[[i, j]] = exchange[[j, i]]
        found[f"{H36M.joints[i]} and {H36M.joints[j]} exchanged"] = exchange
    return tuple(found), np.stack(list(found.values()))


def knee_bend(xyz: Float[np.ndarray, "t 17 3"]) -> float:
    """How far the knees bend the way knees do: mean sine about the line of the hips, -1 to 1.

    Thigh x shin points to the person's left where the heel goes back; in a mirror image, and where
    left and right are exchanged, to the right.
    """
    across = xyz[:, _J["LHip"]] - xyz[:, _J["RHip"]]
    across = across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
    total = 0.0
    for side in "LR":
        thigh = xyz[:, _J[f"{side}Knee"]] - xyz[:, _J[f"{side}Hip"]]
        shin = xyz[:, _J[f"{side}Ankle"]] - xyz[:, _J[f"{side}Knee"]]
        size = np.linalg.norm(thigh, axis=-1) * np.linalg.norm(shin, axis=-1)
        turn = (np.cross(thigh, shin) * across).sum(-1)
        total += float((turn / np.maximum(size, 1e-12)).mean()) / 2
    return total
