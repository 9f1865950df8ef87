"""Bystanders: people who are shown much smaller, or for a shorter time, than the first one."""

from collections.abc import Sequence

import numpy as np

from ..motion import Motion2D, Motion3D
from .tracker import DEFAULT_TRACKER, MAIN_SHARE, MIN_JOINT_SCORE


def find_bystanders(people: Sequence[Motion2D | Motion3D]) -> set[int]:
    """Return the numbers of the people whose presence is below `MAIN_SHARE` of the largest."""
    presence = {person.person: measure_presence(person) for person in people}
    least = MAIN_SHARE * max(presence.values(), default=0.0)
    return {number for number, value in presence.items() if value < least}


def measure_presence(motion: Motion2D | Motion3D) -> float:
    """Integrate score times size in the image over time, as `Track.presence` does.

    The size is the distance of the farthest joint from the hips, in pixels.
    """
    hips = motion.xy[:, motion.skeleton.indices("LHip", "RHip")].mean(axis=1, keepdims=True)
    sure = (motion.confidence > MIN_JOINT_SCORE) & motion.valid[:, None]
    reach = np.where(sure, np.linalg.norm(motion.xy - hips, axis=-1), 0.0).max(axis=1)
    score = np.where(sure, motion.confidence, 0.0).sum(axis=1) / np.maximum(sure.sum(axis=1), 1)
    presence = score * reach
    single = DEFAULT_TRACKER.single_detection_s * presence.mean()
    return float(np.trapezoid(presence, motion.times) + single)
