"""Memory of lifting: it grows with the frames of a motion, by a bounded number of bytes each."""

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest
from motions import walk

from tcpformer import Lifter
from tcpformer.filtering import filters
from tcpformer.lifting import body_swaps, lifter
from tcpformer.lifting.body_swaps import swap_sides
from tcpformer.motion import Motion2D
from tcpformer.postprocess import bones, swaps
from tcpformer.postprocess.stages import PostprocessConfig
from tcpformer.skeleton import H36M
from tcpformer.world import trajectory

MOST = 20
"""Numbers of 8 bytes for each joint and frame: 3 of the keypoints, 12 of the result, and work."""
SHORT, LONG = 200, 500
LEVEL = PostprocessConfig(ground=False)
"""The search for the floor takes some megabytes, however many frames there are."""


@pytest.fixture
def lift(monkeypatch: pytest.MonkeyPatch) -> Lifter:
    """A lifter that answers the same pose at once, and works on few frames at a time."""
    for module, frames in {filters: 150, lifter: 50, bones: 50, swaps: 50, trajectory: 50}.items():
        monkeypatch.setattr(module, "FRAMES_AT_ONCE", frames)
    monkeypatch.setattr(lifter, "CLIPS_IN_MEMORY", 4)
    config = body_swaps.BodySwapConfig(frames_at_once=150)
    monkeypatch.setattr(body_swaps.fix_body_swaps, "__defaults__", (config,))
    pose = walk(1).camera_xyz[0] - walk(1).camera_xyz[0, H36M.root]

    def answer(_: Any, xyc: np.ndarray, *__: Any, **___: Any) -> np.ndarray:
        result = np.zeros((*xyc.shape[:3], 6), dtype=np.float32)
        result[..., :3] = pose
        return result

    monkeypatch.setattr(lifter, "run_network", answer)
    return Lifter("fast")


def keypoints(frames: int) -> Motion2D:
    seen = walk(frames, speed=0.0)
    rng = np.random.default_rng(0)
    xy = seen.xy + rng.normal(0, 1, seen.xy.shape)
    return Motion2D(xy, rng.uniform(0.5, 1, xy.shape[:2]), seen.size, seen.fps, seen.skeleton)


def peak(lift: Lifter, frames: int, swapped: float) -> int:
    """Return the most bytes in use while a motion is lifted, without the keypoints."""
    motion = swap_sides(keypoints(frames), np.arange(frames) % 200 < 200 * swapped)
    gc.collect()  # not while the peak is measured: what earlier tests left is not of this motion
    tracemalloc.start()
    try:
        lifted = lift(motion, postprocess=LEVEL)
        assert ("swaps" in lifted.provenance) == (swapped > 0)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("swapped", [0.0, 0.05])
def test_memory_of_lifting_grows_with_the_frames(lift: Lifter, swapped: float) -> None:
    lift(keypoints(30))  # what is loaded once
    less, more = peak(lift, SHORT, swapped), peak(lift, LONG, swapped)
    numbers = (more - less) / (LONG - SHORT) / len(H36M.joints) / 8 + 3  # and the keypoints
    assert 12 < numbers < MOST
