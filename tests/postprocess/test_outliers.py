"""Each filter and weight brings what it is for nearer the truth, and the joints no further away."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from motions import detected, walk

from tcpformer.analysis.metrics import acceleration_error, bone_deviation, jitter, mpjpe, mpjve
from tcpformer.filtering.filters import Cutoff, adaptive
from tcpformer.filtering.repair import fill_gaps, smooth_uncertain
from tcpformer.motion import Motion2D, Motion3D
from tcpformer.postprocess.outliers import torso_length
from tcpformer.postprocess.steps import PostprocessConfig, postprocess
from tcpformer.skeleton import H36M
from tcpformer.world.trajectory import solve_root_trajectory

ALONE: dict[str, Any] = {"bones": False, "ground": False, "foot_lock": 0.0}
WRIST = H36M.index["LWrist"]


def relative(motion: Motion3D) -> np.ndarray:
    return motion.camera_xyz - motion.camera_xyz[:, :1]


def flat(motion: Motion3D) -> Motion2D:
    return Motion2D(motion.xy, motion.confidence, motion.size, motion.fps, H36M)


@pytest.mark.parametrize("name", ["adaptive", "butterworth", "gaussian"])
def test_filters_without_delay_smooth_and_come_nearer(name: Any, rng: np.random.Generator) -> None:
    true = walk(60)
    said = detected(true, rng)
    # One cutoff for all has to let the swing of a walk through.
    cutoff = PostprocessConfig().cutoff if name == "adaptive" else (5.0, 5.0, 5.0)
    done = postprocess([said], PostprocessConfig(filter=name, cutoff=cutoff, **ALONE))[0]
    for measure in (mpjve, acceleration_error):
        before, after = (measure(relative(m), relative(true), 30.0).mean() for m in (said, done))
        assert after < 0.8 * before
    before, after = (mpjpe(relative(m), relative(true)).mean() for m in (said, done))
    assert after < before


def test_the_live_filter_smooths_and_hardly_lags(rng: np.random.Generator) -> None:
    true = walk(60)
    said = detected(true, rng)
    live = PostprocessConfig(filter="one-euro", cutoff=(6.0, 6.0, 6.0), speed_gain=20.0, **ALONE)
    done = postprocess([said], live)[0]
    before, after = (jitter(relative(m), 30.0).mean() for m in (said, done))
    assert after < 0.7 * before
    before, after = (mpjpe(relative(m), relative(true)).mean() for m in (said, done))
    assert after < before


def test_bones_of_the_chain(rng: np.random.Generator) -> None:
    true = walk(60)
    said = detected(true, rng)
    free, fitted = (
        postprocess(
            [said], PostprocessConfig(filter="none", bones=bones, ground=False, foot_lock=0.0)
        )[0]
        for bones in (False, True)
    )
    deviation = [bone_deviation(relative(m), H36M.bones).mean() for m in (free, fitted)]
    assert deviation[1] < 1e-9 < deviation[0]
    errors = [mpjpe(relative(m), relative(true)).mean() for m in (free, fitted)]
    assert errors[1] < errors[0]


@pytest.mark.parametrize("seed", range(3))
def test_the_smooth_path_is_nearer_the_truth_than_each_frame_alone(seed: int) -> None:
    true = walk(60)
    said = detected(true, np.random.default_rng(seed))
    rays = (said.xy - np.array(said.size) / 2) / said.focal
    given = relative(said), rays, said.confidence, said.times
    alone = np.concatenate(
        [solve_root_trajectory(*(column[i : i + 1] for column in given)) for i in range(len(said))]
    )
    path, wanted = solve_root_trajectory(*given), true.camera_xyz[:, 0]
    rough = [np.abs(np.diff(x[:, 2], n=2)).mean() for x in (alone, path)]
    assert rough[1] < 0.2 * rough[0]
    for which in ([2], [0, 1, 2]):  # depth; where the pelvis is
        off = [np.linalg.norm((x - wanted)[:, which], axis=-1).mean() for x in (alone, path)]
        assert off[1] < off[0]


def test_joints_of_little_confidence_are_drawn_to_the_path_of_the_others() -> None:
    true = flat(walk(90))
    xy, confidence = true.xy.copy(), np.full_like(true.confidence, 0.9)
    xy[40:46, WRIST] += 20.0
    confidence[40:46, WRIST] = 0.3
    motion = replace(true, xy=xy, confidence=confidence)
    done = smooth_uncertain(motion, torso_length(motion))
    off = np.linalg.norm(done.xy - true.xy, axis=-1)
    assert off[40:46, WRIST].max() < 0.5 * np.linalg.norm([20.0, 20.0])
    off[40:46, WRIST] = 0
    assert off.max() == 0  # who is as sure as usual stays
    np.testing.assert_array_equal(done.confidence, confidence)


def test_a_bridge_begins_and_ends_where_confident_frames_say() -> None:
    true = flat(walk(90))
    xy, confidence = true.xy.copy(), np.full_like(true.confidence, 0.9)
    xy[39, WRIST] += 30.0  # the last sighting before a gap is a doubtful one
    confidence[39, WRIST], confidence[40:43, WRIST] = 0.1, 0.0
    motion = replace(true, xy=xy, confidence=confidence)
    errors = [
        np.linalg.norm(m.xy - true.xy, axis=-1)[39:43, WRIST].mean()
        for m in (fill_gaps(motion), fill_gaps(smooth_uncertain(motion, torso_length(motion))))
    ]
    assert errors[1] < 0.7 * errors[0]
    whole = fill_gaps(smooth_uncertain(motion, torso_length(motion)))
    np.testing.assert_array_equal(whole.confidence == 0, confidence == 0)  # bridges are flagged


def test_a_bridge_is_not_fast_for_being_long() -> None:
    times = np.arange(60) / 30
    x, weight = np.zeros((60, 3)), np.ones(60)
    x[30:, 0] = 1.5
    x[27:33, 0] = np.linspace(0, 1.5, 6)  # straight, at 9 m/s, and not seen
    weight[27:33] = 4e-4
    faster = [
        np.abs(np.diff(adaptive(x, times, Cutoff(1.5, 3.0), w)[:, 0], n=2)).max()
        for w in (np.ones(60), weight)
    ]
    assert faster[1] < 0.5 * faster[0]
