"""Virtual cameras: rigid, plausible, and with people in the picture."""

import numpy as np
import pytest
from motions import walk

from tcpformer.datasets.synthetic.cameras import (
    ASSUMED_HALF_VIEW,
    FramingConfig,
    Views,
    sample_benchmark_views,
    sample_filmed_views,
)
from tcpformer.skeleton import H36M, STANDARD_HEIGHT, stature
from tcpformer.world.camera import choose_focal


@pytest.fixture
def walks() -> np.ndarray:
    """Clips of people who walk in all directions."""
    xyz = walk(15).xyz
    return np.stack([xyz, xyz * [-1, -1, 1], xyz[..., [1, 0, 2]] * [1, -1, 1]]).repeat(20, axis=0)


def test_sample_benchmark_views_is_a_rigid_motion(
    walks: np.ndarray, rng: np.random.Generator
) -> None:
    seen = sample_benchmark_views(walks, rng)
    for x, y in zip(walks, seen, strict=True):
        x, y = x.reshape(-1, 3), y.reshape(-1, 3)
        rotation = np.linalg.lstsq(x - x.mean(axis=0), y - y.mean(axis=0))[0]
        assert np.linalg.det(rotation) == pytest.approx(1)
        moved = (x - x.mean(axis=0)) @ rotation + y.mean(axis=0)
        np.testing.assert_allclose(moved, y, rtol=0, atol=1e-9)


@pytest.mark.parametrize("size", [1.0, 20.0])
def test_sample_benchmark_views_stays_a_metre_away(
    walks: np.ndarray, size: float, rng: np.random.Generator
) -> None:
    seen = sample_benchmark_views(walks * size, rng)
    assert seen[..., 2].min() >= 1 - 1e-9
    assert seen[..., 2].mean() < 9.5 + 5 * size


def test_sample_benchmark_views_covers_its_angles(
    rng: np.random.Generator,
) -> None:
    pole = np.zeros((2000, 1, 17, 3))
    pole[:, :, 1, 2], pole[:, :, 2, 0], pole[:, :, 3, 1] = 1.0, 1.0, 1.0
    seen = sample_benchmark_views(pole, rng)[:, 0]
    up, east = seen[:, 1] - seen[:, 0], seen[:, 2] - seen[:, 0]
    assert up[:, 1].max() < -0.7  # y is down
    from_above = np.degrees(np.arcsin(-up[:, 2]))  # the top leans toward a camera that looks down
    assert -8.01 <= from_above.min() < -6
    assert 36 < from_above.max() <= 38.01
    roll = np.degrees(np.arctan2(up[:, 0], -up[:, 1]))
    assert np.std(roll) == pytest.approx(2.5, rel=0.2)
    quarter = np.histogram(np.arctan2(east[:, 2], east[:, 0]), bins=4, range=(-np.pi, np.pi))[0]
    assert quarter.min() > 400
    middle = seen.mean(axis=1)
    assert np.abs(middle[:, :2] / middle[:, 2:]).max() <= 0.35 + 1e-9
    assert 1.9 < middle[:, 2].min() < 2.2
    assert 8 < middle[:, 2].max() <= 9 + 1e-9


FRAMES, FPS = 40, 20.0
WHEN = np.arange(FRAMES) / FPS


def views(count: int = 400, seed: int = 0, speed: float = 1.2) -> tuple[np.ndarray, Views]:
    world = np.broadcast_to(walk(FRAMES, FPS, speed).xyz, (count, FRAMES, 17, 3))
    when = np.broadcast_to(WHEN, (count, FRAMES))
    return world, sample_filmed_views(world, when, np.random.default_rng(seed))


def inside(seen: Views) -> np.ndarray:
    within = np.abs(seen.rays()) <= seen.half[:, None, None] * (1 + 1e-6)
    return np.asarray(within.all(axis=-1))


def test_sample_filmed_views_is_rigid_in_every_frame() -> None:
    world, seen = views(30)
    for x, y in zip(world, seen.xyz, strict=True):
        for frame in (0, FRAMES // 2):
            a, b = x[frame] - x[frame].mean(axis=0), y[frame] - y[frame].mean(axis=0)
            u, s, v = np.linalg.svd(a.T @ b)
            rotation = u @ v
            assert np.linalg.det(rotation) == pytest.approx(1)  # not mirrored
            scale = s.sum() / (a**2).sum()
            np.testing.assert_allclose(scale * a @ rotation, b, atol=1e-6)


def test_sample_filmed_views_scales_to_standard_height() -> None:
    _, seen = views(30)
    np.testing.assert_allclose(stature(seen.xyz).mean(axis=1), STANDARD_HEIGHT, rtol=1e-5)


def test_sample_filmed_views_cuts_mostly_legs() -> None:
    _, seen = views(1000)
    whole = inside(seen).all(axis=(1, 2))
    assert 0.55 < whole.mean() < 0.75  # some leave the picture of a camera that turns
    outside = (~inside(seen)[~whole]).mean(axis=(0, 1))
    index = H36M.index
    assert outside[index["LAnkle"]] > 2 * outside[index["Head"]]
    assert inside(seen)[~whole].mean() > 0.4


def test_sample_filmed_views_keeps_its_distance() -> None:
    _, seen = views(400, speed=6.0)
    tallest = 2.2  # a standard person is at most so much smaller than a tall one
    assert seen.xyz[..., 2].min() > FramingConfig().nearest * STANDARD_HEIGHT / tallest
    assert seen.xyz[:, :, 0, 2].max() < 80


def test_sample_filmed_views_has_wide_to_tele_in_both_formats() -> None:
    _, seen = views(2000)
    angle = 2 * np.degrees(np.arctan(seen.half.max(axis=1)))
    assert 10 < angle.min() < 20
    assert 100 < angle.max() < 110
    assert (np.abs(angle - 66) < 12).mean() > 0.5
    standing = seen.half[:, 1] > seen.half[:, 0]
    assert standing.mean() == pytest.approx(0.45 * 0.8, abs=0.05)  # a fifth is square
    assert (seen.half[:, 0] == seen.half[:, 1]).mean() == pytest.approx(0.2, abs=0.05)


def test_sample_filmed_views_sees_people_from_all_sides() -> None:
    _, seen = views(2000)
    pelvis, crown = seen.xyz[:, 0, 0], seen.xyz[:, 0, H36M.index["Head"]]
    up = (crown - pelvis) / np.linalg.norm(crown - pelvis, axis=-1, keepdims=True)
    assert np.percentile(up[:, 1], 90) < -0.6  # y is down
    assert up[:, 2].min() < -0.6  # from far above, the head is nearer
    assert up[:, 2].max() > 0.25  # and from below
    across = seen.xyz[:, 0, H36M.index["LHip"]] - seen.xyz[:, 0, H36M.index["RHip"]]
    around = np.arctan2(across[:, 2], across[:, 0])
    assert np.histogram(around, bins=4, range=(-np.pi, np.pi))[0].min() > 400


def test_sample_filmed_views_varies_size_and_position() -> None:
    _, seen = views(1000)
    rays = seen.rays() / seen.half[:, None, None]
    high = np.ptp(rays[..., 1], axis=2).mean(axis=1) / 2
    assert np.percentile(high, 5) < 0.25
    assert np.percentile(high, 90) > 0.7
    assert rays.mean(axis=(1, 2)).std(axis=0).min() > 0.2


def test_sample_filmed_views_turns_a_third_of_the_cameras() -> None:
    """Relative to what a still camera sees, the person then stays in one place."""
    world, seen = views(600, speed=3.0)
    down = np.array([0, 0, -1.0])
    still = []
    for x, y in zip(world, seen.xyz, strict=True):
        turns = []
        for frame in (0, FRAMES - 1):
            a, b = x[frame] - x[frame].mean(axis=0), y[frame] - y[frame].mean(axis=0)
            u, _, v = np.linalg.svd(a.T @ b)
            turns.append(u @ v)
        still.append(np.abs(turns[0] - turns[1]).max() < 1e-6)
        np.testing.assert_allclose(down @ turns[0], down @ turns[1], atol=1e-6)
    assert np.mean(still) == pytest.approx(0.65, abs=0.07)


def test_zoom_is_what_the_lifter_assumes() -> None:
    _, seen = views(300)
    assert 0.3 < seen.known.mean() < 0.5
    focal, _ = choose_focal(None, None, (1920, 1080))
    assert pytest.approx(960 / focal) == ASSUMED_HALF_VIEW
    zoom = seen.zoom()
    assert (zoom[seen.known] == 1).all()
    # however it was zoomed, the picture's longer side then spans 60 degrees
    taken = (seen.half.max(axis=1) * zoom)[~seen.known]
    np.testing.assert_allclose(taken, ASSUMED_HALF_VIEW, rtol=1e-6)


def test_sample_filmed_views_is_repeatable() -> None:
    np.testing.assert_array_equal(views(20, seed=1)[1].xyz, views(20, seed=1)[1].xyz)
    assert (views(20, seed=1)[1].xyz != views(20, seed=2)[1].xyz).any()
