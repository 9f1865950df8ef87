"""USD with UsdSkel, which Omniverse, Houdini, Maya, Blender and macOS read; needs the extra `usd`.

`.usda` is text, `.usdc` binary. Every person is a SkelRoot with a skinned body, a Skeleton and an
animation; time codes are frames of the video at its rate.
"""

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_write
from ..motion import Motion3D
from ..optional import missing_extra
from .animated_people import AnimatedPerson, StillCamera, animate_people, find_camera
from .body_mesh import rest_heads
from .rig import TRIMMED, RiggedMotion, RigOptions

FILM_WIDTH = 36.0
"""Width of the film in USD's unit of lenses, a tenth of the scene's unit taken as centimetres."""


def write_usd(motions: Sequence[Motion3D], path: str | Path, options: RigOptions = TRIMMED) -> None:
    """Write people of one camera as USD, in metres, y up.

    Frame f of the file is second f / fps of the video. Facts of each person are the customData of
    their SkelRoot, as JSON.

    Raises:
        ImportError: If usd-core is not installed.
        ValueError: If two people have the same number, their rates differ, or a motion has a
            skeleton without a rig.
        OSError: If the folder does not exist or cannot be written.
    """
    Sdf, Usd, UsdGeom = _import("Sdf", "Usd", "UsdGeom")
    people = animate_people(motions, options)
    rates = sorted({person.rig.fps for person in people})
    if len(rates) > 1:
        raise ValueError(f"USD has one frame rate, but people have {rates}; save each by itself.")
    path = Path(path)
    with atomic_write(path) as beside:
        layer = Sdf.Layer.CreateAnonymous(path.suffix)
        stage = Usd.Stage.Open(layer)
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        UsdGeom.SetStageMetersPerUnit(stage, 1.0)
        stage.SetTimeCodesPerSecond(rates[0])
        stage.SetFramesPerSecond(rates[0])
        codes = [_time_codes(person.rig) for person in people]
        stage.SetStartTimeCode(min(float(code[0]) for code in codes))
        stage.SetEndTimeCode(max(float(code[-1]) for code in codes))
        stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/people").GetPrim())
        for person in people:
            _add_person(stage, person)
        camera = None if options.recenter else find_camera(motions)
        if camera is not None:
            _add_camera(stage, camera)
        layer.Export(str(beside))


def _import(*names: str) -> tuple[Any, ...]:
    """Return modules of usd-core, which has no types."""
    try:
        return tuple(import_module(f"pxr.{name}") for name in names)
    except ImportError as error:
        raise missing_extra("Writing USD", "usd-core", "usd") from error


def _time_codes(rig: RiggedMotion) -> np.ndarray:
    return rig.times * rig.fps


def bone_paths(rig: RiggedMotion) -> list[str]:
    """Return the bones as UsdSkel names them: with all above them."""
    paths: list[str] = []
    for bone, parent in zip(rig.bones, rig.parents, strict=True):
        paths.append(bone if parent < 0 else f"{paths[parent]}/{bone}")
    return paths


def _add_person(stage: Any, person: AnimatedPerson) -> None:
    Gf, UsdSkel, Vt = _import("Gf", "UsdSkel", "Vt")

    rig, root = person.rig, f"/people/{person.name}"
    skel_root = UsdSkel.Root.Define(stage, root)
    skel_root.GetPrim().SetCustomDataByKey("tcpformer", json.dumps(person.facts))
    skeleton = UsdSkel.Skeleton.Define(stage, f"{root}/armature")
    joints = Vt.TokenArray(bone_paths(rig))
    skeleton.CreateJointsAttr(joints)
    bind = [Gf.Matrix4d().SetTranslate(Gf.Vec3d(*head)) for head in rest_heads(rig).tolist()]
    rest = [Gf.Matrix4d().SetTranslate(Gf.Vec3d(*offset)) for offset in rig.offsets.tolist()]
    skeleton.CreateBindTransformsAttr(Vt.Matrix4dArray(bind))
    skeleton.CreateRestTransformsAttr(Vt.Matrix4dArray(rest))
    animation = UsdSkel.Animation.Define(stage, f"{root}/armature/animation")
    animation.CreateJointsAttr(joints)
    binding = UsdSkel.BindingAPI.Apply(skeleton.GetPrim())
    binding.CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    _add_samples(animation, rig)
    _add_body(stage, person, skeleton)


def _add_samples(animation: Any, rig: RiggedMotion) -> None:
    Gf, Vt = _import("Gf", "Vt")

    turns, places = animation.CreateRotationsAttr(), animation.CreateTranslationsAttr()
    animation.CreateScalesAttr(Vt.Vec3hArray([Gf.Vec3h(1)] * len(rig.bones)))
    offsets = rig.offsets.astype(np.float32)
    for i, code in enumerate(_time_codes(rig).tolist()):
        offsets[0] = rig.root[i]
        places.Set(Vt.Vec3fArray.FromNumpy(offsets.copy()), code)
        xyzw = rig.rotations[i].tolist()
        turns.Set(Vt.QuatfArray([Gf.Quatf(w, x, y, z) for x, y, z, w in xyzw]), code)


def _add_body(stage: Any, person: AnimatedPerson, skeleton: Any) -> None:
    Gf, UsdGeom, UsdSkel, Vt = _import("Gf", "UsdGeom", "UsdSkel", "Vt")

    body = person.body
    mesh = UsdGeom.Mesh.Define(stage, f"/people/{person.name}/body")
    points = Vt.Vec3fArray.FromNumpy(body.vertices.astype(np.float32))
    mesh.CreatePointsAttr(points)
    mesh.CreateExtentAttr(UsdGeom.PointBased.ComputeExtent(points))
    mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(body.normals.astype(np.float32)))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    corners = body.triangles.astype(np.int32).ravel()
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(corners))
    counts = np.full(len(body.triangles), 3, np.int32)
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(counts))
    mesh.CreateDisplayColorAttr([Gf.Vec3f(*person.color)])
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    influences = Vt.IntArray.FromNumpy(body.bones.astype(np.int32).ravel())
    binding.CreateJointIndicesPrimvar(False, body.bones.shape[1]).Set(influences)
    weights = Vt.FloatArray.FromNumpy(body.weights.ravel())
    binding.CreateJointWeightsPrimvar(False, body.weights.shape[1]).Set(weights)


def _add_camera(stage: Any, still: StillCamera) -> None:
    Gf, UsdGeom = _import("Gf", "UsdGeom")

    matrix = np.eye(4)
    matrix[:3, :3], matrix[3, :3] = still.turn.T, still.position  # row vectors
    camera = UsdGeom.Camera.Define(stage, "/people/camera")
    camera.AddTransformOp().Set(Gf.Matrix4d(*matrix.ravel().tolist()))
    width, height = still.size
    camera.CreateHorizontalApertureAttr(FILM_WIDTH)
    camera.CreateVerticalApertureAttr(FILM_WIDTH * height / width)
    camera.CreateFocalLengthAttr(FILM_WIDTH * still.focal / width)
    camera.CreateClippingRangeAttr(Gf.Vec2f(0.05, 1000))
