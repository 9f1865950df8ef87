"""Gravity: the orientation of known cameras is recovered from feet and bodies."""

from dataclasses import replace

import numpy as np
import pytest
from motions import motion3d, walk
from rooms import FOCAL, SIZE, room_edges
from scipy.spatial.transform import Rotation

from tcpformer.motion import Motion3D
from tcpformer.skeleton import FEET, H36M
from tcpformer.world.lines import SceneLines
from tcpformer.world.posture import LEVEL_UP, angles_of
from tcpformer.world.vertical import (
    Hints,
    estimate_vertical,
    floor_height,
    foot_speeds,
    hints_from,
    weigh_feet,
)


def turn_camera(motion: Motion3D, axis: str, degrees: float) -> tuple[Motion3D, np.ndarray]:
    """Return the motion as seen by a turned camera, and up in its frame."""
    turn = Rotation.from_euler(axis, degrees, degrees=True).as_matrix()
    return replace(motion, camera_xyz=motion.camera_xyz @ turn.T), turn @ LEVEL_UP


def angle_off(motion: Motion3D, up: np.ndarray) -> float:
    """Return the angle between the estimated and the true direction, in degrees."""
    found = estimate_vertical([motion]).up
    return float(np.degrees(np.arccos(np.clip(found @ up, -1, 1))))


@pytest.mark.parametrize(("axis", "degrees"), [("x", 0.0), ("x", 25.0), ("x", -10.0), ("z", 3.0)])
def test_estimate_vertical_of_a_tilted_camera(axis: str, degrees: float) -> None:
    assert angle_off(*turn_camera(walk(100), axis, degrees)) < 3


def test_estimate_vertical_corrects_the_lean_of_a_person_who_walks() -> None:
    lean = Rotation.from_euler("x", 6, degrees=True).as_matrix()
    walking, standing = walk(100), motion3d(np.repeat(walk(1).xyz, 100, axis=0))
    errors = []
    for motion in (walking, standing):
        pelvis = motion.camera_xyz[:, :1]
        posed = (motion.camera_xyz - pelvis) @ lean.T + pelvis
        errors.append(angle_off(replace(motion, camera_xyz=posed), LEVEL_UP))
    assert errors[0] < 0.5 * errors[1]


def test_estimate_vertical_does_not_follow_stairs() -> None:
    motion = walk(90)
    rising = motion.xyz + np.linspace(0, 3.6 * np.tan(np.radians(30)), 90)[:, None, None] * [
        0,
        0,
        1,
    ]
    assert angle_off(motion3d(rising), LEVEL_UP) < 15


def test_estimate_vertical_ignores_the_pelvis_of_a_person_who_crouches() -> None:
    motion = walk(120)
    low = motion.xyz.copy()
    trunk = [H36M.index[j] for j in H36M.joints if not j.endswith(("Knee", "Ankle"))]
    low[60:, trunk, 2] -= 0.5
    assert angle_off(motion3d(low), LEVEL_UP) < 6


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_estimate_vertical_without_valid_frames_is_level(frames: int) -> None:
    unseen = replace(walk(frames), valid=np.zeros(frames, dtype=bool))
    np.testing.assert_allclose(estimate_vertical([unseen]).up, LEVEL_UP, atol=1e-6)


def test_weigh_feet_prefers_slow_and_valid_feet() -> None:
    motion = walk(60)
    motion = replace(motion, valid=np.arange(60) < 40)
    feet, weight = weigh_feet(motion)
    np.testing.assert_array_equal(feet, motion.camera_xyz[:, FEET].reshape(-1, 3))
    weight = weight.reshape(60, 2)
    assert weight[40:].max() < 1e-6
    speed = foot_speeds(motion.camera_xyz[:, FEET], motion.times)[:40].ravel()
    ordered = weight[:40].ravel()[np.argsort(speed)]
    assert np.ptp(ordered) > 0.01
    assert np.diff(ordered).max() <= 1e-12


def test_floor_height_is_the_lowest_height_with_rest() -> None:
    height = np.array([0.0] * 40 + [0.3] * 90 + [-0.6])
    assert floor_height(height, np.ones(131)) == pytest.approx(0.0, abs=0.01)


def test_foot_speeds_of_an_even_movement() -> None:
    times = np.arange(30) / 30
    feet = np.zeros((30, 2, 3))
    feet[:, 1, 0] = 1.5 * times
    np.testing.assert_allclose(foot_speeds(feet, times), [[0.0, 1.5]] * 30, atol=1e-9)
    np.testing.assert_array_equal(foot_speeds(feet[:1], times[:1]), [[0.0, 0.0]])


def test_estimate_vertical_of_a_rolled_camera() -> None:
    motion, up = turn_camera(walk(100), "z", 25.0)
    found = estimate_vertical([motion])
    assert found.roll == pytest.approx(angles_of(up)[1], abs=2 * found.roll_sigma)
    assert angle_off(motion, up) < 6


def test_estimate_vertical_is_less_sure_of_a_person_who_bends_over() -> None:
    motion = walk(100)
    hips = motion.camera_xyz[:, :1]
    down = Rotation.from_euler("x", 70, degrees=True).as_matrix()
    camera = motion.camera_xyz.copy()
    camera[30:] = ((camera - hips) @ down.T + hips)[30:]
    bent = estimate_vertical([replace(motion, camera_xyz=camera)])
    assert bent.sigma > 1.3 * estimate_vertical([motion]).sigma


def test_estimate_vertical_believes_the_edges_of_a_room() -> None:
    edges = room_edges(20.0, -25.0, np.random.default_rng(1))
    scene = SceneLines(edges, np.ones(len(edges)), SIZE)
    motion, _ = turn_camera(walk(100), "x", 14.0)
    motion, _ = turn_camera(replace(motion, focal=FOCAL), "z", 20.0)
    found = estimate_vertical([motion], Hints(scene=scene))
    assert (found.tilt, found.roll) == pytest.approx((20.0, -25.0), abs=2.0)
    assert found.sigma < 0.5 * estimate_vertical([motion]).sigma


def test_estimate_vertical_of_more_people_is_surer() -> None:
    one = walk(100)
    assert estimate_vertical([one, one]).sigma < estimate_vertical([one]).sigma


def test_hints_from_up_gives_the_angles() -> None:
    hints = hints_from([0.0, -2.0, -2.0])
    assert (hints.tilt, hints.roll) == pytest.approx((45.0, 0.0))
    with pytest.raises(ValueError, match="either up, or the angles"):
        hints_from([0.0, -1.0, 0.0], tilt=3.0)
    with pytest.raises(ValueError, match="three numbers"):
        hints_from([0.0, -1.0])
