"""Markers with the names of Pose2Sim and Sports2D (Halpe-26), made of a motion's joints.

OpenSim's models of Pose2Sim, with ``Markers_Halpe26.xml``, know these names.
"""

import numpy as np
from jaxtyping import Float

from ..motion import Motion3D, seen_groups
from ..skeleton import BODY_26

_SIDES = ("R", "L")
_LEG = ("Hip", "Knee", "Ankle", "BigToe", "SmallToe", "Heel")
MARKERS = (
    "Hip",
    *(s + name for s in _SIDES for name in _LEG),
    *("Neck", "Head", "Nose"),
    *(s + name for s in _SIDES for name in ("Shoulder", "Elbow", "Wrist")),
)  # fmt: skip
"""Names in the order of Pose2Sim's files."""
_BALL = 0.8
"""Of the way from the heel to the middle of big and small toe lies the ball of the foot, by
`skeleton.RECIPES`."""
_TOE_FORWARD, _TOE_ASIDE = 0.09, 0.10
"""How far the big toe lies before, and towards the other foot from, the middle of the two toes, and
the small one the other way; as shares of the foot from the heel to that middle. By the markers of
Pose2Sim's model."""
_OF_GROUPS = {"BigToe": "feet", "SmallToe": "feet", "Heel": "feet", "Nose": "face"}

Points = Float[np.ndarray, "t 3"]


def place_markers(motion: Motion3D) -> tuple[list[str], Float[np.ndarray, "t k 3"]]:
    """Return the names of the markers and their places in the world, in metres, z up.

    Neck is the middle of the shoulders. Heel and ball of a foot give the two toes: they lie aside
    of each other across the plane of heel, ball and ankle. Toes, heels and nose are left out where
    the motion does not have them or they were never detected.

    Raises:
        ValueError: If the motion has no hips or shoulders.
    """
    joints, unseen = motion.skeleton.index, {"feet", "face"} - {*seen_groups(motion)}
    if missing := {"Hip", "LShoulder", "RShoulder", "LHip", "RHip"} - joints.keys():
        raise ValueError(
            f"markers need the joints {sorted(missing)}, which the skeleton "
            f"{motion.skeleton.name!r} does not have."
        )
    places = {name: motion.xyz[:, i] for name, i in joints.items()}
    places["Neck"] = (places["LShoulder"] + places["RShoulder"]) / 2
    if motion.skeleton == BODY_26:
        for side in _SIDES:
            places |= _toes(places, side)
    names = [
        name
        for name in MARKERS
        if name in places and _OF_GROUPS.get(name.lstrip("LR"), "") not in unseen
    ]
    return names, np.stack([places[name] for name in names], axis=1)


def _toes(places: dict[str, Points], side: str) -> dict[str, Points]:
    heel = places[f"{side}Heel"]
    forward = (places[f"{side}Toe"] - heel) / _BALL
    aside = np.cross(forward, places[f"{side}Ankle"] - heel)  # to the person's right
    aside /= np.maximum(np.linalg.norm(aside, axis=-1, keepdims=True), 1e-9)
    aside *= np.linalg.norm(forward, axis=-1, keepdims=True) * (-1 if side == "R" else 1)
    apart = _TOE_FORWARD * forward + _TOE_ASIDE * aside
    middle = heel + forward
    return {f"{side}BigToe": middle + apart, f"{side}SmallToe": middle - apart}
