"""Anatomy: how far the joints of a motion, in some order, are from those of a person."""

from dataclasses import dataclass
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
"""For the bone that ends in a joint: length over stature, and standard deviation of the logarithm.
Means of motion capture and Human3.6M; data sets differ most on hips, shoulders and neck."""
ALONG = (("Hip", "Spine", "Thorax"), ("Spine", "Thorax", "Neck"), ("Thorax", "Neck", "Head"))
"""Chains of joints that do not fold back."""
ABREAST = (("Hip", "Knee"), ("Shoulder", "Elbow"), ("Hip", "Shoulder"))
"""Left to right points the same way, most of the time, at both of these."""


@dataclass(frozen=True)
class AnatomyConfig:
    """Penalties of `implausibility`, about negative logarithms of a likelihood."""

    length_change: float = 0.03
    """Relative change of a bone's length that counts little: markers slip, fits are inexact."""
    turned: float = 3.0
    """Penalty for a direction at right angles to the expected one; twice that for the opposite."""
    max_bone: float = 8.0
    """Largest penalty for the length of one bone: that of four standard deviations."""


def implausibility(
    xyz: Float[np.ndarray, "*batch t 17 3"], config: AnatomyConfig = AnatomyConfig()
) -> Float[np.ndarray, "*batch"]:
    """Return how unlike a person, of any scale, place or mirror image: a negative log likelihood.

    Bones keep their lengths, are as long as people's and alike on both sides; the trunk does not
    fold back; the sides do not cross.
    """
    lengths = np.stack([_norm(xyz[..., c, :] - xyz[..., p, :]) for p, c in H36M.bones], axis=-1)
    low, middle, high = np.percentile(lengths, (10, 50, 90), axis=-2)
    middle = np.maximum(middle, 1e-9)
    moving = np.log(1 + (high - low) / middle / config.length_change).sum(axis=-1)
    joints = [H36M.joints[child] for _, child in H36M.bones]
    usual = np.array([LENGTHS.get(joint) or LENGTHS[joint[1:]] for joint in joints])
    off = np.log(middle) - np.log(usual[:, 0])
    off = (off - np.median(off, axis=-1, keepdims=True)) / usual[:, 1]
    odd = np.minimum(off**2 / 2, config.max_bone).sum(axis=-1)
    runs = [((a, b), (b, c)) for a, b, c in ALONG]
    runs += [(("L" + a, "R" + a), ("L" + b, "R" + b)) for a, b in ABREAST]
    turned = sum(1 - _mean_cosine(xyz, one, two) for one, two in runs)
    return np.asarray(moving + odd + config.turned * turned)


def _norm(x: np.ndarray) -> np.ndarray:
    return np.sqrt((x**2).sum(axis=-1))


def _mean_cosine(xyz: np.ndarray, one: tuple[str, str], two: tuple[str, str]) -> np.ndarray:
    """Return the mean cosine between two directions, each from a joint to another."""
    a, b = (xyz[..., _J[end], :] - xyz[..., _J[start], :] for start, end in (one, two))
    cosine = (a * b).sum(axis=-1) / np.maximum(_norm(a) * _norm(b), 1e-12)
    return np.asarray(cosine.mean(axis=-1))


@cache
def joint_orders() -> tuple[tuple[str, ...], Float[np.ndarray, "k 17 17"]]:
    """Return other interpretations of 17 joints, in words, and their maps to the right order."""
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


def mean_knee_bend(xyz: Float[np.ndarray, "t 17 3"]) -> float:
    """Return the mean sine of the knees about the line of the hips, -1 to 1; anatomy is positive.

    Thigh x shin points to the person's left if the heel goes back; to the right in a mirror image,
    and if left and right are exchanged.
    """
    across = xyz[:, _J["LHip"]] - xyz[:, _J["RHip"]]
    across = across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
    total = 0.0
    for side in "LR":
        hip, knee, ankle = (xyz[:, _J[side + joint]] for joint in ("Hip", "Knee", "Ankle"))
        thigh, shin = knee - hip, ankle - knee
        size = np.linalg.norm(thigh, axis=-1) * np.linalg.norm(shin, axis=-1)
        turn = (np.cross(thigh, shin) * across).sum(-1)
        total += float((turn / np.maximum(size, 1e-12)).mean()) / 2
    return total
