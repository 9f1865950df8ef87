"""Cameras as people film: what they hold, where they stand, and what fits into the picture.

Clips are (b, t, 17, 3) metres; world z up, camera x right, y down, z forward.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ...skeleton import H36M, STANDARD_HEIGHT, stature

ASPECTS = (16 / 9, 16 / 9, 16 / 9, 4 / 3, 1.0)
"""Longer over shorter side of the picture."""
NEAREST, FARTHEST = 0.6, 40.0
"""Metres from the camera to the nearest joint, and to the middle of the motion."""
ASSUMED = np.tan(np.radians(60) / 2)
"""Half the longer side over the focal length that `place.choose_focal` assumes."""

Clips3D = Float[np.ndarray, "b t 17 3"]


@dataclass(frozen=True)
class Views:
    """What cameras see of people.

    Attributes:
        xyz: Joints in camera axes, in metres of a person of standard height.
        half: Half the picture's width and height, over the focal length.
        known: Whether the focal length is known to whoever lifts the clip.
    """

    xyz: Clips3D
    half: Float[np.ndarray, "b 2"]
    known: Bool[np.ndarray, " b"]

    def rays(self) -> Float[np.ndarray, "b t 17 2"]:
        """All joints as x / z and y / z."""
        return self.xyz[..., :2] / self.xyz[..., 2:]

    def zoom(self) -> Float[np.ndarray, " b"]:
        """What rays are multiplied by when 60 degrees are assumed in the focal length's place."""
        return np.where(self.known, 1.0, ASSUMED / self.half.max(axis=1))


def framed(bodies: Clips3D, seconds: Float[np.ndarray, "b t"], rng: np.random.Generator) -> Views:
    """Film each clip with a camera of its own.

    Phones, mostly, from wide to tele, upright or lying, held at any height from the floor to
    overhead, some from far above or below; tilted toward the person, who is anywhere in the
    picture. In a quarter of the clips the person does not fit into it, and what is cut off is
    mostly the legs. A third of the cameras turn with the person.

    Args:
        bodies: Joints in the world, the floor at 0, in any order of time.
        seconds: When each frame was taken.
        rng: Source of all chance.
    """
    b = len(bodies)
    bodies = bodies * _column(_statures(b, rng) / stature(bodies).mean(axis=1), bodies)
    half = _pictures(b, rng)
    turning, cut = rng.random(b) < 0.35, rng.random(b) < 0.25
    fill, shift = _framing(cut, rng)
    middle = bodies.mean(axis=(1, 2))
    local = bodies - middle[:, None, None]
    level = (turning[:, None] * np.array([1, 1, 0])).astype(local.dtype)
    centred = local - local[:, :, H36M.root, None] * level[:, None, None]
    high = np.abs(centred[..., 2]).max(axis=(1, 2))
    pitch = _pitch(middle[:, 2], high / (fill * half[:, 1]), rng)
    rotation = _rotations(rng.uniform(0, 2 * np.pi, b), pitch, _rolls(b, rng))
    distance = _distance(_turned(centred, rotation), half * fill[:, None])
    shift = shift * half * distance[:, None]
    camera = np.einsum("byx,by->bx", rotation, np.column_stack([-shift, -distance]))
    seen = local - camera[:, None, None].astype(local.dtype)
    seen = _turned(_following(seen, seconds, turning), rotation)
    short = NEAREST - seen[..., 2].min(axis=(1, 2))
    seen[..., 2] += np.maximum(short, 0)[:, None, None].astype(seen.dtype)
    seen *= _column(STANDARD_HEIGHT / stature(bodies).mean(axis=1), seen)
    return Views(seen, half.astype(seen.dtype), rng.random(b) < 0.4)


def _column(x: Float[np.ndarray, " b"], like: Clips3D) -> Float[np.ndarray, "b 1 1 1"]:
    return x[:, None, None, None].astype(like.dtype)


def _statures(b: int, rng: np.random.Generator) -> Float[np.ndarray, " b"]:
    """Metres; every tenth person is a child."""
    return np.where(rng.random(b) < 0.1, rng.uniform(1.0, 1.5, b), rng.normal(1.70, 0.09, b))


def _pictures(b: int, rng: np.random.Generator) -> Float[np.ndarray, "b 2"]:
    """Half width and height over the focal length; angles across the longer side in degrees."""
    kind = rng.random(b)
    angle = np.where(kind < 0.6, rng.normal(66, 5, b), np.exp(rng.uniform(2.5, 4.0, b)))
    angle = np.where(kind > 0.85, rng.uniform(80, 108, b), angle)
    longer = np.tan(np.radians(angle) / 2)
    sides = np.column_stack([longer, longer / rng.choice(ASPECTS, b)])
    return np.where(rng.random((b, 1)) < 0.45, sides[:, ::-1], sides)


def _framing(
    cut: Bool[np.ndarray, " b"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, " b"], Float[np.ndarray, "b 2"]]:
    """How much of the picture the motion takes, and where its middle lies, in half pictures."""
    b = len(cut)
    small = rng.random(b) < 0.25
    fill = np.where(small, rng.uniform(0.12, 0.4, b), rng.uniform(0.4, 0.97, b))
    fill = np.where(cut, rng.uniform(1.05, 2.2, b), fill)
    shift = rng.uniform(-1, 1, (b, 2)) * np.abs(1 - fill)[:, None]
    down = np.where(rng.random(b) < 0.8, np.abs(shift[:, 1]), shift[:, 1])
    shift[:, 1] = np.where(cut, down, shift[:, 1])
    return fill, shift


def _pitch(
    height: Float[np.ndarray, " b"], distance: Float[np.ndarray, " b"], rng: np.random.Generator
) -> Float[np.ndarray, " b"]:
    """Downward angle toward the middle of the motion, radians: from a height, or from anywhere."""
    b = len(height)
    held = np.arctan2(rng.uniform(0.2, 2.2, b) - height, np.maximum(distance, 1.0))
    held = np.clip(held, np.radians(-35), np.radians(60))
    return np.where(rng.random(b) < 0.75, held, np.radians(rng.uniform(-20, 60, b)))


def _rolls(b: int, rng: np.random.Generator) -> Float[np.ndarray, " b"]:
    """Radians; nearly level, and a tenth askew."""
    return np.radians(rng.normal(0, np.where(rng.random(b) < 0.1, 12.0, 2.5), b))


def _rotations(
    yaw: Float[np.ndarray, " b"], pitch: Float[np.ndarray, " b"], roll: Float[np.ndarray, " b"]
) -> Float[np.ndarray, "b 3 3"]:
    """World to camera; the rows are the camera's right, down and forward."""
    level = np.cos(pitch)
    forward = np.stack([np.cos(yaw) * level, np.sin(yaw) * level, -np.sin(pitch)], axis=-1)
    right = np.stack([np.sin(yaw), -np.cos(yaw), np.zeros_like(yaw)], axis=-1)
    down = np.cross(forward, right)
    c, s = np.cos(roll)[:, None], np.sin(roll)[:, None]
    return np.stack([c * right + s * down, c * down - s * right, forward], axis=1)


def _turned(x: Clips3D, rotation: Float[np.ndarray, "b 3 3"]) -> Clips3D:
    b = len(x)
    return (x.reshape(b, -1, 3) @ rotation.transpose(0, 2, 1).astype(x.dtype)).reshape(x.shape)


def _distance(seen: Clips3D, half: Float[np.ndarray, "b 2"]) -> Float[np.ndarray, " b"]:
    """From which the motion, in camera axes about its middle, fits into so large a picture."""
    reach = np.maximum(*(np.abs(seen[..., i]) / half[:, i, None, None] for i in range(2)))
    fits = (reach - seen[..., 2]).max(axis=(1, 2))
    return np.clip(fits, NEAREST - seen[..., 2].min(axis=(1, 2)), FARTHEST)


def _following(
    seen: Clips3D, seconds: Float[np.ndarray, "b t"], turning: Bool[np.ndarray, " b"]
) -> Clips3D:
    """Turn about the camera's upright axis, at the constant rate that follows the person best."""
    angle = np.unwrap(np.arctan2(seen[:, :, H36M.root, 1], seen[:, :, H36M.root, 0]), axis=1)
    time = seconds - seconds.mean(axis=1, keepdims=True)
    rate = (angle * time).sum(axis=1) / np.maximum((time**2).sum(axis=1), 1e-9)
    back = -(rate * turning)[:, None] * time
    c, s = (turn(back)[..., None].astype(seen.dtype) for turn in (np.cos, np.sin))
    x, y = seen[..., 0], seen[..., 1]
    return np.stack([c * x - s * y, s * x + c * y, seen[..., 2]], axis=-1)
