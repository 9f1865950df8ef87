"""Joint angles of a motion in degrees, with one sigma of each; unknown values are NaN.

Axes of the world and of segments as ISB and OpenSim have them: x forward (world: to the camera's
right), y up, z to the right. A right-handed turn about z, x and y gives the three angles of a
segment on the one above it (Grood and Suntay, J Biomech Eng 1983; Wu et al., J Biomech 2002 and
2005); the left side is mirrored first, so that both sides have the same signs. Pelvis and thorax
in the world go by turn, obliquity and tilt (Baker, Human Movement Science 2001), so that they do
not depend on where the person walks. docs/angles.md has the definitions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ..filtering.filters import butterworth
from ..motion import Motion3D
from ..skeleton import BODY_26, H36M, Skeleton
from ..world.ground import ground_of

Series = Float[np.ndarray, " t"]
Vectors = Float[np.ndarray, "t 3"]
Frames = Float[np.ndarray, "t 3 3"]
Values = dict[str, Series]

_PELVIS = ("Hip", "LHip", "RHip", "Spine")
_THORAX = ("Spine", "Thorax", "LShoulder", "RShoulder")
_TRUNK = (*_PELVIS, *_THORAX[1:])
_SIDE: dict[str, tuple[str, ...]] = {
    "hip_flexion": (*_PELVIS, "*Knee"),
    "hip_adduction": (*_PELVIS, "*Knee"),
    "hip_rotation": (*_PELVIS, "*Knee", "*Ankle"),
    "knee_flexion": (*_PELVIS, "*Knee", "*Ankle"),
    "ankle_dorsiflexion": ("*Knee", "*Ankle", "*Heel", "*Toe"),
    "foot_progression": (*_PELVIS, "*Heel", "*Toe"),
    "shoulder_flexion": (*_THORAX, "*Elbow"),
    "shoulder_abduction": (*_THORAX, "*Elbow"),
    "shoulder_rotation": (*_THORAX, "*Elbow", "*Wrist"),
    "shoulder_elevation": (*_THORAX, "*Elbow"),
    "shoulder_plane": (*_THORAX, "*Elbow"),
    "elbow_flexion": ("*Shoulder", "*Elbow", "*Wrist"),
    "wrist_bend": ("*Elbow", "*Wrist", "*Hand"),
}
NEEDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("pelvis_tilt", "pelvis_list", "pelvis_rotation"), _PELVIS),
    **dict.fromkeys(("thorax_tilt", "thorax_list", "thorax_rotation"), _THORAX),
    **dict.fromkeys(("trunk_flexion", "trunk_bending", "trunk_rotation"), _TRUNK),
    **dict.fromkeys(("neck_flexion", "neck_bending"), (*_THORAX, "Neck", "Head")),
    "neck_rotation": (*_THORAX, "Neck", "Head", "LEar", "REar"),
    **{
        f"{name}_{side.lower()}": tuple(joint.replace("*", side) for joint in joints)
        for name, joints in _SIDE.items()
        for side in "LR"
    },
}
"""Angle -> the joints that it is made of; it is unknown where one of them was not detected."""
ANGLES = tuple(NEEDS)
"""Names of the angles, in the order of the axis ``a``; those of a side end in _l or _r."""
_IN_WORLD = {
    f"{body}_{angle}" for body in ("pelvis", "thorax") for angle in ("tilt", "list", "rotation")
}
_CENTERS = {"shoulder_flexion": 60.0, "shoulder_plane": 45.0}
"""Middle of the 360 degrees that an angle lies in, 0 for the others: no joint turns beyond."""


@dataclass(frozen=True, kw_only=True)
class AnglesConfig:
    """What can be known of an angle, and how noise is kept out of it."""

    cutoff: float = 6.0
    """Hz of the filter over joints that no post-processing smoothed; usual for gait."""
    min_bend: float = 20.0
    """Degrees of knee or elbow below which they do not show how thigh or upper arm are turned
    about their length."""
    max_abduction: float = 75.0
    """Degrees of a turn about x beyond which those about z and y are one and the same."""
    min_elevation: float = 20.0
    """Degrees of the arm from hanging or straight up below which its plane has no meaning."""
    max_pitch: float = 60.0
    """Degrees of the foot from level beyond which it points nowhere along the ground."""
    max_sigma: float = 30.0
    """Degrees; an angle that is less certain is not known."""
    correlation: float = 0.4
    """Of the errors of a joint and its parent, relative to the pelvis: 0.4 to 0.9 on the open
    benchmark, but 0.1 at the hip. A segment is better known than its ends."""


DEFAULT = AnglesConfig()


@dataclass(frozen=True)
class Angles:
    """Angles of one person over time.

    Attributes:
        times: Seconds since the first frame of the video.
        fps: Frames per second.
        degrees: Columns as in `ANGLES`; NaN where unknown.
        sigma: One standard deviation of each, degrees, NaN where unknown; None if the motion has
            no sigma.
        pelvis: Middle of the hip joints in the world of the motion, metres.
        person: Number of the person among those in the video.
        provenance: That of the motion.
    """

    times: Series
    fps: float
    degrees: Float[np.ndarray, "t a"]
    sigma: Float[np.ndarray, "t a"] | None
    pelvis: Vectors
    person: int
    provenance: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, name: str) -> Series:
        return self.degrees[:, column(name)]

    def known(self) -> tuple[str, ...]:
        """Return the names of the angles that are known in some frame."""
        some = np.asarray(np.isfinite(self.degrees).any(axis=0))
        return tuple(name for name, has in zip(ANGLES, some, strict=True) if has)


def column(name: str) -> int:
    """Return the number of an angle in the axis ``a``.

    Raises:
        ValueError: If there is no such angle.
    """
    if name not in NEEDS:
        raise ValueError(f"expected an angle, one of {', '.join(ANGLES)}; got {name!r}.")
    return ANGLES.index(name)


def measure_angles(motion: Motion3D, config: AnglesConfig = DEFAULT) -> Angles:
    """Measure the angles of a motion, in frames that show the person.

    Sigma follows from that of the joints: each coordinate is moved by one sigma, joints below it by
    the correlated part of theirs, and the squares of the changes add up (linear propagation). To
    the angles in the world, that of gravity is added.
    """
    xyz = _smooth(motion, config) if "postprocess" not in motion.provenance else motion.xyz
    body = xyz[..., [0, 2, 1]] * (1.0, 1.0, -1.0)
    index = BODY_26.index if motion.skeleton == BODY_26 else H36M.index
    values = _compute(body, index)
    sigma = None if motion.sigma is None else _propagate(motion, body, values, config.correlation)
    known = _find_known(motion, values, body, config)
    if sigma is not None:
        known &= sigma <= config.max_sigma
        sigma = np.where(known, sigma, np.nan)
    degrees = np.where(known, np.stack([values[name] for name in ANGLES], axis=1), np.nan)
    for name in _IN_WORLD:
        _unwrap(degrees[:, column(name)])
    return Angles(
        times=motion.times,
        fps=motion.fps,
        degrees=degrees,
        sigma=sigma,
        pelvis=motion.xyz[:, H36M.index["Hip"]],
        person=motion.person,
        provenance=motion.provenance,
    )


def _smooth(motion: Motion3D, config: AnglesConfig) -> Float[np.ndarray, "t j 3"]:
    weight = (motion.confidence > 0) & motion.valid[:, None]
    xyz = motion.xyz.copy()
    for j in np.flatnonzero(weight.any(axis=0)):
        xyz[:, j] = butterworth(xyz[:, j], motion.times, config.cutoff, weight[:, j].astype(float))
    return xyz


def _compute(body: Float[np.ndarray, "t j 3"], index: Mapping[str, int]) -> Values:
    """Compute all angles of joints in ISB axes, wrapped; NaN where a joint is missing."""

    def at(joint: str) -> Vectors:
        return body[:, index[joint]] if joint in index else np.full_like(body[:, 0], np.nan)

    across, spine = at("RHip") - at("LHip"), at("Spine")
    pelvis = _frame(across, spine - at("Hip"), first="z")
    thorax = _frame(at("RShoulder") - at("LShoulder"), at("Thorax") - spine, first="y")
    values = {**_in_world("pelvis", pelvis), **_in_world("thorax", thorax)}
    trunk = _to_local(pelvis, thorax[..., 1]), _to_local(pelvis, thorax[..., 2])
    head = at("Head") - at("Neck")
    neck = _to_local(thorax, _unit(head)), _to_local(thorax, at("REar") - at("LEar"))
    for name, (up, right) in (("trunk", trunk), ("neck", neck)):
        flexion, bending = _lean(up)
        turn = _turn(flexion, bending, right)
        values |= {f"{name}_flexion": -flexion, f"{name}_bending": bending}
        values[f"{name}_rotation"] = turn
    for side, sign in (("L", -1.0), ("R", 1.0)):
        mirror = np.array([1.0, 1.0, sign])
        points = {joint: at(side + joint) for joint in _LIMBS}
        own = {
            **_leg(points, pelvis, mirror),
            **_arm(points, thorax, mirror),
            "foot_progression": sign * (values["pelvis_rotation"] - _heading(points)),
        }
        values |= {f"{name}_{side.lower()}": own[name] for name in own}
    return {name: _wrap(value, name) for name, value in values.items()}


_LIMBS = ("Hip", "Knee", "Ankle", "Heel", "Toe", "Shoulder", "Elbow", "Wrist", "Hand")


def _leg(points: dict[str, Vectors], pelvis: Frames, mirror: Float[np.ndarray, "3"]) -> Values:
    """Compute the angles of a leg, as if it were the right one."""
    thigh, shank, sole = (
        _unit(_to_local(pelvis, points[end] - points[start]) * mirror)
        for start, end in (("Hip", "Knee"), ("Knee", "Ankle"), ("Heel", "Toe"))
    )
    flexion, adduction = _lean(-thigh)
    hinge = np.cross(shank, thigh)
    level = np.stack(_untwisted(flexion, adduction), axis=-1)[..., 1]
    # Near straight, the pelvis shows about which axis the knee bends: else noise bends it.
    straight = np.sin(np.radians(DEFAULT.min_bend)) - np.linalg.norm(hinge, axis=-1)
    cosine = _dot(thigh, shank)
    share = np.where(cosine > 0, np.maximum(straight, 0), 0)
    axis = _unit(hinge + share[:, None] * level)
    return {
        "hip_flexion": flexion,
        "hip_adduction": adduction,
        "hip_rotation": _turn(flexion, adduction, hinge),
        "knee_flexion": np.degrees(np.arctan2(_dot(hinge, axis), cosine)),
        "ankle_dorsiflexion": _between(sole, shank) - 90,
    }


def _arm(points: dict[str, Vectors], thorax: Frames, mirror: Float[np.ndarray, "3"]) -> Values:
    """Compute the angles of an arm, as if it were the right one."""
    upper, fore, hand = (
        _unit(_to_local(thorax, points[end] - points[start]) * mirror)
        for start, end in (("Shoulder", "Elbow"), ("Elbow", "Wrist"), ("Wrist", "Hand"))
    )
    flexion, adduction = _lean(-upper)
    return {
        "shoulder_flexion": flexion,
        "shoulder_abduction": -adduction,
        "shoulder_rotation": _turn(flexion, adduction, np.cross(upper, fore)),
        "shoulder_elevation": _between(upper, np.array([0.0, -1.0, 0.0])),
        "shoulder_plane": np.degrees(np.arctan2(upper[:, 0], upper[:, 2])),
        "elbow_flexion": _between(upper, fore),
        "wrist_bend": _between(fore, hand),
    }


def _heading(points: dict[str, Vectors]) -> Series:
    """Return where a foot points along the ground, from the world's x to the left."""
    sole = points["Toe"] - points["Heel"]
    return np.degrees(np.arctan2(-sole[:, 2], sole[:, 0]))


def _in_world(name: str, frame: Frames) -> Values:
    """Compute turn, obliquity and tilt of a segment, in this order."""
    right, up = frame[..., 2], frame[..., 1]
    turn, sideways = np.arctan2(right[:, 0], right[:, 2]), -np.arcsin(np.clip(right[:, 1], -1, 1))
    forward = np.stack([np.cos(turn), np.zeros_like(turn), -np.sin(turn)], axis=-1)
    upright = np.cross(right, forward)
    tilt = np.arctan2(_dot(up, forward), _dot(up, upright))
    return {
        f"{name}_tilt": np.degrees(tilt),
        f"{name}_list": np.degrees(sideways),
        f"{name}_rotation": np.degrees(turn),
    }


def _lean(up: Vectors) -> tuple[Series, Series]:
    """Return by how much an axis leans back (about z), then to the right (about x)."""
    backward = np.arctan2(-up[:, 0], up[:, 1])
    return np.degrees(backward), np.degrees(np.arcsin(np.clip(up[:, 2], -1, 1)))


def _untwisted(backward: Series, sideways: Series) -> tuple[Vectors, Vectors]:
    """Return the axes x and z of a segment that leans so, and is not turned about its length."""
    b, s = np.radians(backward), np.radians(sideways)
    forward = np.stack([np.cos(b), np.sin(b), np.zeros_like(b)], axis=-1)
    right = np.stack([np.sin(b) * np.sin(s), -np.cos(b) * np.sin(s), np.cos(s)], axis=-1)
    return forward, right


def _turn(backward: Series, sideways: Series, right: Vectors) -> Series:
    """Return the turn about the length that points the segment's z along ``right``; to the left."""
    x, z = _untwisted(backward, sideways)
    return np.degrees(np.arctan2(_dot(right, x), _dot(right, z)))


def _frame(right: Vectors, up: Vectors, first: str) -> Frames:
    """Return the axes of a segment as columns; the axis ``first`` is exact, the other near."""
    if first == "z":
        z = _unit(right)
        y = _unit(up - _dot(up, z)[:, None] * z)
    else:
        y = _unit(up)
        z = _unit(right - _dot(right, y)[:, None] * y)
    return np.stack([np.cross(y, z), y, z], axis=-1)


def _to_local(frame: Frames, vectors: Vectors) -> Vectors:
    return np.einsum("tij,ti->tj", frame, vectors)


def _between(a: Vectors, b: Float[np.ndarray, "*t 3"]) -> Series:
    """Return the angle between unit vectors, exact near 0 too."""
    sine = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.degrees(np.arctan2(sine, (a * b).sum(axis=-1)))


def _dot(a: Vectors, b: Vectors) -> Series:
    return (a * b).sum(axis=-1)


def _unit(vectors: Vectors) -> Vectors:
    """Return vectors of length one; NaN where there is no direction."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 1e-9, length, np.nan)


def _wrap(value: Series, name: str = "") -> Series:
    center = _CENTERS.get(name.rpartition("_")[0], 0.0)
    return (value - center + 180) % 360 - 180 + center


def _unwrap(value: Series) -> None:
    """Add full turns, in place, so that known values follow each other; the first stays."""
    seen = np.isfinite(value)
    value[seen] = np.unwrap(value[seen], period=360)


def _propagate(
    motion: Motion3D, body: Float[np.ndarray, "t j 3"], values: Values, correlation: float
) -> Float[np.ndarray, "t a"]:
    assert motion.sigma is not None
    axes = ground_of(motion).rotation.T[:, [0, 2, 1]] * (1.0, 1.0, -1.0)
    index = BODY_26.index if motion.skeleton == BODY_26 else H36M.index
    squares = np.zeros((len(motion), len(ANGLES)))
    for shares in _error_sources(motion.skeleton, correlation):
        for k, axis in enumerate(axes):
            moved = body + (shares * motion.sigma[..., k])[..., None] * axis
            changed = _compute(moved, index)
            squares += np.stack([_wrap(changed[a] - values[a]) ** 2 for a in ANGLES], axis=1)
    if motion.ground_sigma is not None:
        gravity = max(motion.ground_sigma[:2])
        squares[:, [column(name) for name in _IN_WORLD if "rotation" not in name]] += gravity**2
    return np.sqrt(squares)


def _error_sources(skeleton: Skeleton, correlation: float) -> Float[np.ndarray, "j j"]:
    """Return rows of independent errors, as shares of each joint's sigma; squares sum to 1.

    A joint takes a share of its parent's error, but for those that hang on the pelvis.
    """
    shares = np.eye(len(skeleton.joints))
    for parent, joint in skeleton.bones:
        if parent != skeleton.root:
            shares[:, joint] = correlation * shares[:, parent]
            shares[joint, joint] = np.sqrt(1 - correlation**2)
    return shares


def _find_known(
    motion: Motion3D, values: Values, body: Float[np.ndarray, "t j 3"], config: AnglesConfig
) -> Bool[np.ndarray, "t a"]:
    """Find where each angle is made of joints that were detected, and has a meaning."""
    seen = {
        joint: motion.valid & (motion.confidence[:, j] > 0)
        for joint, j in motion.skeleton.index.items()
    }
    never = np.zeros(len(motion), dtype=bool)
    known = {
        name: np.isfinite(values[name]) & np.all([seen.get(j, never) for j in joints], axis=0)
        for name, joints in NEEDS.items()
    }
    for lean, turns in _SHARED.items():
        for name in turns:
            known[name] &= np.abs(values[lean]) <= config.max_abduction
    for side in "lr":
        arm = values[f"shoulder_elevation_{side}"]
        known[f"shoulder_plane_{side}"] &= np.abs(arm - 90) <= 90 - config.min_elevation
        known[f"shoulder_rotation_{side}"] &= _is_bent(values[f"elbow_flexion_{side}"], config)
        known[f"hip_rotation_{side}"] &= _is_bent(values[f"knee_flexion_{side}"], config)
        if motion.skeleton == BODY_26:
            heel, toe = (body[:, BODY_26.index[side.upper() + j]] for j in ("Heel", "Toe"))
            pitch = np.degrees(np.arcsin(np.clip(_unit(toe - heel)[:, 1], -1, 1)))
            known[f"foot_progression_{side}"] &= np.abs(pitch) <= config.max_pitch
    return np.stack([known[name] for name in ANGLES], axis=1)


_SHARED = {
    "pelvis_list": ("pelvis_tilt", "pelvis_rotation", "foot_progression_l", "foot_progression_r"),
    "thorax_list": ("thorax_tilt", "thorax_rotation"),
    "trunk_bending": ("trunk_flexion", "trunk_rotation"),
    "neck_bending": ("neck_flexion", "neck_rotation"),
    **{f"hip_adduction_{s}": (f"hip_flexion_{s}", f"hip_rotation_{s}") for s in "lr"},
    **{
        f"shoulder_abduction_{s}": (f"shoulder_flexion_{s}", f"shoulder_rotation_{s}") for s in "lr"
    },
}
"""Turn about x -> the angles that share an axis where it nears 90 degrees."""


def _is_bent(flexion: Series, config: AnglesConfig) -> Bool[np.ndarray, " t"]:
    return (flexion >= config.min_bend) & (flexion <= 180 - config.min_bend)
