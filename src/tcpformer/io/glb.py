"""GLB, binary glTF 2.0, which Blender, three.js, game engines and browsers read.

Every person is a skinned body on an armature of named bones. One animation moves all of them: most
viewers play one at a time. The camera of the clip stands where it stood. The glTF validator of
Khronos finds no errors and no warnings.

`read_glb` reads back the motions of files that `write_glb` wrote, and no others: they are beside
the animation, as an npz file of 32-bit numbers.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from ..files import atomic_write, brief
from ..motion import Motion3D
from .animated_people import AnimatedPerson, StillCamera, animate_people, find_camera
from .body_mesh import rest_heads
from .json_values import get_field, get_index, get_list
from .npz import load_motion, save_motion
from .rig import TRIMMED, RigOptions

MAGIC, VERSION, JSON_CHUNK, BINARY_CHUNK = b"glTF", 2, b"JSON", b"BIN\0"
MAX_BYTES = 2**32 - 1
COMPONENTS = {"float32": 5126, "uint8": 5121, "uint16": 5123}
SHAPES = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
VERTICES, TRIANGLES = 34962, 34963
"""What a buffer view is for: ARRAY_BUFFER and ELEMENT_ARRAY_BUFFER."""
SINGLE = ("xyz", "camera_xyz", "xy", "confidence", "sigma")
"""Arrays of a motion that are stored as 32-bit numbers."""
KEY = "tcpformer"


def write_glb(motions: Sequence[Motion3D], path: str | Path, options: RigOptions = TRIMMED) -> None:
    """Write people of one camera as GLB, in metres.

    Axes: x right, y up, z towards the camera. The rest pose is that of the rig. Time 0 is the
    video's first frame, so people and video stay together. The extras of each armature hold what
    `AnimatedPerson.facts` lists.

    Raises:
        ValueError: If two people have the same number, a motion has a skeleton without a rig, or
            the file would be larger than GLB allows, 4 GiB.
        OSError: If the folder does not exist or cannot be written.
    """
    content = _Content()
    shared: dict[str, int] = {}
    animation: dict[str, Any] = {"name": "motion", "samplers": [], "channels": []}
    for person in animate_people(motions, options):
        _add_person(content, person, shared, animation)
    content.add("animations", animation)
    camera = None if options.recenter else find_camera(motions)
    if camera is not None:
        _add_camera(content, camera)
    stored = [content.add_view(_to_npz(motion)) for motion in motions]
    content.tree["asset"]["extras"] = {KEY: {"motions": stored}}
    with atomic_write(path) as beside:
        beside.write_bytes(content.to_bytes(Path(path)))


class _Content:
    """A glTF tree, and the bytes that it refers to."""

    def __init__(self) -> None:
        self.tree: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "tcpformer"},
            "scene": 0,
            "scenes": [{"nodes": []}],
        }
        self.binary = bytearray()

    def add(self, kind: str, entry: dict[str, Any]) -> int:
        """Add an entry to one of the lists of the tree; return its index."""
        entries = self.tree.setdefault(kind, [])
        entries.append(entry)
        return len(entries) - 1

    def add_root(self, node: int) -> None:
        self.tree["scenes"][0]["nodes"].append(node)

    def add_view(self, data: bytes, target: int | None = None) -> int:
        view = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)}
        self.binary += data + bytes(-len(data) % 4)
        return self.add("bufferViews", view | ({"target": target} if target else {}))

    def add_array(self, array: Shaped[np.ndarray, "n ..."], target: int | None = None) -> int:
        """Add an accessor of float32, uint8 or uint16; those of 32 bits get their bounds."""
        array = np.asarray(array)
        accessor = {
            "bufferView": self.add_view(np.ascontiguousarray(array).tobytes(), target),
            "componentType": COMPONENTS[array.dtype.name],
            "count": len(array),
            "type": SHAPES[array.shape[1:]],
        }
        if array.dtype == np.float32 and array.ndim < 3:
            rows = array.reshape(len(array), -1)
            accessor |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        return self.add("accessors", accessor)

    def to_bytes(self, path: Path) -> bytes:
        self.tree["buffers"] = [{"byteLength": len(self.binary)}]
        text = json.dumps(self.tree, separators=(",", ":"), allow_nan=False).encode("ascii")
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + len(self.binary)
        if total > MAX_BYTES:
            raise ValueError(
                f"{path.name}: GLB holds at most {MAX_BYTES:,} bytes, but {total:,} are needed; "
                "write fewer people or a part of the clip."
            )
        return b"".join(
            (
                struct.pack("<4sII", MAGIC, VERSION, total),
                struct.pack("<I4s", len(text), JSON_CHUNK),
                text,
                struct.pack("<I4s", len(self.binary), BINARY_CHUNK),
                self.binary,
            )
        )


def _add_person(
    content: _Content, person: AnimatedPerson, shared: dict[str, int], animation: dict[str, Any]
) -> None:
    rig = person.rig
    armature = content.add("nodes", {"name": person.name, "extras": person.facts})
    content.add_root(armature)
    nodes = [
        content.add("nodes", {"name": bone, "translation": offset.tolist()})
        for bone, offset in zip(rig.bones, rig.offsets, strict=True)
    ]
    for node, parent in zip(nodes, rig.parents, strict=True):
        above = content.tree["nodes"][armature if parent < 0 else nodes[parent]]
        above.setdefault("children", []).append(node)
    inverse = np.tile(np.eye(4, dtype=np.float32), (len(nodes), 1, 1))
    inverse[:, 3, :3] = -rest_heads(rig)  # column-major: the translation is the last column
    skin = {
        "joints": nodes,
        "skeleton": nodes[0],
        "inverseBindMatrices": content.add_array(inverse),
    }
    body = {
        "name": f"{person.name}_body",
        "mesh": _add_mesh(content, person, shared),
        "skin": content.add("skins", {"name": person.name, **skin}),
    }
    content.add_root(content.add("nodes", body))
    _add_channels(content, person, nodes, animation)


def _add_mesh(content: _Content, person: AnimatedPerson, shared: dict[str, int]) -> int:
    body = person.body
    if not shared:  # the same for all people
        shared |= {
            "indices": content.add_array(body.triangles.ravel(), TRIANGLES),
            "JOINTS_0": content.add_array(body.bones, VERTICES),
            "WEIGHTS_0": content.add_array(body.weights, VERTICES),
        }
    material = {
        "name": person.name,
        "pbrMetallicRoughness": {
            "baseColorFactor": [*person.color, 1.0],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.8,
        },
    }
    primitive = {
        "attributes": {
            "POSITION": content.add_array(body.vertices.astype(np.float32), VERTICES),
            "NORMAL": content.add_array(_unit32(body.normals), VERTICES),
            "JOINTS_0": shared["JOINTS_0"],
            "WEIGHTS_0": shared["WEIGHTS_0"],
        },
        "indices": shared["indices"],
        "material": content.add("materials", material),
    }
    return content.add("meshes", {"name": f"{person.name}_body", "primitives": [primitive]})


def _add_channels(
    content: _Content, person: AnimatedPerson, nodes: list[int], animation: dict[str, Any]
) -> None:
    rig = person.rig
    times = content.add_array(rig.times.astype(np.float32))
    tracks = [("translation", rig.root.astype(np.float32))]
    tracks += [("rotation", _unit32(turns)) for turns in rig.rotations.swapaxes(0, 1)]
    for (path, values), node in zip(tracks, [nodes[0], *nodes], strict=True):
        target = {"node": node, "path": path}
        animation["channels"].append({"sampler": len(animation["samplers"]), "target": target})
        animation["samplers"].append({"input": times, "output": content.add_array(values)})


def _add_camera(content: _Content, camera: StillCamera) -> None:
    width, height = camera.size
    perspective = {
        "yfov": float(2 * np.arctan(height / 2 / camera.focal)),
        "aspectRatio": width / height,
        "znear": 0.05,
    }
    index = content.add("cameras", {"type": "perspective", "perspective": perspective})
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = camera.turn, camera.position
    extras = {"focal": camera.focal, "size": list(camera.size)}
    node = {"name": "camera", "camera": index, "matrix": matrix.T.ravel().tolist()}
    content.add_root(content.add("nodes", {**node, "extras": extras}))


def _unit32(vectors: Float[np.ndarray, "n x"]) -> Float[np.ndarray, "n x"]:
    """Return unit vectors as float32, of length 1 to the last bit or two."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def _to_npz(motion: Motion3D) -> bytes:
    arrays = {name: getattr(motion, name) for name in SINGLE if getattr(motion, name) is not None}
    single = replace(motion, **{name: array.astype(np.float32) for name, array in arrays.items()})
    with TemporaryDirectory() as folder:
        save_motion(single, Path(folder) / "motion.npz")
        return (Path(folder) / "motion.npz").read_bytes()


def read_glb(path: str | Path) -> list[Motion3D]:
    """Read the motions in a file that `write_glb` wrote, within 0.001 mm.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is another GLB file, or damaged.
    """
    path = Path(path)
    tree, binary = _split(path)
    place = f"{path}: asset.extras"
    extras = get_field(f"{path}: asset", get_field(str(path), tree, "asset"), "extras")
    stored = get_field(place, get_field(place, extras, KEY), "motions")
    views = get_list(f"{path}: bufferViews", get_field(str(path), tree, "bufferViews"))
    motions = []
    for index in (get_index(place, value) for value in get_list(place, stored)):
        if index >= len(views):
            raise ValueError(f"{place}: expected one of {len(views)} bufferViews, got {index}.")
        start, size = (
            get_index(f"{path}: bufferViews", get_field(f"{path}: bufferViews", views[index], key))
            for key in ("byteOffset", "byteLength")
        )
        motions.append(_from_npz(path, binary[start : start + size]))
    return motions


def _split(path: Path) -> tuple[Any, bytes]:
    """Return the JSON tree and the binary chunk of a GLB file."""
    data = path.read_bytes()
    magic, version, _ = struct.unpack_from("<4sII", data.ljust(12, b"\0"))
    if magic != MAGIC or version != VERSION:
        raise ValueError(f"{path}: expected binary glTF 2.0, which begins with {MAGIC!r}.")
    chunks, at = [], 12
    while at + 8 <= len(data) and len(chunks) < 2:
        size, kind = struct.unpack_from("<I4s", data, at)
        chunks.append((kind, data[at + 8 : at + 8 + size]))
        if len(chunks[-1][1]) < size:
            raise ValueError(f"{path}: a part of {size:,} bytes is cut off.")
        at += 8 + size
    if [kind for kind, _ in chunks] != [JSON_CHUNK, BINARY_CHUNK]:
        raise ValueError(f"{path}: expected a JSON and a binary part; the file is damaged.")
    try:
        return json.loads(chunks[0][1].decode("utf-8")), chunks[1][1]
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: its JSON part is damaged ({brief(error)}).") from error


def _from_npz(path: Path, data: bytes) -> Motion3D:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "motion.npz"
        file.write_bytes(data)
        try:
            motion = load_motion(file)
        except ValueError as error:
            raise ValueError(str(error).replace(str(file), str(path))) from error
    arrays = {name: getattr(motion, name) for name in SINGLE if getattr(motion, name) is not None}
    return replace(motion, **{name: array.astype(float) for name, array in arrays.items()})
