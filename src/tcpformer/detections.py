"""`Detections`: what every source of 2D keypoints gives, before tracking.

Axes: n detections of a person in a frame, k joints, t frames.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

from .checks import check_type, describe
from .motion import (
    SKELETON_HINT,
    ArrayRecord,
    Motion2D,
    as_floats,
    check_confidence,
    check_fields,
    check_finite,
    check_times,
    set_field_types,
)
from .skeleton import Skeleton

log = logging.getLogger(__name__)

MAX_ID = 200
"""Characters of the identity of a person, at most."""


@dataclass(frozen=True, eq=False, repr=False)
class Detections(ArrayRecord):
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
        first: Frames of the video before the first one; None where only ``times`` show which
            frames of the video these are.

    Raises:
        ValueError: If a field is of another type, shapes disagree, numbers are not finite or
            beyond `LIMITS` of motions, or a frame index is out of range or out of order.
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
    first: int | None = 0

    def __post_init__(self) -> None:
        for name in ("xy", "confidence", "times"):
            object.__setattr__(self, name, as_floats(name, getattr(self, name)))
        check_type("skeleton", self.skeleton, Skeleton, SKELETON_HINT)
        if not np.ndim(self.frame) == self.times.ndim == 1:
            raise ValueError(
                f"expected frame (n,) and times (t,), got {describe(self.frame)} and an array of "
                f"shape {self.times.shape}."
            )
        object.__setattr__(self, "frame", np.asarray(self.frame))
        n, k = len(self.frame), len(self.skeleton.joints)
        shapes = (self.xy.shape, self.confidence.shape)
        if shapes != ((n, k, 2), (n, k)):
            raise ValueError(
                f"for {n} detections and skeleton {self.skeleton.name!r} of {k} joints, expected "
                f"xy (n, k, 2) and confidence (n, k), got {shapes[0]} and {shapes[1]}."
            )
        check_finite("xy", self.xy)
        check_confidence(self.confidence)
        check_fields(self)
        check_times(self.times)
        self._check_rows()
        set_field_types(self)
        self._freeze()

    def _check_rows(self) -> None:
        """Check frame and identity of each row."""
        n = len(self.frame)
        if self.frame.dtype.kind not in "iu":
            raise ValueError(f"expected frame as whole numbers, got {self.frame.dtype}.")
        if self.ids is not None and len(self.ids) != n:
            raise ValueError(f"ids needs {n} entries, one a detection, got {len(self.ids)}.")
        if not all(name is None or _is_short_text(name) for name in self.ids or ()):
            raise ValueError(f"ids must be texts of at most {MAX_ID} characters, or None.")
        if self.tracked and not all(name and _is_number(name) for name in self.ids or [None][:n]):
            raise ValueError("tracked detections need a number as the id of every row.")
        if n and not 0 <= self.frame[0] <= self.frame[-1] < len(self.times):
            raise ValueError(
                f"frame must index the {len(self.times)} frames, got {int(self.frame[0])} to "
                f"{int(self.frame[-1])}."
            )
        if (np.diff(self.frame) < 0).any():
            raise ValueError("detections must be in the order of their frames.")

    @classmethod
    def from_frames(  # noqa: PLR0913 - the fields of a record
        cls,
        people: Sequence[Sequence[Float[np.ndarray, "k 3"]]],
        skeleton: Skeleton,
        *,
        times: Sequence[float],
        size: tuple[int, int],
        fps: float,
        ids: Sequence[Sequence[str | None]] | None = None,
        first: int | None = 0,
    ) -> "Detections":
        """Make `Detections` of lists of people, one list a frame.

        Args:
            people: For each frame, x, y in pixels and confidence of the joints of each person.
            skeleton: The joints, in their order.
            times: Seconds of each frame.
            size: Image (width, height) in pixels.
            fps: Frames per second.
            ids: For each frame, the identity of each person, or None where it is unknown.
            first: Frames of the video before the first one; None where only times show them.
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
            first=first,
        )

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        return (
            f"Detections({len(self)} in {len(self.times)} frames, {len(self.skeleton.joints)} "
            f"joints, {self.fps:.4g} fps)"
        )

    def by_frame(self) -> Iterator[slice]:
        """Yield the rows of each frame of the video, in order; an empty slice where no one is."""
        starts = np.searchsorted(self.frame, np.arange(len(self.times) + 1))
        for first, last in pairwise(starts):
            yield slice(int(first), int(last))


Keypoints = TypeVar("Keypoints", Motion2D, Detections)


def at_origin(xy: Float[np.ndarray, "*n 2"]) -> Bool[np.ndarray, "*n"]:
    """Return which keypoints lie at exactly (0, 0), where programs write what they did not find."""
    return (xy[..., 0] == 0) & (xy[..., 1] == 0)


def drop_origin(keypoints: Keypoints) -> Keypoints:
    """Return keypoints in which those at exactly (0, 0) have confidence 0, and warn of them.

    A frame of a motion that has no others is not valid.
    """
    found = (keypoints.confidence > 0) & at_origin(keypoints.xy)
    if not found.any():
        return keypoints
    log.warning(
        "warning: %d keypoints lie at exactly (0, 0) with a confidence above 0, and count as not "
        "detected: programs write there what they did not find",
        found.sum(),
    )
    confidence = np.where(found, 0, keypoints.confidence)
    if isinstance(keypoints, Detections):
        return replace(keypoints, confidence=confidence)
    emptied = found.any(axis=-1) & ~confidence.any(axis=-1)
    return replace(keypoints, confidence=confidence, valid=keypoints.valid & ~emptied)


def _is_short_text(name: object) -> bool:
    return isinstance(name, str) and len(name) <= MAX_ID


def _is_number(name: str) -> bool:
    """Return whether an id is a number of a person: up to nine digits."""
    return name.isascii() and name.isdecimal() and len(name) <= 9
