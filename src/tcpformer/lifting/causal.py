"""Causal clips: what a network may know of a frame as soon as it, or a few later ones, are seen.

A clip of T frames, some interval apart, that holds a frame and its past:

    frame - (T - 1 - a) interval, ..., frame - interval, frame, ..., frame + a interval

With a look-ahead, a and the interval are chosen so that the clip ends with the newest frame that is
known. Between frames of the video, joints are interpolated by straight lines; before its first one
they rest.
"""

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from ..motion import Motion2D
from ..skeleton import BODY, BODY_26, Skeleton

EPSILON = 1e-6
"""Seconds; times are rounded."""


@dataclass(frozen=True)
class CausalClips:
    """Clips for some frames of a motion, and where in each clip its frame is."""

    xyc: Float[np.ndarray, "n t j 3"]
    """x and y in pixels, and confidence."""
    at: Int[np.ndarray, " n"]
    """Index of the frame in its clip."""


@dataclass(frozen=True)
class ClipShape:
    """The clips that a network takes."""

    frames: int
    interval: float
    """Seconds from one frame of a clip to the next, if nothing is known of later ones."""
    last_frames: int
    """Frames at the end that it was trained on: the look-ahead has fewer intervals."""
    shortest: float = 0.75
    """Least interval, of the usual one: shorter clips, though trained, lose more than a frame of
    look-ahead gains."""
    longest: float = 1.5
    """Longest interval, of the usual one."""

    @property
    def seconds(self) -> float:
        """Most seconds from the first frame of a clip to its last."""
        return (self.frames - 1) * self.interval * self.longest

    def look_ahead(
        self, known: Float[np.ndarray, " n"]
    ) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Return how many intervals to look ahead, and the interval, for seconds that are known."""
        enough = known + EPSILON >= self.shortest * self.interval
        intervals = enough * np.maximum(np.rint(known / self.interval), 1).astype(int)
        intervals = np.minimum(intervals, self.last_frames - 1)
        apart = np.where(intervals > 0, known / np.maximum(intervals, 1), self.interval)
        return intervals, np.minimum(apart, self.longest * self.interval)


class LastSeen:
    """Fills joints that are not seen with what was seen before: the causal `fill_gaps`.

    A joint that was never seen goes to the mean of the body's joints that are known; one of the
    feet, hands and face to its parent.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        self._xy = np.full((len(skeleton.joints), 2), np.nan)

    def fill(
        self, xy: Float[np.ndarray, "j 2"], seen: Bool[np.ndarray, " j"]
    ) -> Float[np.ndarray, "j 2"]:
        """Return the joints of the next frame; ``seen`` tells which were detected.

        Raises:
            ValueError: If no joint of the body was ever seen.
        """
        self._xy = np.where(seen[:, None], xy, self._xy)
        result = self._xy.copy()
        body = BODY if self.skeleton == BODY_26 else slice(len(result))
        unknown: Bool[np.ndarray, " j"] = np.any(np.isnan(result), axis=1)
        if unknown[body].all():
            raise ValueError("no joint of the body was seen yet.")
        result[body][unknown[body]] = np.nanmean(result[body], axis=0)
        for joint in range(len(result))[body.stop :]:
            if unknown[joint]:
                result[joint] = result[self.skeleton.parents[joint]]
        return result


def hold_last(motion: Motion2D) -> Motion2D:
    """Fill every frame by `LastSeen`; frames before the first one with a joint look like it.

    Raises:
        ValueError: If no joint of the body is ever seen.
    """
    seen = (motion.confidence > 0) & motion.valid[:, None]
    body = BODY if motion.skeleton == BODY_26 else slice(seen.shape[1])
    known = np.flatnonzero(seen[:, body].any(axis=1))
    if not len(known):
        raise ValueError(
            f"no one is visible in the motion of person {motion.person}: no frame is valid with a "
            f"joint of skeleton {motion.skeleton.name!r} of confidence > 0."
        )
    first, state = int(known[0]), LastSeen(motion.skeleton)
    xy = np.empty_like(motion.xy)
    for i in range(first, len(motion)):
        xy[i] = state.fill(motion.xy[i], seen[i])
    xy[:first] = xy[first]
    return replace(motion, xy=xy, confidence=np.where(seen, motion.confidence, 0.0))


@dataclass
class History:
    """The last frames of one person, as long as a clip; the joints are filled."""

    span: float
    """Seconds to keep before the frame whose clip is needed."""
    times: deque[float] = field(default_factory=deque)
    xyc: deque[np.ndarray] = field(default_factory=deque)

    def add(self, time: float, xyc: Float[np.ndarray, "j 3"], oldest_needed: float) -> None:
        """Add a frame, and forget those that no clip of ``oldest_needed`` or later needs."""
        self.times.append(time)
        self.xyc.append(xyc)
        while len(self.times) > 2 and self.times[1] <= oldest_needed - self.span:
            self.times.popleft()
            self.xyc.popleft()

    def clip(self, frame: int, shape: ClipShape) -> CausalClips:
        """Cut the clip of one of the frames that are kept."""
        times = np.array(self.times)
        rows = np.array([frame % len(times)])
        return causal_clips(np.stack(self.xyc), times, rows, len(times) - 1 - rows, shape)


def causal_clips(
    xyc: Float[np.ndarray, "t j 3"],
    times: Float[np.ndarray, " t"],
    rows: Int[np.ndarray, " n"],
    ahead: Int[np.ndarray, " n"],
    shape: ClipShape,
) -> CausalClips:
    """Cut the clips of some frames.

    Args:
        xyc: x, y and confidence of filled joints.
        times: Seconds.
        rows: The frames.
        ahead: How many later frames each may know; fewer at the end of the motion.
        shape: The clips.
    """
    known = times[np.minimum(rows + ahead, len(times) - 1)] - times[rows]
    intervals, apart = shape.look_ahead(known)
    at = shape.frames - 1 - intervals
    wanted = times[rows][:, None] + (np.arange(shape.frames) - at[:, None]) * apart[:, None]
    return CausalClips(sample_linearly(xyc, times, wanted), at)


def sample_linearly(
    x: Float[np.ndarray, "t j d"], times: Float[np.ndarray, " t"], wanted: Float[np.ndarray, "n k"]
) -> Float[np.ndarray, "n k j d"]:
    """Interpolate by straight lines; outside, return the nearest value."""
    if len(times) == 1:
        return np.broadcast_to(x[0], (*wanted.shape, *x.shape[1:]))
    after = np.clip(np.searchsorted(times, wanted + EPSILON, side="right"), 1, len(times) - 1)
    past = wanted - times[after - 1]
    past = np.where(past < EPSILON, 0.0, past)  # a frame itself knows nothing of the next
    share = np.clip(past / (times[after] - times[after - 1]), 0.0, 1.0)[..., None, None]
    return (1 - share) * x[after - 1] + share * x[after]
