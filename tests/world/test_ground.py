"""The floor: known floors are recovered, people share one where they agree."""

from dataclasses import replace

import numpy as np
import pytest
from motions import walk
from scipy.spatial.transform import Rotation
from standing import motion as standing
from walk26 import body_of, masked, walk26

from tcpformer.analysis.metrics import mpjpe
from tcpformer.motion import Motion3D
from tcpformer.skeleton import BALLS, FEET, GROUPS, H36M, HEELS
from tcpformer.world.ground import (
    check_same_camera,
    find_ground,
    find_grounds,
    ground_of,
    level_ground,
    on_shared_floor,
)
from tcpformer.world.soles import sole_height

UP = np.array([0.0, -1.0, 0.0])


def seen_from(motion: Motion3D, shift: list[float]) -> Motion3D:
    """Return the motion somewhere else: metres to the right, down and away."""
    return replace(motion, camera_xyz=motion.camera_xyz + np.array(shift))


def test_find_ground_puts_a_walk_upright() -> None:
    motion = walk(100)
    world = find_ground([motion]).to_world(motion.camera_xyz)
    relative, true = (xyz - xyz[:, H36M.root, None] for xyz in (world, motion.xyz))
    assert mpjpe(relative, true).mean() < 0.03


def test_find_ground_normalizes_a_known_direction() -> None:
    np.testing.assert_allclose(find_ground([walk(20)], 2 * UP).up, UP)
    with pytest.raises(ValueError, match="expected a direction for up"):
        find_ground([walk(20)], 0 * UP)


def test_find_ground_refuses_no_motions() -> None:
    with pytest.raises(ValueError, match="at least one motion"):
        find_ground([])


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_find_ground_of_few_frames(frames: int) -> None:
    ground = find_ground([walk(frames)])
    assert np.linalg.norm(ground.up) == pytest.approx(1)
    assert np.isfinite(ground.level)


def test_to_world_of_a_level_camera_exchanges_axes() -> None:
    camera = walk(20).camera_xyz
    world = level_ground(walk(20)).to_world(camera)
    span = world - world[:, :1]
    solution = np.linalg.lstsq((camera - camera[:, :1]).reshape(-1, 3), span.reshape(-1, 3))[0]
    assert np.linalg.det(solution) == pytest.approx(1)  # right-handed: no mirror image
    right, down, forward = np.round(solution, 9)
    np.testing.assert_array_equal([right, down, forward], [[1, 0, 0], [0, 0, -1], [0, 1, 0]])


def test_to_camera_inverts_to_world() -> None:
    motion = walk(30)
    ground = find_ground([motion, motion])
    world = ground.to_world(motion.camera_xyz)
    np.testing.assert_allclose(ground.to_camera(world), motion.camera_xyz, atol=1e-12)
    again = ground_of(replace(motion, xyz=world))
    np.testing.assert_allclose([*again.up, again.level], [*ground.up, ground.level], atol=1e-9)
    with pytest.raises(ValueError, match="at least one motion"):
        find_ground([])


def test_find_grounds_shares_the_floor_of_people_who_agree() -> None:
    first, second = walk(100), seen_from(walk(100), [1.0, 0.05, 1.0])
    grounds = find_grounds([first, second])
    assert grounds[0].level == grounds[1].level
    assert "floor of 2 people" in grounds[0].source
    assert "people" not in find_grounds([first])[0].source


@pytest.mark.parametrize(("deeper", "own"), [(0.3, True), (-0.3, True), (-2.0, False)])
def test_find_grounds_gives_a_misplaced_person_a_level_of_their_own(
    deeper: float, own: bool
) -> None:
    motions = [walk(100), seen_from(walk(100), [1.0, 0.0, 0.5]), walk(100)]
    motions[2] = seen_from(motions[2], [-1.0, deeper, 1.0])
    grounds = find_grounds(motions, UP)
    np.testing.assert_allclose([ground.up for ground in grounds], [UP] * 3)
    heights = [
        float(np.quantile(ground.to_world(motion.camera_xyz)[:, FEET, 2].min(axis=1), 0.2))
        for ground, motion in zip(grounds, motions, strict=True)
    ]
    np.testing.assert_allclose(heights, [0.0, 0.0, 0.0 if own else -deeper], atol=0.06)
    words = f"level of their own, {abs(deeper):.1f}", f"m {'below' if deeper > 0 else 'above'} it"
    assert all((each in grounds[2].source) == own for each in words)
    shared = "floor of 2 of 3 people" if own else "floor of 3 people"
    assert [ground.source.startswith(shared) for ground in grounds] == [True] * 3
    assert "their own" not in grounds[0].source + grounds[1].source


@pytest.mark.parametrize(
    ("degrees", "axis", "shift"),
    [
        (0, "x", [0.0, -0.2, 0.0]),
        (15, "x", [1.0, 0.0, 1.0]),
        (30, "z", [1.0, 3.0, 6.0]),  # below the floor
        (90, "z", [-1.0, -2.0, 2.0]),  # lies, above it
        (180, "x", [2.0, 0.3, 0.0]),
    ],
)
def test_find_grounds_hardly_follows_a_brief_unsure_person(
    degrees: float, axis: str, shift: list[float]
) -> None:
    """A poster or a chair, taken for a person for 0.6 s at confidence 0.3."""
    person = walk(90)
    pose = person.camera_xyz[0] - person.camera_xyz[0, 0]
    turned = pose @ Rotation.from_euler(axis, degrees, degrees=True).as_matrix().T
    camera = np.repeat((turned + person.camera_xyz[0, 0] + shift)[None], 90, axis=0)
    valid = np.isin(np.arange(90), range(20, 38))
    ghost = replace(person, camera_xyz=camera, valid=valid, confidence=np.full((90, 17), 0.3))
    before, after = find_grounds([person])[0], find_grounds([person, ghost])[0]
    assert np.degrees(np.arccos(min(before.up @ after.up, 1.0))) < 1
    assert abs(before.level - after.level) < 0.02


def test_on_shared_floor_of_the_closed_form_walk() -> None:
    motion = walk(60)
    world = on_shared_floor([motion])[0].xyz
    np.testing.assert_allclose(world, motion.xyz - np.array([0, -5.0, 0]), rtol=0, atol=1e-12)


def test_on_shared_floor_ignores_invalid_frames() -> None:
    camera = walk(30).camera_xyz.copy()
    camera[10] += [0.0, 2.0, 0.0]  # an invalid frame far too low
    valid = np.arange(30) != 10
    feet = on_shared_floor([replace(walk(30), camera_xyz=camera, valid=valid)])[0].xyz[:, FEET, 2]
    assert feet[valid].min() == pytest.approx(0, abs=1e-12)
    assert feet[10].min() < -1


def test_on_shared_floor_takes_the_lowest_floor() -> None:
    first, second = standing(x=-1.0), standing(x=1.0, depth=6.0)
    lower = replace(second, camera_xyz=second.camera_xyz + np.array([0, 0.4, 0]))  # in a hole
    for hole, motions in ((0.0, [first, second]), (0.4, [first, lower])):
        world = on_shared_floor(motions)
        feet = [m.xyz[:, FEET, 2].min() for m in world]
        np.testing.assert_allclose(feet, [hole, 0.0], atol=1e-9)
        apart = world[1].xyz - world[0].xyz
        seen = motions[1].camera_xyz - motions[0].camera_xyz
        np.testing.assert_allclose(apart, seen[..., [0, 2, 1]] * [1, 1, -1], atol=1e-9)


def test_check_same_camera_refuses_another_focal_length() -> None:
    first = standing()
    assert on_shared_floor([]) == []
    check_same_camera([first, first])
    with pytest.raises(ValueError, match="one focal length"):
        check_same_camera([first, replace(first, focal=99.0)])


def test_find_ground_of_seen_feet_is_the_floor_below_the_soles() -> None:
    motion = walk26(90)
    ground = find_ground([motion], UP)
    assert ground.to_world(motion.camera_xyz)[0, HEELS, 2].min() == pytest.approx(
        sole_height(motion), abs=0.003
    )
    height = ground.to_world(motion.camera_xyz)[..., 2]
    np.testing.assert_allclose(height, motion.xyz[..., 2], atol=0.003)


def test_find_ground_of_unseen_feet_is_the_same_floor() -> None:
    motion = walk26(90)
    seen, unseen = (find_ground([m], UP) for m in (motion, masked(motion, GROUPS["feet"])))
    assert seen.level == pytest.approx(unseen.level, abs=0.015)


def test_find_ground_of_17_joints_is_at_their_ankles() -> None:
    motion = body_of(walk26(90))
    world = find_ground([motion], UP).to_world(motion.camera_xyz)
    assert world[:, FEET, 2].min() == pytest.approx(0.0, abs=0.003)


def test_level_ground_of_feet_is_below_the_lowest_sole() -> None:
    motion = walk26(90)
    lowest = level_ground(motion).to_world(motion.camera_xyz)[:, [*HEELS, *BALLS], 2].min()
    assert lowest == pytest.approx(sole_height(motion))
