"""Whole-body left/right swaps of a walk in closed form are undone, however long."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from motions import FOCAL, walk2d

from tcpformer import Lifter
from tcpformer.lifting.body_swaps import BodySwaps, fix_body_swaps, swap_sides
from tcpformer.motion import Motion2D
from tcpformer.skeleton import H36M

FRAMES = 120


@pytest.fixture(scope="module")
def lifter() -> Lifter:
    return Lifter("fast", "cpu", flip=False)


@pytest.fixture(scope="module")
def noisy() -> Motion2D:
    clean = walk2d(FRAMES)
    noise = np.random.default_rng(3).normal(0.0, 1.5, clean.xy.shape)
    return replace(clean, xy=clean.xy + noise)


def stretch(first: int, last: int) -> np.ndarray:
    where = np.zeros(FRAMES, dtype=bool)
    where[first:last] = True
    return where


def fix(lifter: Lifter, motion: Motion2D) -> BodySwaps:
    return fix_body_swaps(motion, partial(lifter._run_on_body, focal=FOCAL), FOCAL)


def test_swap_sides_twice_changes_nothing(noisy: Motion2D) -> None:
    where = stretch(10, 50)
    again = swap_sides(swap_sides(noisy, where), where)
    np.testing.assert_array_equal(again.xy, noisy.xy)


def test_swap_sides_changes_only_paired_joints_of_the_frames(noisy: Motion2D) -> None:
    where = stretch(10, 50)
    changed = (swap_sides(noisy, where).xy != noisy.xy).any(axis=2)
    paired = np.array([twin != i for i, twin in enumerate(H36M.mirror)])
    np.testing.assert_array_equal(changed, where[:, None] & paired)


def test_fix_body_swaps_returns_a_clean_motion_as_it_is(lifter: Lifter, noisy: Motion2D) -> None:
    result = fix(lifter, noisy)
    assert result.motion is noisy
    assert not result.swapped.any()
    assert result.doubt == 0.0


@pytest.mark.parametrize(
    ("first", "last"), [(50, 56), (30, 50), (0, 30), (90, 120), (40, 88)], ids=str
)
def test_fix_body_swaps_undoes_a_stretch(
    lifter: Lifter, noisy: Motion2D, first: int, last: int
) -> None:
    where = stretch(first, last)
    result = fix(lifter, swap_sides(noisy, where))
    np.testing.assert_array_equal(result.swapped, where)
    np.testing.assert_array_equal(result.motion.xy, noisy.xy)


def test_fix_body_swaps_undoes_two_stretches(lifter: Lifter, noisy: Motion2D) -> None:
    where = stretch(20, 40) | stretch(70, 90)
    np.testing.assert_array_equal(fix(lifter, swap_sides(noisy, where)).swapped, where)


def test_fix_body_swaps_ignores_frames_without_the_person(lifter: Lifter, noisy: Motion2D) -> None:
    hidden = stretch(60, 70)
    confidence = np.where(hidden[:, None], 0.0, noisy.confidence)
    seen = replace(noisy, confidence=confidence, valid=~hidden)
    where = stretch(30, 60)
    result = fix(lifter, swap_sides(seen, where))
    np.testing.assert_array_equal(result.swapped, where)


def test_fix_body_swaps_of_two_frames_does_nothing(lifter: Lifter) -> None:
    assert not fix(lifter, walk2d(2)).swapped.any()


def test_lifter_gives_the_clean_motion_and_names_the_swaps(lifter: Lifter, noisy: Motion2D) -> None:
    clean = lifter(noisy)
    fixed = lifter(swap_sides(noisy, stretch(40, 88)))
    np.testing.assert_allclose(fixed.xyz, clean.xyz, atol=1e-9)
    assert "exchanged in 48 of 120 frames" in fixed.provenance["swaps"]
    assert "swaps" not in clean.provenance


def test_lifter_widens_sigma_where_half_is_swapped(
    lifter: Lifter, noisy: Motion2D, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With doubt p, the variance grows by p (1 - p) times the squared distance of both poses."""
    motion = swap_sides(noisy, stretch(0, 60))
    swaps = BodySwaps(noisy, stretch(0, 60), 0.5)
    certain = lifter(noisy)
    monkeypatch.setattr("tcpformer.lifting.lifter.fix_body_swaps", lambda *_: swaps)
    doubtful = lifter(motion)
    assert doubtful.sigma is not None
    assert certain.sigma is not None
    arms = H36M.indices("LWrist", "RWrist")
    assert doubtful.sigma[:, arms].mean() > 2 * certain.sigma[:, arms].mean()
    assert (doubtful.sigma >= certain.sigma - 1e-6).all()
