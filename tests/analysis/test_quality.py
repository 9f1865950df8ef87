"""Quality of motions in closed form, which are perfect but for what a test adds."""

from dataclasses import replace

import numpy as np
import pytest
from motions import stand, walk
from walk26 import masked, walk26

from tcpformer.analysis.quality import LABELS, compare_quality, format_quality, measure_quality
from tcpformer.skeleton import FEET, GROUPS


def test_measure_quality_of_a_perfect_walk() -> None:
    found = measure_quality(walk(60))
    assert found.bones == pytest.approx(0, abs=1e-6)
    assert found.reprojection == pytest.approx(0, abs=1e-6)
    assert found.bridged == 0


def test_measure_quality_of_feet_that_slide_and_sink() -> None:
    motion = stand(60)
    xyz = motion.xyz.copy()
    xyz[..., 0] += 0.2 * motion.times[:, None]
    xyz[..., 2] -= xyz[0, FEET, 2].min() + 0.01
    found = measure_quality(replace(motion, xyz=xyz), np.ones((60, 2), dtype=bool))
    assert found.skate == pytest.approx(200)
    assert found.penetration == pytest.approx(10)


def test_measure_quality_counts_bridged_joints_and_pixels() -> None:
    motion = walk(40)
    confidence = motion.confidence.copy()
    confidence[:, 3] = 0.0
    moved = motion.xy + np.array([3.0, 4.0])
    found = measure_quality(replace(motion, confidence=confidence, xy=moved))
    assert found.bridged == pytest.approx(100 / 17)
    assert found.reprojection == pytest.approx(5)


@pytest.mark.parametrize("fps", [30.0, 240.0, 1000.0])
def test_jitter_is_that_of_the_movement_at_any_rate(fps: float) -> None:
    """And not of rounding: lifted motions are in single precision."""
    motion = walk(int(fps), fps, speed=0.5)
    names = ("xyz", "camera_xyz")
    single = replace(motion, **{n: getattr(motion, n).astype(np.float32) for n in names})
    assert measure_quality(single).jitter == pytest.approx(measure_quality(motion).jitter, rel=0.02)
    usual = measure_quality(walk(120, 120.0, speed=0.5)).jitter
    assert measure_quality(motion).jitter == pytest.approx(usual, rel=0.2)


def test_measure_quality_refuses_three_frames() -> None:
    with pytest.raises(ValueError, match="at least 4 frames"):
        measure_quality(walk(3))


def test_compare_quality_refuses_other_frames_and_other_people() -> None:
    motion = walk(20)
    with pytest.raises(ValueError, match="same frames"):
        compare_quality(motion, walk(30))
    other = replace(motion, xy=motion.xy + 0.1 * max(motion.size))
    with pytest.raises(ValueError, match="one motion before and after, got motions of two people"):
        compare_quality(other, motion)


def test_format_quality_has_a_row_for_each_measure() -> None:
    quality = measure_quality(walk(20))
    rows = format_quality(quality).splitlines()
    assert [row[:34].strip() for row in rows] == list(LABELS.values())
    worse = replace(quality, jitter=2 * quality.jitter)
    assert format_quality(quality, worse).splitlines()[1].endswith("+100 %")


def test_measure_quality_of_feet_is_that_of_soles() -> None:
    motion = walk26(60)
    sunk = replace(motion, xyz=motion.xyz - np.array([0.0, 0.0, 0.02]))
    apart = measure_quality(sunk).penetration - measure_quality(motion).penetration
    assert 12 < apart <= 20 + 1e-9
    assert measure_quality(motion).skate < 1


def test_measure_quality_counts_no_group_that_was_never_detected() -> None:
    motion = masked(walk26(60), GROUPS["feet"])
    confidence = motion.confidence.copy()
    confidence[:30, 5] = 0.0
    assert measure_quality(replace(motion, confidence=confidence)).bridged == pytest.approx(
        100 * 0.5 / (26 - 4)
    )
