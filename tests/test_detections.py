"""`Detections`: its shape checks, and the rows of each frame."""

import logging

import numpy as np
import pytest

from tcpformer.detections import Detections, drop_origin
from tcpformer.motion import Motion2D
from tcpformer.skeleton import COCO


def detections(**changes: object) -> Detections:
    fields: dict[str, object] = {
        "xy": np.zeros((3, 17, 2)),
        "confidence": np.ones((3, 17)),
        "frame": np.array([0, 0, 2]),
        "times": np.arange(4) / 30,
        "size": (640, 480),
        "fps": 30.0,
        "skeleton": COCO,
    }
    return Detections(**(fields | changes))  # type: ignore[arg-type]


def test_drop_origin_warns_and_keeps_everything_else(caplog: pytest.LogCaptureFixture) -> None:
    rng = np.random.default_rng(0)
    xy, confidence = rng.uniform(1, 400, (5, 17, 2)), rng.uniform(0.1, 1, (5, 17))
    xy[2, 3:5], xy[3, 0, 0] = 0, 0  # two at the corner; one at the left edge, which is a place
    confidence[4, 0], xy[4, 0] = 0, 0  # not detected already
    motion = Motion2D(xy, confidence, (640, 480), 30.0, COCO)
    with caplog.at_level(logging.WARNING):
        found = drop_origin(motion)
    assert "2 keypoints lie at exactly (0, 0)" in caplog.text
    changed = np.argwhere(found.confidence != motion.confidence)
    np.testing.assert_array_equal(changed, [[2, 3], [2, 4]])
    assert (found.confidence[2, 3:5] == 0).all()
    assert found.valid.all()
    np.testing.assert_array_equal(found.xy, motion.xy)


def test_drop_origin_leaves_no_valid_frame_without_joints() -> None:
    xy, confidence = np.full((3, 17, 2), 9.0), np.ones((3, 17))
    xy[1] = 0
    valid = np.array([True, True, False])
    motion = Motion2D(xy, confidence, (640, 480), 30.0, COCO, valid=valid)
    assert drop_origin(motion).valid.tolist() == [True, False, False]


def test_drop_origin_returns_what_has_none() -> None:
    rows = detections(xy=np.ones((3, 17, 2)))
    assert drop_origin(rows) is rows


def test_by_frame_yields_the_rows_of_every_frame() -> None:
    rows = [(part.start, part.stop) for part in detections().by_frame()]
    assert rows == [(0, 2), (2, 2), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame": np.array([0, 0, 4])}, "index the 4 frames"),
        ({"frame": np.array([-1, 0, 2])}, "index the 4 frames"),
        ({"frame": np.array([0, 3, 2])}, "order of their frames"),
        ({"ids": ("a", None)}, "ids needs 3 entries"),
        ({"xy": np.full((3, 17, 2), np.nan)}, "xy must be finite"),
        ({"confidence": np.full((3, 17), 2.0)}, "confidence must lie in 0 to 1"),
        ({"times": np.array([0, 1, 2, 1e9])}, "frame 2 is at 2 s and frame 3 at 1000000000 s"),
        ({"times": np.array([0.0, 1.0, 1.0, 2.0])}, "times must be finite and increase"),
        ({"fps": 0.0}, "size and fps must be positive"),
        ({"focal": -1.0}, "focal must be positive"),
        ({"focal_source": "x" * 99_999}, "focal_source must be a text"),
        ({"ids": ("x" * 201, None, None)}, "ids must be texts of at most 200"),
        ({"tracked": True, "ids": ("0", "9" * 30, "2")}, "a number as the id of every row"),
        ({"tracked": True}, "a number as the id of every row"),
        ({"tracked": True, "ids": ("0", "one", "2")}, "a number as the id of every row"),
        ({"xy": np.zeros((3, 16, 2)), "confidence": np.ones((3, 16))}, "of 17 joints"),
    ],
)
def test_detections_refuse_what_does_not_fit(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detections(**change)


def test_empty_detections_have_no_rows() -> None:
    none = detections(
        xy=np.zeros((0, 17, 2)), confidence=np.zeros((0, 17)), frame=np.zeros(0, dtype=int)
    )
    assert len(none) == 0
    assert [part.start for part in none.by_frame()] == [0, 0, 0, 0]


def test_empty_detections_may_be_tracked() -> None:
    empty = {"xy": np.zeros((0, 17, 2)), "confidence": np.zeros((0, 17)), "frame": np.zeros(0, int)}
    assert len(detections(**empty, ids=(), tracked=True)) == 0


def test_from_frames_makes_one_row_a_person() -> None:
    people = np.arange(3 * 17 * 3, dtype=float).reshape(3, 17, 3)
    people[..., 2] /= people[..., 2].max()
    found = Detections.from_frames(
        [[people[0], people[1]], [], [people[2]]],
        COCO,
        times=[0.0, 0.1, 0.2],
        size=(640, 480),
        fps=10.0,
        ids=[["a", None], [], ["a"]],
    )
    np.testing.assert_array_equal(found.xy, people[..., :2])
    np.testing.assert_array_equal(found.confidence, people[..., 2])
    assert found.frame.tolist() == [0, 0, 2]
    assert found.ids == ("a", None, "a")
