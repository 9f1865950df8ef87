"""Keypoints of a file, placed in the frames of the video that they come from."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from ..detections import Detections
from .keypoints import FPS_TOLERANCE, mean_rate
from .video import Video

log = logging.getLogger(__name__)

_OTHER_RATE = 1.5
"""Factor between rates from which on numbered frames are not those of a video."""


def place_on_video(
    detections: Detections,
    times: Float[np.ndarray, " frames"],
    video: Path,
    numbers: Sequence[int] = (),
) -> Detections:
    """Return detections with the frames and times of a video; frames of neither part are empty.

    Numbered frames are those of the video; others go to the nearest in time. Frames beyond the end
    of the video are kept, at the rate of the detections.

    Args:
        detections: Of one video.
        times: Seconds of each frame of the video since the first one.
        video: The video, for errors.
        numbers: Numbers of its frames, from 0, where some are missing, as of pictures.

    Raises:
        ValueError: If a numbered frame is missing, the detections begin after the end of the video,
            have another rate, or two frames of them are nearest to one frame of it.
    """
    if detections.first is not None and list(numbers) != list(range(len(numbers))):
        return _place_on_numbers(detections, times, video, numbers)
    end = len(times)
    fps = mean_rate(times.tolist()) or detections.fps
    if detections.first is not None:
        _check_rate(detections.fps, times, video)
    if detections.first is not None:
        index = detections.first + np.arange(len(detections.times))
        times = _continue(times, int(index[-1]) + 1, detections.fps)
    elif len(detections.times) == end:
        index = np.arange(end)
    else:
        missing = int(np.ceil((detections.times[-1] - times[-1]) * detections.fps))
        times = _continue(times, end + missing, detections.fps)
        index = _nearest(detections, times, video)
    if index[0] >= end:
        raise ValueError(
            f"the keypoints begin at frame {index[0]}, counted from 0, but {video} has {end} "
            "frames; give the video that they come from, or leave --video out."
        )
    if index[0] > 0 or index[-1] + 1 != end:
        log.info(
            "the keypoints are of frames %d to %d, counted from 0, of the %d of %s",
            index[0], index[-1], end, video.name,
        )  # fmt: skip
    fps = detections.fps if abs(detections.fps / fps - 1) <= FPS_TOLERANCE else fps
    return replace(detections, frame=index[detections.frame], times=times, fps=fps, first=0)


def place_on_square_pixels(detections: Detections, video: Video) -> Detections:
    """Return detections in the pixels of a video whose stored ones are not square.

    Args:
        detections: In stored pixels or in square ones, which their size tells.
        video: Gives both sizes.

    Raises:
        ValueError: If the size is neither.
    """
    if video.stored_size is None or detections.size == video.size:
        return detections
    if detections.size != video.stored_size:
        sizes = [f"{w} x {h}" for w, h in (video.stored_size, video.size, detections.size)]
        raise ValueError(
            f"{video.path} has pixels that are not square, {sizes[0]} as stored and {sizes[1]} "
            f"square ones, but the keypoints are of pictures of {sizes[2]}; give the --size that "
            "they were found in."
        )
    factor = np.array(video.size) / video.stored_size
    log.info("the keypoints are stretched by %.4g and %.4g to square pixels", *factor)
    return replace(detections, xy=detections.xy * factor, size=video.size)


def _place_on_numbers(
    detections: Detections,
    times: Float[np.ndarray, " frames"],
    video: Path,
    numbers: Sequence[int],
) -> Detections:
    """Return detections in the frames that have their numbers."""
    assert detections.first is not None
    index = {number: i for i, number in enumerate(numbers)}
    wanted = (detections.frame + detections.first).tolist()
    if missing := [number for number in wanted if number not in index]:
        raise ValueError(
            f"there are keypoints of frame {missing[0]}, counted from 0, but {video} has frames "
            f"{numbers[0]} to {numbers[-1]}, {len(numbers)} in all; give the pictures that they "
            "come from, or leave --video out."
        )
    frame = np.array([index[number] for number in wanted], dtype=np.int64)
    fps = mean_rate(times.tolist()) or detections.fps
    return replace(detections, frame=frame, times=times, fps=fps, first=0)


def _check_rate(fps: float, times: Float[np.ndarray, " frames"], video: Path) -> None:
    steps = np.diff(times)
    if not len(steps):
        return
    usual, mean = 1 / float(np.median(steps)), 1 / float(steps.mean())
    if all(not 1 / _OTHER_RATE < fps / rate < _OTHER_RATE for rate in (usual, mean)):
        raise ValueError(
            f"the keypoints have {fps:.4g} frames per second, but {video} has {mean:.4g}; give the "
            "video that they come from (--slow-motion if it plays slower than it was captured), or "
            "leave --video out."
        )


def _continue(
    times: Float[np.ndarray, " frames"], count: int, fps: float
) -> Float[np.ndarray, " all"]:
    """Return the times of at least ``count`` frames, those after the last one at a rate."""
    more = np.arange(1, count - len(times) + 1) / fps
    return np.concatenate([times, times[-1] + more])


def _nearest(
    detections: Detections, times: Float[np.ndarray, " frames"], video: Path
) -> Int[np.ndarray, " t"]:
    after = np.searchsorted(times, detections.times).clip(1, max(len(times) - 1, 1))
    before = after - 1
    after = after.clip(max=len(times) - 1)
    closer = detections.times - times[before] < times[after] - detections.times
    index = np.where(closer, before, after)
    twice = np.flatnonzero(np.diff(index) == 0)
    if len(twice):
        a, b = detections.times[twice[0] : twice[0] + 2]
        raise ValueError(
            f"the keypoints at {a:.4g} and {b:.4g} s both belong to frame {index[twice[0]]} of "
            f"{video}; give the video that they come from, or leave --video out."
        )
    return index
