"""Resampling: there and back is identity, straight motion stays straight."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from coco_motion import J, even_motion, straight_paths

from tcpformer.filtering.resample import (
    interpolate_at,
    remove_alternation,
    resample,
    resample_evenly,
)
from tcpformer.motion import Motion2D
from tcpformer.skeleton import COCO


def test_resample_evenly_returns_even_motion_as_it_is(rng: np.random.Generator) -> None:
    x, times = rng.normal(size=(40, 3, 3)), np.round(np.arange(40) / 30, 3)
    even, fps = resample_evenly(x, times, 30.0)
    assert even is x
    assert fps == 30.0


def test_resample_evenly_fills_dropped_frames_with_a_spline() -> None:
    times = np.delete(np.arange(60) / 30, [20, 33, 34])
    x = np.sin(2 * times)[:, None, None] * np.ones((1, 2, 3))
    even, fps = resample_evenly(x, times, 30.0)
    assert len(even) == 60
    assert fps == pytest.approx(30.0)
    np.testing.assert_allclose(even[:, 0, 0], np.sin(2 * np.arange(60) / 30), atol=1e-3)


def test_resample_evenly_crosses_a_pause_on_a_line() -> None:
    times = np.delete(np.arange(60) / 30, np.arange(20, 40))
    x = np.sin(9 * times)[:, None, None] * np.ones((1, 2, 3))
    even, _ = resample_evenly(x, times, 30.0)
    line = np.linspace(even[19], even[40], 22)
    np.testing.assert_allclose(even[19:41], line, atol=1e-9)


@pytest.mark.parametrize("fps", [12.5, 25.0, 50.0, 120.0])
def test_resample_and_back_is_identity_for_slow_motion(
    fps: float, rng: np.random.Generator
) -> None:
    times = np.arange(60) / 30
    phase = rng.uniform(0, 2 * np.pi, (1, J, 2))
    xy = 300 + 100 * np.sin(2 * np.pi * 0.5 * times[:, None, None] + phase)
    other = resample(even_motion(xy), fps)
    assert other.fps == fps
    np.testing.assert_allclose(np.diff(other.times), 1 / fps)
    error = np.abs(interpolate_at(other.xy, other.times, times) - xy)
    # the last sample is up to half a frame too early or too late, at up to 314 pixels a second
    assert error[times < times[-1] - 2 / fps].max() < 0.5
    assert error.max() <= 314.2 * 0.5 / fps + 0.5


def test_resample_leaves_a_rounded_rate() -> None:
    m = even_motion(np.zeros((60, J, 2)))
    assert resample(m, 29.97) is m  # two seconds
    long = even_motion(np.zeros((900, J, 2)))
    assert resample(long, 29.97).fps == 29.97  # half a minute: a frame fewer


def test_resample_keeps_straight_motion_at_uneven_times(
    rng: np.random.Generator,
) -> None:
    times = 3.0 + np.cumsum(rng.uniform(0.01, 0.08, 50))
    m = even_motion(straight_paths(times, rng), times=times)
    even = resample(m, 25.0)
    assert even.times[0] == times[0]
    assert abs(even.times[-1] - times[-1]) <= 0.5 / 25
    inside = even.times <= times[-1]
    slope = np.diff(even.xy[inside], axis=0)
    np.testing.assert_allclose(slope, np.broadcast_to(slope[:1], slope.shape), atol=1e-8)
    np.testing.assert_allclose(
        interpolate_at(even.xy, even.times, times[:-2]), m.xy[:-2], atol=1e-8
    )


def test_resample_returns_even_motion_as_it_is(rng: np.random.Generator) -> None:
    m = even_motion(rng.uniform(0, 700, (20, J, 2)), fps=25.0)
    assert resample(m, 25.0) is m


@pytest.mark.parametrize("gap", [1e-6, 1e-4, 2e-3])
def test_resample_ignores_repeated_frames(gap: float, rng: np.random.Generator) -> None:
    """A pixel of noise over a microsecond is no speed of a million pixels a second."""
    times = np.arange(40) / 30
    times[20] = times[19] + gap
    true = straight_paths(times, rng)
    even = resample(even_motion(true + rng.uniform(-1, 1, true.shape), times=times), 60.0)
    line = true[:1] + (true[-1:] - true[:1]) * (even.times / times[-1])[:, None, None]
    assert np.abs(even.xy - line).max() < 3


def test_interpolate_at_the_old_times_is_identity(rng: np.random.Generator) -> None:
    times = np.cumsum(rng.uniform(0.01, 0.1, 30))
    x = rng.normal(size=(30, 2, 3))
    for smooth in (True, False):
        np.testing.assert_allclose(interpolate_at(x, times, times, smooth=smooth), x, atol=1e-9)
        outside = interpolate_at(x, times, np.array([-5.0, 99.0]), smooth=smooth)
        np.testing.assert_allclose(outside, x[[0, -1]], atol=1e-9)


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_resample_takes_few_frames(frames: int, rng: np.random.Generator) -> None:
    m = even_motion(straight_paths(np.arange(frames) / 10, rng), fps=10.0)
    even = resample(m, 50.0)
    assert len(even) == 5 * (frames - 1) + 1
    back = interpolate_at(even.xy, even.times, m.times)
    np.testing.assert_allclose(back, m.xy, rtol=0, atol=1e-9)


def test_resample_keeps_confidence_in_range_and_takes_the_nearest_validity(
    rng: np.random.Generator,
) -> None:
    m = even_motion(rng.uniform(0, 700, (40, J, 2)))
    valid = rng.random(40) < 0.5
    m = replace(m, confidence=np.round(rng.random((40, J))), valid=valid)
    even = resample(m, 47.0)
    assert even.confidence.min() >= 0
    assert even.confidence.max() <= 1
    distance = np.abs(even.times[:, None] - m.times)
    clear = np.abs(np.sort(distance, axis=1)[:, 0] - np.sort(distance, axis=1)[:, 1]) > 1e-9
    nearest = distance.argmin(axis=1)
    np.testing.assert_array_equal(even.valid[clear], valid[nearest[clear]])
    assert clear.sum() > 50


def test_resample_of_minutes_takes_little_memory() -> None:
    # 45 million pairs of frames: a table of their distances would take 360 MB
    times = np.arange(7200) / 30
    m = Motion2D(np.zeros((7200, J, 2)), np.ones((7200, J)), (9, 9), 30.0, COCO)
    tracemalloc.start()
    even = resample(m, 26.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert abs(even.times[-1] - times[-1]) <= 0.5 / 26
    assert peak < 100e6


@pytest.mark.parametrize("fps", [25.0, 50.0])
def test_remove_alternation_keeps_cubics(fps: float, rng: np.random.Generator) -> None:
    time = np.arange(60.0)[:, None, None]
    for power in (1, 2, 3):
        path = time**power * rng.normal(size=(1, J, 3))
        steady = remove_alternation(path, 0.04, fps)
        np.testing.assert_allclose(steady[10:-10], path[10:-10], rtol=1e-9, atol=1e-7)
    still = np.broadcast_to(path[3], (60, J, 3))
    np.testing.assert_allclose(remove_alternation(still, 0.04, fps), still, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("hertz", "least"), [(2, 0.99), (3, 0.96), (5, 0.8)])
def test_remove_alternation_keeps_body_frequencies(hertz: float, least: float) -> None:
    wave = np.sin(2 * np.pi * hertz * np.arange(100) / 50)[:, None, None]
    assert np.ptp(remove_alternation(wave, 0.04, 50.0)[20:-20]) > least * np.ptp(wave[20:-20])


def test_remove_alternation_removes_alternation() -> None:
    x = np.broadcast_to((-1.0) ** np.arange(60)[:, None, None], (60, J, 3))
    assert np.abs(remove_alternation(x, 0.04, 50.0)[5:-5]).max() < 0.05
    assert np.abs(remove_alternation(x, 0.04, 25.0)[5:-5]).max() < 0.15


@pytest.mark.parametrize("fps", [60.0, 120.0, 240.0])
def test_resample_removes_what_would_alias(fps: float) -> None:
    times = np.arange(round(2 * fps)) / fps
    wave = 100 * np.sin(2 * np.pi * 1.0 * times)
    noise = 10 * np.sin(2 * np.pi * 28.0 * times)  # at 30 a second, it would look like 2 Hz
    xy = np.broadcast_to((wave + noise)[:, None, None], (len(times), J, 2)).copy()
    slow = resample(even_motion(xy, fps), 30.0)
    inside = np.s_[5:-5]
    off = slow.xy[inside, 0, 0] - 100 * np.sin(2 * np.pi * slow.times[inside])
    assert np.abs(off).max() < (5.0 if fps > 60 else 7.0)


def test_resample_averages_noise_from_a_high_rate(rng: np.random.Generator) -> None:
    xy = rng.normal(0, 1, (2400, J, 2))
    assert resample(even_motion(xy, 240.0), 30.0).xy.std() < 0.45
    assert resample(even_motion(xy, 40.0), 30.0).xy.std() > 0.7  # too near to gain anything


def test_resample_keeps_straight_motion_from_a_high_uneven_rate(
    rng: np.random.Generator,
) -> None:
    times = np.cumsum(rng.uniform(0.002, 0.008, 600))
    m = even_motion(straight_paths(times, rng), 200.0, times)
    slow = resample(m, 30.0)
    speed = np.diff(m.xy[[0, -1]], axis=0)[0] / (times[-1] - times[0])
    wanted = m.xy[0] + speed * (slow.times - times[0])[:, None, None]
    # Of the last frame, half of it may lie behind the end.
    np.testing.assert_allclose(slow.xy[:-1], wanted[:-1], atol=1e-6)
