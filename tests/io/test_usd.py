"""USD: UsdSkel finds the rig's motion in it."""

import json
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign import heads_in_blender
from motions import FOCAL, SIZE, walk
from walk26 import walk26

from tcpformer.io.rig import RigOptions, forward_kinematics, solve_rig
from tcpformer.io.usd import bone_paths, write_usd
from tcpformer.motion import Motion3D

FRAMES = 40


@pytest.fixture(scope="module")
def people() -> list[Motion3D]:
    return [walk26(FRAMES), replace(walk(FRAMES), person=1)]


@pytest.fixture(scope="module", params=[".usda", ".usdc"])
def path(
    people: list[Motion3D],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Path:
    pytest.importorskip("pxr", reason="usd-core is not installed")
    path = tmp_path_factory.mktemp("usd") / f"people{request.param}"
    write_usd(people, path)
    return path


def test_bone_paths_hold_all_parents() -> None:
    paths = bone_paths(solve_rig(walk(5)))
    assert paths[0] == "Hips"
    assert paths[-1] == "Hips/RightUpLeg/RightLeg/RightFoot/RightToeBase"


def test_write_usd_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pxr.Sdf", None)
    with pytest.raises(ImportError, match=r"tcpformer\[usd\]"):
        write_usd([walk(5)], tmp_path / "a.usda")


def pxr(module: str) -> Any:
    """Return a module of usd-core, which has no types."""
    return import_module(f"pxr.{module}")


def open_stage(path: Path) -> Any:
    return pxr("Usd").Stage.Open(str(path))


@pytest.mark.slow
def test_write_usd_moves_bones_as_the_rig(people: list[Motion3D], path: Path) -> None:
    usd, skel, stage = pxr("Usd"), pxr("UsdSkel"), open_stage(path)
    cache = skel.Cache()
    for motion in people:
        rig = solve_rig(motion, RigOptions(trim=True))
        place = f"/people/person_{motion.person}"
        cache.Populate(skel.Root(stage.GetPrimAtPath(place)), usd.PrimDefaultPredicate)
        query = cache.GetSkelQuery(skel.Skeleton(stage.GetPrimAtPath(f"{place}/armature")))
        for frame in (0, 17, FRAMES - 1):
            transforms = query.ComputeJointSkelTransforms(usd.TimeCode(frame))
            found = np.array(transforms)[:, 3, :3]
            np.testing.assert_allclose(found, forward_kinematics(rig)[frame], atol=1e-5)


@pytest.mark.slow
def test_write_usd_states_rate_unit_axes_and_facts(people: list[Motion3D], path: Path) -> None:
    geom, stage = pxr("UsdGeom"), open_stage(path)
    codes = stage.GetStartTimeCode(), stage.GetEndTimeCode(), stage.GetTimeCodesPerSecond()
    assert codes == (0, FRAMES - 1, 30)
    assert (geom.GetStageMetersPerUnit(stage), geom.GetStageUpAxis(stage)) == (1, "Y")
    data = stage.GetPrimAtPath("/people/person_1").GetCustomDataByKey("tcpformer")
    assert json.loads(data)["provenance"] == dict(people[1].provenance)


@pytest.mark.slow
def test_write_usd_camera_stands_where_it_stood(path: Path) -> None:
    geom, stage = pxr("UsdGeom"), open_stage(path)
    camera = geom.Camera(stage.GetPrimAtPath("/people/camera")).GetCamera(0)
    np.testing.assert_allclose(np.array(camera.transform)[3, :3], [0, 1, 5], atol=1e-6)
    width = camera.horizontalAperture / camera.focalLength
    assert width == pytest.approx(SIZE[0] / FOCAL, rel=1e-5)


@pytest.mark.slow
def test_write_usd_plays_in_blender(people: list[Motion3D], path: Path) -> None:
    found = heads_in_blender("usd", path, start=0, step=6, count=FRAMES)
    for motion in people:
        rig = solve_rig(motion, RigOptions(trim=True))
        heads = forward_kinematics(rig)[::6]
        for bone, points in found[f"person_{motion.person}"].items():
            np.testing.assert_allclose(points, heads[:, rig.bones.index(bone)], atol=1e-5)
