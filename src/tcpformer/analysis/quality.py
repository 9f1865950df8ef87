"""Quality of a motion, measured without ground truth.

Axis legend: ``f`` feet.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from ..motion import Motion3D, seen_groups
from ..postprocess.foot_contacts import find_contacts
from ..skeleton import BODY, GROUPS
from ..world.ground import ground_of
from ..world.soles import Soles, find_soles
from .metrics import bone_deviation, jitter

JITTER_RATE = 120.0
"""Frames per second near which jerk is measured of faster videos: a micrometre, which single
precision leaves open, is 1000 m/s³ at 1000 frames per second."""
SAME_PERSON = 0.02
"""Median distance of a person's joints before and after post-processing is less: a share of the
longer side of the picture."""


@dataclass(frozen=True)
class Quality:
    """Measures of one motion; less is better in all of them."""

    jitter: float
    """Mean jerk of the joints, m/s³; of videos of more than 180 frames a second, over every second
    or n-th frame, at a rate near 120."""
    bones: float
    """Mean deviation of bones from their own mean length, mm."""
    skate: float
    """Mean speed of standing feet along the floor, mm/s."""
    penetration: float
    """Mean depth of the lower foot under the floor, mm: of its ankle under z = 0, or with feet of
    its sole."""
    peak: float
    """Largest acceleration of a frame, mean over its joints, m/s²: a seam shows here."""
    reprojection: float
    """Mean distance in the image from the 2D joints, weighted by confidence, px."""
    bridged: float
    """Share of joints that were not detected and are bridged, %; feet, hands and face that were
    never detected do not count."""


LABELS = {
    "jitter": "jitter, m/s³",
    "bones": "bone deviation, mm",
    "skate": "foot skate, mm/s",
    "penetration": "ground penetration, mm",
    "peak": "peak (seam) acceleration, m/s²",
    "reprojection": "reprojection error, px",
    "bridged": "bridged joints, %",
}
"""Names of the measures in tables."""


def measure_quality(motion: Motion3D, contact: Bool[np.ndarray, "t s"] | None = None) -> Quality:
    """Measure a motion whose feet stand when ``contact`` is true; by default as found in it.

    The feet are the joints of `find_soles`.

    Raises:
        ValueError: If it has fewer than 4 frames.
    """
    soles = find_soles(motion)
    return _measure(motion, soles, _find_contacts(motion, soles) if contact is None else contact)


def _mean_jitter(xyz: Float[np.ndarray, "t j 3"], rate: float) -> float:
    every = min(max(round(rate / JITTER_RATE), 1), (len(xyz) - 1) // 3)
    return float(jitter(xyz[::every], rate / every).mean())


def _find_contacts(motion: Motion3D, soles: Soles) -> Bool[np.ndarray, "t s"]:
    return find_contacts(motion.xyz, motion.times, motion.valid, joints=soles.joints)


def _measure(motion: Motion3D, soles: Soles, contact: Bool[np.ndarray, "t s"]) -> Quality:
    if len(motion) < 4:
        raise ValueError(f"expected at least 4 frames to measure, got {len(motion)}.")
    xyz, times = motion.xyz, motion.times
    feet = xyz[:, list(soles.joints)]
    over = soles.heights(xyz, np.array([0.0, 0.0, 1.0]))
    rate = 1 / float(np.median(np.diff(times)))
    acceleration = np.gradient(np.gradient(xyz, times, axis=0), times, axis=0)
    weight = motion.confidence * motion.valid[:, None]
    missed = np.linalg.norm(_project(motion) - motion.xy, axis=-1)
    return Quality(
        jitter=_mean_jitter(xyz, rate),
        bones=1000 * float(bone_deviation(xyz, motion.skeleton.bones).mean()),
        skate=1000 * _foot_skate(feet, times, contact),
        penetration=1000 * float(np.maximum(-over.min(axis=1), 0)[motion.valid].mean()),
        peak=float(np.linalg.norm(acceleration, axis=-1).mean(axis=1).max()),
        reprojection=float((weight * missed).sum() / max(weight.sum(), 1e-12)),
        bridged=_share_bridged(motion),
    )


def compare_quality(raw: Motion3D, finished: Motion3D) -> tuple[Quality, Quality]:
    """Measure a motion before and after post-processing, under equal conditions.

    Both stand on the finished motion's floor, feet stand when the finished motion's do, and both
    are compared with the 2D joints that the raw one was lifted from.

    Raises:
        ValueError: If they are not of the same frames, or not of one person.
    """
    if len(raw) != len(finished) or np.abs(raw.times - finished.times).max() > 1e-6:
        raise ValueError(
            f"expected two motions of the same frames, got {len(raw)} and {len(finished)} frames; "
            "lift the same source with --save-raw to get both."
        )
    apart = np.median(np.linalg.norm(raw.xy - finished.xy, axis=-1))
    if raw.size != finished.size or apart > SAME_PERSON * max(raw.size):
        raise ValueError("expected one motion before and after, got motions of two people.")
    soles = find_soles(finished)
    contact = _find_contacts(finished, soles)
    before = replace(raw, xyz=ground_of(finished).to_world(raw.camera_xyz))
    after = replace(finished, xy=raw.xy, confidence=raw.confidence)
    bridged = _share_bridged(finished)
    return _measure(before, soles, contact), replace(
        _measure(after, soles, contact), bridged=bridged
    )


def _share_bridged(motion: Motion3D) -> float:
    """Return the share of joints that are bridged, %."""
    body = list(range(BODY.stop))
    joints = body + [joint for name in seen_groups(motion) for joint in GROUPS[name]]
    return 100 * float((motion.confidence[:, joints] == 0).mean())


def _foot_skate(
    feet: Float[np.ndarray, "t f 3"],
    times: Float[np.ndarray, " t"],
    contact: Bool[np.ndarray, "t f"],
) -> float:
    """Compute the mean speed along the floor between frames in both of which a foot stands."""
    both = contact[1:] & contact[:-1]
    speed = np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=-1) / np.diff(times)[:, None]
    return float(speed[both].mean()) if both.any() else 0.0


def _project(motion: Motion3D) -> Float[np.ndarray, "t j 2"]:
    """Project the joints into the image, in pixels."""
    camera = motion.camera_xyz
    depth = np.maximum(camera[..., 2:], 1e-3)
    return motion.focal * camera[..., :2] / depth + np.array(motion.size) / 2


def format_quality(before: Quality, after: Quality | None = None) -> str:
    """Format the measures as a table; of two, with the change."""
    if after is None:
        return "\n".join(f"{label:34}{getattr(before, f):10.2f}" for f, label in LABELS.items())
    lines = [f"{'':34}{'before':>10}{'after':>10}{'change':>9}"]
    for field, label in LABELS.items():
        one, other = getattr(before, field), getattr(after, field)
        change = f"{100 * (other / one - 1):+.0f} %" if one > 1e-9 else ""
        lines.append(f"{label:34}{one:10.2f}{other:10.2f}{change:>9}".rstrip())
    return "\n".join(lines)
