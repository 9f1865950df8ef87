"""Binary FBX 7.4, which Unreal, Unity, Maya, MotionBuilder and Blender read.

A file is a tree of nodes with typed properties (blog.blender.org, "FBX binary file format
specification"). Objects have an id; connections join them: bones to their parents, curves to what
they animate. Lengths are centimetres, the unit of FBX; y is up.
"""

import json
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int64
from scipy.spatial.transform import Rotation

from ..files import atomic_write
from ..motion import Motion3D
from .animated_people import AnimatedPerson, animate_people
from .body_mesh import rest_heads
from .bvh import unwrap_euler
from .rig import TRIMMED, RigOptions

VERSION = 7400
MAGIC = b"Kaydara FBX Binary  \x00\x1a\x00"
FILE_ID = bytes.fromhex("28b32aebb624ccc2bfc8b02aa92bfcf1")
CREATION_TIME = "1970-01-01 10:00:00:000"
FOOTER_ID = bytes.fromhex("fabcab09d0c8d466b176fb831cf7267e")
FOOTER_MAGIC = bytes.fromhex("f85a8c6adef5d97eece90ce3758f290b")
"""Constants that readers check; the id belongs to the creation time."""
END = bytes(13)
TICKS = 46_186_158_000
"""Units of time in a second."""
CENTIMETRES = 100.0
CUSTOM_RATE = 14
"""Value of TimeMode that makes CustomFrameRate the rate."""
SCENE = np.int64(0)
"""Id of the root, to which objects without a parent are connected; ids have 64 bits."""
LINEAR = 4
"""Interpolation of keys."""
ARRAYS = {"int32": b"i", "int64": b"l", "float32": b"f", "float64": b"d"}


class Node:
    """A node of the tree: a name, properties, and nodes below it."""

    def __init__(self, name: str, *values: Any, below: Iterable["Node"] = ()) -> None:
        self.name = name.encode("ascii")
        self.values = b"".join(_encode(value) for value in values)
        self.count = len(values)
        self.below = list(below)

    def to_bytes(self, start: int) -> bytes:
        """Return the node as bytes that begin at an offset in the file."""
        head = 13 + len(self.name) + len(self.values)
        parts, at = [], start + head
        for node in self.below:
            parts.append(node.to_bytes(at))
            at += len(parts[-1])
        if self.below or not self.count:
            parts.append(END)
            at += len(END)
        sizes = struct.pack("<3IB", at, self.count, len(self.values), len(self.name))
        return b"".join((sizes, self.name, self.values, *parts))


def _encode(value: Any) -> bytes:
    if isinstance(value, str):
        value = value.encode("utf-8")
        return b"S" + struct.pack("<I", len(value)) + value
    if isinstance(value, bytes):
        return b"R" + struct.pack("<I", len(value)) + value
    if isinstance(value, np.ndarray):
        data = zlib.compress(np.ascontiguousarray(value).tobytes(), 1)
        return ARRAYS[value.dtype.name] + struct.pack("<3I", value.size, 1, len(data)) + data
    if isinstance(value, float):
        return b"D" + struct.pack("<d", value)
    kind, form = (b"L", "<q") if isinstance(value, np.integer) else (b"I", "<i")
    return kind + struct.pack(form, value)


class _Scene:
    """Objects, and the connections between them."""

    def __init__(self) -> None:
        self.objects: list[Node] = []
        self.connections: list[Node] = []
        self.last = SCENE

    def add(self, kind: str, name: str, form: str, below: Iterable[Node] = ()) -> np.int64:
        """Add an object; return its id."""
        self.last = np.int64(self.last + 1)
        owner = "SubDeformer" if form == "Cluster" else kind.replace("Animation", "Anim")
        full = f"{name}\0\1{owner}"
        self.objects.append(Node(kind, self.last, full, form, below=below))
        return self.last

    def connect(self, child: np.int64, parent: np.int64, target: str = "") -> None:
        """Join a child to a parent, or to a property of it."""
        self.connections.append(
            Node("C", *(("OP", child, parent, target) if target else ("OO", child, parent)))
        )


def write_fbx(motions: Sequence[Motion3D], path: str | Path, options: RigOptions = TRIMMED) -> None:
    """Write people of one camera as FBX, in centimetres, y up, z towards the camera.

    Every person is a skinned body on an armature of named bones; one take holds all of them, and
    its time 0 is the video's first frame. The property `tcpformer` of each armature holds the facts
    beside the motion, as JSON.

    Raises:
        ValueError: If two people have the same number, their rates differ, a motion has a skeleton
            without a rig, or the file would be larger than FBX 7.4 allows, 4 GiB.
        OSError: If the folder does not exist or cannot be written.
    """
    people = animate_people(motions, options)
    rates = sorted({person.rig.fps for person in people})
    if len(rates) > 1:
        raise ValueError(f"FBX has one frame rate, but people have {rates}; save each by itself.")
    scene = _Scene()
    span = _ticks(np.array([person.rig.times[[0, -1]] for person in people]))
    times = {"Start": span.min(), "Stop": span.max()}
    local = [_property(f"Local{end}", "KTime", "Time", "", ticks) for end, ticks in times.items()]
    stack = scene.add("AnimationStack", "motion", "", [Node("Properties70", below=local)])
    layer = scene.add("AnimationLayer", "motion", "")
    scene.connect(layer, stack)
    for person in people:
        _add_person(scene, person, layer)
    try:
        data = _to_bytes(scene, rates[0], times)
    except struct.error as error:
        raise ValueError("FBX 7.4 holds at most 4 GiB; write fewer people or frames.") from error
    with atomic_write(path) as beside:
        beside.write_bytes(data)


def _ticks(seconds: Float[np.ndarray, "*t"]) -> Int64[np.ndarray, "*t"]:
    return np.round(seconds * TICKS).astype(np.int64)


def _property(name: str, kind: str, label: str, flags: str, *values: Any) -> Node:
    return Node("P", name, kind, label, flags, *values)


def _add_model(
    scene: _Scene, name: str, form: str, parent: np.int64, *properties: Node
) -> np.int64:
    inherit = _property("InheritType", "enum", "", "", 1)  # scales do not shear
    below = [Node("Version", 232), Node("Properties70", below=[inherit, *properties])]
    model = scene.add("Model", name, form, below)
    scene.connect(model, parent)
    return model


def _add_person(scene: _Scene, person: AnimatedPerson, layer: np.int64) -> None:
    rig = person.rig
    facts = _property("tcpformer", "KString", "", "U", json.dumps(person.facts))
    armature = _add_model(scene, person.name, "Null", SCENE, facts)
    bones: list[np.int64] = []
    for name, parent, offset in zip(rig.bones, rig.parents, rig.offsets, strict=True):
        place = ("Lcl Translation", "", "A", *(CENTIMETRES * offset).tolist())
        above = armature if parent < 0 else bones[parent]
        bones.append(_add_model(scene, name, "LimbNode", above, _property(place[0], *place)))
        flags = [Node("TypeFlags", "Skeleton")]
        scene.connect(scene.add("NodeAttribute", name, "LimbNode", flags), bones[-1])
    _add_curves(scene, layer, bones[0], "Translation", CENTIMETRES * rig.root, rig.times)
    for i, bone in enumerate(bones):
        angles = Rotation.from_quat(rig.rotations[:, i]).as_euler("xyz")
        degrees = np.degrees(unwrap_euler(angles[:, None], np.zeros((1, 3)))[:, 0])
        _add_curves(scene, layer, bone, "Rotation", degrees, rig.times)
    _add_body(scene, person, armature, bones)


def _add_curves(
    scene: _Scene,
    layer: np.int64,
    model: np.int64,
    kind: str,
    values: Float[np.ndarray, "t 3"],
    times: Float[np.ndarray, " t"],
) -> None:
    start = [
        _property(f"d|{axis}", "Number", "", "A", x)
        for axis, x in zip("XYZ", values[0].tolist(), strict=True)
    ]
    node = scene.add("AnimationCurveNode", kind[0], "", [Node("Properties70", below=start)])
    scene.connect(node, layer)
    scene.connect(node, model, f"Lcl {kind}")
    for axis, track in zip("XYZ", values.T, strict=True):
        below = [
            Node("Default", float(track[0])),
            Node("KeyVer", 4009),
            Node("KeyTime", _ticks(times)),
            Node("KeyValueFloat", track.astype(np.float32)),
            Node("KeyAttrFlags", np.array([LINEAR], np.int32)),
            Node("KeyAttrDataFloat", np.zeros(4, np.float32)),
            Node("KeyAttrRefCount", np.array([len(times)], np.int32)),
        ]
        scene.connect(scene.add("AnimationCurve", "", "", below), node, f"d|{axis}")


def _add_body(
    scene: _Scene, person: AnimatedPerson, armature: np.int64, bones: list[np.int64]
) -> None:
    mesh = _add_model(scene, f"{person.name}_body", "Mesh", SCENE)
    geometry = scene.add("Geometry", f"{person.name}_body", "Mesh", _geometry(person))
    scene.connect(geometry, mesh)
    color = _property("DiffuseColor", "Color", "", "A", *person.color)
    below = [Node("ShadingModel", "lambert"), Node("Properties70", below=[color])]
    scene.connect(scene.add("Material", person.name, "", below), mesh)
    skin = scene.add("Deformer", person.name, "Skin", [Node("Version", 101)])
    scene.connect(skin, geometry)
    matrices = np.tile(np.eye(4), (len(bones), 1, 1))  # of row vectors
    matrices[:, 3, :3] = CENTIMETRES * rest_heads(person.rig)
    for i, (bone, matrix) in enumerate(zip(bones, matrices, strict=True)):
        vertices, slots = np.nonzero((person.body.bones == i) & (person.body.weights > 0))
        below = [
            Node("Version", 100),
            Node("Indexes", vertices.astype(np.int32)),
            Node("Weights", person.body.weights[vertices, slots].astype(float)),
            Node("Transform", np.linalg.inv(matrix).ravel()),
            Node("TransformLink", matrix.ravel()),
        ]
        cluster = scene.add("Deformer", person.rig.bones[i], "Cluster", below)
        scene.connect(cluster, skin)
        scene.connect(bone, cluster)
    still = np.eye(4)
    places = zip((armature, mesh, *bones), (still, still, *matrices), strict=True)
    poses = [
        Node("PoseNode", below=[Node("Node", model), Node("Matrix", matrix.ravel())])
        for model, matrix in places
    ]
    pose = [Node("Type", "BindPose"), Node("Version", 100), Node("NbPoseNodes", len(poses))]
    scene.add("Pose", person.name, "BindPose", [*pose, *poses])


def _geometry(person: AnimatedPerson) -> list[Node]:
    body = person.body
    corners = body.triangles.astype(np.int32)
    closed = corners.copy()
    closed[:, -1] = ~closed[:, -1]  # marks the last corner
    normals = body.normals[corners.ravel()].ravel()
    layers = {
        "Normal": ("ByPolygonVertex", "Direct", Node("Normals", normals)),
        "Material": ("AllSame", "IndexToDirect", Node("Materials", np.zeros(1, np.int32))),
    }
    nodes = [
        Node("GeometryVersion", 124),
        Node("Vertices", (CENTIMETRES * body.vertices).ravel()),
        Node("PolygonVertexIndex", closed.ravel()),
    ]
    elements = [Node("Version", 100)]
    for name, (mapping, reference, values) in layers.items():
        how = [Node("MappingInformationType", mapping), Node("ReferenceInformationType", reference)]
        below = [Node("Version", 101), Node("Name", ""), *how, values]
        nodes.append(Node(f"LayerElement{name}", 0, below=below))
        kind = [Node("Type", f"LayerElement{name}"), Node("TypedIndex", 0)]
        elements.append(Node("LayerElement", below=kind))
    return [*nodes, Node("Layer", 0, below=elements)]


def _to_bytes(scene: _Scene, fps: float, times: dict[str, np.int64]) -> bytes:
    """Return the file: header, settings, objects, connections, footer."""
    axes = {"UpAxis": 1, "FrontAxis": 2, "CoordAxis": 0, "OriginalUpAxis": 1}
    signs = {f"{axis}Sign": 1 for axis in axes}
    settings = [_property(k, "int", "Integer", "", n) for k, n in (axes | signs).items()]
    settings += [
        _property("UnitScaleFactor", "double", "Number", "", 1.0),
        _property("OriginalUnitScaleFactor", "double", "Number", "", 1.0),
        _property("TimeMode", "enum", "", "", CUSTOM_RATE),
        _property("CustomFrameRate", "double", "Number", "", float(fps)),
        *(_property(f"TimeSpan{k}", "KTime", "Time", "", n) for k, n in times.items()),
    ]
    header = [Node("FBXHeaderVersion", 1003), Node("FBXVersion", VERSION)]
    counts = Counter(node.name.decode("ascii") for node in scene.objects)
    types = [Node("ObjectType", k, below=[Node("Count", n)]) for k, n in counts.items()]
    total = [Node("Version", 100), Node("Count", len(scene.objects))]
    nodes = [
        Node("FBXHeaderExtension", below=[*header, Node("Creator", "tcpformer")]),
        Node("FileId", FILE_ID),
        Node("CreationTime", CREATION_TIME),
        Node("Creator", "tcpformer"),
        Node("GlobalSettings", below=[Node("Version", 1000), Node("Properties70", below=settings)]),
        Node("Definitions", below=[*total, *types]),
        Node("Objects", below=scene.objects),
        Node("Connections", below=scene.connections),
    ]
    parts, at = [MAGIC + struct.pack("<I", VERSION)], len(MAGIC) + 4
    for node in nodes:
        parts.append(node.to_bytes(at))
        at += len(parts[-1])
    parts += [END, FOOTER_ID, bytes(4)]
    at += len(END) + len(FOOTER_ID) + 4
    padding = bytes(16 - at % 16)
    return b"".join((*parts, padding, struct.pack("<I", VERSION), bytes(120), FOOTER_MAGIC))
