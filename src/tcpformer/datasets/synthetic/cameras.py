"""Virtual cameras and bodies: the same motion as other people would show it to other cameras.

Clips are (b, t, 17, 3) metres; world z up, camera x right, y down, z forward.
"""

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from ...skeleton import H36M

_MIRROR = list(H36M.mirror)
_JOINT = H36M.index


def mirrored(clips: Float[np.ndarray, "b t 17 3"]) -> Float[np.ndarray, "b t 17 3"]:
    """The motion of the person's mirror image: x negated, left and right exchanged."""
    return clips[:, :, _MIRROR] * np.array([-1, 1, 1], dtype=clips.dtype)


def other_bodies(
    clips: Float[np.ndarray, "b t 17 3"], rng: np.random.Generator
) -> Float[np.ndarray, "b t 17 3"]:
    """Give each clip another body: limbs up to 10 % longer or shorter, alike on both sides.

    Hips get wider and shoulders narrower in half of the clips, and the skull's base moves forward
    in a third: data sets and detectors place these joints differently by centimetres.
    """
    b = len(clips)
    factor = rng.uniform(0.9, 1.1, (b, 17))
    some = rng.random((b, 3)) < [0.5, 0.5, 0.33]
    hips = np.where(some[:, 0], rng.uniform(1.0, 1.5, b), 1.0)
    shoulders = np.where(some[:, 1], rng.uniform(0.75, 1.0, b), 1.0)
    for i, twin in enumerate(_MIRROR):
        factor[:, max(i, twin)] = factor[:, min(i, twin)]
    factor[:, _JOINT["LShoulder"]] = factor[:, _JOINT["RShoulder"]] = shoulders
    factor[:, _JOINT["LHip"]] = factor[:, _JOINT["RHip"]] = hips
    out = clips.copy()
    for parent, child in H36M.bones:
        bone = clips[:, :, child] - clips[:, :, parent]
        out[:, :, child] = out[:, :, parent] + bone * factor[:, None, child, None]
    forward = rng.uniform(0, 0.08, b) * some[:, 2]
    out[:, :, _JOINT["Neck"]] += _facing(clips) * forward[:, None, None]
    return out


def tilted(
    clips: Float[np.ndarray, "b t 17 3"],
    when: Float[np.ndarray, "b t"],
    share: float,
    rng: np.random.Generator,
) -> Float[np.ndarray, "b t 17 3"]:
    """Tilt some people as a whole, about the pelvis and a horizontal axis: wheels, handstands.

    Args:
        clips: World, z up.
        when: Second of each frame.
        share: How many are tilted, by any angle; half of them go on turning, by some 90 degrees a
            second.
        rng: Source of all chance.
    """
    b = len(clips)
    angle, axis = rng.uniform(-np.pi, np.pi, b), rng.uniform(0, 2 * np.pi, b)
    pace = rng.normal(0, np.pi / 2, b) * (rng.random(b) < 0.5)
    turn = (angle[:, None] + pace[:, None] * when) * (rng.random(b) < share)[:, None]
    along = np.stack([np.cos(axis), np.sin(axis), 0 * axis], axis=-1)
    vector = (turn[..., None] * along[:, None]).reshape(-1, 3)
    rotation = Rotation.from_rotvec(vector).as_matrix().reshape(*turn.shape, 3, 3)
    pelvis = clips[:, :, H36M.root, None]
    around = (clips - pelvis) @ np.swapaxes(rotation, -1, -2).astype(clips.dtype)
    return pelvis + around


def _facing(clips: Float[np.ndarray, "b t 17 3"]) -> Float[np.ndarray, "b t 3"]:
    """Unit vector out of the chest."""
    right = clips[:, :, _JOINT["RShoulder"]] - clips[:, :, _JOINT["LShoulder"]]
    up = clips[:, :, _JOINT["Thorax"]] - clips[:, :, _JOINT["Hip"]]
    facing = np.cross(up, right)
    return facing / np.maximum(np.linalg.norm(facing, axis=-1, keepdims=True), 1e-6)


def random_views(
    clips: Float[np.ndarray, "b t 17 3"], rng: np.random.Generator
) -> Float[np.ndarray, "b t 17 3"]:
    """Each clip as a random camera sees it: all round, from a little below to well above.

    The camera stands still, 2 to 9 m from the middle of the path and no nearer than 1 m to any
    joint, and does not look straight at the person.
    """
    b = len(clips)
    yaw, pitch = rng.uniform(0, 2 * np.pi, b), np.radians(rng.uniform(-8, 38, b))
    roll = np.radians(rng.normal(0, 2.5, b))
    forward = np.stack(
        [np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)], axis=-1
    )
    right = np.stack([np.sin(yaw), -np.cos(yaw), np.zeros(b)], axis=-1)
    down = np.cross(forward, right)
    c, s = np.cos(roll)[:, None], np.sin(roll)[:, None]
    rotation = np.stack([c * right + s * down, c * down - s * right, forward], axis=1)
    middle = clips.reshape(b, -1, 3).mean(axis=1)
    local = (clips - middle[:, None, None]) @ np.swapaxes(rotation, -1, -2)[:, None]
    nearest = local[..., 2].min(axis=(1, 2))
    distance = np.maximum(np.exp(rng.uniform(np.log(2.0), np.log(9.0), b)), 1.0 - nearest)
    aside = distance[:, None] * rng.uniform(-0.35, 0.35, (b, 2))
    return local + np.concatenate([aside, distance[:, None]], axis=1)[:, None, None]
