"""Filters: their stated response at any frame rate and at uneven times."""

import numpy as np
import pytest

from tcpformer.filtering import filters
from tcpformer.filtering.filters import (
    AdaptiveCutoff,
    adaptive_butterworth,
    butterworth,
    estimate_noise,
    gaussian_smooth,
    roughness,
)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_butterworth_has_its_response_at_any_rate(order: int) -> None:
    for fps in (30.0, 100.0):
        times = np.arange(int(20 * fps)) / fps
        for hertz in (1.0, 3.0):
            wave = np.sin(2 * np.pi * hertz * times)[:, None]
            kept = butterworth(wave, times, 3.0, order=order)[len(times) // 4 : -len(times) // 4]
            wanted = 1 / (1 + (hertz / 3.0) ** (2 * order))
            assert np.abs(kept).max() == pytest.approx(wanted, rel=0.05)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_butterworth_keeps_polynomials_in_time(order: int, rng: np.random.Generator) -> None:
    times = np.cumsum(rng.uniform(0.01, 0.05, 200))
    x = (times ** (order - 1))[:, None]
    weight = rng.uniform(0, 1, 200)
    np.testing.assert_allclose(butterworth(x, times, 2.0, weight, order=order), x, atol=1e-5)


def test_roughness_is_the_cost_of_the_second_derivative(rng: np.random.Generator) -> None:
    times, cutoff = np.cumsum(rng.uniform(0.01, 0.05, 60)), 2.0
    x = 3 * times**2 - times  # whose second derivative is 6
    bands, cost = roughness(times, cutoff, 2), 0.0
    for above, diagonal in enumerate(bands[::-1]):
        pairs = (diagonal[above:] * x[above:] * x[: len(x) - above]).sum()
        cost += pairs if above == 0 else 2 * pairs
    seconds = ((times[2:] - times[:-2]) / 2).sum()
    assert cost == pytest.approx(36 * seconds / (2 * np.pi * cutoff) ** 4, rel=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_butterworth_does_not_depend_on_the_frames_at_once(
    order: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    times, x = np.cumsum(rng.uniform(0.01, 0.05, 200)), rng.normal(size=(200, 2))
    cutoff, weight = rng.uniform(1, 5, 200), rng.uniform(0, 1, 200)
    whole = butterworth(x, times, cutoff, weight, order=order)
    for frames in (1, 7, 198):
        monkeypatch.setattr(filters, "FRAMES_AT_ONCE", frames)
        parts = butterworth(x, times, cutoff, weight, order=order)
        np.testing.assert_allclose(parts, whole, atol=1e-9)


def test_gaussian_smooth_keeps_lines_to_the_ends(rng: np.random.Generator) -> None:
    times = np.cumsum(rng.uniform(0.01, 0.05, 80))
    line = np.stack([3 + 2 * times, -times], axis=1)
    np.testing.assert_allclose(gaussian_smooth(line, times, 0.1), line, atol=1e-9)


def test_butterworth_bridges_frames_without_weight() -> None:
    times = np.arange(60) / 30
    line, weight = (2 * times)[:, None], np.ones(60)
    wrong = line.copy()
    wrong[20:30], weight[20:30] = 9.0, 0.0
    np.testing.assert_allclose(butterworth(wrong, times, 3.0, weight), line, atol=1e-4)


def test_adaptive_butterworth_smooths_rest_and_keeps_speed(rng: np.random.Generator) -> None:
    times = np.arange(300) / 50
    still = rng.normal(0, 0.01, (300, 3))
    calm = adaptive_butterworth(still, times, AdaptiveCutoff(2.0, 2.0))
    assert calm.std() < 0.5 * still.std()
    kick = np.zeros((300, 3))
    kick[:, 0] = 0.5 * np.tanh((times - 3) / 0.06)  # 8.3 m/s
    peak, kept = (
        np.gradient(x[:, 0], times).max()
        for x in (kick, adaptive_butterworth(kick, times, AdaptiveCutoff(2.0, 2.0)))
    )
    assert kept > 0.95 * peak


@pytest.mark.parametrize("fps", [25.0, 50.0, 100.0])
def test_estimate_noise_is_its_density_at_any_rate(fps: float, rng: np.random.Generator) -> None:
    """Half as many frames with the same noise each let through sqrt(2) of it."""
    times = np.arange(int(60 * fps)) / fps
    noise = rng.normal(0, 0.01, (len(times), 1))
    slow = 0.3 * np.sin(2 * np.pi * 1.0 * times)[:, None]
    measured = estimate_noise(slow + noise, times, np.ones(len(times)))
    assert measured is not None
    assert np.sqrt((measured**2).mean()) == pytest.approx(0.01 * np.sqrt(50 / fps), rel=0.1)


def test_estimate_noise_across_frames_of_little_weight(rng: np.random.Generator) -> None:
    times, weight = np.arange(150) / 30, np.ones(150)
    x = rng.normal(0, 0.01, (150, 3))
    weight[:30] = 4e-4
    x[0, 0] += 0.3  # its weight is small, so it counts little for the noise, too
    x[120, 1] += 0.2
    measured = estimate_noise(x, times, weight)
    assert measured is not None
    usual = 0.01 * np.sqrt(3 * 50 / 30)
    assert 0.5 * usual < measured[:100].min() < measured[:100].max() < 2 * usual
    assert measured.argmax() in range(110, 131)


@pytest.mark.parametrize(("frames", "fps"), [(7, 50.0), (200, 12.0)])
def test_estimate_noise_needs_frames_and_rate(frames: int, fps: float) -> None:
    times = np.arange(frames) / fps
    assert estimate_noise(np.zeros((frames, 3)), times, np.ones(frames)) is None
    x = np.sin(9 * times)[:, None]
    one, other = (
        adaptive_butterworth(x, times, AdaptiveCutoff(2.0, 1.0, size)) for size in (0.0, 0.003)
    )
    np.testing.assert_array_equal(one, other)


def test_adaptive_butterworth_smooths_less_with_less_noise(rng: np.random.Generator) -> None:
    times = np.arange(400) / 50
    path = 0.1 * np.sin(2 * np.pi * 2.5 * times)[:, None] * [1.0, 0.0, 0.0]
    calm, rough = (path + rng.normal(0, much, path.shape) for much in (0.0001, 0.02))
    for x, least, most in ((calm, 3.0, 4.0), (rough, 1.0, 1.0)):
        made = adaptive_butterworth(x, times, AdaptiveCutoff(2.0, 0.0, 0.003))
        low, high = (butterworth(x, times, 2.0 * share) for share in (least, most))
        assert np.abs(made - high)[50:-50].max() <= np.abs(low - high)[50:-50].max() + 1e-9


def test_filters_refuse_bad_parameters() -> None:
    times, x = np.arange(5) / 30, np.zeros((5, 1))
    with pytest.raises(ValueError, match="above 0 Hz"):
        butterworth(x, times, 0.0)
    with pytest.raises(ValueError, match="above 0 Hz"):
        butterworth(x, times, 1.0, np.zeros(5))
    with pytest.raises(ValueError, match="seconds must be positive"):
        gaussian_smooth(x, times, 0.0)
