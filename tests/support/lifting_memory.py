"""Print the bytes that lifting takes for each frame of a motion, without its keypoints.

A program of its own: what checks types at run time holds arrays that nothing else needs.

usage: python lifting_memory.py WEIGHTS SWAPPED
"""

import gc
import sys
import tracemalloc
from typing import Any

import numpy as np
from motions import walk
from walk26 import walk26

from tcpformer import Lifter
from tcpformer.filtering import filters
from tcpformer.lifting import body_swaps, lifter
from tcpformer.lifting.body_swaps import swap_sides
from tcpformer.motion import Motion2D
from tcpformer.postprocess import bones, swaps
from tcpformer.postprocess.stages import PostprocessConfig
from tcpformer.world import rigid, trajectory

SHORT, LONG = 600, 1500
LEVEL = PostprocessConfig(ground=False)
"""The search for the floor takes some megabytes, however many frames there are."""


def stand_in(_: Any, xyc: np.ndarray, *__: Any, **___: Any) -> np.ndarray:
    """Answer the same pose at once."""
    pose = walk26(1).camera_xyz[0]
    result = np.zeros((*xyc.shape[:3], 6), dtype=np.float32)
    result[..., :3] = (pose - pose[0])[: xyc.shape[2]]
    return result


def work_on_few_frames() -> None:
    """Make the parts small in which long motions are worked on, so that they do not count."""
    sizes = {"FRAMES_AT_ONCE": 50, "CLIPS_IN_MEMORY": 4, "SPAN": 150}
    for module in (filters, lifter, bones, swaps, trajectory, rigid):
        for name in sizes.keys() & vars(module).keys():
            setattr(module, name, sizes[name])
    lifter.run_network = stand_in
    config = body_swaps.BodySwapConfig(frames_at_once=150)
    body_swaps.fix_body_swaps.__defaults__ = (config,)


def keypoints(frames: int, swapped: float) -> Motion2D:
    seen, rng = walk(frames, speed=0.0), np.random.default_rng(0)
    xy = seen.xy + rng.normal(0, 1, seen.xy.shape)
    confidence = rng.uniform(0.5, 1, xy.shape[:2])
    motion = Motion2D(xy, confidence, seen.size, seen.fps, seen.skeleton)
    return swap_sides(motion, np.arange(frames) % 200 < 200 * swapped)


def measure_peak(lift: Lifter, frames: int, swapped: float) -> int:
    motion = keypoints(frames, swapped)
    gc.collect()
    tracemalloc.start()
    lifted = lift(motion, postprocess=LEVEL)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ("swaps" in lifted.provenance) == (swapped > 0)
    return peak


def main(weights: str, swapped: float) -> None:
    work_on_few_frames()
    lift = Lifter(weights)
    lift(keypoints(30, 0.0))  # what is loaded once
    less, more = (measure_peak(lift, frames, swapped) for frames in (SHORT, LONG))
    sys.stdout.write(f"{(more - less) / (LONG - SHORT)}\n")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
