"""The One-Euro filter."""

import numpy as np
import pytest

from tcpformer.filtering.one_euro import OneEuro, apply_live


def test_one_euro_is_causal_and_smooths(rng: np.random.Generator) -> None:
    times = np.arange(50) / 30
    x = rng.normal(size=(50, 17, 3))
    whole = apply_live(x, times, OneEuro())
    np.testing.assert_array_equal(apply_live(x[:20], times[:20], OneEuro()), whole[:20])
    assert np.diff(whole, axis=0).std() < np.diff(x, axis=0).std()


@pytest.mark.parametrize("change", [{"min_cutoff": 0.0}, {"beta": -1.0}, {"speed_cutoff": 0.0}])
def test_one_euro_refuses_bad_parameters(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="min_cutoff and speed_cutoff must be positive"):
        OneEuro(**change)


def test_one_euro_refuses_a_time_that_does_not_increase() -> None:
    live = OneEuro()
    live(np.zeros(3), 1.0)
    with pytest.raises(ValueError, match="expected a time after"):
        live(np.zeros(3), 1.0)
