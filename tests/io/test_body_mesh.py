"""The skin: a closed figure that follows the bones it is fitted to."""

from dataclasses import replace

import numpy as np
import pytest
from motions import walk
from paths import ROOT
from walk26 import walk26

from tcpformer.io.body_mesh import BodyMesh, fit_body, rest_heads
from tcpformer.io.rig import RiggedMotion, RigOptions, solve_rig
from tcpformer.io.rig_names import INDEX


@pytest.fixture(scope="module")
def rig() -> RiggedMotion:
    return solve_rig(walk26(20))


@pytest.fixture(scope="module")
def body(rig: RiggedMotion) -> BodyMesh:
    return fit_body(rig)


def test_fit_body_weights_sum_to_one_and_name_bones(rig: RiggedMotion, body: BodyMesh) -> None:
    np.testing.assert_allclose(body.weights.sum(axis=1), 1, atol=1e-6)
    assert body.bones.max() < len(rig.bones)
    assert not body.bones[body.weights == 0].any()


def test_fit_body_stands_on_the_floor(body: BodyMesh) -> None:
    assert abs(body.vertices[:, 1].min()) < 0.01


def test_fit_body_has_stature_of_the_person(rig: RiggedMotion, body: BodyMesh) -> None:
    crown = rest_heads(rig)[INDEX["Head"], 1]
    assert 0.12 < body.vertices[:, 1].max() - crown < 0.30


@pytest.mark.parametrize("factor", [0.6, 1.3])
def test_fit_body_scales_with_the_person(rig: RiggedMotion, body: BodyMesh, factor: float) -> None:
    larger = fit_body(replace(rig, offsets=factor * rig.offsets, tails=factor * rig.tails))
    np.testing.assert_allclose(larger.vertices, factor * body.vertices, atol=1e-9)


def test_fit_body_lengthens_with_an_arm(rig: RiggedMotion, body: BodyMesh) -> None:
    offsets, tails = rig.offsets.copy(), rig.tails.copy()
    longer = 0.1 * offsets[INDEX["LeftHand"]]
    offsets[INDEX["LeftHand"]] += longer
    tails[INDEX["LeftForeArm"]] += longer
    moved = fit_body(replace(rig, offsets=offsets, tails=tails)).vertices - body.vertices
    hand = (body.bones[:, 0] == INDEX["LeftHand"]) & (body.weights[:, 0] == 1)
    leg = body.bones[:, 0] == INDEX["RightLeg"]
    assert hand.any()
    np.testing.assert_allclose(moved[hand] - longer, 0, atol=0.005)
    np.testing.assert_allclose(moved[leg], 0, atol=0.005)  # the girth follows the median limb


@pytest.mark.parametrize("bone", ["LeftForeArm", "RightLeg", "LeftHand", "RightFoot", "Head"])
def test_fit_body_surrounds_its_bones(rig: RiggedMotion, body: BodyMesh, bone: str) -> None:
    skin = body.vertices[body.bones[:, 0] == INDEX[bone]]
    middle = rest_heads(rig)[INDEX[bone]] + 0.5 * rig.tails[INDEX[bone]]
    assert np.linalg.norm(skin - middle, axis=1).min() < 0.12
    assert ((skin.min(axis=0) < middle + 0.02) & (skin.max(axis=0) > middle - 0.02)).all()


def test_fit_body_normals_point_outwards(body: BodyMesh) -> None:
    np.testing.assert_allclose(np.linalg.norm(body.normals, axis=1), 1, atol=1e-6)
    a, b, c = body.vertices[body.triangles].swapaxes(0, 1)
    volume = np.einsum("fx,fx->", a, np.cross(b, c)) / 6
    assert 0.02 < volume < 0.12  # cubic metres, positive where triangles turn outwards
    facing = (np.cross(b - a, c - a) * body.normals[body.triangles].mean(axis=1)).sum(axis=1)
    assert (facing > 0).mean() > 0.97


def test_fit_body_of_17_joints_and_of_an_a_pose() -> None:
    rig = solve_rig(walk(20), RigOptions(rest="a-pose"))
    body = fit_body(rig)
    hand = body.vertices[body.bones[:, 0] == INDEX["LeftHand"]].mean(axis=0)
    assert np.linalg.norm(hand - rest_heads(rig)[INDEX["LeftHand"]]) < 0.15


def test_fit_body_refuses_another_rig(rig: RiggedMotion) -> None:
    few = replace(rig, bones=rig.bones[:3])
    with pytest.raises(ValueError, match="expected a rig of 22 bones, got 3"):
        fit_body(few)


def test_body_is_small_and_named_in_notice() -> None:
    assert (ROOT / "src/tcpformer/io/body.npz").stat().st_size < 300_000
    notice = (ROOT / "NOTICE").read_text()
    assert "MakeHuman" in notice
    assert "CC0" in notice
