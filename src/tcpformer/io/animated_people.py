"""What GLB, USD and FBX write of people: rig, skin, facts beside the motion, and the camera."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ..analysis.metrics import nearest_rotation
from ..motion import Motion3D
from .body_mesh import BodyMesh, fit_body
from .motion_events import SIDES, find_contacts
from .rig import TRIMMED, RiggedMotion, RigOptions, solve_rig

AXES = "x right, y up, z towards the camera"
MAX_CAMERA_ERROR = 0.005
"""Metres between joints in the world and joints of a camera that stands still, at which there is no
one place of the camera."""
COLORS = (
    (0.36, 0.55, 0.80),
    (0.86, 0.52, 0.30),
    (0.42, 0.68, 0.45),
    (0.72, 0.45, 0.68),
    (0.80, 0.72, 0.38),
    (0.45, 0.68, 0.72),
)
"""Linear red, green and blue of the people, in turn."""


@dataclass(frozen=True)
class AnimatedPerson:
    """A person as animation software takes it."""

    name: str
    """ "person_0", by the person's number."""
    motion: Motion3D
    rig: RiggedMotion
    body: BodyMesh
    facts: dict[str, Any]
    """Unit, axes, rate, joints, provenance, and the frames in which the person was seen and feet
    stood, as JSON; frames count the file's, from 0, in half-open ranges."""
    color: tuple[float, float, float]


@dataclass(frozen=True)
class StillCamera:
    """The camera of a clip, in the axes of the rig."""

    position: Float[np.ndarray, "3"]
    turn: Float[np.ndarray, "3 3"]
    """Its x (right), y (up) and z (backwards), in columns."""
    focal: float
    """Pixels; the principal point is the middle of the picture."""
    size: tuple[int, int]
    """Width and height of the picture in pixels."""


def animate_people(
    motions: Sequence[Motion3D], options: RigOptions = TRIMMED
) -> list[AnimatedPerson]:
    """Return rig and skin of people.

    Raises:
        ValueError: If two have the same number, or a motion has a skeleton without a rig.
    """
    numbers = [motion.person for motion in motions]
    if len(set(numbers)) < len(numbers) or not numbers:
        raise ValueError(f"expected people with numbers of their own, got {numbers}.")
    people = []
    for i, motion in enumerate(motions):
        rig = solve_rig(motion, options)
        color, name = COLORS[i % len(COLORS)], f"person_{motion.person}"
        facts = _describe(motion, rig, options)
        people.append(AnimatedPerson(name, motion, rig, fit_body(rig), facts, color))
    return people


def _describe(motion: Motion3D, rig: RiggedMotion, options: RigOptions) -> dict[str, Any]:
    contacts = find_contacts(motion)
    nearest = np.searchsorted((motion.times[1:] + motion.times[:-1]) / 2, rig.times)
    stands = {
        side: true_ranges(contacts[nearest, foot] == 1)
        for foot, side in enumerate(SIDES)
        if not np.isnan(contacts[:, foot]).all()
    }
    return {
        "person": motion.person,
        "unit": "m",
        "axes": AXES,
        "fps": rig.fps,
        "frames": len(rig),
        "first_frame": rig.start,
        "start": float(rig.times[0]),
        "rest": options.rest,
        "joints": list(motion.skeleton.joints),
        "provenance": dict(motion.provenance),
        "valid": true_ranges(rig.seen),
        **({"contacts": stands} if stands else {}),
    }


def true_ranges(values: Bool[np.ndarray, " t"]) -> list[list[int]]:
    """Return the half-open ranges of indices in which values are true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], values, [False]])))
    return edges.reshape(-1, 2).tolist()


def find_camera(motions: Sequence[Motion3D]) -> StillCamera | None:
    """Return where the camera stood; None if it moved, or there are too few joints to tell."""
    motion = motions[0]
    inside, world = motion.camera_xyz.reshape(-1, 3), motion.xyz.reshape(-1, 3)
    middle, there = (x.mean(axis=0, dtype=float) for x in (inside, world))
    turn = nearest_rotation((world - there).T @ (inside - middle))[0]
    position = there - turn @ middle
    if np.abs(inside @ turn.T + position - world).max() > MAX_CAMERA_ERROR:
        return None
    axes = turn @ np.diag([1.0, -1.0, -1.0])  # right, up, backwards
    up = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    return StillCamera(up @ position, up @ axes, motion.focal, motion.size)
