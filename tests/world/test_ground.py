"""Which way is up, and where the floor is: known cameras and floors come back."""

from dataclasses import replace

import numpy as np
import pytest
from motions import motion3d, walk
from scipy.spatial.transform import Rotation

from tcpformer.analysis.metrics import mpjpe
from tcpformer.motion import Motion3D
from tcpformer.skeleton import FEET, H36M
from tcpformer.world.ground import (
    find_ground,
    find_grounds,
    ground_of,
    level_ground,
    on_shared_floor,
)

UP = np.array([0.0, -1.0, 0.0])


def turned(motion: Motion3D, axis: str, degrees: float) -> tuple[Motion3D, np.ndarray]:
    """The same, seen by a camera that is turned; and up in its frame."""
    turn = Rotation.from_euler(axis, degrees, degrees=True).as_matrix()
    return replace(motion, camera_xyz=motion.camera_xyz @ turn.T), turn @ UP


def seen_from(motion: Motion3D, shift: list[float]) -> Motion3D:
    """The same somewhere else: metres to the right, down and away."""
    return replace(motion, camera_xyz=motion.camera_xyz + np.array(shift))


def off(motion: Motion3D, up: np.ndarray) -> float:
    """Degrees."""
    return float(np.degrees(np.arccos(np.clip(find_ground([motion]).up @ up, -1, 1))))


@pytest.mark.parametrize(("axis", "degrees"), [("x", 0.0), ("x", 25.0), ("x", -10.0), ("z", 3.0)])
def test_gravity_is_found_whichever_way_the_camera_looks(axis: str, degrees: float) -> None:
    motion, up = turned(walk(100), axis, degrees)
    assert off(motion, up) < 3
    np.testing.assert_allclose(find_ground([motion], 2 * up).up, up)
    pelvis = H36M.root
    true = motion.xyz - motion.xyz[:, pelvis, None]
    errors = []
    for ground in (find_ground([motion]), level_ground(motion)):
        world = ground.to_world(motion.camera_xyz)
        errors.append(mpjpe(world - world[:, pelvis, None], true).mean())
    assert errors[0] < max(errors[1], 0.03)


def test_the_world_of_a_level_camera_is_turned_and_moved_only_up_or_down() -> None:
    camera = walk(20).camera_xyz
    world = level_ground(walk(20)).to_world(camera)
    span = world - world[:, :1]
    solution = np.linalg.lstsq((camera - camera[:, :1]).reshape(-1, 3), span.reshape(-1, 3))[0]
    assert np.linalg.det(solution) == pytest.approx(1)  # right-handed: no mirror image
    right, down, forward = np.round(solution, 9)
    np.testing.assert_array_equal([right, down, forward], [[1, 0, 0], [0, 0, -1], [0, 1, 0]])


def test_the_closed_form_walk_comes_back_but_for_where_the_camera_stands() -> None:
    motion = walk(60)
    world = on_shared_floor([motion])[0].xyz
    np.testing.assert_allclose(world, motion.xyz - np.array([0, -5.0, 0]), rtol=0, atol=1e-12)


def test_the_lowest_foot_of_the_valid_frames_is_on_the_level_floor() -> None:
    camera = walk(30).camera_xyz.copy()
    camera[10] += [0.0, 2.0, 0.0]  # an invalid frame far too low
    valid = np.arange(30) != 10
    feet = on_shared_floor([replace(walk(30), camera_xyz=camera, valid=valid)])[0].xyz[:, FEET, 2]
    assert feet[valid].min() == pytest.approx(0, abs=1e-12)
    assert feet[10].min() < -1


def test_the_way_of_somebody_who_leans_says_what_is_level() -> None:
    """The same lean, on the way and on the spot."""
    lean = Rotation.from_euler("x", 6, degrees=True).as_matrix()
    walking, standing = walk(100), motion3d(np.repeat(walk(1).xyz, 100, axis=0))
    errors = []
    for motion in (walking, standing):
        pelvis = motion.camera_xyz[:, :1]
        posed = (motion.camera_xyz - pelvis) @ lean.T + pelvis
        errors.append(off(replace(motion, camera_xyz=posed), UP))
    assert errors[0] < 0.5 * errors[1]


def test_stairs_are_not_taken_for_the_floor() -> None:
    """Upright people who rise by 30 degrees on their way, 3.6 m of it."""
    motion = walk(90)
    rising = motion.xyz + np.linspace(0, 3.6 * np.tan(np.radians(30)), 90)[:, None, None] * [
        0,
        0,
        1,
    ]
    assert off(motion3d(rising), UP) < 15


def test_who_crouches_tells_no_height() -> None:
    """The pelvis sinks by half a metre for half of the way; the other half tells."""
    motion = walk(120)
    low = motion.xyz.copy()
    trunk = [H36M.index[j] for j in H36M.joints if not j.endswith(("Knee", "Ankle"))]
    low[60:, trunk, 2] -= 0.5
    assert off(motion3d(low), UP) < 6


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_few_frames_have_a_floor_too(frames: int) -> None:
    ground = find_ground([walk(frames)])
    assert np.linalg.norm(ground.up) == pytest.approx(1)
    assert np.isfinite(ground.level)
    unseen = replace(walk(frames), valid=np.zeros(frames, dtype=bool))
    np.testing.assert_allclose(find_ground([unseen]).up, UP, atol=1e-6)


def test_ground_to_world_and_back() -> None:
    motion = walk(30)
    ground = find_ground([motion, motion])
    world = ground.to_world(motion.camera_xyz)
    np.testing.assert_allclose(ground.to_camera(world), motion.camera_xyz, atol=1e-12)
    again = ground_of(replace(motion, xyz=world))
    np.testing.assert_allclose([*again.up, again.level], [*ground.up, ground.level], atol=1e-9)
    with pytest.raises(ValueError, match="at least one motion"):
        find_ground([])


def test_people_who_agree_share_one_floor() -> None:
    first, second = walk(100), seen_from(walk(100), [1.0, 0.05, 1.0])
    grounds = find_grounds([first, second])
    assert grounds[0].level == grounds[1].level
    assert "floor of 2 people" in grounds[0].source
    assert "people" not in find_grounds([first])[0].source


@pytest.mark.parametrize(("deeper", "own"), [(0.3, True), (-0.3, True), (-2.0, False)])
def test_whose_feet_are_a_little_off_the_floor_of_all_has_an_own_one(
    deeper: float, own: bool
) -> None:
    """Misplaced by as much as a distance may be wrong; who is on a roof is on a roof."""
    motions = [walk(100), seen_from(walk(100), [1.0, 0.0, 0.5]), walk(100)]
    motions[2] = seen_from(motions[2], [-1.0, deeper, 1.0])
    grounds = find_grounds(motions, UP)
    np.testing.assert_allclose([ground.up for ground in grounds], [UP] * 3)
    heights = [
        float(np.quantile(ground.to_world(motion.camera_xyz)[:, FEET, 2].min(axis=1), 0.2))
        for ground, motion in zip(grounds, motions, strict=True)
    ]
    np.testing.assert_allclose(heights, [0.0, 0.0, 0.0 if own else -deeper], atol=0.06)
    said = f"level of their own, {abs(deeper):.1f}", f"m {'below' if deeper > 0 else 'above'} it"
    assert all((words in grounds[2].source) == own for words in said)
    shared = "floor of 2 of 3 people" if own else "floor of 3 people"
    assert [ground.source.startswith(shared) for ground in grounds] == [True] * 3
    assert "their own" not in grounds[0].source + grounds[1].source
