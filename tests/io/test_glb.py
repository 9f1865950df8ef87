"""GLB: what other readers find in it equals the rig, and the motions come back."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign import heads_in_blender, heads_in_three, validate_gltf
from motions import kick, walk
from scipy.spatial.transform import Rotation
from walk26 import walk26

from tcpformer.io.body_mesh import rest_heads
from tcpformer.io.glb import read_glb, write_glb
from tcpformer.io.rig import RigOptions, forward_kinematics, solve_rig
from tcpformer.motion import Motion3D

FRAMES = 40


def two_people() -> list[Motion3D]:
    """Return two people; the second is first seen in frame 5."""
    second = walk(FRAMES)
    valid = second.valid.copy()
    valid[:5] = False
    return [walk26(FRAMES), replace(second, valid=valid, person=1)]


@pytest.fixture(scope="module")
def people() -> list[Motion3D]:
    return two_people()


@pytest.fixture(scope="module")
def path(people: Sequence[Motion3D], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("glb") / "people.glb"
    write_glb(people, path)
    return path


@pytest.fixture(scope="module")
def gltf(path: Path) -> Any:
    return pytest.importorskip("pygltflib", reason="pygltflib is not installed").GLTF2().load(path)


def array(gltf: Any, index: int) -> np.ndarray:
    """Return the numbers of an accessor."""
    accessor = gltf.accessors[index]
    view = gltf.bufferViews[accessor.bufferView]
    dtype = {5126: "<f4", 5123: "<u2", 5121: "u1"}[accessor.componentType]
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor.type]
    data = gltf.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    return np.frombuffer(data, dtype)[: accessor.count * width].reshape(accessor.count, width)


def read_heads(gltf: Any, skin: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the times of a person, and the heads of the bones by forward kinematics."""
    joints = gltf.skins[skin].joints
    parent = {child: n for n, node in enumerate(gltf.nodes) for child in node.children or []}
    tracks, times = {}, np.zeros(0)
    for channel in gltf.animations[0].channels:
        if channel.target.node in joints:
            sampler = gltf.animations[0].samplers[channel.sampler]
            times = array(gltf, sampler.input)[:, 0]
            tracks[channel.target.node, channel.target.path] = array(gltf, sampler.output)
    heads, turns = {}, {}
    for node in joints:
        turn = Rotation.from_quat(tracks[node, "rotation"])
        if parent[node] in heads:
            above, offset = turns[parent[node]], gltf.nodes[node].translation
            heads[node] = heads[parent[node]] + above.apply(offset)
            turns[node] = above * turn
        else:
            heads[node], turns[node] = tracks[node, "translation"], turn
    return times, np.stack([heads[node] for node in joints], axis=1)


@pytest.mark.parametrize("number", [0, 1])
def test_write_glb_moves_bones_as_the_rig(people: list[Motion3D], gltf: Any, number: int) -> None:
    rig = solve_rig(people[number], RigOptions(trim=True))
    times, heads = read_heads(gltf, number)
    np.testing.assert_allclose(times, rig.times, atol=1e-6)
    np.testing.assert_allclose(heads, forward_kinematics(rig), atol=1e-5)
    names = [gltf.nodes[node].name for node in gltf.skins[number].joints]
    assert names == list(rig.bones)


def test_write_glb_binds_the_skin_in_the_rest_pose(people: list[Motion3D], gltf: Any) -> None:
    rig = solve_rig(people[0], RigOptions(trim=True))
    inverse = array(gltf, gltf.skins[0].inverseBindMatrices).reshape(-1, 4, 4)
    np.testing.assert_allclose(-inverse[:, 3, :3], rest_heads(rig), atol=1e-6)
    attributes = gltf.meshes[0].primitives[0].attributes
    weights, bones = array(gltf, attributes.WEIGHTS_0), array(gltf, attributes.JOINTS_0)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert bones.max() < len(rig.bones)
    points = array(gltf, attributes.POSITION)
    np.testing.assert_allclose(gltf.accessors[attributes.POSITION].min, points.min(axis=0))


def test_write_glb_states_facts_of_each_person(gltf: Any) -> None:
    facts = {node.name: node.extras for node in gltf.nodes if "person" in (node.extras or {})}
    assert set(facts) == {"person_0", "person_1"}
    assert facts["person_1"]["first_frame"] == 5
    assert facts["person_1"]["valid"] == [[0, FRAMES - 5]]
    assert set(facts["person_0"]["contacts"]) == {"left", "right"}
    assert facts["person_0"]["provenance"]["weights"] == "none"


def test_write_glb_camera_sees_what_the_video_showed(people: list[Motion3D], gltf: Any) -> None:
    node = next(node for node in gltf.nodes if node.camera is not None)
    matrix = np.array(node.matrix).reshape(4, 4).T
    lens = gltf.cameras[node.camera].perspective
    motion = people[0]
    world = np.stack([motion.xyz[..., 0], motion.xyz[..., 2], -motion.xyz[..., 1]], axis=-1)
    x, y, z = np.moveaxis((world - matrix[:3, 3]) @ matrix[:3, :3], -1, 0)
    high = 1 / np.tan(lens.yfov / 2)
    width, height = motion.size
    u = (1 + x / -z * high / lens.aspectRatio) * width / 2
    v = (1 - y / -z * high) * height / 2
    np.testing.assert_allclose(np.stack([u, v], axis=-1), motion.xy, atol=0.01)


def test_write_glb_recentered_has_no_camera(tmp_path: Path) -> None:
    write_glb([walk(10)], tmp_path / "a.glb", RigOptions(recenter=True))
    assert b'"cameras"' not in (tmp_path / "a.glb").read_bytes()


def test_read_glb_gives_the_motions(people: list[Motion3D], path: Path) -> None:
    for motion, back in zip(people, read_glb(path), strict=True):
        np.testing.assert_array_equal(back.times, motion.times)
        for name in ("xyz", "camera_xyz", "xy", "confidence"):
            np.testing.assert_allclose(getattr(back, name), getattr(motion, name), rtol=1e-6)
        assert (back.skeleton, back.person, back.size) == (
            motion.skeleton,
            motion.person,
            motion.size,
        )
        np.testing.assert_array_equal(back.valid, motion.valid)
        assert back.provenance == motion.provenance


@pytest.mark.parametrize("length", [0, 3, 11, 30, 1000, 40_000, -1])
def test_read_glb_refuses_a_cut_file(path: Path, tmp_path: Path, length: int) -> None:
    (tmp_path / "cut.glb").write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"cut\.glb"):
        read_glb(tmp_path / "cut.glb")


@pytest.mark.parametrize(
    "asset",
    [{}, {"extras": 1}, {"extras": {"tcpformer": {"motions": [99]}}}, {"extras": {"tcpformer": []}}]
    + [{"extras": {"tcpformer": {"motions": [bad]}}} for bad in (-1, "0", None, 0.5, 0)],
)
def test_read_glb_refuses_a_file_of_others(path: Path, tmp_path: Path, asset: Any) -> None:
    data = path.read_bytes()
    size = int.from_bytes(data[12:16], "little")
    tree = json.loads(data[20 : 20 + size]) | {"asset": {"version": "2.0", **asset}}
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    header = data[:12] + len(text).to_bytes(4, "little") + b"JSON"
    (tmp_path / "other.glb").write_bytes(header + text + data[20 + size :])
    with pytest.raises(ValueError, match=r"other\.glb"):
        read_glb(tmp_path / "other.glb")


@pytest.mark.slow
def test_write_glb_has_no_errors_nor_warnings(path: Path) -> None:
    issues = validate_gltf(path)
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]


@pytest.mark.slow
def test_write_glb_plays_in_three(people: list[Motion3D], path: Path, tmp_path: Path) -> None:
    rigs = [solve_rig(motion, RigOptions(trim=True)) for motion in people]
    times = rigs[0].times[[7, 20, 39]]
    found = np.array(heads_in_three(path, times.tolist(), tmp_path))
    # three.js lists bones depth first: compared as sets of points.
    for i, time in enumerate(times):
        true = np.concatenate(
            [forward_kinematics(r)[np.abs(r.times - time).argmin()] for r in rigs]
        )
        gaps = np.linalg.norm(found[i][:, None] - true, axis=-1)
        assert gaps.min(axis=0).max() < 1e-5
        assert gaps.min(axis=1).max() < 1e-5


@pytest.mark.slow
def test_write_glb_plays_in_blender(people: list[Motion3D], path: Path) -> None:
    found = heads_in_blender("glb", path, start=0, step=6, count=FRAMES)
    for motion in people:
        rig = solve_rig(motion, RigOptions(trim=True))
        heads = forward_kinematics(rig)
        for bone, points in found[f"person_{motion.person}"].items():
            rows = np.arange(0, FRAMES, 6) - rig.start
            true = heads[np.maximum(rows, 0), rig.bones.index(bone)]
            np.testing.assert_allclose(points, true, atol=1e-5)


@pytest.mark.slow
def test_write_glb_of_a_kick_is_valid(tmp_path: Path) -> None:
    write_glb([kick(fps=59.94)], tmp_path / "kick.glb", RigOptions(names="vrm", rest="a-pose"))
    issues = validate_gltf(tmp_path / "kick.glb")
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]
