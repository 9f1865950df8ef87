"""The focal length from the motion: feet that stand tell it, feet that never do tell nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lifters import lifter, seen
from motions import FOCAL, SIZE, walk

from tcpformer.motion import Motion3D
from tcpformer.skeleton import H36M
from tcpformer.world.camera import choose_focal, estimate_focal, sliding_cost

USUAL, _ = choose_focal(None, None, SIZE)
UP = np.array([0.0, -1.0, 0.0])


def stepping(seconds: float = 3.0, fps: float = 30.0) -> Motion3D:
    """Steps of half a second and 0.6 m towards the camera; the foot that stands does not move."""
    motion = walk(round(seconds * fps), fps, speed=0.0)
    way = -1.2 * motion.times
    camera = motion.camera_xyz - motion.camera_xyz[:, :1] + [0.0, 0.0, 6.0]
    camera[..., 2] += way[:, None]
    phase = motion.times / 0.5
    for side, late in (("L", 0), ("R", 1)):
        step, share = np.divmod(phase + late, 1.0)
        stands = step % 2 == 0
        ahead = np.where(stands, 0.3 - 0.6 * share, -0.3 + 0.6 * share)
        lift = np.where(stands, 0.0, 0.1 * np.sin(np.pi * share))
        hip, knee, ankle = (camera[:, H36M.index[side + j]] for j in ("Hip", "Knee", "Ankle"))
        ankle[:] = np.column_stack([hip[:, 0], 0.85 - lift, 6.0 + way - ahead])
        knee[:] = (hip + ankle) / 2
    return replace(motion, camera_xyz=camera)


def filmed(motion: Motion3D, focal: float) -> Motion3D:
    rays = motion.camera_xyz[..., :2] / motion.camera_xyz[..., 2:]
    return replace(motion, xy=rays * focal + np.array(SIZE) / 2)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.3])
def test_steps_tell_the_focal_length(factor: float) -> None:
    """Exact joints: most of the way from the assumed focal length to the true one."""
    focal, sigma = estimate_focal([filmed(stepping(), factor * USUAL)])
    assert np.log(focal / USUAL) == pytest.approx(np.log(factor), abs=0.1)
    assert sigma < 0.15


def test_the_true_way_slides_least() -> None:
    motion = stepping()
    pose = motion.camera_xyz - motion.camera_xyz[:, :1]
    way = motion.camera_xyz[:, 0]
    cost = sliding_cost(pose, [way * [1, 1, k] for k in (0.7, 1.0, 1.4)], motion.times, UP)
    assert cost[1] == cost.min()


def test_a_short_or_unseen_motion_tells_nothing() -> None:
    focal, sigma = estimate_focal([filmed(walk(2), 2 * USUAL)])
    assert focal == pytest.approx(USUAL, rel=0.03)
    assert sigma > 0.15
    unseen = replace(walk(30), valid=np.zeros(30, dtype=bool))
    assert estimate_focal([unseen])[0] == pytest.approx(focal, rel=1e-9)


def test_two_people_tell_more_than_one() -> None:
    motion = filmed(stepping(), 1.3 * USUAL)
    one, two = (estimate_focal([motion] * n)[1] for n in (1, 2))
    assert two < one


def test_a_lifter_takes_it_and_says_so(tmp_path: Path) -> None:
    lift, motion = lifter(tmp_path), replace(seen(walk(30)), focal=FOCAL)
    said = lift(motion, focal="motion")
    assert said.provenance["focal"].startswith("estimated from the motion")
    assert f"{said.focal:.0f} pixels" in said.provenance["focal"]
    assert lift(motion).focal == FOCAL
    assert lift.lift_many([], focal="motion") == []


def test_a_known_and_an_unknown_focal_length_are_not_of_one_camera(tmp_path: Path) -> None:
    known, unknown = seen(walk(5)), replace(seen(walk(5)), focal=None)
    with pytest.raises(ValueError, match="were seen by one camera"):
        lifter(tmp_path).lift_many([known, unknown])
