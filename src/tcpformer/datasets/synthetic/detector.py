"""Errors and visibility of the packaged detector, simulated.

Lengths are in torsos (pelvis to thorax in the image, mean over the clip).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy.random import Generator

from ...skeleton import BODY, BODY_26, GROUPS, H36M
from ..clip_batch import Clips2D, Clips3D, PerClip, Scores, skeleton_of
from .random_processes import (
    ARMS,
    FIRST_OF_PAIR,
    LEGS,
    Span,
    exchange_sides,
    ornstein_uhlenbeck,
    random_intervals,
)

_HIP, _THORAX = H36M.index["Hip"], H36M.index["Thorax"]
_FACE = GROUPS["face"]
_KIND = [
    "Face" if i in _FACE else joint[1:] if joint[0] in "LR" else "Trunk"
    for i, joint in enumerate(BODY_26.joints)
]
_LIMB_LOGITS = dict.fromkeys(("Wrist", "Knee", "Ankle", "Toe", "Heel", "Hand"), 3.2) | {
    "Elbow": 3.6
}
"""Logit of the visibility of limbs that nothing hides."""
_LIMBS = [i for i, kind in enumerate(_KIND) if kind in _LIMB_LOGITS]
_ALONG = {"Hip": 0.2, "Knee": 0.04, "Ankle": 0.04, "Shoulder": 0.1, "Elbow": 0.05, "Wrist": 0.08}
_UPWARD = {"Hip": 0.05, "Shoulder": 0.04, "Trunk": 0.03, "Toe": 0.02, "Heel": 0.02, "Face": 0.03}
"""Standard deviations of a joint's constant offset: in lengths of its bone (others 0.1), and in
torsos along the trunk (others 0)."""
_TURNED_AWAY = 7.0
"""What lying on the far side of the head takes from the logit of a point of the face."""


@dataclass(frozen=True)
class DetectorConfig:
    """Error model, fitted by eye to the packaged detector on real video (benchmarks/noise.py)."""

    white: float = 0.004
    """Standard deviation of white noise per axis, torsos, of a visible joint."""
    quick: float = 0.007
    quick_time: float = 0.1
    slow: float = 0.02
    slow_time: float = 0.7
    """Standard deviations of correlated noise, torsos, and their time constants, seconds."""
    constant: float = 0.02
    """Standard deviation of an offset that lasts the whole clip."""
    strength_sigma: float = 0.4
    """Noise differs between clips by a log-normal factor with this sigma."""
    doubt_factor: float = 4.0
    """Noise of a joint of visibility 0 is larger by 1 + this."""
    jump_rate: Span = (0.06, 2.5)
    """Jumps per second of a visible joint, and what visibility 0 adds."""
    jump_seconds: Span = (0.03, 0.4)
    """Shortest and longest jump."""
    jump: float = 0.45
    """Standard deviation of a jump per axis, torsos."""
    outside: tuple[float, float] = (0.06, 0.16)
    """Slow noise of a joint just outside the picture, and its growth per torso further out."""
    exchange_rate: tuple[float, float, float] = (0.03, 0.02, 0.01)
    """Exchanges of left and right per second: of legs, of arms, of both."""
    exchange_seconds: Span = (0.03, 0.5)
    """Shortest and longest exchange."""
    trunk_logit: float = 9.5
    """Logit of the visibility of hips, shoulders and head."""
    logit_sigma: float = 1.2
    """Its standard deviation between clips, and again between the joints of a clip."""
    limb_logit_sigma: float = 1.8
    limb_logit_time: float = 0.5
    """Standard deviation and time constant (seconds) of its change, limbs only."""
    hidden_logit: float = 5.5
    """What being hidden by the body takes from the logit."""
    outside_logit: tuple[float, float] = (4.5, 3.0)
    """What being outside the picture takes from the logit, and more per torso further out."""


class SimulatedDetections(NamedTuple):
    """Joints (x / z, y / z), visibility (0 to 1), if in the picture, and error (in torsos)."""

    rays: Clips2D
    visible: Scores
    inside: Bool[np.ndarray, "b t j"]
    error: Scores


def simulate_detector(
    xyz: Clips3D,
    half: Float[np.ndarray, "b 2"],
    seconds: PerClip,
    rng: Generator,
    config: DetectorConfig = DetectorConfig(),
) -> SimulatedDetections:
    """Simulate what the detector reports, frame by frame.

    Args:
        xyz: Joints in camera axes, metres.
        half: Half the picture's width and height, over the focal length.
        seconds: Time from one frame to the next, per clip.
    """
    rays = xyz[..., :2] / xyz[..., 2:]
    unit = torso_lengths(rays)[:, None, None]
    over = np.maximum(np.abs(rays) - half[:, None, None], 0)
    beyond = np.sqrt(over[..., 0] ** 2 + over[..., 1] ** 2) / unit
    visible = simulate_visibility(xyz, rays / unit[..., None], beyond, seconds, rng, config)
    strength = rng.lognormal(0, config.strength_sigma, (len(xyz), 1, 1, 1)).astype(rays.dtype)
    error = strength * _sample_noise(visible, beyond, seconds, rng, config)
    error += sample_offsets(rays / unit[..., None], rng, config)
    out = rays + unit[..., None] * error
    rate = np.full((len(xyz), 3), config.exchange_rate)
    when = random_intervals(rate, config.exchange_seconds, seconds, xyz.shape[1], rng)
    exchange_sides(out, (LEGS, ARMS, LEGS + ARMS), when)
    error = np.sqrt(_squared_distance(out, rays)) / unit
    return SimulatedDetections(out, visible, beyond == 0, error)


def torso_lengths(rays: Clips2D) -> PerClip:
    """Return the mean length of the trunk, or a share of the body's box if it is foreshortened."""
    wide, high = (np.ptp(rays[:, :, BODY, i], axis=2) for i in range(2))
    extent = np.hypot(wide, high).mean(axis=1)
    torso = np.sqrt(_squared_distance(rays[:, :, _HIP], rays[:, :, _THORAX])).mean(axis=1)
    return np.maximum(torso, 0.12 * extent) + 1e-6


def simulate_visibility(
    xyz: Clips3D,
    rays: Clips2D,
    beyond: Scores,
    seconds: PerClip,
    rng: Generator,
    config: DetectorConfig = DetectorConfig(),
) -> Scores:
    """Simulate the visibility of each joint, 0 to 1: lower if hidden or outside the picture.

    Positions in the image, and how far they are ``beyond`` its edge, are in torsos.
    """
    b, n, j = beyond.shape
    limbs = [i for i in _LIMBS if i < j]
    sigma, (edge, further) = config.logit_sigma, config.outside_logit
    usual = np.array([_LIMB_LOGITS.get(kind, config.trunk_logit) for kind in _KIND[:j]])
    logit = usual + rng.normal(0, sigma, (b, 1, 1)) + rng.normal(0, sigma, (b, 1, j))
    logit = np.broadcast_to(logit, (b, n, j)).astype(np.float32)
    change = ornstein_uhlenbeck(seconds, (n, len(limbs)), config.limb_logit_time, rng)
    logit[..., limbs] += config.limb_logit_sigma * change
    logit[..., limbs] -= config.hidden_logit * _find_hidden(xyz, rays, limbs)
    if j == len(_KIND):
        behind = xyz[:, :, _FACE, 2] - xyz[:, :, _FACE, 2].mean(axis=2, keepdims=True) > 0.04
        logit[..., _FACE] -= _TURNED_AWAY * behind
    logit -= np.where(beyond > 0, edge + further * beyond, 0)
    return 1 / (1 + np.exp(-np.clip(logit, -30, 30)))


def _find_hidden(xyz: Clips3D, rays: Clips2D, joints: list[int]) -> Bool[np.ndarray, "b t k"]:
    """Return whether a limb's joint is behind the trunk, or behind its left-right twin."""
    limbs, depth = rays[:, :, joints], xyz[:, :, joints, 2]
    twins = [BODY_26.mirror[i] for i in joints]
    near = _squared_distance(limbs, rays[:, :, twins]) < 0.25**2
    hidden = near & (depth > xyz[:, :, twins, 2] + 0.05)
    for name in ("Hip", "Spine", "Thorax"):
        i = H36M.index[name]
        near = _squared_distance(limbs, rays[:, :, i, None]) < 0.35**2
        hidden |= near & (depth > xyz[:, :, i, None, 2] + 0.08)
    return hidden


def _squared_distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    dx, dy = x[..., 0] - y[..., 0], x[..., 1] - y[..., 1]
    return dx * dx + dy * dy


def _sample_noise(
    visible: Scores, beyond: Scores, seconds: PerClip, rng: Generator, config: DetectorConfig
) -> Clips2D:
    """Sample the part of the error that changes from frame to frame."""
    b, n, j = visible.shape
    doubt = 1 - visible
    factor = (1 + config.doubt_factor * doubt)[..., None]
    edge, further = config.outside
    outside = np.where(beyond > 0, edge + further * np.minimum(beyond, 1.5), 0)[..., None]
    error = config.white * rng.standard_normal((b, n, j, 2), dtype=np.float32)
    error += config.quick * ornstein_uhlenbeck(seconds, (n, j, 2), config.quick_time, rng)
    error *= factor
    slow = ornstein_uhlenbeck(seconds, (n, j, 2), config.slow_time, rng)
    error += (config.slow * factor + outside) * slow
    rate = config.jump_rate[0] + config.jump_rate[1] * doubt.mean(axis=1)
    away = random_intervals(rate, config.jump_seconds, seconds, n, rng)
    error += away[..., None] * rng.normal(0, config.jump, (b, 1, j, 2)).astype(np.float32)
    return error


def sample_offsets(rays: Clips2D, rng: Generator, config: DetectorConfig) -> Clips2D:
    """Sample offsets from motion capture that last the whole clip, in torsos.

    Along the bone that leads to a joint and along the trunk, equal on both sides: a hip is further
    out and higher up, whichever way the person turns. And a little in any direction.
    """
    b, j = len(rays), rays.shape[2]
    kinds, pairs = _KIND[:j], FIRST_OF_PAIR[:j]
    along = rng.normal(0, [_ALONG.get(kind, 0.1) for kind in kinds], (b, j))[:, pairs]
    upward = rng.normal(0, [_UPWARD.get(kind, 0.0) for kind in kinds], (b, j))[:, pairs]
    # The offset of every joint is linear in the positions of the others: one matrix a clip.
    shift = np.zeros((b, j, j), dtype=rays.dtype)
    for parent, child in skeleton_of(rays).bones:
        shift[:, child, child] += along[:, child]
        shift[:, child, parent] -= along[:, child]
    shift[:, :, _THORAX] += upward
    shift[:, :, _HIP] -= upward
    anyhow = rng.normal(0, config.constant, (b, 1, j, 2)).astype(rays.dtype)
    return shift[:, None] @ rays + anyhow
