"""Metres from a height, a camera's height or a bone length: the walk in closed form, and laws."""

from dataclasses import replace

import numpy as np
import pytest
from lifters import lifter, seen
from motions import CAMERA, motion3d, walk

from tcpformer.lifting.lifter import Lifter
from tcpformer.motion import Motion3D
from tcpformer.postprocess.stages import PostprocessConfig
from tcpformer.skeleton import ANKLE_HEIGHT, H36M, STANDARD_HEIGHT, stature
from tcpformer.world.ground import find_ground
from tcpformer.world.scale import (
    HEIGHT_SPREAD,
    Scale,
    apply_scale,
    choose_height,
    median_height,
    parse_bone_length,
    parse_heights,
    scale_to_height,
    widen_by_height,
)

TRUE = median_height(walk())
CAMERA_HEIGHT = CAMERA[2] + ANKLE_HEIGHT * TRUE  # metres; the ankles of the walk stand at z = 0
KNEE, FOOT = H36M.index["RKnee"], H36M.index["RAnkle"]


def at_standard_height(motion: Motion3D) -> Motion3D:
    """Return the motion as it is lifted by default: 1.70 m tall."""
    factor = STANDARD_HEIGHT / TRUE
    return replace(motion, xyz=factor * motion.xyz, camera_xyz=factor * motion.camera_xyz)


def shank_of(motion: Motion3D) -> float:
    span = motion.camera_xyz[:, KNEE] - motion.camera_xyz[:, FOOT]
    return float(np.median(np.linalg.norm(span, axis=-1)))


def pose(frames: int) -> np.ndarray:
    """Return a moving body, pelvis at the origin, camera axes."""
    camera = walk(frames, speed=0.0).camera_xyz
    return camera - camera[:, :1]


def times(frames: int) -> np.ndarray:
    return np.arange(frames) / 30.0


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Lifter:
    return lifter(tmp_path_factory.mktemp("quick"))


def test_choose_height_given_or_assumed() -> None:
    assert choose_height(None)[0] == STANDARD_HEIGHT
    assert choose_height(1.85) == (1.85, "body height, given: 1.85 m")
    for height in (0.0, 185.0, float("nan")):
        with pytest.raises(ValueError, match=r"metres, from 0\.3 to 3\.0"):
            choose_height(height)


def test_scale_to_height_keeps_the_shape() -> None:
    relative = 123.0 * pose(50)
    valid = np.arange(50) % 2 == 0
    for at in (None, times(50)):
        scaled = scale_to_height(relative, 1.80, valid=valid, times=at)
        np.testing.assert_allclose(stature(scaled), 1.80, rtol=1e-9)
        ratio = scaled[:, 3, 1] / relative[:, 3, 1]
        np.testing.assert_allclose(scaled, relative * ratio[:, None, None], rtol=1e-9)
        again = scale_to_height(scaled, 1.80, valid=valid, times=at)
        np.testing.assert_allclose(again, scaled, rtol=1e-9)


def test_scale_to_height_ignores_invalid_frames() -> None:
    relative, valid = pose(40), np.arange(40) < 15
    wrong = np.where(valid[:, None, None], relative, 9 * relative)
    for at in (None, times(40)):
        scaled = scale_to_height(wrong, 1.70, valid=valid, times=at)
        np.testing.assert_allclose(stature(scaled[:15]), 1.70, rtol=1e-9)


def test_scale_to_height_follows_a_slow_change_but_not_jitter() -> None:
    grows = np.linspace(1, 3, 300)[:, None, None]
    rng = np.random.default_rng(4)
    jitter = np.exp(rng.normal(0, 0.05, (300, 1, 1)))
    body = pose(300) * grows * jitter
    found = stature(scale_to_height(body, 1.70, valid=np.ones(300, bool), times=times(300)))
    np.testing.assert_allclose(found[40:-40] / jitter[40:-40, 0, 0], 1.70, rtol=0.04)
    assert np.abs(found / jitter[:, 0, 0] - 1.70).max() < 0.2


def test_scale_to_height_over_a_long_gap() -> None:
    valid = (np.arange(600) < 40) | (np.arange(600) > 560)
    scaled = scale_to_height(pose(600), 1.70, valid=valid, times=times(600))
    np.testing.assert_allclose(stature(scaled), 1.70, rtol=1e-9)


def test_scale_to_height_of_a_pose_without_extent_is_finite() -> None:
    nothing = np.zeros((5, 17, 3))
    for at in (None, times(5)):
        assert np.isfinite(scale_to_height(nothing, 1.7, valid=np.ones(5, bool), times=at)).all()


@pytest.mark.parametrize(
    "known",
    [
        Scale(camera_height=CAMERA_HEIGHT),
        Scale(bone_length=("RKnee", "RAnkle", 0.44)),
        Scale(bone_length=("LShoulder", "LElbow", 0.28)),
    ],
    ids=["camera", "shank", "upper arm"],
)
def test_apply_scale_recovers_the_metres_of_an_exact_walk(known: Scale) -> None:
    true = walk()
    (found,) = apply_scale([at_standard_height(true)], known)
    np.testing.assert_allclose(found.camera_xyz, true.camera_xyz, atol=1e-5)
    np.testing.assert_allclose(found.xyz[..., 2], true.xyz[..., 2], atol=1e-5)
    assert f"{TRUE:.2f} m tall" in found.provenance["scale"]
    assert "given" in found.provenance["scale"]


def test_apply_scale_with_an_estimated_floor() -> None:
    true = walk()
    guessed = at_standard_height(true)
    ground = find_ground([guessed])
    placed = replace(guessed, xyz=ground.to_world(guessed.camera_xyz))
    (found,) = apply_scale([placed], Scale(camera_height=CAMERA_HEIGHT))
    assert median_height(found) == pytest.approx(TRUE, rel=0.12)


def test_lifter_doubles_the_world_with_the_camera_height(quick: Lifter) -> None:
    person = seen(walk(16))
    (usual,) = quick.lift_many([person])
    one, two = (quick(person, camera_height=metres) for metres in (0.6, 1.2))
    np.testing.assert_allclose(two.xyz, 2 * one.xyz, atol=1e-9)
    np.testing.assert_allclose(two.camera_xyz, 2 * one.camera_xyz, atol=1e-9)
    factor = median_height(one) / STANDARD_HEIGHT
    np.testing.assert_allclose(one.xyz, factor * usual.xyz, atol=1e-4)


@pytest.mark.parametrize("config", [PostprocessConfig(), None])
def test_lifter_scales_to_the_bone_length(quick: Lifter, config: PostprocessConfig | None) -> None:
    motion = quick(seen(walk(24)), bone_length=("RAnkle", "RKnee", 0.38), postprocess=config)
    assert shank_of(motion) == pytest.approx(0.38, abs=1e-5)
    assert "RAnkle to RKnee 0.380 m" in motion.provenance["scale"]


@pytest.mark.parametrize(
    "known", [Scale(camera_height=CAMERA_HEIGHT), Scale(bone_length=("LShoulder", "LElbow", 0.28))]
)
def test_apply_scale_scales_all_people_by_one_factor(known: Scale) -> None:
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


def test_apply_scale_scales_sigma() -> None:
    motion = at_standard_height(walk(20))
    motion = replace(motion, sigma=np.full(motion.xyz.shape, 0.05), ground_sigma=(3.0, 1.5, 0.1))
    (found,) = apply_scale([motion], Scale(bone_length=("RKnee", "RAnkle", 0.5)))
    assert found.sigma is not None
    np.testing.assert_allclose(
        found.sigma, 0.05 * median_height(found) / STANDARD_HEIGHT, rtol=1e-5
    )
    assert found.ground_sigma is not None
    floor = 0.1 * median_height(found) / STANDARD_HEIGHT
    assert found.ground_sigma == pytest.approx((3.0, 1.5, floor), rel=1e-5)


def test_scale_refuses_two_at_once() -> None:
    with pytest.raises(ValueError, match="got height and camera_height and bone_length"):
        Scale(height=1.8, camera_height=1.0, bone_length=("RKnee", "RAnkle", 0.44))


@pytest.mark.parametrize("metres", [0.0, -1.0, float("nan")])
def test_scale_refuses_lengths_that_are_not_positive(metres: float) -> None:
    with pytest.raises(ValueError, match="camera height must be metres"):
        Scale(camera_height=metres)
    with pytest.raises(ValueError, match="must be positive metres"):
        Scale(bone_length=("RKnee", "RAnkle", metres))


@pytest.mark.parametrize("ends", [("RHip", "RAnkle"), ("RKnee", "LKnee"), ("Elbow", "RWrist")])
def test_scale_refuses_joints_that_no_bone_connects(ends: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="neighbouring joints"):
        Scale(bone_length=(*ends, 0.4))


def test_check_floor_refuses_a_camera_height_without_floor() -> None:
    scale = Scale(camera_height=1.5)
    scale.check_floor(found=True)
    Scale(height=1.5).check_floor(found=False)
    with pytest.raises(ValueError, match="which only post-processing finds"):
        scale.check_floor(found=False)


@pytest.mark.parametrize("config", [None, PostprocessConfig(ground=False)])
def test_lifter_refuses_a_camera_height_without_floor(
    quick: Lifter, config: PostprocessConfig | None
) -> None:
    with pytest.raises(ValueError, match="which only post-processing finds"):
        quick(seen(walk(30)), camera_height=1.5, postprocess=config)


def test_apply_scale_refuses_giants_and_a_floor_above_the_camera() -> None:
    motion = at_standard_height(walk(30))
    with pytest.raises(ValueError, match=r"person would be 1\d\.\d\d m tall.*Is it metres"):
        apply_scale([motion], Scale(camera_height=10.0))
    with pytest.raises(ValueError, match=r"would be 0\.0\d m tall"):
        apply_scale([motion], Scale(bone_length=("RKnee", "RAnkle", 0.02)))
    above = replace(motion, xyz=motion.xyz - [0.0, 0.0, 1.5])
    with pytest.raises(ValueError, match="not below the camera"):
        apply_scale([above], Scale(camera_height=1.0))


def test_parse_bone_length() -> None:
    for text in ("RKnee-RAnkle=0.43", "right_knee-ankle.R=0.43"):
        assert parse_bone_length(text) == ("RKnee", "RAnkle", 0.43)
    for wrong in ("RKnee=0.43", "RKnee-RAnkle", "RKnee-RAnkle=43cm", ""):
        with pytest.raises(ValueError, match="JOINT-JOINT=METRES"):
            parse_bone_length(wrong)


def test_apply_scale_with_a_height_changes_nothing() -> None:
    motion = walk(20)
    assert apply_scale([motion], Scale(height=1.9)) == [motion]
    assert apply_scale([motion], Scale()) == [motion]
    assert apply_scale([], Scale(camera_height=1.0)) == []


def test_widen_by_height_adds_the_spread_of_heights() -> None:
    """A joint a metre from the pelvis is off by the share of heights; the pelvis is not."""
    motion = replace(walk(5), sigma=np.full(walk(5).xyz.shape, 0.01))
    wide = widen_by_height(motion, Scale())
    share = HEIGHT_SPREAD / STANDARD_HEIGHT
    relative = motion.camera_xyz - motion.camera_xyz[:, :1]
    assert wide.sigma is not None
    np.testing.assert_allclose(wide.sigma, np.sqrt(0.01**2 + (share * relative) ** 2))
    np.testing.assert_array_equal(wide.sigma[:, 0], 0.01)
    np.testing.assert_array_equal(wide.camera_xyz, motion.camera_xyz)
    assert "assumed height" in wide.provenance["sigma"]


@pytest.mark.parametrize(
    "known",
    [
        Scale(height=1.8),
        Scale(height={0: 1.8}),
        Scale(camera_height=1.4),
        Scale(bone_length=("RKnee", "RAnkle", 0.5)),
    ],
)
def test_widen_by_height_leaves_a_known_scale(known: Scale) -> None:
    motion = replace(walk(5), sigma=np.full(walk(5).xyz.shape, 0.01))
    assert widen_by_height(motion, known) is motion


def test_widen_by_height_knows_each_person() -> None:
    other = replace(walk(5), sigma=np.full(walk(5).xyz.shape, 0.01), person=1)
    wide = widen_by_height(other, Scale(height={0: 1.8}))
    assert "assumed height" in wide.provenance["sigma"]


def test_widened_regions_hold_people_of_other_heights(rng: np.random.Generator) -> None:
    """People of random heights whose pose is exact: 68 % of the errors lie within one sigma."""
    motion = replace(walk(40), sigma=np.full(walk(40).xyz.shape, 1e-9))
    wide = widen_by_height(motion, Scale())
    heights = rng.normal(STANDARD_HEIGHT, HEIGHT_SPREAD, 4000)
    relative = motion.camera_xyz[20, 10] - motion.camera_xyz[20, 0]
    error = (heights / STANDARD_HEIGHT - 1)[:, None] * relative
    assert wide.sigma is not None
    share = (np.abs(error) < wide.sigma[20, 10]).mean(axis=0)
    np.testing.assert_allclose(share, 0.683, atol=0.02)


def test_parse_heights() -> None:
    assert parse_heights(1.75) == 1.75
    assert parse_heights(None) is None
    assert parse_heights("0=1.85,1=1.62") == {0: 1.85, 1: 1.62}


@pytest.mark.parametrize("text", ["", "1.75", "0=", "0=1.8,", "0=1.8,0=1.7", "-1=1.8", "a=1.8"])
def test_parse_heights_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"number of metres, or PERSON=METRES"):
        parse_heights(text)


def test_scale_heights_by_person() -> None:
    scale = Scale(height={0: 1.85, 2: 1.6})
    assert [scale.height_of(person) for person in (0, 1, 2)] == [1.85, None, 1.6]
    assert Scale(height=1.7).height_of(5) == 1.7
    with pytest.raises(ValueError, match=r"from 0\.3 to 3\.0"):
        Scale(height={0: 185.0})
