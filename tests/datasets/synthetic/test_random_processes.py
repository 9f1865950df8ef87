"""Random processes in time have the stated statistics."""

import numpy as np
import pytest

from tcpformer.datasets.synthetic.random_processes import ornstein_uhlenbeck, random_intervals


@pytest.mark.parametrize("time_constant", [0.1, 0.7])
def test_ornstein_uhlenbeck_has_unit_variance_and_its_time_constant(
    rng: np.random.Generator, time_constant: float
) -> None:
    steps = ornstein_uhlenbeck(np.full(300, 0.05), (12, 17, 2), time_constant, rng)
    np.testing.assert_allclose(steps.std(axis=(0, 2, 3)), 1, rtol=0.05)
    product = (steps[:, :1] * steps).mean(axis=(0, 2, 3))
    np.testing.assert_allclose(product, np.exp(-0.05 * np.arange(12) / time_constant), atol=0.05)


def test_ornstein_uhlenbeck_takes_seconds_per_clip(rng: np.random.Generator) -> None:
    seconds = np.repeat([0.01, 0.3], 300)
    steps = ornstein_uhlenbeck(seconds, (2, 17), 0.3, rng)
    kept = (steps[:, 0] * steps[:, 1]).mean(axis=1)
    np.testing.assert_allclose(
        [kept[:300].mean(), kept[300:].mean()], np.exp([-1 / 30, -1]), atol=0.05
    )


def test_ornstein_uhlenbeck_equals_a_loop() -> None:
    """The naive twin of the filter."""
    seconds, t = np.array([0.02, 0.2]), 9
    found = ornstein_uhlenbeck(seconds, (t, 3), 0.5, np.random.default_rng(1))
    steps = np.random.default_rng(1).standard_normal((2, t, 3), dtype=np.float32)
    keep = np.exp(-seconds / 0.5)[:, None]
    for i in range(1, t):
        steps[:, i] = keep * steps[:, i - 1] + np.sqrt(1 - keep**2) * steps[:, i]
    np.testing.assert_allclose(found, steps, rtol=0, atol=1e-5)


def test_random_intervals_have_the_stated_rate_and_length(rng: np.random.Generator) -> None:
    rate, t, seconds = 0.05, 300, np.full(400, 0.01)
    on = random_intervals(np.full((400, 17), rate), (0.2, 0.6), seconds, t, rng)
    assert on.mean() == pytest.approx(rate * 0.4, rel=0.2)  # a spell lasts 0.4 s in the mean
    runs = np.diff(on.astype(int), axis=1)
    inside = on.any(axis=1) & ~on[:, 0] & ~on[:, -1]
    assert (np.abs(runs).sum(axis=1)[inside] == 2).all()
    long = on.sum(axis=1)[inside] * 0.01
    assert long.min() >= 0.19
    assert long.max() <= 0.61
    assert not random_intervals(np.zeros((400, 2)), (0.2, 0.6), seconds, t, rng).any()
