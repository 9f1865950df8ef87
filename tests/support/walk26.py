"""A walk in closed form of the joints of `BODY_26`, whose feet do not slide."""

from dataclasses import replace

import numpy as np
from motions import FORWARD, LEFT, UP, motion3d, walk

from tcpformer.motion import Motion3D
from tcpformer.skeleton import BODY, BODY_26, FEET, HIPS, KNEES, SOLE_DEPTH, stature

THIGH, SHANK, STANCE = 0.45, 0.44, 0.6
HEEL, BALL = (-0.05, -0.04), (0.13, -0.04)  # metres from the ankle: forward, up


def walk26(frames: int = 90, fps: float = 30.0, speed: float = 0.8, yaw: float = 0.5) -> Motion3D:
    """Return a person who walks towards the camera and looks left and right.

    A stride takes a second. In stance, 0.6 of it, the whole sole is on the floor and stays there;
    in swing the foot is lifted and pitched.

    Args:
        frames: Number of frames.
        fps: Frames per second.
        speed: Metres a second.
        yaw: Radians that the head turns to either side, in three seconds.
    """
    t = np.arange(frames) / fps
    old = walk(frames, fps).xyz
    sole = SOLE_DEPTH * float(stature(old)[0])
    xyz = np.zeros((frames, len(BODY_26.joints), 3))
    xyz[:, BODY] = old - old[:, :1]
    xyz[:, BODY] += (speed * t[:, None] * FORWARD + (0.83 + sole + 0.04) * UP)[:, None]
    for f, side in enumerate("RL"):
        ankle, pitch = _foot_path(t + 0.5 * f, 0.5 * f, speed)
        ankle = ankle + xyz[:, [HIPS[f]]].mean(axis=0)[0] * LEFT + (sole + 0.04) * UP
        xyz[:, KNEES[f]], xyz[:, FEET[f]] = _knee(xyz[:, HIPS[f]], ankle), ankle
        ahead = np.cos(pitch)[:, None] * FORWARD + np.sin(pitch)[:, None] * UP
        upward = np.cos(pitch)[:, None] * UP - np.sin(pitch)[:, None] * FORWARD
        for joint, (forth, up) in (("Heel", HEEL), ("Toe", BALL)):
            xyz[:, BODY_26.index[side + joint]] = ankle + forth * ahead + up * upward
    _add_hands_and_face(xyz, yaw * np.sin(2 * np.pi * t / 3))
    return motion3d(xyz, fps)


def _foot_path(phase: np.ndarray, start: float, speed: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the ankle over its height in stance, and the pitch of the sole, ball up."""
    stride, share = np.floor(phase), phase % 1.0
    swing = np.clip((share - STANCE) / (1 - STANCE), 0, 1)
    eased = swing**3 * (10 - 15 * swing + 6 * swing**2)
    forth = speed * (stride - start + STANCE / 2 + eased)
    pitch = 0.5 * np.sin(2 * np.pi * swing) * swing
    low = np.minimum(*(np.sin(pitch) * f + np.cos(pitch) * u - u for f, u in (HEEL, BALL)))
    up = np.maximum(0.12 * np.sin(np.pi * swing) ** 2, -low)  # no part of the sole in the floor
    return forth[:, None] * FORWARD + up[:, None] * UP, pitch


def _knee(hip: np.ndarray, ankle: np.ndarray) -> np.ndarray:
    span = ankle - hip
    reach = np.linalg.norm(span, axis=-1, keepdims=True)
    along = span / reach
    forth = (THIGH**2 - SHANK**2 + reach**2) / (2 * reach)
    bent = FORWARD - (along @ FORWARD)[:, None] * along
    bent = bent / np.linalg.norm(bent, axis=-1, keepdims=True)
    return hip + forth * along + np.sqrt(THIGH**2 - forth**2) * bent


def _add_hands_and_face(xyz: np.ndarray, yaw: np.ndarray) -> None:
    ahead = np.cos(yaw)[:, None] * FORWARD + np.sin(yaw)[:, None] * LEFT
    left = np.cos(yaw)[:, None] * LEFT - np.sin(yaw)[:, None] * FORWARD
    xyz[:, BODY_26.index["Head"]] = xyz[:, BODY_26.index["Neck"]] + 0.12 * UP
    middle = xyz[:, BODY_26.index["Neck"]] + 0.08 * UP + 0.02 * ahead
    xyz[:, BODY_26.index["Nose"]] = middle + 0.12 * ahead
    for side, sign in (("L", 1.0), ("R", -1.0)):
        xyz[:, BODY_26.index[side + "Ear"]] = middle + 0.07 * sign * left
        elbow, wrist = (xyz[:, BODY_26.index[side + j]] for j in ("Elbow", "Wrist"))
        along = (wrist - elbow) / np.linalg.norm(wrist - elbow, axis=-1, keepdims=True)
        xyz[:, BODY_26.index[side + "Hand"]] = wrist + 0.08 * along


def body_of(motion: Motion3D) -> Motion3D:
    """Return a motion without feet, hands and face."""
    names = ("xyz", "camera_xyz", "xy", "confidence")
    parts = {name: getattr(motion, name)[:, BODY] for name in names}
    return replace(motion, **parts, skeleton=walk(1).skeleton)


def masked(motion: Motion3D, *groups: list[int]) -> Motion3D:
    """Return a motion of which some joints are not detected."""
    confidence = motion.confidence.copy()
    for joints in groups:
        confidence[:, joints] = 0.0
    return replace(motion, confidence=confidence)


def seen_whole(motion: Motion3D) -> Motion3D:
    """Return a motion with all joints in the middle of the picture, wherever the person walks."""
    return replace(motion, xy=0 * motion.xy + np.array(motion.size) / 2)


def tremble(motion: Motion3D, rng: np.random.Generator, error: float = 0.01) -> Motion3D:
    """Return the motion as a network predicts it, with independent noise."""
    return motion3d(motion.xyz + rng.normal(0, error, motion.xyz.shape), motion.fps)
