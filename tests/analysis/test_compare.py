"""Comparison of two performances: zero for itself, and blind to time, place, heading and size."""

from dataclasses import replace

import numpy as np
import pytest
from motions import kick, motion3d, walk
from walk26 import body_of, walk26

from tcpformer.analysis.compare import CompareConfig, compare_motions, find_part, warp_times
from tcpformer.motion import Motion3D
from tcpformer.skeleton import BODY_26, H36M


def moved(motion: Motion3D, angle: float = 2.0, scale: float = 1.2) -> Motion3D:
    c, s = np.cos(angle), np.sin(angle)
    around = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    return motion3d(scale * motion.xyz @ around + [0.5, -1.0, 0.0], motion.fps)


def warped(motion: Motion3D, amount: float = 0.25) -> Motion3D:
    """The motion with the same start and end, slower at first and faster later."""
    t = motion.times
    at = t + amount * np.sin(np.pi * t / t[-1]) ** 2
    flat = motion.xyz.reshape(len(t), -1)
    xyz = np.stack([np.interp(at, t, x) for x in flat.T], axis=1).reshape(motion.xyz.shape)
    return motion3d(xyz, motion.fps)


@pytest.mark.parametrize("time", ["dtw", "none", "events"])
@pytest.mark.parametrize("space", ["heading", "torso", "full"])
def test_compare_motions_with_itself_is_zero(time: str, space: str) -> None:
    motion = walk26(90)
    found = compare_motions(motion, motion, CompareConfig(time=time, space=space))  # type: ignore[arg-type]
    assert np.nanmax(found.distance) < 1e-9
    assert np.nanmax(np.abs(found.difference)) < 1e-6
    assert np.nanmax(np.abs(found.times_b - found.times)) < 1e-9
    assert found.tempo == pytest.approx(1)


def test_compare_motions_does_not_see_place_heading_and_size() -> None:
    found = compare_motions(walk26(60), moved(walk26(60)))
    assert np.nanmax(found.distance) < 1e-6
    assert np.nanmax(np.abs(found.difference)) < 1e-5
    assert found.scale == pytest.approx(1 / 1.2)


def test_compare_motions_undoes_a_warp_of_time() -> None:
    motion = walk(90)
    found = compare_motions(motion, warped(motion))
    apart = compare_motions(motion, warped(motion), CompareConfig(time="none"))
    assert np.nanmean(found.distance) < 0.012
    assert np.nanmean(found.distance) < 0.15 * np.nanmean(apart.distance)


def test_compare_motions_finds_a_part() -> None:
    """B is A's kick, from 0.5 to 1.6 s; all of B is used, and nothing of A beside it."""
    whole = kick()
    found = compare_motions(whole, motion3d(whole.xyz[15:48], 30.0), CompareConfig(time="part"))
    inside = np.isfinite(found.times_b)
    assert np.nanmax(found.distance) < 1e-6
    np.testing.assert_allclose(found.times_b[15:48], found.times[15:48] - 0.5, atol=1e-9)
    assert inside.sum() == 33
    assert found.tempo == pytest.approx(1)


@pytest.mark.parametrize("factor", [0.7, 1.5])
def test_compare_motions_finds_a_part_at_another_speed(factor: float) -> None:
    """A kick filmed at another rate and done at another speed; the quiet of A stays outside."""
    whole, part = kick(), kick(25.0)
    b = motion3d(part.xyz[14:40], 25.0 * factor)
    found = compare_motions(whole, b, CompareConfig(time="part"))
    inside = np.isfinite(found.times_b)
    assert np.nanmean(found.distance) < 0.02
    assert found.times[inside][0] == pytest.approx(14 / 25, abs=0.1)
    assert found.times[inside][-1] == pytest.approx(39 / 25, abs=0.1)
    assert found.tempo == pytest.approx(factor, rel=0.1)


def test_find_part_refuses_what_is_too_long() -> None:
    pose = walk(30).xyz
    with pytest.raises(ValueError, match="to hold B at half to twice its speed, got 10 and 30"):
        find_part(pose[:10], pose)
    with pytest.raises(ValueError, match="cannot look for 30 frames in 30"):
        find_part(pose, pose, CompareConfig(max_cells=100))


def test_compare_motions_follows_another_rate_and_tempo() -> None:
    """A motion at half the speed, filmed at another rate."""
    fast, slow = kick(30.0), kick(25.0)
    slow = replace(motion3d(slow.xyz, 12.5))
    found = compare_motions(fast, slow)
    assert np.nanmean(found.distance) < 0.02
    assert found.tempo == pytest.approx(0.5, abs=0.03)


def test_compare_motions_measures_where_a_joint_is() -> None:
    motion = walk26(40)
    xyz = motion.xyz.copy()
    xyz[:, BODY_26.index["LWrist"], 2] += 0.07
    found = compare_motions(motion, motion3d(xyz, motion.fps), CompareConfig(time="none"))
    assert found.joint_rows()[0] == pytest.approx(("LWrist", 0.07, 0.07))
    assert found.joint_rows()[1][1] < 1e-6
    assert found.moments[0].joint == "LWrist"
    assert found.moments[0].offset == pytest.approx((0, 0.07, 0), abs=1e-6)


def test_compare_motions_names_the_angle_that_differs() -> None:
    a, b = kick(), walk(60)
    still = motion3d(np.repeat(b.xyz[:1], 60, axis=0))
    found = compare_motions(still, a, CompareConfig(time="none"))
    worst = found.moments[0]
    assert worst.angle in ("hip_flexion_r", "knee_flexion_r")
    assert 1.0 < found.times[worst.frame] < 1.5
    assert all(
        abs(found.times[m.frame] - found.times[n.frame]) >= 0.5
        for m in found.moments for n in found.moments if m is not n
    )  # fmt: skip


def test_compare_motions_leaves_out_what_one_does_not_show() -> None:
    motion = walk26(40)
    valid, confidence = np.ones(40, dtype=bool), motion.confidence.copy()
    valid[:5], confidence[:, BODY_26.index["RKnee"]] = False, 0.0
    other = replace(motion, valid=valid, confidence=confidence)
    found = compare_motions(motion, other, CompareConfig(time="none"))
    assert np.isnan(found.distance[:, BODY_26.index["RKnee"]]).all()
    assert "RKnee" not in [row[0] for row in found.joint_rows()]
    assert len(compare_motions(motion, body_of(motion)).skeleton.joints) == len(H36M.joints)


def test_compare_motions_states_sigma_of_the_difference() -> None:
    motion = walk26(20)
    motion = replace(motion, sigma=np.full(motion.xyz.shape, 0.005))
    found = compare_motions(motion, motion)
    rows = {name: sigma for name, *_, sigma in found.angle_rows()}
    assert (rows["knee_flexion_l"] or 0) > 0
    assert found.moments == ()


def test_compare_motions_aligns_by_strikes() -> None:
    """B starts half a second later in the walk; its strikes meet those of A."""
    whole = walk26(120)
    a, b = (motion3d(whole.xyz[part], whole.fps) for part in (slice(0, 105), slice(15, 120)))
    found = compare_motions(a, b, CompareConfig(time="events"))
    lag = (found.times - found.times_b)[np.isfinite(found.times_b)]
    assert len(lag) > 50
    assert np.abs(lag - round(float(lag.mean()) / 0.5) * 0.5).max() < 0.04
    assert np.nanmean(found.distance[:, :17]) < 0.02


@pytest.mark.parametrize(
    ("frames", "config", "message"),
    [
        (1, CompareConfig(), "at least 2 frames that show the person in motion B"),
        (40, CompareConfig(max_cells=100), "cannot align 90 and 40 frames"),
        (5, CompareConfig(time="events"), "at least 2 strikes"),
    ],
)
def test_compare_motions_refuses_what_it_cannot_align(
    frames: int, config: CompareConfig, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compare_motions(walk26(90), walk26(frames), config)


def test_compare_motions_refuses_motions_that_share_no_joint() -> None:
    motion = walk26(20)
    hidden = replace(motion, confidence=np.zeros_like(motion.confidence))
    with pytest.raises(ValueError, match="both motions show a joint, found none"):
        compare_motions(motion, hidden)


def test_warp_times_takes_the_cheapest_path() -> None:
    """B stands still in the middle: A's frame there gets the middle of the pause."""
    pose = np.arange(5.0)[:, None, None] * np.ones((5, 17, 3))
    paused = pose[[0, 1, 2, 2, 2, 3, 4]]
    assert warp_times(pose, paused, CompareConfig(band=1.0)).tolist() == [0, 1, 3, 5, 6]
    assert warp_times(paused, pose, CompareConfig(band=1.0)).tolist() == [0, 1, 2, 2, 2, 3, 4]
