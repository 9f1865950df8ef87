"""Where the metres come from: a body height, how high the camera stands, or a length one knows.

A picture does not tell metres: twice the world, seen from twice as far, looks the same. So a known
camera height or length stretches the finished world about the camera, all people alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..motion import Motion3D
from ..postprocess.steps import PostprocessConfig
from ..skeleton import H36M, canonical, stature
from .ground import ground_of
from .trajectory import TALLEST, TINIEST, choose_height

ANKLE = 0.039
"""Height of a standing ankle over the floor, as a share of body height (Drillis and Contini, 1966,
as quoted by Winter)."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """At most one of these is known; by default people are taken to be 1.70 m tall.

    Attributes:
        height: Of every person, in metres.
        camera_height: Of the camera above the floor, in metres.
        length: A bone of the first person: the joints at its ends, and metres between them.

    Raises:
        ValueError: If more than one is given, or one cannot be.
    """

    height: float | None = None
    camera_height: float | None = None
    length: tuple[str, str, float] | None = None

    def __post_init__(self) -> None:
        known = {name: value for name, value in vars(self).items() if value is not None}
        if len(known) > 1:
            raise ValueError(
                f"one thing sets the scale, got {' and '.join(known)}: give the one you trust most."
            )
        choose_height(self.height)
        if self.camera_height is not None and not 0 < self.camera_height < np.inf:
            raise ValueError(
                f"the camera height must be metres above the floor, got {self.camera_height:g}."
            )
        if self.length is not None:
            _bone(self.length)

    def fits(self, chain: PostprocessConfig | None) -> None:
        """Make sure that a chain finds what the scale is measured by.

        Raises:
            ValueError: If the camera height is known, but no floor is looked for.
        """
        if self.camera_height is not None and (chain is None or not chain.ground):
            raise ValueError(
                "a camera height sets the scale by the floor, which is only found when the motion "
                "is finished: lift with a chain whose ground is on (without --no-finish)."
            )


def parse_bone_length(text: str) -> tuple[str, str, float]:
    """A length as the command line takes it: "RKnee-RAnkle=0.43".

    Raises:
        ValueError: If it is not of that form.
    """
    joints, _, metres = text.partition("=")
    ends = joints.split("-")
    try:
        return canonical(ends[0]), canonical(ends[1]), float(metres)
    except (IndexError, ValueError):
        raise ValueError(
            f"expected a length as JOINT-JOINT=METRES, such as RKnee-RAnkle=0.43, got {text!r}."
        ) from None


def apply_scale(motions: Sequence[Motion3D], scale: Scale) -> list[Motion3D]:
    """The people of one camera, lifted at 1.70 m, at the scale that is known.

    Args:
        motions: In their world.
        scale: What is known. A height is one that they were lifted with, and changes nothing.

    Raises:
        ValueError: If the floor is not below the camera, or somebody would be less than 0.3 or more
            than 3 m tall.
    """
    if scale.height is not None or not motions:
        return list(motions)
    if scale.camera_height is not None:
        factor = scale.camera_height / _below_camera(motions)
        said = f"camera height, given: {scale.camera_height:.2f} m above the floor"
    elif scale.length is not None:
        first, second, metres = scale.length
        factor = metres / _between(motions[0], first, second)
        said = f"length, given: {first} to {second} {metres:.3f} m"
    else:
        return list(motions)
    return [_larger(motion, factor, said) for motion in motions]


def _bone(length: tuple[str, str, float]) -> tuple[int, int]:
    """The numbers of the joints at its ends."""
    first, second, metres = length
    bones = [{H36M.joints[parent], H36M.joints[child]} for parent, child in H36M.bones]
    if {first, second} not in bones:
        said = ", ".join(f"{H36M.joints[a]}-{H36M.joints[b]}" for a, b in H36M.bones)
        raise ValueError(
            f"expected a length between neighbouring joints, which keep their distance ({said}); "
            f"got {first}-{second}."
        )
    if not 0 < metres < np.inf:
        raise ValueError(f"the length {first}-{second} must be positive metres, got {metres:g}.")
    return H36M.index[first], H36M.index[second]


def _between(motion: Motion3D, first: str, second: str) -> float:
    """Median distance of two joints, in metres."""
    a, b = _bone((first, second, 1.0))
    span = motion.camera_xyz[motion.valid][:, a] - motion.camera_xyz[motion.valid][:, b]
    distance = float(np.median(np.linalg.norm(span, axis=-1)))
    if not distance > 0:
        raise ValueError(f"{first} and {second} coincide; their length cannot set the scale.")
    return distance


def _below_camera(motions: Sequence[Motion3D]) -> float:
    """How far the floor under the feet is below the camera, in metres; the mean of their floors."""
    ankle = ANKLE * float(np.mean([median_height(motion) for motion in motions]))
    below = ankle - float(np.mean([ground_of(motion).level for motion in motions]))
    if not below > ankle:
        raise ValueError(
            "the floor that was found is not below the camera, so its height cannot set the scale; "
            "give a height or a length instead."
        )
    return below


def median_height(motion: Motion3D) -> float:
    """How tall somebody is in a motion: metres, to the micrometre."""
    return round(float(np.median(stature(motion.xyz[motion.valid]))), 6)


def _larger(motion: Motion3D, factor: float, said: str) -> Motion3D:
    """The same world so many times as large."""
    metres = factor * median_height(motion)
    if not TINIEST <= metres <= TALLEST:
        raise ValueError(
            f"{said}: somebody would be {metres:.2f} m tall, and people are {TINIEST:g} to "
            f"{TALLEST:g} m. Is it metres, and is the focal length right?"
        )
    return replace(
        motion,
        xyz=factor * motion.xyz,
        camera_xyz=factor * motion.camera_xyz,
        sigma=None if motion.sigma is None else factor * motion.sigma,
        provenance={
            **motion.provenance,
            "scale": f"{said}; the person is then {metres:.2f} m tall",
        },
    )
