"""`Detections`: what every source of 2D keypoints gives, before tracking.

Axes: n detections of a person in a frame, k joints, t frames.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from .skeleton import Skeleton


@dataclass(frozen=True)
class Detections:
    """2D keypoints of all people in a video; a row is one person in one frame, in order of frames.

    Attributes:
        xy: Joint positions in pixels; origin top-left, x right, y down.
        confidence: Detector score per joint, 0 (unseen) to 1 (certain).
        frame: Index of the frame of each row, 0 for the first frame, never falling.
        times: Seconds of every frame since the first, also of those without a row.
        size: Image (width, height) in pixels.
        fps: Frames per second.
        skeleton: The joints, in the order of axis ``k``.
        ids: Identity of the person of each row where the source knows it, the same text in every
            frame; None for a row whose identity is unknown. None as a whole if no row has one.
        tracked: True if the source has tracked and numbered the people itself: every id is the
            number of a person, and rows without a visible trunk count, too.
        focal: Focal length of the camera in pixels, where it is known.
        focal_source: Where the focal length comes from, in words.

    Raises:
        ValueError: If shapes disagree, or a frame index is out of range or out of order.
    """

    xy: Float[np.ndarray, "n k 2"]
    confidence: Float[np.ndarray, "n k"]
    frame: Int[np.ndarray, " n"]
    times: Float[np.ndarray, " t"]
    size: tuple[int, int]
    fps: float
    skeleton: Skeleton
    ids: tuple[str | None, ...] | None = None
    tracked: bool = False
    focal: float | None = None
    focal_source: str = "metadata of the video"

    def __post_init__(self) -> None:
        n, k = len(self.frame), len(self.skeleton.joints)
        shapes = (self.xy.shape, self.confidence.shape)
        if shapes != ((n, k, 2), (n, k)):
            raise ValueError(
                f"for {n} detections and skeleton {self.skeleton.name!r} of {k} joints, expected "
                f"xy (n, k, 2) and confidence (n, k), got {shapes[0]} and {shapes[1]}."
            )
        if self.ids is not None and len(self.ids) != n:
            raise ValueError(f"ids needs {n} entries, one a detection, got {len(self.ids)}.")
        if self.tracked and not all(name and name.isdecimal() for name in self.ids or [None][:n]):
            raise ValueError("tracked detections need a number as the id of every row.")
        if n and not 0 <= self.frame[0] <= self.frame[-1] < len(self.times):
            raise ValueError(
                f"frame must index the {len(self.times)} frames, got {int(self.frame[0])} to "
                f"{int(self.frame[-1])}."
            )
        if (np.diff(self.frame) < 0).any():
            raise ValueError("detections must be in the order of their frames.")

    @classmethod
    def from_frames(
        cls,
        people: Sequence[Sequence[Float[np.ndarray, "k 3"]]],
        skeleton: Skeleton,
        *,
        times: Sequence[float],
        size: tuple[int, int],
        fps: float,
        ids: Sequence[Sequence[str | None]] | None = None,
    ) -> "Detections":
        """Make `Detections` of lists of people, one list a frame.

        Args:
            people: For each frame, x, y in pixels and confidence of the joints of each person.
            skeleton: The joints, in their order.
            times: Seconds of each frame.
            size: Image (width, height) in pixels.
            fps: Frames per second.
            ids: For each frame, the identity of each person, or None where it is unknown.
        """
        rows = [joints for frame in people for joints in frame]
        joints = np.array(rows, dtype=np.float64).reshape(-1, len(skeleton.joints), 3)
        return cls(
            xy=joints[..., :2],
            confidence=joints[..., 2],
            frame=np.repeat(np.arange(len(people)), [len(frame) for frame in people]),
            times=np.asarray(times, dtype=np.float64),
            size=size,
            fps=fps,
            skeleton=skeleton,
            ids=None if ids is None else tuple(name for frame in ids for name in frame),
        )

    def __len__(self) -> int:
        return len(self.frame)

    def by_frame(self) -> Iterator[slice]:
        """Yield the rows of each frame of the video, in order; an empty slice where no one is."""
        starts = np.searchsorted(self.frame, np.arange(len(self.times) + 1))
        for first, last in pairwise(starts):
            yield slice(int(first), int(last))
