"""Footfalls of a walker in closed form, and what contact is."""

import numpy as np
import pytest
from walkers import Walker

from tcpformer.analysis.footfalls import (
    DEFINITION,
    Footfalls,
    contacts_by_definition,
    find_footfalls,
    footfalls_by_definition,
    take_feet,
)
from tcpformer.skeleton import BODY_26

START, SECONDS = 0.25, 6.0


def frames(fps: float) -> np.ndarray:
    return np.arange(round(SECONDS * fps) + 1) / fps + START


def assert_events(found: Footfalls, walker: Walker, atol: float) -> None:
    for f, side in enumerate(("left", "right")):
        stop = START + SECONDS
        np.testing.assert_allclose(found.strikes[f], walker.strikes(side, START, stop), atol=atol)
        np.testing.assert_allclose(found.offs[f], walker.offs(side, START, stop), atol=atol)


@pytest.mark.parametrize("fps", [25.0, 30.0, 50.0, 120.0])
@pytest.mark.parametrize("walker", [Walker(), Walker(stride=0.9, seconds=1.4, heading=2.0)])
def test_find_footfalls_of_a_walker(fps: float, walker: Walker) -> None:
    times = frames(fps)
    rng = np.random.default_rng(0)
    feet = walker.feet(times)
    assert_events(find_footfalls(feet + rng.normal(0, 0.005, feet.shape), times), walker, 0.025)


def test_find_footfalls_on_a_slope() -> None:
    walker, times = Walker(slope=0.1), frames(50)
    assert_events(find_footfalls(walker.feet(times), times), walker, 0.025)


def test_find_footfalls_takes_uneven_times() -> None:
    walker, times = Walker(), frames(30)
    times = times + np.random.default_rng(0).uniform(0, 0.015, len(times))
    assert_events(find_footfalls(walker.feet(times), times), walker, 0.03)


def test_find_footfalls_leaves_out_bridged_frames() -> None:
    walker, times = Walker(), frames(50)
    valid = (times < 2) | (times > 4)
    found = find_footfalls(walker.feet(times), times, valid)
    whole = find_footfalls(walker.feet(times), times)
    for some, every in zip(found.strikes + found.offs, whole.strikes + whole.offs, strict=True):
        np.testing.assert_array_equal(some, every[(every < 2) | (every > 4)])
        assert len(some) < len(every)


@pytest.mark.parametrize("count", [1, 3, 200])
def test_find_footfalls_of_a_standing_person(count: int) -> None:
    times = np.arange(count) / 50
    feet = np.repeat(Walker().feet(np.zeros(1)), count, axis=0)
    feet += np.random.default_rng(0).normal(0, 0.005, feet.shape)
    found = find_footfalls(feet, times)
    assert [len(x) for x in found.strikes + found.offs] == [0] * 4


@pytest.mark.parametrize("fps", [50.0, 120.0])
def test_footfalls_by_definition_of_a_walker(fps: float) -> None:
    walker, times = Walker(), frames(fps)
    found = footfalls_by_definition(walker.feet(times), fps)
    later = Footfalls(
        (found.strikes[0] + START, found.strikes[1] + START),
        (found.offs[0] + START, found.offs[1] + START),
    )
    assert_events(later, walker, 1 / fps)


def test_footfalls_by_definition_bridges_a_short_gap() -> None:
    feet = np.zeros((100, 2, 2, 3))
    feet[50, 0, :, 2] = 0.2
    assert footfalls_by_definition(feet, 50.0).offs[0].size == 0
    feet[50:60, 0, :, 2] = 0.2
    assert footfalls_by_definition(feet, 50.0).offs[0].size == 1


def still_at(height: float) -> np.ndarray:
    """Feet on the ground, but for some frames the left heel at rest above it."""
    feet = np.zeros((120, 2, 2, 3))
    feet[40:65, 0, 0, 2] = height
    return feet


@pytest.mark.parametrize(("factor", "stands"), [(0.98, True), (1.1, False)])
def test_contacts_by_definition_bounds_the_height(factor: float, stands: bool) -> None:
    feet = still_at(factor * DEFINITION.height)
    assert contacts_by_definition(feet, 50.0)[52, 0, 0] == stands
    assert contacts_by_definition(feet, 50.0)[52, 0, 1]


@pytest.mark.parametrize(("factor", "stands"), [(0.98, True), (1.2, False)])
def test_contacts_by_definition_bounds_the_speed(factor: float, stands: bool) -> None:
    feet = np.zeros((50, 2, 2, 3))
    feet[..., 0] = (factor * DEFINITION.speed * np.arange(50) / 50)[:, None, None]
    assert contacts_by_definition(feet, 50.0).all() == stands


def test_contacts_by_definition_has_hysteresis() -> None:
    """The bound of a point that stands is wider: slowing down, then between the two bounds."""
    feet = np.zeros((100, 2, 2, 3))
    speed = np.where(np.arange(100) < 50, 0.5, 1.1) * DEFINITION.speed
    feet[..., 0] = np.cumsum(speed / 50)[:, None, None]
    assert contacts_by_definition(feet, 50.0).all()


def test_standing_of_footfalls() -> None:
    nothing = np.zeros(0)
    falls = Footfalls((np.array([1.0, 2.0]), nothing), (np.array([0.6, 1.6]), nothing))
    assert falls.standing(0, 0.5, 2.5) == [(0.5, 0.6), (1.0, 1.6), (2.0, 2.5)]
    assert falls.standing(0, 0.7, 0.9) == []
    assert falls.standing(1, 0.0, 1.0) == []


def test_take_feet_orders_sides_and_points() -> None:
    xyz = np.random.default_rng(0).normal(size=(3, 26, 3))
    feet = take_feet(xyz)
    np.testing.assert_array_equal(feet[:, 1, 0], xyz[:, BODY_26.index["RHeel"]])
    np.testing.assert_array_equal(feet[:, 0, 1], xyz[:, BODY_26.index["LToe"]])
