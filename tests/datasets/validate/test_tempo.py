"""Speed of people against the stated frame rate."""

import numpy as np
import pytest
from motions import walk

from tcpformer.datasets.validate.tempo import log_speed_ratio, motion_features, speed_ratio_limit


def test_log_speed_ratio_ignores_unit_and_axes() -> None:
    xyz = walk(160, 50.0).xyz
    assert log_speed_ratio(xyz[..., [1, 2, 0]] * 1000, 50.0) == pytest.approx(
        log_speed_ratio(xyz, 50.0)
    )
    assert log_speed_ratio(xyz[:5], 50.0) is None


def test_motion_features_of_twice_the_rate() -> None:
    """Of a movement that is slow against the steps over which it is measured."""
    t = np.linspace(0, 1, 300)[:, None, None]
    pose = np.sin(t + np.arange(17)[:, None] + np.arange(3))
    faster = motion_features(pose, 100.0) - motion_features(pose, 50.0)
    np.testing.assert_allclose(faster, np.log([4, 2, 2, 1, 1]), atol=0.05)


def test_speed_ratio_limit_falls_with_sequences() -> None:
    assert speed_ratio_limit(1) > np.log(2) > speed_ratio_limit(4) > speed_ratio_limit(100) > 0
