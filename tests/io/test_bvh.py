"""BVH as another program reads it (pybvh), against the motion it was made of."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pybvh
import pytest
from motions import motion3d, walk
from scipy.spatial.transform import Rotation

from tcpformer.io import rig, save
from tcpformer.io.bvh import euler, from_y_up, to_y_up, unwrap_euler, write_bvh
from tcpformer.io.npz import load_motion
from tcpformer.motion import Motion3D
from tcpformer.skeleton import COCO, H36M

MM = 1e-3


def read(path: Path) -> pybvh.Bvh:
    return pybvh.read_bvh_file(path, world_up="+y")


def read_back(motion: Motion3D, folder: Path) -> np.ndarray:
    write_bvh(motion, folder / "motion.bvh")
    bvh = read(folder / "motion.bvh")
    assert bvh.joint_names == list(H36M.joints)
    return from_y_up(bvh.joint_positions())


def walked(times: np.ndarray, fps: float = 30.0) -> Motion3D:
    """`walk` as seen at any times, in seconds up to 6, to a third of a millisecond."""
    at = np.rint(times * 3000).astype(int)
    return replace(motion3d(walk(18_001, 3000.0, speed=0.6).xyz[at], fps), times=at / 3000)


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a - b, axis=-1)


def turned(motion: Motion3D, degrees: float, shift: tuple[float, float, float]) -> Motion3D:
    turn = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    return motion3d(motion.xyz @ turn.T + np.array(shift), motion.fps)


def breathing(motion: Motion3D, amount: float, seed: int = 0) -> Motion3D:
    """Every bone of every frame longer or shorter by up to the amount, independently."""
    rng, xyz = np.random.default_rng(seed), motion.xyz.copy()
    for parent, child in H36M.bones:
        factor = 1 + rng.uniform(-amount, amount, size=(len(motion), 1))
        bone = motion.xyz[:, child] - motion.xyz[:, parent]
        xyz[:, child] = xyz[:, parent] + factor * bone
    return motion3d(xyz, motion.fps)


def place(pose: rig.Rig) -> np.ndarray:
    """Forward kinematics, written for the test."""
    world, at = {H36M.root: pose.rotations[:, H36M.root]}, {H36M.root: pose.root}
    for parent, child in H36M.bones:
        at[child] = at[parent] + world[parent] @ pose.offsets[child]
        world[child] = world[parent] @ pose.rotations[:, child]
    return np.stack([at[joint] for joint in range(len(H36M.joints))], axis=1)


# Laws


@pytest.mark.parametrize("degrees", [0, 90, 135, 180])
def test_rigid_bones_come_back(degrees: float, tmp_path: Path) -> None:
    motion = turned(walk(), degrees, (1.0, 2.0, 0.5))
    assert distance(read_back(motion, tmp_path), motion.xyz).max() < 0.1 * MM


def test_moving_the_world_moves_the_file() -> None:
    x = np.random.default_rng(0).normal(size=(5, 17, 3))
    np.testing.assert_array_equal(from_y_up(to_y_up(x)), x)
    axes = to_y_up(np.eye(3))
    np.testing.assert_array_equal(axes[2], [0, 1, 0])  # up stays up
    assert np.linalg.det(axes) == pytest.approx(1)  # and left stays left


@pytest.mark.parametrize("amount", [0.02, 0.05])
def test_breathing_bones_stay_near(amount: float, tmp_path: Path) -> None:
    motion = breathing(walk(), amount)
    error = distance(read_back(motion, tmp_path), motion.xyz)
    assert 0.5 * MM < np.median(error) < 10 * MM
    assert np.percentile(error, 95) < 30 * MM


def test_breathing_motion_moves_with_the_world(tmp_path: Path) -> None:
    motion = breathing(walk(30), 0.05)
    here = read_back(motion, tmp_path)
    there = read_back(turned(motion, 70, (0.3, -0.2, 0.1)), tmp_path)
    expected = turned(motion3d(here), 70, (0.3, -0.2, 0.1)).xyz
    assert distance(there, expected).max() < 0.5 * MM


def test_every_sweep_brings_joints_nearer(monkeypatch: pytest.MonkeyPatch) -> None:
    xyz = to_y_up(breathing(walk(), 0.05).xyz)
    errors = []
    for sweeps in (0, 1, 2, 4):
        monkeypatch.setattr(rig, "SWEEPS", sweeps)
        errors.append((distance(place(rig.fit_rig(xyz, H36M, 30.0)), xyz) ** 2).mean())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.7 * errors[0]


@pytest.mark.parametrize("order", ["XYZ", "YZX", "ZXY", "XZY", "ZYX", "YXZ"])
@pytest.mark.parametrize("middle", [0.3, np.pi / 2, -np.pi / 2])
def test_euler_angles_give_the_rotation_back(order: str, middle: float) -> None:
    angles = np.random.default_rng(1).uniform(-3, 3, size=(50, 3))
    angles[:, 1] = middle
    rotations = Rotation.from_euler(order, angles).as_matrix()
    again = Rotation.from_euler(order, euler(rotations, order)).as_matrix()
    np.testing.assert_allclose(again, rotations, atol=1e-9)


def test_unwrapping_keeps_the_rotation_and_crosses_the_pole() -> None:
    t = np.linspace(0, 4 * np.pi, 400)
    angles = np.stack([0.3 * np.sin(t), t, 0.1 * t], axis=-1)[:, None]
    rotations = Rotation.from_euler("ZXY", angles[:, 0]).as_matrix()
    smooth = unwrap_euler(euler(rotations, "ZXY")[:, None], np.zeros((1, 3)))
    again = Rotation.from_euler("ZXY", smooth[:, 0]).as_matrix()
    np.testing.assert_allclose(again, rotations, atol=1e-9)
    np.testing.assert_allclose(smooth, angles, atol=1e-6)


def test_a_motion_in_parts_is_written_as_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noisy, turning on the spot more than once: smoothing and full turns cross the seams."""
    motion = walk(300, speed=0.2)
    noise = np.random.default_rng(2).normal(0, 0.01, motion.xyz.shape)
    angle = np.linspace(0, 5 * np.pi, 300)
    turn = Rotation.from_rotvec(angle[:, None] * [0, 0, 1]).as_matrix()
    motion = replace(motion, xyz=(motion.xyz + noise) @ turn.swapaxes(1, 2))
    write_bvh(motion, tmp_path / "whole.bvh")
    monkeypatch.setattr(rig, "FRAMES_AT_ONCE", 50)
    monkeypatch.setattr("tcpformer.io.bvh.ROWS_AT_ONCE", 70)
    write_bvh(motion, tmp_path / "parts.bvh")
    whole, parts = (
        np.loadtxt(tmp_path / f"{name}.bvh", skiprows=rows_before(tmp_path))
        for name in ("whole", "parts")
    )
    np.testing.assert_allclose(parts, whole, rtol=0, atol=2e-5)
    assert np.ptp(whole[:, 3:], axis=0).max() > 720


def dropped(seed: int) -> np.ndarray:
    """Times of six seconds at 30 a second, of which three frames in ten are missing."""
    kept = np.random.default_rng(seed).random(181) > 0.3
    kept[[0, -1]] = True
    return np.flatnonzero(kept) / 30


UNEVEN = {
    "dropped": dropped(0),
    "dropped, in milliseconds": dropped(1).round(3),
    "jittered": np.arange(180) / 30 + np.random.default_rng(2).uniform(0, 0.015, 180),
    "24 a second, then 30": np.concatenate([np.arange(48) / 24, 2 + np.arange(121) / 30]),
    "at another rate than is said": np.arange(145) / 24,
}


@pytest.mark.parametrize("name", UNEVEN)
def test_a_second_of_the_file_is_a_second_of_the_motion(name: str, tmp_path: Path) -> None:
    motion = walked(UNEVEN[name])
    found = read_back(motion, tmp_path)
    bvh = read(tmp_path / "motion.bvh")
    seconds = np.arange(bvh.frame_count) * bvh.frame_time
    assert seconds[-1] == pytest.approx(np.ptp(motion.times), abs=1e-5)
    expected = walked(motion.times[0] + seconds).xyz
    assert distance(found, expected).max() < 8 * MM
    assert np.percentile(distance(found, expected), 95) < 2 * MM
    assert len(motion) <= bvh.frame_count <= 181
    assert bvh.frame_time == pytest.approx(np.median(np.diff(motion.times)), rel=0.04)


def test_a_pause_takes_its_time_and_bones_keep_their_length(tmp_path: Path) -> None:
    """Of a stride and a half no frame is there: the pelvis goes on, bones do not shrink."""
    times = np.arange(166) / 30
    motion = walked(times[(times < 1.21) | (times > 2.69)])
    found = read_back(motion, tmp_path)
    assert len(found) == len(times)
    expected = walked(times).xyz
    seen = np.isin(times.round(6), motion.times.round(6))
    assert distance(found[seen], expected[seen]).max() < 0.5 * MM
    hip = H36M.index["Hip"]
    assert distance(found[:, hip], expected[:, hip]).max() < 50 * MM
    starts, ends = np.array(H36M.bones).T
    lengths, true = (distance(x[:, starts], x[:, ends]) for x in (found, expected))
    np.testing.assert_allclose(lengths, true, atol=0.1 * MM)


@pytest.mark.parametrize("gap", [1e-6, 1e-3])
def test_a_frame_that_follows_at_once_throws_nobody_about(gap: float, tmp_path: Path) -> None:
    motion = walked(np.arange(60) / 30)
    xyz, times = motion.xyz.copy(), motion.times.copy()
    xyz[40], times[40] = xyz[39] + 3 * MM, times[39] + gap
    found = read_back(replace(motion, xyz=xyz, times=times), tmp_path)
    assert distance(found, motion.xyz).max() < 20 * MM


@pytest.mark.parametrize("fps", [24.0, 30000 / 1001, 60.0, 240.0])
@pytest.mark.parametrize("start", [0.0, 0.0123])
def test_times_in_milliseconds_change_no_byte(fps: float, start: float, tmp_path: Path) -> None:
    motion = breathing(walk(90, fps), 0.03)
    rounded = replace(motion, times=(start + motion.times).round(3))
    write_bvh(motion, tmp_path / "exact.bvh")
    write_bvh(rounded, tmp_path / "rounded.bvh")
    assert (tmp_path / "rounded.bvh").read_bytes() == (tmp_path / "exact.bvh").read_bytes()
    assert f"Frames: 90\nFrame Time: {1 / fps:.9f}\n" in (tmp_path / "exact.bvh").read_text()


@pytest.mark.parametrize("times", [[0, 0.5], [0, 0.1, 1.1], [0.2, 1.2, 1.3]])
def test_few_uneven_frames(times: list[float], tmp_path: Path) -> None:
    motion = walked(np.array(times))
    found = read_back(motion, tmp_path)
    assert distance(found[[0, -1]], motion.xyz[[0, -1]]).max() < 0.1 * MM
    bvh = read(tmp_path / "motion.bvh")
    assert (len(found) - 1) * bvh.frame_time == pytest.approx(np.ptp(motion.times), abs=1e-6)


def rows_before(folder: Path) -> int:
    """Lines of the file up to its numbers."""
    lines = (folder / "whole.bvh").read_text().splitlines()
    return next(i for i, line in enumerate(lines) if line.startswith("Frame Time")) + 1


# Closed forms


def test_time_and_names(tmp_path: Path) -> None:
    write_bvh(walk(48, fps=23.976), tmp_path / "a.bvh")
    bvh = read(tmp_path / "a.bvh")
    assert bvh.frame_count == 48
    assert bvh.frame_time == pytest.approx(1 / 23.976, rel=1e-6)
    assert sorted((parent, child) for child, parent in bvh.edges) == sorted(H36M.bones)
    assert bvh.joint_names == list(H36M.joints)
    ends = [node.parent.name for node in bvh.nodes if node.parent and node.is_end_site()]
    assert ends == ["RAnkle", "LAnkle", "Head", "LWrist", "RWrist"]


def test_the_rest_pose_is_a_t_pose_that_looks_along_z(tmp_path: Path) -> None:
    # Turned away and bent throughout: the rest pose must not care.
    write_bvh(turned(breathing(walk(), 0.03), 160, (0, 0, 0)), tmp_path / "a.bvh")
    bvh = read(tmp_path / "a.bvh")
    nodes = bvh.rest_pose_positions()
    rest = {name: nodes[bvh.index(name, "node")] for name in H36M.joints}
    for joint, twin in zip(H36M.joints, H36M.mirror, strict=True):
        assert distance(rest[joint] * [-1, 1, 1], rest[H36M.joints[twin]]) < 15 * MM
    assert rest["Head"][1] > rest["Thorax"][1] > rest["Hip"][1] > rest["LKnee"][1]
    assert rest["LWrist"] == pytest.approx([0.70, 0.47, 0], abs=0.02)  # 17 + 28 + 25 cm
    assert rest["LAnkle"] == pytest.approx([0.13, -0.89, 0], abs=0.02)  # 45 + 44 cm
    assert rest["Neck"][2] > 0.04  # walk() carries its head forward
    toes = nodes[bvh.index("LAnkle", "node") + 1]
    assert toes[2] > rest["LAnkle"][2] + 0.1


def test_knees_and_elbows_are_hinges(tmp_path: Path) -> None:
    # What bends in one plane turns about one axis: none is left for the shin but its x.
    write_bvh(walk(), tmp_path / "a.bvh")
    bvh = read(tmp_path / "a.bvh")
    for name in ("LKnee", "RKnee"):
        angles = np.rad2deg(bvh.joint_angles[:, bvh.index(name, "joint")])
        bend = np.rad2deg(
            0.4 + 0.3 * np.cos(2 * np.pi * np.arange(90) / 30 + (1 if name[0] == "L" else -1))
        )
        np.testing.assert_allclose(angles[:, 0], bend, atol=1.5)
        assert np.abs(angles[:, 1:]).max() < 5


@pytest.mark.parametrize("degrees", [-60, 0, 60, 90])
def test_the_upper_arm_twists_so_that_the_elbow_is_a_hinge(degrees: float) -> None:
    # Left arm stretched out sideways, forearm at a right angle: ahead, raised or lowered.
    xyz = walk(20, speed=0).xyz[[0] * 20]
    angle = np.deg2rad(degrees)
    joints = [H36M.index[joint] for joint in ("LShoulder", "LElbow", "LWrist")]
    shoulder = xyz[:, joints[0]]
    xyz[:, joints[1]] = shoulder + np.array([0.28, 0, 0])
    forearm = np.array([0, -0.25 * np.cos(angle), 0.25 * np.sin(angle)])
    xyz[:, joints[2]] = xyz[:, joints[1]] + forearm
    bend = rig.fit_rig(to_y_up(xyz), H36M, 30.0).rotations[:, H36M.index["LElbow"]]
    turn = Rotation.from_matrix(bend).as_rotvec(degrees=True)
    # The palm looks down in the rest pose, so the hinge is the upright axis. Some twist stays
    # below the elbow, by design, because a slight bend must not decide it.
    np.testing.assert_allclose(np.linalg.norm(turn, axis=1), 90, atol=3)
    assert turn[:, 1].max() < -85


def test_feet_and_hands_follow_shins_and_forearms(tmp_path: Path) -> None:
    write_bvh(turned(walk(), 100, (0, 0, 0)), tmp_path / "a.bvh")
    bvh = read(tmp_path / "a.bvh")
    for name in ("LAnkle", "RAnkle", "LWrist", "RWrist", "Head"):
        np.testing.assert_allclose(bvh.joint_angles[:, bvh.index(name, "joint")], 0, atol=1e-6)


def test_angles_do_not_jump(tmp_path: Path) -> None:
    # Two pirouettes and a half in three seconds.
    t = np.arange(90) / 30
    spin = Rotation.from_rotvec(np.deg2rad(300 * t)[:, None] * [0, 0, 1]).as_matrix()
    motion = motion3d(np.einsum("txy,tjy->tjx", spin, walk(speed=0).xyz))
    assert distance(read_back(motion, tmp_path), motion.xyz).max() < 0.1 * MM
    bvh = read(tmp_path / "motion.bvh")
    assert np.abs(np.diff(np.rad2deg(bvh.joint_angles), axis=0)).max() < 45
    turn = np.rad2deg(bvh.joint_angles[-1, 0] - bvh.joint_angles[0, 0])
    assert np.abs(turn).max() == pytest.approx(300 * t[-1], abs=30)


def test_a_single_frame(tmp_path: Path) -> None:
    motion = breathing(walk(1), 0.05)
    assert distance(read_back(motion, tmp_path), motion.xyz).max() < 0.1 * MM


def _all_in_one_place(xyz: np.ndarray) -> np.ndarray:
    return np.zeros_like(xyz)


def _on_a_line(xyz: np.ndarray) -> np.ndarray:
    return xyz * [0, 0, 1]


def _upside_down(xyz: np.ndarray) -> np.ndarray:
    return xyz * [1, -1, -1]


def _bones_vanish_now_and_then(xyz: np.ndarray) -> np.ndarray:
    xyz = xyz.copy()
    xyz[::7, :] = xyz[::7, :1]
    return xyz


@pytest.mark.parametrize(
    "spoil", [_all_in_one_place, _on_a_line, _upside_down, _bones_vanish_now_and_then]
)
def test_degenerate_motion_stays_finite(spoil, tmp_path: Path) -> None:
    motion = motion3d(spoil(walk(30).xyz))
    assert np.isfinite(read_back(motion, tmp_path)).all()
    assert "nan" not in (tmp_path / "motion.bvh").read_text()


def test_a_figure_on_a_line_does_not_spin() -> None:
    turns = rig.fit_rig(to_y_up(_on_a_line(walk(30).xyz)), H36M, 30.0).rotations
    assert np.abs(turns[:, H36M.index["Hip"]] - np.eye(3)).max() < 1e-6


def test_upside_down_is_upside_down(tmp_path: Path) -> None:
    motion = motion3d(_upside_down(walk(30).xyz))
    assert distance(read_back(motion, tmp_path), motion.xyz).max() < 0.1 * MM


# Errors, and the way in


def test_no_folder_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        write_bvh(walk(3), tmp_path / "missing" / "a.bvh")
    assert list(tmp_path.iterdir()) == []


def test_other_skeletons_and_empty_motions_are_refused(tmp_path: Path) -> None:
    motion = walk(3)
    with pytest.raises(ValueError, match="'h36m', got 'coco'"):
        write_bvh(replace(motion, skeleton=COCO), tmp_path / "a.bvh")
    with pytest.raises(ValueError, match="at least one frame"):
        write_bvh(motion3d(motion.xyz[:0]), tmp_path / "a.bvh")
    assert list(tmp_path.iterdir()) == []


def test_save_picks_the_writer(tmp_path: Path) -> None:
    motion = walk(3)
    save(motion, tmp_path / "a.BVH")
    save(motion, str(tmp_path / "a.npz"))
    assert "Frames: 3\n" in (tmp_path / "a.BVH").read_text()
    np.testing.assert_array_equal(load_motion(tmp_path / "a.npz").xyz, motion.xyz)


@pytest.mark.parametrize("name", ["a.fbx", "a", ".bvh"])
def test_save_names_what_is_possible(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.npz, \.bvh"):
        save(walk(3), tmp_path / name)
    assert list(tmp_path.iterdir()) == []
