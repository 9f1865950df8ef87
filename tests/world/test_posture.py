"""The camera's posture: angles, up, and mean and sigma of a density over both."""

import numpy as np
import pytest

from tcpformer.datasets.synthetic.cameras import camera_rotations
from tcpformer.world.posture import (
    LEVEL_UP,
    LogDensity,
    Posture,
    angles_of,
    estimate_posture,
    up_of,
)


def normal(tilt: float, roll: float, tilt_sigma: float, roll_sigma: float) -> LogDensity:
    """Return the log density of a normal distribution."""
    return lambda t, r, step: (
        -0.5 * ((t - tilt) / tilt_sigma) ** 2 - 0.5 * ((r - roll) / roll_sigma) ** 2
    )


@pytest.mark.parametrize(("tilt", "roll"), [(0.0, 0.0), (35.0, -20.0), (-12.0, 70.0)])
def test_up_of_is_that_of_a_synthetic_camera(tilt: float, roll: float) -> None:
    angles = (np.radians([angle]) for angle in (100.0, tilt, roll))
    up = camera_rotations(*angles)[0, :, 2]
    np.testing.assert_allclose(up_of(np.array(tilt), np.array(roll)), up, atol=1e-12)
    np.testing.assert_allclose(angles_of(up), (tilt, roll), atol=1e-9)


def test_up_of_a_level_camera_is_level() -> None:
    np.testing.assert_allclose(Posture(0.0, 0.0).up, LEVEL_UP, atol=1e-12)


@pytest.mark.parametrize("sigmas", [(0.6, 0.4), (3.0, 6.0), (12.0, 1.0)])
def test_estimate_posture_of_a_normal_distribution(sigmas: tuple[float, float]) -> None:
    found = estimate_posture(normal(20.0, -15.0, *sigmas))
    assert found.tilt == pytest.approx(20.0, abs=0.1 * sigmas[0])
    assert found.roll == pytest.approx(-15.0, abs=0.1 * sigmas[1])
    assert (found.tilt_sigma, found.roll_sigma) == pytest.approx(sigmas, rel=0.15, abs=0.1)
    assert found.sigma == max(found.tilt_sigma, found.roll_sigma)


def test_estimate_posture_keeps_what_is_given() -> None:
    found = estimate_posture(normal(20.0, -15.0, 3.0, 3.0), roll=5.0)
    assert (found.roll, found.roll_sigma) == (5.0, 0.0)
    assert found.tilt == pytest.approx(20.0, abs=0.2)
    assert estimate_posture(normal(20.0, -15.0, 3.0, 3.0), 1.0, 2.0) == Posture(1.0, 2.0)


def test_describe_names_angles_and_sigma() -> None:
    assert "by 0 and rolled by 0" in Posture(-0.2, -0.1, 2.0, 1.0).describe()
    text = Posture(10.0, 3.0, 2.0, 1.0).describe()
    assert "tilted by 10 and rolled by 3 degrees, one sigma 2.0 and 1.0" in text
