"""Pace and frame rates: the motion at the frames of a video, and resampled."""

import numpy as np
import pytest

from tcpformer.datasets.mocap import Mocap
from tcpformer.datasets.synthetic.playback import (
    MARGIN,
    resample_linear,
    resample_spline,
    sample_playback,
)
from tcpformer.filtering.resample import interpolate_at, resample
from tcpformer.motion import Motion2D
from tcpformer.skeleton import H36M

FPS = 50.0


def line_mocap(length: int = 2000) -> Mocap:
    """Everything moves at a metre a second: where it is tells when it is."""
    xyz = np.broadcast_to(np.arange(length)[:, None, None] / FPS, (length, 17, 3))
    return Mocap(xyz.astype(np.float32), np.array([0]), np.array([length]), FPS)


def test_resample_spline_equals_filtering_resample(rng: np.random.Generator) -> None:
    """The fast twin of `repair.resample`, away from a video's ends."""
    xy = rng.normal(size=(60, 17, 2)).cumsum(axis=0)
    sure = rng.random((60, 17))
    motion = Motion2D(xy, sure, (640, 480), 30.0, H36M)
    even = resample(motion, FPS)
    at = np.arange(len(even))[None] * 30 / FPS
    inner = (at[0] > 12) & (at[0] < 47)
    at = at[:, inner]
    np.testing.assert_allclose(resample_spline(xy[None], at)[0], even.xy[inner], rtol=0, atol=1e-4)
    np.testing.assert_allclose(
        resample_linear(sure[None], at)[0], even.confidence[inner], atol=1e-9
    )
    straight = interpolate_at(xy, np.arange(60.0), at[0], smooth=False)
    np.testing.assert_allclose(
        resample_linear(xy[None, ..., 0], at)[0], straight[..., 0], atol=1e-9
    )


def test_resample_keeps_frames(rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, 40, 17, 2))
    at = np.arange(MARGIN, 32)[None].repeat(3, axis=0).astype(float)
    np.testing.assert_allclose(resample_spline(x, at), x[:, MARGIN:32], atol=1e-5)
    np.testing.assert_array_equal(resample_linear(x[..., 0], at), x[:, MARGIN:32, :, 0])


def test_resample_spline_is_exact_for_cubics() -> None:
    t = np.linspace(-1, 1, 41)
    x = np.stack([t**3, t**2 - t], axis=-1)[None, :, None]
    at = np.linspace(14, 26, 30)[None]
    exact = np.interp(at[0], np.arange(41), t)
    found = resample_spline(x, at)[0, :, 0]
    np.testing.assert_allclose(found, np.stack([exact**3, exact**2 - exact], axis=-1), atol=2e-6)


def test_sample_playback_has_one_motion_at_both_rates() -> None:
    drawn = sample_playback(line_mocap(), 27, 200, (2, 6), np.random.default_rng(0))
    again = resample_spline(drawn.video.astype(float), drawn.at)
    steps = np.diff(drawn.clip[:, :, 0, 0], axis=1)
    whole = (steps > 0).all(axis=1) & (drawn.video[:, 0, 0, 0] > 0.1)
    whole &= drawn.video[:, -1, 0, 0] < 39.8  # none of them rests at an end of the sequence
    assert whole.sum() > 100
    np.testing.assert_allclose(again[whole], drawn.clip[whole], rtol=0, atol=1e-4)


def test_sample_playback_has_the_stated_paces_and_rates() -> None:
    drawn = sample_playback(line_mocap(), 27, 700, (2, 6), np.random.default_rng(0))
    gap = np.diff(drawn.at, axis=1) / drawn.fps[:, None] * FPS
    np.testing.assert_allclose(gap, np.round(gap), atol=1e-9)
    assert (gap == gap[:, :1]).mean() > 0.3
    assert set(np.round(gap[:, 0])) == {2, 3, 4, 5, 6}
    pace = np.diff(drawn.clip[:, :, 0, 0], axis=1).mean(axis=1) / (gap[:, 0] / FPS)
    assert pace.min() > 0.49
    assert pace.max() < 2.01
    assert (np.abs(pace - 1) < 1e-3).mean() == pytest.approx(0.5, abs=0.05)
    assert np.log(pace).mean() == pytest.approx(0, abs=0.03)
    assert drawn.fps.min() >= 24
    assert drawn.fps.max() <= 60
    for usual in (24, 25, 30, 50, 60):
        assert (drawn.fps == usual).mean() > 0.04
    assert ((drawn.fps > 31) & (drawn.fps < 47)).mean() > 0.05
    between = drawn.at[drawn.fps != FPS] % 1
    assert np.histogram(between, bins=4, range=(0, 1))[0].min() > 0.15 * between.size


def test_sample_playback_has_a_margin() -> None:
    drawn = sample_playback(line_mocap(), 9, 100, (2, 6), np.random.default_rng(0))
    assert drawn.at.min() >= MARGIN
    assert drawn.at.max() <= drawn.video.shape[1] - 1 - MARGIN
    assert drawn.clip.shape == (100, 9, 17, 3)


@pytest.mark.parametrize("lengths", [(30,), (1, 3), (27, 200)])
def test_sample_playback_stays_in_short_sequences(lengths: tuple[int, ...]) -> None:
    """Sequences lie at 0, 100, 200 ...: nothing of one shows in a clip of another."""
    starts = np.cumsum([0, *lengths])[:-1]
    place = np.repeat(100.0 * np.arange(len(lengths)), lengths)
    xyz = np.broadcast_to(place[:, None, None], (len(place), 17, 3)).astype(np.float32)
    mocap = Mocap(xyz, starts, np.array(lengths), FPS)
    drawn = sample_playback(mocap, 27, 64, (2, 6), np.random.default_rng(0))
    own = drawn.clip[:, :1, :1]
    assert (drawn.clip == own).all()
    assert (drawn.video == own).all()
