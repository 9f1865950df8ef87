"""Gravity in the camera frame: from bodies, feet, lines of the scene and how cameras are held.

Each kind of evidence is a log-likelihood of the camera's tilt and roll, with heavy tails, so that
what contradicts the rest counts little; `estimate_vertical` adds them up.
Axis legend: ``j`` joints, ``f`` feet, ``n`` postures of the camera, or points,
``k`` ankles.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..checks import check_type
from ..filtering.filters import butterworth, frame_durations
from ..motion import Motion3D, as_floats
from ..skeleton import FEET, H36M
from .lines import LineEvidence, SceneLines
from .posture import Posture, angles_of, estimate_posture, up_of
from .soles import find_soles
from .trust import trust_people

Vector = Float[np.ndarray, " 3"]
Points = Float[np.ndarray, "n 3"]
Numbers = Float[np.ndarray, " n"]

FEET_CUTOFF = 6.0
"""Hz, below which the speed of feet is measured."""
FRAMES = 60
"""Frames of a person that are evidence, evenly spaced."""
_NECK = H36M.index["Neck"]


@dataclass(frozen=True, kw_only=True)
class GroundConfig:
    """Tuned numbers of the floor: thresholds and standard deviations.

    Chosen on the validation split of the motion capture, each sequence seen by one camera.
    """

    uneven: float = 0.05
    """Metres of a standing ankle from the floor's plane, one sigma."""
    slow: float = 0.5
    """Speed of feet that may stand, m/s."""
    floor_share: float = 0.15
    """Share of the most rest at any height from which on a height is a floor."""
    step: float = 0.2
    """Metres that two floors are apart, at least."""
    below: float = 0.03
    """Share of frames in which a foot may be under the floor."""
    agreed: float = 0.1
    """Metres that the floor of one person may be off that of all."""
    raised: float = 0.5
    """Metres above the floor from which on a person stands on something, and is not misplaced."""
    independent: float = 1.0
    """Seconds after which a standing foot is independent evidence."""
    depth: float = 0.04
    """Error of the distance of people from the camera, as a share of it, one sigma."""


GROUND = GroundConfig()


@dataclass(frozen=True, kw_only=True)
class VerticalConfig:
    """Tuned numbers of `estimate_vertical`.

    Chosen on 120 lifted clips of `benchmarks/vertical.py` by the log-likelihood of the true tilt
    and roll. Angles are degrees, lengths metres; an outlier scale is in sigma.
    """

    tilt: tuple[float, float] = (20.0, 40.0)
    """Cameras look down or up: one sigma of most, and of the others."""
    steep_share: float = 0.3
    """Share of the others."""
    roll: tuple[float, float] = (3.0, 20.0)
    """Cameras lean aside: one sigma of those that are held level, and of the others."""
    rolled_share: float = 0.5
    """Share of the others."""
    body: tuple[float, float] = (7.5, 4.0)
    """Upright bodies from the vertical, one sigma: toward the camera or away, and aside."""
    bent: float = 30.0
    """The same for bodies that are not upright."""
    upright_share: float = 0.75
    """Share of frames in which bodies are upright."""
    lean: float = 0.045
    """Radians per m/s that people lean in the direction they go."""
    fastest: float = 3.0
    """m/s above which they lean no further."""
    path_cutoff: float = 0.7
    """Hz, below which the velocity of people is measured."""
    body_moments: float = 3.0
    """Most independent moments that a body counts for; the first second counts for most of one."""
    sure: float = 0.5
    """Confidence from which on joints count in full."""
    standing: float = 0.8
    """Distance from ankles to neck of a body that stands, as a share of its longest."""
    uneven: float = 0.04
    """Resting ankles from the floor's plane, one sigma."""
    above: float = 2.0
    """Outlier scale of ankles above the floor, which may be lifted."""
    under: float = 5.0
    """Outlier scale of ankles below the floor, which are errors."""
    foothold: float = 0.4
    """Size of a place on the floor; feet that rest in one place are evidence once."""
    feet_moments: float = 6.0
    """Most independent moments that resting feet count for: depths of a long path err together."""
    floors: tuple[float, ...] = (0.05, 0.15, 0.25, 0.35, 0.5, 0.65)
    """Quantiles of the ankles' heights at which the floor may be."""
    sway: float = 0.05
    """Pelvis of a standing body from its usual height, one sigma."""
    pelvis_outlier: float = 3.0
    """Outlier scale of the pelvis' height."""
    pelvis_moments: float = 3.0
    """Most independent moments that it counts for."""
    people: float = 2.0
    """People whose errors of depth are independent: more count for as many."""


VERTICAL = VerticalConfig()


@dataclass(frozen=True)
class Hints:
    """What is known of the camera beside the people.

    Attributes:
        tilt: Degrees that the camera looks down, if known.
        roll: Degrees that it is turned clockwise, if known.
        scene: Straight edges of the scene, if any were looked for.
        focal_known: Whether the focal length is more than an assumption.
        source: Where a given tilt and roll come from, in words.

    Raises:
        ValueError: If tilt or roll are out of range.
    """

    tilt: float | None = None
    roll: float | None = None
    scene: SceneLines | None = None
    focal_known: bool = True
    source: str = "given"

    def __post_init__(self) -> None:
        for name, value, most in (("tilt", self.tilt, 90.0), ("roll", self.roll, 180.0)):
            check_type(f"camera_{name}", value, float | None)
            if value is not None and not abs(value) <= most:
                raise ValueError(
                    f"the camera's {name} must be -{most:g} to {most:g} degrees, got {value}; give "
                    f"--camera-{name} in degrees."
                )

    def check_used(self, *, found: bool) -> None:
        """Check that a given posture is used, which needs the floor to be found.

        Raises:
            ValueError: If tilt or roll are given, and the floor is not to be found.
        """
        if not found and (self.tilt is not None or self.roll is not None):
            raise ValueError(
                "up, camera_tilt and camera_roll turn the world upright, which is a step of the "
                "post-processing; leave them out, or do not turn it off."
            )


def hints_from(
    up: Sequence[float] | Vector | None = None,
    tilt: float | None = None,
    roll: float | None = None,
    scene: SceneLines | None = None,
    *,
    focal_known: bool = True,
) -> Hints:
    """Return what is known of the camera, of which ``up`` is the direction against gravity.

    Raises:
        ValueError: If ``up`` has no length or is not three numbers, comes with an angle, or an
            angle is out of range.
    """
    if up is None:
        return Hints(tilt, roll, scene, focal_known)
    if tilt is not None or roll is not None:
        raise ValueError("up gives the camera's tilt and roll; give either up, or the angles.")
    up = as_floats("up", up)
    if up.shape != (3,) or not 0 < np.linalg.norm(up) < np.inf:
        raise ValueError(f"expected a direction for up, three numbers in camera axes, got {up}.")
    return Hints(*angles_of(up / np.linalg.norm(up)), scene, focal_known)


def foot_speeds(
    feet: Float[np.ndarray, "t f 3"], times: Float[np.ndarray, " t"]
) -> Float[np.ndarray, "t f"]:
    """Compute the smoothed speed of feet, m/s."""
    if len(times) < 2:
        return np.zeros(feet.shape[:2])
    smooth = butterworth(feet, times, FEET_CUTOFF)
    return np.linalg.norm(np.gradient(smooth, times, axis=0), axis=-1)


def weigh_feet(motion: Motion3D, config: GroundConfig = GROUND) -> tuple[Points, Numbers]:
    """Return where feet may stand in a clip, and the independent moments each counts for.

    The points are those of `find_soles`, frame by frame.
    """
    joints = list(find_soles(motion).joints)
    feet = motion.camera_xyz[:, joints]
    speed = foot_speeds(feet, motion.times)
    still = np.exp(-((speed / config.slow) ** 2)) * motion.valid[:, None]
    share = np.minimum(frame_durations(motion.times) / config.independent, 1.0)[:, None]
    if len(joints) > len(FEET):
        share = share * (motion.confidence[:, joints] > 0) * len(FEET) / len(joints)
    return feet.reshape(-1, 3), (np.maximum(still, 1e-6) * share).reshape(-1)


def estimate_vertical(
    motions: Sequence[Motion3D], hints: Hints = Hints(), config: VerticalConfig = VERTICAL
) -> Posture:
    """Estimate tilt and roll of the camera that sees people, with one sigma of each.

    The log-probability of a posture is the sum of: how cameras are held, two normal distributions
    each; the lines of the scene; for each person the directions from ankles to neck, a mixture of
    upright and bent bodies; heights of resting feet over the floor, and of pelvises about their
    usual height, with robust costs (Geman and McClure, 1985). Frames are not independent: each
    kind of evidence is weighted by the moments that it counts for.
    """
    known = zip(motions, trust_people(motions).tolist(), strict=True)
    people = [person for motion, trust in known if (person := _gather(motion, trust, config))]
    share = min(1.0, config.people / max(sum(person.trust for person in people), 1.0))
    lines = _line_evidence(motions, hints)

    def log_density(tilt: Numbers, roll: Numbers, step: float) -> Numbers:
        up = up_of(tilt, roll)
        log = _camera_prior(tilt, roll, config)
        if lines is not None:
            log += lines(tilt, roll, step)
        for person in people:
            log += share * person.trust * _body_evidence(person, tilt, roll, config)
            log += share * person.trust * _pelvis_evidence(person, up, config)
        return log + _feet_evidence(people, up, config)

    return estimate_posture(log_density, hints.tilt, hints.roll)


def _line_evidence(motions: Sequence[Motion3D], hints: Hints) -> LineEvidence | None:
    """Return the evidence of the lines at the focal length of the motions, if it matters."""
    if hints.scene is None or not motions or None not in (hints.tilt, hints.roll):
        return None
    return LineEvidence(hints.scene, motions[0].focal, known=hints.focal_known)


@dataclass(frozen=True)
class _Person:
    """Evidence of gravity from some frames of a person, who counts for ``trust``."""

    trust: float
    body: Points
    """Directions from ankles to neck, turned back by the lean of a person who goes."""
    pelvis: Points
    upright: Numbers
    """Seconds that each frame stands for in which the body is extended."""
    feet: Float[np.ndarray, "k 3"]
    rest: Float[np.ndarray, " k"]
    """Seconds that each ankle rests, times the trust."""


def _gather(motion: Motion3D, trust: float, config: VerticalConfig) -> _Person | None:
    """Gather the evidence of a person; None if never valid, or without extent."""
    used = [H36M.root, _NECK, *FEET]  # all joints of hours would be large
    xyz, times = motion.camera_xyz[:, used][motion.valid], motion.times[motion.valid]
    if not len(xyz):
        return None
    root, neck, feet = xyz[:, 0], xyz[:, 1], xyz[:, 2:]
    body = neck - feet.mean(axis=1)
    length = np.linalg.norm(body, axis=-1)
    if not length.min() > 0:
        return None
    body = _straighten(body / length[:, None], root, times, config)
    seconds = np.minimum(frame_durations(times), 1.0)
    sure = motion.confidence[:, used[1:]][motion.valid].mean(axis=1)
    seconds = seconds * np.minimum(sure / config.sure, 1.0)
    standing = length > config.standing * np.quantile(length, 0.95)
    still = np.exp(-((foot_speeds(feet, times) / GROUND.slow) ** 2))
    every = -(-len(times) // FRAMES)
    part = slice((every - 1) // 2, None, every)
    return _Person(
        trust=trust,
        body=body[part],
        pelvis=root[part],
        upright=(every * standing * seconds)[part],
        feet=feet[part].reshape(-1, 3),
        rest=(trust * every * still * seconds[:, None])[part].reshape(-1),
    )


def _straighten(body: Points, root: Points, times: Numbers, config: VerticalConfig) -> Points:
    """Turn directions of bodies back by the lean of a person who goes."""
    if len(times) < 12:
        velocity = np.zeros_like(body)
    else:
        velocity = np.gradient(butterworth(root, times, config.path_cutoff), times, axis=0)
    velocity = velocity - body * (velocity * body).sum(axis=1, keepdims=True)
    speed = np.linalg.norm(velocity, axis=1, keepdims=True)
    velocity = velocity * np.minimum(1.0, config.fastest / np.maximum(speed, 1e-9))
    body = body - config.lean * velocity
    return body / np.linalg.norm(body, axis=1, keepdims=True)


def _camera_prior(tilt: Numbers, roll: Numbers, config: VerticalConfig) -> Numbers:
    """Compute how cameras are held: normal distributions with wider ones for heavy tails."""

    def mixture(angle: Numbers, sigma: tuple[float, float], others: float) -> Numbers:
        near, far = (np.exp(-0.5 * (angle / s) ** 2) / s for s in sigma)
        return np.log((1 - others) * near + others * far)

    return (
        mixture(tilt, config.tilt, config.steep_share)
        + mixture(roll, config.roll, config.rolled_share)
        + np.log(np.maximum(np.cos(np.radians(tilt)), 1e-3))
    )


def _moments(seconds: float, most: float) -> float:
    """Return independent moments: as many as seconds if those are few, and ``most`` at most."""
    return most * (1 - np.exp(-seconds / most))


def _body_evidence(
    person: _Person, tilt: Numbers, roll: Numbers, config: VerticalConfig
) -> Numbers:
    """Compute the log-likelihood of directions of a body about up, robust against bent ones."""
    total = float(person.upright.sum())
    if total <= 0:
        return np.zeros(len(tilt))
    t, r = np.radians(tilt), np.radians(roll)
    down = np.stack([np.sin(r) * np.sin(t), np.cos(r) * np.sin(t), -np.cos(t)], axis=-1)
    aside = np.stack([-np.cos(r), np.sin(r), np.zeros_like(r)], axis=-1)
    cosine = np.clip(up_of(tilt, roll) @ person.body.T, -1, 1)
    angle = np.degrees(np.arccos(cosine))
    stretch = angle / np.sqrt(np.maximum(1 - cosine**2, 1e-12))
    toward, sideways = (stretch * (axis @ person.body.T) for axis in (down, aside))
    upright = np.exp(-0.5 * ((toward / config.body[0]) ** 2 + (sideways / config.body[1]) ** 2))
    upright *= config.upright_share / (config.body[0] * config.body[1])
    bent = np.exp(-0.5 * (angle / config.bent) ** 2) * (1 - config.upright_share) / config.bent**2
    log = np.log(upright + bent + 1e-9)
    return _moments(total, config.body_moments) * (log @ person.upright) / total


def _pelvis_evidence(person: _Person, up: Points, config: VerticalConfig) -> Numbers:
    """Compute the log-likelihood of the heights of a pelvis about their median."""
    standing, total = person.upright > 0, float(person.upright.sum())
    if total <= 0:
        return np.zeros(len(up))
    height = up @ person.pelvis.T
    off = (height - np.median(height[:, standing], axis=1, keepdims=True)) / config.sway
    cost = _robust(off, config.pelvis_outlier) @ person.upright / total
    return -_moments(total, config.pelvis_moments) * cost


def _feet_evidence(people: Sequence[_Person], up: Points, config: VerticalConfig) -> Numbers:
    """Compute the log-likelihood of the heights of resting ankles over the best of some floors."""
    rest = np.concatenate([np.zeros(0), *(person.rest for person in people)])
    total = float(rest.sum())
    if total < 0.05:
        return np.zeros(len(up))
    feet = np.concatenate([person.feet for person in people])
    every = -(-len(feet) // (4 * FRAMES))
    feet, rest = feet[::every], rest[::every]
    height = up @ feet.T
    order = np.argsort(height, axis=1)
    passed = np.cumsum(rest[order], axis=1) / rest.sum()
    best = np.full(len(up), np.inf)
    for share in config.floors:
        at = np.take_along_axis(order, np.argmax(passed >= share, axis=1)[:, None], axis=1)
        off = (height - np.take_along_axis(height, at, axis=1)) / config.uneven
        cost = _robust(off, np.where(off > 0, config.above, config.under)) @ rest / rest.sum()
        best = np.minimum(best, cost)
    places = len(np.unique(np.round(feet[rest > 0.1 * rest.max()] / config.foothold), axis=0))
    return -_moments(min(total, float(places)), config.feet_moments) * best


def _robust(off: np.ndarray, outlier: float | np.ndarray) -> np.ndarray:
    """Return the cost of a deviation in sigma; far beyond ``outlier`` it grows no more."""
    return 0.5 * off**2 / (1 + (off / outlier) ** 2)


def floor_height(height: Numbers, weight: Numbers, config: GroundConfig = GROUND) -> float:
    """Find where feet rest most, within a step above the lowest height at which they rest."""
    grid = config.uneven / 4

    def near(center: float) -> Numbers:
        return np.exp(-0.5 * ((height - center) / (config.uneven / 2)) ** 2)

    start, stop = np.quantile(height, [0.01, 0.99])
    at = np.arange(start, stop + config.uneven, grid)
    density = np.array([weight @ near(center) for center in at])
    first = int(np.argmax(density > config.floor_share * density.max()))
    candidates = at[first : first + 1 + round(config.step / grid)]
    lowest = candidates[np.argmax(density[first : first + len(candidates)])]
    close = weight * near(lowest)
    return float(close @ height / close.sum())
