"""Motions in closed form, for tests: no files, no chance unless a generator is given."""

import numpy as np

from tcpformer.motion import Motion3D
from tcpformer.skeleton import H36M

FOCAL, SIZE, CAMERA = 1000.0, (1280, 720), np.array([0.0, -5.0, 1.0])
FORWARD, LEFT, UP = np.array([0.0, -1, 0]), np.array([1.0, 0, 0]), np.array([0.0, 0, 1])


def motion3d(xyz: np.ndarray, fps: float = 30.0) -> Motion3D:
    """Any joints in the world, seen by a level camera 5 m before the origin, 1 m high."""
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
        skeleton=H36M,
        size=SIZE,
        focal=FOCAL,
        focal_source="made up",
        scale_source="made up",
        weights="none",
    )


def walk(frames: int = 90, fps: float = 30.0, speed: float = 1.2) -> Motion3D:
    """A figure that walks towards the camera at a constant speed, in metres a second.

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
    """Upright, leaning forward by an angle."""
    return np.cos(angle)[:, None] * UP + np.sin(angle)[:, None] * FORWARD


def _body(turn: np.ndarray, left: float, forward: float, up: float) -> np.ndarray:
    """A place on a rigid body that turns about the upright axis, to the right if positive."""
    cosine, sine = np.cos(turn)[:, None], np.sin(turn)[:, None]
    ahead, aside = cosine * FORWARD - sine * LEFT, cosine * LEFT + sine * FORWARD
    return left * aside + forward * ahead + up * UP
