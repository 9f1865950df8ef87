"""What is fast stays fast: kicks and claps through the whole chain, whose truth is known."""

from collections.abc import Callable

import numpy as np
import pytest
from motions import clap, detected, kick

from tcpformer.analysis.metrics import mpjpe
from tcpformer.motion import Motion2D, Motion3D
from tcpformer.postprocess.outliers import find_outliers
from tcpformer.postprocess.steps import PostprocessConfig, clean_keypoints, postprocess
from tcpformer.skeleton import H36M

KEPT = 0.95
# What moves, how often a second it comes back, and which of these turns count.
KICK = (kick, "RAnkle", 1, slice(1, 2))
CLAP = (clap, "RWrist", 6, slice(2, 10))
Deed = tuple[Callable[..., Motion3D], str, int, slice]


def relative(motion: Motion3D) -> np.ndarray:
    return motion.camera_xyz - motion.camera_xyz[:, :1]


def peaks(motion: Motion3D, deed: Deed) -> float:
    """The fastest that the joint is about the pelvis in each turn, m/s, mean over turns."""
    _, joint, often, counted = deed
    path = relative(motion)[:, H36M.index[joint]]
    speed = np.linalg.norm(np.diff(path, axis=0), axis=-1) * motion.fps
    length = motion.fps / often
    turns = range(counted.start, counted.stop)
    return float(np.mean([speed[int(k * length) : int((k + 1) * length) + 1].max() for k in turns]))


def test_the_figures_are_as_fast_as_people() -> None:
    assert 8 < peaks(kick(60.0), KICK) < 10
    assert peaks(clap(60.0), CLAP) == pytest.approx(0.1 * 2 * np.pi * 3, rel=0.02)


@pytest.mark.parametrize(
    ("fps", "turn"), [(25.0, 0.0), (30.0, 0.8), (50.0, 0.0), (50.0, 1.57), (60.0, 1.57)]
)
@pytest.mark.parametrize("deed", [KICK, CLAP], ids=["kick", "clap"])
def test_the_chain_keeps_the_speed_of_exact_motion(deed: Deed, turn: float, fps: float) -> None:
    true = deed[0](fps, turn)
    assert peaks(postprocess([true], PostprocessConfig())[0], deed) > KEPT * peaks(true, deed)


@pytest.mark.parametrize("deed", [KICK, CLAP], ids=["kick", "clap"])
def test_and_of_what_is_detected(deed: Deed, rng: np.random.Generator) -> None:
    kept = []
    for fps, turn in ((25.0, 0.0), (30.0, 1.57), (50.0, 0.8)):
        true = deed[0](fps, turn)
        said = detected(true, rng)
        done = postprocess([said], PostprocessConfig())[0]
        kept.append(peaks(done, deed) / peaks(true, deed))
        before, after = (mpjpe(relative(m), relative(true)).mean() for m in (said, done))
        assert after < before
    assert KEPT < np.mean(kept) < 1.1


def test_a_filter_of_one_cutoff_would_not_keep_it() -> None:
    for deed in (KICK, CLAP):
        true = deed[0](50.0)
        for name in ("butterworth", "gaussian", "one-euro"):
            plain = postprocess(
                [true], PostprocessConfig(filter=name, speed_gain=0.0, bones=False)
            )[0]
            assert peaks(plain, deed) < 0.8 * peaks(true, deed)


@pytest.mark.parametrize("deed", [KICK, CLAP], ids=["kick", "clap"])
def test_what_is_fast_is_no_mistake_of_the_detector(deed: Deed) -> None:
    true = deed[0](30.0)
    seen = Motion2D(true.xy, true.confidence, true.size, true.fps, H36M)
    assert not find_outliers(seen).any()
    np.testing.assert_array_equal(clean_keypoints(seen, PostprocessConfig()).xy, seen.xy)
