"""Virtual cameras of the two camera domains: where they stand, what fits into the picture.

Clips are in metres; world z up, camera x right, y down, z forward.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.random import Generator

from ...motion import ASSUMED_VIEW
from ...skeleton import BODY, H36M, STANDARD_HEIGHT, stature
from ..clip_batch import Clips2D, Clips3D, PerClip

ASSUMED_HALF_VIEW = np.tan(np.radians(ASSUMED_VIEW) / 2)
"""Half the longer side of the picture over the focal length that is assumed if none is known."""

Mask = Bool[np.ndarray, " b"]
Rotations = Float[np.ndarray, "b 3 3"]
Sides = Float[np.ndarray, "b 2"]


@dataclass(frozen=True)
class FramingConfig:
    """Cameras as people hold them, estimated from everyday videos; probabilities are per clip."""

    aspects: tuple[float, ...] = (16 / 9, 16 / 9, 16 / 9, 4 / 3, 1.0)
    """Longer over shorter side of the picture, equally likely."""
    nearest: float = 0.6
    farthest: float = 40.0
    """Metres from the camera to the nearest joint at least, to the middle of the motion at most."""
    upright_prob: float = 0.45
    """Picture higher than wide."""
    turning_prob: float = 0.35
    """Camera turns with the person."""
    cut_prob: float = 0.25
    """Person does not fit into the picture."""
    child_prob: float = 0.1
    """Person is 1.0 to 1.5 m tall; the others 1.70 m with a standard deviation of 0.09 m."""
    known_focal_prob: float = 0.4
    """Focal length is known to the lifter."""


@dataclass(frozen=True)
class Views:
    """People in camera axes, in metres of a person of standard height.

    ``half`` is half the picture's width and height over the focal length, which the lifter knows
    where ``known``.
    """

    xyz: Clips3D
    half: Sides
    known: Mask

    def rays(self) -> Clips2D:
        """Return all joints as x / z and y / z."""
        return self.xyz[..., :2] / self.xyz[..., 2:]

    def zoom(self) -> PerClip:
        """Return the factor by which rays change if an unknown view is taken for 60 degrees."""
        return np.where(self.known, 1.0, ASSUMED_HALF_VIEW / self.half.max(axis=1))


def camera_rotations(yaw: PerClip, pitch: PerClip, roll: PerClip) -> Rotations:
    """Return rotations from world to camera; the rows are the camera's right, down and forward.

    Angles in radians: yaw about z, pitch downward, roll about the direction of view.
    """
    level = np.cos(pitch)
    forward = np.stack([np.cos(yaw) * level, np.sin(yaw) * level, -np.sin(pitch)], axis=-1)
    right = np.stack([np.sin(yaw), -np.cos(yaw), np.zeros_like(yaw)], axis=-1)
    down = np.cross(forward, right)
    c, s = np.cos(roll)[:, None], np.sin(roll)[:, None]
    return np.stack([c * right + s * down, c * down - s * right, forward], axis=1)


def sample_benchmark_views(clips: Clips3D, rng: Generator) -> Clips3D:
    """Put clips into the axes of random fixed cameras, from slightly below to well above.

    The camera is 2 to 9 m from the middle of the path, at least 1 m from any joint, and the person
    is off the center of the picture.
    """
    b = len(clips)
    yaw, pitch = rng.uniform(0, 2 * np.pi, b), np.radians(rng.uniform(-8, 38, b))
    rotation = camera_rotations(yaw, pitch, np.radians(rng.normal(0, 2.5, b)))
    middle = clips[:, :, BODY].reshape(b, -1, 3).mean(axis=1)
    local = (clips - middle[:, None, None]) @ np.swapaxes(rotation, -1, -2)[:, None]
    nearest = local[:, :, BODY, 2].min(axis=(1, 2))
    distance = np.maximum(np.exp(rng.uniform(np.log(2.0), np.log(9.0), b)), 1.0 - nearest)
    aside = distance[:, None] * rng.uniform(-0.35, 0.35, (b, 2))
    return local + np.concatenate([aside, distance[:, None]], axis=1)[:, None, None]


def sample_filmed_views(
    bodies: Clips3D,
    seconds: Float[np.ndarray, "b t"],
    rng: Generator,
    config: FramingConfig = FramingConfig(),
) -> Views:
    """Put each clip into the axes of a camera of its own.

    Mostly phones, from wide to tele, in portrait or landscape, held at any height from the floor to
    overhead, some far above or below; tilted toward the person, who is anywhere in the picture.
    Where the person does not fit into the picture, it is mostly the legs that are cut off. The
    floor of the world is at 0; frames, at ``seconds``, may be in any order.
    """
    b = len(bodies)
    child = rng.random(b) < config.child_prob
    heights = np.where(child, rng.uniform(1.0, 1.5, b), rng.normal(1.70, 0.09, b))
    bodies = bodies * _column(heights / stature(bodies).mean(axis=1), bodies)
    half = _sample_pictures(b, rng, config)
    turning, cut = rng.random(b) < config.turning_prob, rng.random(b) < config.cut_prob
    fill, shift = _sample_framing(cut, rng)
    middle = bodies[:, :, BODY].mean(axis=(1, 2))
    local = bodies - middle[:, None, None]
    level = (turning[:, None] * np.array([1, 1, 0])).astype(local.dtype)
    centered = local - local[:, :, H36M.root, None] * level[:, None, None]
    high = np.abs(centered[:, :, BODY, 2]).max(axis=(1, 2))
    pitch = _sample_pitch(middle[:, 2], high / (fill * half[:, 1]), rng)
    yaw = rng.uniform(0, 2 * np.pi, b)
    roll = np.radians(rng.normal(0, np.where(rng.random(b) < 0.1, 12.0, 2.5), b))
    rotation = camera_rotations(yaw, pitch, roll)
    distance = _fit_distance(_rotate(centered[:, :, BODY], rotation), half * fill[:, None], config)
    shift = shift * half * distance[:, None]
    camera = np.einsum("byx,by->bx", rotation, np.column_stack([-shift, -distance]))
    seen = local - camera[:, None, None].astype(local.dtype)
    seen = _rotate(_follow(seen, seconds, turning), rotation)
    short = config.nearest - seen[:, :, BODY, 2].min(axis=(1, 2))
    seen[..., 2] += np.maximum(short, 0)[:, None, None].astype(seen.dtype)
    seen *= _column(STANDARD_HEIGHT / stature(bodies).mean(axis=1), seen)
    return Views(seen, half.astype(seen.dtype), rng.random(b) < config.known_focal_prob)


def _column(x: PerClip, like: Clips3D) -> Float[np.ndarray, "b 1 1 1"]:
    return x[:, None, None, None].astype(like.dtype)


def _sample_pictures(b: int, rng: Generator, config: FramingConfig) -> Sides:
    """Return half the width and height over the focal length.

    Across the longer side: phones (66 degrees), tele to normal, and wide (80 to 108 degrees).
    """
    kind = rng.random(b)
    angle = np.where(kind < 0.6, rng.normal(66, 5, b), np.exp(rng.uniform(2.5, 4.0, b)))
    angle = np.where(kind > 0.85, rng.uniform(80, 108, b), angle)
    longer = np.tan(np.radians(angle) / 2)
    sides = np.column_stack([longer, longer / rng.choice(config.aspects, b)])
    return np.where(rng.random((b, 1)) < config.upright_prob, sides[:, ::-1], sides)


def _sample_framing(cut: Mask, rng: Generator) -> tuple[PerClip, Sides]:
    """Return the share of the picture that the motion takes, and its offset in half pictures."""
    b = len(cut)
    fill = np.where(rng.random(b) < 0.25, rng.uniform(0.12, 0.4, b), rng.uniform(0.4, 0.97, b))
    fill = np.where(cut, rng.uniform(1.05, 2.2, b), fill)
    shift = rng.uniform(-1, 1, (b, 2)) * np.abs(1 - fill)[:, None]
    down = np.where(rng.random(b) < 0.8, np.abs(shift[:, 1]), shift[:, 1])
    shift[:, 1] = np.where(cut, down, shift[:, 1])
    return fill, shift


def _sample_pitch(height: PerClip, distance: PerClip, rng: Generator) -> PerClip:
    """Return the downward angle, radians: of a camera 0.2 to 2.2 m high, or any of -20 to 60."""
    b = len(height)
    held = np.arctan2(rng.uniform(0.2, 2.2, b) - height, np.maximum(distance, 1.0))
    held = np.clip(held, np.radians(-35), np.radians(60))
    return np.where(rng.random(b) < 0.75, held, np.radians(rng.uniform(-20, 60, b)))


def _rotate(x: Clips3D, rotation: Rotations) -> Clips3D:
    b = len(x)
    return (x.reshape(b, -1, 3) @ rotation.transpose(0, 2, 1).astype(x.dtype)).reshape(x.shape)


def _fit_distance(centered: Clips3D, half: Sides, config: FramingConfig) -> PerClip:
    """Return the distance at which a motion, in camera axes about its middle, fits the picture."""
    reach = np.maximum(*(np.abs(centered[..., i]) / half[:, i, None, None] for i in range(2)))
    fits = (reach - centered[..., 2]).max(axis=(1, 2))
    nearest = config.nearest - centered[..., 2].min(axis=(1, 2))
    return np.clip(fits, nearest, config.farthest)


def _follow(seen: Clips3D, seconds: Float[np.ndarray, "b t"], turning: Mask) -> Clips3D:
    """Turn cameras about the vertical at the constant rate that follows the person best."""
    angle = np.unwrap(np.arctan2(seen[:, :, H36M.root, 1], seen[:, :, H36M.root, 0]), axis=1)
    time = seconds - seconds.mean(axis=1, keepdims=True)
    rate = (angle * time).sum(axis=1) / np.maximum((time**2).sum(axis=1), 1e-9)
    back = -(rate * turning)[:, None] * time
    c, s = (turn(back)[..., None].astype(seen.dtype) for turn in (np.cos, np.sin))
    x, y = seen[..., 0], seen[..., 1]
    return np.stack([c * x - s * y, s * x + c * y, seen[..., 2]], axis=-1)
