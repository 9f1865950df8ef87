"""Each link improves what it is for, on motion whose truth is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from motions import motion3d, walk

from tcpformer.analysis.metrics import acceleration_error, bone_deviation, mpjpe
from tcpformer.analysis.quality import compare_quality, measure_quality
from tcpformer.motion import Motion2D, Motion3D
from tcpformer.postprocess import bones
from tcpformer.postprocess.bones import Observations, fit_bones
from tcpformer.postprocess.contacts import find_contacts, lock_feet
from tcpformer.postprocess.outliers import find_outliers
from tcpformer.postprocess.steps import PostprocessConfig, clean_keypoints, postprocess
from tcpformer.postprocess.swaps import fix_left_right_swaps
from tcpformer.skeleton import FEET, H36M

MIRROR = list(H36M.mirror)
OFF = PostprocessConfig(
    fix_swaps=False,
    reject_outliers=False,
    smooth_uncertain=False,
    filter="none",
    bones=False,
    ground=False,
    foot_lock=0.0,
)  # every link left out


def flat(motion: Motion3D) -> Motion2D:
    return Motion2D(motion.xy, motion.confidence, motion.size, motion.fps, H36M)


def relative(motion: Motion3D) -> np.ndarray:
    return motion.camera_xyz - motion.camera_xyz[:, :1]


def rough(motion: Motion3D, rng: np.random.Generator) -> Motion3D:
    """The same as a network says it: joints tremble, each for itself."""
    camera = motion.camera_xyz + rng.normal(0, 0.02, motion.camera_xyz.shape)
    return replace(motion, camera_xyz=camera, xyz=camera[..., [0, 2, 1]] * [1.0, 1.0, -1.0])


def standing(frames: int = 90) -> Motion3D:
    """Somebody who stands still and moves the arms."""
    xyz = np.repeat(walk(1).xyz, frames, axis=0)
    xyz[:, H36M.index["LWrist"], 2] += 0.2 * np.sin(np.arange(frames) / 5)
    return motion3d(xyz)


# in the picture


def test_exchanged_legs_are_found_and_put_right() -> None:
    true = flat(walk(120))
    legs = [H36M.index[side + j] for side in "LR" for j in ("Hip", "Knee", "Ankle")]
    xy = true.xy.copy()
    xy[40:46, legs] = true.xy[40:46][:, [MIRROR[j] for j in legs]]
    right, wrong = fix_left_right_swaps(replace(true, xy=xy))
    assert np.abs(right.xy - true.xy).mean() < 0.2 * np.abs(xy - true.xy).mean()
    assert not wrong[:, 1].any()


def test_a_motion_without_mistakes_stays() -> None:
    true = flat(walk(120))
    right, wrong = fix_left_right_swaps(true)
    assert not wrong.any()
    np.testing.assert_array_equal(right.xy, true.xy)
    assert not find_outliers(true).any()


def test_a_joint_that_jumps_away_is_bridged() -> None:
    true = flat(walk(120))
    xy, confidence = true.xy.copy(), true.confidence.copy()
    xy[50:54, H36M.index["LWrist"]] += 120.0
    confidence[50:54, H36M.index["LWrist"]] = 0.2
    motion = replace(true, xy=xy, confidence=confidence)
    assert find_outliers(motion)[50:54, H36M.index["LWrist"]].all()
    assert np.abs(clean_keypoints(motion, PostprocessConfig()).xy - true.xy).max() < 0.3 * 120
    np.testing.assert_array_equal(clean_keypoints(motion, OFF).xy, xy)


# in space


def test_fitted_bones_are_constant_and_nearer_the_truth(rng: np.random.Generator) -> None:
    true = relative(walk(60))
    said = true + rng.normal(0, 0.02, true.shape)
    said -= said[:, :1]
    fitted = fit_bones(said, np.ones(60))
    assert bone_deviation(fitted, H36M.bones).max() < 1e-9
    assert mpjpe(fitted, true).mean() < mpjpe(said, true).mean()
    np.testing.assert_allclose(fit_bones(true, np.ones(60)), true, atol=1e-6)
    with pytest.raises(ValueError, match="at least one frame"):
        fit_bones(said, np.zeros(60))


@pytest.mark.parametrize("at_once", [1, 7])
def test_bones_are_fitted_alike_some_frames_at_a_time(
    at_once: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    motion = rough(walk(40), rng)
    rays = motion.camera_xyz[..., :2] / motion.camera_xyz[..., 2:]
    seen = Observations(rays, motion.camera_xyz[:, 0], rng.uniform(0, 2, (40, 17)))
    weight = rng.uniform(size=40)
    whole = fit_bones(relative(motion), weight, seen)
    monkeypatch.setattr(bones, "FRAMES_AT_ONCE", at_once)
    np.testing.assert_allclose(fit_bones(relative(motion), weight, seen), whole, atol=1e-9)


def test_standing_feet_stay_and_bones_keep_their_lengths() -> None:
    motion = standing()
    slid = motion.xyz.copy()
    slid[..., 0] += 0.03 * np.sin(2 * np.pi * 0.5 * motion.times)[:, None]
    contact = find_contacts(slid, motion.times, motion.valid)
    assert contact.any(axis=1).mean() > 0.9
    held = lock_feet(slid, motion.times, contact)
    foot = FEET[int(contact.sum(axis=0).argmax())]
    assert np.ptp(held[:, foot, 0]) < 0.2 * np.ptp(slid[:, foot, 0])
    assert mpjpe(held, motion.xyz).mean() < mpjpe(slid, motion.xyz).mean()
    assert bone_deviation(held, H36M.bones).max() < 1e-9 + bone_deviation(slid, H36M.bones).max()


# the whole


def test_the_chain_brings_a_rough_motion_nearer_the_truth(rng: np.random.Generator) -> None:
    true = standing(150)
    raw = rough(true, rng)
    done = postprocess([raw], PostprocessConfig())[0]
    before, after = compare_quality(raw, done)
    other = replace(raw, xy=raw.xy + 0.1 * max(raw.size))
    with pytest.raises(ValueError, match="one motion before and after, got motions of two people"):
        compare_quality(other, done)
    assert (
        mpjpe(relative(done), relative(true)).mean() < mpjpe(relative(raw), relative(true)).mean()
    )
    errors = [acceleration_error(relative(m), relative(true), 30.0).mean() for m in (raw, done)]
    assert errors[1] < 0.3 * errors[0]
    assert after.jitter < 0.5 * before.jitter
    assert after.skate < 0.5 * before.skate
    assert after.bones < 0.01
    assert done.provenance["postprocess"] == PostprocessConfig().describe()


def test_every_link_changes_the_result_and_all_can_be_left_out(rng: np.random.Generator) -> None:
    raw = rough(walk(60), rng)
    default = postprocess([raw], PostprocessConfig())[0].camera_xyz
    links = {"filter": "gaussian", "speed_gain": 1.0, "bones": False, "reprojection_weight": 0.5}
    for name, value in {**links, "cutoff": (3.0, 3.0, 3.0)}.items():
        other = postprocess([raw], PostprocessConfig(**{name: value}))[0].camera_xyz
        assert np.abs(other - default).max() > 1e-6, name
    raw = rough(standing(), rng)
    feet = [
        postprocess([raw], PostprocessConfig(foot_lock=share))[0].camera_xyz
        for share in (0.0, 0.3, 0.6)
    ]
    assert min(np.abs(np.diff(feet, axis=0)).max(axis=(1, 2, 3))) > 1e-6
    nothing = postprocess([raw], OFF)[0]
    np.testing.assert_allclose(relative(nothing), relative(raw), atol=1e-9)
    assert nothing.provenance["postprocess"] == "nothing"


def test_what_a_chain_cannot_be_is_refused() -> None:
    many: list[dict[str, Any]] = [
        {"cutoff": (0.0, 1.0, 1.0)},
        {"speed_gain": -1.0},
        {"foot_lock": 2.0},
    ]
    for wrong in many:
        with pytest.raises(ValueError, match="expected cutoffs above 0 Hz"):
            PostprocessConfig(**wrong)


def test_a_perfect_walk_measures_as_such() -> None:
    found = measure_quality(walk(60))
    assert found.bones == pytest.approx(0, abs=1e-6)
    assert found.reprojection == pytest.approx(0, abs=1e-6)
    assert found.bridged == 0
    with pytest.raises(ValueError, match="at least 4 frames"):
        measure_quality(walk(3))
    with pytest.raises(ValueError, match="same frames"):
        compare_quality(walk(20), walk(30))
