"""Bridged gaps, and uncertain joints drawn to the path of the others."""

from dataclasses import replace

import numpy as np
import pytest
from coco_motion import J, even_motion, hide, straight_paths

from tcpformer.filtering.gaps import bridge, fill_gaps, smooth_uncertain
from tcpformer.motion import Motion2D
from tcpformer.skeleton import BODY, BODY_26, GROUPS, H36M


def test_bridge_interpolates_each_column() -> None:
    times, known = np.array([0.0, 1, 2, 4, 5]), np.array([False, True, False, True, False])
    x = np.array([[9, 9], [1, 10], [9, 9], [4, 40], [9, 9]], float)
    np.testing.assert_allclose(
        bridge(x, times, known), [[1, 10], [1, 10], [2, 20], [4, 40], [4, 40]]
    )


def test_smooth_uncertain_moves_only_joints_of_little_confidence(rng: np.random.Generator) -> None:
    m = even_motion(straight_paths(np.arange(60) / 30, rng))
    off = m.xy.copy()
    off[30, 5] += 40
    confidence = np.ones(off.shape[:2])
    confidence[30, 5] = 0.5
    smooth = smooth_uncertain(replace(m, xy=off, confidence=confidence), 100.0)
    left = np.linalg.norm(smooth.xy[30, 5] - m.xy[30, 5]) / np.linalg.norm([40, 40])
    assert 0.2 < left < 0.4
    confidence[30, 5] = 1.0
    sure = smooth_uncertain(replace(m, xy=off, confidence=confidence), 100.0)
    np.testing.assert_array_equal(sure.xy, off)


def test_fill_gaps_is_exact_for_linear_motion(rng: np.random.Generator) -> None:
    times = np.cumsum(rng.uniform(0.01, 0.1, 40))  # a phone's uneven frames
    true = straight_paths(times, rng)
    where = rng.random((40, J)) < 0.6
    where[[0, -1]] = False
    whole = fill_gaps(hide(even_motion(true, times=times), where))
    np.testing.assert_allclose(whole.xy, true, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(whole.confidence == 0, where)


def test_fill_gaps_is_constant_at_the_ends(rng: np.random.Generator) -> None:
    true = straight_paths(np.arange(20) / 30, rng)
    where = np.zeros((20, J), dtype=bool)
    where[:5], where[15:] = True, True
    whole = fill_gaps(hide(even_motion(true), where))
    np.testing.assert_array_equal(whole.xy[:5], np.broadcast_to(true[5], (5, J, 2)))
    np.testing.assert_array_equal(whole.xy[15:], np.broadcast_to(true[14], (5, J, 2)))
    np.testing.assert_array_equal(whole.xy[5:15], true[5:15])


def test_fill_gaps_twice_is_once(rng: np.random.Generator) -> None:
    m = hide(even_motion(rng.uniform(0, 700, (30, J, 2))), rng.random((30, J)) < 0.5)
    once = fill_gaps(m)
    twice = fill_gaps(once)
    np.testing.assert_array_equal(twice.xy, once.xy)
    np.testing.assert_array_equal(twice.confidence, once.confidence)
    np.testing.assert_array_equal(twice.valid, m.valid)


def test_fill_gaps_ignores_the_confidence_of_invalid_frames(
    rng: np.random.Generator,
) -> None:
    true = straight_paths(np.arange(9) / 30, rng)
    valid = np.arange(9) != 4
    xy = np.where(valid[:, None, None], true, 1e5)
    whole = fill_gaps(replace(even_motion(xy), valid=valid))
    np.testing.assert_allclose(whole.xy, true, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(whole.confidence.max(axis=1) > 0, valid)
    np.testing.assert_array_equal(whole.valid, valid)


def test_fill_gaps_puts_an_undetected_joint_at_the_mean(rng: np.random.Generator) -> None:
    true = straight_paths(np.arange(6) / 30, rng)
    where = np.zeros((6, J), dtype=bool)
    where[:, 3], where[2] = True, True
    whole = fill_gaps(hide(even_motion(true), where))
    others = np.delete(true, 3, axis=1).mean(axis=1)
    np.testing.assert_allclose(whole.xy[:, 3], others, rtol=0, atol=1e-9)


@pytest.mark.parametrize("frames", [1, 5])
def test_fill_gaps_needs_one_detection(frames: int, rng: np.random.Generator) -> None:
    where = np.ones((frames, J), dtype=bool)
    m = even_motion(rng.uniform(0, 700, (frames, J, 2)))
    with pytest.raises(ValueError, match="no one is visible"):
        fill_gaps(hide(m, where))
    with pytest.raises(ValueError, match="no one is visible"):
        fill_gaps(replace(m, valid=np.zeros(frames, dtype=bool)))
    where[0, 5] = False
    whole = fill_gaps(hide(m, where))
    np.testing.assert_array_equal(whole.xy, np.broadcast_to(m.xy[0, 5], (frames, J, 2)))


def of_26(rng: np.random.Generator, frames: int = 12) -> Motion2D:
    xy = rng.uniform(100, 600, (frames, 26, 2))
    return Motion2D(xy, np.ones((frames, 26)), (1000, 700), 30.0, BODY_26)


@pytest.mark.parametrize("group", GROUPS)
def test_fill_gaps_puts_a_group_that_is_never_detected_at_its_parents(
    group: str, rng: np.random.Generator
) -> None:
    motion, joints = of_26(rng), GROUPS[group]
    confidence = motion.confidence.copy()
    confidence[:, joints] = 0.0
    confidence[3:5, 16] = 0.0
    whole = fill_gaps(replace(motion, confidence=confidence))
    for joint in joints:
        np.testing.assert_array_equal(whole.xy[:, joint], whole.xy[:, BODY_26.parents[joint]])
    assert (whole.confidence[:, joints] == 0).all()


def test_fill_gaps_of_the_17_does_not_depend_on_the_others(rng: np.random.Generator) -> None:
    motion = of_26(rng)
    confidence = motion.confidence * (rng.random(motion.confidence.shape) < 0.6)
    confidence[:, 5] = 0.0
    motion = replace(motion, confidence=confidence)
    body = replace(motion, xy=motion.xy[:, BODY], confidence=confidence[:, BODY], skeleton=H36M)
    whole, alone = fill_gaps(motion), fill_gaps(body)
    np.testing.assert_array_equal(whole.xy[:, BODY], alone.xy)
    np.testing.assert_array_equal(whole.confidence[:, BODY], alone.confidence)


def test_fill_gaps_bridges_a_foot_in_time(rng: np.random.Generator) -> None:
    motion, toe = of_26(rng, 3), BODY_26.index["LToe"]
    confidence = motion.confidence.copy()
    confidence[1, toe] = 0.0
    whole = fill_gaps(replace(motion, confidence=confidence))
    np.testing.assert_allclose(whole.xy[1, toe], motion.xy[[0, 2], toe].mean(axis=0))


def test_fill_gaps_needs_more_than_feet(rng: np.random.Generator) -> None:
    motion = of_26(rng)
    confidence = motion.confidence.copy()
    confidence[:, BODY] = 0.0
    with pytest.raises(ValueError, match="no one is visible"):
        fill_gaps(replace(motion, confidence=confidence))
