"""From a lifter's answer to motion one can trust: one chain, every link of which can be left out.

Before the network, in the picture: exchanged sides, jumps, doubts, gaps. After it, in space:
filters, bones of one length, the floor, and feet that stay on it. All links know seconds, none
knows frames.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from ..filtering.filters import Cutoff, OneEuro, adaptive, butterworth, gaussian, one_euro
from ..filtering.repair import fill_gaps, smooth_uncertain
from ..motion import Motion2D, Motion3D
from ..skeleton import H36M, stature
from ..world.ground import Ground, find_grounds, lowest_level_ground
from ..world.trajectory import solve_root_trajectory
from .bones import Sightings, fit_bones
from .contacts import find_contacts, lock_feet
from .outliers import find_outliers, fix_left_right_swaps, torso_length

_HALF = np.sqrt(2 * np.log(2)) / (2 * np.pi)  # seconds x Hz at which a Gaussian keeps half
_BODY = [H36M.index[joint] for joint in ("Hip", "LHip", "RHip", "Spine", "Thorax")]
_GROUPS = {"Elbow": 1, "Knee": 1, "Wrist": 2, "Ankle": 2}
_GROUP = [_GROUPS.get(joint[1:], 0) for joint in H36M.joints]
_BELIEF = 16  # power of confidence: 0.77, where detectors err by 7 % of a torso, counts 1.5 %
_DOUBT = 0.02  # no frame counts for less than a joint of this confidence


@dataclass(frozen=True, kw_only=True)
class PostprocessConfig:
    """What is done to a motion, and how much. Every field changes the result.

    Raises:
        ValueError: If a number is out of its range.
    """

    sides: bool = True
    """Undo short exchanges of left and right, of legs or arms."""
    jumps: bool = True
    """Take joints that jump away for unseen, and bridge them."""
    doubts: bool = True
    """Draw joints of less confidence than usual to the path of those of more."""
    filter: Literal["adaptive", "butterworth", "gaussian", "one-euro", "none"] = "adaptive"
    """How joints are smoothed: "one-euro" is for live use and lags behind, the others do not."""
    cutoff: tuple[float, float, float] = (1.5, 2.0, 2.5)
    """Hz, of which half is kept: trunk and head; elbows and knees; hands and feet. For "adaptive"
    and "one-euro" that at rest."""
    rise: float = 2.5
    """Hz that the cutoff rises with each m/s, in "adaptive" and "one-euro"."""
    tremor: float = 0.003
    """Metres that a joint trembles for which "adaptive" takes those; see `filters.Cutoff`."""
    bones: bool = True
    """Give every bone one length, by fitting the skeleton to all frames."""
    picture: float = 1.2
    """How much the fit of the bones heeds the place in the picture, against 1 for the network."""
    ground: bool = True
    """Find gravity and floor from feet and bodies; else the camera is taken to be level."""
    feet: float = 0.3
    """How much of the sliding of standing feet the legs take back, 0 to 1, after the path is solved
    so that they slide least; 0 leaves the path alone, too. An ankle does move over a standing foot.
    """

    def __post_init__(self) -> None:
        least = min(self.rise, self.tremor, self.picture, self.feet)
        if not (min(self.cutoff) > 0 and least >= 0 and self.feet <= 1):
            raise ValueError(
                "expected cutoffs above 0 Hz, rise, tremor and picture of at least 0 and feet from "
                f"0 to 1, got {self.cutoff}, {self.rise}, {self.tremor}, {self.picture} and "
                f"{self.feet}."
            )

    def words(self) -> str:
        """The chain in words, as files and reports say it."""
        hertz = "/".join(f"{f:g}" for f in self.cutoff)
        rises = f" + {self.rise:g} Hz per m/s" if self.filter in ("adaptive", "one-euro") else ""
        if self.filter == "adaptive" and self.tremor:
            rises += f" at a tremor of {1000 * self.tremor:g} mm"
        said = {
            "exchanged sides undone": self.sides,
            "jumps bridged": self.jumps,
            "joints weighed by confidence": self.doubts,
            f"filter {self.filter}, {hertz} Hz{rises}": self.filter != "none",
            f"bones fitted, picture {self.picture:g}": self.bones,
            "floor from feet and bodies": self.ground,
            f"standing feet held, {self.feet:g}": self.feet > 0,
        }
        return "; ".join(word for word, done in said.items() if done) or "nothing"


def clean_keypoints(motion: Motion2D, chain: PostprocessConfig | None) -> Motion2D:
    """The links before the network: sides, jumps, doubts and gaps.

    What was bridged has confidence 0 from then on, in the files, too.

    Args:
        motion: Any joints.
        chain: What to do; None leaves all as it is.
    """
    if chain is None:
        return motion
    if chain.sides:
        motion, _ = fix_left_right_swaps(motion)
    if chain.jumps:
        lost = find_outliers(motion)
        motion = replace(motion, confidence=np.where(lost, 0.0, motion.confidence))
    if chain.doubts:
        motion = smooth_uncertain(motion, torso_length(motion))
    return fill_gaps(motion)


def postprocess(
    motions: Iterable[Motion3D],
    chain: PostprocessConfig,
    up: Float[np.ndarray, " 3"] | None = None,
) -> list[Motion3D]:
    """The links after the network, for the people of one camera, on the floor of all of them.

    Args:
        motions: As lifted, of Human3.6M joints; each is asked for when the one before is smooth.
        chain: What to do.
        up: Against gravity in the camera frame, if it is known.
    """
    people = [_smooth(motion, chain) for motion in motions]
    grounds = _grounds(people, chain, up)
    if chain.feet > 0:
        people = [_walked(one, ground) for one, ground in zip(people, grounds, strict=True)]
        grounds = _grounds(people, chain, up)
    moved = [person.motion for person in people]
    del people  # and with them the rays, which of an hour are large
    return [_stood(one, ground, chain) for one, ground in zip(moved, grounds, strict=True)]


@dataclass(frozen=True)
class _Person:
    """A motion at work, and what the picture says of it."""

    motion: Motion3D
    rays: Float[np.ndarray, "t j 2"]
    sure: Float[np.ndarray, "t j"]

    def posed(
        self,
        relative: Float[np.ndarray, "t j 3"],
        contact: Bool[np.ndarray, "t 2"] | None = None,
    ) -> "_Person":
        """The same with another pose, on the path that the picture shows."""
        camera = relative + self.path(relative, contact)[:, None]
        return replace(self, motion=replace(self.motion, xyz=camera, camera_xyz=camera))

    def path(
        self,
        relative: Float[np.ndarray, "t j 3"],
        contact: Bool[np.ndarray, "t 2"] | None = None,
    ) -> Float[np.ndarray, "t 3"]:
        """Where the pelvis of a pose was, as the picture shows it."""
        return solve_root_trajectory(relative, self.rays, self.sure, self.motion.times, contact)


def smoothed(
    x: Float[np.ndarray, "t j 3"],
    times: Float[np.ndarray, " t"],
    confidence: Float[np.ndarray, "t j"],
    chain: PostprocessConfig,
    moving: Float[np.ndarray, "t j 3"] | None = None,
) -> Float[np.ndarray, "t j 3"]:
    """The chain's filter over joints, each by its own confidence and limb.

    Args:
        x: Human3.6M joints, or one point of the trunk; metres.
        times: Seconds.
        confidence: 0 to 1.
        chain: Which filter.
        moving: Whose speed counts, where speed counts and no delay is wanted; by default x.
    """
    weight = np.maximum(confidence, _DOUBT) ** 2
    moving = x if moving is None else moving
    paths = np.empty_like(x)
    for j in range(x.shape[1]):
        paths[:, j] = _filtered(x[:, j], times, weight[:, j], chain, j, moving[:, j])
    return paths


def _filtered(
    x: Float[np.ndarray, "t 3"],
    times: Float[np.ndarray, " t"],
    weight: Float[np.ndarray, " t"],
    chain: PostprocessConfig,
    joint: int,
    moving: Float[np.ndarray, "t 3"],
) -> Float[np.ndarray, "t 3"]:
    """The path of one joint."""
    cutoff = chain.cutoff[_GROUP[joint]]
    if chain.filter == "adaptive":
        return adaptive(x, times, Cutoff(cutoff, chain.rise, chain.tremor), weight, moving)
    if chain.filter == "butterworth":
        return butterworth(x, times, cutoff, weight)
    if chain.filter == "gaussian":
        return gaussian(x, times, _HALF / cutoff)
    if chain.filter == "one-euro":
        return one_euro(x, times, OneEuro(cutoff, chain.rise))
    return x


def _smooth(motion: Motion3D, chain: PostprocessConfig) -> _Person:
    """Filters, bones, and the path that belongs to them."""
    person, relative = _calmed(motion, chain)
    if chain.bones:
        seen = _sightings(person, person.path(relative), chain)
        relative = fit_bones(relative, motion.valid * 1.0, seen)
    relative *= _tall(motion.camera_xyz, motion.valid) / _tall(relative, motion.valid)
    return person.posed(relative)


def _tall(xyz: Float[np.ndarray, "t 17 3"], valid: Bool[np.ndarray, " t"]) -> float:
    """Metres, most of the time."""
    return float(np.median(stature(xyz)[valid]))


def _calmed(
    motion: Motion3D, chain: PostprocessConfig
) -> tuple[_Person, Float[np.ndarray, "t j 3"]]:
    """What the picture says, and the filtered joints, about the pelvis."""
    # About the middle of the trunk: else the pelvis' own tremble would be everybody's.
    about = _relative(motion)
    about -= about[:, _BODY].mean(axis=1, keepdims=True)
    person = _seen(motion, about, chain)
    about = smoothed(about, motion.times, motion.confidence, chain)
    about -= about[:, [H36M.root]]
    return person, about


def _relative(motion: Motion3D) -> Float[np.ndarray, "t j 3"]:
    return motion.camera_xyz - motion.camera_xyz[:, H36M.root, None]


def _seen(motion: Motion3D, about: Float[np.ndarray, "t j 3"], chain: PostprocessConfig) -> _Person:
    """The rays, smoothed as joints are: one that comes nearer is fast in the picture, too."""
    depth = float(np.median(motion.camera_xyz[:, H36M.root, 2]))
    rays = (motion.xy - np.array(motion.size) / 2) / motion.focal
    flat = np.concatenate([rays * depth, np.zeros((len(motion), 17, 1))], axis=-1)
    middle = flat[:, _BODY].mean(axis=1, keepdims=True)
    flat -= middle
    flat = smoothed(flat, motion.times, motion.confidence, chain, about)
    flat += smoothed(middle, motion.times, motion.confidence.max(axis=1)[:, None], chain)
    return _Person(motion, flat[..., :2] / depth, np.maximum(motion.confidence, _DOUBT))


def _sightings(
    person: _Person, root: Float[np.ndarray, "t 3"], chain: PostprocessConfig
) -> Sightings | None:
    """What the fit of the bones heeds of the picture; how much changes no faster than joints do."""
    if chain.picture == 0:
        return None
    trust = gaussian(person.sure**_BELIEF, person.motion.times, _HALF / min(chain.cutoff))
    np.clip(trust, 0.0, 1.0, out=trust)
    return Sightings(person.rays, root, chain.picture * trust)


def _grounds(
    people: Sequence[_Person], chain: PostprocessConfig, up: Float[np.ndarray, " 3"] | None
) -> list[Ground]:
    """The floor under each; if it is not asked for, that under the lowest ankle of all."""
    motions = [person.motion for person in people]
    if chain.ground or up is not None:
        return find_grounds(motions, up)
    return [lowest_level_ground(motions)] * len(motions)


def _walked(person: _Person, ground: Ground) -> _Person:
    """On a path on which standing feet stay, as far as the picture leaves it open."""
    motion = person.motion
    contact = find_contacts(ground.to_world(motion.camera_xyz), motion.times, motion.valid)
    return person.posed(_relative(motion), contact)


def _stood(motion: Motion3D, ground: Ground, chain: PostprocessConfig) -> Motion3D:
    """In the world, feet held."""
    xyz = ground.to_world(motion.camera_xyz)
    if chain.feet > 0:
        contact = find_contacts(xyz, motion.times, motion.valid)
        xyz = lock_feet(xyz, motion.times, contact, chain.feet)
    camera = ground.to_camera(xyz)
    said = {**motion.provenance, "postprocess": chain.words(), "ground": ground.source}
    return replace(motion, xyz=xyz, camera_xyz=camera, provenance=said)
