"""Which frames are looked at, and the joints of those between."""

from dataclasses import replace

import numpy as np
import pytest

from tcpformer.detect.blazepose import Pose
from tcpformer.detect.bridge import DEFAULT_LOOKS, EVERY_FRAME, bridge, may_bridge, stride
from tcpformer.skeleton import BLAZEPOSE

TIMES = (0.0, 0.1, 0.2, 0.35)
WRIST = BLAZEPOSE.index["LWrist"]


def looks(path: np.ndarray | None = None, visibility: float = 1.0) -> list[tuple[float, Pose]]:
    """Return looks at a person 200 pixels tall, whose left wrist is at some places."""
    found = []
    for i, time in enumerate(TIMES):
        xy = np.tile([300 + 50 * time, 100.0], (33, 1))
        xy[WRIST] += path[i] if path is not None else 0.0
        seen = np.full(33, 0.9)
        seen[WRIST] *= visibility
        center = (300 + 50 * time, 100.0)
        found.append((time, Pose(xy, seen, 0.95, center, (center[0], 0.0))))
    return found


@pytest.mark.parametrize(
    ("fps", "expected"), [(120.0, 8), (60.0, 4), (50.0, 4), (30.0, 2), (25.0, 2), (20.0, 1)]
)
def test_stride_is_a_power_of_two_that_keeps_the_rate(fps: float, expected: int) -> None:
    assert stride(fps) == expected
    assert stride(fps, EVERY_FRAME) == 1


def test_bridge_is_exact_for_constant_speed() -> None:
    pose = bridge(looks(), 0.13)
    np.testing.assert_allclose(pose.xy[:, 0], 306.5)
    assert pose.center == pytest.approx((306.5, 100.0))
    assert pose.visibility == pytest.approx(np.full(33, 0.9))


def test_bridge_follows_constant_acceleration_at_even_times() -> None:
    path = np.array([[0.0, 0.0], [0.0, 10.0], [0.0, 40.0], [0.0, 90.0]])
    each = [(0.1 * i, pose) for i, (_, pose) in enumerate(looks(path))]
    assert bridge(each, 0.15).xy[WRIST, 1] - 100 == pytest.approx(22.5)


def test_bridge_has_less_confidence_where_the_path_bends() -> None:
    path = np.array([[0.0, 0.0], [0.0, 10.0], [0.0, 0.0], [0.0, 0.0]])
    pose = bridge(looks(path), 0.15)
    assert pose.visibility[WRIST] < 0.8 < pose.visibility[0]


def test_may_bridge_unless_a_joint_bends() -> None:
    turn = np.array([[0.0, 0.0], [0.0, 12.0], [0.0, 0.0], [0.0, -12.0]])
    assert may_bridge(looks())
    assert not may_bridge(looks(2 * turn))
    assert may_bridge(looks(2 * turn, visibility=0.1))  # it is hardly seen
    assert may_bridge(looks(2 * turn), replace(DEFAULT_LOOKS, max_bend=1.0))


def test_may_bridge_unless_the_confidence_falls() -> None:
    falling = looks()
    seen = falling[2][1].visibility.copy()
    seen[WRIST] = 0.3
    falling[2] = falling[2][0], replace(falling[2][1], visibility=seen)
    assert not may_bridge(falling)
