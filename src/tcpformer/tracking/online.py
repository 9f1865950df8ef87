"""Give people stable ids frame by frame, without knowledge of later frames."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..skeleton import Skeleton
from .tracker import (
    DEFAULT_TRACKER,
    ActiveTrack,
    TrackerConfig,
    detection_from_keypoints,
    match,
)


class OnlineTracker:
    """Numbers the people of keypoint frames: ``ids = tracker(people, time)``.

    A person is the one of the last frames who is expected nearest, in posture and size too; one who
    is not seen for ``config.max_gap_s`` is forgotten. Numbers start at 0 and are never used again.
    """

    def __init__(self, skeleton: Skeleton, config: TrackerConfig = DEFAULT_TRACKER) -> None:
        self.skeleton, self.config = skeleton, config
        self._tracks: dict[int, ActiveTrack] = {}
        self._frames = self._numbers = 0

    def __call__(self, people: Sequence[Float[np.ndarray, "k 3"]], time: float) -> list[int | None]:
        """Return the number of each person of the next frame; None for one without a trunk.

        Args:
            people: x and y in pixels, and confidence.
            time: Seconds, later than that of the frame before.
        """
        found = {
            row: detection
            for row, joints in enumerate(people)
            if (detection := detection_from_keypoints(joints, self.skeleton, self._frames, time))
        }
        self._frames += 1
        self._forget(time)
        rows, numbers = list(found), list(self._tracks)
        pairs = match(list(self._tracks.values()), list(found.values()), self.config)
        ids: list[int | None] = [None] * len(people)
        for track, column in pairs:
            ids[rows[column]] = numbers[track]
            self._tracks[numbers[track]].add(found[rows[column]])
        for row, detection in found.items():
            if ids[row] is None:
                ids[row] = self._numbers
                self._tracks[self._numbers] = ActiveTrack(detection)
                self._numbers += 1
        return ids

    def _forget(self, time: float) -> None:
        """Drop people who left, and detections that are too old to predict from."""
        for number, track in list(self._tracks.items()):
            if time - track.detections[-1].time > self.config.max_gap_s:
                del self._tracks[number]
                continue
            oldest = time - self.config.max_gap_s
            while len(track.detections) > 2 and track.detections[0].time < oldest:
                del track.detections[0]
