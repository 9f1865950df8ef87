"""Post-processing: clean 2D keypoints before lifting, and finish 3D motion after it.

Before the network, in the image: left-right swaps, outliers, uncertain joints, gaps. After it, in
space: filter, constant bones, floor, and feet that stay on it. Every step can be left out, and all
are in seconds and Hz, whatever the frame rate.

A motion has the 17 joints of Human3.6M, or with feet, hands and face the 26 of `BODY_26`. The path,
the fit of bones and the image go by the 17.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from ..filtering.filters import AdaptiveCutoff, adaptive_butterworth, butterworth, gaussian_smooth
from ..filtering.gaps import smooth_uncertain
from ..filtering.one_euro import OneEuro, apply_live
from ..motion import Motion2D, Motion3D, give
from ..skeleton import BODY, BODY_26, FEET, H36M, TRUNK, stature
from ..world.camera import to_rays
from ..world.ground import Ground, find_grounds, lowest_level_ground
from ..world.soles import Soles, find_soles
from ..world.trajectory import solve_root_trajectory
from ..world.vertical import Hints
from .bones import Observations, fit_bones
from .extremities import make_rigid
from .foot_contacts import find_contacts, lock_feet
from .outliers import find_outliers, torso_length
from .soles import lift_feet, plant_feet
from .swaps import fix_left_right_swaps

Joints = Float[np.ndarray, "t j 3"]
Series = Float[np.ndarray, " t"]
Contacts = Bool[np.ndarray, "t f"]
Path = Float[np.ndarray, "t 3"]

CONFIDENCE_POWER = 16
"""Power of the confidence by which the fit of bones weights the image: a joint of confidence 0.77,
where detectors err by 7 % of a torso, counts 1.5 %."""
TRUST_IN_PARENT = 0.5
"""Confidence of a joint of feet, hands or face that is not detected, as a share of its parent's."""
LEAST_CONFIDENCE = 0.02
"""Every frame counts at least as much as a joint of this confidence."""
_HALF = np.sqrt(2 * np.log(2)) / (2 * np.pi)  # seconds x Hz at which a Gaussian keeps half
_GROUPS = {"Elbow": 1, "Knee": 1, **dict.fromkeys(("Wrist", "Ankle", "Hand", "Heel", "Toe"), 2)}
_GROUP = [_GROUPS.get(joint[1:], 0) for joint in BODY_26.joints]


@dataclass(frozen=True, kw_only=True)
class PostprocessConfig:
    """Which steps are applied to a motion, and how strongly. Every field changes the result.

    The defaults were chosen on the validation split of the motion capture.

    Raises:
        ValueError: If a number is out of its range.
    """

    fix_swaps: bool = True
    """Undo left/right swaps: short ones of legs or arms, and any of the whole body."""
    reject_outliers: bool = True
    """Treat joints that jump away as not detected, and bridge them."""
    smooth_uncertain: bool = True
    """Draw joints of lower confidence than usual to the path of the others."""
    filter: Literal["adaptive", "butterworth", "gaussian", "one-euro", "none"] = "adaptive"
    """How joints are smoothed: "one-euro" is for live use and lags behind, the others do not."""
    cutoff: tuple[float, float, float] = (1.5, 2.0, 2.5)
    """Hz at which half is kept: trunk and head; elbows and knees; hands and feet. For "adaptive"
    and "one-euro" at rest."""
    speed_gain: float = 2.5
    """Hz that the cutoff rises with each m/s, in "adaptive" and "one-euro"."""
    noise_floor: float = 0.003
    """Noise in metres for which the cutoffs of "adaptive" are meant; see `AdaptiveCutoff`."""
    bones: bool = True
    """Give every bone one length, by fitting the skeleton to all frames."""
    reprojection_weight: float = 1.2
    """Weight of the position in the image as bones are fitted, against 1 for the network."""
    ground: bool = True
    """Estimate gravity and floor from feet and bodies; else the camera is taken to be level."""
    foot_lock: float = 0.3
    """Share, 0 to 1, of the sliding of standing ankles that legs take back, after the path is
    solved so that feet slide least; 0 omits both. An ankle does move over a standing foot; heels
    and balls, where they are detected, stay where they stand."""

    def __post_init__(self) -> None:
        numbers = self.speed_gain, self.noise_floor, self.reprojection_weight, self.foot_lock
        if not (min(self.cutoff) > 0 and min(numbers) >= 0 and self.foot_lock <= 1):
            raise ValueError(
                "expected cutoffs above 0 Hz, speed_gain, noise_floor and reprojection_weight of "
                f"at least 0 and foot_lock from 0 to 1, got {self.cutoff}, "
                f"{', '.join(map(str, numbers[:3]))} and {self.foot_lock}."
            )

    def describe(self) -> str:
        """Describe the steps for provenance and reports."""
        hertz = "/".join(f"{f:g}" for f in self.cutoff)
        gain = f" + {self.speed_gain:g} Hz per m/s" * (self.filter in ("adaptive", "one-euro"))
        if self.filter == "adaptive" and self.noise_floor:
            gain += f" at a noise of {1000 * self.noise_floor:g} mm"
        steps = {
            "left-right swaps fixed": self.fix_swaps,
            "outliers bridged": self.reject_outliers,
            "joints weighted by confidence": self.smooth_uncertain,
            f"filter {self.filter}, {hertz} Hz{gain}": self.filter != "none",
            f"bones fitted, reprojection {self.reprojection_weight:g}": self.bones,
            "floor from feet and bodies": self.ground,
            f"standing feet locked, {self.foot_lock:g}": self.foot_lock > 0,
        }
        return "; ".join(step for step, done in steps.items() if done) or "nothing"


def clean_keypoints(motion: Motion2D, config: PostprocessConfig | None) -> Motion2D:
    """Apply the steps before the network: swaps, outliers, uncertain joints; None applies none.

    An outlier gets confidence 0 and is bridged with the other gaps by the lifter.
    """
    if config is None:
        return motion
    if config.fix_swaps:
        motion, _ = fix_left_right_swaps(motion)
    if config.reject_outliers:
        outliers = find_outliers(motion)
        motion = replace(motion, confidence=give(np.where(outliers, 0.0, motion.confidence)))
    if config.smooth_uncertain:
        motion = smooth_uncertain(motion, torso_length(motion))
    return motion


def postprocess(
    motions: Iterable[Motion3D],
    config: PostprocessConfig,
    up: Float[np.ndarray, " 3"] | Hints | None = None,
) -> list[Motion3D]:
    """Apply the steps after the network to the people of one camera, on one floor.

    Args:
        motions: As lifted; each is requested after the one before is smoothed.
        up: Direction against gravity in the camera frame, if known, or other hints about it.
    """
    people = list(_smooth_each(iter(motions), config))
    grounds = _choose_grounds(people, config, up)
    if config.foot_lock > 0:
        people = [
            _solve_path_on_contacts(one, ground)
            for one, ground in zip(people, grounds, strict=True)
        ]
        grounds = _choose_grounds(people, config, up)
    moved = [person.motion for person in people]
    del people  # and with them the rays, which are large for a motion of an hour
    return [_to_world(moved.pop(0), ground, config) for ground in grounds]


@dataclass(frozen=True)
class _Person:
    """A motion, the smoothed rays of the 17 joints in the image, and its pose to work on."""

    motion: Motion3D
    rays: Float[np.ndarray, "t 17 2"]
    pose: Joints
    """The joints of the motion, in the same memory: a copy would be the largest array here."""

    @property
    def confidence(self) -> Float[np.ndarray, "t 17"]:
        """Of the 17 joints; every frame counts a little."""
        return np.maximum(self.motion.confidence[:, BODY], LEAST_CONFIDENCE)

    def with_pose(
        self, relative: Joints, contact: Contacts | None = None, standing: Sequence[int] = FEET
    ) -> "_Person":
        """Replace the pose, and solve its path; joints that are ``standing`` have contacts.

        The pose itself is moved along the path.
        """
        relative += self.solve_path(relative, contact, standing)[:, None]
        return replace(self, motion=_with_joints(self.motion, relative), pose=relative)

    def solve_path(
        self, relative: Joints, contact: Contacts | None = None, standing: Sequence[int] = FEET
    ) -> Path:
        """Solve for the path of the pelvis on which a pose projects onto the rays."""
        times = self.motion.times
        return solve_root_trajectory(
            relative, self.rays, self.confidence, times, contact, standing=standing
        )


def smooth_joints(
    x: Joints,
    times: Series,
    confidence: Float[np.ndarray, "t j"],
    config: PostprocessConfig,
    moving: Joints | None = None,
    out: Joints | None = None,
) -> Joints:
    """Apply the configured filter to joints, each by its confidence and the cutoff of its limb.

    x holds the first joints of `BODY_26`, or one point of the trunk, in metres; the speed of
    ``moving``, by default x, raises the cutoff of "adaptive". The result is written to ``out``,
    which may be x, by default to a new array.
    """
    moving = x if moving is None else moving
    paths = np.empty_like(x) if out is None else out
    for j in range(x.shape[1]):
        weight = np.maximum(confidence[:, j], LEAST_CONFIDENCE) ** 2
        paths[:, j] = _filter_path(x[:, j], times, weight, config, j, moving[:, j])
    return paths


def _filter_path(
    x: Path, times: Series, weight: Series, config: PostprocessConfig, joint: int, moving: Path
) -> Path:
    cutoff = config.cutoff[_GROUP[joint]]
    if config.filter == "adaptive":
        gain = AdaptiveCutoff(cutoff, config.speed_gain, config.noise_floor)
        return adaptive_butterworth(x, times, gain, weight, moving)
    if config.filter == "butterworth":
        return butterworth(x, times, cutoff, weight)
    if config.filter == "gaussian":
        return gaussian_smooth(x, times, _HALF / cutoff)
    if config.filter == "one-euro":
        return apply_live(x, times, OneEuro(cutoff, config.speed_gain))
    return x


def _smooth_each(motions: Iterator[Motion3D], config: PostprocessConfig) -> Iterator[_Person]:
    """Smooth motions; none has a name here, so that its memory is free once it is replaced."""
    with suppress(StopIteration):
        while True:
            yield _smooth_pose(next(motions), config)


def _smooth_pose(motion: Motion3D, config: PostprocessConfig) -> _Person:
    """Filter joints, fit bones, and solve the path of the result; the body height stays."""
    height = _median_height(motion.camera_xyz, motion)
    depth = float(np.median(motion.camera_xyz[:, H36M.root, 2]))
    # About the middle of the trunk: noise of the pelvis would otherwise move all joints.
    relative = _relative_to_root(motion)
    relative -= relative[:, TRUNK].mean(axis=1, keepdims=True)
    # From here on the place of the body is not needed; an hour of it is large.
    motion = _with_joints(motion, relative)
    person = _Person(motion, _smooth_rays(motion, depth, config), relative)
    relative = smooth_joints(relative, motion.times, _trust(motion), config, out=relative)
    relative -= relative[:, [H36M.root]]
    if config.bones:
        body = fit_bones(
            relative[:, BODY], motion.valid * 1.0, _observations(person, relative, config)
        )
        more = relative.shape[1] > BODY.stop
        relative = make_rigid(relative, body, motion.valid, relative) if more else body
    relative *= height / _median_height(relative, motion)
    motion = _with_joints(motion, relative)  # the joints before are not needed any more
    person = replace(person, motion=motion, pose=relative)
    return person.with_pose(relative)


def _trust(motion: Motion3D) -> Float[np.ndarray, "t j"]:
    """Return by what confidence joints are smoothed.

    Where feet, hands or face are not detected, they still follow from the joints they hang on.
    """
    trust = motion.confidence.copy()
    for joint in range(BODY.stop, trust.shape[1]):
        parent = motion.confidence[:, BODY_26.parents[joint]]
        trust[:, joint] = np.maximum(trust[:, joint], TRUST_IN_PARENT * parent)
    return trust


def _with_joints(motion: Motion3D, xyz: Joints) -> Motion3D:
    """Replace the joints, in the world and for the camera; they are not copied."""
    given = give(xyz)
    return replace(motion, xyz=given, camera_xyz=given)


def _median_height(xyz: Joints, motion: Motion3D) -> float:
    return float(np.median(stature(xyz)[motion.valid]))


def _relative_to_root(motion: Motion3D) -> Joints:
    return motion.camera_xyz - motion.camera_xyz[:, H36M.root, None]


def _smooth_rays(
    motion: Motion3D, depth: float, config: PostprocessConfig
) -> Float[np.ndarray, "t 17 2"]:
    """Smooth the rays as joints at a depth, since a person who comes nearer is fast.

    The motion is relative to the middle of the trunk; ``depth`` is the median one.
    """
    times, confidence = motion.times, motion.confidence[:, BODY]
    middle = _flat(motion, TRUNK, depth).mean(axis=1, keepdims=True)
    path = smooth_joints(middle, times, confidence.max(axis=1)[:, None], config)[:, 0]
    rays = np.empty((*confidence.shape, 2), dtype=np.float32)  # a micrometre at ten metres
    for j in range(confidence.shape[1]):  # one at a time, to save memory
        flat = _flat(motion, [j], depth)[:, 0] - middle[:, 0]
        weight = np.maximum(confidence[:, j], LEAST_CONFIDENCE) ** 2
        flat = _filter_path(flat, times, weight, config, j, motion.camera_xyz[:, j])
        rays[:, j] = (flat + path)[:, :2] / depth
    return rays


def _flat(motion: Motion3D, joints: Sequence[int], depth: float) -> Float[np.ndarray, "t k 3"]:
    """Return where joints would be in a plane at a depth, without the depth."""
    flat = np.zeros((len(motion), len(joints), 3))
    flat[..., :2] = depth * to_rays(motion.xy[:, list(joints)], motion.size, motion.focal)
    return flat


def _observations(
    person: _Person, relative: Joints, config: PostprocessConfig
) -> Observations | None:
    """Return the image for the fit of bones; its weight changes no faster than joints do."""
    if config.reprojection_weight == 0:
        return None
    root = person.solve_path(relative)
    seconds = _HALF / min(config.cutoff)
    weight = gaussian_smooth(person.confidence**CONFIDENCE_POWER, person.motion.times, seconds)
    np.clip(weight, 0.0, 1.0, out=weight)
    weight *= config.reprojection_weight
    return Observations(person.rays, root, weight.astype(np.float32))


def _choose_grounds(
    people: Sequence[_Person],
    config: PostprocessConfig,
    up: Float[np.ndarray, " 3"] | Hints | None,
) -> list[Ground]:
    """Return the floor under each person: estimated, or that of a level camera."""
    motions = [person.motion for person in people]
    if config.ground or up is not None:
        return find_grounds(motions, up)
    return [lowest_level_ground(motions)] * len(motions)


def _solve_path_on_contacts(person: _Person, ground: Ground) -> _Person:
    """Solve the path again, so that standing feet slide least."""
    motion = person.motion
    joints = find_soles(motion).joints
    feet = ground.to_world(motion.camera_xyz[:, list(joints)])
    contact = find_contacts(feet, motion.times, motion.valid, joints=range(len(joints)))
    relative = person.pose  # is moved back along the path
    relative -= relative[:, [H36M.root]]
    return person.with_pose(relative, contact, joints)


def _to_world(motion: Motion3D, ground: Ground, config: PostprocessConfig) -> Motion3D:
    """Transform to the world, and lock standing feet there."""
    soles, xyz = find_soles(motion), ground.to_world(motion.camera_xyz)
    motion = _with_joints(motion, xyz)  # those of the camera are not needed any more
    if config.foot_lock > 0:
        xyz = _hold_feet(motion, soles, config)
        motion = _with_joints(motion, xyz)
    sources = {"postprocess": config.describe(), "ground": ground.source}
    return replace(
        motion,
        camera_xyz=give(ground.to_camera(xyz)),
        provenance={**motion.provenance, **sources},
        ground_sigma=ground.sigma,
    )


def _hold_feet(motion: Motion3D, soles: Soles, config: PostprocessConfig) -> Joints:
    """Hold standing feet where they stand: heel and ball if they are known, else ankles."""
    xyz = motion.xyz
    contact = find_contacts(xyz, motion.times, motion.valid, joints=soles.joints)
    if len(soles.joints) == len(FEET):  # feet that are only guessed move no leg
        return lock_feet(xyz, motion.times, contact, config.foot_lock)
    return lift_feet(plant_feet(xyz, motion.times, contact, soles.height), soles.height)
