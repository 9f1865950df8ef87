"""Gaps and frame rates: what is straight stays straight, and there and back is the way it was."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from tcpformer.filtering.repair import fill_gaps, interpolate_at, remove_alternation, resample
from tcpformer.motion import Motion2D
from tcpformer.skeleton import COCO

J = len(COCO.joints)


def motion(xy: np.ndarray, fps: float = 30.0, times: np.ndarray | None = None) -> Motion2D:
    times = np.arange(len(xy)) / fps if times is None else times
    return Motion2D(xy, np.ones(xy.shape[:2]), (1280, 720), fps, COCO, times=times)


def straight(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every joint at its own constant velocity."""
    start, speed = rng.uniform(0, 700, (2, 1, J, 2))
    return start + 0.2 * speed * times[:, None, None]


def hidden(m: Motion2D, where: np.ndarray) -> Motion2D:
    """The same with joints unseen and put anywhere."""
    confidence = np.where(where, 0.0, m.confidence)
    return replace(m, xy=np.where(where[..., None], -1e4, m.xy), confidence=confidence)


# gaps


def test_gaps_in_linear_motion_are_filled_exactly(rng: np.random.Generator) -> None:
    times = np.cumsum(rng.uniform(0.01, 0.1, 40))  # a phone's uneven frames
    true = straight(times, rng)
    where = rng.random((40, J)) < 0.6
    where[[0, -1]] = False
    whole = fill_gaps(hidden(motion(true, times=times), where))
    np.testing.assert_allclose(whole.xy, true, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(whole.confidence == 0, where)


def test_ends_stay_where_a_joint_was_last_seen(rng: np.random.Generator) -> None:
    true = straight(np.arange(20) / 30, rng)
    where = np.zeros((20, J), dtype=bool)
    where[:5], where[15:] = True, True
    whole = fill_gaps(hidden(motion(true), where))
    np.testing.assert_array_equal(whole.xy[:5], np.broadcast_to(true[5], (5, J, 2)))
    np.testing.assert_array_equal(whole.xy[15:], np.broadcast_to(true[14], (5, J, 2)))
    np.testing.assert_array_equal(whole.xy[5:15], true[5:15])


def test_filling_twice_is_filling_once(rng: np.random.Generator) -> None:
    m = hidden(motion(rng.uniform(0, 700, (30, J, 2))), rng.random((30, J)) < 0.5)
    once = fill_gaps(m)
    twice = fill_gaps(once)
    np.testing.assert_array_equal(twice.xy, once.xy)
    np.testing.assert_array_equal(twice.confidence, once.confidence)
    np.testing.assert_array_equal(twice.valid, m.valid)


def test_a_frame_that_is_not_valid_is_unseen_whatever_its_confidence(
    rng: np.random.Generator,
) -> None:
    true = straight(np.arange(9) / 30, rng)
    valid = np.arange(9) != 4
    xy = np.where(valid[:, None, None], true, 1e5)
    whole = fill_gaps(replace(motion(xy), valid=valid))
    np.testing.assert_allclose(whole.xy, true, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(whole.confidence.max(axis=1) > 0, valid)
    np.testing.assert_array_equal(whole.valid, valid)


def test_a_joint_never_seen_goes_to_the_mean_of_the_others(rng: np.random.Generator) -> None:
    true = straight(np.arange(6) / 30, rng)
    where = np.zeros((6, J), dtype=bool)
    where[:, 3], where[2] = True, True
    whole = fill_gaps(hidden(motion(true), where))
    others = np.delete(true, 3, axis=1).mean(axis=1)
    np.testing.assert_allclose(whole.xy[:, 3], others, rtol=0, atol=1e-9)


@pytest.mark.parametrize("frames", [1, 5])
def test_one_sighting_is_enough_and_none_is_said(frames: int, rng: np.random.Generator) -> None:
    where = np.ones((frames, J), dtype=bool)
    m = motion(rng.uniform(0, 700, (frames, J, 2)))
    with pytest.raises(ValueError, match="nobody is visible"):
        fill_gaps(hidden(m, where))
    with pytest.raises(ValueError, match="nobody is visible"):
        fill_gaps(replace(m, valid=np.zeros(frames, dtype=bool)))
    where[0, 5] = False
    whole = fill_gaps(hidden(m, where))
    np.testing.assert_array_equal(whole.xy, np.broadcast_to(m.xy[0, 5], (frames, J, 2)))


# frame rates


@pytest.mark.parametrize("fps", [12.5, 25.0, 50.0, 120.0])
def test_resampled_and_back_is_the_same_for_slow_motion(
    fps: float, rng: np.random.Generator
) -> None:
    times = np.arange(60) / 30
    phase = rng.uniform(0, 2 * np.pi, (1, J, 2))
    xy = 300 + 100 * np.sin(2 * np.pi * 0.5 * times[:, None, None] + phase)
    other = resample(motion(xy), fps)
    assert other.fps == fps
    np.testing.assert_allclose(np.diff(other.times), 1 / fps)
    error = np.abs(interpolate_at(other.xy, other.times, times) - xy)
    # the last sample is up to half a frame too early or too late, at up to 314 pixels a second
    assert error[times < times[-1] - 2 / fps].max() < 0.5
    assert error.max() <= 314.2 * 0.5 / fps + 0.5


def test_a_rate_that_is_told_apart_from_another_only_by_rounding_is_left_alone() -> None:
    m = motion(np.zeros((60, J, 2)))
    assert resample(m, 29.97) is m  # two seconds
    long = motion(np.zeros((900, J, 2)))
    assert resample(long, 29.97).fps == 29.97  # half a minute: a frame fewer


def test_resampling_keeps_straight_motion_straight_from_uneven_times(
    rng: np.random.Generator,
) -> None:
    times = 3.0 + np.cumsum(rng.uniform(0.01, 0.08, 50))
    m = motion(straight(times, rng), times=times)
    even = resample(m, 25.0)
    assert even.times[0] == times[0]
    assert abs(even.times[-1] - times[-1]) <= 0.5 / 25
    inside = even.times <= times[-1]
    slope = np.diff(even.xy[inside], axis=0)
    np.testing.assert_allclose(slope, np.broadcast_to(slope[:1], slope.shape), atol=1e-8)
    np.testing.assert_allclose(
        interpolate_at(even.xy, even.times, times[:-2]), m.xy[:-2], atol=1e-8
    )


def test_even_motion_at_the_rate_is_returned_as_it_is(rng: np.random.Generator) -> None:
    m = motion(rng.uniform(0, 700, (20, J, 2)), fps=25.0)
    assert resample(m, 25.0) is m


@pytest.mark.parametrize("gap", [1e-6, 1e-4, 2e-3])
def test_a_frame_that_follows_at_once_throws_no_joint_about(
    gap: float, rng: np.random.Generator
) -> None:
    """A pixel of noise over a microsecond is no speed of a million pixels a second."""
    times = np.arange(40) / 30
    times[20] = times[19] + gap
    true = straight(times, rng)
    even = resample(motion(true + rng.uniform(-1, 1, true.shape), times=times), 60.0)
    line = true[:1] + (true[-1:] - true[:1]) * (even.times / times[-1])[:, None, None]
    assert np.abs(even.xy - line).max() < 3


def test_values_at_the_old_times_are_the_old_values(rng: np.random.Generator) -> None:
    times = np.cumsum(rng.uniform(0.01, 0.1, 30))
    x = rng.normal(size=(30, 2, 3))
    for smooth in (True, False):
        np.testing.assert_allclose(interpolate_at(x, times, times, smooth=smooth), x, atol=1e-9)
        outside = interpolate_at(x, times, np.array([-5.0, 99.0]), smooth=smooth)
        np.testing.assert_allclose(outside, x[[0, -1]], atol=1e-9)


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_a_few_frames_are_enough(frames: int, rng: np.random.Generator) -> None:
    m = motion(straight(np.arange(frames) / 10, rng), fps=10.0)
    even = resample(m, 50.0)
    assert len(even) == 5 * (frames - 1) + 1
    back = interpolate_at(even.xy, even.times, m.times)
    np.testing.assert_allclose(back, m.xy, rtol=0, atol=1e-9)


def test_confidence_stays_in_range_and_validity_is_that_of_the_nearest_frame(
    rng: np.random.Generator,
) -> None:
    m = motion(rng.uniform(0, 700, (40, J, 2)))
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


def test_resampling_minutes_does_not_need_gigabytes() -> None:
    # 45 million pairs of frames: a table of their distances would take 360 MB
    times = np.arange(7200) / 30
    m = Motion2D(np.zeros((7200, J, 2)), np.ones((7200, J)), (9, 9), 30.0, COCO)
    tracemalloc.start()
    even = resample(m, 26.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert abs(even.times[-1] - times[-1]) <= 0.5 / 26
    assert peak < 100e6


# steadying


@pytest.mark.parametrize("fps", [25.0, 50.0])
def test_steadying_keeps_what_rests_moves_evenly_or_gains_speed_evenly(
    fps: float, rng: np.random.Generator
) -> None:
    time = np.arange(60.0)[:, None, None]
    for power in (1, 2, 3):
        path = time**power * rng.normal(size=(1, J, 3))
        steady = remove_alternation(path, 0.04, fps)
        np.testing.assert_allclose(steady[10:-10], path[10:-10], rtol=1e-9, atol=1e-7)
    still = np.broadcast_to(path[3], (60, J, 3))
    np.testing.assert_allclose(remove_alternation(still, 0.04, fps), still, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("hertz", "least"), [(2, 0.99), (3, 0.96), (5, 0.8)])
def test_steadying_keeps_what_people_do(hertz: float, least: float) -> None:
    wave = np.sin(2 * np.pi * hertz * np.arange(100) / 50)[:, None, None]
    assert np.ptp(remove_alternation(wave, 0.04, 50.0)[20:-20]) > least * np.ptp(wave[20:-20])


def test_steadying_takes_away_what_alternates() -> None:
    x = np.broadcast_to((-1.0) ** np.arange(60)[:, None, None], (60, J, 3))
    assert np.abs(remove_alternation(x, 0.04, 50.0)[5:-5]).max() < 0.05
    assert np.abs(remove_alternation(x, 0.04, 25.0)[5:-5]).max() < 0.15


# from high rates


@pytest.mark.parametrize("fps", [60.0, 120.0, 240.0])
def test_what_trembles_faster_than_the_new_rate_shows_is_gone(fps: float) -> None:
    times = np.arange(round(2 * fps)) / fps
    wave = 100 * np.sin(2 * np.pi * 1.0 * times)
    tremble = 10 * np.sin(2 * np.pi * 28.0 * times)  # at 30 a second, it would look like 2 Hz
    xy = np.broadcast_to((wave + tremble)[:, None, None], (len(times), J, 2)).copy()
    slow = resample(motion(xy, fps), 30.0)
    inside = np.s_[5:-5]
    off = slow.xy[inside, 0, 0] - 100 * np.sin(2 * np.pi * slow.times[inside])
    assert np.abs(off).max() < (5.0 if fps > 60 else 7.0)


def test_noise_of_many_frames_is_averaged(rng: np.random.Generator) -> None:
    xy = rng.normal(0, 1, (2400, J, 2))
    assert resample(motion(xy, 240.0), 30.0).xy.std() < 0.45
    assert resample(motion(xy, 40.0), 30.0).xy.std() > 0.7  # too near to gain anything


def test_straight_motion_stays_straight_from_a_high_and_uneven_rate(
    rng: np.random.Generator,
) -> None:
    times = np.cumsum(rng.uniform(0.002, 0.008, 600))
    m = motion(straight(times, rng), 200.0, times)
    slow = resample(m, 30.0)
    speed = np.diff(m.xy[[0, -1]], axis=0)[0] / (times[-1] - times[0])
    wanted = m.xy[0] + speed * (slow.times - times[0])[:, None, None]
    # Of the last frame, half of it may lie behind the end.
    np.testing.assert_allclose(slow.xy[:-1], wanted[:-1], atol=1e-6)
