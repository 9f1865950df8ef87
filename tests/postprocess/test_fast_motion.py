"""Fast motion keeps its speed in all steps: kicks and claps whose truth is known."""

from collections.abc import Callable

import numpy as np
import pytest
from motions import clap, detected, kick

from tcpformer.analysis.metrics import mpjpe
from tcpformer.motion import Motion2D, Motion3D
from tcpformer.postprocess.outliers import find_outliers
from tcpformer.postprocess.stages import PostprocessConfig, clean_keypoints, postprocess
from tcpformer.skeleton import H36M

LEAST_SHARE = 0.95
# Motion, its fastest joint, repetitions a second, and which of the repetitions count.
KICK = (kick, "RAnkle", 1, slice(1, 2))
CLAP = (clap, "RWrist", 6, slice(2, 10))
Action = tuple[Callable[..., Motion3D], str, int, slice]


def relative(motion: Motion3D) -> np.ndarray:
    return motion.camera_xyz - motion.camera_xyz[:, :1]


def peaks(motion: Motion3D, action: Action) -> float:
    """Return the largest speed of the joint about the pelvis, m/s, mean over repetitions."""
    _, joint, rate, counted = action
    path = relative(motion)[:, H36M.index[joint]]
    speed = np.linalg.norm(np.diff(path, axis=0), axis=-1) * motion.fps
    length = motion.fps / rate
    counts = range(counted.start, counted.stop)
    return float(
        np.mean([speed[int(k * length) : int((k + 1) * length) + 1].max() for k in counts])
    )


def test_kick_and_clap_are_as_fast_as_people() -> None:
    assert 8 < peaks(kick(60.0), KICK) < 10
    assert peaks(clap(60.0), CLAP) == pytest.approx(0.1 * 2 * np.pi * 3, rel=0.02)


@pytest.mark.parametrize(
    ("fps", "turn"), [(25.0, 0.0), (30.0, 0.8), (50.0, 0.0), (50.0, 1.57), (60.0, 1.57)]
)
@pytest.mark.parametrize("action", [KICK, CLAP], ids=["kick", "clap"])
def test_postprocess_keeps_the_speed_of_exact_motion(
    action: Action, turn: float, fps: float
) -> None:
    true = action[0](fps, turn)
    assert peaks(postprocess([true], PostprocessConfig())[0], action) > LEAST_SHARE * peaks(
        true, action
    )


@pytest.mark.parametrize("action", [KICK, CLAP], ids=["kick", "clap"])
def test_postprocess_keeps_the_speed_of_noisy_motion(
    action: Action, rng: np.random.Generator
) -> None:
    shares = []
    for fps, turn in ((25.0, 0.0), (30.0, 1.57), (50.0, 0.8)):
        true = action[0](fps, turn)
        raw = detected(true, rng)
        done = postprocess([raw], PostprocessConfig())[0]
        shares.append(peaks(done, action) / peaks(true, action))
        before, after = (mpjpe(relative(m), relative(true)).mean() for m in (raw, done))
        assert after < before
    assert LEAST_SHARE < np.mean(shares) < 1.1


def test_filter_of_one_cutoff_loses_speed() -> None:
    for action in (KICK, CLAP):
        true = action[0](50.0)
        for name in ("butterworth", "gaussian", "one-euro"):
            plain = postprocess(
                [true], PostprocessConfig(filter=name, speed_gain=0.0, bones=False)
            )[0]
            assert peaks(plain, action) < 0.8 * peaks(true, action)


@pytest.mark.parametrize("action", [KICK, CLAP], ids=["kick", "clap"])
def test_clean_keypoints_keeps_fast_motion(action: Action) -> None:
    true = action[0](30.0)
    motion = Motion2D(true.xy, true.confidence, true.size, true.fps, H36M)
    assert not find_outliers(motion).any()
    np.testing.assert_array_equal(clean_keypoints(motion, PostprocessConfig()).xy, motion.xy)
