"""The view in space: from the chosen side, on the main people."""

from dataclasses import replace

import numpy as np
import pytest
from standing import motion

from tcpformer.motion import LIMITS
from tcpformer.viz.view_path import ViewConfig, find_camera, find_main, solve_view_path


def test_solve_view_path_keeps_people_in_view() -> None:
    still = motion(200)
    shift = np.linspace(0, 6, 200)[:, None, None] * np.array([1.0, 0.5, 0.0])
    walker = replace(still, xyz=still.xyz + shift)
    path = solve_view_path({0: still, 1: walker}, 25.0)
    for person in (still, walker):
        for t in range(0, 200, 20):
            pixels, _ = path.at(t, t / 25).project(person.xyz[t], (400, 400))
            assert pixels.min() > 0
            assert pixels.max() < 400
    assert np.abs(np.diff(path.radii)).max() < 0.1  # the view does not jump


def test_solve_view_path_bounds_the_window_of_an_absurd_rate() -> None:
    still = {0: motion(20)}
    absurd, most = (solve_view_path(still, fps) for fps in (1e9, LIMITS.max_fps))
    np.testing.assert_array_equal(absurd.targets, most.targets)


def test_solve_view_path_ignores_frames_that_are_not_valid() -> None:
    still = motion(20)
    hidden = replace(still, xyz=still.xyz + 5.0, valid=np.zeros(20, dtype=bool))
    both, alone = (solve_view_path(p, 25.0) for p in ({0: still, 1: hidden}, {0: still}))
    np.testing.assert_array_equal(both.targets, alone.targets)
    assert len(solve_view_path({0: hidden}, 25.0).targets) == 1
    assert len(solve_view_path({}, 25.0).targets) == 1


def test_solve_view_path_is_not_widened_by_a_bystander() -> None:
    near, far = motion(20), motion(20, x=8.0, depth=30.0)
    assert find_main({0: near, 7: far}) == [near]
    both, alone = (solve_view_path(p, 25.0) for p in ({0: near, 7: far}, {0: near}))
    np.testing.assert_array_equal(both.radii, alone.radii)


def test_find_camera_is_where_the_motion_was_seen_from() -> None:
    rotation, place = find_camera(motion(3))
    np.testing.assert_allclose(place, [0, 0, 1.0], atol=1e-9)
    np.testing.assert_allclose(rotation @ [0, 0, 1], [0, 1, 0], atol=1e-9)


def test_find_camera_of_hours_in_single_precision() -> None:
    """A sum of a million coordinates in single precision would be off by millimetres."""
    short = motion(3, x=2.0, depth=7.0)
    fields = {
        name: np.resize(getattr(short, name), (60_000, *getattr(short, name).shape[1:]))
        for name in ("xyz", "camera_xyz", "xy", "confidence", "valid")
    }
    joints = {name: fields[name].astype(np.float32) for name in ("xyz", "camera_xyz")}
    long = replace(short, **fields | joints, times=np.arange(60_000) / short.fps)
    for one, other in zip(find_camera(long), find_camera(short), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("side", ["camera", "turn"])
def test_at_begins_with_the_view_of_the_camera(side: str) -> None:
    person = motion(50, x=2.0)
    path = solve_view_path({0: person}, 25.0, ViewConfig(side))  # pyright: ignore[reportArgumentType]
    forward = path.at(0, 0.0).rotation[2]
    towards = path.targets[0] - find_camera(person)[1]
    assert forward[:2] @ towards[:2] == pytest.approx(
        np.linalg.norm(forward[:2]) * np.linalg.norm(towards[:2])
    )


def test_at_turns_slowly_or_stays() -> None:
    people = {0: motion(50)}
    views = {
        side: [solve_view_path(people, 25.0, ViewConfig(side)).at(0, t) for t in (0.0, 5.0)]
        for side in ("turn", "camera", "side", "top")
    }
    assert views["turn"][1].azimuth - views["turn"][0].azimuth == pytest.approx(60)
    assert all(views[side][0] == views[side][1] for side in ("camera", "side", "top"))
    np.testing.assert_allclose(views["side"][0].rotation[2][:2], [-1, 0], atol=0.01)
    np.testing.assert_allclose(views["top"][0].rotation[2], [0, 0, -1], atol=1e-9)
