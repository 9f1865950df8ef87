"""Motions in closed form, for tests: without files, and random only with a generator."""

from dataclasses import replace

import numpy as np

from tcpformer.motion import Motion2D, Motion3D
from tcpformer.skeleton import BODY_26, H36M

FOCAL, SIZE, CAMERA = 1000.0, (1280, 720), np.array([0.0, -5.0, 1.0])
FORWARD, LEFT, UP = np.array([0.0, -1, 0]), np.array([1.0, 0, 0]), np.array([0.0, 0, 1])


def motion3d(xyz: np.ndarray, fps: float = 30.0) -> Motion3D:
    """Return joints in the world as seen by a level camera 5 m before the origin, 1 m high."""
    seen = xyz - CAMERA
    camera_xyz = np.stack([seen[..., 0], -seen[..., 2], seen[..., 1]], axis=-1)
    xy = FOCAL * camera_xyz[..., :2] / camera_xyz[..., 2:] + np.array(SIZE) / 2
    t = len(xyz)
    return Motion3D(
        xyz=xyz,
        camera_xyz=camera_xyz,
        xy=xy,
        confidence=np.ones(xyz.shape[:2]),
        valid=np.ones(t, dtype=bool),
        times=np.arange(t) / fps,
        fps=fps,
        skeleton=BODY_26 if xyz.shape[1] == len(BODY_26.joints) else H36M,
        size=SIZE,
        focal=FOCAL,
        provenance={"weights": "none", "focal": "made up", "scale": "made up"},
    )


def walk(frames: int = 90, fps: float = 30.0, speed: float = 1.2) -> Motion3D:
    """Return a figure that walks towards the camera at a constant speed, in metres a second.

    Bones keep their lengths, pelvis and chest their shapes. One stride a second; knees and elbows
    bend; pelvis and chest turn against each other.
    """
    t = np.arange(frames) / fps
    xyz = np.zeros((frames, len(H36M.joints), 3))
    stride = 2 * np.pi * t
    pelvis, chest = 0.1 * np.sin(stride), -0.2 * np.sin(stride)

    def put(joint: str, parent: str, vector: np.ndarray) -> None:
        xyz[:, H36M.index[joint]] = xyz[:, H36M.index[parent]] + vector

    xyz[:, H36M.index["Hip"]] = speed * t[:, None] * FORWARD
    put("Spine", "Hip", _body(pelvis, 0.0, 0.01, 0.23))
    put("Thorax", "Spine", 0.26 * _nod(0.05 + 0.05 * np.cos(2 * stride)))
    put("Neck", "Thorax", _body(chest, 0.0, 0.06, 0.10))
    put("Head", "Neck", 0.12 * _nod(0.1 * np.sin(2 * stride)))
    for side, sign in (("L", 1.0), ("R", -1.0)):
        swing, bend = sign * 0.5 * np.sin(stride), 0.4 + 0.3 * np.cos(stride + sign)
        put(f"{side}Hip", "Hip", _body(pelvis, sign * 0.13, 0.0, 0.0))
        put(f"{side}Knee", f"{side}Hip", -0.45 * _nod(-swing))
        put(f"{side}Ankle", f"{side}Knee", -0.44 * _nod(bend - swing))
        put(f"{side}Shoulder", "Thorax", _body(chest, sign * 0.17, 0.0, -0.02))
        put(f"{side}Elbow", f"{side}Shoulder", -0.28 * _nod(swing))
        put(f"{side}Wrist", f"{side}Elbow", -0.25 * _nod(swing - bend))
    feet = xyz[:, [H36M.index["LAnkle"], H36M.index["RAnkle"]], 2]
    return motion3d(xyz - feet.min() * UP, fps)


def _nod(angle: np.ndarray) -> np.ndarray:
    """Return the upright direction, leaning forward by an angle."""
    return np.cos(angle)[:, None] * UP + np.sin(angle)[:, None] * FORWARD


def _body(turn: np.ndarray, left: float, forward: float, up: float) -> np.ndarray:
    """Return a place on a rigid body that turns about the upright axis, positive to the right."""
    cosine, sine = np.cos(turn)[:, None], np.sin(turn)[:, None]
    ahead, aside = cosine * FORWARD - sine * LEFT, cosine * LEFT + sine * FORWARD
    return left * aside + forward * ahead + up * UP


def kick(fps: float = 30.0, turn: float = 0.0, seconds: float = 2.0) -> Motion3D:
    """A person who stands and kicks once, after a second: the foot flies for 0.3 s, at 9 m/s.

    Args:
        fps: Frames per second.
        turn: Radians that the person is turned away from looking at the camera.
        seconds: Duration.
    """
    t = np.arange(round(seconds * fps)) / fps
    xyz = np.repeat(walk(1).xyz, len(t), axis=0)
    hip, knee, ankle = (xyz[:, H36M.index["R" + joint]] for joint in ("Hip", "Knee", "Ankle"))
    thigh, shank = np.linalg.norm(knee[0] - hip[0]), np.linalg.norm(ankle[0] - knee[0])
    swing = -0.4 * _ease((t - 0.6) / 0.3) + 1.4 * _ease((t - 1) / 0.3) - _ease((t - 1.4) / 0.4)
    bend = 0.05 + 0.6 * _ease((t - 0.65) / 0.3) - 0.6 * _ease((t - 1.05) / 0.25)
    knee[:] = hip - thigh * _nod(-swing)
    ankle[:] = knee - shank * _nod(bend - swing)
    return motion3d(_turned(xyz, turn), fps)


def clap(fps: float = 30.0, turn: float = 0.0, seconds: float = 2.0) -> Motion3D:
    """A person who stands and claps three times a second; each hand moves 0.2 m, at 1.9 m/s."""
    t = np.arange(round(seconds * fps)) / fps
    xyz = np.repeat(walk(1).xyz, len(t), axis=0)
    apart = 0.12 - 0.1 * np.cos(2 * np.pi * 3 * t)
    chest = xyz[:, H36M.index["Thorax"]]
    for side, sign in (("L", 1.0), ("R", -1.0)):
        shoulder = xyz[:, H36M.index[side + "Shoulder"]]
        hand = chest + sign * apart[:, None] * LEFT + 0.33 * FORWARD - 0.15 * UP
        span = hand - shoulder
        reach = np.linalg.norm(span, axis=-1, keepdims=True)
        along = span / reach
        forth = (0.28**2 - 0.25**2 + reach**2) / (2 * reach)
        aside = 0.7 * sign * LEFT - UP
        aside = aside - (along @ aside)[:, None] * along
        aside = aside / np.linalg.norm(aside, axis=-1, keepdims=True)
        xyz[:, H36M.index[side + "Elbow"]] = (
            shoulder + forth * along + np.sqrt(0.28**2 - forth**2) * aside
        )
        xyz[:, H36M.index[side + "Wrist"]] = hand
    return motion3d(_turned(xyz, turn), fps)


def _ease(share: np.ndarray) -> np.ndarray:
    """Move from 0 to 1 in unit time with the least jerk (Flash and Hogan, 1985)."""
    s = np.clip(share, 0.0, 1.0)
    return 10 * s**3 - 15 * s**4 + 6 * s**5


def _turned(xyz: np.ndarray, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return xyz @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])


def detected(motion: Motion3D, rng: np.random.Generator, error: float = 0.02) -> Motion3D:
    """Return the motion as a network predicts it from detections.

    Joints drift by ``error`` metres (one sigma, forgotten after 0.7 s), tremble by a tenth of
    that, half as much again in depth, and confidence falls with what the picture shows of it.
    """
    t = len(motion)
    keep = np.exp(-1 / (0.7 * motion.fps))
    drift = rng.normal(0, 1, (t, 17, 3))
    for i in range(1, t):
        drift[i] = keep * drift[i - 1] + np.sqrt(1 - keep**2) * drift[i]
    off = error * (drift + 0.1 * rng.normal(size=drift.shape)) * np.array([1.0, 1.5, 1.0])
    confidence = np.exp(-np.linalg.norm(off[..., [0, 2]], axis=-1) / 0.12)
    return replace(motion3d(motion.xyz + off, motion.fps), confidence=confidence)


def rough(motion: Motion3D, rng: np.random.Generator) -> Motion3D:
    """Return the motion as a network predicts it, with independent noise of 2 cm."""
    camera = motion.camera_xyz + rng.normal(0, 0.02, motion.camera_xyz.shape)
    return replace(motion, camera_xyz=camera, xyz=camera[..., [0, 2, 1]] * [1.0, 1.0, -1.0])


def stand(frames: int = 90) -> Motion3D:
    """Return a person who stands still and moves the arms."""
    xyz = np.repeat(walk(1).xyz, frames, axis=0)
    xyz[:, H36M.index["LWrist"], 2] += 0.2 * np.sin(np.arange(frames) / 5)
    return motion3d(xyz)


def walk2d(frames: int = 90) -> Motion2D:
    """Return the walk in the image."""
    motion = walk(frames)
    return Motion2D(motion.xy, motion.confidence, motion.size, motion.fps, H36M)


def breathing(motion: Motion3D, amount: float, seed: int = 0) -> Motion3D:
    """Return a motion whose bones are longer or shorter by up to a share, in every frame anew."""
    rng, xyz = np.random.default_rng(seed), motion.xyz.copy()
    for parent, child in H36M.bones:
        factor = 1 + rng.uniform(-amount, amount, size=(len(motion), 1))
        bone = motion.xyz[:, child] - motion.xyz[:, parent]
        xyz[:, child] = xyz[:, parent] + factor * bone
    return motion3d(xyz, motion.fps)
