"""What stands on the floor: ankles of the 17 joints, heels and balls where feet are seen."""

from dataclasses import replace

import numpy as np
import pytest
from walk26 import body_of, masked, walk26

from tcpformer.skeleton import BALLS, FEET, GROUPS, HEELS
from tcpformer.world.soles import find_soles, sole_height

UP = np.array([0.0, 0.0, 1.0])


def test_find_soles_of_17_joints_are_ankles_at_no_height() -> None:
    soles = find_soles(body_of(walk26(20)))
    assert soles.joints == tuple(FEET)
    assert soles.height == 0.0


def test_find_soles_of_seen_feet_are_heels_and_balls() -> None:
    motion = walk26(20)
    soles = find_soles(motion)
    assert soles.joints == (*HEELS, *BALLS)
    assert soles.height == sole_height(motion)
    assert soles.heights(motion.xyz, UP).shape == (20, 4)


@pytest.mark.parametrize(("frames", "ankles"), [(8, False), (12, True)])
def test_find_soles_takes_ankles_where_feet_are_mostly_unseen(frames: int, ankles: bool) -> None:
    confidence = walk26(20).confidence.copy()
    confidence[:frames, GROUPS["feet"]] = 0.0
    motion = replace(walk26(20), confidence=confidence)
    assert (find_soles(motion).joints == tuple(FEET)) is ankles


def test_find_soles_puts_both_at_one_floor() -> None:
    motion = walk26(60)
    seen, unseen = (find_soles(m) for m in (motion, masked(motion, GROUPS["feet"])))
    rest = [s.heights(motion.xyz, UP)[:12, s.joints.index(j)] for s, j in
            ((seen, HEELS[0]), (unseen, FEET[0]))]  # fmt: skip
    np.testing.assert_allclose(rest[0], 0.0, atol=1e-9)
    np.testing.assert_allclose(rest[1], 0.0, atol=0.01)
