"""What can be measured of a motion without knowing the truth.

Axis legend: ``f`` feet.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from ..motion import Motion3D
from ..postprocess.contacts import find_contacts
from ..skeleton import FEET
from ..world.ground import ground_of
from .metrics import bone_deviation, jitter

OTHER = 0.02
"""Of the longer side of the picture: what half of the joints are repaired by is less."""


@dataclass(frozen=True)
class Quality:
    """Measures of one motion; less is better in all of them.

    Attributes:
        jitter: Mean jerk of the joints, m/s³.
        bones: Mean deviation of bones from their own mean length, mm.
        skate: Mean speed along the floor of standing feet, mm/s.
        penetration: Mean depth of the lower ankle under the floor, mm.
        peak: Largest acceleration of a frame, mean over its joints, m/s²: a seam shows here.
        reprojection: Mean distance in the picture from where joints were seen, by confidence, px.
        bridged: Share of joints that were not seen and are bridged, %.
    """

    jitter: float
    bones: float
    skate: float
    penetration: float
    peak: float
    reprojection: float
    bridged: float


NAMES = {
    "jitter": "jitter, m/s³",
    "bones": "bone deviation, mm",
    "skate": "foot skate, mm/s",
    "penetration": "ground penetration, mm",
    "peak": "peak (seam) acceleration, m/s²",
    "reprojection": "reprojection error, px",
    "bridged": "bridged joints, %",
}
"""How tables call them."""


def standing(motion: Motion3D) -> Bool[np.ndarray, "t 2"]:
    """When the right and the left foot stand."""
    return find_contacts(motion.xyz, motion.times, motion.valid)


def measure(motion: Motion3D, contact: Bool[np.ndarray, "t 2"] | None = None) -> Quality:
    """Measure a motion.

    Args:
        motion: What is measured.
        contact: When feet stand; by default as this motion says.

    Raises:
        ValueError: If it has fewer than 4 frames.
    """
    if len(motion) < 4:
        raise ValueError(f"expected at least 4 frames to measure, got {len(motion)}.")
    contact = standing(motion) if contact is None else contact
    xyz, times = motion.xyz, motion.times
    feet = xyz[:, FEET]
    rate = 1 / float(np.median(np.diff(times)))
    faster = np.gradient(np.gradient(xyz, times, axis=0), times, axis=0)
    weight = motion.confidence * motion.valid[:, None]
    missed = np.linalg.norm(_pixels(motion) - motion.xy, axis=-1)
    return Quality(
        jitter=float(jitter(xyz, rate).mean()),
        bones=1000 * float(bone_deviation(xyz, motion.skeleton.bones).mean()),
        skate=1000 * _skate(feet, times, contact),
        penetration=1000 * float(np.maximum(-feet[..., 2].min(axis=1), 0)[motion.valid].mean()),
        peak=float(np.linalg.norm(faster, axis=-1).mean(axis=1).max()),
        reprojection=float((weight * missed).sum() / max(weight.sum(), 1e-12)),
        bridged=100 * float((motion.confidence == 0).mean()),
    )


def compare(raw: Motion3D, finished: Motion3D) -> tuple[Quality, Quality]:
    """Measure a motion before and after a chain by one yardstick.

    Both stand on the finished motion's floor, their feet are taken to stand when its feet do, and
    both are held against the 2D joints that the raw one was lifted from.

    Raises:
        ValueError: If they are not of the same frames, or not of one person.
    """
    if len(raw) != len(finished) or np.abs(raw.times - finished.times).max() > 1e-6:
        raise ValueError(
            f"expected two motions of the same frames, got {len(raw)} and {len(finished)} frames; "
            "lift the same source with --raw to get both."
        )
    apart = np.median(np.linalg.norm(raw.xy - finished.xy, axis=-1))
    if raw.size != finished.size or apart > OTHER * max(raw.size):
        raise ValueError("expected one motion before and after, got motions of two people.")
    ground = ground_of(finished)
    contact = standing(finished)
    before = replace(raw, xyz=ground.to_world(raw.camera_xyz))
    after = replace(finished, xy=raw.xy, confidence=raw.confidence)
    bridged = 100 * float((finished.confidence == 0).mean())
    return measure(before, contact), replace(measure(after, contact), bridged=bridged)


def _skate(
    feet: Float[np.ndarray, "t f 3"],
    times: Float[np.ndarray, " t"],
    contact: Bool[np.ndarray, "t f"],
) -> float:
    """Mean speed along the floor over pairs of frames in both of which a foot stands."""
    both = contact[1:] & contact[:-1]
    speed = np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=-1) / np.diff(times)[:, None]
    return float(speed[both].mean()) if both.any() else 0.0


def _pixels(motion: Motion3D) -> Float[np.ndarray, "t j 2"]:
    """Where the picture would show the joints."""
    camera = motion.camera_xyz
    depth = np.maximum(camera[..., 2:], 1e-3)
    return motion.focal * camera[..., :2] / depth + np.array(motion.size) / 2


def table(before: Quality, after: Quality | None = None) -> str:
    """The measures, line by line; of two, with what changed."""
    if after is None:
        return "\n".join(f"{name:34}{getattr(before, f):10.2f}" for f, name in NAMES.items())
    lines = [f"{'':34}{'before':>10}{'after':>10}{'change':>9}"]
    for field, name in NAMES.items():
        one, other = getattr(before, field), getattr(after, field)
        change = f"{100 * (other / one - 1):+.0f} %" if one > 1e-9 else ""
        lines.append(f"{name:34}{one:10.2f}{other:10.2f}{change:>9}".rstrip())
    return "\n".join(lines)
