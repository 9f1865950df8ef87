"""The skin of a person: a body of few thousand triangles, fitted to the bones of a rig.

The body is MakeHuman's base mesh (CC0), cut down by `tools/make_body_mesh.py`; its bones are those
of `rig_names.BONES`. Axes and unit are those of the rig. Shapes: `v` vertices, `f` triangles, `b`
bones.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float, UInt8, UInt16
from scipy.spatial.transform import Rotation

from .rig import RiggedMotion
from .rig_names import BONES, INDEX

Vertices = Float[np.ndarray, "v 3"]
Points = Float[np.ndarray, "b 3"]

GIRTH_RANGE = 0.75, 1.35
"""Least and largest factor of a width, relative to that of the whole body: joints of a network are
not exactly where those of the mesh are."""
LIMBS = tuple(
    INDEX[side + bone] for side in ("Left", "Right") for bone in ("Arm", "ForeArm", "UpLeg", "Leg")
)
"""Bones whose skin is stretched along the bone."""
TRUNK = tuple(
    INDEX[bone]
    for bone in ("Hips", "Spine", "Spine1", "Spine2", "Neck", "LeftShoulder", "RightShoulder")
)
"""Bones whose skin is stretched as one, between the joints of `LEVELS`: a rig's spine lies
elsewhere inside the body than the mesh's."""
LEVELS = ("LeftUpLeg", "RightUpLeg"), ("LeftArm", "RightArm"), ("Head", "Head")
FEET = tuple(INDEX[side + "Foot"] for side in ("Left", "Right"))


@dataclass(frozen=True)
class BodyMesh:
    """A skinned surface in the rest pose of a rig."""

    vertices: Vertices
    normals: Vertices
    """Unit vectors, outwards."""
    triangles: UInt16[np.ndarray, "f 3"]
    bones: UInt8[np.ndarray, "v 4"]
    """Index of the four bones that move a vertex."""
    weights: Float[np.ndarray, "v 4"]
    """Their shares, which sum to 1; float32."""


@cache
def _load() -> dict[str, np.ndarray]:
    with files("tcpformer.io").joinpath("body.npz").open("rb") as file, np.load(file) as arrays:
        return dict(arrays)


def rest_heads(rig: RiggedMotion) -> Points:
    """Return the heads of the bones in the rest pose; the soles are at y = 0."""
    heads = rig.offsets.copy()
    for bone, parent in enumerate(rig.parents):
        if parent >= 0:
            heads[bone] += heads[parent]
    return heads


def fit_body(rig: RiggedMotion) -> BodyMesh:
    """Fit the body to the rest pose of a rig, bone by bone.

    The skin of a limb is stretched along the bone and turned with it; trunk and feet are stretched
    along the axes, so that soles stay on the floor; head and hands keep their shape. Where bones
    meet, vertices are blended as skinning blends them.

    Raises:
        ValueError: If the rig does not have the bones of `rig_names.BONES`.
    """
    if len(rig.bones) != len(BONES):
        raise ValueError(f"expected a rig of {len(BONES)} bones, got {len(rig.bones)}.")
    body = _load()
    heads, tails = body["heads"].astype(float), body["tails"].astype(float)
    placed = rest_heads(rig)
    linear = _linear_parts(heads, tails, placed, rig.tails)
    anchor = placed.copy()
    for foot in FEET:  # the floor stays the floor
        anchor[foot : foot + 2, 1] = linear[foot, 1, 1] * heads[foot : foot + 2, 1]
    weights = body["skin_weights"].astype(float)
    bones, start = body["skin_bones"], body["vertices"].astype(float)
    away = np.einsum("vkxy,vky->vkx", linear[bones], start[:, None] - heads[bones])
    trunk = _stretch_trunk(start, heads, placed, linear[INDEX["Head"], 0, 0])
    in_trunk = np.isin(bones, TRUNK)[..., None]
    moved = np.where(in_trunk, trunk[:, None], anchor[bones] + away)
    vertices = np.einsum("vk,vkx->vx", weights, moved)
    triangles = body["triangles"]
    normals = _normals(vertices, triangles)
    return BodyMesh(vertices, normals, triangles, body["skin_bones"], body["skin_weights"])


def _linear_parts(
    heads: Points, tails: Points, placed: Points, ends: Points
) -> Float[np.ndarray, "b 3 3"]:
    """Return how the skin of each bone is turned and stretched about the bone's head."""
    ratio = _lengths(ends) / _lengths(tails)
    girth = float(np.median(ratio[list(LIMBS)]))
    low, high = (girth * limit for limit in GIRTH_RANGE)
    ratio = np.where(_lengths(ends) > 1e-6, ratio, girth)
    linear = np.eye(3) * ratio.clip(low, high)[:, None, None]
    for bone in LIMBS:
        across, along = tails[bone] / np.linalg.norm(tails[bone]), ratio[bone]
        stretch = girth * np.eye(3) + (along - girth) * np.outer(across, across)
        linear[bone] = _swing(tails[bone], ends[bone]) @ stretch
    for hand in (INDEX["LeftHand"], INDEX["RightHand"]):
        linear[hand] = linear[hand, 0, 0] * _swing(tails[hand], ends[hand])
    for foot in FEET:
        tall, long = placed[foot, 1] / heads[foot, 1], ends[foot, 2] / tails[foot, 2]
        linear[foot : foot + 2] = np.diag([girth, max(tall, 0.1 * girth), np.clip(long, low, high)])
    return linear


def _stretch_trunk(vertices: Vertices, heads: Points, placed: Points, girth: float) -> Vertices:
    """Return the skin between hips and head, so that hips, shoulders and skull come to theirs."""
    left, right = np.array([[INDEX[bone] for bone in pair] for pair in LEVELS]).T
    level, goal = heads[left] + heads[right], placed[left] + placed[right]
    wide = np.full(len(LEVELS), girth)
    wide[:2] = (placed[left] - placed[right])[:2, 0] / (heads[left] - heads[right])[:2, 0]
    low, high = (girth * limit for limit in GIRTH_RANGE)
    # Beyond the outer levels the stretch is that of the whole body.
    height = np.concatenate([[level[0, 1] - 2], level[:, 1], [level[-1, 1] + 2]]) / 2
    target = np.concatenate([[goal[0, 1] - 2 * girth], goal[:, 1], [goal[-1, 1] + 2 * girth]]) / 2
    x, y, z = vertices.T
    own, forth = (np.interp(y, level[:, 1] / 2, points[:, 2] / 2) for points in (level, goal))
    across = np.interp(y, level[:, 1] / 2, wide.clip(low, high))
    deep = forth + (z - own) * (across + girth) / 2
    return np.stack([x * across, np.interp(y, height, target), deep], axis=1)


def _lengths(vectors: Points) -> Float[np.ndarray, " b"]:
    return np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)


def _swing(start: Float[np.ndarray, "3"], end: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Return the shortest rotation from one direction to another, less than half a turn away."""
    axis = np.cross(start, end)
    sine = float(np.linalg.norm(axis))
    angle = np.arctan2(sine, float(start @ end))
    return Rotation.from_rotvec(axis * (angle / sine if sine > 1e-12 else 0.0)).as_matrix()


def _normals(vertices: Vertices, triangles: UInt16[np.ndarray, "f 3"]) -> Vertices:
    """Return the unit normal at every vertex: the mean of its triangles' by area."""
    a, b, c = vertices[triangles].swapaxes(0, 1)
    across = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], across)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 1e-12, normals / np.maximum(length, 1e-12), [0.0, 1.0, 0.0])
