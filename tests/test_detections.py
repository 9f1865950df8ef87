"""`Detections`: its shape checks, and the rows of each frame."""

import numpy as np
import pytest

from tcpformer.detections import Detections
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
