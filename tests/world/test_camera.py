"""The camera: rays, and focal lengths chosen or estimated from motions known in closed form."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lifters import lifter, seen
from motions import FOCAL, SIZE, walk

from tcpformer.motion import Motion3D, assumed_focal
from tcpformer.skeleton import H36M
from tcpformer.world.camera import (
    choose_focal,
    describe_estimate,
    estimate_focal,
    sliding_cost,
    to_rays,
)

ASSUMED = assumed_focal(SIZE)
UP = np.array([0.0, -1.0, 0.0])


def stepping_towards_camera(seconds: float = 3.0, fps: float = 30.0) -> Motion3D:
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


def test_to_rays_divides_by_depth() -> None:
    motion = walk(5)
    expected = motion.camera_xyz[..., :2] / motion.camera_xyz[..., 2:]
    np.testing.assert_allclose(to_rays(motion.xy, SIZE, FOCAL), expected, rtol=0, atol=1e-12)


def test_choose_focal_prefers_given_to_known_to_assumed() -> None:
    assert choose_focal(900.0, 800.0, SIZE) == (900.0, "given")
    assert choose_focal(None, 800.0, SIZE) == (800.0, "metadata of the video")
    assert choose_focal(None, 800.0, SIZE, "given in a.npz") == (800.0, "given in a.npz")
    assert choose_focal(900.0, 800.0, SIZE, "given in a.npz") == (900.0, "given")
    for size in ((1280, 720), (720, 1280)):
        focal, words = choose_focal(None, None, size)
        assert 2 * np.degrees(np.arctan(640 / focal)) == pytest.approx(60.0)
        assert "60 degrees" in words


@pytest.mark.parametrize("focal", [0.0, -1.0, float("nan"), float("inf")])
def test_choose_focal_refuses_what_is_not_positive(focal: float) -> None:
    with pytest.raises(ValueError, match="focal length must be positive"):
        choose_focal(focal, None, SIZE)


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280)])
def test_choose_focal_refuses_what_no_camera_has(size: tuple[int, int]) -> None:
    for focal in (128.0, 128_000.0):  # a tenth of the longer side, and a hundred times that
        assert choose_focal(focal, None, size)[0] == focal
    for focal in (0.5, 26.0, 127.0, 129_000.0):
        with pytest.raises(ValueError, match=r"must be 128 to 128000 pixels.*\(given\)"):
            choose_focal(focal, None, size)
        with pytest.raises(ValueError, match=r"must be 128 to .*\(given in a\.npz\).*--focal"):
            choose_focal(None, focal, size, "given in a.npz")


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.3])
def test_estimate_focal_of_exact_steps(factor: float) -> None:
    focal, sigma = estimate_focal([filmed(stepping_towards_camera(), factor * ASSUMED)])
    assert np.log(focal / ASSUMED) == pytest.approx(np.log(factor), abs=0.1)
    assert sigma < 0.15


def test_sliding_cost_is_least_for_the_true_path() -> None:
    motion = stepping_towards_camera()
    pose = motion.camera_xyz - motion.camera_xyz[:, :1]
    path = motion.camera_xyz[:, 0]
    cost = sliding_cost(pose, [path * [1, 1, k] for k in (0.7, 1.0, 1.4)], motion.times, UP)
    assert cost.argmin() == 1


def test_estimate_focal_of_a_short_or_invalid_motion_is_the_assumed_one() -> None:
    focal, sigma = estimate_focal([filmed(walk(2), 2 * ASSUMED)])
    assert focal == pytest.approx(ASSUMED, rel=0.03)
    assert sigma > 0.15
    unseen = replace(walk(30), valid=np.zeros(30, dtype=bool))
    assert estimate_focal([unseen])[0] == pytest.approx(focal, rel=1e-9)


def test_estimate_focal_of_two_people_is_more_certain() -> None:
    motion = filmed(stepping_towards_camera(), 1.3 * ASSUMED)
    one, two = (estimate_focal([motion] * n)[1] for n in (1, 2))
    assert two < one


def test_describe_estimate_has_pixels_and_sigma() -> None:
    words = describe_estimate(1107.4, 0.081)
    assert words == "estimated from the motion: 1107 pixels, one sigma 8 %"


def test_lifter_estimates_the_focal_length(tmp_path: Path) -> None:
    lift, motion = lifter(tmp_path), replace(seen(walk(20)), focal=FOCAL)
    lifted = lift(motion, focal="motion")
    assert lifted.provenance["focal"].startswith("estimated from the motion")
    assert f"{lifted.focal:.0f} pixels" in lifted.provenance["focal"]
    assert lift(motion).focal == FOCAL
    assert lift.lift_many([], focal="motion") == []


def test_lifter_refuses_a_known_and_an_unknown_focal_length(tmp_path: Path) -> None:
    known, unknown = seen(walk(5)), replace(seen(walk(5)), focal=None)
    with pytest.raises(ValueError, match="were seen by one camera"):
        lifter(tmp_path).lift_many([known, unknown])
