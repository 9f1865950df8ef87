"""Every step improves what it is for, on motion whose truth is known, and can be left out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from motions import detected, motion3d, rough, stand, walk, walk2d
from walk26 import body_of, masked, tremble, walk26

from tcpformer.analysis.metrics import acceleration_error, bone_deviation, jitter, mpjpe, mpjve
from tcpformer.analysis.quality import compare_quality, measure_quality
from tcpformer.filtering.gaps import fill_gaps
from tcpformer.motion import Motion2D, Motion3D
from tcpformer.postprocess.stages import (
    PostprocessConfig,
    clean_keypoints,
    postprocess,
    smooth_joints,
)
from tcpformer.skeleton import BALLS, BODY, BODY_26, GROUPS, H36M, HEELS
from tcpformer.world.soles import sole_height

CLEAN_OFF: dict[str, Any] = {
    "fix_swaps": False,
    "reject_outliers": False,
    "smooth_uncertain": False,
}
FILTER_ALONE: dict[str, Any] = {"bones": False, "ground": False, "foot_lock": 0.0}
OFF = PostprocessConfig(filter="none", **CLEAN_OFF, **FILTER_ALONE)
WRIST = H36M.index["LWrist"]


def relative(motion: Motion3D) -> np.ndarray:
    return motion.camera_xyz - motion.camera_xyz[:, :1]


def finish(motion: Motion3D, **options: Any) -> Motion3D:
    return postprocess([motion], PostprocessConfig(**options))[0]


def doubtful() -> tuple[Motion2D, Motion2D]:
    """Return a walk, and the same with some frames of a wrist off, at low confidence."""
    true = walk2d(90)
    true = replace(true, confidence=np.full_like(true.confidence, 0.9))
    xy, confidence = true.xy.copy(), true.confidence.copy()
    xy[40:46, WRIST] += 20.0
    confidence[40:46, WRIST] = 0.3
    return true, replace(true, xy=xy, confidence=confidence)


@pytest.mark.parametrize(
    "numbers", [{"cutoff": (0.0, 1.0, 1.0)}, {"speed_gain": -1.0}, {"foot_lock": 2.0}]
)
def test_config_refuses_numbers_out_of_range(numbers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected cutoffs above 0 Hz"):
        PostprocessConfig(**numbers)


def test_describe_names_the_steps() -> None:
    assert OFF.describe() == "nothing"
    assert PostprocessConfig().describe() == (
        "left-right swaps fixed; outliers bridged; joints weighted by confidence; filter adaptive, "
        "1.5/2/2.5 Hz + 2.5 Hz per m/s at a noise of 3 mm; bones fitted, reprojection 1.2; floor "
        "from feet and bodies; standing feet locked, 0.3"
    )


def test_clean_keypoints_fixes_swaps() -> None:
    true = walk2d(120)
    xy = true.xy.copy()
    xy[40:46] = true.xy[40:46][:, H36M.mirror]
    motion = replace(true, xy=xy)
    for fix, share in ((True, 0.2), (False, 1.0)):
        config = PostprocessConfig(**{**CLEAN_OFF, "fix_swaps": fix})
        off = np.abs(clean_keypoints(motion, config).xy - true.xy).mean()
        assert off <= share * np.abs(xy - true.xy).mean()


def test_clean_keypoints_bridges_outliers() -> None:
    true = walk2d(120)
    xy, confidence = true.xy.copy(), true.confidence.copy()
    xy[50:54, WRIST] += 120.0
    confidence[50:54, WRIST] = 0.2
    motion = replace(true, xy=xy, confidence=confidence)
    cleaned = fill_gaps(clean_keypoints(motion, PostprocessConfig()))
    assert np.abs(cleaned.xy - true.xy).max() < 0.3 * 120
    assert (cleaned.confidence[50:54, WRIST] == 0).all()
    np.testing.assert_array_equal(clean_keypoints(motion, OFF).xy, xy)
    assert clean_keypoints(motion, None) is motion


def test_clean_keypoints_draws_uncertain_joints_to_their_path() -> None:
    true, motion = doubtful()
    config = PostprocessConfig(**{**CLEAN_OFF, "smooth_uncertain": True})
    cleaned = clean_keypoints(motion, config)
    off = np.linalg.norm(cleaned.xy - true.xy, axis=-1)
    assert off[40:46, WRIST].max() < 0.5 * np.linalg.norm([20.0, 20.0])
    off[40:46, WRIST] = 0
    assert off.max() == 0  # joints as certain as usual stay
    np.testing.assert_array_equal(cleaned.confidence, motion.confidence)


def test_clean_keypoints_bridges_gaps_between_confident_frames() -> None:
    true, _ = doubtful()
    xy, confidence = true.xy.copy(), true.confidence.copy()
    xy[39, WRIST] += 30.0  # the last detection before a gap is a doubtful one
    confidence[39, WRIST], confidence[40:43, WRIST] = 0.1, 0.0
    motion = replace(true, xy=xy, confidence=confidence)
    configs = [PostprocessConfig(**{**CLEAN_OFF, "smooth_uncertain": on}) for on in (False, True)]
    plain, smooth = (fill_gaps(clean_keypoints(motion, config)) for config in configs)
    errors = [np.linalg.norm(m.xy - true.xy, axis=-1)[39:43, WRIST].mean() for m in (plain, smooth)]
    assert errors[1] < 0.7 * errors[0]
    np.testing.assert_array_equal(smooth.confidence == 0, confidence == 0)


@pytest.mark.parametrize("name", ["adaptive", "butterworth", "gaussian"])
def test_filter_without_delay_is_smoother_and_nearer_the_truth(
    name: Any, rng: np.random.Generator
) -> None:
    true = walk(60)
    raw = detected(true, rng)
    # One cutoff for all joints has to let the swing of a walk through.
    cutoff = PostprocessConfig().cutoff if name == "adaptive" else (5.0, 5.0, 5.0)
    done = finish(raw, filter=name, cutoff=cutoff, **FILTER_ALONE)
    for measure in (mpjve, acceleration_error):
        before, after = (measure(relative(m), relative(true), 30.0).mean() for m in (raw, done))
        assert after < 0.8 * before
    before, after = (mpjpe(relative(m), relative(true)).mean() for m in (raw, done))
    assert after < before


def test_filter_for_live_use_is_smoother_and_hardly_lags(rng: np.random.Generator) -> None:
    true = walk(60)
    raw = detected(true, rng)
    live: dict[str, Any] = {"filter": "one-euro", "cutoff": (6.0, 6.0, 6.0), "speed_gain": 20.0}
    done = finish(raw, **live, **FILTER_ALONE)
    before, after = (jitter(relative(m), 30.0).mean() for m in (raw, done))
    assert after < 0.7 * before
    before, after = (mpjpe(relative(m), relative(true)).mean() for m in (raw, done))
    assert after < before


def test_smooth_joints_does_not_take_a_long_bridge_for_fast() -> None:
    times = np.arange(60) / 30
    x, confidence = np.zeros((60, 1, 3)), np.ones((60, 1))
    x[30:, 0, 0] = 1.5
    x[27:33, 0, 0] = np.linspace(0, 1.5, 6)  # straight, at 9 m/s, and not detected
    confidence[27:33] = 0.0
    config = PostprocessConfig(cutoff=(1.5, 1.5, 1.5), speed_gain=3.0, noise_floor=0.0)
    faster = [
        np.abs(np.diff(smooth_joints(x, times, each, config)[:, 0, 0], n=2)).max()
        for each in (np.ones((60, 1)), confidence)
    ]
    assert faster[1] < 0.5 * faster[0]


def test_bones_are_constant_and_nearer_the_truth(rng: np.random.Generator) -> None:
    true = walk(60)
    raw = detected(true, rng)
    free, fitted = (
        finish(raw, filter="none", **{**FILTER_ALONE, "bones": bones}) for bones in (False, True)
    )
    deviation = [bone_deviation(relative(m), H36M.bones).mean() for m in (free, fitted)]
    assert deviation[1] < 1e-9 < deviation[0]
    errors = [mpjpe(relative(m), relative(true)).mean() for m in (free, fitted)]
    assert errors[1] < errors[0]


def test_postprocess_brings_a_rough_motion_nearer_the_truth(rng: np.random.Generator) -> None:
    true = stand(150)
    raw = rough(true, rng)
    done = finish(raw)
    before, after = compare_quality(raw, done)
    errors = [mpjpe(relative(m), relative(true)).mean() for m in (raw, done)]
    assert errors[1] < errors[0]
    errors = [acceleration_error(relative(m), relative(true), 30.0).mean() for m in (raw, done)]
    assert errors[1] < 0.3 * errors[0]
    assert after.jitter < 0.5 * before.jitter
    assert after.skate < 0.5 * before.skate
    assert after.bones < 0.01
    assert done.provenance["postprocess"] == PostprocessConfig().describe()


def test_postprocess_takes_a_known_direction_of_gravity() -> None:
    done = postprocess([walk(30)], OFF, up=np.array([0.0, -2.0, 0.0]))[0]
    assert done.provenance["ground"].startswith("up: given")


@pytest.mark.parametrize(
    "option",
    [
        {"filter": "gaussian"},
        {"speed_gain": 1.0},
        {"bones": False},
        {"reprojection_weight": 0.5},
        {"cutoff": (3.0, 3.0, 3.0)},
        {"noise_floor": 0.1},
    ],
    ids=lambda option: next(iter(option)),
)
def test_option_changes_the_result(option: dict[str, Any], rng: np.random.Generator) -> None:
    raw = rough(walk(40), rng)
    assert np.abs(finish(raw, **option).camera_xyz - finish(raw).camera_xyz).max() > 1e-6


def test_foot_lock_changes_the_result(rng: np.random.Generator) -> None:
    raw = rough(stand(40), rng)
    feet = [finish(raw, foot_lock=share).camera_xyz for share in (0.0, 0.3, 0.6)]
    assert min(np.abs(np.diff(feet, axis=0)).max(axis=(1, 2, 3))) > 1e-6


def test_postprocess_without_steps_keeps_the_pose(rng: np.random.Generator) -> None:
    raw = rough(walk(30), rng)
    nothing = postprocess([raw], OFF)[0]
    np.testing.assert_allclose(relative(nothing), relative(raw), atol=1e-9)
    assert nothing.provenance["postprocess"] == "nothing"


# feet, hands and face


FREE = PostprocessConfig(foot_lock=0.0)


def test_postprocess_of_the_17_does_not_depend_on_the_others(rng: np.random.Generator) -> None:
    motion = tremble(walk26(60), rng)
    (whole,) = postprocess([motion], FREE)
    (body,) = postprocess([body_of(motion)], FREE)
    np.testing.assert_allclose(whole.camera_xyz[:, BODY], body.camera_xyz, atol=1e-9)


@pytest.mark.parametrize("groups", [["feet"], ["hands", "face"], list(GROUPS)])
def test_postprocess_of_undetected_groups_keeps_the_17(
    groups: list[str], rng: np.random.Generator
) -> None:
    motion = tremble(walk26(60), rng)
    hidden = masked(motion, *(GROUPS[group] for group in groups))
    (whole,), (seen,) = postprocess([hidden], FREE), postprocess([motion], FREE)
    np.testing.assert_allclose(whole.camera_xyz[:, BODY], seen.camera_xyz[:, BODY], atol=1e-9)


def test_postprocess_puts_feet_on_the_floor_and_keeps_them_there(
    rng: np.random.Generator,
) -> None:
    motion = tremble(walk26(90), rng)
    (finished,) = postprocess([motion], PostprocessConfig())
    quality, before = measure_quality(finished), measure_quality(motion)
    assert quality.skate < 0.3 * before.skate
    assert quality.penetration < 0.01
    assert quality.bones < 1e-6
    soles = finished.xyz[:, [*HEELS, *BALLS], 2]
    np.testing.assert_allclose(soles.min(axis=1), sole_height(motion), atol=0.01)


def test_postprocess_of_the_mirror_image_is_the_mirror_image(rng: np.random.Generator) -> None:
    motion, flip = tremble(walk26(60), rng), np.array([-1.0, 1.0, 1.0])
    there = motion3d(motion.xyz[:, list(BODY_26.mirror)] * flip, motion.fps)
    (direct,), (mirrored,) = (postprocess([m], PostprocessConfig()) for m in (motion, there))
    back = mirrored.xyz[:, list(BODY_26.mirror)] * flip
    np.testing.assert_allclose(back, direct.xyz, atol=1e-5)
