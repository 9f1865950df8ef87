"""Metres: from a body height, the height of the camera, or the length of a bone.

A picture does not determine metres: a world twice as large, twice as far away, looks the same. A
known camera height or bone length therefore scales the finished world about the camera, and all
people by the same factor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from ..checks import check_field_types, check_type
from ..filtering.filters import gaussian_smooth
from ..motion import Motion3D, give
from ..skeleton import (
    ANKLE_HEIGHT,
    BODY_26,
    H36M,
    STANDARD_HEIGHT,
    canonical,
    stature,
)
from .ground import ground_of

SHORTEST, TALLEST = 0.3, 3.0
"""Range of body heights, metres."""
HEIGHT_SPREAD = 0.10
"""Standard deviation, in metres, of an adult's height about the assumed one. Within a sex it is
some 0.07, and women are 0.13 shorter than men (NCD Risk Factor Collaboration, "A century of trends
in adult human height", eLife 2016); half of each sex spread by 0.095, and populations differ."""
SIZE_SECONDS = 0.5
"""Standard deviation of the kernel that smooths the size of a picture's unit over time."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What sets the metres: at most one of these. By default people are taken to be 1.70 m tall.

    Raises:
        ValueError: If more than one is given, or one is out of range.
    """

    height: float | Mapping[int, float] | None = None
    """Of every person, in metres; or of some, by number: the others are taken to be 1.70 m tall."""
    camera_height: float | None = None
    """Of the camera above the floor, in metres."""
    bone_length: tuple[str, str, float] | None = None
    """A bone of the first person: the joints at its ends, and metres between them."""

    def __post_init__(self) -> None:
        known = {name: value for name, value in vars(self).items() if value is not None}
        if len(known) > 1:
            raise ValueError(
                f"one thing sets the scale, got {' and '.join(known)}: give the one you trust most."
            )
        check_field_types(self)
        for height in self.heights.values():
            choose_height(height)
        if self.camera_height is not None and not 0 < self.camera_height < np.inf:
            raise ValueError(
                f"the camera height must be metres above the floor, got {self.camera_height:g}."
            )
        if self.bone_length is not None:
            _bone_joints(self.bone_length)

    @property
    def heights(self) -> Mapping[int | None, float]:
        """Heights by number of the person; None stands for every person."""
        if isinstance(self.height, Mapping):
            return {**self.height}
        return {} if self.height is None else {None: self.height}

    def height_of(self, person: int) -> float | None:
        """Return the height of a person in metres, None if it is not given."""
        return self.heights.get(person, self.heights.get(None))

    def knows(self, person: int) -> bool:
        """Return whether anything sets the scale of a person."""
        for_all = self.camera_height is not None or self.bone_length is not None
        return for_all or self.height_of(person) is not None

    def check_floor(self, *, found: bool) -> None:
        """Check that the floor, which a camera height is measured from, is looked for.

        Raises:
            ValueError: If the camera height is known, but the floor is not ``found``.
        """
        if self.camera_height is not None and not found:
            raise ValueError(
                "camera_height sets the scale by the floor, which only post-processing finds: "
                "use a PostprocessConfig with ground=True (leave out --no-postprocess)."
            )


def parse_bone_length(text: str) -> tuple[str, str, float]:
    """Parse a bone length as the command line takes it: "RKnee-RAnkle=0.43".

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


def parse_heights(given: str | float | None) -> float | dict[int, float] | None:
    """Parse heights as the command line takes them: 1.75, or "0=1.85,1=1.62" by person.

    Raises:
        ValueError: If a text is not of that form, or names a person twice.
    """
    if not isinstance(given, str):
        return given
    pairs = [part.partition("=")[::2] for part in given.split(",")]
    try:
        heights = {int(person): float(metres) for person, metres in pairs}
    except ValueError:
        heights = {}
    if len(heights) != len(pairs) or min(heights) < 0:
        raise ValueError(
            "height must be a number of metres, or PERSON=METRES for several people, such as "
            f"0=1.85,1=1.62; got the text {given!r}."
        )
    return heights


def choose_height(given: float | None) -> tuple[float, str]:
    """Choose the body height in metres, and describe where it comes from.

    Raises:
        ValueError: If the given one is not a height in metres.
    """
    if given is None:
        return STANDARD_HEIGHT, f"body height, assumed: {STANDARD_HEIGHT:.2f} m"
    check_type("height", given, float, "give metres, such as 1.75")
    if not SHORTEST <= given <= TALLEST:
        raise ValueError(
            f"the height must be metres, from 0.3 to 3.0 (1.75, not 175), got {given:g}."
        )
    return float(given), f"body height, given: {given:.2f} m"


def scale_to_height(
    relative: Float[np.ndarray, "t j 3"],
    height: float,
    *,
    valid: Bool[np.ndarray, " t"],
    times: Float[np.ndarray, " t"] | None = None,
    out: Float[np.ndarray, "t j 3"] | None = None,
) -> Float[np.ndarray, "t j 3"]:
    """Scale a root-relative motion so that its bones are those of a person of this height.

    Args:
        relative: Joints, those of Human3.6M first, any unit.
        height: Metres.
        valid: Frames to measure.
        times: Seconds of the frames. If given, the unit may change slowly, as that of a picture
            does while a person comes nearer; each frame is scaled by what is measured around it.
        out: Where the result is written, which may be ``relative``; by default a new array.
    """
    if times is None:
        return np.multiply(relative, height / median_stature(relative, valid), out=out)
    measured = np.maximum(stature(relative), 1e-9)
    measured = np.interp(times, times[valid], measured[valid])
    size = np.exp(gaussian_smooth(np.log(measured), times, SIZE_SECONDS))
    factor = (height / size).astype(relative.dtype)
    return np.multiply(relative, factor[:, None, None], out=out)


def median_stature(relative: Float[np.ndarray, "t j 3"], valid: Bool[np.ndarray, " t"]) -> float:
    """Measure the body height of joints: median over valid frames, in their unit, above 0."""
    return max(float(np.median(stature(relative)[valid])), 1e-9)


def median_height(motion: Motion3D) -> float:
    """Measure the body height of a motion: median over valid frames, metres, rounded to 1 µm."""
    return round(float(np.median(stature(motion.xyz[motion.valid]))), 6)


def apply_scale(motions: Sequence[Motion3D], scale: Scale) -> list[Motion3D]:
    """Scale people of one camera, lifted at 1.70 m, to what is known about their world.

    A height, given or assumed, is already applied by lifting, and changes nothing here.

    Raises:
        ValueError: If the floor is not below the camera, or a person would be shorter than 0.3 or
            taller than 3 m.
    """
    if not motions or (scale.camera_height is None and scale.bone_length is None):
        return list(motions)
    if scale.camera_height is not None:
        factor = scale.camera_height / _height_above_floor(motions)
        source = f"camera height, given: {scale.camera_height:.2f} m above the floor"
    else:
        assert scale.bone_length is not None
        first, second, metres = scale.bone_length
        factor = metres / _bone_length(motions[0], *_bone_joints(scale.bone_length))
        source = f"bone length, given: {first} to {second} {metres:.3f} m"
    return [_scale_person(motion, factor, source) for motion in motions]


def widen_by_height(motion: Motion3D, scale: Scale) -> Motion3D:
    """Add to sigma what an assumed height leaves open, and to the provenance that it is in there.

    Where something sets the scale of the person, the motion stays as it is.
    A person of another height is larger in all directions: the error of a joint is a share of its
    place relative to the pelvis, s^2 + (h x)^2 with the spread h of heights over the assumed one.
    """
    if motion.sigma is None or scale.knows(motion.person):
        return motion
    share = HEIGHT_SPREAD / STANDARD_HEIGHT
    camera, sigma = motion.camera_xyz, np.empty_like(motion.sigma)
    for joint in range(sigma.shape[1]):  # one at a time, to save memory
        relative = camera[:, joint] - camera[:, H36M.root]
        sigma[:, joint] = np.hypot(motion.sigma[:, joint], share * relative)
    text = f"includes {100 * share:.1f} % of the way from the pelvis, for the assumed height"
    return replace(
        motion,
        sigma=give(sigma),
        provenance={**motion.provenance, "sigma": text},
    )


def rescale(motion: Motion3D, factor: float, source: str) -> Motion3D:
    """Scale the world, pose and sigma; ``source`` tells where the factor comes from."""
    factor, ground = float(factor), motion.ground_sigma
    return replace(
        motion,
        xyz=factor * motion.xyz,
        camera_xyz=factor * motion.camera_xyz,
        sigma=None if motion.sigma is None else factor * motion.sigma,
        ground_sigma=None if ground is None else (ground[0], ground[1], factor * ground[2]),
        provenance={**motion.provenance, "scale": source},
    )


def _bone_joints(length: tuple[str, str, float]) -> tuple[int, int]:
    """Return the indices of a bone's joints, after a check of its name and length."""
    first, second, metres = length
    bones = [{H36M.joints[parent], H36M.joints[child]} for parent, child in H36M.bones]
    if {first, second} not in bones:
        known = ", ".join(f"{H36M.joints[a]}-{H36M.joints[b]}" for a, b in H36M.bones)
        raise ValueError(
            f"expected a length between neighbouring joints, which keep their distance ({known}); "
            f"got {first}-{second}."
        )
    if not 0 < metres < np.inf:
        raise ValueError(f"the length {first}-{second} must be positive metres, got {metres:g}.")
    return H36M.index[first], H36M.index[second]


def _bone_length(motion: Motion3D, first: int, second: int) -> float:
    """Measure the median distance of two joints, in metres."""
    span = motion.camera_xyz[motion.valid][:, first] - motion.camera_xyz[motion.valid][:, second]
    distance = float(np.median(np.linalg.norm(span, axis=-1)))
    if not distance > 0:
        ends = " and ".join(H36M.joints[joint] for joint in (first, second))
        raise ValueError(f"{ends} coincide; their length cannot set the scale.")
    return distance


def _height_above_floor(motions: Sequence[Motion3D]) -> float:
    """Measure the height of the camera above the floor, in metres; mean over people."""
    ankle = 0.0 if motions[0].skeleton == BODY_26 else ANKLE_HEIGHT * _mean_height(motions)
    height = ankle - float(np.mean([ground_of(motion).level for motion in motions]))
    if not height > ankle:
        raise ValueError(
            "the floor that was found is not below the camera, so camera_height cannot set the "
            "scale; give a height or a bone length instead."
        )
    return height


def _mean_height(motions: Sequence[Motion3D]) -> float:
    return float(np.mean([median_height(motion) for motion in motions]))


def _scale_person(motion: Motion3D, factor: float, source: str) -> Motion3D:
    """Scale a motion, after a check that the person is as tall as people are."""
    metres = factor * median_height(motion)
    if not SHORTEST <= metres <= TALLEST:
        raise ValueError(
            f"{source}: the person would be {metres:.2f} m tall, and people are {SHORTEST:g} to "
            f"{TALLEST:g} m. Is it metres, and is the focal length right?"
        )
    return rescale(motion, factor, f"{source}; the person is then {metres:.2f} m tall")
