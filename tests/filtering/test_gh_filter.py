"""The live filter: laws, then what it gains over One-Euro."""

import numpy as np
import pytest

from tcpformer.filtering.gh_filter import GhFilter
from tcpformer.filtering.one_euro import OneEuro, apply_live

TIMES = np.arange(120) / 30


def noisy(path: np.ndarray, sigma: float = 0.01) -> np.ndarray:
    return path + np.random.default_rng(1).normal(0, sigma, path.shape)


def test_constant_input_passes_unchanged() -> None:
    x = np.full((50, 4, 3), 0.7)
    np.testing.assert_allclose(apply_live(x, TIMES[:50], GhFilter()), x)


def test_uniform_motion_has_no_lag_without_damping() -> None:
    x = TIMES[:, None, None] * np.array([0.5, -1.0, 0.2])
    np.testing.assert_allclose(apply_live(x, TIMES, GhFilter(damping=1.0))[60:], x[60:], atol=1e-3)


def test_result_moves_and_turns_with_the_input() -> None:
    x = noisy(np.cumsum(np.ones((60, 5, 3)), axis=0) / 30)
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    one = apply_live(x, TIMES[:60], GhFilter())
    other = apply_live(x @ turn + 2.0, TIMES[:60], GhFilter())
    np.testing.assert_allclose(one @ turn + 2.0, other, atol=1e-9)


def test_only_earlier_frames_count() -> None:
    x = noisy(np.zeros((60, 2, 3)))
    later = x.copy()
    later[40:] += 1.0
    one, other = (apply_live(each, TIMES[:60], GhFilter()) for each in (x, later))
    np.testing.assert_array_equal(one[:40], other[:40])


def test_moving_joints_lag_less_than_behind_one_euro_at_equal_noise() -> None:
    path = 0.4 * np.sin(2 * np.pi * 0.8 * TIMES)[:, None, None] * np.ones((1, 8, 3))
    seen, still = noisy(path), noisy(np.zeros_like(path))

    def measure(live: GhFilter | OneEuro, x: np.ndarray) -> np.ndarray:
        return apply_live(x, TIMES, live)[30:]

    gh, euro = (np.abs(measure(f(), seen) - path[30:]).mean() for f in (GhFilter, OneEuro))
    assert gh < 0.6 * euro
    assert np.diff(measure(GhFilter(), still), axis=0).std() < 0.8 * np.diff(still, axis=0).std()


@pytest.mark.parametrize("wrong", [{"cutoff": 0.0}, {"beta": -1.0}, {"damping": 1.5}])
def test_wrong_numbers_raise(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="cutoff must be positive"):
        GhFilter(**wrong)


def test_time_that_does_not_increase_raises() -> None:
    live = GhFilter()
    live(np.zeros((1, 3)), 1.0)
    with pytest.raises(ValueError, match="expected a time after"):
        live(np.zeros((1, 3)), 1.0)
