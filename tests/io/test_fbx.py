"""FBX: the tree of nodes is sound, and other readers find the rig's motion in it."""

import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign import heads_in_blender, read_in_ufbx
from motions import kick, walk
from scipy.spatial.transform import Rotation
from walk26 import walk26

from tcpformer.io.fbx import END, TICKS, write_fbx
from tcpformer.io.rig import RigOptions, forward_kinematics, solve_rig
from tcpformer.motion import Motion3D

FRAMES = 40


@pytest.fixture(scope="module")
def people() -> list[Motion3D]:
    return [walk26(FRAMES), replace(walk(FRAMES), person=1)]


@pytest.fixture(scope="module")
def path(people: list[Motion3D], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fbx") / "people.fbx"
    write_fbx(people, path)
    return path


@dataclass
class Read:
    """A node as the file has it."""

    name: str
    values: list[Any]
    below: "list[Read]"

    def all(self, name: str) -> "list[Read]":
        return [node for node in self.below if node.name == name]


def read_node(data: bytes, at: int) -> tuple[Read | None, int]:
    """Return the node at an offset and where the next one begins; checks all sizes."""
    end, count, size, length = struct.unpack_from("<3IB", data, at)
    if end == 0:
        return None, at + len(END)
    name, at = data[at + 13 : at + 13 + length].decode(), at + 13 + length
    values, stop = [], at + size
    for _ in range(count):
        value, at = read_value(data, at)
        values.append(value)
    assert at == stop
    below = []
    while at < end:
        node, at = read_node(data, at)
        below += [node] if node else []
    assert at == end
    return Read(name, values, below), at


def read_value(data: bytes, at: int) -> tuple[Any, int]:
    kind = data[at : at + 1].decode()
    if kind in "SR":
        (size,) = struct.unpack_from("<I", data, at + 1)
        return data[at + 5 : at + 5 + size], at + 5 + size
    if kind in "ilfd":
        count, packed, size = struct.unpack_from("<3I", data, at + 1)
        assert packed == 1
        dtype = {"i": "<i4", "l": "<i8", "f": "<f4", "d": "<f8"}[kind]
        array = np.frombuffer(zlib.decompress(data[at + 13 : at + 13 + size]), dtype)
        assert len(array) == count
        return array, at + 13 + size
    form = {"I": "<i", "L": "<q", "D": "<d"}[kind]
    return struct.unpack_from(form, data, at + 1)[0], at + 1 + struct.calcsize(form)


@pytest.fixture(scope="module")
def tree(path: Path) -> dict[str, Read]:
    data = path.read_bytes()
    assert data.startswith(b"Kaydara FBX Binary  \0\x1a\0" + struct.pack("<I", 7400))
    nodes, at = {}, 27
    node, at = read_node(data, at)
    while node:
        nodes[node.name] = node
        node, at = read_node(data, at)
    return nodes


def test_write_fbx_connects_every_object_once_defined(tree: dict[str, Read]) -> None:
    ids = [node.values[0] for node in tree["Objects"].below]
    assert len(set(ids)) == len(ids)
    links = [node.values for node in tree["Connections"].below]
    ends = {end for link in links for end in link[1:3]}
    assert ends <= {0, *ids}
    loose = {b"BindPose", b""}  # a pose and a take hang on nothing
    unconnected = [node.values[2] for node in tree["Objects"].below if node.values[0] not in ends]
    assert set(unconnected) <= loose


def test_write_fbx_has_a_key_for_every_frame(tree: dict[str, Read]) -> None:
    curves = tree["Objects"].all("AnimationCurve")
    assert len(curves) == 2 * 3 * (22 + 1)
    for curve in curves:
        (times,) = curve.all("KeyTime")[0].values
        np.testing.assert_array_equal(times, np.round(np.arange(FRAMES) / 30 * TICKS))
        assert len(curve.all("KeyValueFloat")[0].values[0]) == FRAMES


def test_write_fbx_angles_do_not_jump(tmp_path: Path) -> None:
    write_fbx([kick(fps=60.0)], tmp_path / "kick.fbx")
    data, at = (tmp_path / "kick.fbx").read_bytes(), 27
    node, at = read_node(data, at)
    while node and node.name != "Objects":
        node, at = read_node(data, at)
    assert node is not None
    for curve in node.all("AnimationCurve")[3:]:
        assert np.abs(np.diff(curve.all("KeyValueFloat")[0].values[0])).max() < 180


def test_write_fbx_weights_sum_to_one(tree: dict[str, Read]) -> None:
    total = np.zeros(10_000)
    clusters = [node for node in tree["Objects"].all("Deformer") if node.values[2] == b"Cluster"]
    assert len(clusters) == 2 * 22
    for cluster in clusters[:22]:
        total[cluster.all("Indexes")[0].values[0]] += cluster.all("Weights")[0].values[0]
    np.testing.assert_allclose(total[total > 0], 1, atol=1e-6)


def test_write_fbx_refuses_two_rates(tmp_path: Path) -> None:
    people = [walk(10), replace(walk(10, fps=25.0), person=1)]
    with pytest.raises(ValueError, match=r"one frame rate, but people have \[25\.0, 30\.0\]"):
        write_fbx(people, tmp_path / "a.fbx")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_write_fbx_is_read_by_ufbx(people: list[Motion3D], path: Path) -> None:
    frames = [0, 13, FRAMES - 1]
    found = read_in_ufbx(path, [frame / 30 for frame in frames])
    assert found["fps"] == 30
    assert found["end"] == pytest.approx((FRAMES - 1) / 30, abs=1e-6)
    for motion in people:
        rig = solve_rig(motion, RigOptions(trim=True))
        heads = follow(found["nodes"], f"person_{motion.person}")
        for bone, places in zip(
            rig.bones, forward_kinematics(rig)[frames].swapaxes(0, 1), strict=True
        ):
            np.testing.assert_allclose(heads[bone] / 100, places, atol=1e-5)


def follow(nodes: list[Any], armature: str) -> dict[str, np.ndarray]:
    """Return where all nodes below one are, by name."""
    start = next(i for name, i, *_ in nodes if name == armature)
    turns, heads, found = {start: Rotation.identity()}, {start: np.zeros(3)}, {}
    waiting = [node for node in nodes if node[1] != start]
    while ready := [node for node in waiting if node[2] in heads]:
        for name, i, parent, places, local in ready:
            found[name] = heads[i] = heads[parent] + turns[parent].apply(places)
            turns[i] = turns[parent] * Rotation.from_quat(local)
        waiting = [node for node in waiting if node[1] not in heads]
    return found


@pytest.mark.slow
def test_write_fbx_plays_in_blender(people: list[Motion3D], path: Path) -> None:
    found = heads_in_blender("fbx", path, start=1, step=6, count=FRAMES)
    for motion in people:
        rig = solve_rig(motion, RigOptions(trim=True))
        heads = forward_kinematics(rig)[::6]
        for bone, points in found[f"person_{motion.person}"].items():
            np.testing.assert_allclose(points, heads[:, rig.bones.index(bone)], atol=1e-5)
