"""Stable ids without knowledge of later frames."""

import numpy as np
from motions import walk2d

from tcpformer.skeleton import H36M
from tcpformer.tracking.online import OnlineTracker


def frames(shift: float) -> np.ndarray:
    """Return a walk, moved to the right by some pixels: x, y and confidence."""
    motion = walk2d(40)
    return np.concatenate(
        [motion.xy + np.array([shift, 0.0]), motion.confidence[..., None]], axis=-1
    )


def test_ids_stay_when_people_change_their_order() -> None:
    tracker, left, right = OnlineTracker(H36M), frames(-300.0), frames(300.0)
    assert tracker([left[0], right[0]], 0.0) == [0, 1]
    for i in range(1, 40):
        people, ids = ([left[i], right[i]], [0, 1]) if i % 2 else ([right[i], left[i]], [1, 0])
        assert tracker(people, i / 30) == ids


def test_id_returns_after_a_short_absence_and_is_new_after_a_long_one() -> None:
    tracker, walk = OnlineTracker(H36M), frames(0.0)
    assert tracker([walk[0]], 0.0) == [0]
    assert tracker([], 0.5) == []
    assert tracker([walk[0]], 1.0) == [0]
    assert tracker([walk[0]], 5.0) == [1]


def test_person_without_a_trunk_has_no_id() -> None:
    hidden = frames(0.0)[0].copy()
    hidden[:, 2] = 0.0
    assert OnlineTracker(H36M)([hidden], 0.0) == [None]


def test_memory_is_bounded() -> None:
    tracker, walk = OnlineTracker(H36M), frames(0.0)
    for i in range(400):
        tracker([walk[0]], i / 30)
    (track,) = tracker.tracks.values()
    assert len(track.detections) < 70
