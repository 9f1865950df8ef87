"""Feet, hands and face of captured figures: the nine joints of `BODY_26` beside the 17.

Rigs have no heels, ears or noses, and what is level or straight ahead depends on how a figure was
made. So this goes in two steps. `attach_markers` puts points at the ends of the axes of foot and
head bones; they pass through cutting, resampling and turning as joints do. `place_extremities`
finds the sole and the neutral head in all motion of one figure, and puts the joints there.

Metres, z up in the second step. Axis legend: ``a`` the axes left, up and forward.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from ...io.mocap_capture import Capture
from ...skeleton import BODY, BODY_26, GROUPS, STATURE_PER_BONE_SUM, canonical, stature

Pose = Float[np.ndarray, "t 26 3"]
Pieces = Sequence[Float[np.ndarray, "_ 26 3"]]
Track = Float[np.ndarray, "t 3"]
Numbers = Float[np.ndarray, " t"]
Has = dict[str, bool]
"""Which of `GROUPS` a figure has."""
_AT = BODY_26.index
_UP = np.array([0.0, 0, 1])


@dataclass(frozen=True, kw_only=True)
class ExtremityConfig:
    """Where the joints lie, and what calibrates a figure."""

    heel: float = 0.20
    """Way from the ankle back to the heel, as a share of the way forward to the toe tip."""
    toe: float = 0.5
    """Toe bone where the rig has none, as a share of the way from ankle to ball."""
    hand: float = 0.36
    """Way from the wrist to the knuckles, as a share of the forearm."""
    ears: tuple[float, float] = (0.049, 0.193)
    """Metres forward and up from the middle of the shoulders to that of the ears; these and the
    next two for a figure whose bones, as `stature` adds them up, make `skeleton`."""
    ear: float = 0.072
    """Metres from the middle of the ears to an ear."""
    nose: tuple[float, float] = (0.121, -0.010)
    """Metres forward and up from the middle of the ears to the nose."""
    skeleton: float = 1.565
    """Metres."""
    unknown_ears: tuple[float, float] = (0.03, 0.065)
    """Metres forward and up from the base of the skull to the middle of the ears in the rest pose,
    for figures that are never upright."""
    planted_speed: float = 0.1
    """m/s of ankle and ball below which a foot stands."""
    planted_height: float = 0.03
    """Metres over the lowest that a standing ball may be."""
    planted_frames: int = 25
    """Fewest frames that show how a sole, a head or a floor lies."""
    planted_spread: float = 6.0
    """Degrees; a sole that is seen at angles of a larger median deviation keeps its rest pose."""
    upright: float = 25.0
    """Degrees of the trunk from the vertical up to which the head is taken as looking ahead."""
    neutral: float = 15.0
    """Degrees of the head from its mean up to which it shows where the ears are."""
    rest_height: float = 0.04
    """Metres from the floor to heel and ball of a foot that stands flat."""
    frozen: float = 0.1
    """Degrees; bones that turn less, by standard deviation, were not captured."""
    floor: float = 0.03
    """Metres that a floor may be off."""
    max_speed: float = 12.0
    """m/s about the own joint; what is faster is a glitch."""
    max_acceleration: float = 900.0
    """m/s^2 about the own joint."""


CONFIG = ExtremityConfig()


def attach_markers(
    capture: Capture, at: dict[str, int], body: Float[np.ndarray, "t 17 3"]
) -> tuple[Pose, Has]:
    """Return the 17 joints with balls, knuckles and markers, in the unit and axes of the file.

    A heel's marker lies a toe bone ahead of the ankle; those of nose, left and right ear ahead of
    the base of the skull, left of it and above. A group that the rig lacks, or whose bones never
    turn, lies at the joints it hangs on.

    Args:
        at: Joint -> its index in the capture, of `find_joints`.
        body: The 17 joints.
    """
    xyz = np.concatenate([body, body[:, BODY_26.parents[BODY.stop :]]], axis=1)
    axes = _rest_axes(capture, at)
    feet = [_mark_foot(capture, at, xyz, side, axes) for side in "LR"]
    hands = [_place_hand(capture, at, xyz, side) for side in "LR"]
    face = _mark_head(capture, at, xyz, axes)
    has = {"feet": all(feet), "hands": all(hands), "face": face}
    for group, joints in GROUPS.items():
        if not has[group]:
            xyz[:, joints] = xyz[:, [BODY_26.parents[joint] for joint in joints]]
    return xyz, has


def place_extremities(pieces: Pieces, has: Has) -> list[Float[np.ndarray, "_ 26 3"]]:
    """Replace the markers in all motion of one figure by heels, nose and ears."""
    result = [piece.copy() for piece in pieces]
    if has["feet"]:
        for side in "LR":
            _place_heels(result, side)
    if has["face"]:
        _place_heads(result)
    return result


def measure_floor(pieces: Pieces, config: ExtremityConfig = CONFIG) -> float | None:
    """Return the height of the floor under planted feet; None if too few frames show it."""
    heights = []
    for side in "LR":
        parts = [
            piece[planted][:, [_AT[f"{side}Toe"], _AT[f"{side}Heel"]], 2]
            for piece, planted in zip(pieces, _find_planted(pieces, side), strict=True)
        ]
        seen = np.concatenate(parts)
        if len(seen) >= config.planted_frames:
            heights.append(float(np.median(seen)))
    return float(np.mean(heights)) - config.rest_height if heights else None


def find_glitches(
    xyz: Pose, fps: float, config: ExtremityConfig = CONFIG
) -> Bool[np.ndarray, "t g"]:
    """Return, for each of `GROUPS`, the frames in which a joint jumps about the one it hangs on."""
    result = np.zeros((len(xyz), len(GROUPS)), dtype=bool)
    for number, joints in enumerate(GROUPS.values()):
        about = xyz[:, joints] - xyz[:, [BODY_26.parents[joint] for joint in joints]]
        speed = np.linalg.norm(np.diff(about, axis=0), axis=-1).max(axis=1, initial=0) * fps
        change = np.linalg.norm(np.diff(about, 2, axis=0), axis=-1).max(axis=1, initial=0)
        fast = np.flatnonzero(speed > config.max_speed)
        result[fast, number] = result[fast + 1, number] = True
        result[np.flatnonzero(change * fps**2 > config.max_acceleration) + 1, number] = True
    return result


def _rest_axes(capture: Capture, at: dict[str, int]) -> Float[np.ndarray, "a 3"]:
    """Return the axes of the file that point left, up and forward in the rest pose."""
    left = _rest_place(capture, at["LHip"]) - _rest_place(capture, at["RHip"])
    trunk = _rest_place(capture, at["Thorax"]) - _rest_place(capture, at["LHip"])
    axes = []
    for vector in (trunk, left):
        free = np.abs(vector) * [not any(axis[i] for axis in axes) for i in range(3)]
        axes.append(np.where(np.arange(3) == free.argmax(), np.sign(vector), 0.0))
    return np.stack([axes[1], axes[0], np.cross(axes[1], axes[0])])


def _rest_place(capture: Capture, joint: int) -> Float[np.ndarray, "3"]:
    """Return a joint's place in the rest pose, in which no bone is turned."""
    place = np.zeros(3)
    while (parent := capture.parents[joint]) >= 0:
        mover = _mover(capture, parent, joint)
        place += capture.rotations[0, mover].T @ (capture.xyz[0, joint] - capture.xyz[0, parent])
        joint = parent
    return place


def _mover(capture: Capture, start: int, end: int) -> int:
    """Return which of two joints has the axes that the bone between them keeps.

    In BVH that is the bone's start, in ASF its end.
    """
    bone = capture.xyz[:, end] - capture.xyz[:, start]
    spread = [
        np.einsum("txy,tx->ty", capture.rotations[:, joint], bone).var(axis=0).sum()
        for joint in (start, end)
    ]
    return end if spread[1] < spread[0] - 1e-12 else start


def _children(capture: Capture, joint: int) -> list[int]:
    """Return the children that do not lie in one place with a joint, the farthest first."""
    found = [i for i, parent in enumerate(capture.parents) if parent == joint]
    reach = {i: float(_lengths(capture.xyz[:, i] - capture.xyz[:, joint]).mean()) for i in found}
    return sorted((i for i in found if reach[i] > 0), key=lambda i: -reach[i])


def _mark_foot(
    capture: Capture, at: dict[str, int], xyz: Pose, side: str, axes: Float[np.ndarray, "a 3"]
) -> bool:
    """Set the ball and the marker of a heel; return whether the rig has that foot."""
    ankle = at[f"{side}Ankle"]
    ends = _children(capture, ankle)
    if not ends:
        return False
    ball = ends[0]
    foot = capture.xyz[:, ball] - capture.xyz[:, ankle]
    tips = _children(capture, ball)
    toe = capture.xyz[:, tips[0]] - capture.xyz[:, ball] if tips else CONFIG.toe * foot
    xyz[:, _AT[f"{side}Toe"]] = capture.xyz[:, ball]
    forward = capture.rotations[:, _mover(capture, ankle, ball)] @ axes[2]
    marker = capture.xyz[:, ankle] + np.median(_lengths(toe)) * forward
    xyz[:, _AT[f"{side}Heel"]] = marker
    shank = xyz[:, _AT[f"{side}Knee"]] - xyz[:, _AT[f"{side}Ankle"]]
    return _is_moving(_angles(shank, foot))


def _place_hand(capture: Capture, at: dict[str, int], xyz: Pose, side: str) -> bool:
    """Set the knuckles, along forearm and hand bone; return whether the rig has that hand."""
    wrist = at[f"{side}Wrist"]
    end = _find_hand_end(capture, wrist)
    if end is None:
        return False
    rig = capture.xyz[:, wrist]
    hand = capture.xyz[:, end] - rig
    elbow, own = xyz[:, _AT[f"{side}Elbow"]], xyz[:, _AT[f"{side}Wrist"]]
    forearm = _unit(own - elbow)
    # The rig's wrist may lie beyond ours: the path follows the forearm until there.
    beyond = np.maximum(((rig - own) * forearm).sum(axis=-1), 0)
    reach = CONFIG.hand * _lengths(own - elbow)
    straight = np.minimum(beyond, reach)
    along = straight[:, None] * forearm + (reach - straight)[:, None] * _unit(hand)
    xyz[:, _AT[f"{side}Hand"]] = own + along
    return _is_moving(_angles(rig - elbow, hand))


def _find_hand_end(capture: Capture, wrist: int) -> int | None:
    """Return the end of the hand bone: the middle finger's start where there are several."""
    level = [wrist]
    while level:
        below = [i for i, parent in enumerate(capture.parents) if parent in level]
        below = [i for i in below if "thumb" not in canonical(capture.joints[i]).lower()]
        away = [i for i in below if _lengths(capture.xyz[:, i] - capture.xyz[:, wrist]).mean() > 0]
        if away:
            middle = [i for i in away if "mid" in canonical(capture.joints[i]).lower()]
            return (middle or away)[0]
        level = below
    return None


def _mark_head(
    capture: Capture, at: dict[str, int], xyz: Pose, axes: Float[np.ndarray, "a 3"]
) -> bool:
    """Set the markers of the head; return whether it turns."""
    base = at["Neck"]
    ends = _children(capture, base)
    bone = _mover(capture, base, ends[0]) if ends else base
    turned = capture.rotations[:, bone]
    size = np.median(_lengths(xyz[:, _AT["Thorax"]] - xyz[:, _AT["Hip"]]))
    for joint, axis in zip(("LEar", "REar", "Nose"), axes, strict=True):
        xyz[:, _AT[joint]] = xyz[:, _AT["Neck"]] + size * (turned @ axis)
    trunk = capture.rotations[:, capture.parents[bone]]
    steps = Rotation.from_matrix(np.swapaxes(trunk, 1, 2) @ turned)
    return _is_moving(np.degrees((steps[0].inv() * steps).magnitude()))


def _place_heels(pieces: Pieces, side: str, config: ExtremityConfig = CONFIG) -> None:
    """Put heels where the foot is level with its ball when it stands.

    The sole's normal is across the foot's axis, turned about its lateral axis by the median angle
    at which planted feet are seen; without planted feet it is as in the rest pose.
    """
    ankle, ball, heel = (_AT[f"{side}{joint}"] for joint in ("Ankle", "Toe", "Heel"))
    planted = _find_planted(pieces, side)
    frames = [_foot_axes(piece, side) for piece in pieces]
    seen = [
        np.degrees(np.arctan2(ahead[keep, 2], normal[keep, 2]))
        for (ahead, normal), keep in zip(frames, planted, strict=True)
    ]
    angles, pitch = np.concatenate(seen), 0.0
    if len(angles) >= config.planted_frames:
        middle = float(np.median(angles))
        if np.median(np.abs(angles - middle)) <= config.planted_spread:
            pitch = np.radians(middle)
    for piece, (ahead, normal) in zip(pieces, frames, strict=True):
        toe = np.median(_lengths(piece[:, heel] - piece[:, ankle]))
        up = np.cos(pitch) * normal + np.sin(pitch) * ahead
        level = np.cos(pitch) * ahead - np.sin(pitch) * normal
        foot = piece[:, ball] - piece[:, ankle]
        length = np.median((foot * level).sum(axis=-1)) + toe
        drop = (foot * up).sum(axis=-1, keepdims=True)
        piece[:, heel] = piece[:, ankle] - config.heel * length * level + drop * up


def _foot_axes(piece: Pose, side: str) -> tuple[Track, Track]:
    """Return the foot's axis and the direction across it from the ball to the ankle."""
    ankle = piece[:, _AT[f"{side}Ankle"]]
    ahead = _unit(piece[:, _AT[f"{side}Heel"]] - ankle)
    foot = ankle - piece[:, _AT[f"{side}Toe"]]
    return ahead, _unit(foot - (foot * ahead).sum(axis=-1, keepdims=True) * ahead)


def _find_planted(
    pieces: Pieces, side: str, config: ExtremityConfig = CONFIG, fps: float = 50.0
) -> list[Bool[np.ndarray, " _"]]:
    """Return the frames in which ankle and ball rest, the ball about as low as it ever is."""
    joints = [_AT[f"{side}Ankle"], _AT[f"{side}Toe"]]
    lows = [np.percentile(piece[:, joints[1], 2], 5) for piece in pieces]
    result = []
    for piece, low in zip(pieces, lows, strict=True):
        speed = np.linalg.norm(np.gradient(piece[:, joints], 1 / fps, axis=0), axis=-1)
        near = piece[:, joints[1], 2] < low + config.planted_height
        result.append((speed < config.planted_speed).all(axis=1) & near)
    return result


def _place_heads(pieces: Pieces, config: ExtremityConfig = CONFIG) -> None:
    """Put nose and ears into the head bone's axes, by where the head is on upright people."""
    whole = np.concatenate(pieces)
    size = float(np.median(stature(whole[:, BODY]))) / STATURE_PER_BONE_SUM / config.skeleton
    bone = _head_axes(whole)
    trunk = _unit(whole[:, _AT["Thorax"]] - whole[:, _AT["Hip"]])
    upright = trunk[:, 2] > np.cos(np.radians(config.upright))
    neutral = np.eye(3)
    ears = size * np.array([0.0, config.unknown_ears[1], config.unknown_ears[0]])
    if upright.sum() >= config.planted_frames:
        body = _body_axes(whole[upright])
        seen = Rotation.from_matrix(np.einsum("tax,tbx->tab", bone[upright], body))
        mean = seen.mean()
        near = np.degrees((mean.inv() * seen).magnitude()) < config.neutral
        neutral = mean.as_matrix()
        if near.any():
            shoulders = whole[upright][:, [_AT["LShoulder"], _AT["RShoulder"]]].mean(axis=1)
            ahead, up = config.ears
            place = shoulders + size * (ahead * body[:, 2] + up * body[:, 1])
            place = place - whole[upright][:, _AT["Neck"]]
            ears = np.median(np.einsum("tax,tx->ta", bone[upright], place)[near], axis=0)
    for piece in pieces:
        axes = _head_axes(piece)
        middle = piece[:, _AT["Neck"]] + np.einsum("tax,a->tx", axes, ears)
        left, up, ahead = np.moveaxis(np.einsum("tax,ab->tbx", axes, neutral), 1, 0)
        piece[:, _AT["LEar"]] = middle + size * config.ear * left
        piece[:, _AT["REar"]] = middle - size * config.ear * left
        piece[:, _AT["Nose"]] = middle + size * (config.nose[0] * ahead + config.nose[1] * up)


def _head_axes(xyz: Pose) -> Float[np.ndarray, "t a 3"]:
    """Return the axes of the head bone from its markers, made perpendicular again."""
    base = xyz[:, _AT["Neck"]]
    left, up = (_unit(xyz[:, _AT[joint]] - base) for joint in ("LEar", "REar"))
    up = _unit(up - (up * left).sum(axis=-1, keepdims=True) * left)
    return np.stack([left, up, np.cross(left, up)], axis=1)


def _body_axes(xyz: Pose) -> Float[np.ndarray, "t a 3"]:
    """Return left, up and forward of upright people."""
    lefts, rights = ([_AT[f"{side}{j}"] for j in ("Shoulder", "Hip")] for side in "LR")
    left = _unit((xyz[:, lefts] - xyz[:, rights]).sum(axis=1) * np.array([1.0, 1, 0]))
    up = np.broadcast_to(_UP, left.shape)
    return np.stack([left, up, np.cross(left, up)], axis=1)


def _is_moving(angles: Numbers) -> bool:
    return float(np.std(angles)) > CONFIG.frozen


def _angles(one: Track, other: Track) -> Numbers:
    """Return the angle between two vectors in degrees."""
    cosine = (_unit(one) * _unit(other)).sum(axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _unit(vectors: Track) -> Track:
    return vectors / np.maximum(_lengths(vectors), 1e-12)[:, None]


def _lengths(vectors: Track) -> Numbers:
    return np.linalg.norm(vectors, axis=-1)
