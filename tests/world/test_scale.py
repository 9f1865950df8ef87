"""Metres from a height, a camera's height or a length: the walk in closed form, and laws."""

from dataclasses import replace

import numpy as np
import pytest
from lifters import lifter, seen
from motions import CAMERA, motion3d, walk

from tcpformer.lifting.lifter import Lifter
from tcpformer.motion import Motion3D
from tcpformer.postprocess.steps import PostprocessConfig
from tcpformer.skeleton import H36M, STANDARD_HEIGHT
from tcpformer.world.ground import find_ground
from tcpformer.world.scale import ANKLE_HEIGHT, Scale, apply_scale, median_height, parse_bone_length

TRUE = median_height(walk())
OVER_FLOOR = CAMERA[2] + ANKLE_HEIGHT * TRUE  # metres; the ankles of the walk stand at z = 0
KNEE, FOOT = H36M.index["RKnee"], H36M.index["RAnkle"]


def at_standard_height(motion: Motion3D) -> Motion3D:
    """The same as it is lifted where nothing is known: a world in which it is 1.70 m tall."""
    factor = STANDARD_HEIGHT / TRUE
    return replace(motion, xyz=factor * motion.xyz, camera_xyz=factor * motion.camera_xyz)


def shank_of(motion: Motion3D) -> float:
    span = motion.camera_xyz[:, KNEE] - motion.camera_xyz[:, FOOT]
    return float(np.median(np.linalg.norm(span, axis=-1)))


@pytest.mark.parametrize(
    "known",
    [
        Scale(camera_height=OVER_FLOOR),
        Scale(length=("RKnee", "RAnkle", 0.44)),
        Scale(length=("LShoulder", "LElbow", 0.28)),
    ],
    ids=["camera", "shank", "upper arm"],
)
def test_a_walk_seen_exactly_gets_its_metres_back(known: Scale) -> None:
    true = walk()
    (found,) = apply_scale([at_standard_height(true)], known)
    np.testing.assert_allclose(found.camera_xyz, true.camera_xyz, atol=1e-5)
    np.testing.assert_allclose(found.xyz[..., 2], true.xyz[..., 2], atol=1e-5)
    assert f"{TRUE:.2f} m tall" in found.provenance["scale"]
    assert "given" in found.provenance["scale"]


def test_the_floor_need_not_be_known() -> None:
    """Gravity and floor found from the walk itself, whose lower foot is not always on it."""
    true = walk()
    guessed = at_standard_height(true)
    ground = find_ground([guessed])
    placed = replace(guessed, xyz=ground.to_world(guessed.camera_xyz))
    (found,) = apply_scale([placed], Scale(camera_height=OVER_FLOOR))
    assert median_height(found) == pytest.approx(TRUE, rel=0.12)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Lifter:
    return lifter(tmp_path_factory.mktemp("quick"))


def test_twice_the_camera_height_is_twice_the_world(quick: Lifter) -> None:
    person = seen(walk(16))
    (usual,) = quick.lift_many([person])
    one, two = (quick(person, camera_height=metres) for metres in (0.6, 1.2))
    np.testing.assert_allclose(two.xyz, 2 * one.xyz, atol=1e-9)
    np.testing.assert_allclose(two.camera_xyz, 2 * one.camera_xyz, atol=1e-9)
    factor = median_height(one) / STANDARD_HEIGHT
    np.testing.assert_allclose(one.xyz, factor * usual.xyz, atol=1e-4)


@pytest.mark.parametrize("chain", [PostprocessConfig(), None])
def test_the_bone_becomes_as_long_as_it_is_known_to_be(
    quick: Lifter, chain: PostprocessConfig | None
) -> None:
    motion = quick(seen(walk(24)), bone_length=("RAnkle", "RKnee", 0.38), postprocess=chain)
    assert shank_of(motion) == pytest.approx(0.38, abs=1e-5)
    assert "RAnkle to RKnee 0.380 m" in motion.provenance["scale"]


@pytest.mark.parametrize(
    "known", [Scale(camera_height=OVER_FLOOR), Scale(length=("LShoulder", "LElbow", 0.28))]
)
def test_people_of_one_world_grow_alike(known: Scale) -> None:
    """The second has longer arms: the length is of the first."""
    one = walk(20)
    longer = one.xyz + np.array([0.5, 1.0, 0.0])
    longer[:, H36M.index["LElbow"], 2] -= 0.1
    other = motion3d(longer)
    people = [at_standard_height(one), at_standard_height(other)]
    found = apply_scale(people, known)
    for before, after in zip(people, found, strict=True):
        factor = TRUE / STANDARD_HEIGHT
        np.testing.assert_allclose(after.xyz, factor * before.xyz, rtol=1e-5)
        np.testing.assert_allclose(after.camera_xyz, factor * before.camera_xyz, rtol=1e-5)


def test_what_is_sure_to_centimetres_grows_along() -> None:
    motion = at_standard_height(walk(20))
    motion = replace(motion, sigma=np.full(motion.xyz.shape, 0.05))
    (found,) = apply_scale([motion], Scale(length=("RKnee", "RAnkle", 0.5)))
    assert found.sigma is not None
    np.testing.assert_allclose(
        found.sigma, 0.05 * median_height(found) / STANDARD_HEIGHT, rtol=1e-5
    )


def test_what_sets_no_scale_is_refused(quick: Lifter) -> None:
    person = seen(walk(30))
    shank = ("RKnee", "RAnkle", 0.44)
    with pytest.raises(ValueError, match="got height and length"):
        quick(person, height=1.8, length=shank)
    with pytest.raises(ValueError, match="got height and camera_height and length"):
        Scale(height=1.8, camera_height=1.0, length=shank)
    for chain in (None, PostprocessConfig(ground=False)):
        with pytest.raises(ValueError, match="only found when the motion is finished"):
            quick(person, camera_height=1.5, postprocess=chain)
    for metres in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="camera height must be metres"):
            Scale(camera_height=metres)
        with pytest.raises(ValueError, match="must be positive metres"):
            Scale(length=("RKnee", "RAnkle", metres))
    for ends in (("RHip", "RAnkle"), ("RKnee", "LKnee"), ("Elbow", "RWrist")):
        with pytest.raises(ValueError, match="neighbouring joints"):
            Scale(length=(*ends, 0.4))


def test_giants_and_a_floor_above_the_camera_are_refused() -> None:
    motion = at_standard_height(walk(30))
    with pytest.raises(ValueError, match=r"person would be 1\d\.\d\d m tall.*Is it metres"):
        apply_scale([motion], Scale(camera_height=10.0))
    with pytest.raises(ValueError, match=r"would be 0\.0\d m tall"):
        apply_scale([motion], Scale(length=("RKnee", "RAnkle", 0.02)))
    above = replace(motion, xyz=motion.xyz - [0.0, 0.0, 1.5])
    with pytest.raises(ValueError, match="not below the camera"):
        apply_scale([above], Scale(camera_height=1.0))


def test_a_length_in_words() -> None:
    for text in ("RKnee-RAnkle=0.43", "right_knee-ankle.R=0.43"):
        assert parse_bone_length(text) == ("RKnee", "RAnkle", 0.43)
    for wrong in ("RKnee=0.43", "RKnee-RAnkle", "RKnee-RAnkle=43cm", ""):
        with pytest.raises(ValueError, match="JOINT-JOINT=METRES"):
            parse_bone_length(wrong)


def test_a_height_changes_nothing() -> None:
    motion = walk(20)
    assert apply_scale([motion], Scale(height=1.9)) == [motion]
    assert apply_scale([motion], Scale()) == [motion]
    assert apply_scale([], Scale(camera_height=1.0)) == []
